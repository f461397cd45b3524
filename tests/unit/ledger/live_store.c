#include "live_store.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { RUN_MAX = 8, KEPT = 200, VALUE_MAX = 3000, PAUSE_MAX_US = 200000, FAMILIES = 3 };

static const struct slice state_key = {"state", 5};
static const enum store_family families[FAMILIES] = {STORE_ENTRIES, STORE_IDS, STORE_PRIVATE};

/* ---- the writer ---- */

static void put_number(char key[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        key[i] = (char)(number >> (56 - 8 * i));
}

static uint64_t get_number(const char *key)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | (unsigned char)key[i];
    return number;
}

static void put_entry(struct live_store *live, uint64_t number)
{
    static char value[VALUE_MAX];
    char key[8];
    size_t size = 8 + model_below(&live->trace, VALUE_MAX - 8);

    put_number(key, number);
    memset(value, (char)number, size);
    put_number(value, number);
    for (int i = 0; i < FAMILIES; i++)
        store_put(live->batch, families[i], slice_from(key, 8), slice_from(value, families[i] == STORE_ENTRIES ? size : 8));
}

/* Of all families but the ids, whose rows are removed one by one. */
static void remove_entries(struct live_store *live, uint64_t from, uint64_t to)
{
    char first[8], past[8], key[8];

    put_number(first, from);
    put_number(past, to);
    live->batch->ops->remove_range(live->batch, STORE_ENTRIES, slice_from(first, 8), slice_from(past, 8));
    live->batch->ops->remove_range(live->batch, STORE_PRIVATE, slice_from(first, 8), slice_from(past, 8));
    for (uint64_t number = from; number < to; number++) {
        put_number(key, number);
        live->batch->ops->remove(live->batch, STORE_IDS, slice_from(key, 8));
    }
}

enum status live_store_commit_run(struct live_store *live, struct error *error)
{
    uint64_t past = live->state.past + 1 + model_below(&live->trace, RUN_MAX), first = live->state.first;
    char row[16];
    enum status status;

    for (uint64_t number = live->state.past; number < past; number++)
        put_entry(live, number);
    if (past - first > KEPT) {
        first = past - KEPT / 2 - model_below(&live->trace, KEPT / 2);
        remove_entries(live, live->state.first, first);
    }
    live->state = (struct live_state){.first = first, .past = past};
    put_number(row, first);
    put_number(row + 8, past);
    store_put(live->batch, STORE_META, state_key, slice_from(row, sizeof row));
    status = live->store->ops->commit(live->store, live->batch, !live->async, error);
    if (status == STATUS_OK)
        atomic_store(live->committed, past);
    return status;
}

/* ---- what others find ---- */

struct walk {
    struct live_state state;
    uint64_t next, rows;
    bool reverse, wrong;
};

static bool take_row(void *context, const struct store_visit *row)
{
    struct walk *walk = context;
    uint64_t expected = walk->reverse ? walk->state.past - 1 - walk->rows : walk->state.first + walk->rows;

    walk->wrong = walk->wrong || row->key.size != 8 || get_number(row->key.data) != expected || row->value.size < 8 ||
                  get_number(row->value.data) != expected;
    walk->rows++;
    return true;
}

static bool family_is_whole(struct store *store, enum store_family family, struct live_state state, struct error *error)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        struct walk walk = {.state = state, .reverse = reverse};

        if (store->ops->scan(store, family, (struct slice){0}, (struct slice){0}, reverse, take_row, &walk, error) != STATUS_OK)
            return false;
        if (walk.wrong || walk.rows != state.past - state.first) {
            error_set(error, STATUS_CORRUPT, "", "family %d has %llu rows, and %llu to %llu were expected", family,
                      (unsigned long long)walk.rows, (unsigned long long)state.first, (unsigned long long)state.past);
            return false;
        }
    }
    return true;
}

