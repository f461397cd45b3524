/* The index of terms: rows of groups and their merging, against a model, on both stores. */
#include "ledger/query.h"
#include "ledger/recent.h"
#include "ledger/sequencer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENTRIES = 3 * RECENT_SPAN + 100, AGENTS = 7, GROUP_TXNS_MAX = 300 };

static char folder[] = "/tmp/edict-test-XXXXXX";
static struct store *store;
static struct ledger *ledger;
static struct error error;
static unsigned seed;

/* The model: who wrote which entry; entry 0 is the store's own. */
static unsigned agents[ENTRIES + GROUP_TXNS_MAX * LEDGER_TXN_ENTRIES_MAX];

static enum status open_ledger(struct store *on)
{
    const struct ledger_options options = {.clock = clock_system()};

    return ledger_open(on, &options, &ledger, &error);
}

static void open_all(bool rocks)
{
    ck_assert((rocks ? store_open_rocksdb(folder, false, &store, &error) : store_open_memory(&store, &error)) == STATUS_OK);
    ck_assert_msg(open_ledger(store) == STATUS_OK, "%s", error.message);
}

static void reopen(bool rocks)
{
    ledger_close(ledger);
    if (rocks) {
        store->ops->close(store);
        ck_assert(store_open_rocksdb(folder, false, &store, &error) == STATUS_OK);
    }
    ck_assert_msg(open_ledger(store) == STATUS_OK, "%s", error.message);
}

static void setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    seed = 4711;
}

static void close_all(void)
{
    char command[64];

    ledger_close(ledger);
    store->ops->close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void on_done(struct ledger_txn *txn)
{
    ck_assert_int_eq(txn->result, LEDGER_OK);
}

/* Agent 0 is seldom, the others are not; every entry names its agent's rule twice. */
static unsigned some_agent(void)
{
    unsigned draw = (unsigned)rand_r(&seed) % 1000;

    return draw == 0 ? 0 : 1 + draw % (AGENTS - 1);
}

/* Terms live as long as their transaction, and no longer; the next group's are elsewhere. */
static char all_names[3][AGENTS][8], (*names)[8] = all_names[0];
static size_t group_number;

static void make_names(void)
{
    static const char *const all[AGENTS] = {"seldom", "a", "ab", "", "b", "c", "d"};

    for (size_t i = 0; i < AGENTS; i++)
        strcpy(names[i], all[i]);
}

static void run_pending(void)
{
    sequencer_run_pending(ledger);
    memset(names, '!', sizeof all_names[0]);
    names = all_names[++group_number % 3];
}

static void fill_txn(struct ledger_txn *txn, size_t entries, uint64_t first)
{
    make_names();
    *txn = (struct ledger_txn){.entry_count = entries, .done = on_done};
    for (size_t i = 0; i < entries; i++) {
        struct ledger_entry *entry = &txn->entries[i];
        unsigned agent = some_agent();

        agents[first + i] = agent;
        *entry = (struct ledger_entry){.type = RECORD_OUTCOME, .tenant = RECORD_TENANT_DEFAULT, .body = SLICE("{}")};
        entry->terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, slice_from_str(names[agent])};
        entry->terms[1] = entry->terms[2] = (struct ledger_term){LEDGER_TERM_RULE, slice_from_str(names[agent])};
        entry->term_count = 3;
    }
}

/* One group of that many transactions of one to four entries. */
static void add_group(size_t txns)
{
    static struct ledger_txn all[GROUP_TXNS_MAX];
    uint64_t next = ledger_durable(ledger);

    for (size_t i = 0; i < txns; i++) {
        size_t entries = 1 + (size_t)rand_r(&seed) % LEDGER_TXN_ENTRIES_MAX;

        fill_txn(&all[i], entries, next);
        next += entries;
        ck_assert(ledger_submit(ledger, &all[i]) == STATUS_OK);
    }
    run_pending();
    ck_assert_uint_eq(ledger_durable(ledger), next);
}

