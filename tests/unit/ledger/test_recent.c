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

static void open_all(bool rocks)
{
    const struct ledger_options options = {.clock = clock_system()};

    ck_assert((rocks ? store_open_rocksdb(folder, false, &store, &error) : store_open_memory(&store, &error)) == STATUS_OK);
    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
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

static void fill_txn(struct ledger_txn *txn, size_t entries, uint64_t first)
{
    static const struct slice names[AGENTS] = {SLICE("seldom"), SLICE("a"), SLICE("ab"), SLICE(""),
                                               SLICE("b"),      SLICE("c"), SLICE("d")};

    *txn = (struct ledger_txn){.entry_count = entries, .done = on_done};
    for (size_t i = 0; i < entries; i++) {
        struct ledger_entry *entry = &txn->entries[i];
        unsigned agent = some_agent();

        agents[first + i] = agent;
        *entry = (struct ledger_entry){.type = RECORD_OUTCOME, .tenant = RECORD_TENANT_DEFAULT, .body = SLICE("{}")};
        entry->terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, names[agent]};
        entry->terms[1] = entry->terms[2] = (struct ledger_term){LEDGER_TERM_RULE, names[agent]};
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
    sequencer_run_pending(ledger);
    ck_assert_uint_eq(ledger_durable(ledger), next);
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
    unsigned reopen = 0;

    open_all(_i);
    while (ledger_durable(ledger) < ENTRIES) {
        bool passed = ledger_durable(ledger) % RECENT_SPAN > RECENT_SPAN - 40;

        add_group(1 + (size_t)rand_r(&seed) % (passed ? 60 : GROUP_TXNS_MAX));
        if (passed || reopen++ % 8 == 0)
            check_queries();
        if (_i == 1 && reopen % 5 == 0) {
            ledger_close(ledger);
            store->ops->close(store);
            open_all(true);
            reopen++;
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
    while (ledger_durable(ledger) < RECENT_SPAN) {
        struct ledger_txn txn;

        fill_txn(&txn, 1, ledger_durable(ledger));
        ck_assert(ledger_submit(ledger, &txn) == STATUS_OK);
        sequencer_run_pending(ledger);
    }
    ck_assert_uint_eq(ledger_durable(ledger), RECENT_SPAN);
    ck_assert_uint_eq(take_census().groups, 0);
    check_queries();
    add_group(1);
    ck_assert_uint_eq(take_census().groups, 1);
    check_queries();
    close_all();
}
END_TEST

/* Every shorter form of a row, and one with a count that is too large, is reported, not believed. */
START_TEST(a_damaged_row_is_found)
{
    static const char row[] = {LEDGER_TERM_AGENT, 1, 'a', 2, 0, 1};
    static const char key[9] = {0};
    struct store_batch *batch;
    uint64_t *indices;
    size_t count;

    open_all(false);
    batch = store->ops->batch_new(store);
    for (size_t size = 0; size <= sizeof row; size++) {
        store_put(batch, STORE_POSTINGS, slice_from(key, sizeof key), slice_from(row, size));
        ck_assert(store->ops->commit(store, batch, false, &error) == STATUS_OK);
        ck_assert_int_eq(recent_read(store, 1, LEDGER_TERM_AGENT, SLICE("a"), &indices, &count, &error),
                         size == 0 || size == sizeof row ? STATUS_OK : STATUS_CORRUPT);
        ck_assert(size != sizeof row || (count == 2 && indices[0] == 0 && indices[1] == 1));
        free(indices);
    }
    store->ops->batch_delete(batch);
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
    tcase_add_test(tests, a_damaged_row_is_found);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
