#include "ledger/trim.h"

#include "base/u64be.h"
#include "ledger/leb128.h"
#include "ledger/postings.h"

#include <pthread.h>
#include <stdlib.h>

enum { ID_SIZE = 16, INDEX_SIZE = 8, TRIM_POINTS_MAX = 4 /* rows that are removed one by one rather than as a range */ };

struct trim {
    struct ledger *ledger;
    uint64_t first; /* what lies below goes */
    struct ledger_txn txn;
    struct ledger_removal removals[TRIM_REMOVALS_MAX];
    size_t count;
    struct arena arena; /* of keys in `removals` */
    struct error *error;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool done;
};

static struct slice with_index(struct arena *arena, struct slice prefix, uint64_t index)
{
    char *key = arena_alloc(arena, prefix.size + INDEX_SIZE);

    if (!key)
        return (struct slice){0};
    memcpy(key, prefix.data, prefix.size);
    u64be_put(key + prefix.size, index);
    return slice_from(key, prefix.size + INDEX_SIZE);
}

/* ---- batches ---- */

/* In the sequencer's thread. */
static void committed(struct ledger_txn *txn)
{
    struct trim *trim = (struct trim *)((char *)txn - offsetof(struct trim, txn));

    pthread_mutex_lock(&trim->mutex);
    trim->done = true;
    pthread_cond_signal(&trim->wake);
    pthread_mutex_unlock(&trim->mutex);
}

static enum status commit(struct trim *trim)
{
    if (trim->count == 0)
        return STATUS_OK;
    trim->txn = (struct ledger_txn){.removals = trim->removals, .removal_count = trim->count, .done = committed};
    trim->done = false;
    if (ledger_submit(trim->ledger, &trim->txn) != STATUS_OK)
        return error_set(trim->error, STATUS_UNAVAILABLE, "", "the ledger takes nothing at the moment; try again");
    pthread_mutex_lock(&trim->mutex);
    while (!trim->done)
        pthread_cond_wait(&trim->wake, &trim->mutex);
    pthread_mutex_unlock(&trim->mutex);
    trim->count = 0;
    return trim->txn.result == LEDGER_OK ? STATUS_OK : error_set(trim->error, STATUS_IO, "", "the ledger cannot be written");
}

/* Keys live in the arena until the commit. */
static bool add(struct trim *trim, enum store_family family, struct slice key, struct slice to)
{
    struct ledger_removal removal = {
        .family = family, .key = arena_copy(&trim->arena, key), .to = to.size > 0 ? arena_copy(&trim->arena, to) : to};

    if (!removal.key.data || (to.size > 0 && !removal.to.data))
        return false;
    trim->removals[trim->count++] = removal;
    return true;
}

/* ---- ids: they begin with their time, so those of archived entries come first ---- */

struct id_scan {
    struct trim *trim;
    char last[ID_SIZE];
    bool more, out_of_memory;
};

static bool take_id(void *context, const struct store_visit *row)
{
    struct id_scan *scan = context;
    struct trim *trim = scan->trim;

    if (row->key.size != ID_SIZE || row->value.size != INDEX_SIZE)
        return true;
    memcpy(scan->last, row->key.data, ID_SIZE);
    if (u64be_get(row->value.data) < trim->first)
        scan->out_of_memory = !add(trim, STORE_IDS, row->key, (struct slice){0});
    scan->more = trim->count == TRIM_REMOVALS_MAX;
    return !scan->more && !scan->out_of_memory;
}

/* The first id after the time of the last archived entry: six bytes of milliseconds lead a UUIDv7. */
static struct slice id_bound(struct trim *trim, char bound[ID_SIZE])
{
    int64_t time_ms = 0;

    (void)ledger_first(trim->ledger, &time_ms);
    memset(bound, 0, ID_SIZE);
    for (int i = 0; i < 6; i++)
        bound[i] = (char)((uint64_t)(time_ms + 1) >> (40 - 8 * i));
    return slice_from(bound, ID_SIZE);
}

static enum status trim_ids(struct trim *trim)
{
    struct store *store = ledger_store(trim->ledger);
    struct id_scan scan = {.trim = trim, .more = true};
    char bound[ID_SIZE];
    struct slice to = id_bound(trim, bound), from = {0};
    enum status status = STATUS_OK;

    while (status == STATUS_OK && scan.more) {
        scan.more = false;
        arena_reset(&trim->arena);
        status = store->ops->scan(store, STORE_IDS, from, to, false, take_id, &scan, trim->error);
        if (status == STATUS_OK && scan.out_of_memory)
            status = error_set(trim->error, STATUS_NO_MEMORY, "", "out of memory");
        if (status == STATUS_OK)
            status = commit(trim);
        from = slice_from(scan.last, ID_SIZE);
    }
    return status;
}

