/* What entries are found by: live, in a ledger that is older than the index of a term, and after the index was rebuilt. */
#include "engine/index_check.h"
#include "engine/reindex.h"
#include "engine/terms.h"
#include "ledger/index_version.h"
#include "ledger/sequencer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { OLD = 1500, ALL = 4500, MORE = 1800 /* past a multiple of RECENT_SPAN */, FOUND_MAX = ALL + MORE };

static struct arena arena;
static struct store *store;
static struct ledger *ledger;

static int64_t test_now(void *context)
{
    (void)context;
    return 1795634926776;
}

static void open_ledger(void)
{
    struct ledger_options options = {.clock = {.now_ms = test_now}};
    struct error error = {0};

    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
}

static void setup(void)
{
    struct error error;

    json_setup();
    arena_create(&arena, 65536, 512 << 20);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    open_ledger();
}

static void teardown(void)
{
    ledger_close(ledger);
    store->ops->close(store);
    arena_destroy(&arena);
}

static void done(struct ledger_txn *txn)
{
    (void)txn;
}

/* The body of entry `i`: decisions by two agents, every seventh a use of the grant of ESC-1, every eleventh a resolution. */
static struct slice body_of(uint64_t i)
{
    const char *grant = i % 7 == 0 ? "\"grants\":[{\"id\":\"g\",\"escalation_id\":\"ESC-1\",\"covers\":[],\"uses_left\":1,"
                                     "\"expires_at\":\"2026-11-25T20:28:46.778Z\"}],"
                                   : "";

    if (i % 11 == 0)
        return arena_printf(&arena,
                            "{\"agent\":\"agent-%d\",\"by\":\"admin\",\"escalation_id\":\"ESC-1\",\"reason\":\"no\","
                            "\"resolution\":\"denied\"}",
                            (int)(i % 2));
    return arena_printf(&arena,
                        "{\"decision\":\"approve\",\"effects\":{%s},\"facts\":{%s\"now_ms\":1,\"v\":1},\"id\":\"x\","
                        "\"policy_revision\":\"r\",\"rationale\":\"r\",\"request\":{\"agent_identity\":\"agent-%d\","
                        "\"command\":\" kubectl\\tget  pod-%d -n x%d\",\"operation\":\"read\"},"
                        "\"verdict\":{\"reasons\":[],\"rules\":[{\"name\":\"rule-%d\",\"tier\":1}],\"tier\":1}}",
                        i % 7 == 0 ? "\"grant_id\":\"g\"" : "", grant, (int)(i % 2), (int)(i % 3), (int)(i % 5), (int)(i % 4));
}

/* The terms that version 1 of the index had. */
static void make_old(struct ledger_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->term_count; i++) {
        bool newer = entry->terms[i].kind == LEDGER_TERM_COMMAND ||
                     (entry->type == RECORD_DECISION && entry->terms[i].kind == LEDGER_TERM_ESCALATION);

        if (!newer)
            entry->terms[kept++] = entry->terms[i];
    }
    entry->term_count = kept;
}

static void add(uint64_t i, bool old)
{
    struct ledger_txn *txn = arena_zalloc(&arena, sizeof *txn);
    struct slice body = body_of(i);
    struct terms_record *found = arena_zalloc(&arena, sizeof *found);
    const struct record_header header = {.type = i % 11 == 0 ? RECORD_ESCALATION_RESOLVED : RECORD_DECISION,
                                         .tenant = RECORD_TENANT_DEFAULT,
                                         .semantics = 1,
                                         .time_ms = 1795634926776};
    char head[RECORD_HEADER_MAX];
    struct slice record;
    struct error error = {0};

    record = arena_printf(&arena, "%.*s%.*s", (int)record_write_header(&header, head), head, SLICE_ARG(body));
    ck_assert_msg(terms_of_record(store, i, record, &arena, found, &error) == STATUS_OK, "%s: %s", error.where, error.message);
    *txn = (struct ledger_txn){.entry_count = 1, .done = done, .entries = {found->entry}};
    txn->entries[0].tenant = RECORD_TENANT_DEFAULT;
    txn->entries[0].body = body;
    if (old)
        make_old(&txn->entries[0]);
    ck_assert_int_eq(ledger_submit(ledger, txn), STATUS_OK);
    if (i % 40 == 0)
        sequencer_run_pending(ledger);
}

