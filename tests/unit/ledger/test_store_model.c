/* Both stores against one model of them: random operations, readers beside a writer, crashes. */
#include "ledger/store.h"
#include "model.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Keys are few, so that they meet, and of bytes at which orders go wrong. */
enum { KEY_MAX = 3, VALUE_MAX = 600, MODEL_ROWS_MAX = 4096, PARTS_MAX = 3 };
static const char key_bytes[] = {'\0', '\1', 'a', 'b', '\x7f', '\xfe', '\xff'};

struct row {
    enum store_family family;
    unsigned char key[KEY_MAX];
    size_t key_size;
    uint64_t value_seed; /* the value follows from it */
    size_t value_size;
};

/* Committed rows, by family and key. */
struct model {
    struct row rows[MODEL_ROWS_MAX];
    size_t count;
};

struct test {
    struct model_trace trace;
    bool rocks;
    char folder[32];
    struct store *store;
    struct store_batch *batch;
    struct model committed, next; /* next: with what is in the batch */
    struct arena arena;
};

static void fill_value(uint64_t seed, size_t size, unsigned char *value)
{
    for (size_t i = 0; i < size; i++)
        value[i] = (unsigned char)(seed >> (i % 8 * 8)) ^ (unsigned char)i;
}

static struct slice key_of(const struct row *row)
{
    return slice_from(row->key, row->key_size);
}

/* ---- the model ---- */

static int order(const struct row *a, const struct row *b)
{
    return a->family != b->family ? (a->family < b->family ? -1 : 1) : slice_compare(key_of(a), key_of(b));
}

static size_t model_find(const struct model *model, const struct row *row, bool *there)
{
    size_t at = 0;

    while (at < model->count && order(&model->rows[at], row) < 0)
        at++;
    *there = at < model->count && order(&model->rows[at], row) == 0;
    return at;
}

static void model_put(struct model *model, const struct row *row)
{
    bool there;
    size_t at = model_find(model, row, &there);

    if (!there) {
        ck_assert_uint_lt(model->count, MODEL_ROWS_MAX);
        memmove(&model->rows[at + 1], &model->rows[at], (model->count++ - at) * sizeof *row);
    }
    model->rows[at] = *row;
}

static void model_remove(struct model *model, const struct row *row)
{
    bool there;
    size_t at = model_find(model, row, &there);

    if (there)
        memmove(&model->rows[at], &model->rows[at + 1], (--model->count - at) * sizeof *row);
}

/* ---- the stores ---- */

static void open_store(struct test *test)
{
    struct error error = {0};
    enum status status =
        test->rocks ? store_open_rocksdb(test->folder, false, &test->store, &error) : store_open_memory(&test->store, &error);

    MODEL_CHECK(&test->trace, status == STATUS_OK, "cannot open: %s", error.message);
    test->batch = test->store->ops->batch_new(test->store);
    ck_assert_ptr_nonnull(test->batch);
}