/* Groups of one transaction until the ledger has exactly so many entries. */
static void fill_to(uint64_t size)
{
    while (ledger_durable(ledger) < size) {
        uint64_t left = size - ledger_durable(ledger), next = ledger_durable(ledger);
        struct ledger_txn txn;

        fill_txn(&txn, left < LEDGER_TXN_ENTRIES_MAX ? left : LEDGER_TXN_ENTRIES_MAX, next);
        ck_assert(ledger_submit(ledger, &txn) == STATUS_OK);
        run_pending();
        ck_assert_uint_gt(ledger_durable(ledger), next);
    }
}

/* ---- what is found ---- */

struct expectation {
    unsigned agent;
    uint64_t next; /* below it the next hit must lie */
};

static enum status check_hit(void *context, uint64_t index, struct slice record, struct error *unused)
{
    struct expectation *expected = context;

    (void)record;
    (void)unused;
    do
        expected->next--;
    while (expected->next > 0 && agents[expected->next] != expected->agent);
    ck_assert_uint_eq(index, expected->next);
    return STATUS_OK;
}

/* Every entry of the agent, in pages, and none twice. */
static void check_agent(unsigned agent, struct slice name)
{
    struct ledger_query query = {.terms = {{LEDGER_TERM_AGENT, name}, {LEDGER_TERM_RULE, name}}, .term_count = 2, .limit = 900};
    struct expectation expected = {.agent = agent, .next = ledger_durable(ledger)};
    uint64_t next = UINT64_MAX;

    while (next != 0) {
        query.before = next;
        ck_assert_msg(ledger_query(ledger_store(ledger), ledger_durable(ledger), &query, check_hit, &expected, &next, &error) ==
                          STATUS_OK,
                      "%s", error.message);
    }
    while (expected.next > 1)
        ck_assert_uint_ne(agents[--expected.next], agent);
}

static void check_queries(void)
{
    check_agent(0, SLICE("seldom"));
    check_agent(1, SLICE("a"));
    check_agent(2, SLICE("ab"));
    check_agent(3, SLICE(""));
}

struct census {
    uint64_t from;
    size_t groups, terms;
};

static bool count_row(void *context, const struct store_visit *row)
{
    struct census *census = context;

    if (row->key.data[0] != '\0') {
        census->terms++;
        return true;
    }
    census->groups++;
    ck_assert_uint_ge((uint64_t)(unsigned char)row->key.data[7] << 8 | (unsigned char)row->key.data[8], census->from);
    return true;
}

/* Rows of groups are there only for what is not merged. */
static struct census take_census(void)
{
    struct census census = {.from = recent_from(ledger_durable(ledger))};

    ck_assert(store->ops->scan(store, STORE_POSTINGS, (struct slice){0}, (struct slice){0}, false, count_row, &census,
                               &error) == STATUS_OK);
    return census;
}

START_TEST(queries_agree_with_a_model)
{
    unsigned round = 0;

    open_all(_i);
    while (ledger_durable(ledger) < ENTRIES) {
        bool passed = ledger_durable(ledger) % RECENT_SPAN > RECENT_SPAN - 40;

        add_group(1 + (size_t)rand_r(&seed) % (passed ? 60 : GROUP_TXNS_MAX));
        if (passed || round++ % 8 == 0)
            check_queries();
        if (round % 5 == 0) {
            reopen(_i);
            round++;
        }
    }
    check_queries();
    ck_assert_uint_le(take_census().terms, 4 * (2 * AGENTS + 2));
    close_all();
}
END_TEST

START_TEST(a_group_that_ends_at_a_multiple_is_merged)
{
    open_all(false);
    while (ledger_durable(ledger) < RECENT_SPAN - 4)
        add_group(1);
    ck_assert_uint_gt(take_census().groups, RECENT_SPAN / LEDGER_TXN_ENTRIES_MAX / 2);
    fill_to(RECENT_SPAN);
    ck_assert_uint_eq(ledger_durable(ledger), RECENT_SPAN);
    ck_assert_uint_eq(take_census().groups, 0);
    check_queries();
    add_group(1);
    ck_assert_uint_eq(take_census().groups, 1);
    check_queries();
    close_all();
}
END_TEST

/* ---- opened again in the midst of a span ---- */

