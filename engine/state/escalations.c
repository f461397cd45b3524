/* Escalations and the grants that approvals leave. */
#include "base/u64be.h"
#include "ledger/private.h"
#include "state/internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[] = {"pending", "approved", "denied", "expired", "cancelled"};

const char *escalations_state_name(enum escalation_state state)
{
    return state_names[state];
}

bool escalations_parse_id(struct slice id, uint64_t *number)
{
    struct slice digits = slice_sub(id, 4, SIZE_MAX);

    return slice_starts_with(id, SLICE("ESC-")) && digits.size > 0 && digits.size <= 19 && digits.data[0] != '0' &&
           slice_to_u64(digits, number);
}

void escalations_free(struct escalation *escalation)
{
    if (!escalation)
        return;
    arena_destroy(&escalation->arena);
    free(escalation);
}

struct escalation *escalations_find(struct state *state, uint64_t number)
{
    char key[8];
    struct table_node *node;

    u64be_put(key, number);
    node = table_find(&state->escalations, slice_from(key, sizeof key));
    return node ? TABLE_ENTRY(node, struct escalation, by_number) : NULL;
}

struct escalation *escalations_pending(const struct agent *agent, const struct digest *digest)
{
    for (struct escalation *at = agent->escalations; at; at = at->next) {
        if (at->state == ESCALATION_PENDING && digest_equal(&at->digest, digest))
            return at;
    }
    return NULL;
}

/* ---- rows ---- */

static void put_resolution(struct json_writer *w, const struct escalation *escalation)
{
    json_key(w, "reason");
    json_string(w, escalation->reason);
    json_key(w, "resolved_at_ms");
    json_i64(w, escalation->resolved_at_ms);
    json_key(w, "resolved_by");
    json_string(w, escalation->resolved_by);
}

static void put_grant(struct json_writer *w, const struct escalation *escalation)
{
    json_key(w, "grant");
    json_begin_object(w);
    json_key(w, "expires_at_ms");
    json_i64(w, escalation->expires_at_ms);
    json_key(w, "id");
    json_string(w, slice_from(escalation->grant_id, sizeof escalation->grant_id));
    json_key(w, "uses_left");
    json_i64(w, escalation->uses_left);
    json_end_object(w);
}

static void journal_escalation(struct state *state, const struct escalation *escalation, bool active)
{
    struct row key;
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, &state->scratch);
    json_begin_object(&w);
    json_key(&w, "fixed");
    json_value(&w, &state->scratch, escalation->fixed);
    if (escalation->grant_id[0])
        put_grant(&w, escalation);
    if (escalation->state != ESCALATION_PENDING)
        put_resolution(&w, escalation);
    json_key(&w, "state");
    json_string(&w, slice_from_str(state_names[escalation->state]));
    json_end_object(&w);
    state->broken = state->broken || out.failed;
    row_begin(&key, ROW_ESCALATION);
    row_u64(&key, escalation->number);
    journal_put(&state->journal, row_slice(&key), buf_slice(&out));
    key.data[0] = ROW_ACTIVE;
    if (active)
        journal_put(&state->journal, row_slice(&key), (struct slice){0});
    else
        journal_remove(&state->journal, row_slice(&key));
}

static void note_change(struct state *state, uint64_t number)
{
    changes_note(state, STATE_CHANGED_ESCALATION, number, (struct slice){0});
}

/* ---- in memory ---- */

static bool set_fixed(struct escalation *escalation, const cJSON *fixed)
{
    const cJSON *item;
    int64_t expires = 0;

    escalation->fixed = json_copy(&escalation->arena, fixed);
    escalation->covers =
        arena_array(&escalation->arena, (size_t)cJSON_GetArraySize(json_get(fixed, "covers")) + 1, sizeof *escalation->covers);
    if (!escalation->fixed || !escalation->covers || !digest_parse(json_get_text(fixed, "digest"), &escalation->digest))
        return false;
    cJSON_ArrayForEach(item, json_get(escalation->fixed, "covers")) escalation->covers[escalation->cover_count++] =
        json_text(item);
    json_get_i64(fixed, "expires_at_ms", &expires);
    escalation->expires_at_ms = expires;
    return true;
}

