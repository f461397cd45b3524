/*
 * A store on RocksDB that is committed to, and others that look at its folder: opened read only, copied, and after a kill. With
 * a small log, so that its files are turned all the time. Each commit adds a run of entries with their ids, takes a range of
 * the oldest away, and says in META how many there are: whoever looks has to find one commit's state.
 */
#include "base/file.h"
#include "ledger/store.h"
#include "ledger/wal.h"
#include "model.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    RUN_MAX = 8,
    KEPT = 200,
    VALUE_MAX = 3000,
    WRONG_MAX = 1100,
    PAUSE_MAX_US = 200000,
    LOOKS = MODEL_UNDER_TSAN ? 6 : 25,
    COPIES = 4,
    KILLS = 6,
    FAMILIES = 3
};

struct state {
    uint64_t first, past; /* numbers of the entries that are there */
};

struct live {
    struct model_trace trace;
    char folder[32];
    struct store *store;
    struct store_batch *batch;
    struct state state;
    _Atomic uint64_t *committed; /* `past` of the last commit that was acknowledged */
    _Atomic unsigned pause_us;   /* after each commit: grows when a reader gives up because commits go on too fast for it */
    _Atomic bool stop;
    bool async;            /* commits go to RocksDB's log */
    char wrong[WRONG_MAX]; /* what others find; theirs alone */
};

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

static void put_entry(struct live *live, uint64_t number)
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
static void remove_entries(struct live *live, uint64_t from, uint64_t to)
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

static enum status commit_run(struct live *live, struct error *error)
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
    live->state = (struct state){.first = first, .past = past};
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
    struct state state;
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

static bool family_is_whole(struct store *store, enum store_family family, struct state state, struct error *error)
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
static bool store_is_whole(struct store *store, uint64_t committed, struct state *state, struct error *error)
{
    struct arena arena;
    struct slice row = {0};
    enum status status;
    bool whole = true;

    *state = (struct state){0};
    arena_create(&arena, 256, 4096);
    status = store_get(store, STORE_META, state_key, &arena, &row, error);
    if (status == STATUS_OK)
        *state = (struct state){.first = get_number(row.data), .past = get_number(row.data + 8)};
    arena_destroy(&arena);
    for (int i = 0; whole && i < FAMILIES; i++)
        whole = family_is_whole(store, families[i], *state, error);
    if (whole && state->past < committed)
        error_set(error, STATUS_CORRUPT, "", "it ends at %llu, and %llu was committed", (unsigned long long)state->past,
                  (unsigned long long)committed);
    return whole && state->past >= committed;
}

static bool look(const char *folder, bool read_only, uint64_t committed, struct state *state, char wrong[WRONG_MAX])
{
    struct store *store = NULL;
    struct error error = {0};
    bool whole =
        store_open_rocksdb(folder, read_only, &store, &error) == STATUS_OK && store_is_whole(store, committed, state, &error);

    wrong[0] = 0;
    if (!whole)
        snprintf(wrong, WRONG_MAX, "%s: %s", error.where, error.message);
    if (store)
        store->ops->close(store);
    return whole;
}

/* Beside the writer, until it was not too fast: then the log went on, or a file was compacted away, before it was opened. */
static bool look_at_live(struct live *live)
{
    struct state state;

    while (!look(live->folder, true, atomic_load(live->committed), &state, live->wrong)) {
        if (live->pause_us > PAUSE_MAX_US ||
            !(strstr(live->wrong, "No such file") || strstr(live->wrong, "went on") || strstr(live->wrong, "goes on")))
            return false;
        live->pause_us = live->pause_us * 2 + 100;
    }
    return true;
}

/* ---- one run ---- */

static void open_live(struct live *live)
{
    struct error error = {0};

    ck_assert_msg(store_open_rocksdb(live->folder, false, &live->store, &error) == STATUS_OK, "%s", error.message);
    live->batch = live->store->ops->batch_new(live->store);
}

static void close_live(struct live *live)
{
    live->store->ops->batch_delete(live->batch);
    live->store->ops->close(live->store);
}

static void commit_until_stopped(struct live *live)
{
    struct error error = {0};

    while (!atomic_load(&live->stop)) {
        ck_assert_msg(commit_run(live, &error) == STATUS_OK, "%s", error.message);
        usleep(live->pause_us);
    }
}

static void begin(struct live *live, uint64_t salt)
{
    memset(live, 0, sizeof *live);
    setenv("EDICT_WAL_BYTES", "131072", 1);
    model_begin(&live->trace, salt);
    strcpy(live->folder, "/tmp/edict-live-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(live->folder));
    live->committed = mmap(NULL, sizeof *live->committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)live->committed, MAP_FAILED);
}

static void end(struct live *live)
{
    char command[64];

    munmap((void *)live->committed, sizeof *live->committed);
    snprintf(command, sizeof command, "rm -rf %s", live->folder);
    ck_assert_int_eq(system(command), 0);
}

