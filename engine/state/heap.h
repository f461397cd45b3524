/*
 * What comes due, soonest first: a binary heap of times and owners. One thread at a time. Items that no longer hold are dropped
 * by whoever pops them.
 */
#ifndef EDICT_STATE_HEAP_H
#define EDICT_STATE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t time_ms;
    uint64_t number; /* an escalation's, or 0 and then: */
    char decision_id[36];
};

struct heap {
    struct heap_item *items; /* malloc'ed */
    size_t count, capacity;
};

bool heap_push(struct heap *heap, const struct heap_item *item); /* false when out of memory */
void heap_pop(struct heap *heap);                                /* the soonest; count > 0 */
void heap_destroy(struct heap *heap);

#endif