static void begin(struct test *test, bool rocks, uint64_t salt)
{
    memset(test, 0, sizeof *test);
    model_begin(&test->trace, salt);
    test->rocks = rocks;
    strcpy(test->folder, "/tmp/edict-model-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test->folder));
    arena_create(&test->arena, 65536, 16 << 20);
    open_store(test);
}

static void end(struct test *test)
{
    char command[64];

    test->store->ops->batch_delete(test->batch);
    test->store->ops->close(test->store);
    arena_destroy(&test->arena);
    snprintf(command, sizeof command, "rm -rf %s", test->folder);
    ck_assert_int_eq(system(command), 0);
}

/* RocksDB's store has its own row. */
static bool is_own_row(const struct store_visit *visit, enum store_family family)
{
    return family == STORE_META && slice_equal(visit->key, SLICE("format"));
}

static bool value_is(const struct row *row, struct slice value)
{
    unsigned char expected[VALUE_MAX];

    fill_value(row->value_seed, row->value_size, expected);
    return slice_equal(value, slice_from(expected, row->value_size));
}

/* ---- one operation ---- */

static enum store_family random_family(struct test *test)
{
    return (enum store_family)model_below(&test->trace, STORE_FAMILY_COUNT);
}

static size_t random_key(struct test *test, unsigned char key[KEY_MAX], size_t size_min)
{
    size_t size = size_min + model_below(&test->trace, KEY_MAX + 1 - size_min);

    for (size_t i = 0; i < size; i++)
        key[i] = (unsigned char)key_bytes[model_below(&test->trace, sizeof key_bytes)];
    return size;
}

static void random_row(struct test *test, struct row *row)
{
    *row = (struct row){.family = random_family(test)};
    row->key_size = random_key(test, row->key, 1);
    row->value_seed = model_random(&test->trace);
    row->value_size = model_below(&test->trace, 10) == 0 ? 0 : model_below(&test->trace, VALUE_MAX);
}

static void do_put(struct test *test)
{
    struct row row;
    unsigned char value[VALUE_MAX];
    struct slice parts[PARTS_MAX];
    size_t count = 1 + model_below(&test->trace, PARTS_MAX), at = 0;

    random_row(test, &row);
    fill_value(row.value_seed, row.value_size, value);
    for (size_t i = 0; i < count; i++) {
        size_t size = i + 1 == count ? row.value_size - at : model_below(&test->trace, row.value_size - at + 1);

        parts[i] = slice_from(value + at, size);
        at += size;
    }
    model_note(&test->trace, "put family %d, %zu bytes in %zu parts under %02x %02x %02x (%zu)", row.family, row.value_size,
               count, row.key[0], row.key[1], row.key[2], row.key_size);
    test->batch->ops->put(test->batch, row.family, key_of(&row), parts, count);
    model_put(&test->next, &row);
}

static void do_remove(struct test *test)
{
    struct row row;

    random_row(test, &row);
    if (test->next.count > 0 && model_below(&test->trace, 2))
        row = test->next.rows[model_below(&test->trace, test->next.count)];
    model_note(&test->trace, "remove family %d, %02x %02x %02x (%zu)", row.family, row.key[0], row.key[1], row.key[2],
               row.key_size);
    test->batch->ops->remove(test->batch, row.family, key_of(&row));
    model_remove(&test->next, &row);
}

/* Not of RocksDB's own row, which says what the store is. */
static void do_remove_range(struct test *test)
{
    unsigned char from[KEY_MAX], to[KEY_MAX];
    enum store_family family = (enum store_family)(1 + model_below(&test->trace, STORE_FAMILY_COUNT - 1));
    struct slice first = slice_from(from, random_key(test, from, 1)), past = slice_from(to, random_key(test, to, 1));

    if (slice_compare(first, past) > 0) {
        struct slice swap = first;

        first = past;
        past = swap;
    }
    model_note(&test->trace, "remove a range of family %d, from %zu bytes to %zu bytes", family, first.size, past.size);
    test->batch->ops->remove_range(test->batch, family, first, past);
    for (size_t i = test->next.count; i > 0; i--) {
        struct row row = test->next.rows[i - 1];

        if (row.family == family && slice_compare(key_of(&row), first) >= 0 && slice_compare(key_of(&row), past) < 0)
            model_remove(&test->next, &row);
    }
}

static void do_commit(struct test *test)
{
    struct error error = {0};
    bool sync = model_below(&test->trace, 8) == 0;

    model_note(&test->trace, "commit, sync %d", sync);
    MODEL_CHECK(&test->trace, test->store->ops->commit(test->store, test->batch, sync, &error) == STATUS_OK, "commit: %s",
                error.message);
    test->committed = test->next;
}

static void do_get(struct test *test)
{
    struct row row;
    struct slice value;
    struct error error = {0};
    bool there;
    size_t at;
    enum status status;

    random_row(test, &row);
    model_note(&test->trace, "get family %d, %02x %02x %02x (%zu)", row.family, row.key[0], row.key[1], row.key[2],
               row.key_size);
    at = model_find(&test->committed, &row, &there);
    arena_reset(&test->arena);
    status = store_get(test->store, row.family, key_of(&row), &test->arena, &value, &error);
    MODEL_CHECK(&test->trace, status == (there ? STATUS_OK : STATUS_NOT_FOUND), "get gives status %d, %s", status,
                there ? "and the row is there" : "and there is none");
    MODEL_CHECK(&test->trace, !there || value_is(&test->committed.rows[at], value), "get gives another value");
}

struct scan {
    struct test *test;
    enum store_family family;
    struct slice from, to;
    bool reverse;
    size_t left; /* rows to take */
    size_t at;   /* the next row of the model, counted from the end when reverse */
};

static const struct row *next_expected(struct scan *scan)
{
    const struct model *model = &scan->test->committed;

    while (scan->at < model->count) {
        const struct row *row = &model->rows[scan->reverse ? model->count - 1 - scan->at : scan->at];

        if (row->family == scan->family && slice_compare(key_of(row), scan->from) >= 0 &&
            (scan->to.size == 0 || slice_compare(key_of(row), scan->to) < 0))
            return row;
        scan->at++;
    }
    return NULL;
}

static bool check_row(void *context, const struct store_visit *visit)
{
    struct scan *scan = context;
    const struct row *expected;

    if (is_own_row(visit, scan->family))
        return true;
    expected = next_expected(scan);
    MODEL_CHECK(&scan->test->trace, expected && slice_equal(visit->key, key_of(expected)),
                "a scan gives a row too many or too few");
    MODEL_CHECK(&scan->test->trace, value_is(expected, visit->value), "a scan gives another value");
    scan->at++;
    return --scan->left > 0;
}

static void run_scan(struct test *test, struct scan *scan)
{
    struct error error = {0};
    enum status status =
        test->store->ops->scan(test->store, scan->family, scan->from, scan->to, scan->reverse, check_row, scan, &error);

    MODEL_CHECK(&test->trace, status == STATUS_OK, "scan: %s", error.message);
    MODEL_CHECK(&test->trace, scan->left == 0 || !next_expected(scan), "a scan ends too early");
}

static void do_scan(struct test *test)
{
    unsigned char from[KEY_MAX], to[KEY_MAX];
    struct scan scan = {.test = test, .family = random_family(test), .reverse = model_below(&test->trace, 2)};

    scan.from = slice_from(from, random_key(test, from, 0));
    scan.to = slice_from(to, random_key(test, to, 0));
    scan.left = model_below(&test->trace, 3) ? SIZE_MAX : 1 + model_below(&test->trace, 5);
    model_note(&test->trace, "scan family %d, %zu bytes to %zu bytes, reverse %d, %zu rows", scan.family, scan.from.size,
               scan.to.size, scan.reverse, scan.left);
    run_scan(test, &scan);
}

static void compare_all(struct test *test)
{
    for (int family = 0; family < STORE_FAMILY_COUNT * 2; family++) {
        struct scan scan = {.test = test, .family = (enum store_family)(family / 2), .reverse = family % 2, .left = SIZE_MAX};

        run_scan(test, &scan);
    }
}

static void do_discard(struct test *test)
{
    model_note(&test->trace, "a batch is thrown away");
    test->store->ops->batch_delete(test->batch);
    test->batch = test->store->ops->batch_new(test->store);
    test->next = test->committed;
}

/* RocksDB: closed and opened again. Memory: what is committed, in another store. */
static void do_reopen(struct test *test)
{
    struct store *copy = NULL;
    struct error error;

    model_note(&test->trace, "reopen");
    if (!test->rocks)
        ck_assert_int_eq(store_memory_copy(test->store, &copy, &error), STATUS_OK);
    test->store->ops->batch_delete(test->batch);
    test->store->ops->close(test->store);
    if (test->rocks) {
        open_store(test);
    } else {
        test->store = copy;
        test->batch = copy->ops->batch_new(copy);
    }
    test->next = test->committed;
    compare_all(test);
}

static void do_scrub(struct test *test)
{
    unsigned char from[KEY_MAX], to[KEY_MAX];
    struct slice first = slice_from(from, random_key(test, from, 1)), last = slice_from(to, random_key(test, to, 1));
    struct error error = {0};

    model_note(&test->trace, "scrub");
    if (slice_compare(first, last) > 0) {
        struct slice swap = first;

        first = last;
        last = swap;
    }
    MODEL_CHECK(&test->trace, test->store->ops->scrub(test->store, STORE_PRIVATE, first, last, &error) == STATUS_OK,
                "scrub: %s", error.message);
    compare_all(test);
}

/* As a store of RocksDB somewhere else, which has the same rows. */
static void do_copy(struct test *test)
{
    struct test copy = {.trace = test->trace, .rocks = true};
    struct error error = {0};
    char command[64];

    model_note(&test->trace, "copy");
    strcpy(copy.folder, test->folder);
    strcat(copy.folder, ".c");
    MODEL_CHECK(&test->trace, test->store->ops->copy(test->store, copy.folder, &error) == STATUS_OK, "copy: %s", error.message);
    copy.committed = test->committed;
    open_store(&copy);
    compare_all(&copy);
    copy.store->ops->batch_delete(copy.batch);
    copy.store->ops->close(copy.store);
    snprintf(command, sizeof command, "rm -rf %s", copy.folder);
    ck_assert_int_eq(system(command), 0);
}

static void one_operation(struct test *test)
{
    static const struct {
        unsigned weight;
        void (*run)(struct test *test);
    } operations[] = {{400, do_put},    {150, do_remove}, {80, do_commit}, {150, do_get},         {200, do_scan},
                      {10, do_discard}, {2, do_reopen},   {1, do_scrub},   {20, do_remove_range}, {1, do_copy}};
    uint64_t draw = model_below(&test->trace, 1014);

    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (draw < operations[i].weight) {
            operations[i].run(test);
            return;
        }
        draw -= operations[i].weight;
    }
}

