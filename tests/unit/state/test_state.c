/*
 * The projections, through a real ledger on the memory store: random operations, and then the state is what its entries say;
 * the last dollar under a race.
 */
#include "proto/event.h"
#include "state/lineage.h"
#include "state/state.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t fake_now_ms;

static int64_t fake_clock(void *context)
{
    return __atomic_load_n((int64_t *)context, __ATOMIC_RELAXED);
}

struct world {
    struct store *store;
    struct state *state;
    struct ledger *ledger;
};

struct done {
    struct ledger_txn txn;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_done;
};

static void on_done(struct ledger_txn *txn)
{
    struct done *done = (struct done *)txn;

    pthread_mutex_lock(&done->mutex);
    done->is_done = true;
    pthread_cond_signal(&done->wake);
    pthread_mutex_unlock(&done->mutex);
}

static void open_world(struct world *world, struct store *store)
{
    struct ledger_options options = {.sync = true, .clock = {fake_clock, &fake_now_ms}};
    struct error error = {0};

    world->store = store;
    ck_assert_msg(state_open(store, RECORD_TENANT_DEFAULT, &world->state, &error) == STATUS_OK, "%s", error.message);
    options.fold = state_fold(world->state);
    ck_assert_msg(ledger_open(store, &options, &world->ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(ledger_start(world->ledger, &error), STATUS_OK);
}

static void close_world(struct world *world)
{
    ledger_close(world->ledger);
    state_close(world->state);
}

static enum ledger_result submit(struct world *world, struct done *done)
{
    pthread_mutex_init(&done->mutex, NULL);
    pthread_cond_init(&done->wake, NULL);
    done->txn.done = on_done;
    ck_assert_int_eq(ledger_submit(world->ledger, &done->txn), STATUS_OK);
    pthread_mutex_lock(&done->mutex);
    while (!done->is_done)
        pthread_cond_wait(&done->wake, &done->mutex);
    pthread_mutex_unlock(&done->mutex);
    return done->txn.result;
}

static enum ledger_result submit_event(struct world *world, struct arena *arena, const struct event *event,
                                       struct state_basis *basis)
{
    struct done done = {.txn = {.entry_count = 1, .preconditions = basis}};
    struct buf body;

    basis->event = event;
    buf_create(&body, arena);
    event_write_body(&body, arena, event);
    ck_assert(!body.failed);
    done.txn.entries[0] =
        (struct ledger_entry){.type = event->type, .tenant = RECORD_TENANT_DEFAULT, .body = buf_slice(&body), .event = event};
    return submit(world, &done);
}

static void set_agent(struct world *world, const char *name, int64_t limit)
{
    struct arena arena;
    struct event event = {.type = RECORD_AGENT_SET, .by = SLICE("admin")};
    struct state_basis basis = {.kind = STATE_BASIS_AGENT, .agent = slice_from_str(name), .agent_version = UINT64_MAX};
    cJSON *manifest;

    arena_create(&arena, 4096, 1 << 20);
    manifest = json_new_object(&arena);
    json_put_text(&arena, manifest, "namespace", SLICE("ns"));
    event.agent_set = (struct event_agent_set){.agent = slice_from_str(name), .manifest = manifest, .limit_micro_usd = limit};
    ck_assert_int_eq(submit_event(world, &arena, &event, &basis), LEDGER_OK);
    arena_destroy(&arena);
}

/* A decision as the pipeline would submit it; what it should be is the caller's choice. */
struct asked {
    struct decision decision;
    struct state_basis basis;
    struct done done;
    struct arena arena;
    struct uuid id;
    char id_text[UUID_TEXT_SIZE];
};

static void gather(struct world *world, struct asked *asked, const char *agent, const char *operation, int variant,
                   int64_t cost)
{
    struct error error = {0};
    char text[256];

    arena_create(&asked->arena, 8192, 8 << 20);
    snprintf(text, sizeof text,
             "{\"agent_identity\":\"%s\",\"operation\":\"%s\",\"context\":{\"v\":%d},\"estimated_cost_usd\":\"%lld.%06lld\"}",
             agent, operation, variant, (long long)(cost / 1000000), (long long)(cost % 1000000));
    ck_assert_msg(request_parse(&asked->arena, arena_copy(&asked->arena, slice_from_str(text)), (struct slice){0},
                                &asked->decision.request, &error) == STATUS_OK,
                  "%s", error.message);
    ck_assert(request_action_learn(&asked->arena, &asked->decision.request, RECORD_TENANT_DEFAULT,
                                   state_action_key(world->state), &asked->decision.action));
    ck_assert_int_eq(state_gather(world->state, &asked->arena, &asked->decision.request, &asked->decision.action,
                                  __atomic_load_n(&fake_now_ms, __ATOMIC_RELAXED), &asked->decision.facts, &asked->basis,
                                  &error),
                     STATUS_OK);
    asked->decision.facts_json = facts_to_json(&asked->arena, &asked->decision.facts);
    asked->decision.policy_revision = SLICE("sha256:test");
    asked->decision.rationale = SLICE("because");
    asked->decision.next_steps = SLICE("go");
    asked->decision.cost_micro_usd = cost;
}

static enum ledger_result decide(struct world *world, struct asked *asked, struct uuid_generator *uuids)
{
    struct buf body;
    struct ledger_entry *entry = &asked->done.txn.entries[0];

    ck_assert_int_eq(uuid_generate(uuids, 1785242096789, &asked->id), STATUS_OK);
    uuid_format(&asked->id, asked->id_text);
    asked->decision.id = slice_from(asked->id_text, sizeof asked->id_text);
    buf_create(&body, &asked->arena);
    decision_write_body(&body, &asked->arena, &asked->decision);
    ck_assert(!body.failed);
    asked->basis.decision = &asked->decision;
    asked->done.txn.entry_count = 1;
    asked->done.txn.preconditions = &asked->basis;
    *entry = (struct ledger_entry){.type = RECORD_DECISION,
                                   .tenant = RECORD_TENANT_DEFAULT,
                                   .body = buf_slice(&body),
                                   .event = &asked->decision,
                                   .id = asked->id.bytes};
    return submit(world, &asked->done);
}

static void check_fold(struct store *store)
{
    struct state_rebuild rebuild;
    struct error error = {0};

    ck_assert_msg(state_rebuild_compare(store, RECORD_TENANT_DEFAULT, NULL, NULL, &rebuild, &error) == STATUS_OK, "%s",
                  error.message);
    ck_assert_msg(rebuild.differences == 0, "%llu of %llu rows differ: %s", (unsigned long long)rebuild.differences,
                  (unsigned long long)rebuild.rows, error.message);
    ck_assert_uint_gt(rebuild.rows, 1);
}

/* ---- random operations ---- */

struct story {
    struct world world;
    struct uuid_generator uuids;
    unsigned seed;
    char approved[64][UUID_TEXT_SIZE];
    char owners[64][16];
    int approved_count;
};

static int roll(struct story *story, int sides)
{
    return (int)((unsigned)rand_r(&story->seed) % (unsigned)sides);
}

static void random_decision(struct story *story)
{
    static const char *const operations[] = {"read", "deploy", "delete"};
    struct asked *asked = calloc(1, sizeof *asked);
    char agent[16];
    int kind = roll(story, 3), tier[] = {TIER_APPROVE, TIER_ESCALATE, TIER_DENY};
    static const struct slice cover = {"some.rule", 9};

    snprintf(agent, sizeof agent, "agent-%d", roll(story, 4));
    gather(&story->world, asked, agent, operations[kind], roll(story, 6), roll(story, 3) * 1000000);
    asked->decision.verdict.tier = tier[kind];
    asked->decision.outcome = (enum decision_outcome)kind;
    if (roll(story, 4) == 0) {
        asked->decision.has_idempotency_key = true;
        asked->decision.request.idempotency_key = arena_printf(&asked->arena, "key-%d", roll(story, 20));
        ck_assert(request_body_digest(&asked->arena, &asked->decision.request, SLICE("key"), &asked->decision.body_digest));
    }
    if (kind == 1 && asked->decision.facts.grant_count > 0) {
        asked->decision.outcome = DECISION_APPROVE;
        asked->decision.effects.grant_id = asked->decision.facts.grants[0].id;
    } else if (kind == 1 && asked->decision.facts.pending_escalation_id.size > 0) {
        asked->decision.effects.escalation = DECISION_ESCALATION_JOIN;
        asked->decision.escalation_id = asked->decision.facts.pending_escalation_id;
    } else if (kind == 1) {
        asked->decision.effects.escalation = DECISION_ESCALATION_OPEN;
        asked->decision.effects.escalation_expires_at_ms = fake_now_ms + 3600000;
        asked->decision.effects.covers = (struct slice *)(uintptr_t)&cover;
        asked->decision.effects.cover_count = 1;
    }
    if (asked->decision.outcome == DECISION_APPROVE && asked->decision.facts.known && asked->decision.cost_micro_usd > 0) {
        asked->decision.effects.reserve_micro_usd = asked->decision.cost_micro_usd;
        asked->decision.effects.reserve_expires_at_ms = fake_now_ms + 7200000;
    }
    if (decide(&story->world, asked, &story->uuids) == LEDGER_OK && asked->decision.outcome == DECISION_APPROVE &&
        story->approved_count < 64) {
        memcpy(story->approved[story->approved_count], asked->id_text, UUID_TEXT_SIZE);
        snprintf(story->owners[story->approved_count++], 16, "%s", agent);
    }
    arena_destroy(&asked->arena);
    free(asked);
}

static void random_outcome(struct story *story)
{
    struct arena arena;
    struct event event = {.type = RECORD_OUTCOME, .by = SLICE("test")};
    struct state_basis basis = {.kind = STATE_BASIS_OUTCOME};
    int which;

    if (story->approved_count == 0)
        return;
    which = --story->approved_count;
    arena_create(&arena, 4096, 1 << 20);
    event.outcome = (struct event_outcome){.decision_id = slice_from(story->approved[which], UUID_TEXT_SIZE),
                                           .agent = slice_from_str(story->owners[which]),
                                           .status = roll(story, 2) ? SLICE("succeeded") : SLICE("cancelled"),
                                           .has_actual_cost = roll(story, 2),
                                           .actual_cost_micro_usd = roll(story, 3000000),
                                           .by_meter = roll(story, 2)};
    basis.agent = event.outcome.agent;
    submit_event(&story->world, &arena, &event, &basis);
    arena_destroy(&arena);
}

static void random_resolution(struct story *story)
{
    struct arena arena;
    struct event event = {.type = RECORD_ESCALATION_RESOLVED, .by = SLICE("admin")};
    struct state_basis basis = {.kind = STATE_BASIS_RESOLVE};
    struct slice agent;
    bool pending;
    struct buf document;
    struct error error;

    arena_create(&arena, 4096, 1 << 20);
    buf_create(&document, &arena);
    event.resolved.escalation_id = arena_printf(&arena, "ESC-%d", 1 + roll(story, 60));
    if (state_escalation_document(story->world.state, &arena, event.resolved.escalation_id, true, &document, &agent, &pending,
                                  &error) == STATUS_OK) {
        event.resolved.agent = agent;
        event.resolved.reason = SLICE("why");
        event.resolved.resolution = (enum event_resolution)roll(story, 3);
        event.resolved.grant_id = arena_printf(&arena, "00000000-0000-7000-8000-%012d", rand_r(&story->seed) % 1000000);
        event.resolved.uses = 1 + roll(story, 2);
        event.resolved.valid_for_s = 600 + roll(story, 7200);
        basis.agent = agent;
        ck_assert_int_eq(submit_event(&story->world, &arena, &event, &basis), pending ? LEDGER_OK : LEDGER_PRECONDITION);
    }
    arena_destroy(&arena);
}

static void expire_due(struct story *story)
{
    struct arena arena;
    struct event events[16];
    size_t count = 0;
    struct error error;

    arena_create(&arena, 4096, 1 << 20);
    ck_assert_int_eq(state_due(story->world.state, &arena, fake_now_ms, 16, events, &count, &error), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        struct state_basis basis = {.kind = STATE_BASIS_RESOLVE, .agent = events[i].expired.agent};

        ck_assert_int_eq(submit_event(&story->world, &arena, &events[i], &basis), LEDGER_OK);
    }
    arena_destroy(&arena);
}

START_TEST(the_state_is_the_fold_of_the_entries)
{
    struct story *story = calloc(1, sizeof *story);
    struct store *store = NULL;
    struct error error;

    fake_now_ms = INT64_C(1785242096789);
    story->seed = (unsigned)_i * 7919u + 1;
    uuid_generator_create(&story->uuids);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    open_world(&story->world, store);
    set_agent(&story->world, "agent-0", 50000000);
    set_agent(&story->world, "agent-1", 5000000);
    set_agent(&story->world, "agent-2", 0);
    for (int step = 0; step < 500; step++) {
        int what = roll(story, 20);

        __atomic_fetch_add(&fake_now_ms, roll(story, 600000), __ATOMIC_RELAXED);
        if (what < 12)
            random_decision(story);
        else if (what < 15)
            random_resolution(story);
        else if (what < 17)
            random_outcome(story);
        else if (what == 17)
            expire_due(story);
        else if (what == 18)
            set_agent(&story->world, roll(story, 2) ? "agent-1" : "agent-0", roll(story, 60) * 1000000);
        else { /* and it goes on after a restart as if there had been none */
            close_world(&story->world);
            open_world(&story->world, store);
        }
    }
    close_world(&story->world);
    check_fold(store);
    store->ops->close(store);
    free(story);
}
END_TEST

/* ---- the last dollar ---- */

struct racer {
    struct world *world;
    int approved;
    unsigned number;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct uuid_generator uuids;

    uuid_generator_create(&uuids);
    for (int i = 0; i < 60; i++) {
        struct asked *asked = calloc(1, sizeof *asked);

        gather(racer->world, asked, "agent", "spend", (int)racer->number * 1000 + i, 1000000);
        asked->decision.effects.reserve_micro_usd = 1000000;
        asked->decision.effects.reserve_expires_at_ms = fake_now_ms + 1000000;
        racer->approved += decide(racer->world, asked, &uuids) == LEDGER_OK;
        arena_destroy(&asked->arena);
        free(asked);
    }
    return NULL;
}

START_TEST(the_last_dollar_is_spent_once)
{
    struct world world;
    struct store *store = NULL;
    struct racer racers[4];
    pthread_t threads[4];
    struct error error;
    int approved = 0;

    fake_now_ms = INT64_C(1785242096789);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    open_world(&world, store);
    set_agent(&world, "agent", 100 * 1000000 + 999999);
    for (unsigned i = 0; i < 4; i++) {
        racers[i] = (struct racer){.world = &world, .number = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        approved += racers[i].approved;
    }
    ck_assert_int_eq(approved, 100);
    close_world(&world);
    check_fold(store);
    store->ops->close(store);
}
END_TEST

/* A reservation belongs to the month it was made in, and is settled there. */
START_TEST(months_are_kept_apart)
{
    struct world world;
    struct store *store = NULL;
    struct asked *asked = calloc(1, sizeof *asked);
    struct uuid_generator uuids;
    struct event event = {.type = RECORD_OUTCOME, .by = SLICE("admin")};
    struct state_basis basis = {.kind = STATE_BASIS_OUTCOME, .agent = SLICE("agent")};
    struct buf july, august;
    struct error error;

    fake_now_ms = clock_month_start_ms(2026 * 12 + 7) - 1; /* the last millisecond of July */
    uuid_generator_create(&uuids);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    open_world(&world, store);
    set_agent(&world, "agent", 10000000);
    gather(&world, asked, "agent", "spend", 1, 8000000);
    asked->decision.effects.reserve_micro_usd = 8000000;
    asked->decision.effects.reserve_expires_at_ms = fake_now_ms + 1000000;
    ck_assert_int_eq(decide(&world, asked, &uuids), LEDGER_OK);
    fake_now_ms += 1;
    event.outcome = (struct event_outcome){.decision_id = asked->decision.id,
                                           .agent = SLICE("agent"),
                                           .status = SLICE("succeeded"),
                                           .has_actual_cost = true,
                                           .actual_cost_micro_usd = 3000000,
                                           .by_meter = true};
    ck_assert_int_eq(submit_event(&world, &asked->arena, &event, &basis), LEDGER_OK);
    ck_assert_int_eq(submit_event(&world, &asked->arena, &event, &basis), LEDGER_PRECONDITION);
    buf_create(&july, &asked->arena);
    buf_create(&august, &asked->arena);
    ck_assert_int_eq(state_budget_document(world.state, &asked->arena, SLICE("agent"), fake_now_ms - 1, &july, &error),
                     STATUS_OK);
    ck_assert_int_eq(state_budget_document(world.state, &asked->arena, SLICE("agent"), fake_now_ms, &august, &error),
                     STATUS_OK);
    ck_assert_ptr_nonnull(memmem(july.data, july.size, "\"current_spending_usd\":\"3.00\"", 29));
    ck_assert_ptr_nonnull(memmem(july.data, july.size, "\"reserved_usd\":\"0.00\"", 21));
    ck_assert_ptr_nonnull(memmem(august.data, august.size, "\"remaining_usd\":\"10.00\"", 23));
    arena_destroy(&asked->arena);
    free(asked);
    close_world(&world);
    check_fold(store);
    store->ops->close(store);
}
END_TEST

/* Keys handed over and ranges archived are state like any other, and survive a rebuild. */
START_TEST(the_lineage_is_kept)
{
    struct world world;
    struct store *store = NULL;
    struct event event = {.type = RECORD_LEDGER_KEY_ROTATED, .by = SLICE("admin")};
    struct state_basis basis = {.kind = STATE_BASIS_AGENT, .agent_version = UINT64_MAX};
    struct lineage lineage;
    struct arena arena;
    struct error error;

    fake_now_ms = 1785242096789;
    arena_create(&arena, 4096, 1 << 20);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    open_world(&world, store);
    ck_assert_int_eq(lineage_read(store, &arena, &lineage, &error), STATUS_OK);
    ck_assert(lineage.count == 0 && !lineage_handover(&lineage));
    event.handover = (struct event_handover){.old_key = SLICE("a"), .new_key = SLICE("b"), .until_ms = 5};
    ck_assert_int_eq(submit_event(&world, &arena, &event, &basis), LEDGER_OK);
    event.type = RECORD_LEDGER_ARCHIVED;
    event.archived = (struct event_archived){.to = 256, .root = SLICE("00"), .manifest = SLICE("11")};
    ck_assert_int_eq(submit_event(&world, &arena, &event, &basis), LEDGER_OK);
    ck_assert_int_eq(lineage_read(store, &arena, &lineage, &error), STATUS_OK);
    ck_assert_uint_eq(lineage.count, 2);
    ck_assert_uint_eq(lineage_handover(&lineage)->index, 1);
    ck_assert_int_eq(lineage_handover(&lineage)->time_ms, fake_now_ms);
    ck_assert(slice_equal(lineage_handover(&lineage)->event.handover.new_key, SLICE("b")));
    ck_assert_int_eq(lineage.items[1].event.archived.to, 256);
    arena_destroy(&arena);
    close_world(&world);
    check_fold(store);
    store->ops->close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tests = tcase_create("state");
    SRunner *runner = srunner_create(suite);
    int failed;

    json_setup();
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, the_state_is_the_fold_of_the_entries, 0, 8);
    tcase_add_test(tests, the_last_dollar_is_spent_once);
    tcase_add_test(tests, months_are_kept_apart);
    tcase_add_test(tests, the_lineage_is_kept);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
