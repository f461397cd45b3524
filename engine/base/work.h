/*
 * A piece of work handed to another thread through an inbox: what runs there when it arrives. Embedded in the thing it is
 * about.
 */
#ifndef EDICT_BASE_WORK_H
#define EDICT_BASE_WORK_H

#include "base/inbox.h"

struct work {
    struct inbox_item link; /* first: an inbox of works holds nothing else */
    void (*run)(struct work *work);
};

/* Any thread: brings `work` to the thread that `context` stands for, which calls work->run. */
typedef void (*work_post_f)(void *context, struct work *work);

/* Runs everything taken from an inbox of works, oldest first. A work may be gone or be posted again once it has run. */
static inline void work_run_all(struct inbox_item *oldest)
{
    struct inbox_item *next;

    for (; oldest; oldest = next) {
        struct work *work = (struct work *)oldest;

        next = oldest->next;
        work->run(work);
    }
}

#endif