START_TEST(a_store_is_what_the_model_says)
{
    static struct test test;

    begin(&test, _i == 1, 1);
    for (uint64_t i = model_rounds(6000); i > 0; i--)
        one_operation(&test);
    do_commit(&test);
    compare_all(&test);
    end(&test);
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

    begin(&test, _i == 1, 2);
    wave.store = test.store;
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_waves, &wave), 0);
    for (uint64_t number = 1; !wave.wrong && (number <= model_rounds(600) || atomic_load(&wave.scans) < 50); number++) {
        for (char key = 0; key < WAVE_KEYS; key++)
            store_put(test.batch, STORE_STATE, slice_from(&key, 1), slice_from(&number, sizeof number));
        ck_assert_int_eq(test.store->ops->commit(test.store, test.batch, false, &error), STATUS_OK);
        atomic_store(&wave.committed, number);
    }
    atomic_store(&wave.stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    ck_assert_msg(!wave.wrong, "%s", (const char *)wave.wrong);
    end(&test);
}
END_TEST

/* ---- crashes ---- */

/* One batch of the run: the same in the child that is killed and in the model. */
static void random_batch(struct test *test)
{
    for (uint64_t i = 1 + model_below(&test->trace, 12); i > 0; i--) {
        uint64_t draw = model_below(&test->trace, 20);

        if (draw < 14)
            do_put(test);
        else if (draw < 19)
            do_remove(test);
        else
            do_remove_range(test);
    }
}