static bool add_row(void *context, const struct store_visit *row)
{
    struct buf *rows = context;

    buf_printf(rows, "%zu %zu ", row->key.size, row->value.size);
    buf_add_slice(rows, row->key);
    buf_add_slice(rows, row->value);
    return true;
}

static void add_group_and_reopen(bool rocks, unsigned every, size_t txns)
{
    static unsigned groups;

    add_group(txns);
    if (every > 0 && ++groups % every == 0)
        reopen(rocks);
}

/* A span that ends with a group, then two that end inside one; the whole index as it is then. With `every`, the ledger is
 * opened again after so many groups, and always before and after a multiple. */
static void write_three_spans(bool rocks, unsigned every, struct buf *rows)
{
    setup();
    open_all(rocks);
    while (ledger_durable(ledger) < RECENT_SPAN - 100)
        add_group_and_reopen(rocks, every, 1 + (size_t)rand_r(&seed) % 16);
    fill_to(RECENT_SPAN);
    for (uint64_t at = 2 * RECENT_SPAN; at <= 3 * RECENT_SPAN; at += RECENT_SPAN) {
        if (every > 0)
            reopen(rocks);
        while (ledger_durable(ledger) < at - 40)
            add_group_and_reopen(rocks, every, 1 + (size_t)rand_r(&seed) % 8);
        if (every > 0)
            reopen(rocks);
        add_group(60);
        ck_assert_uint_gt(ledger_durable(ledger), at);
        ck_assert_uint_eq(take_census().groups, 0);
        add_group(3);
    }
    check_queries();
    buf_create(rows, NULL);
    ck_assert(store->ops->scan(store, STORE_POSTINGS, (struct slice){0}, (struct slice){0}, false, add_row, rows, &error) ==
              STATUS_OK);
    ck_assert(!rows->failed);
    close_all();
}

START_TEST(what_is_written_does_not_depend_on_who_remembers_it)
{
    struct buf at_once, reopened;

    write_three_spans(_i, 0, &at_once);
    write_three_spans(_i, 3, &reopened);
    ck_assert(slice_equal(buf_slice(&at_once), buf_slice(&reopened)));
    buf_destroy(&at_once);
    buf_destroy(&reopened);
}
END_TEST

/* ---- a store that is watched ---- */

struct watched {
    struct store base;
    struct store_ops ops;
    struct store *inner;
    size_t scans;                                   /* of the index */
    enum { WORKS, FAILS_WITHOUT, FAILS_WITH } next; /* a commit that fails may have been written */
};

static enum status watched_get(struct store *base, enum store_family family, struct slice key, struct arena *arena,
                               struct slice *value, struct error *into)
{
    return store_get(((struct watched *)base)->inner, family, key, arena, value, into);
}

static enum status watched_scan(struct store *base, enum store_family family, struct slice from, struct slice to, bool reverse,
                                store_visit_f visit, void *context, struct error *into)
{
    struct watched *watched = (struct watched *)base;

    watched->scans += family == STORE_POSTINGS;
    return watched->inner->ops->scan(watched->inner, family, from, to, reverse, visit, context, into);
}

static struct store_batch *watched_batch_new(struct store *base)
{
    struct watched *watched = (struct watched *)base;

    return watched->inner->ops->batch_new(watched->inner);
}

static enum status watched_commit(struct store *base, struct store_batch *batch, bool sync, struct error *into)
{
    struct watched *watched = (struct watched *)base;

    if (watched->next == FAILS_WITHOUT)
        return error_set(into, STATUS_IO, "", "the disk is full");
    ck_assert(watched->inner->ops->commit(watched->inner, batch, sync, into) == STATUS_OK);
    return watched->next == WORKS ? STATUS_OK : error_set(into, STATUS_IO, "", "the disk is gone");
}

/* A ledger on the store as it is, watched. */
static void watch(struct watched *watched)
{
    *watched = (struct watched){.inner = store, .base = {.ops = &watched->ops}};
    watched->ops = (struct store_ops){.get = watched_get,
                                      .scan = watched_scan,
                                      .commit = watched_commit,
                                      .batch_new = watched_batch_new,
                                      .batch_delete = store->ops->batch_delete};
    ledger_close(ledger);
    ck_assert_msg(open_ledger(&watched->base) == STATUS_OK, "%s", error.message);
}

