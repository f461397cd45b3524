#include "engine/change.h"

#include <stddef.h>

static void change_continue(struct work *work)
{
    struct change *change = (struct change *)((char *)work - offsetof(struct change, work));

    change->result = change->txn.result;
    change->finished(change);
}

/* In the sequencer's thread. */
static void change_returned(struct ledger_txn *txn)
{
    struct change *change = (struct change *)((char *)txn - offsetof(struct change, txn));

    change->work.run = change_continue;
    change->post(change->post_context, &change->work);
}

static struct slice change_agent(const struct event *event)
{
    switch (event->type) {
    case RECORD_OUTCOME:
        return event->outcome.agent;
    case RECORD_AGENT_SET:
        return event->agent_set.agent;
    case RECORD_USAGE_SET:
        return event->usage_set.agent;
    case RECORD_BUDGET_RAISED:
        return event->budget_raised.agent;
    case RECORD_ESCALATION_RESOLVED:
        return event->resolved.agent;
    case RECORD_ESCALATION_EXPIRED:
    case RECORD_RESERVATION_EXPIRED:
        return event->expired.agent;
    case RECORD_DECISION_ERASED:
        return event->erased.agent;
    default:
        return (struct slice){0};
    }
}

static bool change_fill_entry(struct change *change, size_t position)
{
    struct ledger_entry *entry = &change->txn.entries[position];
    const struct event *event = &change->events[position];
    struct slice agent = change_agent(event);
    struct buf body;

    buf_create(&body, change->arena);
    event_write_body(&body, change->arena, event);
    *entry = (struct ledger_entry){.type = event->type,
                                   .tenant = RECORD_TENANT_DEFAULT,
                                   .as_of = change->basis.as_of,
                                   .body = buf_slice(&body),
                                   .event = event};
    if (agent.size > 0)
        entry->terms[entry->term_count++] = (struct ledger_term){.kind = LEDGER_TERM_AGENT, .value = agent};
    if (change->escalation_id.size > 0)
        entry->terms[entry->term_count++] =
            (struct ledger_term){.kind = LEDGER_TERM_ESCALATION, .value = change->escalation_id};
    return !body.failed && body.size + RECORD_HEADER_MAX <= RECORD_BYTES_MAX;
}

void change_begin(struct change *change)
{
    bool filled = true;

    if (change->basis.as_of == 0)
        change->basis.as_of = ledger_sequenced(change->ledger);
    change->basis.event = &change->events[0];
    change->txn = (struct ledger_txn){.entry_count = change->event_count,
                                      .erasures = change->erasures,
                                      .erasure_count = change->erasure_count,
                                      .preconditions = &change->basis,
                                      .done = change_returned};
    for (size_t i = 0; i < change->event_count; i++)
        filled = change_fill_entry(change, i) && filled;
    if (filled && ledger_submit(change->ledger, &change->txn) == STATUS_OK)
        return;
    change->refused = true;
    change->finished(change);
}
