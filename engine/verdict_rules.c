#include "engine/verdict_rules.h"

#include "proto/money.h"

#include <stdlib.h>

#define TEXT(literal) literal, sizeof(literal) - 1

static bool verdict_rules_has(const struct verdict *verdict, const char *name)
{
    for (size_t i = 0; i < verdict->rule_count; i++) {
        if (slice_equal_str(verdict->rules[i].name, name))
            return true;
    }
    return false;
}

/* ---- what the built-in rules say ---- */

static const struct slice unknown_agent_next = {TEXT("An administrator can register the agent with: edict agents set FILE")};
static const struct slice over_budget_next = {
    TEXT("A reviewer can approve this with a budget increase for the current month.")};
static const struct slice plain_language_reason = {TEXT("The operation is in plain language, which no rule may decide on")};
static const struct slice plain_language_next = {
    TEXT("Send the request in structured form: an operation such as \"delete\" and its context. Nothing was escalated.")};
static const struct slice contended_reason = {
    TEXT("The facts behind this decision changed each time it was about to be recorded")};
static const struct slice contended_next = {TEXT("Send the request again. Nothing was escalated.")};
static const struct slice ask_human_reason = {TEXT("The agent asked for a human to decide")};

static struct slice unknown_agent_reason(struct arena *arena, const struct decision *decision)
{
    return arena_printf(arena, "Agent \"%.*s\" has no manifest here, so its namespace, quotas and budget are unknown",
                        SLICE_ARG(decision->facts.agent_id));
}

static bool add_unknown_agent(struct arena *arena, struct decision *decision)
{
    struct slice reason = unknown_agent_reason(arena, decision);

    return reason.data &&
           verdict_add(arena, &decision->verdict, "edict.unknown-agent", TIER_ESCALATE, reason, unknown_agent_next);
}

static struct slice over_budget_reason(struct arena *arena, const struct decision *decision)
{
    struct buf text;

    buf_create(&text, arena);
    buf_add_str(&text, "Estimated cost (");
    money_write_sentence(&text, decision->cost_micro_usd);
    buf_add_str(&text, ") would exceed your remaining budget (");
    money_write_sentence(&text, facts_remaining_micro_usd(&decision->facts));
    buf_add_str(&text, ")");
    return text.failed ? (struct slice){0} : buf_slice(&text);
}

static bool add_over_budget(struct arena *arena, struct decision *decision)
{
    struct slice reason = over_budget_reason(arena, decision);

    return reason.data && verdict_add(arena, &decision->verdict, "edict.over-budget", TIER_ESCALATE, reason, over_budget_next);
}

static bool is_over_budget(const struct decision *decision)
{
    return decision->facts.known && decision->cost_micro_usd > 0 &&
           decision->cost_micro_usd > facts_remaining_micro_usd(&decision->facts);
}

bool verdict_rules_add(struct arena *arena, struct decision *decision)
{
    const struct facts *facts = &decision->facts;

    decision->cost_micro_usd = facts->estimated_micro_usd;
    if (decision->verdict.cost_micro_usd > decision->cost_micro_usd)
        decision->cost_micro_usd = decision->verdict.cost_micro_usd;
    if (decision->request.plain_language && !verdict_add(arena, &decision->verdict, "edict.plain-language", TIER_ESCALATE,
                                                         plain_language_reason, plain_language_next))
        return false;
    if (decision->inputs.contended &&
        !verdict_add(arena, &decision->verdict, "edict.contended", TIER_ESCALATE, contended_reason, contended_next))
        return false;
    if (decision->inputs.ask_human &&
        !verdict_add(arena, &decision->verdict, "edict.asked-for-human", TIER_ESCALATE, ask_human_reason, (struct slice){0}))
        return false;
    if (!facts->known && !add_unknown_agent(arena, decision))
        return false;
    return !is_over_budget(decision) || add_over_budget(arena, decision);
}

/* Money is not redacted, and neither is an agent's name. */
bool verdict_rules_says(struct arena *arena, const struct decision *decision, struct slice text)
{
    const struct slice *const fixed[] = {&unknown_agent_next, &over_budget_next, &plain_language_reason, &plain_language_next,
                                         &contended_reason,   &contended_next,   &ask_human_reason};

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (slice_equal(text, *fixed[i]))
            return true;
    }
    return slice_equal(text, unknown_agent_reason(arena, decision)) || slice_equal(text, over_budget_reason(arena, decision));
}

/* Where no rule may see the request, the verdict starts empty and the built-in rules fill it. */
static bool policy_is_skipped(const struct decision *decision)
{
    return decision->request.plain_language || decision->inputs.contended;
}

enum status verdict_rules_evaluate(struct policy_vm *vm, struct arena *arena, struct decision *decision,
                                   struct policy_trace *trace, struct error *error)
{
    enum status status = STATUS_OK;

