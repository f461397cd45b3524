/* What verification sees of the two indexes: rows that are missing, doubled, wrong or too many, in both stores. */
#include "base/u64be.h"
#include "ledger/postings.h"
#include "ledger/sequencer.h"
#include "ledger/verify.h"
#include "proto/decision.h"
#include "proto/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 2500, ODD = 77 }; /* past 2,048, where rows by term begin */

static char folder[] = "/tmp/edict-test-XXXXXX";
static struct store *store;
static struct error error;

static int64_t now(void *context)
{
    (void)context;
    return 1700000000000;
}

static void done(struct ledger_txn *txn)
{
    ck_assert_int_eq(txn->result, LEDGER_OK);
}

static struct uuid id_of(uint64_t index)
{
    struct uuid id = {{1}};

    u64be_put(id.bytes + 8, index * 7919);
    return id;
}

static void submit(struct ledger *ledger, uint64_t index)
{
    struct uuid id = id_of(index);
    char text[UUID_TEXT_SIZE], body[256];
    struct ledger_txn txn = {.entry_count = 1, .done = done};

    uuid_format(&id, text);
    snprintf(body, sizeof body, "{\"facts\":{%s},\"id\":\"%.36s\",\"request\":{\"a\":{},\"id\":\"x\"}}",
             index == ODD ? "\"a\":{},\"id\":\"01a20d40-bfd4-7000-8176-c4aae873a8bf\"" : "\"a\":\"}\\\"\"", text);
    txn.entries[0] = (struct ledger_entry){.type = RECORD_DECISION,
                                           .tenant = RECORD_TENANT_DEFAULT,
                                           .body = slice_from_str(body),
                                           .id = id.bytes,
                                           .terms = {{LEDGER_TERM_AGENT, index % 2 ? SLICE("odd") : SLICE("even")}},
                                           .term_count = 1};
    ck_assert_int_eq(ledger_submit(ledger, &txn), STATUS_OK);
    sequencer_run_pending(ledger);
}

static void begin(bool rocks)
{
    struct ledger_options options = {.clock = {.now_ms = now}};
    struct ledger *ledger = NULL;
    enum status status;

    json_setup();
    error = (struct error){0};
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    status = rocks ? store_open_rocksdb(folder, false, &store, &error) : store_open_memory(&store, &error);
    ck_assert_msg(status == STATUS_OK, "%s", error.message);
    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
    for (uint64_t i = 1; i < ENTRIES; i++)
        submit(ledger, i);
    ledger_close(ledger);
}

