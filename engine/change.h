/*
 * State changes that are not decisions: an agent's manifest, usage, an outcome, the resolution of an escalation, expiries. A
 * change is one transaction of one to four events with one precondition. Like a decision it begins on a worker's thread and
 * comes back to it when it is durable.
 */
#ifndef EDICT_ENGINE_CHANGE_H
#define EDICT_ENGINE_CHANGE_H

#include "base/work.h"
#include "ledger/ledger.h"
#include "proto/event.h"
#include "state/state.h"

/* Fill the first part (zero the rest), then change_begin. Lives, with its arena, until `finished`. */
struct change {
    struct ledger *ledger;
    struct arena *arena;
    struct event events[LEDGER_TXN_ENTRIES_MAX];
    size_t event_count;
    const struct ledger_erasure *erasures; /* values beside the records that go with it; may be NULL */
    size_t erasure_count;
    struct state_basis basis; /* kind, agent and what it is based on; `event` is set here to the first event */
    void (*finished)(struct change *change);
    void *user;
    work_post_f post; /* back to the thread that began it */
    void *post_context;

    enum ledger_result result; /* UNKNOWN also when the ledger has stopped */
    bool refused;              /* the queue was full: nothing was done; result is not set */
    struct work work;
    struct ledger_txn txn;
};

void change_begin(struct change *change);

#endif
