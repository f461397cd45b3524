/*
 * Changes of the state, told to who waits for them: long polls, and MCP's subscriptions. The sequencer's thread.
 */
#ifndef EDICT_API_WATCH_H
#define EDICT_API_WATCH_H

#include "state/state.h"

struct api_shared;

/* For state_watch, before the ledger starts. */
struct state_watcher watch_state(struct api_shared *shared);

#endif
