/* The third store: one with the entries that were archived put back in front, for reading. */
#include "base/u64be.h"
#include "ledger/archive_internal.h"
#include "ledger/ledger.h"
#include "ledger/sequencer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct whole_store {
    struct store base;
    struct store *live;
    struct archive *archives[ARCHIVES_MAX]; /* ascending */
    size_t count;
    uint64_t first; /* entry of `live` */
    /* The bundle that one entry was read from last: the next one is mostly in it, too. */
    pthread_mutex_t mutex; /* guards what follows */
    struct arena kept;
    uint64_t kept_number; /* UINT64_MAX: none */
    struct slice kept_records[ARCHIVE_BUNDLE];
};

enum { WHOLE_KEY_SIZE = 8 };

static uint64_t read_index(struct slice key)
{
    uint64_t index = 0;

    for (size_t i = 0; i < WHOLE_KEY_SIZE && i < key.size; i++)
        index = index << 8 | (unsigned char)key.data[i];
    return index;
}

/* ---- bundles ---- */

/* The archive proves its bundle by its own signature; this is the same log only if the store kept the same hashes. */
static enum status check_tile(struct whole_store *store, uint64_t number, const struct slice *records, struct arena *arena,
                              struct error *error)
{
    struct digest leaves[ARCHIVE_BUNDLE];
    char key[MERKLE_TILE_KEY_SIZE];
    struct slice tile;

    for (unsigned i = 0; i < ARCHIVE_BUNDLE; i++)
        archive_leaf(records[i], &leaves[i]);
    merkle_tile_key(0, number, key);
    if (store_get(store->live, STORE_TILES, slice_from(key, sizeof key), arena, &tile, error) != STATUS_OK ||
        tile.size != sizeof leaves || memcmp(tile.data, leaves, sizeof leaves) != 0)
        return error_set(error, STATUS_CORRUPT, "", "the archived entries from %llu on are not those of this ledger",
                         (unsigned long long)number * ARCHIVE_BUNDLE);
    return STATUS_OK;
}

static enum status load_bundle(struct whole_store *store, uint64_t number, struct arena *arena,
                               struct slice records[ARCHIVE_BUNDLE], struct error *error)
{
    uint64_t index = number * ARCHIVE_BUNDLE;
    size_t at = 0;
    enum status status;

    while (at < store->count && archive_get_info(store->archives[at])->to <= index)
        at++;
    assert(at < store->count);
    status = archive_bundle(store->archives[at], number, arena, records, error);
    return status == STATUS_OK ? check_tile(store, number, records, arena, error) : status;
}

static void bundle_arena(struct arena *arena)
{
    arena_create(arena, 1 << 20, 2 * (size_t)ARCHIVE_BUNDLE_BYTES_MAX);
}

/* ---- reading ---- */

static enum status get_entry(struct whole_store *store, uint64_t index, struct arena *arena, struct slice *value,
                             struct error *error)
{
    uint64_t number = index / ARCHIVE_BUNDLE;
    enum status status = STATUS_OK;

    pthread_mutex_lock(&store->mutex);
    if (store->kept_number != number) {
        arena_reset(&store->kept);
        status = load_bundle(store, number, &store->kept, store->kept_records, error);
        store->kept_number = status == STATUS_OK ? number : UINT64_MAX;
    }
    if (status == STATUS_OK) {
        *value = arena_copy(arena, store->kept_records[index % ARCHIVE_BUNDLE]);
        status = value->data ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    pthread_mutex_unlock(&store->mutex);
    return status;
}

static enum status get_blob(struct whole_store *store, struct slice key, struct arena *arena, struct slice *value,
                            struct error *error)
{
    struct digest hash;
    enum status status = STATUS_NOT_FOUND;

    if (key.size != DIGEST_SIZE)
        return STATUS_NOT_FOUND;
    memcpy(hash.bytes, key.data, DIGEST_SIZE);
    for (size_t i = 0; i < store->count && status == STATUS_NOT_FOUND; i++)
        status = archive_blob(store->archives[i], &hash, arena, value, error);
    return status;
}

static enum status whole_get(struct store *base, enum store_family family, struct slice key, struct arena *arena,
                             struct slice *value, struct error *error)
{
    struct whole_store *store = (struct whole_store *)base;
    enum status status;