    decision->facts_json = facts_to_json(arena, &decision->facts);
    if (!decision->facts_json)
        return error_set(error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
    if (policy_is_skipped(decision))
        decision->verdict = (struct verdict){.tier = TIER_APPROVE};
    else
        status = policy_evaluate(vm, decision->request.view, decision->facts_json, arena, &decision->verdict, trace, error);
    if (status != STATUS_OK)
        return status;
    if (!verdict_rules_add(arena, decision))
        return error_set(error, STATUS_NO_MEMORY, "", "the verdict needs more memory than one call may use");
    return STATUS_OK;
}

static int compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

bool verdict_rules_covers(struct arena *arena, const struct verdict *verdict, struct slice **covers, size_t *count)
{
    size_t n = 0;

    *covers = arena_array(arena, verdict->rule_count + verdict->error_count + 1, sizeof **covers);
    if (!*covers)
        return false;
    for (size_t i = 0; i < verdict->rule_count; i++) {
        if (verdict->rules[i].tier == TIER_ESCALATE)
            (*covers)[n++] = verdict->rules[i].name;
    }
    for (size_t i = 0; i < verdict->error_count; i++)
        (*covers)[n++] = verdict->errors[i].rule;
    if (verdict->undecided)
        (*covers)[n++] = SLICE("edict.undecided");
    qsort(*covers, n, sizeof **covers, compare_slices);
    *count = n;
    return true;
}

static bool grant_covers(const struct facts_grant *grant, struct slice name)
{
    for (size_t i = 0; i < grant->cover_count; i++) {
        if (slice_equal(grant->covers[i], name))
            return true;
    }
    return false;
}

static bool grant_covers_all(const struct facts_grant *grant, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->rule_count; i++) {
        if (verdict->rules[i].tier == TIER_ESCALATE && !grant_covers(grant, verdict->rules[i].name))
            return false;
    }
    for (size_t i = 0; i < verdict->error_count; i++) {
        if (!grant_covers(grant, verdict->errors[i].rule))
            return false;
    }
    return !verdict->undecided || grant_covers(grant, SLICE("edict.undecided"));
}

/* What no approval of a reviewer can replace: the money has to be there (an approval may have raised the limit), and the
 * request has to be one that rules saw. */
static bool grant_is_ruled_out(const struct decision *decision)
{
    if (decision->verdict.tier != TIER_ESCALATE || policy_is_skipped(decision))
        return true;
    if (!decision->facts.known && decision->cost_micro_usd > 0)
        return true;
    return verdict_rules_has(&decision->verdict, "edict.over-budget");
}

const struct facts_grant *verdict_rules_grant(const struct decision *decision)
{
    const struct facts_grant *best = NULL;

    if (grant_is_ruled_out(decision))
        return NULL;
    for (size_t i = 0; i < decision->facts.grant_count; i++) {
        const struct facts_grant *grant = &decision->facts.grants[i];

        if (!grant_covers_all(grant, &decision->verdict))
            continue;
        if (!best || grant->expires_at_ms < best->expires_at_ms)
            best = grant;
    }
    return best;
}

static void conclude_approval(struct decision *decision, const struct facts_grant *grant, int64_t reservation_ttl_ms,
                              bool records)
{
    decision->outcome = DECISION_APPROVE;
    if (grant) {
        decision->effects.grant_id = grant->id;
        decision->valid_until_ms = grant->expires_at_ms;
    }
    if (!records || decision->cost_micro_usd == 0)
        return;
    decision->effects.reserve_micro_usd = decision->cost_micro_usd;
    decision->effects.reserve_expires_at_ms = decision->facts.now_ms + reservation_ttl_ms;
}

static bool conclude_escalation(struct arena *arena, struct decision *decision, int64_t escalation_ttl_ms, bool records)
{
    struct decision_effects *effects = &decision->effects;

    decision->outcome = DECISION_ESCALATE;
    if (!records || policy_is_skipped(decision))
        return true;
    if (decision->facts.pending_escalation_id.size > 0) {
        effects->escalation = DECISION_ESCALATION_JOIN;
        decision->escalation_id = decision->facts.pending_escalation_id;
        return true;
    }
    effects->escalation = DECISION_ESCALATION_OPEN;
    effects->escalation_expires_at_ms = decision->facts.now_ms + escalation_ttl_ms;
    return verdict_rules_covers(arena, &decision->verdict, &effects->covers, &effects->cover_count);
}

bool verdict_rules_conclude(struct arena *arena, struct decision *decision, int64_t reservation_ttl_ms,
                            int64_t escalation_ttl_ms, bool records)
{
    const struct facts_grant *grant = verdict_rules_grant(decision);

    decision->effects = (struct decision_effects){0};
    decision->escalation_id = (struct slice){0};
    decision->valid_until_ms = 0;
    if (decision->verdict.tier >= TIER_DENY)
        decision->outcome = DECISION_DENY;
    else if (decision->verdict.tier < TIER_ESCALATE || grant)
        conclude_approval(decision, grant, reservation_ttl_ms, records);
    else if (!conclude_escalation(arena, decision, escalation_ttl_ms, records))
        return false;
    return decision_compose(arena, decision);
}
