/*
 * Redacted decisions through a real ledger on both stores: no family but the one for it holds a value; erasing ends what waited
 * for it; the state is the fold of the entries before and after; verification finds every way in which values beside the
 * records can be wrong.
 */
#include "ledger/private.h"
#include "ledger/verify.h"
#include "proto/event.h"
#include "proto/redact.h"
#include "state/state.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/edict-test-XXXXXX";
static const char canary[] = "zq7Vk3Xw9PbT";
static int64_t now_ms = 1785242096789;

struct world {
    struct store *store;
    struct state *state;
    struct ledger *ledger;
    struct arena arena;
    struct uuid_generator uuids;
};

static struct world *world;

static int64_t fake_clock(void *context)
{
    return *(int64_t *)context;
}

static void open_world(bool rocks)
{
    struct ledger_options options = {.sync = true, .clock = {fake_clock, &now_ms}};
    struct error error = {0};

    if (!world->store && rocks)
        ck_assert_msg(store_open_rocksdb(folder, false, &world->store, &error) == STATUS_OK, "%s", error.message);
    else if (!world->store)
        ck_assert_int_eq(store_open_memory(&world->store, &error), STATUS_OK);
    ck_assert_msg(state_open(world->store, RECORD_TENANT_DEFAULT, &world->state, &error) == STATUS_OK, "%s", error.message);
    options.fold = state_fold(world->state);
    ck_assert_msg(ledger_open(world->store, &options, &world->ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(ledger_start(world->ledger, &error), STATUS_OK);
}

static void close_world(void)
{
    ledger_close(world->ledger);
    state_close(world->state);
    world->ledger = NULL;
    world->state = NULL;
}

static void setup(void)
{
    json_setup();
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    arena_create(&world->arena, 65536, 256u << 20);
}

static void teardown(void)
{
    char command[64];

    close_world();
    world->store->ops->close(world->store);
    arena_destroy(&world->arena);
    free(world);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- transactions ---- */

static int answered;

static void on_done(struct ledger_txn *txn)
{
    (void)txn;
    __atomic_fetch_add(&answered, 1, __ATOMIC_SEQ_CST);
}

static uint64_t submit(struct ledger_txn *txn, enum record_type type, struct slice body, const void *event)
{
    int before = __atomic_load_n(&answered, __ATOMIC_SEQ_CST);

    txn->entry_count = 1;
    txn->done = on_done;
    txn->entries[0].type = type;
    txn->entries[0].tenant = RECORD_TENANT_DEFAULT;
    txn->entries[0].body = body;
    txn->entries[0].event = event;
    ck_assert_int_eq(ledger_submit(world->ledger, txn), STATUS_OK);
    while (__atomic_load_n(&answered, __ATOMIC_SEQ_CST) == before)
        usleep(100);
    ck_assert_int_eq(txn->result, LEDGER_OK);
    return txn->entries[0].index;
}

static uint64_t submit_event(struct event *event, const struct ledger_erasure *erasures, size_t count)
{
    struct ledger_txn *txn = arena_zalloc(&world->arena, sizeof *txn);
    struct buf body;

    buf_create(&body, &world->arena);
    event_write_body(&body, &world->arena, event);
    txn->erasures = erasures;
    txn->erasure_count = count;
    return submit(txn, event->type, buf_slice(&body), event);
}

static void set_agent(void)
{
    struct event event = {.type = RECORD_AGENT_SET, .by = SLICE("admin")};
    cJSON *manifest = json_new_object(&world->arena);

    json_put_text(&world->arena, manifest, "namespace", SLICE("ns"));
    event.agent_set = (struct event_agent_set){.agent = SLICE("agent-1"), .manifest = manifest, .limit_micro_usd = 1};
    submit_event(&event, NULL, 0);
}

/* An escalation whose request, reason and rationale hold the canary; filled up to `size` bytes. */
static struct decision *decide(size_t size, const char *key, uint64_t *index)
{
    struct decision *decision = arena_zalloc(&world->arena, sizeof *decision);
    struct ledger_txn *txn = arena_zalloc(&world->arena, sizeof *txn);
    struct state_basis *basis = arena_zalloc(&world->arena, sizeof *basis);
    static struct slice items[3] = {{"command", 7}, {"context.p", 9}, {"context.resource_type", 21}}, reason,
                        covers[1] = {{"r", 1}};
    struct redact_paths paths = {.items = items, .count = 3, .hides_resource_type = true};
    struct slice *pointers = NULL, *all, *texts = arena_array(&world->arena, 1, sizeof *texts);
    struct ledger_private *rows;
    char *filler = arena_alloc(&world->arena, size + 1), *id_text = arena_alloc(&world->arena, UUID_TEXT_SIZE);
    struct uuid *id = arena_alloc(&world->arena, sizeof *id);
    size_t count = 0;
    struct error error = {0};
    struct buf body;

    memset(filler, 'f', size);
    filler[size] = '\0';
    reason = arena_printf(&world->arena, "It is %s", canary);
    texts[0] = reason;
    ck_assert_msg(
        request_parse(&world->arena,
                      arena_printf(&world->arena,
                                   "{\"agent_identity\":\"agent-1\",\"operation\":\"do\",\"command\":\"%s\",\"context\":{"
                                   "\"p\":[\"%s\"],\"resource_type\":\"%s\",\"open\":\"%s\",\"key\":\"%s\"}}",
                                   canary, canary, canary, filler, key),
                      (struct slice){0}, &decision->request, &error) == STATUS_OK,
        "%s", error.message);
    decision->request.hides_resource_type = true;
    decision->request.idempotency_key = slice_from_str(key);
    decision->has_idempotency_key = true;
    ck_assert(request_body_digest(&world->arena, &decision->request, state_action_key(world->state), &decision->body_digest));
    ck_assert(request_action_learn(&world->arena, &decision->request, RECORD_TENANT_DEFAULT, state_action_key(world->state),
                                   &decision->action));
    ck_assert_int_eq(state_gather(world->state, &world->arena, &decision->request, &decision->action, now_ms, &decision->facts,
                                  basis, &error),
                     STATUS_OK);
    decision->facts_json = facts_to_json(&world->arena, &decision->facts);
    decision->policy_revision = SLICE("sha256:test");
    decision->verdict = (struct verdict){.tier = TIER_ESCALATE, .reasons = texts, .reason_count = 1};
    decision->outcome = DECISION_ESCALATE;
    decision->rationale = arena_printf(&world->arena, "1. %.*s", SLICE_ARG(reason));
    decision->next_steps = SLICE("Wait");
    decision->effects = (struct decision_effects){.escalation = DECISION_ESCALATION_OPEN,
                                                  .escalation_expires_at_ms = now_ms + 3600000,
                                                  .covers = covers,
                                                  .cover_count = 1};
    ck_assert_int_eq(uuid_generate(&world->uuids, now_ms, id), STATUS_OK);
    uuid_format(id, id_text);
    decision->id = slice_from(id_text, UUID_TEXT_SIZE);
    ck_assert(redact_find(&world->arena, &paths, decision->request.view, &pointers, &count));
    ck_assert_uint_eq(count, 3);
    all = arena_array(&world->arena, 5, sizeof *all);
    memcpy(all, pointers, count * sizeof *all);
    all[3] = SLICE("/rationale");
    all[4] = SLICE("/verdict/reasons/0");
    decision->redact.pointers = all;
    decision->redact.count = 5;
    decision->redact.salts = arena_alloc(&world->arena, 5 * REDACT_SALT_SIZE);
    ck_assert_int_eq(digest_random((void *)(uintptr_t)decision->redact.salts, 5 * REDACT_SALT_SIZE, &error), STATUS_OK);
    buf_create(&body, &world->arena);
    decision_write_body(&body, &world->arena, decision);
    ck_assert(!body.failed && decision->redaction->value_count == 5);
    rows = arena_array(&world->arena, 5, sizeof *rows);
    for (size_t i = 0; i < 5; i++)
        rows[i] = (struct ledger_private){decision->redaction->values[i].pointer, decision->redaction->values[i].row};
    txn->privates = rows;
    txn->private_count = 5;
    for (size_t i = 0; i < decision->blob_count; i++)
        txn->blobs[txn->blob_count++] = (struct ledger_blob){decision->blobs[i].hash, decision->blobs[i].bytes};
    basis->decision = decision;
    txn->preconditions = basis;
    txn->entries[0].id = id->bytes;
    txn->entries[0].terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, SLICE("agent-1")};
    txn->entries[0].term_count = 1;
    *index = submit(txn, RECORD_DECISION, buf_slice(&body), decision);
    return decision;
}

static uint64_t erase(const struct decision *decision, uint64_t index, const char *escalation, size_t from, size_t rows)
{
    struct event event = {.type = RECORD_DECISION_ERASED, .by = SLICE("admin")};
    struct ledger_erasure *erasures = arena_array(&world->arena, 5, sizeof *erasures);

    for (size_t i = 0; i < 5; i++)
        erasures[i] = (struct ledger_erasure){index, decision->redact.pointers[i]};
    event.erased = (struct event_erased){.decision_id = decision->id,
                                         .agent = SLICE("agent-1"),
                                         .reason = SLICE("why"),
                                         .index = index,
                                         .escalation_id = slice_from_str(escalation),
                                         .paths = (struct slice *)(uintptr_t)decision->redact.pointers,
                                         .path_count = 5};
    return submit_event(&event, erasures + from, rows);
}

/* ---- looking ---- */

static bool note_canary(void *context, const struct store_visit *row)
{
    *(bool *)context = *(bool *)context || memmem(row->key.data, row->key.size, canary, sizeof canary - 1) ||
                       memmem(row->value.data, row->value.size, canary, sizeof canary - 1);
    return true;
}

static bool family_has_canary(enum store_family family)
{
    struct error error;
    bool found = false;

    ck_assert_int_eq(
        world->store->ops->scan(world->store, family, (struct slice){0}, (struct slice){0}, false, note_canary, &found, &error),
        STATUS_OK);
    return found;
}

static void check_fold(void)
{
    struct state_rebuild result = {0};
    struct error error = {0};

    ck_assert_msg(state_rebuild_compare(world->store, RECORD_TENANT_DEFAULT, NULL, NULL, &result, &error) == STATUS_OK, "%s",
                  error.message);
    ck_assert_msg(result.differences == 0, "%s", error.message);
}

static struct slice escalation(const char *id, bool reveals, bool *pending)
{
    struct buf out;
    struct slice agent;
    struct error error;

    buf_create(&out, &world->arena);
    ck_assert_msg(state_escalation_document(world->state, &world->arena, slice_from_str(id), reveals, &out, &agent, pending,
                                            &error) == STATUS_OK,
                  "%s", error.message);
    return buf_slice(&out);
}

static bool shows_canary(const char *id, bool reveals)
{
    bool pending;
    struct slice document = escalation(id, reveals, &pending);

    return memmem(document.data, document.size, canary, sizeof canary - 1) != NULL;
}

static enum status repeat(const char *id)
{
    struct request request = {0};
    struct error error;
    enum status status =
        state_escalation_request(world->state, &world->arena, slice_from_str(id), SLICE("agent-1"), &request, &error);

    if (status == STATUS_OK)
        ck_assert(slice_equal_str(request.command, canary));
    return status;
}

/* Memory made anew from the rows. */
static void restart(bool rocks)
{
    close_world();
    open_world(rocks);
}

START_TEST(values_are_in_no_other_family)
{
    const struct decision *first, *second;
    uint64_t index, next;
    bool rocks = _i % 2, pending;

    open_world(rocks);
    set_agent();
    first = decide(_i < 2 ? 10 : 20000, "key-1", &index);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++)
        ck_assert_msg(family_has_canary((enum store_family)f) == (f == STORE_PRIVATE), "family %d", f);
    for (int round = 0; round < 2; round++) {
        ck_assert(shows_canary("ESC-1", true) && !shows_canary("ESC-1", false));
        ck_assert_int_eq(repeat("ESC-1"), STATUS_OK);
        check_fold();
        restart(rocks);
    }
    second = decide(10, "key-2", &next);
    erase(first, index, "ESC-1", 0, 5);
    ck_assert(family_has_canary(STORE_PRIVATE) && shows_canary("ESC-2", true));
    erase(second, next, "ESC-2", 0, 5);
    ck_assert(!family_has_canary(STORE_PRIVATE));
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(repeat("ESC-1"), STATUS_CONFLICT);
        ck_assert(!shows_canary("ESC-1", true));
        escalation("ESC-1", true, &pending);
        ck_assert(!pending);
        check_fold();
        restart(rocks);
    }
}
END_TEST