static void fill(uint64_t to, bool old)
{
    for (uint64_t i = ledger_sequenced(ledger); i < to; i++)
        add(i, old);
    sequencer_run_pending(ledger);
}

static void change_version(bool remove)
{
    struct store_batch *batch = store->ops->batch_new(store);
    struct error error;

    if (remove)
        batch->ops->remove(batch, STORE_META, SLICE("postings"));
    else
        index_version_put(batch, false, 0);
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
}

/* ---- looking ---- */

struct found {
    uint64_t indices[FOUND_MAX];
    size_t count;
};

static enum status collect(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct found *found = context;

    (void)record;
    (void)error;
    found->indices[found->count++] = index;
    return STATUS_OK;
}

static enum status look(const struct terms_filter *wanted, struct found *found, struct error *error)
{
    struct terms_filter filter = *wanted;
    struct ledger_query query = {.before = UINT64_MAX, .oldest_first = true, .limit = FOUND_MAX};
    uint64_t next = 1;
    enum status status = STATUS_OK;

    found->count = 0;
    ck_assert(terms_query(&arena, store, &filter, &query));
    while (status == STATUS_OK && next != 0) {
        status = ledger_query(store, ledger_durable(ledger), &query, collect, found, &next, error);
        query.from = next;
    }
    terms_filter_destroy(&filter);
    return status;
}

static void expect(const struct terms_filter *filter, bool (*holds)(uint64_t i), const char *what)
{
    struct found found;
    struct error error = {0};
    size_t at = 0;

    ck_assert_msg(look(filter, &found, &error) == STATUS_OK, "%s: %s", what, error.message);
    for (uint64_t i = 1; i < ledger_durable(ledger); i++) {
        if (holds(i))
            ck_assert_msg(at < found.count && found.indices[at++] == i, "%s: %llu is missing", what, (unsigned long long)i);
    }
    ck_assert_msg(at == found.count, "%s: too many", what);
}

static bool is_decision(uint64_t i)
{
    return i % 11 != 0;
}
static bool is_pod_1(uint64_t i)
{
    return is_decision(i) && i % 3 == 1;
}
static bool is_pod_1_x4(uint64_t i)
{
    return is_pod_1(i) && i % 5 == 4;
}
static bool is_pod_1_by_0(uint64_t i)
{
    return is_pod_1(i) && i % 2 == 0;
}
static bool is_escalation_1(uint64_t i)
{
    return !is_decision(i) || i % 7 == 0;
}
static bool is_grant_use(uint64_t i)
{
    return is_decision(i) && i % 7 == 0;
}
static bool is_rule_2(uint64_t i)
{
    return is_decision(i) && i % 4 == 2;
}
static bool is_nothing(uint64_t i)
{
    (void)i;
    return false;
}

static void expect_all(void)
{
    expect(&(struct terms_filter){.type = SLICE("decision")}, is_decision, "type");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl")}, is_decision, "one word");
    expect(&(struct terms_filter){.command_prefix = SLICE("  kubectl \n get ")}, is_decision, "two words");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1")}, is_pod_1, "three words");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1 -n")}, is_pod_1, "four words");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1 -n x4")}, is_pod_1_x4, "five words");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1 -n x4 y")}, is_nothing, "six words");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod")}, is_nothing, "half a word");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod*")}, is_decision, "the beginning of a word");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1*")}, is_pod_1, "a whole word as a beginning");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1 *")}, is_pod_1, "a word and anything");
    expect(&(struct terms_filter){.command_prefix = SLICE("kube*")}, is_decision, "the beginning of the first word");
    expect(&(struct terms_filter){.command_prefix = SLICE("kubectl get pod-1"), .agent = SLICE("agent-0")}, is_pod_1_by_0,
           "with an agent");
    expect(&(struct terms_filter){.escalation = SLICE("ESC-1")}, is_escalation_1, "escalation");
    expect(&(struct terms_filter){.escalation = SLICE("ESC-1"), .tier = SLICE("1")}, is_grant_use, "uses of a grant");
    expect(&(struct terms_filter){.escalation = SLICE("ESC-2")}, is_nothing, "another escalation");
    expect(&(struct terms_filter){.rule = SLICE("rule-2")}, is_rule_2, "rule");
}

