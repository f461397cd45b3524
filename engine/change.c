#include "engine/change.h"

#include "engine/terms.h"

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

static bool change_fill_entry(struct change *change, size_t position)
{
    struct ledger_entry *entry = &change->txn.entries[position];
    const struct event *event = &change->events[position];
    struct buf body;

    buf_create(&body, change->arena);
    event_write_body(&body, change->arena, event);
    *entry = (struct ledger_entry){.type = event->type,
                                   .tenant = RECORD_TENANT_DEFAULT,
                                   .as_of = change->basis.as_of,
                                   .body = buf_slice(&body),
                                   .event = event};
    terms_of_event(event, entry);
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
