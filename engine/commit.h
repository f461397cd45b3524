/*
 * One event as a transaction of its own, for threads that may wait: committed, and durable, on return. Not for workers, whose
 * way is change.h.
 */
#ifndef EDICT_ENGINE_COMMIT_H
#define EDICT_ENGINE_COMMIT_H

#include "ledger/ledger.h"
#include "proto/event.h"

/* The ledger must be running. UNAVAILABLE when it takes nothing at the moment; IO when the outcome is unknown. */
enum status commit_event(struct ledger *ledger, const struct event *event, uint64_t *index, struct error *error) EDICT_MUST_USE;
/* An event ledger.archived: in the same batch the entries below its `to` go, the last of which has this time. */
enum status commit_archived(struct ledger *ledger, const struct event *event, int64_t time_ms, uint64_t *index,
                            struct error *error) EDICT_MUST_USE;

#endif