static struct escalation *new_escalation(struct agent *agent, uint64_t number, const cJSON *fixed)
{
    struct escalation *escalation = calloc(1, sizeof *escalation);

    if (!escalation)
        return NULL;
    arena_create(&escalation->arena, 2048, 8u << 20);
    escalation->number = number;
    escalation->agent = agent;
    u64be_put(escalation->number_key, number);
    escalation->by_number.key = slice_from(escalation->number_key, sizeof escalation->number_key);
    if (set_fixed(escalation, fixed))
        return escalation;
    escalations_free(escalation);
    return NULL;
}

/* Into the agent's list and the registry, where it becomes due. */
static void link_escalation(struct state *state, struct escalation *escalation)
{
    struct shard *shard = state_shard(state, escalation->agent->node.key);
    const struct heap_item due = {.time_ms = escalation->expires_at_ms, .number = escalation->number};
    bool pending = escalation->state == ESCALATION_PENDING, ok;

    pthread_mutex_lock(&shard->mutex);
    escalation->next = escalation->agent->escalations;
    escalation->agent->escalations = escalation;
    escalation->agent->pending += pending;
    pthread_mutex_unlock(&shard->mutex);
    pthread_mutex_lock(&state->registry);
    ok = table_insert(&state->escalations, &escalation->by_number) && (!pending || heap_push(&state->due, &due));
    pthread_mutex_unlock(&state->registry);
    if (!pending)
        ok = heap_push(&state->grant_expiries, &due) && ok;
    else
        atomic_fetch_add(&state->pending, 1);
    state->broken = state->broken || !ok;
}

/* It can no longer be approved or used: out of memory, and the row that makes it active goes. */
static void drop_escalation(struct state *state, struct escalation *escalation)
{
    struct shard *shard = state_shard(state, escalation->agent->node.key);
    struct escalation **at = &escalation->agent->escalations;

    journal_escalation(state, escalation, false);
    pthread_mutex_lock(&state->registry);
    table_remove(&state->escalations, &escalation->by_number);
    pthread_mutex_unlock(&state->registry);
    pthread_mutex_lock(&shard->mutex);
    while (*at != escalation)
        at = &(*at)->next;
    *at = escalation->next;
    pthread_mutex_unlock(&shard->mutex);
    escalations_free(escalation);
}

/* ---- redaction: the state keeps what the record has, marks in place of values ---- */

static enum status load_private(void *context, uint64_t index, struct slice pointer, struct arena *arena, struct slice *row,
                                struct error *error)
{
    struct state *state = context;

    return private_read(state->blobs, index, pointer, arena, row, error);
}

enum status escalations_reveal(struct state *state, struct arena *arena, cJSON *fixed, size_t *missing, struct error *error)
{
    const struct decision_loader loader = {.load_private = load_private, .context = state};
    const cJSON *pointers = json_get(fixed, "redacted");
    int64_t index = 0;

    *missing = 0;
    if (!pointers)
        return STATUS_OK;
    if (!json_get_i64(fixed, "ledger_index", &index))
        return error_set(error, STATUS_CORRUPT, "", "an escalation's row is damaged");
    return decision_reveal(arena, fixed, pointers, (uint64_t)index, &loader, missing, error);
}

/* The pointers into a decision's record that are as good for what an escalation keeps of it. */
static cJSON *kept_pointers(struct arena *arena, const struct decision_redaction *redaction)
{
    cJSON *kept = json_new_array(arena);
    const cJSON *pointer;

    cJSON_ArrayForEach(pointer, redaction->pointers)
    {
        struct slice text = json_text(pointer);

        if (slice_starts_with(text, SLICE("/request/")) || slice_equal(text, SLICE("/rationale")))
            json_append(kept, json_new_text(arena, text));
    }
    return kept;
}

static void put_redacted(struct arena *arena, cJSON *fixed, const struct ledger_entry *entry,
                         const struct decision_redaction *redaction)
{
    json_put_i64(arena, fixed, "ledger_index", (int64_t)entry->index);
    if (redaction->rationale)
        json_put(fixed, "rationale", json_copy(arena, redaction->rationale));
    json_put(fixed, "redacted", kept_pointers(arena, redaction));
}

/* ---- opening ---- */

