#include "store_model.h"

static const char key_bytes[] = {'\0', '\1', 'a', 'b', '\x7f', '\xfe', '\xff'};

static void fill_value(uint64_t seed, size_t size, unsigned char *value)
{
    for (size_t i = 0; i < size; i++)
        value[i] = (unsigned char)(seed >> (i % 8 * 8)) ^ (unsigned char)i;
}

struct slice store_model_key_of(const struct row *row)
{
    return slice_from(row->key, row->key_size);
}

/* ---- the model ---- */

static int order(const struct row *a, const struct row *b)
{
    return a->family != b->family ? (a->family < b->family ? -1 : 1)
                                  : slice_compare(store_model_key_of(a), store_model_key_of(b));
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

void store_model_open_store(struct test *test)
{
    struct error error = {0};
    enum status status =
        test->rocks ? store_open_rocksdb(test->folder, false, &test->store, &error) : store_open_memory(&test->store, &error);

    MODEL_CHECK(&test->trace, status == STATUS_OK, "cannot open: %s", error.message);
    test->batch = test->store->ops->batch_new(test->store);
    ck_assert_ptr_nonnull(test->batch);
}

void store_model_begin(struct test *test, bool rocks, uint64_t salt)
{
    memset(test, 0, sizeof *test);
    model_begin(&test->trace, salt);
    test->rocks = rocks;
    strcpy(test->folder, "/tmp/edict-model-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test->folder));
    arena_create(&test->arena, 65536, 16 << 20);
    store_model_open_store(test);
}

void store_model_end(struct test *test)
{
    char command[64];

    test->store->ops->batch_delete(test->batch);
    test->store->ops->close(test->store);
    arena_destroy(&test->arena);
    snprintf(command, sizeof command, "rm -rf %s", test->folder);
    ck_assert_int_eq(system(command), 0);
}

/* RocksDB's store has its own row. */
bool store_model_is_own_row(const struct store_visit *visit, enum store_family family)
{
    return family == STORE_META && slice_equal(visit->key, SLICE("format"));
}

bool store_model_value_is(const struct row *row, struct slice value)
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

void store_model_put(struct test *test)
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
    test->batch->ops->put(test->batch, row.family, store_model_key_of(&row), parts, count);
    model_put(&test->next, &row);
}

void store_model_remove(struct test *test)
{
    struct row row;

    random_row(test, &row);
    if (test->next.count > 0 && model_below(&test->trace, 2))
        row = test->next.rows[model_below(&test->trace, test->next.count)];
    model_note(&test->trace, "remove family %d, %02x %02x %02x (%zu)", row.family, row.key[0], row.key[1], row.key[2],
               row.key_size);
    test->batch->ops->remove(test->batch, row.family, store_model_key_of(&row));
    model_remove(&test->next, &row);
}

/* Not of RocksDB's own row, which says what the store is. */
void store_model_remove_range(struct test *test)
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

        if (row.family == family && slice_compare(store_model_key_of(&row), first) >= 0 &&
            slice_compare(store_model_key_of(&row), past) < 0)
            model_remove(&test->next, &row);
    }
}

void store_model_commit(struct test *test)
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
    status = store_get(test->store, row.family, store_model_key_of(&row), &test->arena, &value, &error);
    MODEL_CHECK(&test->trace, status == (there ? STATUS_OK : STATUS_NOT_FOUND), "get gives status %d, %s", status,
                there ? "and the row is there" : "and there is none");
    MODEL_CHECK(&test->trace, !there || store_model_value_is(&test->committed.rows[at], value), "get gives another value");
}

struct scan {
    struct test *test;
    enum store_family family;
    struct slice from, to;
    bool reverse;
    size_t left; /* rows to take */
    size_t at;   /* the next row of the model, counted from the store_model_end when reverse */
};

