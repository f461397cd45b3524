/*
 * Judging what nobody has accepted yet, off the workers' threads: one thread that runs one confined child after the other.
 */
#ifndef EDICT_CONFINE_JUDGE_H
#define EDICT_CONFINE_JUDGE_H

#include "base/buf.h"
#include "base/status.h"

#include <stdatomic.h>

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    JUDGE_QUEUE_MAX = 8,                /* jobs that wait */
    JUDGE_OUTPUT_MAX = 4 * 1024 * 1024, /* bytes of one answer */
    JUDGE_CHECK_MS = 60 * 1000,         /* of a check */
    JUDGE_BACKTEST_MS = 15 * 60 * 1000  /* of a back-test */
};

struct judge;

/* Owned by the caller until `done`, as is its input. Zero the rest. */
struct judge_job {
    struct judge_job *next; /* the judge's */
    const char *words[4];   /* what `edictd --confined` is given, NULL-terminated */
    struct slice input;
    uint32_t time_ms;
    _Atomic bool cancelled; /* any thread: the answer is not wanted any more */
    /* The judge's thread; must not block. */
    void (*done)(struct judge_job *job);
    void *user;
    /* Out: */
    enum status status; /* OK: exit_code and output count */
    struct error error;
    int exit_code;
    struct buf output; /* on the heap; buf_destroy it */
};

enum status judge_start(struct judge **out, struct error *error) EDICT_MUST_USE;
/* Any thread; false when too many wait or it has stopped (then `done` is not called). */
bool judge_post(struct judge *judge, struct judge_job *job) EDICT_MUST_USE;
/* Ends the job that runs, gives back those that wait (UNAVAILABLE), and returns when the thread is over. NULL accepted. */
void judge_stop(struct judge *judge);
void judge_delete(struct judge *judge); /* after judge_stop and the last judge_post; NULL accepted */

#endif
