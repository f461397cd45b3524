/*
 * One run of a program: bytes in, bytes out, an end in bounded time. Blocks its thread; any thread.
 */
#ifndef EDICT_CONFINE_CHILD_H
#define EDICT_CONFINE_CHILD_H

#include "base/buf.h"
#include "base/status.h"

#include <stdatomic.h>

enum { CHILD_CANCEL_MS = 50 }; /* how soon a cancelled child ends */

struct child_run {
    const char *program;
    char *const *arguments; /* NULL-terminated; [0] is its name */
    struct slice input;     /* its standard input */
    size_t output_max;
    uint32_t time_ms;
    const _Atomic bool *cancelled; /* may be set by another thread; may be NULL */
    /* Out: */
    struct buf output; /* standard output; create it before */
    int exit_code;
};

/* OK when it ended by itself with any exit code. UNAVAILABLE: cancelled, or it could not be started; LIMIT-like ends (time,
 * output, a signal) are STATUS_TOO_LARGE and say which. It has no environment; its standard error is ours. */
enum status child_run(struct child_run *run, struct error *error) EDICT_MUST_USE;

#endif
