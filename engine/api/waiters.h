/*
 * Calls of one worker that wait for an escalation to change, or for the ledger to grow: long polls of REST, and what MCP lets
 * wait. The sequencer's thread tells every worker that has any. All but the notify functions: the worker's thread.
 */
#ifndef EDICT_API_WAITERS_H
#define EDICT_API_WAITERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct api_call;
struct api_shared;
struct api_waiters;

/* Embedded in what waits. */
struct api_waiter {
    struct api_waiter *next, *previous;
    struct api_waiters *waiters; /* NULL: in no list */
    uint64_t number;
    void (*changed)(struct api_waiter *waiter); /* may remove itself, and others */
};

struct api_waiters {
    struct api_waiter *first, *cursor;
    _Atomic unsigned count;     /* read by the sequencer's thread */
    _Atomic bool growth_wanted; /* somebody waits for entries and no message is on its way */
};

void waiters_insert(struct api_waiters *waiters, struct api_waiter *waiter, uint64_t escalation_number,
                    void (*changed)(struct api_waiter *waiter));
void waiters_remove(struct api_waiter *waiter); /* accepts one that is in no list */

/* Calls `resume` on this worker's thread once: when the escalation has changed, after `wait_s` seconds, when the client has
 * gone, or at the drain. */
void waiters_add(struct api_call *call, uint64_t escalation_number, unsigned wait_s, void (*resume)(struct api_call *call));
/* The same for the next entries: resumes at once when the ledger is larger than `size` already. */
void waiters_add_growth(struct api_call *call, uint64_t size, unsigned wait_s, void (*resume)(struct api_call *call));
/* state_watch_f; `context` is the struct api_shared. The sequencer's thread. */
void waiters_notify(void *context, uint64_t escalation_number);
/* The ledger's `grown`; `context` is the struct api_shared. The sequencer's thread. */
void waiters_notify_growth(void *context, uint64_t size);

#endif
