/*
 * Everything a policy may know besides the request: gathered once, whole, under a fixed and versioned schema, before the policy
 * runs, and written into the record. Counters and money are integers. Memory: the call's arena. All of it is attested
 * (manifest, meter, ledger).
 *
 * As JSON, and as policies see it (`facts`):
 *   v: 1
 *   now: "2026-07-28T12:34:56.789Z", now_ms
 *   agent: {id, known, namespace, owner, privileges: […]}            namespace and the rest only when known
 *   quota: {compute: {cpu_cores, memory_gb}, …} of the manifest, usage: the same shape as last reported, usage_at: time or
 * absent budget: {period: "2026-07", limit_micro_usd, spent_micro_usd, reserved_micro_usd, remaining_micro_usd,
 * utilization_percent} cost: {estimated_micro_usd, stated: bool} history: {similar: {h1: {approved, escalated, denied}, h24: …,
 * d7: …}, all: {h1…}}   similar: same agent, operation, resource type grants: [{id, escalation_id, covers: […], uses_left,
 * expires_at}]       for exactly this action and agent, usable at `now` escalation: {id, state: "pending"} this action's
 * pending escalation, if any
 */
#ifndef EDICT_PROTO_FACTS_H
#define EDICT_PROTO_FACTS_H

#include "proto/json.h"

enum { FACTS_VERSION = 1 };

struct facts_counts {
    int64_t approved;  /* tier 0 and 1 */
    int64_t escalated; /* tier 2, granted ones included */
    int64_t denied;    /* tier 3 */
};

struct facts_windows {
    struct facts_counts h1, h24, d7;
};

struct facts_grant {
    struct slice id;            /* UUID */
    struct slice escalation_id; /* "ESC-456" */
    struct slice *covers;       /* names of the tier-2 rules and failed rules the approver saw */
    size_t cover_count;
    int64_t uses_left;
    int64_t expires_at_ms;
};

struct facts {
    int64_t now_ms;
    struct slice agent_id;
    bool known; /* a manifest exists */
    struct slice agent_namespace, owner;
    const cJSON *privileges;                                      /* array of text, or NULL */
    const cJSON *quota;                                           /* manifest.resource_quotas, or NULL */
    const cJSON *usage;                                           /* as last reported, or NULL */
    int64_t usage_at_ms;                                          /* 0: never reported */
    int32_t period;                                               /* clock_month() of now */
    int64_t limit_micro_usd, spent_micro_usd, reserved_micro_usd; /* of that period; all 0 when unknown */
    int64_t estimated_micro_usd;
    bool estimate_stated;
    struct facts_windows similar, all;
    struct facts_grant *grants;
    size_t grant_count;
    struct slice pending_escalation_id; /* empty: none */
};

/* limit - spent - reserved, never below 0. */
int64_t facts_remaining_micro_usd(const struct facts *facts);
/* The policy's view. NULL when the arena is exhausted. References the facts' own slices and trees. */
cJSON *facts_to_json(struct arena *arena, const struct facts *facts);
/* The record's form: the same members without those that are empty, zero or false, and without those that follow from others
 * (now, agent.id, budget.period, .remaining_micro_usd and .utilization_percent). */
void facts_write(struct json_writer *w, struct arena *scratch, const struct facts *facts);
/* Restores facts from a record or a test; absent members take their zero; wrong types are STATUS_INVALID with a pointer. */
enum status facts_from_json(struct arena *arena, const cJSON *json, struct facts *out, struct error *error) EDICT_MUST_USE;

#endif