/* ---- tests ---- */

START_TEST(entries_are_found_by_their_terms)
{
    fill(ALL, false);
    expect_all();
}
END_TEST

static void make_older_ledger(void)
{
    fill(OLD, true);
    ledger_close(ledger);
    change_version(true);
    open_ledger();
    fill(ALL, false);
}

START_TEST(an_older_index_is_no_difference)
{
    make_older_ledger();
    expect_all();
}
END_TEST

struct rows {
    struct buf text;
    size_t count;
};

/* Terms and indices, however they are grouped into rows. */
static bool note_row(void *context, const struct store_visit *row)
{
    struct rows *rows = context;

    buf_add_slice(&rows->text, row->key);
    buf_add_slice(&rows->text, row->value);
    rows->count++;
    return true;
}

static void read_index(struct rows *rows)
{
    struct error error;

    *rows = (struct rows){.count = 0};
    buf_create(&rows->text, &arena);
    ck_assert_int_eq(
        store->ops->scan(store, STORE_POSTINGS, (struct slice){0}, (struct slice){0}, false, note_row, rows, &error),
        STATUS_OK);
}

/* Which needs the store for itself. */
static uint64_t reindex(void)
{
    struct error error = {0};
    uint64_t entries = 0;

    ledger_close(ledger);
    ledger = NULL;
    ck_assert_msg(reindex_run(&(struct reindex_options){.store = store}, &entries, &error) == STATUS_OK, "%s", error.message);
    open_ledger();
    return entries;
}

START_TEST(a_rebuilt_index_is_whole)
{
    struct rows first, second;
    struct error error = {0};
    uint64_t entries, from = 1;

    make_older_ledger();
    entries = reindex();
    ck_assert_uint_eq(entries, ALL);
    ck_assert_int_eq(index_version_from(store, LEDGER_TERM_COMMAND, ALL, &from, &error), STATUS_OK);
    ck_assert_uint_eq(from, 0);
    expect_all();
    read_index(&first);
    reindex();
    read_index(&second);
    ck_assert_uint_eq(first.count, second.count);
    ck_assert(slice_equal(buf_slice(&first.text), buf_slice(&second.text)));
    fill(ALL + MORE, false); /* and it goes on */
    expect_all();
}
END_TEST

START_TEST(half_an_index_is_not_used)
{
    struct ledger_options options = {.clock = {.now_ms = test_now}};
    struct ledger *other = NULL;
    struct found found;
    struct error error = {0};

    fill(ALL, false);
    change_version(false);
    ck_assert_int_eq(look(&(struct terms_filter){.rule = SLICE("rule-2")}, &found, &error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "reindex"));
    ck_assert_int_eq(ledger_open(store, &options, &other, &error), STATUS_CORRUPT);
    reindex();
    expect_all();
}
END_TEST

START_TEST(a_damaged_index_is_rebuilt)
{
    struct ledger_options options = {.clock = {.now_ms = test_now}};
    const char key[] = "\0\0\0\0\0\0\0\x11\x93"; /* of a group that begins with entry 4,499 */
    struct ledger *other = NULL;
    struct store_batch *batch;
    struct error error = {0};

    fill(ALL, false);
    batch = store->ops->batch_new(store);
    store_put(batch, STORE_POSTINGS, slice_from(key, sizeof key - 1), SLICE("rrule"));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
    ck_assert_int_eq(ledger_open(store, &options, &other, &error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "reindex"));
    reindex();
    expect_all();
    fill(ALL + MORE, false);
    expect_all();
}
END_TEST

/* ---- what is well formed and wrong ---- */

/* Which needs the store for itself. */
static enum status check(struct error *error)
{
    uint64_t entries = 0, rows = 0;
    enum status status;

    *error = (struct error){0};
    ledger_close(ledger);
    ledger = NULL;
    status = index_check_run(&(struct index_check){.store = store}, &entries, &rows, error);
    open_ledger();
    if (status == STATUS_OK)
        ck_assert(entries > 0 && rows > entries);
    return status;
}

