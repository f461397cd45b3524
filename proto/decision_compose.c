/* The words of a decision. */
#include "proto/decision.h"

static const struct facts_grant *used_grant(const struct decision *decision)
{
    for (size_t i = 0; i < decision->facts.grant_count; i++) {
        if (slice_equal(decision->facts.grants[i].id, decision->effects.grant_id))
            return &decision->facts.grants[i];
    }
    return NULL;
}

static void write_opening(struct buf *out, const struct decision *decision, const struct facts_grant *grant)
{
    if (grant) {
        buf_add_str(out, "This request is approved (Tier 2, by escalation ");
        buf_add_slice(out, grant->escalation_id);
        buf_add_str(out, ") because:");
    } else if (decision->outcome == DECISION_APPROVE) {
        buf_add_str(out, decision->verdict.tier == TIER_APPROVE
                             ? "This request qualifies for Tier 0 (auto-approve) because:"
                             : "This request qualifies for Tier 1 (auto-approve with audit) because:");
    } else if (decision->outcome == DECISION_ESCALATE) {
        buf_add_str(out, "This request requires human approval (Tier 2) because:");
    } else {
        buf_add_str(out, "This request is denied (Tier 3) because:");
    }
}

static void write_reason(struct buf *out, unsigned number, struct slice reason)
{
    buf_add_char(out, '\n');
    buf_add_u64(out, number);
    buf_add(out, ". ", 2);
    buf_add_slice(out, reason);
}

static void write_rationale(struct buf *out, const struct decision *decision)
{
    const struct facts_grant *grant = used_grant(decision);
    unsigned number = 0;

    buf_reserve(out, 512);
    write_opening(out, decision, grant);
    if (grant) {
        buf_add_str(out, "\n1. A reviewer approved exactly this action under ");
        buf_add_slice(out, grant->escalation_id);
        number++;
    }
    for (size_t i = 0; i < decision->verdict.reason_count; i++)
        write_reason(out, ++number, decision->verdict.reasons[i]);
    if (decision->verdict.undecided)
        write_reason(out, ++number, SLICE("No policy rule covers this request, so a human decides"));
    if (number == 0)
        write_reason(out, ++number, SLICE("The policy allows it"));
}

/* Says only what is so: nobody has been notified, and the escalation's number is not known before the entry has its place (see
 * decision_response.c). */
static struct slice default_next_steps(const struct decision *decision)
{
    if (decision->request.dry_run)
        return SLICE("This was a dry run; nothing was recorded. Send the request without dry_run to get a decision.");
    switch (decision->outcome) {
    case DECISION_APPROVE:
        return decision->verdict.tier == TIER_APPROVE ? SLICE("Proceed.") : SLICE("Proceed. This action is logged for audit.");
    case DECISION_ESCALATE:
        return SLICE("Wait for a reviewer.");
    default:
        return SLICE("Do not proceed.");
    }
}

bool decision_compose(struct arena *arena, struct decision *decision)
{
    struct buf rationale;

    buf_create(&rationale, arena);
    write_rationale(&rationale, decision);
    decision->rationale = buf_slice(&rationale);
    decision->next_steps = decision->verdict.next_steps;
    if (decision->next_steps.size == 0 || decision->effects.grant_id.size > 0)
        decision->next_steps = default_next_steps(decision);
    return !rationale.failed;
}