/* ---- postings: of each term the rows that end below ---- */

struct term_scan {
    struct trim *trim;
    char key[POSTINGS_KEY_MAX];
    size_t size; /* of the key found; 0: none */
};

static bool take_key(void *context, const struct store_visit *row)
{
    struct term_scan *scan = context;

    if (row->key.size > sizeof scan->key || row->key.size <= INDEX_SIZE)
        return true;
    memcpy(scan->key, row->key.data, row->key.size);
    scan->size = row->key.size;
    return false;
}

struct row_scan {
    uint64_t first; /* what lies below goes */
    struct slice points[TRIM_POINTS_MAX];
    size_t count;
    uint64_t end; /* rows that begin below this one go */
    struct arena *arena;
};

static uint64_t last_of(struct slice key, struct slice value)
{
    uint64_t index = u64be_get(key.data + key.size - INDEX_SIZE), delta;

    while (value.size > 0 && leb128_take(&value, &delta))
        index += delta;
    return index;
}

static bool take_row(void *context, const struct store_visit *row)
{
    struct row_scan *scan = context;

    if (last_of(row->key, row->value) >= scan->first)
        return false; /* rows of a term do not overlap: no later one ends below */
    scan->end = u64be_get(row->key.data + row->key.size - INDEX_SIZE) + 1;
    if (scan->count < TRIM_POINTS_MAX)
        scan->points[scan->count] = arena_copy(scan->arena, row->key);
    scan->count++;
    return true;
}

static bool remove_rows(struct trim *trim, const struct row_scan *scan, struct slice prefix)
{
    bool ok = true;

    if (scan->count > TRIM_POINTS_MAX)
        return add(trim, STORE_POSTINGS, with_index(&trim->arena, prefix, 0), with_index(&trim->arena, prefix, scan->end));
    for (size_t i = 0; i < scan->count && ok; i++)
        ok = scan->points[i].data && add(trim, STORE_POSTINGS, scan->points[i], (struct slice){0});
    return ok;
}

static enum status trim_term(struct trim *trim, struct slice prefix)
{
    struct store *store = ledger_store(trim->ledger);
    struct row_scan scan = {.first = trim->first, .arena = &trim->arena};
    struct slice from = with_index(&trim->arena, prefix, 0), to = with_index(&trim->arena, prefix, trim->first);
    enum status status;

    if (!from.data || !to.data)
        return error_set(trim->error, STATUS_NO_MEMORY, "", "out of memory");
    status = store->ops->scan(store, STORE_POSTINGS, from, to, false, take_row, &scan, trim->error);
    if (status == STATUS_OK && !remove_rows(trim, &scan, prefix))
        status = error_set(trim->error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK && trim->count + TRIM_POINTS_MAX > TRIM_REMOVALS_MAX) {
        status = commit(trim);
        arena_reset(&trim->arena);
    }
    return status;
}

/* Kinds are letters; rows of groups, which begin with 00, go by themselves when they are merged. */
static enum status trim_postings(struct trim *trim)
{
    struct store *store = ledger_store(trim->ledger);
    struct term_scan scan = {.trim = trim};
    char next[POSTINGS_KEY_MAX] = {1};
    size_t next_size = 1;
    enum status status = STATUS_OK;

    arena_reset(&trim->arena);
    while (status == STATUS_OK) {
        scan.size = 0;
        status = store->ops->scan(store, STORE_POSTINGS, slice_from(next, next_size), (struct slice){0}, false, take_key, &scan,
                                  trim->error);
        if (status != STATUS_OK || scan.size == 0)
            break;
        status = trim_term(trim, slice_from(scan.key, scan.size - INDEX_SIZE));
        memcpy(next, scan.key, scan.size);
        memset(next + scan.size - INDEX_SIZE, 0xFF, INDEX_SIZE);
        next_size = scan.size;
    }
    return status == STATUS_OK ? commit(trim) : status;
}

enum status ledger_trim(struct ledger *ledger, struct error *error)
{
    struct trim *trim = calloc(1, sizeof *trim);
    enum status status;

    if (!trim)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    trim->ledger = ledger;
    trim->first = ledger_first(ledger, NULL);
    trim->error = error;
    pthread_mutex_init(&trim->mutex, NULL);
    pthread_cond_init(&trim->wake, NULL);
    arena_create(&trim->arena, 1 << 16, 16 << 20);
    status = trim_ids(trim);
    if (status == STATUS_OK)
        status = trim_postings(trim);
    arena_destroy(&trim->arena);
    pthread_cond_destroy(&trim->wake);
    pthread_mutex_destroy(&trim->mutex);
    free(trim);
    return status;
}
