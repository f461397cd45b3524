/* Queries against a plain look at every entry, and what they read of the store, counted. */
#include "ledger/query.h"
#include "ledger/sequencer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- a store that counts ---- */

struct counting {
    struct store base;
    struct store *inner;
    uint64_t rows, entries; /* visited by scans and found by gets; of them records */
};

struct counted_scan {
    struct counting *store;
    enum store_family family;
    store_visit_f visit;
    void *context;
};

static void count(struct counting *store, enum store_family family)
{
    store->rows++;
    store->entries += family == STORE_ENTRIES;
}

static enum status counted_get(struct store *base, enum store_family family, struct slice key, struct arena *arena,
                               struct slice *value, struct error *error)
{
    struct counting *store = (struct counting *)base;

    count(store, family);
    return store_get(store->inner, family, key, arena, value, error);
}

static bool counted_visit(void *context, const struct store_visit *row)
{
    const struct counted_scan *scan = context;

    count(scan->store, scan->family);
    return scan->visit(scan->context, row);
}

static enum status counted_scan(struct store *base, enum store_family family, struct slice from, struct slice to, bool reverse,
                                store_visit_f visit, void *context, struct error *error)
{
    struct counting *store = (struct counting *)base;
    struct counted_scan scan = {.store = store, .family = family, .visit = visit, .context = context};

    return store->inner->ops->scan(store->inner, family, from, to, reverse, counted_visit, &scan, error);
}

static const struct store_ops counting_ops = {.get = counted_get, .scan = counted_scan};

/* ---- a ledger whose entries are known by their index ---- */

enum { MANY = 100000, SOME = 3000, GROUP = 64, RARE_EVERY = 9973, BURST_FROM = 50000, BURST_TO = 50200, MS_EVERY = 3 };

static char folder[] = "/tmp/edict-test-XXXXXX";
static int64_t now_ms;

static int64_t test_now(void *context)
{
    (void)context;
    return now_ms;
}

static void done(struct ledger_txn *txn)
{
    (void)txn;
}

static const struct slice agents[] = {{"agent-0", 7}, {"agent-1", 7}, {"agent-2", 7}},
                          tiers[] = {{"0", 1}, {"1", 1}, {"2", 1}, {"3", 1}};

/* What entry `i` is found by. */
static size_t terms_of(uint64_t i, struct ledger_term *terms)
{
    size_t n = 0;

    terms[n++] = (struct ledger_term){LEDGER_TERM_AGENT, agents[i % 3]};
    terms[n++] = (struct ledger_term){LEDGER_TERM_TIER, tiers[i / 2 % 4]};
    terms[n++] = (struct ledger_term){LEDGER_TERM_OPERATION, i % 2 ? SLICE("odd") : SLICE("even")};
    if (i % RARE_EVERY == 1)
        terms[n++] = (struct ledger_term){LEDGER_TERM_RULE, SLICE("rare")};
    if (i >= BURST_FROM && i < BURST_TO)
        terms[n++] = (struct ledger_term){LEDGER_TERM_RULE, SLICE("burst")};
    if (i % 5 == 0)
        terms[n++] = (struct ledger_term){LEDGER_TERM_COMMAND, SLICE("kubectl")};
    return n;
}

static int64_t time_of(uint64_t i)
{
    return 1000000 + (int64_t)i / MS_EVERY;
}

/* `terms_from`: before it, commands are not indexed, as in a ledger that is older than they are. */
static void fill(struct ledger *ledger, uint64_t size, uint64_t group, uint64_t terms_from)
{
    struct ledger_txn *txns = calloc(group, sizeof *txns);

    for (uint64_t i = ledger_sequenced(ledger); i < size;) {
        for (uint64_t g = 0; g < group && i < size; g++, i++) {
            struct ledger_entry *entry = &txns[g].entries[0];

            txns[g] = (struct ledger_txn){.entry_count = 1, .done = done};
            *entry = (struct ledger_entry){.type = RECORD_OUTCOME, .tenant = RECORD_TENANT_DEFAULT, .body = SLICE("{}")};
            entry->term_count = terms_of(i, entry->terms);
            if (i < terms_from && i % 5 == 0)
                entry->term_count--;
            ck_assert_int_eq(ledger_submit(ledger, &txns[g]), STATUS_OK);
        }
        now_ms = time_of(i - 1);
        sequencer_run_pending(ledger);
    }
    free(txns);
}

struct fixture {
    struct store *store;
    struct ledger *ledger;
    struct counting counting;
};

