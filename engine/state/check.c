/* May this go in? The sequencer asks before it gives an index; nothing is changed here. */
#include "state/internal.h"

static enum ledger_result refuse(struct ledger_txn *txn, enum ledger_result result, const char *detail)
{
    txn->detail = slice_from_str(detail);
    return result;
}

/* ---- decisions, in the order of state.h ---- */

static enum ledger_result check_key(const struct agent *agent, const struct decision *decision, struct ledger_txn *txn,
                                    int64_t time_ms)
{
    struct table_node *node;
    const struct idempotency *known;

    if (!agent || !decision->has_idempotency_key)
        return LEDGER_OK;
    node = table_find(&agent->idempotency, decision->request.idempotency_key);
    if (!node)
        return LEDGER_OK;
    known = TABLE_ENTRY(node, struct idempotency, node);
    if (known->time_ms + STATE_IDEMPOTENCY_TTL_S * INT64_C(1000) <= time_ms)
        return LEDGER_OK;
    txn->duplicate_index = known->index;
    return digest_equal(&known->body_digest, &decision->body_digest) ? LEDGER_DUPLICATE : LEDGER_MISMATCH;
}

static enum ledger_result check_reservation(struct agent *agent, const struct decision *decision, struct ledger_txn *txn,
                                            int64_t time_ms)
{
    const struct budget *budget;
    int64_t used;

    if (decision->effects.reserve_micro_usd == 0)
        return LEDGER_OK;
    if (!agent || !agent->known)
        return refuse(txn, LEDGER_LIMIT, "budget");
    budget = agents_budget(agent, clock_month(time_ms));
    used = budget ? budget->spent + budget->reserved : 0;
    if (used + decision->effects.reserve_micro_usd > agents_limit(agent, budget))
        return refuse(txn, LEDGER_LIMIT, "budget");
    return LEDGER_OK;
}

static enum ledger_result check_grant(const struct agent *agent, const struct decision *decision, struct ledger_txn *txn,
                                      int64_t time_ms)
{
    const struct escalation *at = agent ? agent->escalations : NULL;

    if (decision->effects.grant_id.size == 0)
        return LEDGER_OK;
    while (at && !slice_equal(slice_from(at->grant_id, sizeof at->grant_id), decision->effects.grant_id))
        at = at->next;
    if (!at || at->state != ESCALATION_APPROVED || at->uses_left <= 0 || at->expires_at_ms <= time_ms ||
        !digest_equal(&at->digest, &decision->action.digest))
        return refuse(txn, LEDGER_PRECONDITION, "grant");
    return LEDGER_OK;
}

static enum ledger_result check_escalation(struct state *state, const struct agent *agent, const struct decision *decision,
                                           struct ledger_txn *txn)
{
    const struct escalation *pending = agent ? escalations_pending(agent, &decision->action.digest) : NULL;

    if (decision->effects.escalation == DECISION_ESCALATION_NONE)
        return LEDGER_OK;
    if (decision->effects.escalation == DECISION_ESCALATION_JOIN) {
        uint64_t number = 0;

        if (!pending || !escalations_parse_id(decision->escalation_id, &number) || pending->number != number)
            return refuse(txn, LEDGER_PRECONDITION, "escalation");
        return LEDGER_OK;
    }
    if (pending)
        return refuse(txn, LEDGER_PRECONDITION, "escalation");
    if (agent && agent->pending >= STATE_PENDING_PER_AGENT_MAX)
        return refuse(txn, LEDGER_LIMIT, "pending");
    txn->entries[0].number = state->next_number;
    return LEDGER_OK;
}

static enum ledger_result check_decision(struct state *state, const struct state_basis *basis, struct ledger_txn *txn,
                                         int64_t time_ms)
{
    struct agent *agent = agents_find(state_shard(state, basis->agent), basis->agent);
    const struct decision *decision = basis->decision;
    enum ledger_result result = check_key(agent, decision, txn, time_ms);

    if (result != LEDGER_OK)
        return result;
    if (basis->policy_epoch != atomic_load(&state->policy_epoch))
        return refuse(txn, LEDGER_PRECONDITION, "policy");
    if (basis->agent_version != (agent ? agent->version : 0))
        return refuse(txn, LEDGER_PRECONDITION, "agent");
    result = check_reservation(agent, decision, txn, time_ms);
    if (result == LEDGER_OK)
        result = check_grant(agent, decision, txn, time_ms);
    if (result == LEDGER_OK)
        result = check_escalation(state, agent, decision, txn);
    return result;
}

/* ---- events ---- */

static enum ledger_result check_escalation_is_pending(struct state *state, struct slice id, struct ledger_txn *txn)
{
    uint64_t number = 0;
    const struct escalation *escalation = escalations_parse_id(id, &number) ? escalations_find(state, number) : NULL;

    return escalation && escalation->state == ESCALATION_PENDING ? LEDGER_OK : refuse(txn, LEDGER_PRECONDITION, "resolved");
}

static enum ledger_result check_resolve(struct state *state, const struct event *event, struct ledger_txn *txn)
{
    if (event->type == RECORD_RESERVATION_EXPIRED)
        return money_find(state, event->expired.decision_id) ? LEDGER_OK : refuse(txn, LEDGER_PRECONDITION, "reported");
    if (event->type == RECORD_ESCALATION_EXPIRED)
        return check_escalation_is_pending(state, event->expired.escalation_id, txn);
    return check_escalation_is_pending(state, event->resolved.escalation_id, txn);
}

static enum ledger_result check_agent(struct state *state, const struct state_basis *basis, struct ledger_txn *txn)
{
    const struct agent *agent = agents_find(state_shard(state, basis->agent), basis->agent);

    bool known = agent && agent->known, holds;

    if (basis->agent_version == STATE_AGENT_ANY)
        holds = true;
    else if (basis->agent_version == STATE_AGENT_ABSENT || basis->agent_version == STATE_AGENT_PRESENT)
        holds = known == (basis->agent_version == STATE_AGENT_PRESENT);
    else
        holds = known && basis->agent_version == agent->version;
    return holds ? LEDGER_OK : refuse(txn, LEDGER_PRECONDITION, "version");
}

enum ledger_result check_txn(void *context, struct ledger_txn *txn, uint64_t index, int64_t time_ms)
{
    struct state *state = context;
    const struct state_basis *basis = txn->preconditions;

    (void)index;
    arena_reset(&state->scratch);
    if (!basis)
        return LEDGER_OK;
    switch (basis->kind) {
    case STATE_BASIS_DECISION:
        return check_decision(state, basis, txn, time_ms);
    case STATE_BASIS_OUTCOME:
        return money_is_closed(state, basis->event->outcome.decision_id) ? refuse(txn, LEDGER_PRECONDITION, "reported")
                                                                         : LEDGER_OK;
    case STATE_BASIS_RESOLVE:
        return check_resolve(state, basis->event, txn);
    case STATE_BASIS_AGENT:
        return check_agent(state, basis, txn);
    case STATE_BASIS_ERASE: /* again changes nothing, and never fails */
        return LEDGER_OK;
    }
    return LEDGER_PRECONDITION;
}
