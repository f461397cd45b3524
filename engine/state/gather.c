/* One consistent look at an agent, for a decision. */
#include "state/internal.h"

#include <stdio.h>

static struct slice copy_id(struct arena *arena, uint64_t number)
{
    return arena_printf(arena, "ESC-%llu", (unsigned long long)number);
}

static void gather_budget(struct agent *agent, struct facts *facts)
{
    const struct budget *budget = agents_budget(agent, facts->period);

    facts->limit_micro_usd = agents_limit(agent, budget);
    facts->spent_micro_usd = budget ? budget->spent : 0;
    facts->reserved_micro_usd = budget ? budget->reserved : 0;
}

static void gather_manifest(struct arena *arena, struct agent *agent, struct facts *facts)
{
    facts->known = true;
    facts->agent_namespace = arena_copy(arena, agents_namespace(agent));
    facts->owner = arena_copy(arena, json_get_text(agent->manifest, "owner"));
    facts->privileges = json_copy(arena, json_get(agent->manifest, "privileges"));
    facts->quota = json_copy(arena, json_get(agent->manifest, "resource_quotas"));
    facts->usage = json_copy(arena, agent->usage);
    facts->usage_at_ms = agent->usage_at_ms;
    gather_budget(agent, facts);
}

static bool gather_grant(struct arena *arena, const struct escalation *escalation, struct facts_grant *grant)
{
    grant->id = arena_copy(arena, slice_from(escalation->grant_id, sizeof escalation->grant_id));
    grant->escalation_id = copy_id(arena, escalation->number);
    grant->uses_left = escalation->uses_left;
    grant->expires_at_ms = escalation->expires_at_ms;
    grant->covers = arena_array(arena, escalation->cover_count + 1, sizeof *grant->covers);
    if (!grant->covers)
        return false;
    for (size_t i = 0; i < escalation->cover_count; i++)
        grant->covers[grant->cover_count++] = arena_copy(arena, escalation->covers[i]);
    return true;
}

static bool is_usable(const struct escalation *at, const struct digest *digest, int64_t now_ms)
{
    return at->state == ESCALATION_APPROVED && at->uses_left > 0 && at->expires_at_ms > now_ms &&
           digest_equal(&at->digest, digest);
}

static bool gather_grants(struct arena *arena, const struct agent *agent, const struct digest *digest, int64_t now_ms,
                          struct facts *facts)
{
    size_t count = 0;

    for (const struct escalation *at = agent->escalations; at; at = at->next)
        count += is_usable(at, digest, now_ms);
    if (count == 0)
        return true;
    facts->grants = arena_array(arena, count, sizeof *facts->grants);
    for (const struct escalation *at = agent->escalations; facts->grants && at; at = at->next) {
        if (is_usable(at, digest, now_ms) && !gather_grant(arena, at, &facts->grants[facts->grant_count++]))
            return false;
    }
    return facts->grants != NULL;
}

/* Shard locked. Most agents have none of them, and then the digest of the action is not needed. */
static void gather_escalations(struct state *state, struct arena *arena, const struct agent *agent,
                               const struct request *request, struct request_action *action, struct facts *facts)
{
    const struct escalation *pending;

    if (!agent->escalations || !request_action_learn(arena, request, RECORD_TENANT_DEFAULT, state_action_key(state), action))
        return;
    gather_grants(arena, agent, &action->digest, facts->now_ms, facts);
    pending = escalations_pending(agent, &action->digest);
    if (pending)
        facts->pending_escalation_id = copy_id(arena, pending->number);
}

/* Shard locked. */
static void gather_agent(struct arena *arena, struct agent *agent, const struct request *request, struct facts *facts,
                         struct state_basis *basis)
{
    basis->agent_version = agent->version;
    if (!agent->known)
        return;
    gather_manifest(arena, agent, facts);
    history_read(&agent->history, request->operation, request_resource_type(request), facts->now_ms, &facts->similar);
    history_read(&agent->history, (struct slice){0}, (struct slice){0}, facts->now_ms, &facts->all);
}

