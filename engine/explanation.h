/*
 * Why a decision came out as it did, as JSON: {"rules": [{rule, tier, state, file, line, detail, fuel, memory_bytes}],
 * "facts"}. States: matched, no_match, excepted, missing, when_false, failed. Pure; any thread.
 */
#ifndef EDICT_ENGINE_EXPLANATION_H
#define EDICT_ENGINE_EXPLANATION_H

#include "policy/policy.h"

/* `full`: every candidate rule and the facts; otherwise only the rules that counted. */
void explanation_write(struct buf *out, struct arena *scratch, const struct policy_trace *trace, const cJSON *facts_json,
                       bool full);

#endif