static const struct row *next_expected(struct scan *scan)
{
    const struct model *model = &scan->test->committed;

    while (scan->at < model->count) {
        const struct row *row = &model->rows[scan->reverse ? model->count - 1 - scan->at : scan->at];

        if (row->family == scan->family && slice_compare(store_model_key_of(row), scan->from) >= 0 &&
            (scan->to.size == 0 || slice_compare(store_model_key_of(row), scan->to) < 0))
            return row;
        scan->at++;
    }
    return NULL;
}

static bool check_row(void *context, const struct store_visit *visit)
{
    struct scan *scan = context;
    const struct row *expected;

    if (store_model_is_own_row(visit, scan->family))
        return true;
    expected = next_expected(scan);
    MODEL_CHECK(&scan->test->trace, expected && slice_equal(visit->key, store_model_key_of(expected)),
                "a scan gives a row too many or too few");
    MODEL_CHECK(&scan->test->trace, store_model_value_is(expected, visit->value), "a scan gives another value");
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

void store_model_look(struct test *test)
{
    if (model_below(&test->trace, 2))
        do_get(test);
    else
        do_scan(test);
}

void store_model_compare_all(struct test *test)
{
    for (int family = 0; family < STORE_FAMILY_COUNT * 2; family++) {
        struct scan scan = {.test = test, .family = (enum store_family)(family / 2), .reverse = family % 2, .left = SIZE_MAX};

        run_scan(test, &scan);
    }
}

void store_model_discard(struct test *test)
{
    model_note(&test->trace, "a batch is thrown away");
    test->store->ops->batch_delete(test->batch);
    test->batch = test->store->ops->batch_new(test->store);
    test->next = test->committed;
}

/* RocksDB: closed and opened again. Memory: what is committed, in another store. */
void store_model_reopen(struct test *test)
{
    struct store *copy = NULL;
    struct error error;

    model_note(&test->trace, "reopen");
    if (!test->rocks)
        ck_assert_int_eq(store_memory_copy(test->store, &copy, &error), STATUS_OK);
    test->store->ops->batch_delete(test->batch);
    test->store->ops->close(test->store);
    if (test->rocks) {
        store_model_open_store(test);
    } else {
        test->store = copy;
        test->batch = copy->ops->batch_new(copy);
    }
    test->next = test->committed;
    store_model_compare_all(test);
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
    store_model_compare_all(test);
}

/* Not that with RocksDB's own row. */
static void do_clear(struct test *test)
{
    enum store_family family = (enum store_family)(1 + model_below(&test->trace, STORE_FAMILY_COUNT - 1));
    struct error error = {0};

    store_model_discard(test);
    model_note(&test->trace, "clear family %d", family);
    MODEL_CHECK(&test->trace, test->store->ops->clear(test->store, family, &error) == STATUS_OK, "clear: %s", error.message);
    for (size_t i = test->next.count; i > 0; i--) {
        struct row row = test->next.rows[i - 1];

        if (row.family == family)
            model_remove(&test->next, &row);
    }
    test->committed = test->next;
    store_model_compare_all(test);
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
    store_model_open_store(&copy);
    store_model_compare_all(&copy);
    copy.store->ops->batch_delete(copy.batch);
    copy.store->ops->close(copy.store);
    snprintf(command, sizeof command, "rm -rf %s", copy.folder);
    ck_assert_int_eq(system(command), 0);
}

void store_model_one_operation(struct test *test)
{
    static const struct {
        unsigned weight;
        void (*run)(struct test *test);
    } operations[] = {{400, store_model_put},
                      {150, store_model_remove},
                      {80, store_model_commit},
                      {150, do_get},
                      {200, do_scan},
                      {10, store_model_discard},
                      {2, store_model_reopen},
                      {1, do_scrub},
                      {20, store_model_remove_range},
                      {1, do_copy},
                      {2, do_clear}};
    uint64_t draw = model_below(&test->trace, 1016);

    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (draw < operations[i].weight) {
            operations[i].run(test);
            return;
        }
        draw -= operations[i].weight;
    }
}