enum status state_gather(struct state *state, struct arena *arena, const struct request *request, struct request_action *action,
                         int64_t now_ms, struct facts *facts, struct state_basis *basis, struct error *error)
{
    struct shard *shard = state_shard(state, request->agent_identity);
    struct agent *agent;

    *facts = (struct facts){.now_ms = now_ms,
                            .agent_id = request->agent_identity,
                            .period = clock_month(now_ms),
                            .estimated_micro_usd = request->estimated_cost_micro_usd,
                            .estimate_stated = request->has_estimate};
    *basis = (struct state_basis){.kind = STATE_BASIS_DECISION, .agent = request->agent_identity};
    pthread_mutex_lock(&shard->mutex);
    basis->as_of = atomic_load(&state->size);
    agent = agents_find(shard, request->agent_identity);
    if (agent) {
        gather_agent(arena, agent, request, facts, basis);
        gather_escalations(state, arena, agent, request, action, facts);
    }
    pthread_mutex_unlock(&shard->mutex);
    if (arena->exhausted)
        return error_set(error, STATUS_NO_MEMORY, "", "the facts need more memory than one call may use");
    return STATUS_OK;
}

enum status state_find_idempotent(struct state *state, struct slice agent_id, struct slice key,
                                  const struct digest *body_digest, int64_t now_ms, uint64_t *index, bool *same_body)
{
    struct shard *shard = state_shard(state, agent_id);
    struct agent *agent;
    struct table_node *node;
    enum status status = STATUS_NOT_FOUND;

    pthread_mutex_lock(&shard->mutex);
    agent = agents_find(shard, agent_id);
    node = agent ? table_find(&agent->idempotency, key) : NULL;
    if (node) {
        const struct idempotency *known = TABLE_ENTRY(node, struct idempotency, node);

        if (known->time_ms + STATE_IDEMPOTENCY_TTL_S * INT64_C(1000) > now_ms) {
            *index = known->index;
            *same_body = digest_equal(&known->body_digest, body_digest);
            status = STATUS_OK;
        }
    }
    pthread_mutex_unlock(&shard->mutex);
    return status;
}

/* ---- the action of an escalation ---- */

/* What is kept of the escalation, copied, so that the store can be asked for what is redacted in it. */
static cJSON *active_part(struct state *state, struct arena *arena, uint64_t number, struct slice agent_id)
{
    struct shard *shard = state_shard(state, agent_id);
    struct agent *agent;
    cJSON *fixed = NULL;

    pthread_mutex_lock(&shard->mutex);
    agent = agents_find(shard, agent_id);
    for (const struct escalation *at = agent ? agent->escalations : NULL; at; at = at->next) {
        if (at->number == number)
            fixed = json_copy(arena, at->fixed);
    }
    pthread_mutex_unlock(&shard->mutex);
    return fixed;
}

static cJSON *kept_part(struct state *state, struct arena *arena, uint64_t number, struct slice agent_id)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};
    struct row key;
    struct slice row;
    struct error error;
    cJSON *json = NULL, *fixed;

    row_begin(&key, ROW_ESCALATION);
    row_u64(&key, number);
    if (store_get(state->store, STORE_STATE, row_slice(&key), arena, &row, &error) != STATUS_OK ||
        json_parse(arena, row, &limits, &json, &error) != STATUS_OK)
        return NULL;
    fixed = (cJSON *)(uintptr_t)json_get(json, "fixed");
    return slice_equal(json_get_text(fixed, "agent_identity"), agent_id) ? fixed : NULL;
}

enum status state_escalation_request(struct state *state, struct arena *arena, struct slice escalation_id, struct slice agent,
                                     struct request *out, struct error *error)
{
    uint64_t number = 0;
    size_t missing = 0;
    cJSON *fixed = NULL;
    enum status status;

    if (escalations_parse_id(escalation_id, &number))
        fixed = active_part(state, arena, number, agent);
    if (!fixed && number > 0)
        fixed = kept_part(state, arena, number, agent);
    if (!fixed)
        return error_set(error, STATUS_NOT_FOUND, "/escalation_id",
                         "the escalation does not exist, or belongs to another agent");
    status = escalations_reveal(state, arena, fixed, &missing, error);
    if (status == STATUS_OK && missing > 0)
        status = error_set(error, STATUS_CONFLICT, "/escalation_id",
                           "values of the escalation's request were erased, so it cannot be repeated; send the whole request");
    return status == STATUS_OK ? request_from_view(arena, (cJSON *)(uintptr_t)json_get(fixed, "request"), out, error) : status;
}