static void check_wrong(struct live *live)
{
    MODEL_CHECK(&live->trace, !live->wrong[0], "%s", live->wrong);
}

/* ---- readers ---- */

/* Commits until `other`, on a thread of its own, has seen enough. */
static void commit_beside(void *(*other)(void *live), uint64_t salt)
{
    static struct live live;
    pthread_t thread;

    begin(&live, salt);
    open_live(&live);
    ck_assert_int_eq(pthread_create(&thread, NULL, other, &live), 0);
    commit_until_stopped(&live);
    pthread_join(thread, NULL);
    check_wrong(&live);
    close_live(&live);
    end(&live);
}

static void *look_again_and_again(void *context)
{
    struct live *live = context;

    for (uint64_t i = model_rounds(LOOKS); i > 0 && look_at_live(live); i--)
        continue;
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_reader_of_a_live_store_sees_one_commits_state)
{
    commit_beside(look_again_and_again, 1);
}
END_TEST

/* ---- a restart while a reader opens the store ---- */

/* Begun with the one log, after RocksDB's files were opened for reading and before the other log is read. */
static struct live *restarting;

enum status __real_wal_read(const char *folder, uint64_t needed, const struct wal_store *store, struct error *error);
enum status __wrap_wal_read(const char *folder, uint64_t needed, const struct wal_store *store, struct error *error);

static void commit_once(struct live *live)
{
    struct error error = {0};

    ck_assert_msg(commit_run(live, &error) == STATUS_OK, "%s", error.message);
}

enum status __wrap_wal_read(const char *folder, uint64_t needed, const struct wal_store *store, struct error *error)
{
    struct live *live = restarting;

    restarting = NULL;
    if (live) {
        commit_once(live);
        close_live(live);
        live->async = !live->async;
        open_live(live);
        commit_once(live);
    }
    return __real_wal_read(folder, needed, store, error);
}

START_TEST(a_reader_over_a_restart_sees_one_commits_state)
{
    static struct live live;
    struct state state;

    begin(&live, 8);
    live.async = _i == 0;
    open_live(&live);
    commit_once(&live);
    restarting = &live;
    (void)look(live.folder, true, atomic_load(live.committed), &state, live.wrong);
    check_wrong(&live);
    ck_assert_uint_eq(state.past, live.state.past);
    close_live(&live);
    end(&live);
}
END_TEST

/* ---- scrubs, and readers ---- */

static void *scrub_and_look(void *context)
{
    struct live *live = context;
    struct error error = {0};
    char from[8] = {0}, to[8];

    memset(to, 0xff, sizeof to);
    for (uint64_t i = model_rounds(LOOKS / 3); i > 0; i--) {
        if (live->store->ops->scrub(live->store, STORE_PRIVATE, slice_from(from, 8), slice_from(to, 8), &error) != STATUS_OK)
            snprintf(live->wrong, sizeof live->wrong, "scrub: %s", error.message);
        if (live->wrong[0] || !look_at_live(live))
            break;
    }
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_reader_beside_erasures_sees_one_commits_state)
{
    commit_beside(scrub_and_look, 2);
}
END_TEST

/* ---- copies ---- */

static void *copy_again_and_again(void *context)
{
    struct live *live = context;
    struct error error = {0};
    struct state state;
    char folder[64];

    for (uint64_t i = model_rounds(COPIES); i > 0 && !live->wrong[0]; i--) {
        uint64_t committed = atomic_load(live->committed);

        snprintf(folder, sizeof folder, "%s/copy-%llu", live->folder, (unsigned long long)i);
        if (live->store->ops->copy(live->store, folder, &error) != STATUS_OK)
            snprintf(live->wrong, sizeof live->wrong, "copy: %s", error.message);
        else if (look(folder, true, committed, &state, live->wrong))
            (void)look(folder, false, committed, &state, live->wrong);
    }
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_copy_is_one_commits_state)
{
    commit_beside(copy_again_and_again, 3);
}
END_TEST

/* ---- copies to another file system ---- */

/* A stand-in for one: it cannot be linked into, and copying to it takes as long as commits that the log has no room for, if it
 * is held. A scrub has to wait for its end: the files that are copied have what it is to be rid of. */
struct far_copy {
    struct live *live;
    unsigned copies;
    pthread_t scrub; /* beside the last copy */
    _Atomic bool scrubbed;
    bool scrubbed_early;
};

static struct far_copy far;

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
enum status __real_file_copy_tree(const char *from, const char *to, struct error *error);
enum status __wrap_file_copy_tree(const char *from, const char *to, struct error *error);

int __wrap_link(const char *from, const char *to)
{
    if (!far.live)
        return __real_link(from, to);
    errno = EXDEV;
    return -1;
}

static void *scrub_once(void *context)
{
    struct live *live = context;
    struct error error = {0};
    char from[8] = {0}, to[8];

    memset(to, 0xff, sizeof to);
    ck_assert_int_eq(live->store->ops->scrub(live->store, STORE_PRIVATE, slice_from(from, 8), slice_from(to, 8), &error),
                     STATUS_OK);
    atomic_store(&far.scrubbed, true);
    return NULL;
}