/* ---- verification ---- */

static enum status verify(uint64_t *redacted, uint64_t *erased, struct error *error)
{
    struct verify_result result;
    enum status status = ledger_verify(world->store, NULL, NULL, &result, error);

    *redacted = result.redacted;
    *erased = result.erased;
    return status;
}

static void change_row(uint64_t index, const char *path, const char *value, bool removes)
{
    struct store_batch *batch = world->store->ops->batch_new(world->store);
    char key[64];
    size_t size = 8 + strlen(path);
    struct error error;

    memset(key, 0, 8);
    key[7] = (char)index;
    memcpy(key + 8, path, strlen(path));
    if (removes)
        batch->ops->remove(batch, STORE_PRIVATE, slice_from(key, size));
    else
        store_put(batch, STORE_PRIVATE, slice_from(key, size), slice_from_str(value));
    ck_assert_int_eq(world->store->ops->commit(world->store, batch, true, &error), STATUS_OK);
    world->store->ops->batch_delete(batch);
}

START_TEST(verification_knows_what_has_to_be_there)
{
    static const char *const complaints[] = {
        NULL, "no entry says that it was erased", "is not what the record commits to", "records commit to", "it is still there",
        NULL};
    const struct decision *decision;
    uint64_t index, redacted, erased;
    struct error error = {0};
    enum status status;

    open_world(false);
    set_agent();
    decide(10, "key-1", &index);
    decision = decide(20000, "key-2", &index);
    if (_i == 1)
        change_row(index, "/rationale", "", true);
    if (_i == 2)
        change_row(index, "/rationale", "0123456789abcdef0123456789abcdef\"another\"", false);
    if (_i == 3)
        change_row(index, "/request/other", "0123456789abcdef0123456789abcdef\"more\"", false);
    if (_i >= 4)
        erase(decision, index, "ESC-2", 0, _i == 4 ? 4 : 5);
    status = verify(&redacted, &erased, &error);
    if (complaints[_i]) {
        ck_assert_int_eq(status, STATUS_CORRUPT);
        ck_assert_msg(strstr(error.message, complaints[_i]), "%s", error.message);
        return;
    }
    ck_assert_msg(status == STATUS_OK, "%s", error.message);
    ck_assert_uint_eq(redacted, _i == 0 ? 10 : 5);
    ck_assert_uint_eq(erased, _i == 0 ? 0 : 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redaction");
    TCase *tests = tcase_create("redaction");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, values_are_in_no_other_family, 0, 4);
    tcase_add_loop_test(tests, verification_knows_what_has_to_be_there, 0, 6);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
