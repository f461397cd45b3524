/*
 * Gives up, for this process and for good, all that judging somebody's policies does not need. Linux: resource limits,
 * no_new_privs, Landlock (landlock(7); from kernel 5.13 on), and a seccomp allow-list (seccomp(2), by libseccomp).
 */
#ifndef EDICT_CONFINE_CONFINE_H
#define EDICT_CONFINE_CONFINE_H

#include "base/status.h"

#include <stdint.h>

struct confine_options {
    const char *read_folder; /* what lies below it may be read; NULL: no file may be opened */
    uint64_t memory_bytes;   /* of address space */
    uint64_t cpu_s;          /* of processor time; then SIGXCPU ends the process */
};

/*
 * Afterwards: files can be read below `read_folder` only, none written or made; no sockets, no other program, no process
 * (threads yes), no tracing. What is refused fails with EPERM. Call it with one thread; descriptors that are open stay so. On
 * an error the process must end: it may be confined in part.
 */
enum status confine_self(const struct confine_options *options, struct error *error) EDICT_MUST_USE;

#endif