static void open_fixture(struct fixture *fixture, bool rocks, uint64_t size, uint64_t group)
{
    struct ledger_options options = {.clock = {.now_ms = test_now}};
    struct error error = {0};

    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    now_ms = time_of(0);
    ck_assert_int_eq(rocks ? store_open_rocksdb(folder, false, &fixture->store, &error)
                           : store_open_memory(&fixture->store, &error),
                     STATUS_OK);
    ck_assert_int_eq(ledger_open(fixture->store, &options, &fixture->ledger, &error), STATUS_OK);
    fill(fixture->ledger, size, group, 0);
    fixture->counting = (struct counting){.base.ops = &counting_ops, .inner = fixture->store};
}

static void close_fixture(struct fixture *fixture)
{
    char command[64];

    ledger_close(fixture->ledger);
    fixture->store->ops->close(fixture->store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- what is found ---- */

struct found {
    uint64_t *indices;
    size_t count, max;
};

static enum status collect(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct found *found = context;

    (void)record;
    (void)error;
    ck_assert_uint_lt(found->count, found->max);
    found->indices[found->count++] = index;
    return STATUS_OK;
}

/* All pages, by `limit`. */
static void run_pages(struct store *store, uint64_t size, struct ledger_query query, struct found *found)
{
    uint64_t next = 1;
    struct error error = {0};

    found->count = 0;
    for (int pages = 0; next != 0; pages++) {
        size_t before = found->count;

        ck_assert_int_lt(pages, 20000);
        ck_assert_msg(ledger_query(store, size, &query, collect, found, &next, &error) == STATUS_OK, "%s", error.message);
        ck_assert_uint_le(found->count - before, query.limit);
        *(query.oldest_first ? &query.from : &query.before) = next;
    }
}

static int64_t entry_time(struct store *store, uint64_t index)
{
    struct arena arena;
    struct slice record, body;
    struct record_header header;
    struct error error;
    char key[8];

    for (int i = 0; i < 8; i++)
        key[i] = (char)(index >> (56 - 8 * i));
    arena_create(&arena, 4096, 65536);
    ck_assert_int_eq(store_get(store, STORE_ENTRIES, slice_from(key, 8), &arena, &record, &error), STATUS_OK);
    ck_assert_int_eq(record_split(record, &header, &body, &error), STATUS_OK);
    arena_destroy(&arena);
    return header.time_ms;
}

static bool entry_matches(uint64_t index, int64_t time_ms, const struct ledger_query *query)
{
    struct ledger_term terms[LEDGER_TERMS_MAX];
    size_t count = index == 0 ? 0 : terms_of(index, terms);

    for (size_t i = 0; i < query->term_count; i++) {
        bool has = false;

        for (size_t t = 0; t < count; t++)
            has = has || (terms[t].kind == query->terms[i].kind && slice_equal(terms[t].value, query->terms[i].value));
        if (!has)
            return false;
    }
    return index >= query->from && index < query->before && (query->since_ms == 0 || time_ms >= query->since_ms) &&
           (query->until_ms == 0 || time_ms < query->until_ms);
}

static void compare(struct store *store, uint64_t size, const int64_t *times, const struct ledger_query *query,
                    struct found *found, const char *what)
{
    size_t at = 0;

    run_pages(store, size, *query, found);
    for (uint64_t i = 0; i < size; i++) {
        uint64_t index = query->oldest_first ? i : size - 1 - i;

        if (!entry_matches(index, times[index], query))
            continue;
        ck_assert_msg(at < found->count && found->indices[at] == index, "%s: entry %llu is missing", what,
                      (unsigned long long)index);
        at++;
    }
    ck_assert_msg(at == found->count, "%s: %zu too many", what, found->count - at);
}

static void random_query(unsigned *seed, uint64_t size, struct ledger_query *query)
{
    static const struct ledger_term choices[] = {{LEDGER_TERM_AGENT, {"agent-1", 7}}, {LEDGER_TERM_TIER, {"2", 1}},
                                                 {LEDGER_TERM_OPERATION, {"odd", 3}}, {LEDGER_TERM_RULE, {"rare", 4}},
                                                 {LEDGER_TERM_AGENT, {"nobody", 6}},  {LEDGER_TERM_COMMAND, {"kubectl", 7}},
                                                 {LEDGER_TERM_AGENT, {"agent-2", 7}}};

    *query = (struct ledger_query){.before = UINT64_MAX, .limit = 1 + (size_t)rand_r(seed) % 400};
    for (int i = rand_r(seed) % 4; i > 0; i--)
        query->terms[query->term_count++] = choices[(size_t)rand_r(seed) % (sizeof choices / sizeof *choices)];
    query->oldest_first = rand_r(seed) % 2;
    if (rand_r(seed) % 3 == 0)
        query->from = (uint64_t)rand_r(seed) % size;
    if (rand_r(seed) % 3 == 0)
        query->before = (uint64_t)rand_r(seed) % (size + 10);
    if (rand_r(seed) % 3 == 0)
        query->since_ms = time_of((uint64_t)rand_r(seed) % size);
    if (rand_r(seed) % 3 == 0)
        query->until_ms = time_of((uint64_t)rand_r(seed) % (size * 2));
    if (rand_r(seed) % 3 == 0)
        query->bytes_max = 1 + (size_t)rand_r(seed) % 2000;
}

START_TEST(queries_find_what_a_look_at_everything_finds)
{
    struct fixture fixture;
    const uint64_t groups[] = {1, 7, 1000};
    struct found found = {.indices = calloc(SOME, sizeof(uint64_t)), .max = SOME};
    int64_t *times = calloc(SOME, sizeof *times);
    unsigned seed = (unsigned)getpid() + (unsigned)_i;
    char what[64];

    open_fixture(&fixture, _i / 3, SOME, groups[_i % 3]);
    for (uint64_t i = 0; i < SOME; i++)
        times[i] = entry_time(fixture.store, i);
    for (int round = 0; round < 150; round++) {
        struct ledger_query query;

        snprintf(what, sizeof what, "seed %u, group %llu", seed, (unsigned long long)groups[_i % 3]);
        random_query(&seed, SOME, &query);
        compare(fixture.store, SOME, times, &query, &found, what);
    }
    close_fixture(&fixture);
    free(found.indices);
    free(times);
}
END_TEST

/* ---- what is read ---- */

static uint64_t rows_read(struct fixture *fixture, struct ledger_query query, struct found *found)
{
    fixture->counting.rows = fixture->counting.entries = 0;
    run_pages(&fixture->counting.base, MANY, query, found);
    return fixture->counting.rows;
}

static void check_reads(struct fixture *fixture, struct ledger_query query, size_t matches, uint64_t rows_max,
                        struct found *found)
{
    for (int oldest_first = 0; oldest_first < 2; oldest_first++) {
        uint64_t rows;

        query.oldest_first = oldest_first;
        rows = rows_read(fixture, query, found);
        ck_assert_uint_eq(found->count, matches);
        ck_assert_msg(rows <= rows_max, "%llu rows for %zu matches; %llu at most", (unsigned long long)rows, matches,
                      (unsigned long long)rows_max);
    }
}

START_TEST(what_is_read_follows_what_matches)
{
    /* A page also reads the rows of the newest groups, once a term, and where the ledger begins and what its index has. */
    enum { RARE = (MANY - 2) / RARE_EVERY + 1, PAGE_ROWS = 4 + 2 * (RECENT_SPAN / GROUP), LOG2 = 18 };
    struct fixture fixture;
    struct found found = {.indices = calloc(MANY, sizeof(uint64_t)), .max = MANY};
    struct ledger_query query = {.before = UINT64_MAX, .limit = QUERY_LIMIT_MAX};
    size_t burst = 0;

    for (uint64_t i = BURST_FROM; i < BURST_TO; i++)
        burst += i % 3 == 1;
    open_fixture(&fixture, true, MANY, GROUP);
    /* One rare term: for each match its record and at most two rows. */
    query.terms[query.term_count++] = (struct ledger_term){LEDGER_TERM_RULE, SLICE("rare")};
    check_reads(&fixture, query, RARE, 3 * RARE + PAGE_ROWS, &found);
    /* With a frequent one, in either order: a third of the entries is of this agent, and nothing is read of most of them. */
    query.terms[query.term_count++] = (struct ledger_term){LEDGER_TERM_AGENT, SLICE("agent-1")};
    check_reads(&fixture, query, 4, 6 * RARE + PAGE_ROWS, &found);
    query.terms[1] = query.terms[0];
    query.terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, SLICE("agent-1")};
    check_reads(&fixture, query, 4, 6 * RARE + PAGE_ROWS, &found);
    /* A value that nobody has. */
    query.terms[1] = (struct ledger_term){LEDGER_TERM_RULE, SLICE("none")};
    check_reads(&fixture, query, 0, PAGE_ROWS + 2, &found);
    /* A cluster: rows of groups are shared by its entries. */
    query.terms[1] = (struct ledger_term){LEDGER_TERM_RULE, SLICE("burst")};
    check_reads(&fixture, query, burst, burst + 6 + PAGE_ROWS, &found);
    /* A time: both bounds are found by halving. */
    query.term_count = 0;
    query.since_ms = time_of(60000);
    query.until_ms = query.since_ms + 100 / MS_EVERY;
    fixture.counting.rows = 0;
    run_pages(&fixture.counting.base, MANY, query, &found);
    ck_assert_uint_ge(found.count, 64);
    ck_assert_uint_le(fixture.counting.rows, found.count + 2 * LOG2 + PAGE_ROWS);
    close_fixture(&fixture);
    free(found.indices);
}
END_TEST

START_TEST(a_page_reads_no_more_than_it_may)
{
    struct fixture fixture;
    struct ledger_query query = {.before = UINT64_MAX, .limit = 50, .term_count = 2};
    struct found found = {.indices = calloc(MANY, sizeof(uint64_t)), .max = MANY};
    uint64_t next = 0;
    struct error error;

    /* Both are frequent, and never together. */
    query.terms[0] = (struct ledger_term){LEDGER_TERM_TIER, SLICE("0")};
    query.terms[1] = (struct ledger_term){LEDGER_TERM_TIER, SLICE("3")};
    open_fixture(&fixture, true, MANY, 3);
    ck_assert_int_eq(ledger_query(&fixture.counting.base, MANY, &query, collect, &found, &next, &error), STATUS_OK);
    ck_assert_uint_gt(next, 0);
    ck_assert_uint_le(fixture.counting.rows, QUERY_READS_MAX + 10);
    run_pages(&fixture.counting.base, MANY, query, &found); /* and it comes to its end */
    ck_assert_uint_eq(found.count, 0);
    close_fixture(&fixture);
    free(found.indices);
}
END_TEST

/* ---- an index that is older than its terms ---- */

static enum status check_command(void *context, uint64_t index, struct slice record, bool *matches, struct error *error)
{
    (void)record;
    (void)error;
    ++*(uint64_t *)context;
    *matches = index % 5 == 0;
    return STATUS_OK;
}

static void remove_version(struct store *store)
{
    struct store_batch *batch = store->ops->batch_new(store);
    struct error error;

    batch->ops->remove(batch, STORE_META, SLICE("postings"));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
}

START_TEST(records_tell_what_an_older_index_lacks)
{
    enum { OLD = 2000 };
    struct ledger_options options = {.clock = {.now_ms = test_now}};
    struct found found = {.indices = calloc(SOME, sizeof(uint64_t)), .max = SOME};
    struct ledger_query query = {
        .before = UINT64_MAX, .limit = 100, .term_count = 2, .filter = check_command, .filter_old_only = true};
    struct fixture fixture;
    struct error error = {0};
    uint64_t looked_at = 0;
    int64_t *times = calloc(SOME, sizeof *times);

    query.filter_context = &looked_at;
    query.terms[0] = (struct ledger_term){LEDGER_TERM_COMMAND, SLICE("kubectl")};
    query.terms[1] = (struct ledger_term){LEDGER_TERM_AGENT, SLICE("agent-1")};
    open_fixture(&fixture, _i, 1, 1);
    fill(fixture.ledger, OLD, 50, OLD);
    ledger_close(fixture.ledger);
    remove_version(fixture.store); /* as version 1 left it */
    for (int upgraded = 0; upgraded < 2; upgraded++) {
        uint64_t size = upgraded ? SOME : OLD;

        if (upgraded) {
            ck_assert_int_eq(ledger_open(fixture.store, &options, &fixture.ledger, &error), STATUS_OK);
            fill(fixture.ledger, SOME, 50, 0);
        }
        for (query.oldest_first = false;; query.oldest_first = true) {
            looked_at = 0;
            compare(fixture.store, size, times, &query, &found, "older index");
            /* Of the old part the agent's entries, of the new one none. */
            ck_assert_uint_ge(looked_at, OLD / 3 - 1);
            ck_assert_uint_le(looked_at, OLD / 3 + 1);
            if (query.oldest_first)
                break;
        }
    }
    close_fixture(&fixture);
    free(found.indices);
    free(times);
}
END_TEST

START_TEST(a_damaged_row_is_said_to_be_one)
{
    struct fixture fixture;
    struct store_batch *batch;
    struct found found = {.indices = calloc(SOME, sizeof(uint64_t)), .max = SOME};
    struct ledger_query query = {.before = UINT64_MAX, .limit = 10, .term_count = 1};
    const char key[] = "aagent-x\0\0\0\0\0\0\0\0\1";
    uint64_t next;
    struct error error = {0};

    open_fixture(&fixture, false, 100, 10);
    batch = fixture.store->ops->batch_new(fixture.store);
    store_put(batch, STORE_POSTINGS, slice_from(key, sizeof key - 1), SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    ck_assert_int_eq(fixture.store->ops->commit(fixture.store, batch, true, &error), STATUS_OK);
    fixture.store->ops->batch_delete(batch);
    query.terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, SLICE("agent-x")};
    ck_assert_int_eq(ledger_query(fixture.store, 100, &query, collect, &found, &next, &error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "reindex"));
    close_fixture(&fixture);
    free(found.indices);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("query");
    TCase *tests = tcase_create("query");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, queries_find_what_a_look_at_everything_finds, 0, 6);
    tcase_add_test(tests, what_is_read_follows_what_matches);
    tcase_add_test(tests, a_page_reads_no_more_than_it_may);
    tcase_add_loop_test(tests, records_tell_what_an_older_index_lacks, 0, 2);
    tcase_add_test(tests, a_damaged_row_is_said_to_be_one);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
