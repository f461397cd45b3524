/* Both stores against one model of them: random operations, readers beside a writer, crashes. */
#include "store_model.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

START_TEST(a_store_is_what_the_model_says)
{
    static struct test test;

    store_model_begin(&test, _i == 1, 1);
    for (uint64_t i = model_rounds(6000); i > 0; i--)
        store_model_one_operation(&test);
    store_model_commit(&test);
    store_model_compare_all(&test);
    store_model_end(&test);
}
END_TEST

/* ---- readers beside a writer ---- */

enum { WAVE_KEYS = 40, READERS = 3 };

struct wave {
    struct store *store;
    _Atomic uint64_t committed; /* every row had this number, or a later one, when it was set */
    _Atomic bool stop;
    _Atomic uint64_t scans;
    const char *_Atomic wrong;
};

struct wave_scan {
    uint64_t number;
    size_t count;
    bool torn;
};

static bool wave_row(void *context, const struct store_visit *row)
{
    struct wave_scan *scan = context;
    uint64_t number;

    memcpy(&number, row->value.data, sizeof number);
    scan->torn = scan->torn || (scan->count > 0 && number != scan->number);
    scan->number = number;
    scan->count++;
    return true;
}

static void *read_waves(void *context)
{
    struct wave *wave = context;
    struct error error;

    while (!atomic_load(&wave->stop) && !wave->wrong) {
        struct wave_scan scan = {0};
        uint64_t before = atomic_load(&wave->committed);

        if (wave->store->ops->scan(wave->store, STORE_STATE, (struct slice){0}, (struct slice){0}, scan.number % 2, wave_row,
                                   &scan, &error) != STATUS_OK)
            wave->wrong = "a scan failed";
        else if (scan.torn || scan.count != (before || scan.count ? WAVE_KEYS : 0))
            wave->wrong = "a scan saw half a batch";
        else if (scan.number < before)
            wave->wrong = "a scan saw what had been replaced before it began";
        atomic_fetch_add(&wave->scans, 1);
        usleep(50); /* readers without a pause would keep the writer out of the store in memory */
    }
    return NULL;
}

START_TEST(readers_see_whole_batches)
{
    static struct test test;
    struct wave wave = {0};
    pthread_t readers[READERS];
    struct error error;

    store_model_begin(&test, _i == 1, 2);
    wave.store = test.store;
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_waves, &wave), 0);
    for (uint64_t number = 1; !wave.wrong && (number <= model_rounds(600) || atomic_load(&wave.scans) < 50); number++) {
        for (unsigned key = 0; key < WAVE_KEYS; key++)
            store_put(test.batch, STORE_STATE, slice_from(&key, sizeof key), slice_from(&number, sizeof number));
        ck_assert_int_eq(test.store->ops->commit(test.store, test.batch, false, &error), STATUS_OK);
        atomic_store(&wave.committed, number);
    }
    atomic_store(&wave.stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    ck_assert_msg(!wave.wrong, "%s", (const char *)wave.wrong);
    store_model_end(&test);
}
END_TEST

/* ---- crashes ---- */

/* One batch of the run: the same in the child that is killed and in the model. */
static void random_batch(struct test *test)
{
    for (uint64_t i = 1 + model_below(&test->trace, 12); i > 0; i--) {
        uint64_t draw = model_below(&test->trace, 20);

        if (draw < 14)
            store_model_put(test);
        else if (draw < 19)
            store_model_remove(test);
        else
            store_model_remove_range(test);
    }
}

/* The child: commits until it is killed, and counts what it was told is committed. */
static void commit_until_killed(struct test *test, bool sync, _Atomic uint64_t *acknowledged)
{
    struct error error;

    store_model_open_store(test);
    for (;;) {
        random_batch(test);
        if (test->store->ops->commit(test->store, test->batch, sync, &error) != STATUS_OK)
            _exit(1);
        atomic_fetch_add(acknowledged, 1);
    }
}

struct counted {
    enum store_family family;
    size_t rows;
};

static bool count_row(void *context, const struct store_visit *visit)
{
    struct counted *counted = context;

    counted->rows += !store_model_is_own_row(visit, counted->family);
    return true;
}