static void end(void)
{
    char command[64];

    store->ops->close(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static enum status verify(void)
{
    struct verify_result result;

    return ledger_verify(store, NULL, NULL, &result, &error);
}

/* An empty value: removes. */
static void change(enum store_family family, struct slice key, struct slice value)
{
    struct store_batch *batch = store->ops->batch_new(store);

    if (value.data)
        store_put(batch, family, key, value);
    else
        batch->ops->remove(batch, family, key);
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
}

/* Verification refuses it with these words, and takes it again when the row is as it was. */
static void expect_refusal(enum store_family family, struct slice key, struct slice value, const char *words)
{
    struct arena arena;
    struct slice before = {0};

    arena_create(&arena, 4096, 1 << 20);
    if (store_get(store, family, key, &arena, &before, &error) != STATUS_OK)
        before = (struct slice){0};
    change(family, key, value);
    ck_assert_int_eq(verify(), STATUS_CORRUPT);
    ck_assert_msg(strstr(error.message, words) && strstr(error.message, "edict ledger reindex --data DIR"), "%s instead of %s",
                  error.message, words);
    change(family, key, before);
    ck_assert_msg(verify() == STATUS_OK, "%s", error.message);
    arena_destroy(&arena);
}

START_TEST(rows_of_ids_are_those_of_the_decisions)
{
    struct uuid id = id_of(1234), other = id_of(ENTRIES + 5);
    struct slice key = slice_from(id.bytes, UUID_SIZE);
    char index[U64BE_SIZE];

    begin(_i);
    ck_assert_msg(verify() == STATUS_OK, "%s", error.message); /* with one body in which another id comes first */
    expect_refusal(STORE_IDS, key, (struct slice){0}, "the index of ids is damaged: entry 1234, decision 01000000");
    u64be_put(index, 1235);
    expect_refusal(STORE_IDS, key, slice_from(index, sizeof index), "is under another entry");
    expect_refusal(STORE_IDS, slice_from(other.bytes, UUID_SIZE), slice_from(index, sizeof index), "it has 2500 rows");
    expect_refusal(STORE_IDS, key, SLICE("short"), "wrong size");
    expect_refusal(STORE_IDS, slice_from(id.bytes, 8), slice_from(index, sizeof index), "wrong size");
    u64be_put(index, ENTRIES);
    expect_refusal(STORE_IDS, key, slice_from(index, sizeof index), "names entry 2500, and there are 2500");
    end();
}
END_TEST

START_TEST(rows_of_terms_have_their_form)
{
    static const char past[] = "aodd\0\0\0\0\0\0\0\x09\xc4", unknown[] = "zodd\0\0\0\0\0\0\0\0\1",
                      merged[] = "\0\0\0\0\0\0\0\0\5", group[] = "\0\0\0\0\0\0\0\x09\xc3";
    char key[POSTINGS_KEY_MAX];
    uint64_t first = 1, second = 5;
    struct slice row;

    begin(_i);
    row = slice_from(key, postings_key(LEDGER_TERM_AGENT, SLICE("odd"), &first, key));
    expect_refusal(STORE_POSTINGS, row, SLICE("\x80"), "the index of terms is damaged: a row has no valid form");
    expect_refusal(STORE_POSTINGS, row, SLICE("\2\0"), "no valid form");
    expect_refusal(STORE_POSTINGS, row, SLICE("\xff\x7f"), "not there");
    row = slice_from(key, postings_key(LEDGER_TERM_AGENT, SLICE("odd"), &second, key));
    expect_refusal(STORE_POSTINGS, row, SLICE("\2"), "two rows of a term overlap");
    expect_refusal(STORE_POSTINGS, slice_from(past, sizeof past - 1), SLICE(""), "not there");
    expect_refusal(STORE_POSTINGS, slice_from(unknown, sizeof unknown - 1), SLICE(""), "key of no valid form");
    expect_refusal(STORE_POSTINGS, SLICE("aodd"), SLICE(""), "key of no valid form");
    expect_refusal(STORE_POSTINGS, slice_from(merged, sizeof merged - 1), SLICE("y\1d\1\0"), "has been merged");
    expect_refusal(STORE_POSTINGS, slice_from(group, sizeof group - 1), SLICE("yd"), "the row of a group has no valid form");
    expect_refusal(STORE_POSTINGS, slice_from(group, sizeof group - 1), SLICE("y\1d\1\5"), "not there");
    expect_refusal(STORE_POSTINGS, slice_from(group, 5), SLICE("y\1d\1\0"), "wrong size");
    end();
}
END_TEST

START_TEST(an_id_is_found_without_parsing)
{
    static const char *const none[] = {"{}",
                                       "{\"id\":\"short\"}",
                                       "{\"facts\":{\"id\":\"01a20d40-bfd4-7000-8176-c4aae873a8bf\"}}",
                                       "",
                                       "{\"id\":\"01a20d40-bfd4-7000-8176-c4aae873a8bf",
                                       "{\"a\":\"\\",
                                       "{\"a\":\"id\",\"b\":[\"id\"]}"};
    struct uuid id;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        ck_assert(!decision_id_of_body(slice_from_str(none[i]), &id));
        ck_assert(i == 2 || !decision_id_likely(slice_from_str(none[i]), &id));
    }
    ck_assert(decision_id_of_body(SLICE("{\"a\":\"\\\\\",\"b\":[{\"id\":\"01a20d40-bfd4-7000-8176-000000000000\"}],\"id\":"
                                        "\"01a20d40-bfd4-7000-8176-c4aae873a8bf\"}"),
                                  &id));
    ck_assert_uint_eq(id.bytes[15], 0xbf);
    ck_assert(decision_id_likely(SLICE("{\"facts\":{},\"id\":\"01a20d40-bfd4-7000-8176-c4aae873a8bf\"}"), &id));
    ck_assert_uint_eq(id.bytes[0], 0x01);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify index");
    TCase *tests = tcase_create("verify index");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, rows_of_ids_are_those_of_the_decisions, 0, 2);
    tcase_add_loop_test(tests, rows_of_terms_have_their_form, 0, 2);
    tcase_add_test(tests, an_id_is_found_without_parsing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