/* At a multiple, too: whoever waits for the commit would wait for it. */
START_TEST(writing_reads_nothing_of_the_index)
{
    struct watched watched;

    open_all(false);
    fill_to(700);
    watch(&watched);
    watched.scans = 0;
    fill_to(RECENT_SPAN - 3);
    fill_to(RECENT_SPAN - 2); /* a group of the one entry before the merge */
    ck_assert_uint_gt(take_census().groups, RECENT_SPAN / LEDGER_TXN_ENTRIES_MAX / 2);
    add_group(30);
    ck_assert_uint_eq(take_census().groups, 0);
    ck_assert_uint_eq(watched.scans, 0);
    check_queries();
    ck_assert_uint_gt(watched.scans, 0);
    close_all();
}
END_TEST

static void on_unknown(struct ledger_txn *txn)
{
    ck_assert_int_eq(txn->result, LEDGER_UNKNOWN);
}

/* Entry by entry up to the one that fails: within a span, or the one that ends it. Whether it was written or not, nothing
 * follows it, and the next to open the store goes on from what is there. */
START_TEST(after_a_commit_that_failed_only_the_store_counts)
{
    uint64_t at = _i < 2 ? RECENT_SPAN - 300 : RECENT_SPAN - 1;
    struct ledger_txn txn, next;
    struct watched watched;

    open_all(false);
    watch(&watched);
    fill_to(at);
    watched.next = _i % 2 ? FAILS_WITH : FAILS_WITHOUT;
    fill_txn(&txn, 2, at);
    fill_txn(&next, 1, at + 2);
    txn.done = next.done = on_unknown;
    ck_assert(ledger_submit(ledger, &txn) == STATUS_OK);
    run_pending();
    watched.next = WORKS;
    ck_assert(ledger_submit(ledger, &next) != STATUS_OK);
    reopen(false);
    ck_assert_uint_eq(ledger_durable(ledger), _i % 2 ? at + 2 : at);
    check_queries();
    fill_to(RECENT_SPAN + 2);
    add_group(20);
    check_queries();
    ck_assert_uint_ge(ledger_durable(ledger), RECENT_SPAN + 22);
    fill_to(2 * RECENT_SPAN + 1);
    check_queries();
    close_all();
}
END_TEST

/* ---- damaged rows ---- */

static void put_row(uint64_t first, size_t key_size, struct slice row)
{
    struct store_batch *batch = store->ops->batch_new(store);
    char key[10] = {0};

    for (int i = 0; i < 8; i++)
        key[1 + i] = (char)(first >> (56 - 8 * i));
    store_put(batch, STORE_POSTINGS, slice_from(key, key_size), row);
    ck_assert(store->ops->commit(store, batch, false, &error) == STATUS_OK);
    store->ops->batch_delete(batch);
}

/* Every shorter form of a row, and one with a count that is too large, is reported, not believed. */
START_TEST(a_damaged_row_is_found)
{
    static const char row[] = {LEDGER_TERM_AGENT, 1, 'a', 2, 0, 1};
    uint64_t *indices;
    size_t count;

    open_all(false);
    for (size_t size = 0; size <= sizeof row; size++) {
        put_row(0, 9, slice_from(row, size));
        ck_assert_int_eq(recent_read(store, 1, LEDGER_TERM_AGENT, SLICE("a"), &indices, &count, &error),
                         size == 0 || size == sizeof row ? STATUS_OK : STATUS_CORRUPT);
        ck_assert(size != sizeof row || (count == 2 && indices[0] == 0 && indices[1] == 1));
        free(indices);
    }
    close_all();
}
END_TEST