static bool model_is_store(struct test *test)
{
    struct counted counted = {.rows = 0};
    struct error error;

    for (int family = 0; family < STORE_FAMILY_COUNT; family++) {
        counted.family = (enum store_family)family;
        if (test->store->ops->scan(test->store, counted.family, (struct slice){0}, (struct slice){0}, false, count_row,
                                   &counted, &error) != STATUS_OK)
            return false;
    }
    for (size_t i = 0; i < test->committed.count; i++) {
        const struct row *row = &test->committed.rows[i];
        struct slice value;

        arena_reset(&test->arena);
        if (store_get(test->store, row->family, store_model_key_of(row), &test->arena, &value, &error) != STATUS_OK ||
            !store_model_value_is(row, value))
            return false;
    }
    return counted.rows == test->committed.count;
}

/* All that was acknowledged, and at most the one batch more that was under way; whole. */
static void check_after_crash(struct test *test, uint64_t acknowledged)
{
    store_model_open_store(test);
    for (uint64_t i = 0; i < acknowledged; i++)
        random_batch(test); /* into the model; the batch of the store is thrown away */
    test->committed = test->next;
    if (!model_is_store(test)) {
        struct model_trace at = test->trace;

        random_batch(test);
        test->committed = test->next;
        if (!model_is_store(test)) {
            test->trace = at;
            model_fail(&test->trace, "after %llu acknowledged batches the store is neither that nor one batch more",
                       (unsigned long long)acknowledged);
        }
    }
    store_model_discard(test);
    store_model_compare_all(test); /* and nothing else */
}

START_TEST(acknowledged_batches_survive_a_kill)
{
    static struct test test;
    _Atomic uint64_t *acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne((void *)acknowledged, MAP_FAILED);
    store_model_begin(&test, true, 3);
    for (uint64_t round = model_rounds(12); round > 0; round--) {
        uint64_t target = model_below(&test.trace, 150), state = model_random(&test.trace);
        bool sync = model_below(&test.trace, 2);
        struct model_trace before;
        int status;
        pid_t child;

        test.store->ops->batch_delete(test.batch);
        test.store->ops->close(test.store);
        atomic_store(acknowledged, 0);
        before = test.trace;
        test.trace.state = state;
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            commit_until_killed(&test, sync, acknowledged);
        while (atomic_load(acknowledged) < target && waitpid(child, &status, WNOHANG) == 0)
            usleep(100);
        usleep((useconds_t)(state % 500));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert_msg(WIFSIGNALED(status), "the child ended by itself");
        model_note(&test.trace, "killed after %llu batches", (unsigned long long)atomic_load(acknowledged));
        check_after_crash(&test, atomic_load(acknowledged));
        test.trace.state = before.state;
    }
    store_model_end(&test);
    munmap((void *)acknowledged, sizeof *acknowledged);
}
END_TEST

/* ---- kills while a family is cleared ---- */

enum { CLEAR_ROWS = 50 };

/* The child: fills a family and clears it, and counts how often it was told that rows are committed. */
static void clear_until_killed(const char *folder, _Atomic uint64_t *filled)
{
    struct store *store = NULL;
    struct store_batch *batch;
    struct error error;

    if (store_look_rocksdb(folder) == STORE_ABSENT) { /* it makes none */
        if (store_open_rocksdb_to_repair(folder, &store, &error) != STATUS_NOT_FOUND ||
            store_open_rocksdb(folder, false, &store, &error) != STATUS_OK)
            _exit(1);
        store->ops->close(store);
    }
    if (store_open_rocksdb_to_repair(folder, &store, &error) != STATUS_OK)
        _exit(1);
    batch = store->ops->batch_new(store);
    for (uint64_t number = atomic_load(filled) + 1;; number++) {
        for (unsigned i = 0; i < CLEAR_ROWS; i++)
            store_put(batch, STORE_IDS, slice_from(&i, sizeof i), slice_from(&number, sizeof number));
        store_put(batch, STORE_STATE, SLICE("number"), slice_from(&number, sizeof number));
        if (store->ops->commit(store, batch, number % 2, &error) != STATUS_OK)
            _exit(1);
        atomic_store(filled, number);
        if (store->ops->clear(store, STORE_IDS, &error) != STATUS_OK)
            _exit(1);
    }
}

/* Whoever only reads may find that there is no such family; and then is told why. */
static bool is_read_after_clear(const char *folder)
{
    struct store *store = NULL;
    struct error error = {0};
    enum status status = store_open_rocksdb(folder, true, &store, &error);

    if (store)
        store->ops->close(store);
    return status == STATUS_OK || (status == STATUS_CORRUPT && strstr(error.message, "reindex"));
}

