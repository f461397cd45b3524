/*
 * What happened to each rule of a bundle over many evaluations: for coverage and for costs. Pure; one thread.
 */
#ifndef EDICT_CLI_RULE_STATS_H
#define EDICT_CLI_RULE_STATS_H

#include "policy/policy.h"

struct rule_stat {
    struct policy_rule_info info;
    uint64_t considered; /* evaluations in which the rule was a candidate */
    uint64_t counted;    /* matched, failed, or escalated for a missing field */
    uint64_t when_false;
    uint64_t failed;
    uint64_t fuel, fuel_max;
    uint64_t memory_max; /* bytes */
};

struct rule_stats {
    struct rule_stat *items; /* by name */
    size_t count;
};

/* In `arena`; views into the bundle. False when exhausted. */
bool rule_stats_create(struct rule_stats *stats, struct arena *arena, const struct policy_bundle *bundle);
void rule_stats_add(struct rule_stats *stats, const struct policy_trace *trace);

#endif
