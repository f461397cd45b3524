/*
 * Finds out which pages of a sealed region a call wrote to, so that only those are put back. Pages are write-protected; the
 * first write to one faults, the handler makes it writable, and from then on it is "hot": writable, and put back after every
 * call, so that a warm region takes no faults. Used where copying the whole snapshot back would cost more.
 *
 * The process-wide SIGSEGV handler passes every fault that is not ours to the handler that was there before. One thread at a
 * time.
 */
#ifndef EDICT_POLICY_BARRIER_H
#define EDICT_POLICY_BARRIER_H

#include <stddef.h>

enum {
    BARRIER_WORTH_BYTES = 16 * 1024, /* smaller snapshots are copied back whole; bench/micro_policy.c measures both */
    BARRIER_HOT_MAX = 48             /* pages; past this all are protected again after the call */
};

struct barrier;

/* `base` and `size` are whole pages. NULL when it cannot be had: then the caller copies everything. */
struct barrier *barrier_new(void *base, const char *snapshot, size_t size);
void barrier_delete(struct barrier *barrier); /* NULL accepted; the range becomes writable */
/* Between these two the calling thread may write to the range. */
void barrier_enter(struct barrier *barrier);
void barrier_leave(struct barrier *barrier); /* puts every written page back */
size_t barrier_hot_pages(const struct barrier *barrier);

#endif
