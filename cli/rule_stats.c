#include "cli/rule_stats.h"

bool rule_stats_create(struct rule_stats *stats, struct arena *arena, const struct policy_bundle *bundle)
{
    stats->count = policy_bundle_rule_count(bundle);
    stats->items = arena_array(arena, stats->count + 1, sizeof *stats->items);
    if (!stats->items)
        return false;
    for (size_t i = 0; i < stats->count; i++) {
        stats->items[i] = (struct rule_stat){0};
        policy_bundle_rule(bundle, i, &stats->items[i].info);
    }
    return true;
}

static struct rule_stat *find(struct rule_stats *stats, struct slice name)
{
    size_t low = 0, high = stats->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(stats->items[middle].info.name, name);

        if (order == 0)
            return &stats->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void rule_stats_add(struct rule_stats *stats, const struct policy_trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct policy_trace_rule *rule = &trace->rules[i];
        struct rule_stat *stat = find(stats, rule->name);

        if (!stat)
            continue;
        stat->considered++;
        stat->counted += rule->state == POLICY_RULE_MATCHED || rule->state == POLICY_RULE_FAILED;
        stat->when_false += rule->state == POLICY_RULE_WHEN_FALSE;
        stat->failed += rule->state == POLICY_RULE_FAILED;
        stat->fuel += rule->fuel;
        stat->fuel_max = rule->fuel > stat->fuel_max ? rule->fuel : stat->fuel_max;
        stat->memory_max = rule->memory > stat->memory_max ? rule->memory : stat->memory_max;
    }
}
