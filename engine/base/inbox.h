/*
 * Hand-over between threads: many producers push, one consumer takes everything at once, in the order of pushing. Lock-free.
 * The item is embedded in the thing handed over, which belongs to the consumer from the push on. A push that finds the inbox
 * empty calls `wake`, from the producer's thread; so a burst costs one wake-up.
 */
#ifndef EDICT_BASE_INBOX_H
#define EDICT_BASE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct inbox_item {
    struct inbox_item *next;
};

struct inbox {
    _Atomic(struct inbox_item *) newest;
    void (*wake)(void *context); /* any thread; must be async-safe with respect to the consumer; may be NULL */
    void *wake_context;
};

void inbox_create(struct inbox *inbox, void (*wake)(void *context), void *wake_context);
/* Any thread. */
void inbox_push(struct inbox *inbox, struct inbox_item *item);
/* The consumer only. Oldest first, linked by `next`; NULL when empty. */
struct inbox_item *inbox_take_all(struct inbox *inbox);
bool inbox_is_empty(struct inbox *inbox);

/* The struct that embeds an item. */
#define INBOX_OWNER(item, type, member) ((type *)(void *)((char *)(item)-offsetof(type, member)))

#endif