static cJSON *fixed_json(struct state *state, const struct ledger_entry *entry, const struct decision *decision)
{
    struct arena *arena = &state->scratch;
    const struct decision_redaction *redaction = decision->redaction;
    cJSON *fixed = json_new_object(arena), *covers = json_new_array(arena), *request = json_new_object(arena);
    char hex[DIGEST_HEX_SIZE];

    for (size_t i = 0; i < decision->effects.cover_count; i++)
        json_append(covers, json_new_text(arena, decision->effects.covers[i]));
    if (request)
        request->child = redaction ? redaction->request->child : decision->request.view->child;
    digest_format(&decision->action.digest, hex);
    json_put_text(arena, fixed, "agent_identity", decision->request.agent_identity);
    json_put(fixed, "covers", covers);
    json_put_i64(arena, fixed, "created_at_ms", entry->time_ms);
    json_put_text(arena, fixed, "decision_id", decision->id);
    json_put_text(arena, fixed, "digest", slice_from(hex, sizeof hex));
    json_put_i64(arena, fixed, "expires_at_ms", decision->effects.escalation_expires_at_ms);
    json_put_i64(arena, fixed, "number", (int64_t)entry->number);
    if (!redaction || !redaction->rationale)
        json_put_text(arena, fixed, "rationale", decision->rationale);
    json_put(fixed, "request", request);
    if (redaction)
        put_redacted(arena, fixed, entry, redaction);
    return state->scratch.exhausted ? NULL : fixed;
}

void escalations_open(struct state *state, struct agent *agent, const struct ledger_entry *entry,
                      const struct decision *decision)
{
    cJSON *fixed = fixed_json(state, entry, decision);
    struct escalation *escalation = fixed ? new_escalation(agent, entry->number, fixed) : NULL;

    state->next_number = entry->number + 1;
    if (!escalation) {
        state->broken = true;
        return;
    }
    link_escalation(state, escalation);
    journal_escalation(state, escalation, true);
    note_change(state, escalation->number);
}

/* ---- grants ---- */

void escalations_use_grant(struct state *state, struct agent *agent, const struct decision *decision)
{
    struct shard *shard = state_shard(state, agent->node.key);
    struct escalation *escalation = agent->escalations;

    while (escalation &&
           !slice_equal(slice_from(escalation->grant_id, sizeof escalation->grant_id), decision->effects.grant_id))
        escalation = escalation->next;
    if (!escalation)
        return;
    pthread_mutex_lock(&shard->mutex);
    escalation->uses_left--;
    pthread_mutex_unlock(&shard->mutex);
    note_change(state, escalation->number);
    if (escalation->uses_left == 0)
        drop_escalation(state, escalation);
    else
        journal_escalation(state, escalation, true);
}

void escalations_expire_grants(struct state *state, int64_t time_ms)
{
    while (state->grant_expiries.count > 0 && state->grant_expiries.items[0].time_ms <= time_ms) {
        struct escalation *escalation = escalations_find(state, state->grant_expiries.items[0].number);

        heap_pop(&state->grant_expiries);
        if (escalation && escalation->state == ESCALATION_APPROVED)
            drop_escalation(state, escalation);
    }
}

/* ---- resolving ---- */

static void set_resolution(struct state *state, struct escalation *escalation, enum escalation_state to, struct slice by,
                           struct slice reason, int64_t time_ms)
{
    struct shard *shard = state_shard(state, escalation->agent->node.key);

    pthread_mutex_lock(&shard->mutex);
    escalation->state = to;
    escalation->agent->pending--;
    escalation->resolved_by = arena_copy(&escalation->arena, by);
    escalation->reason = arena_copy(&escalation->arena, reason);
    escalation->resolved_at_ms = time_ms;
    pthread_mutex_unlock(&shard->mutex);
    atomic_fetch_sub(&state->pending, 1);
    state->broken = state->broken || escalation->arena.exhausted;
    note_change(state, escalation->number);
}