enum status __wrap_file_copy_tree(const char *from, const char *to, struct error *error)
{
    uint64_t enough = atomic_load(far.live->committed) + 2000;
    enum status status;

    if (far.copies++ > 0)
        pthread_join(far.scrub, NULL);
    atomic_store(&far.scrubbed, false);
    ck_assert_int_eq(pthread_create(&far.scrub, NULL, scrub_once, far.live), 0);
    while (atomic_load(far.live->committed) < enough)
        usleep(100);
    status = __real_file_copy_tree(from, to, error);
    far.scrubbed_early = far.scrubbed_early || atomic_load(&far.scrubbed);
    return status;
}

static void *copy_far(void *context)
{
    far = (struct far_copy){.live = context};
    copy_again_and_again(context);
    if (far.copies > 0)
        pthread_join(far.scrub, NULL);
    return NULL;
}

START_TEST(a_copy_elsewhere_holds_up_no_commits)
{
    commit_beside(copy_far, 6);
    ck_assert_uint_eq(far.copies, model_rounds(COPIES));
    ck_assert(!far.scrubbed_early);
}
END_TEST

START_TEST(what_a_copy_left_when_it_was_killed_goes)
{
    static struct live live;
    char path[64];

    begin(&live, 7);
    snprintf(path, sizeof path, "%s/copying", live.folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    strcat(path, "/files");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    open_live(&live);
    ck_assert(!file_exists(path));
    close_live(&live);
    end(&live);
}
END_TEST

/* ---- a log that is missing ---- */

/* Also of a store that has just been made, and has nothing else in files of RocksDB. */
START_TEST(a_new_store_knows_that_it_has_a_log)
{
    static struct live live;
    struct state state;
    char path[64];

    begin(&live, 5);
    open_live(&live);
    for (int file = 0; file < 2; file++) {
        snprintf(path, sizeof path, "%s/edict-%d.wal", live.folder, file);
        ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert(!look(live.folder, true, 0, &state, live.wrong));
    ck_assert_msg(strstr(live.wrong, "write-ahead log") && strstr(live.wrong, "missing"), "%s", live.wrong);
    close_live(&live);
    ck_assert(!look(live.folder, false, 0, &state, live.wrong));
    ck_assert_msg(strstr(live.wrong, "write-ahead log") && strstr(live.wrong, "missing"), "%s", live.wrong);
    end(&live);
}
END_TEST

/* ---- kills ---- */

static void commit_until_killed(struct live *live)
{
    struct error error;

    open_live(live);
    while (commit_run(live, &error) == STATUS_OK)
        continue;
    _exit(1);
}

struct seen {
    struct state read_only, state;
    char wrong[WRONG_MAX];
};

static struct seen *seen_new(void)
{
    struct seen *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(seen, MAP_FAILED);
    return seen;
}

/* In a process of its own: one that has had a store of RocksDB has threads that a child does not have. */
static void look_in_child(const struct live *live, struct seen *seen)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)(look(live->folder, true, atomic_load(live->committed), &seen->read_only, seen->wrong) &&
               look(live->folder, false, atomic_load(live->committed), &seen->state, seen->wrong));
        _exit(0);
    }
    waitpid(child, &status, 0);
    MODEL_CHECK(&live->trace, WIFEXITED(status) && !seen->wrong[0], "%s", seen->wrong);
}

static void kill_in_the_middle(struct live *live, uint64_t target)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0)
        commit_until_killed(live);
    while (atomic_load(live->committed) < target && waitpid(child, &status, WNOHANG) == 0)
        usleep(100);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself");
}

START_TEST(after_a_kill_it_is_one_commits_state)
{
    static struct live live;
    struct seen *seen = seen_new();

    begin(&live, 4);
    for (uint64_t i = model_rounds(KILLS); i > 0; i--) {
        kill_in_the_middle(&live, live.state.past + 1 + model_below(&live.trace, 1500));
        look_in_child(&live, seen);
        ck_assert_uint_eq(seen->read_only.past, seen->state.past);
        live.state = seen->state;
    }
    munmap(seen, sizeof *seen);
    end(&live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live store");
    TCase *tests = tcase_create("live store");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_test(tests, a_reader_of_a_live_store_sees_one_commits_state);
    tcase_add_loop_test(tests, a_reader_over_a_restart_sees_one_commits_state, 0, 2);
    tcase_add_test(tests, a_reader_beside_erasures_sees_one_commits_state);
    tcase_add_test(tests, a_copy_is_one_commits_state);
    tcase_add_test(tests, a_copy_elsewhere_holds_up_no_commits);
    tcase_add_test(tests, what_a_copy_left_when_it_was_killed_goes);
    tcase_add_test(tests, a_new_store_knows_that_it_has_a_log);
    if (!MODEL_UNDER_TSAN)
        tcase_add_test(tests, after_a_kill_it_is_one_commits_state);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