    if (family == STORE_ENTRIES && key.size == WHOLE_KEY_SIZE && read_index(key) < store->first)
        return get_entry(store, read_index(key), arena, value, error);
    if (family == STORE_META && slice_equal(key, sequencer_archived_key))
        return error_set(error, STATUS_NOT_FOUND, "", "no such row"); /* nothing is missing here */
    if (family == STORE_META && slice_equal(key, sequencer_put_back_key))
        key = sequencer_archived_key;
    status = store_get(store->live, family, key, arena, value, error);
    return status == STATUS_NOT_FOUND && family == STORE_BLOBS ? get_blob(store, key, arena, value, error) : status;
}

/* Visits what is archived of [from, to); *go_on false when the visitor has had enough. */
static enum status scan_archived(struct whole_store *store, uint64_t from, uint64_t to, store_visit_f visit, void *context,
                                 bool *go_on, struct error *error)
{
    struct arena arena;
    enum status status = STATUS_OK;

    bundle_arena(&arena);
    while (from < to && *go_on && status == STATUS_OK) {
        struct slice records[ARCHIVE_BUNDLE];

        arena_reset(&arena);
        status = load_bundle(store, from / ARCHIVE_BUNDLE, &arena, records, error);
        for (uint64_t end = (from / ARCHIVE_BUNDLE + 1) * ARCHIVE_BUNDLE;
             status == STATUS_OK && *go_on && from < to && from < end; from++) {
            char key[WHOLE_KEY_SIZE];

            u64be_put(key, from);
            *go_on = visit(context,
                           &(struct store_visit){.key = slice_from(key, sizeof key), .value = records[from % ARCHIVE_BUNDLE]});
        }
    }
    arena_destroy(&arena);
    return status;
}

static enum status whole_scan(struct store *base, enum store_family family, struct slice from, struct slice to, bool reverse,
                              store_visit_f visit, void *context, struct error *error)
{
    struct whole_store *store = (struct whole_store *)base;
    uint64_t begin = read_index(from), end = to.size == 0 ? UINT64_MAX : read_index(to);
    bool go_on = true;
    enum status status = STATUS_OK;

    if (family == STORE_ENTRIES && begin < store->first) {
        if (reverse)
            return error_set(error, STATUS_INTERNAL, "", "archived entries are read forwards only");
        status = scan_archived(store, begin, end < store->first ? end : store->first, visit, context, &go_on, error);
        if (status != STATUS_OK || !go_on || end <= store->first)
            return status;
    }
    return store->live->ops->scan(store->live, family, from, to, reverse, visit, context, error);
}

/* ---- what a store for reading does not do ---- */

static struct store_batch *whole_batch_new(struct store *store)
{
    (void)store;
    return NULL;
}

static enum status whole_copy(struct store *store, const char *folder, struct error *error)
{
    (void)store;
    return error_set(error, STATUS_INTERNAL, folder, "a ledger with its archives is for reading");
}

static enum status whole_scrub(struct store *store, enum store_family family, struct slice from, struct slice to,
                               struct error *error)
{
    (void)store;
    (void)family;
    (void)from;
    (void)to;
    return error_set(error, STATUS_INTERNAL, "", "a ledger with its archives is for reading");
}

static void whole_close(struct store *base)
{
    struct whole_store *store = (struct whole_store *)base;

    for (size_t i = 0; i < store->count; i++)
        archive_close(store->archives[i]);
    store->live->ops->close(store->live);
    pthread_mutex_destroy(&store->mutex);
    arena_destroy(&store->kept);
    free(store);
}

static const struct store_ops whole_ops = {.get = whole_get,
                                           .scan = whole_scan,
                                           .copy = whole_copy,
                                           .scrub = whole_scrub,
                                           .batch_new = whole_batch_new,
                                           .close = whole_close};

struct archive *const *store_whole_archives(const struct store *base, size_t *count)
{
    const struct whole_store *store = (const struct whole_store *)base;

    *count = base->ops == &whole_ops ? store->count : 0;
    return *count > 0 ? store->archives : NULL;
}

/* ---- opening ---- */

static int by_range(const void *a, const void *b)
{
    const struct archive_info *x = archive_get_info(*(struct archive *const *)a),
                              *y = archive_get_info(*(struct archive *const *)b);

    return x->from < y->from ? -1 : x->from > y->from;
}

/* Nothing may be missing below `first`. */
static enum status check_cover(const struct whole_store *store, struct error *error)
{
    uint64_t covered = 0;

    for (size_t i = 0; i < store->count && archive_get_info(store->archives[i])->from <= covered; i++) {
        if (archive_get_info(store->archives[i])->to > covered)
            covered = archive_get_info(store->archives[i])->to;
    }
    if (covered >= store->first)
        return STATUS_OK;
    return error_set(error, STATUS_GONE, "",
                     "the entries from %llu to %llu are archived, and none of the archives named holds entry %llu",
                     (unsigned long long)0, (unsigned long long)store->first - 1, (unsigned long long)covered);
}

enum status store_open_whole(struct store *live, struct archive *const *archives, size_t count, struct store **out,
                             struct error *error)
{
    struct whole_store *store = calloc(1, sizeof *store);
    enum status status;

    if (!store)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    store->base.ops = &whole_ops;
    store->live = live;
    store->count = count < ARCHIVES_MAX ? count : ARCHIVES_MAX;
    memcpy(store->archives, archives, store->count * sizeof *archives);
    qsort(store->archives, store->count, sizeof *store->archives, by_range);
    status = ledger_store_archived(live, &store->first, NULL, error);
    if (status == STATUS_OK)
        status = check_cover(store, error);
    if (status != STATUS_OK) {
        free(store);
        return status;
    }
    pthread_mutex_init(&store->mutex, NULL);
    bundle_arena(&store->kept);
    store->kept_number = UINT64_MAX;
    *out = &store->base;
    return STATUS_OK;
}