static bool is_whole_after_clear(const char *folder, uint64_t filled)
{
    struct store *store = NULL;
    struct wave_scan ids = {0}, state = {0};
    const struct slice all = {0};
    struct error error;
    bool ok = store_open_rocksdb(folder, false, &store, &error) == STATUS_OK &&
              store->ops->scan(store, STORE_IDS, all, all, false, wave_row, &ids, &error) == STATUS_OK &&
              store->ops->scan(store, STORE_STATE, all, all, false, wave_row, &state, &error) == STATUS_OK;

    if (store)
        store->ops->close(store);
    return ok && state.number >= filled &&
           (ids.count == 0 || (ids.count == CLEAR_ROWS && !ids.torn && ids.number == state.number));
}

static void kill_while_clearing(struct model_trace *trace, const char *folder, _Atomic uint64_t *filled)
{
    uint64_t target = atomic_load(filled) + 1 + model_below(trace, 4);
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        clear_until_killed(folder, filled);
    while (atomic_load(filled) < target && waitpid(child, &status, WNOHANG) == 0)
        usleep(100);
    usleep((useconds_t)model_below(trace, 5000));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself");
}

/* Each look is a process of its own: RocksDB's threads, once there are some, are missing in a child that is forked later. */
START_TEST(a_kill_leaves_all_of_a_family_that_is_cleared_or_none)
{
    _Atomic uint64_t *filled = mmap(NULL, sizeof *filled, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char folder[] = "/tmp/edict-model-XXXXXX", command[64];
    struct model_trace trace;

    ck_assert_ptr_ne((void *)filled, MAP_FAILED);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    model_begin(&trace, 6);
    for (uint64_t round = model_rounds(25); round > 0; round--) {
        pid_t child;
        int status = 1;

        kill_while_clearing(&trace, folder, filled);
        child = fork();
        if (child == 0)
            _exit(!is_read_after_clear(folder) + 2 * !is_whole_after_clear(folder, atomic_load(filled)));
        ck_assert(child > 0 && waitpid(child, &status, 0) == child);
        ck_assert_msg(status == 0, "after a kill: %d", status);
    }
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    munmap((void *)filled, sizeof *filled);
}
END_TEST

START_TEST(a_crash_of_memory_leaves_what_was_committed)
{
    static struct test test;

    store_model_begin(&test, false, 4);
    for (uint64_t round = model_rounds(200); round > 0; round--) {
        random_batch(&test);
        if (model_below(&test.trace, 3))
            store_model_commit(&test);
        random_batch(&test); /* lost */
        store_model_reopen(&test);
    }
    store_model_end(&test);
}
END_TEST

/* ---- a reader beside a writer, which lays the write-ahead log over the files ---- */

static void compare_read_only(struct test *test)
{
    struct store *writer = test->store;
    struct error error = {0};

    model_note(&test->trace, "opened read only");
    MODEL_CHECK(&test->trace, store_open_rocksdb(test->folder, true, &test->store, &error) == STATUS_OK, "read only: %s",
                error.message);
    store_model_compare_all(test);
    for (int i = 0; i < 40; i++)
        store_model_look(test);
    test->store->ops->close(test->store);
    test->store = writer;
}

START_TEST(a_reader_of_a_folder_that_is_written_sees_the_model)
{
    static struct test test;
    struct error error = {0};

    setenv("EDICT_WAL_BYTES", "131072", 1);
    store_model_begin(&test, true, 5);
    for (uint64_t round = model_rounds(25); round > 0; round--) {
        for (uint64_t batch = 1 + model_below(&test.trace, 60); batch > 0; batch--) {
            bool sync = model_below(&test.trace, 30) > 0;

            random_batch(&test);
            model_note(&test.trace, "commit, sync %d", sync);
            MODEL_CHECK(&test.trace, test.store->ops->commit(test.store, test.batch, sync, &error) == STATUS_OK, "commit: %s",
                        error.message);
            test.committed = test.next;
        }
        compare_read_only(&test);
    }
    store_model_end(&test);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store model");
    TCase *tests = tcase_create("store model");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_loop_test(tests, a_store_is_what_the_model_says, 0, 2);
    tcase_add_loop_test(tests, readers_see_whole_batches, 0, MODEL_UNDER_TSAN ? 1 : 2);
    if (!MODEL_UNDER_TSAN)
        tcase_add_test(tests, acknowledged_batches_survive_a_kill);
    if (!MODEL_UNDER_TSAN)
        tcase_add_test(tests, a_kill_leaves_all_of_a_family_that_is_cleared_or_none);
    tcase_add_test(tests, a_crash_of_memory_leaves_what_was_committed);
    tcase_add_test(tests, a_reader_of_a_folder_that_is_written_sees_the_model);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