static void leave_grant(struct state *state, struct escalation *escalation, const struct event_resolved *resolved,
                        int64_t time_ms)
{
    struct shard *shard = state_shard(state, escalation->agent->node.key);
    struct heap_item expiry = {.number = escalation->number};

    pthread_mutex_lock(&shard->mutex);
    if (resolved->grant_id.size == sizeof escalation->grant_id)
        memcpy(escalation->grant_id, resolved->grant_id.data, sizeof escalation->grant_id);
    escalation->uses_left = resolved->uses;
    escalation->expires_at_ms = time_ms + resolved->valid_for_s * 1000;
    pthread_mutex_unlock(&shard->mutex);
    expiry.time_ms = escalation->expires_at_ms;
    state->broken = !heap_push(&state->grant_expiries, &expiry) || state->broken;
    journal_escalation(state, escalation, true);
}

void escalations_resolve(struct state *state, const struct ledger_entry *entry, const struct event *event)
{
    static const enum escalation_state states[] = {ESCALATION_APPROVED, ESCALATION_DENIED, ESCALATION_CANCELLED};
    const struct event_resolved *resolved = &event->resolved;
    struct escalation *escalation;
    uint64_t number;

    if (!escalations_parse_id(resolved->escalation_id, &number) || !(escalation = escalations_find(state, number)))
        return;
    set_resolution(state, escalation, states[resolved->resolution], event->by, resolved->reason, entry->time_ms);
    if (resolved->resolution == EVENT_APPROVED)
        leave_grant(state, escalation, resolved, entry->time_ms);
    else
        drop_escalation(state, escalation);
}

void escalations_expire(struct state *state, const struct ledger_entry *entry, const struct event_expired *expired)
{
    struct escalation *escalation;
    uint64_t number;

    if (!escalations_parse_id(expired->escalation_id, &number) || !(escalation = escalations_find(state, number)))
        return;
    set_resolution(state, escalation, ESCALATION_EXPIRED, SLICE("system"), SLICE("nobody resolved it in time"), entry->time_ms);
    drop_escalation(state, escalation);
}

/* Nobody could see any more what they approve, or what was approved. */
void escalations_end_erased(struct state *state, const struct ledger_entry *entry, const struct event *event)
{
    struct escalation *escalation;
    uint64_t number;

    if (!escalations_parse_id(event->erased.escalation_id, &number) || !(escalation = escalations_find(state, number)))
        return;
    if (escalation->state == ESCALATION_PENDING) {
        set_resolution(state, escalation, ESCALATION_CANCELLED, event->by, SLICE("its request was erased"), entry->time_ms);
    } else {
        struct shard *shard = state_shard(state, escalation->agent->node.key);

        pthread_mutex_lock(&shard->mutex);
        escalation->uses_left = 0;
        pthread_mutex_unlock(&shard->mutex);
        note_change(state, number);
    }
    drop_escalation(state, escalation);
}

/* ---- loading ---- */

static void load_grant(struct escalation *escalation, const cJSON *row)
{
    const cJSON *grant = json_get(row, "grant");
    struct slice id = json_get_text(grant, "id");

    escalation->state = ESCALATION_APPROVED;
    escalation->resolved_by = arena_copy(&escalation->arena, json_get_text(row, "resolved_by"));
    escalation->reason = arena_copy(&escalation->arena, json_get_text(row, "reason"));
    json_get_i64(row, "resolved_at_ms", &escalation->resolved_at_ms);
    if (id.size == sizeof escalation->grant_id)
        memcpy(escalation->grant_id, id.data, id.size);
    json_get_i64(grant, "uses_left", &escalation->uses_left);
    json_get_i64(grant, "expires_at_ms", &escalation->expires_at_ms);
}

bool escalations_load(struct state *state, struct slice row_text, struct error *error)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};
    cJSON *row = NULL;
    const cJSON *fixed;
    struct agent *agent;
    struct escalation *escalation = NULL;
    int64_t number = 0;

    if (json_parse(&state->scratch, row_text, &limits, &row, error) != STATUS_OK)
        return false;
    fixed = json_get(row, "fixed");
    agent = agents_obtain(state, json_get_text(fixed, "agent_identity"));
    if (agent && json_get_i64(fixed, "number", &number))
        escalation = new_escalation(agent, (uint64_t)number, fixed);
    if (!escalation) {
        error_set(error, STATUS_CORRUPT, "", "an escalation's row is damaged");
        return false;
    }
    if (slice_equal(json_get_text(row, "state"), SLICE("approved")))
        load_grant(escalation, row);
    link_escalation(state, escalation);
    return true;
}
