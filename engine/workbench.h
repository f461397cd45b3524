/*
 * A data directory's ledger, opened for one piece of work by a tool: store, state and a running ledger, without a server. One
 * process at a time: CONFLICT while a server has it open.
 */
#ifndef EDICT_ENGINE_WORKBENCH_H
#define EDICT_ENGINE_WORKBENCH_H

#include "ledger/ledger.h"
#include "state/state.h"

struct workbench {
    struct store *store;
    struct state *state;
    struct ledger *ledger;
};

/* FOLDER/ledger; NOT_FOUND where there is none. */
enum status workbench_open(const char *folder, const struct log *log, struct workbench *out,
                           struct error *error) EDICT_MUST_USE;
void workbench_close(struct workbench *workbench); /* accepts a zeroed one */

#endif