/* The child: commits until it is killed, and counts what it was told is committed. */
static void commit_until_killed(struct test *test, bool sync, _Atomic uint64_t *acknowledged)
{
    struct error error;

    open_store(test);
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

    counted->rows += !is_own_row(visit, counted->family);
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
        if (store_get(test->store, row->family, key_of(row), &test->arena, &value, &error) != STATUS_OK ||
            !value_is(row, value))
            return false;
    }
    return counted.rows == test->committed.count;
}

/* All that was acknowledged, and at most the one batch more that was under way; whole. */
static void check_after_crash(struct test *test, uint64_t acknowledged)
{
    open_store(test);
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
    do_discard(test);
    compare_all(test); /* and nothing else */
}

START_TEST(acknowledged_batches_survive_a_kill)
{
    static struct test test;
    _Atomic uint64_t *acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne((void *)acknowledged, MAP_FAILED);
    begin(&test, true, 3);
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
    end(&test);
    munmap((void *)acknowledged, sizeof *acknowledged);
}
END_TEST

START_TEST(a_crash_of_memory_leaves_what_was_committed)
{
    static struct test test;

    begin(&test, false, 4);
    for (uint64_t round = model_rounds(200); round > 0; round--) {
        random_batch(&test);
        if (model_below(&test.trace, 3))
            do_commit(&test);
        random_batch(&test); /* lost */
        do_reopen(&test);
    }
    end(&test);
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
    tcase_add_loop_test(tests, readers_see_whole_batches, 0, 2);
    tcase_add_test(tests, acknowledged_batches_survive_a_kill);
    tcase_add_test(tests, a_crash_of_memory_leaves_what_was_committed);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
