/* One entry into the projections: the same function live, at recovery and in a rebuild. */
#include "state/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- idempotency keys ---- */

static void key_row(struct row *row, const struct idempotency *key)
{
    row_begin(row, ROW_KEY);
    row_text(row, key->agent->node.key);
    row_bytes(row, key->node.key);
}

/* What is older than the time that a key holds, by the times of entries. */
static void expire_keys(struct state *state, int64_t time_ms)
{
    while (state->oldest_key && state->oldest_key->time_ms + STATE_IDEMPOTENCY_TTL_S * INT64_C(1000) <= time_ms) {
        struct idempotency *key = state->oldest_key;
        struct shard *shard = state_shard(state, key->agent->node.key);
        struct row row;

        state->oldest_key = key->next_to_expire;
        if (!state->oldest_key)
            state->newest_key = NULL;
        key_row(&row, key);
        journal_remove(&state->journal, row_slice(&row));
        pthread_mutex_lock(&shard->mutex);
        table_remove(&key->agent->idempotency, &key->node);
        pthread_mutex_unlock(&shard->mutex);
        free(key);
    }
}

static struct idempotency *add_key(struct state *state, struct agent *agent, struct slice text, uint64_t index, int64_t time_ms,
                                   const struct digest *digest)
{
    struct shard *shard = state_shard(state, agent->node.key);
    struct idempotency *key = calloc(1, sizeof *key + text.size + 1);
    bool ok;

    if (!key) {
        state->broken = true;
        return NULL;
    }
    memcpy(key->key, text.data, text.size);
    key->node.key = slice_from(key->key, text.size);
    key->agent = agent;
    key->index = index;
    key->time_ms = time_ms;
    key->body_digest = *digest;
    pthread_mutex_lock(&shard->mutex);
    ok = table_insert(&agent->idempotency, &key->node);
    pthread_mutex_unlock(&shard->mutex);
    state->broken = state->broken || !ok;
    if (state->newest_key)
        state->newest_key->next_to_expire = key;
    else
        state->oldest_key = key;
    state->newest_key = key;
    return key;
}

static void remember_key(struct state *state, struct agent *agent, const struct ledger_entry *entry,
                         const struct decision *decision)
{
    struct idempotency *key =
        add_key(state, agent, decision->request.idempotency_key, entry->index, entry->time_ms, &decision->body_digest);
    struct row row, value = {.size = 0};

    if (!key)
        return;
    key_row(&row, key);
    row_u64(&value, key->index);
    row_u64(&value, (uint64_t)key->time_ms);
    row_bytes(&value, slice_from(key->body_digest.bytes, DIGEST_SIZE));
    journal_put(&state->journal, row_slice(&row), row_slice(&value));
}

void fold_load_key(struct state *state, struct slice row_key, struct slice row)
{
    size_t end = slice_find(row_key, '\0', 1);
    struct agent *agent = end == SIZE_MAX ? NULL : agents_obtain(state, slice_sub(row_key, 1, end));
    struct digest digest;

    if (!agent || row.size != 16 + DIGEST_SIZE)
        return;
    memcpy(digest.bytes, row.data + 16, DIGEST_SIZE);
    add_key(state, agent, slice_sub(row_key, end + 1, SIZE_MAX), row_get_u64(row, 0), (int64_t)row_get_u64(row, 8), &digest);
}

/* ---- decisions ---- */

static enum history_outcome outcome_of(const struct decision *decision)
{
    if (decision->verdict.tier >= TIER_DENY)
        return HISTORY_DENIED;
    return decision->verdict.tier == TIER_ESCALATE ? HISTORY_ESCALATED : HISTORY_APPROVED;
}

static void count_history(struct state *state, struct agent *agent, const struct ledger_entry *entry,
                          const struct decision *decision)
{
    struct shard *shard = state_shard(state, agent->node.key);
    struct slice operation = decision->request.plain_language ? SLICE("(plain language)") : decision->request.operation;
    bool ok;

    pthread_mutex_lock(&shard->mutex);
    ok = history_count(&agent->history, &state->journal, agent->node.key, operation, request_resource_type(&decision->request),
                       entry->time_ms, outcome_of(decision));
    ok = history_count_hour(&agent->history, &state->journal, agent->node.key, entry->time_ms, outcome_of(decision)) && ok;
    pthread_mutex_unlock(&shard->mutex);
    state->broken = state->broken || !ok;
}

static bool needs_agent(const struct agent *agent, const struct decision *decision)
{
    return agent || decision->has_idempotency_key || decision->effects.escalation == DECISION_ESCALATION_OPEN;
}

