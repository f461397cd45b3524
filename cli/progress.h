/*
 * How far a long piece of work is: on stderr, a bar on a terminal; elsewhere nothing, or a line now and then. One at a time,
 * one thread at a time.
 */
#ifndef EDICT_CLI_PROGRESS_H
#define EDICT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *step; /* "verifying"; a static text */
    bool shown;       /* by default, when stderr is a terminal */
    bool lines;       /* stderr is none, and it is shown all the same */
    int64_t begun_ms, drawn_ms;
};

void progress_begin(struct progress *progress, const char *step);
/* Shown also where stderr is no terminal (--progress), as lines. */
void progress_always(struct progress *progress);
/* Not shown, because standard output is this terminal. */
void progress_never(struct progress *progress);
/* `context` is a struct progress; entries done and all of them. Fits every module's progress callback. */
void progress_show(void *context, uint64_t done, uint64_t all);
void progress_end(struct progress *progress); /* before anything else is printed */

#endif