static void change_row(struct slice key, const struct slice *value)
{
    struct store_batch *batch = store->ops->batch_new(store);
    struct error error;

    if (value)
        store_put(batch, STORE_POSTINGS, key, *value);
    else
        batch->ops->remove(batch, STORE_POSTINGS, key);
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
}

/* The first row by term of a rule, as it was. */
struct taken {
    struct slice key, value;
};

static bool take_rule(void *context, const struct store_visit *row)
{
    struct taken *taken = context;

    if (row->key.data[0] != LEDGER_TERM_RULE || taken->key.data)
        return true;
    taken->key = arena_copy(&arena, row->key);
    taken->value = arena_copy(&arena, row->value);
    return false;
}

START_TEST(an_entry_is_under_its_terms_and_no_others)
{
    struct taken taken = {0};
    struct slice shorter, other;
    struct error error = {0};

    fill(ALL, false);
    ck_assert_msg(check(&error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(
        store->ops->scan(store, STORE_POSTINGS, (struct slice){0}, (struct slice){0}, false, take_rule, &taken, &error),
        STATUS_OK);
    ck_assert(taken.key.data && taken.value.size > 1);
    shorter = slice_sub(taken.value, 0, taken.value.size - 1);
    change_row(taken.key, &shorter); /* an entry less */
    ck_assert_int_eq(check(&error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "by rule it has"));
    ck_assert_ptr_nonnull(strstr(error.message, "reindex"));
    change_row(taken.key, NULL); /* all of them under another rule */
    other = arena_copy(&arena, taken.key);
    ((char *)(uintptr_t)other.data)[1] ^= 1;
    change_row(other, &taken.value);
    ck_assert_int_eq(check(&error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "others"));
    change_row(other, NULL);
    change_row(taken.key, &taken.value);
    ck_assert_msg(check(&error) == STATUS_OK, "%s", error.message);
}
END_TEST

START_TEST(an_older_index_lacks_what_it_lacks)
{
    struct error error = {0};

    make_older_ledger();
    ck_assert_msg(check(&error) == STATUS_OK, "%s", error.message);
    reindex();
    ck_assert_msg(check(&error) == STATUS_OK, "%s", error.message);
}
END_TEST

static void check_words(const char *command, const char *const *expected)
{
    struct decision decision = {.request.command = slice_from_str(command)};
    struct ledger_entry entry;
    size_t at = 0;

    ck_assert(terms_of_decision(&arena, &decision, &entry));
    for (size_t i = 0; i < entry.term_count; i++) {
        if (entry.terms[i].kind != LEDGER_TERM_COMMAND)
            continue;
        ck_assert_ptr_nonnull(expected[at]);
        ck_assert_msg(slice_equal_str(entry.terms[i].value, expected[at]), "%.*s", SLICE_ARG(entry.terms[i].value));
        at++;
    }
    ck_assert_ptr_null(expected[at]);
}

START_TEST(commands_are_indexed_by_their_first_words)
{
    char word[TERMS_COMMAND_BYTES_MAX + 2];

    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    check_words("", (const char *[]){NULL});
    check_words(" \t\n ", (const char *[]){NULL});
    check_words("ls", (const char *[]){"ls", NULL});
    check_words("  rm\t-rf \n /tmp/x  ", (const char *[]){"rm", "rm -rf", "rm -rf /tmp/x", NULL});
    check_words("a b c d e", (const char *[]){"a", "a b", "a b c", "a b c d", NULL});
    check_words(word, (const char *[]){NULL});
    word[TERMS_COMMAND_BYTES_MAX] = '\0';
    check_words(word, (const char *[]){word, NULL});
    memcpy(word, "ls ", 3);
    word[sizeof word - 2] = 'x';
    check_words(word, (const char *[]){"ls", NULL});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("terms");
    TCase *tests = tcase_create("terms");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, entries_are_found_by_their_terms);
    tcase_add_test(tests, an_older_index_is_no_difference);
    tcase_add_test(tests, a_rebuilt_index_is_whole);
    tcase_add_test(tests, half_an_index_is_not_used);
    tcase_add_test(tests, a_damaged_index_is_rebuilt);
    tcase_add_test(tests, an_entry_is_under_its_terms_and_no_others);
    tcase_add_test(tests, an_older_index_lacks_what_it_lacks);
    tcase_add_test(tests, commands_are_indexed_by_their_first_words);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