static void apply_decision(struct state *state, const struct ledger_entry *entry, const struct decision *decision)
{
    struct slice id = decision->request.agent_identity;
    struct agent *agent = agents_find(state_shard(state, id), id);

    atomic_fetch_add(&state->tiers[decision->verdict.tier & 3], 1);
    if (needs_agent(agent, decision) && !(agent = agents_obtain(state, id)))
        return;
    if (agent && agent->known)
        count_history(state, agent, entry, decision);
    if (decision->has_idempotency_key)
        remember_key(state, agent, entry, decision);
    if (decision->effects.escalation == DECISION_ESCALATION_OPEN)
        escalations_open(state, agent, entry, decision);
    if (decision->effects.grant_id.size > 0 && agent)
        escalations_use_grant(state, agent, decision);
    if (decision->effects.reserve_micro_usd > 0 && agent) {
        money_reserve(state, agent, decision, entry->time_ms);
        changes_note(state, STATE_CHANGED_AGENT, 0, id);
    }
}

/* ---- events ---- */

static void apply_policy(struct state *state, const struct ledger_entry *entry, const struct event_policy *policy)
{
    pthread_mutex_lock(&state->revision_mutex);
    snprintf(state->revision, sizeof state->revision, "%.*s", SLICE_ARG(policy->revision));
    pthread_mutex_unlock(&state->revision_mutex);
    atomic_store(&state->policy_epoch, entry->index + 1);
}

/* What happened to the log itself: its keys, and what is no longer here. See lineage.h. */
static void remember_lineage(struct state *state, const struct ledger_entry *entry)
{
    struct row key;
    struct buf value;

    buf_create(&value, &state->scratch);
    buf_printf(&value, "%s %lld\n", record_type_name(entry->type), (long long)entry->time_ms);
    buf_add_slice(&value, entry->body);
    state->broken = state->broken || value.failed;
    row_begin(&key, ROW_LINEAGE);
    row_u64(&key, entry->index);
    journal_put(&state->journal, row_slice(&key), buf_slice(&value));
}

static void apply_event(struct state *state, const struct ledger_entry *entry, const struct event *event)
{
    changes_note_event(state, event);
    switch (event->type) {
    case RECORD_OUTCOME:
        money_settle(state, entry, event);
        break;
    case RECORD_AGENT_SET:
        agents_set(state, entry, &event->agent_set);
        break;
    case RECORD_USAGE_SET:
        agents_set_usage(state, entry, &event->usage_set);
        break;
    case RECORD_BUDGET_RAISED:
        money_raise(state, entry, &event->budget_raised);
        break;
    case RECORD_ESCALATION_RESOLVED:
        escalations_resolve(state, entry, event);
        break;
    case RECORD_ESCALATION_EXPIRED:
        escalations_expire(state, entry, &event->expired);
        break;
    case RECORD_RESERVATION_EXPIRED:
        money_expire(state, entry, &event->expired);
        break;
    case RECORD_POLICY_ACTIVATED:
        apply_policy(state, entry, &event->policy);
        break;
    case RECORD_LEDGER_RESTORED:
    case RECORD_LEDGER_KEY_ROTATED:
    case RECORD_LEDGER_ARCHIVED:
        remember_lineage(state, entry);
        break;
    case RECORD_DECISION_ERASED:
        escalations_end_erased(state, entry, event);
        break;
    case RECORD_STORE_CREATED:
    case RECORD_DECISION:
    case RECORD_TYPE_COUNT:
        break;
    }
}

/* ---- decoding ---- */

static enum status load_blob(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error)
{
    struct state *state = context;

    return store_get(state->blobs, STORE_BLOBS, slice_from(hash->bytes, DIGEST_SIZE), arena, bytes, error);
}

static void apply_decoded(struct state *state, const struct ledger_entry *entry)
{
    const struct decision_loader loader = {.load = load_blob, .context = state};
    const struct record_header header = {.type = entry->type,
                                         .tenant = entry->tenant,
                                         .as_of = entry->as_of,
                                         .time_ms = entry->time_ms,
                                         .number = entry->number};
    struct decision decision;
    struct event event;
    struct error error = {0};

    if (entry->type == RECORD_DECISION) {
        if (decision_from_record(&state->scratch, &header, entry->index, entry->body, &loader, &decision, &error) == STATUS_OK)
            apply_decision(state, entry, &decision);
        else
            state->broken = true;
    } else if (event_from_body(&state->scratch, entry->type, entry->body, &event, &error) == STATUS_OK) {
        apply_event(state, entry, &event);
    } else {
        state->broken = true;
    }
}

void fold_apply(void *context, const struct ledger_entry *entry)
{
    struct state *state = context;

    arena_reset(&state->scratch);
    expire_keys(state, entry->time_ms);
    escalations_expire_grants(state, entry->time_ms);
    if (!entry->event)
        apply_decoded(state, entry);
    else if (entry->type == RECORD_DECISION)
        apply_decision(state, entry, entry->event);
    else
        apply_event(state, entry, entry->event);
    atomic_store(&state->size, entry->index + 1);
}
