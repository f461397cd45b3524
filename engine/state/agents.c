/* Agents: manifests, usage, monthly limits. */
#include "state/internal.h"

#include <stdlib.h>

struct agent *agents_find(struct shard *shard, struct slice id)
{
    struct table_node *node = table_find(&shard->agents, id);

    return node ? TABLE_ENTRY(node, struct agent, node) : NULL;
}

static struct agent *agents_new(struct slice id)
{
    struct agent *agent = calloc(1, sizeof *agent + id.size + 1);

    if (!agent)
        return NULL;
    memcpy(agent->id, id.data, id.size);
    agent->node.key = slice_from(agent->id, id.size);
    arena_create(&agent->documents, 1024, 4u << 20);
    return agent;
}

struct agent *agents_obtain(struct state *state, struct slice id)
{
    struct shard *shard = state_shard(state, id);
    struct agent *agent = agents_find(shard, id); /* only this thread inserts */

    if (agent)
        return agent;
    agent = agents_new(id);
    pthread_mutex_lock(&shard->mutex);
    if (agent && !table_insert(&shard->agents, &agent->node)) {
        free(agent);
        agent = NULL;
    }
    pthread_mutex_unlock(&shard->mutex);
    state->broken = state->broken || !agent;
    return agent;
}

static void free_key(void *context, struct table_node *node)
{
    (void)context;
    free(TABLE_ENTRY(node, struct idempotency, node));
}

void agents_free(struct state *state, struct agent *agent)
{
    struct budget *budget, *next_budget;
    struct escalation *escalation, *next_escalation;

    (void)state;
    for (budget = agent->budgets; budget; budget = next_budget) {
        next_budget = budget->next;
        free(budget);
    }
    for (escalation = agent->escalations; escalation; escalation = next_escalation) {
        next_escalation = escalation->next;
        escalations_free(escalation);
    }
    table_each(&agent->idempotency, free_key, NULL);
    table_destroy(&agent->idempotency);
    history_destroy(&agent->history);
    arena_destroy(&agent->documents);
    free(agent);
}

/* ---- months ---- */

struct budget *agents_budget(struct agent *agent, int32_t period)
{
    struct budget *budget = agent->budgets;

    while (budget && budget->period != period)
        budget = budget->next;
    return budget;
}

struct budget *agents_obtain_budget(struct state *state, struct agent *agent, int32_t period)
{
    struct budget *budget = agents_budget(agent, period);

    if (budget)
        return budget;
    budget = calloc(1, sizeof *budget);
    if (!budget) {
        state->broken = true;
        return NULL;
    }
    budget->period = period;
    budget->next = agent->budgets;
    agent->budgets = budget;
    return budget;
}

int64_t agents_limit(const struct agent *agent, const struct budget *budget)
{
    return agent->limit_micro_usd + (budget ? budget->raised : 0);
}

struct slice agents_namespace(const struct agent *agent)
{
    return json_get_text(agent->manifest, "namespace");
}

/* ---- documents ---- */

bool agents_replace_documents(struct agent *agent, const cJSON *manifest, const cJSON *usage)
{
    struct arena fresh;
    cJSON *new_manifest, *new_usage;

    arena_create(&fresh, 1024, 4u << 20);
    new_manifest = json_copy(&fresh, manifest ? manifest : agent->manifest);
    new_usage = json_copy(&fresh, usage ? usage : agent->usage);
    if (fresh.exhausted) {
        arena_destroy(&fresh);
        return false;
    }
    arena_destroy(&agent->documents);
    agent->documents = fresh;
    agent->manifest = new_manifest;
    agent->usage = new_usage;
    return true;
}

static void journal_agent(struct state *state, const struct agent *agent)
{
    struct row key;
    struct buf out;
    struct json_writer w = {.out = &out};

    row_begin(&key, ROW_AGENT);
    row_bytes(&key, agent->node.key);
    buf_create(&out, &state->scratch);
    json_begin_object(&w);
    json_key(&w, "known");
    json_bool(&w, agent->known);
    json_key(&w, "limit_micro_usd");
    json_i64(&w, agent->limit_micro_usd);
    json_key(&w, "manifest");
    json_value(&w, &state->scratch, agent->manifest);
    json_key(&w, "usage");
    json_value(&w, &state->scratch, agent->usage);
    json_key(&w, "usage_at_ms");
    json_i64(&w, agent->usage_at_ms);
    json_key(&w, "version");
    json_i64(&w, (int64_t)agent->version);
    json_end_object(&w);
    state->broken = state->broken || out.failed;
    journal_put(&state->journal, row_slice(&key), buf_slice(&out));
}

void agents_set(struct state *state, const struct ledger_entry *entry, const struct event_agent_set *set)
{
    struct agent *agent = agents_obtain(state, set->agent);
    struct shard *shard = state_shard(state, set->agent);

    if (!agent)
        return;
    pthread_mutex_lock(&shard->mutex);
    if (!agent->known)
        atomic_fetch_add(&state->agents, 1);
    agent->known = true;
    agent->limit_micro_usd = set->limit_micro_usd;
    agent->version = entry->index + 1;
    state->broken = !agents_replace_documents(agent, set->manifest, NULL) || state->broken;
    pthread_mutex_unlock(&shard->mutex);
    journal_agent(state, agent);
}

void agents_set_usage(struct state *state, const struct ledger_entry *entry, const struct event_usage_set *set)
{
    struct agent *agent = agents_obtain(state, set->agent);
    struct shard *shard = state_shard(state, set->agent);

    if (!agent)
        return;
    pthread_mutex_lock(&shard->mutex);
    agent->usage_at_ms = entry->time_ms;
    agent->version = entry->index + 1;
    state->broken = !agents_replace_documents(agent, NULL, set->usage) || state->broken;
    pthread_mutex_unlock(&shard->mutex);
    journal_agent(state, agent);
}
