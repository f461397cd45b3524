#include "policy/extract.h"

const char *const extract_rule_fields[] = {"tier",       "match",        "except",     "requires",  "when", "because",
                                           "next_steps", "alternatives", "cost",       "approvers", "sla",  "owner",
                                           "expires",    "description",  "references", NULL};

const char *const extract_match_operators[] = {"prefix", "suffix", "glob", "min", "max", "exists", "is_not", NULL};

const char *const extract_request_fields[] = {"operation", "agent_identity",  "command",     "justification",
                                              "context",   "conversation_id", "in_reply_to", "estimated_cost_usd",
                                              NULL};

/* proto/facts.h is the schema. A path that ends in '.' has members of the manifest's choosing. */
const char *const extract_fact_fields[] = {"facts.v",
                                           "facts.now",
                                           "facts.now_ms",
                                           "facts.agent.id",
                                           "facts.agent.known",
                                           "facts.agent.namespace",
                                           "facts.agent.owner",
                                           "facts.agent.privileges",
                                           "facts.quota.",
                                           "facts.usage.",
                                           "facts.usage_at",
                                           "facts.budget.period",
                                           "facts.budget.limit_micro_usd",
                                           "facts.budget.spent_micro_usd",
                                           "facts.budget.reserved_micro_usd",
                                           "facts.budget.remaining_micro_usd",
                                           "facts.budget.utilization_percent",
                                           "facts.cost.estimated_micro_usd",
                                           "facts.cost.stated",
                                           "facts.history.similar.h1.approved",
                                           "facts.history.similar.h1.escalated",
                                           "facts.history.similar.h1.denied",
                                           "facts.history.similar.h24.approved",
                                           "facts.history.similar.h24.escalated",
                                           "facts.history.similar.h24.denied",
                                           "facts.history.similar.d7.approved",
                                           "facts.history.similar.d7.escalated",
                                           "facts.history.similar.d7.denied",
                                           "facts.history.all.h1.approved",
                                           "facts.history.all.h1.escalated",
                                           "facts.history.all.h1.denied",
                                           "facts.history.all.h24.approved",
                                           "facts.history.all.h24.escalated",
                                           "facts.history.all.h24.denied",
                                           "facts.history.all.d7.approved",
                                           "facts.history.all.d7.escalated",
                                           "facts.history.all.d7.denied",
                                           "facts.grants",
                                           "facts.escalation.id",
                                           "facts.escalation.state",
                                           NULL};

bool extract_fact_exists(struct slice dotted)
{
    const char *const *known;

    for (known = extract_fact_fields; *known != NULL; known++) {
        struct slice name = slice_from_str(*known);

        if (name.data[name.size - 1] == '.' ? slice_starts_with(dotted, name) : slice_equal(dotted, name))
            return true;
        /* a group as a whole: "facts.quota", "facts.agent" */
        if (name.size > dotted.size && name.data[dotted.size] == '.' && slice_starts_with(name, dotted))
            return true;
    }
    return false;
}
