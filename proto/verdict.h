/*
 * What a policy returns, and its encoding in records. A verdict is a pure function of (bundle, request, facts, semantics
 * version). Lists are in a fixed order: rules, errors by rule name (bytes); missing by field name; no duplicates. Memory: the
 * call's arena.
 */
#ifndef EDICT_PROTO_VERDICT_H
#define EDICT_PROTO_VERDICT_H

#include "proto/json.h"

enum tier { TIER_APPROVE = 0, TIER_AUDIT = 1, TIER_ESCALATE = 2, TIER_DENY = 3 };

/* Our own part of the semantics version: raised when the same inputs may give another verdict. */
enum { VERDICT_SEMANTICS = 1 };

struct verdict_rule {
    struct slice name;
    int tier; /* the tier it counts at (a tier 2 or 3 rule with missing fields, or a failed rule, may differ from its own) */
    bool because_missing; /* counted at tier 2 only because a required field is absent */
};

enum verdict_error_kind { VERDICT_ERROR_LUA, VERDICT_ERROR_FUEL, VERDICT_ERROR_MEMORY, VERDICT_ERROR_RESULT };

struct verdict_error {
    struct slice rule;
    enum verdict_error_kind kind;
    struct slice message; /* "file:line: text"; deterministic */
    int tier;             /* max(2, the rule's own tier) */
};

struct verdict {
    int tier;
    bool undecided; /* nothing matched and nothing failed: tier 2 */
    struct verdict_rule
        *rules; /* every rule that counts: matched, or counted through missing fields; failed ones are in errors only */
    size_t rule_count;
    struct slice *reasons; /* of the winning tier's rules, by rule name; of failed rules: that they failed */
    size_t reason_count;
    struct slice next_steps;    /* the first winning rule's that has any */
    struct slice *alternatives; /* of the winning tier's rules, in order, no duplicates */
    size_t alternative_count;
    struct slice *missing; /* dotted field names that matching rules need */
    size_t missing_count;
    struct verdict_error *errors;
    size_t error_count;
    struct slice *approvers; /* of the winning tier's rules */
    size_t approver_count;
    int64_t cost_micro_usd; /* the highest `cost` of matched rules; 0 without */
    int64_t sla_s;          /* the shortest `sla` of the winning tier's rules; 0 without */
};

/* Counts one more rule (a built-in, such as "edict.unknown-agent"): keeps the order, raises the tier, and puts its reasons
 * first when it wins. Clears `undecided`. False when the arena is exhausted. */
bool verdict_add(struct arena *arena, struct verdict *verdict, const char *constant_name, int tier, struct slice reason,
                 struct slice next_steps) EDICT_MUST_USE;
/* RFC 8785 object; the bytes that replay compares. */
void verdict_write(struct buf *out, const struct verdict *verdict);
enum status verdict_from_json(struct arena *arena, const cJSON *json, struct verdict *out, struct error *error) EDICT_MUST_USE;

#endif