/* One commit's state, with all up to `committed`. */
static bool store_is_whole(struct store *store, uint64_t committed, struct live_state *state, struct error *error)
{
    struct arena arena;
    struct slice row = {0};
    enum status status;
    bool whole = true;

    *state = (struct live_state){0};
    arena_create(&arena, 256, 4096);
    status = store_get(store, STORE_META, state_key, &arena, &row, error);
    if (status == STATUS_OK)
        *state = (struct live_state){.first = get_number(row.data), .past = get_number(row.data + 8)};
    arena_destroy(&arena);
    for (int i = 0; whole && i < FAMILIES; i++)
        whole = family_is_whole(store, families[i], *state, error);
    if (whole && state->past < committed)
        error_set(error, STATUS_CORRUPT, "", "it ends at %llu, and %llu was committed", (unsigned long long)state->past,
                  (unsigned long long)committed);
    return whole && state->past >= committed;
}

bool live_store_look(const char *folder, bool read_only, uint64_t committed, struct live_state *state,
                     char wrong[LIVE_WRONG_MAX])
{
    struct store *store = NULL;
    struct error error = {0};
    bool whole =
        store_open_rocksdb(folder, read_only, &store, &error) == STATUS_OK && store_is_whole(store, committed, state, &error);

    wrong[0] = 0;
    if (!whole)
        snprintf(wrong, LIVE_WRONG_MAX, "%s: %s", error.where, error.message);
    if (store)
        store->ops->close(store);
    return whole;
}

/* Beside the writer, until it was not too fast: then the log went on, or a file was compacted away, before it was opened. */
bool live_store_look_beside(struct live_store *live)
{
    struct live_state state;

    while (!live_store_look(live->folder, true, atomic_load(live->committed), &state, live->wrong)) {
        if (live->pause_us > PAUSE_MAX_US || !(strstr(live->wrong, "No such file") || strstr(live->wrong, "Missing WAL") ||
                                               strstr(live->wrong, "went on") || strstr(live->wrong, "goes on")))
            return false;
        live->pause_us = live->pause_us * 2 + 100;
    }
    return true;
}

/* ---- one run ---- */

void live_store_open(struct live_store *live)
{
    struct error error = {0};

    ck_assert_msg(store_open_rocksdb(live->folder, false, &live->store, &error) == STATUS_OK, "%s", error.message);
    live->batch = live->store->ops->batch_new(live->store);
}

void live_store_close(struct live_store *live)
{
    live->store->ops->batch_delete(live->batch);
    live->store->ops->close(live->store);
}

static void commit_until_stopped(struct live_store *live)
{
    struct error error = {0};

    while (!atomic_load(&live->stop)) {
        ck_assert_msg(live_store_commit_run(live, &error) == STATUS_OK, "%s", error.message);
        usleep(live->pause_us);
    }
}

/* Where a sync costs nothing, for a test that needs no real disk, only many stores. */
static void make_folder(struct live_store *live, bool quick)
{
    strcpy(live->folder, "/dev/shm/edict-live-XXXXXX");
    if (quick && mkdtemp(live->folder))
        return;
    strcpy(live->folder, "/tmp/edict-live-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(live->folder));
}

void live_store_begin(struct live_store *live, uint64_t salt, bool quick)
{
    memset(live, 0, sizeof *live);
    setenv("EDICT_WAL_BYTES", "131072", 1);
    model_begin(&live->trace, salt);
    make_folder(live, quick);
    live->committed = mmap(NULL, sizeof *live->committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)live->committed, MAP_FAILED);
}

void live_store_end(struct live_store *live)
{
    char command[64];

    munmap((void *)live->committed, sizeof *live->committed);
    snprintf(command, sizeof command, "rm -rf %s", live->folder);
    ck_assert_int_eq(system(command), 0);
}

void live_store_check_wrong(struct live_store *live)
{
    MODEL_CHECK(&live->trace, !live->wrong[0], "%s", live->wrong);
}

/* Commits until `other`, on a thread of its own, has seen enough. */
void live_store_commit_beside(void *(*other)(void *live), uint64_t salt, bool async)
{
    static struct live_store live;
    pthread_t thread;

    live_store_begin(&live, salt, false);
    live.async = async;
    live_store_open(&live);
    ck_assert_int_eq(pthread_create(&thread, NULL, other, &live), 0);
    commit_until_stopped(&live);
    pthread_join(thread, NULL);
    live_store_check_wrong(&live);
    live_store_close(&live);
    live_store_end(&live);
}

void live_store_commit_once(struct live_store *live)
{
    struct error error = {0};

    ck_assert_msg(live_store_commit_run(live, &error) == STATUS_OK, "%s", error.message);
}
