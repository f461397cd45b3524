/*
 * How far a long piece of work is: a bar on stderr, on a terminal only. One at a time, one thread at a time.
 */
#ifndef EDICT_CLI_PROGRESS_H
#define EDICT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *step; /* "verifying"; a static text */
    bool shown;       /* stderr is a terminal */
    int64_t begun_ms, drawn_ms;
};

void progress_begin(struct progress *progress, const char *step);
/* `context` is a struct progress; entries done and all of them. Fits every module's progress callback. */
void progress_show(void *context, uint64_t done, uint64_t all);
void progress_end(struct progress *progress); /* before anything else is printed */

#endif
