/*
 * What time brings: escalations and reservations whose time has passed become entries, and what was erased leaves the store's
 * files. One thread of its own, which asks the
 * state once a second.
 */
#ifndef EDICT_SERVER_HOUSEKEEPING_H
#define EDICT_SERVER_HOUSEKEEPING_H

#include "ledger/ledger.h"
#include "state/state.h"

struct housekeeping;

struct housekeeping_options {
    struct ledger *ledger;
    struct state *state;
    struct clock clock;
    const struct log *log;
};

enum { HOUSEKEEPING_INTERVAL_MS = 1000, HOUSEKEEPING_EVENTS_MAX = 64 };

enum status housekeeping_start(const struct housekeeping_options *options, struct housekeeping **out,
                               struct error *error) EDICT_MUST_USE;
/* Stops and joins; before ledger_stop. NULL accepted. */
void housekeeping_stop(struct housekeeping *housekeeping);

#endif