/* What no shorter form of a row is. */
static const struct {
    struct slice row;
    size_t key_size;
} rows_for_queries[] = {
    {SLICE("a\1a\2\1\0"), 9}, /* the same entry again */
    {SLICE("a\1a\2\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), 9},
    {SLICE("a\1a\1\0"), 10},
    {SLICE("b\1a\0"), 9},
};

START_TEST(a_damaged_row_ends_a_query)
{
    uint64_t *indices;
    size_t count;

    open_all(false);
    put_row(0, rows_for_queries[_i].key_size, rows_for_queries[_i].row);
    ck_assert_int_eq(recent_read(store, 1, LEDGER_TERM_AGENT, SLICE("a"), &indices, &count, &error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "reindex"));
    free(indices);
    close_all();
}
END_TEST

/* Rows of a ledger of RECENT_SPAN + 4 entries, the last four of which are one group: in its place, or in that of another. */
static const struct {
    struct slice row;
    uint64_t first;
    size_t key_size;
    enum status status; /* GONE: not damage, but an end that is gone, with another remedy */
} rows_at_open[] = {
    {SLICE("ax"), RECENT_SPAN, 9, STATUS_CORRUPT},         /* cut off */
    {SLICE("a\1x\0"), RECENT_SPAN, 9, STATUS_CORRUPT},     /* a term without an index */
    {SLICE("\0\1x\1\0"), RECENT_SPAN, 9, STATUS_CORRUPT},  /* no kind */
    {SLICE("a\1x\1\4"), RECENT_SPAN, 9, STATUS_GONE},      /* an entry past the end */
    {SLICE("a\1x\2\1\0"), RECENT_SPAN, 9, STATUS_CORRUPT}, /* the same entry again */
    {SLICE("a\1x\1\1a\1x\1\1"), RECENT_SPAN, 9, STATUS_CORRUPT},
    {SLICE("a\1x\1\1a\1x\1\0"), RECENT_SPAN, 9, STATUS_CORRUPT}, /* one before it */
    {SLICE("a\1x\2\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), RECENT_SPAN, 9, STATUS_CORRUPT},
    {SLICE("a\1x\1\0"), RECENT_SPAN, 10, STATUS_CORRUPT}, /* a key that is too long */
    {SLICE("a\1x\1\0"), RECENT_SPAN + 4, 9, STATUS_GONE},
    {SLICE("a\1x\4\0\1\1\1"), RECENT_SPAN, 9, STATUS_OK},
    {SLICE("a\1x\1\0"), RECENT_SPAN + 3, 9, STATUS_OK},
    {SLICE("ax"), RECENT_SPAN - 1, 9, STATUS_OK}, /* of a span before, where nothing is read */
};

START_TEST(a_damaged_row_is_found_at_the_next_start)
{
    bool gone = rows_at_open[_i].status == STATUS_GONE;

    open_all(false);
    fill_to(RECENT_SPAN);
    fill_to(RECENT_SPAN + 4);
    ck_assert_uint_eq(take_census().groups, 1);
    ledger_close(ledger);
    ledger = NULL;
    put_row(rows_at_open[_i].first, rows_at_open[_i].key_size, rows_at_open[_i].row);
    ck_assert_msg(open_ledger(store) == (gone ? STATUS_CORRUPT : rows_at_open[_i].status), "row %d: %s", _i, error.message);
    ck_assert(rows_at_open[_i].status == STATUS_OK || strstr(error.message, gone ? "restore a backup" : "reindex"));
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recent");
    TCase *tests = tcase_create("recent");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, queries_agree_with_a_model, 0, 2);
    tcase_add_test(tests, a_group_that_ends_at_a_multiple_is_merged);
    tcase_add_loop_test(tests, what_is_written_does_not_depend_on_who_remembers_it, 0, 2);
    tcase_add_test(tests, writing_reads_nothing_of_the_index);
    tcase_add_loop_test(tests, after_a_commit_that_failed_only_the_store_counts, 0, 4);
    tcase_add_test(tests, a_damaged_row_is_found);
    tcase_add_loop_test(tests, a_damaged_row_ends_a_query, 0, sizeof rows_for_queries / sizeof *rows_for_queries);
    tcase_add_loop_test(tests, a_damaged_row_is_found_at_the_next_start, 0, sizeof rows_at_open / sizeof *rows_at_open);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
