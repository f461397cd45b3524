/*
 * The pure part of deciding: what the engine adds to a policy's verdict, and what follows from the sum. A function of (verdict,
 * request, facts, inputs): no state, no clock, no I/O; so replay, offline evaluation and policy tests give what the server
 * gives. Any thread.
 *
 * Built-in rules, named like any other:
 *   edict.unknown-agent   2  the agent has no manifest
 *   edict.over-budget     2  an approval would cost more than what remains of the agent's budget
 *   edict.plain-language  2  the operation is not a name; no rule of the policy has seen the request
 *   edict.undecided       2  nothing matched and nothing failed (not listed in `rules`; the name by which a grant covers it)
 *   edict.asked-for-human 2  the agent asked for a reviewer by itself
 *   edict.contended       2  the state changed under every attempt to decide
 */
#ifndef EDICT_ENGINE_VERDICT_RULES_H
#define EDICT_ENGINE_VERDICT_RULES_H

#include "policy/policy.h"
#include "proto/decision.h"

/* The policy's verdict (skipped for plain language and contended), then the built-in rules; sets facts_json, verdict and
 * cost_micro_usd of `decision`, whose request, facts and inputs are given. NO_MEMORY: there is no verdict, and the caller must
 * not approve. `trace` may be NULL. */
enum status verdict_rules_evaluate(struct policy_vm *vm, struct arena *arena, struct decision *decision,
                                   struct policy_trace *trace, struct error *error) EDICT_MUST_USE;
/* Only the built-in rules, on a verdict that is already there. False when the arena is exhausted. */
bool verdict_rules_add(struct arena *arena, struct decision *decision) EDICT_MUST_USE;
/* Is this text of the verdict one that the engine itself gives, from what no policy can redact? */
bool verdict_rules_says(struct arena *arena, const struct decision *decision, struct slice text);
/* The usable grant that covers every tier-2 rule and failed rule of the verdict, or NULL. The one that expires first is taken.
 */
const struct facts_grant *verdict_rules_grant(const struct decision *decision);
/* What a grant from this escalation will cover: tier-2 rules and failed rules, sorted; edict.undecided where nothing matched.
 * False when exhausted. */
bool verdict_rules_covers(struct arena *arena, const struct verdict *verdict, struct slice **covers,
                          size_t *count) EDICT_MUST_USE;
/* Outcome and effects (times are relative to facts.now_ms), then decision_compose. `records` is false for a dry run: no
 * effects. */
bool verdict_rules_conclude(struct arena *arena, struct decision *decision, int64_t reservation_ttl_ms,
                            int64_t escalation_ttl_ms, bool records) EDICT_MUST_USE;

#endif
