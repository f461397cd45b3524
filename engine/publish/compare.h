/*
 * Is the ledger a continuation of what was published? Any thread.
 */
#ifndef EDICT_PUBLISH_COMPARE_H
#define EDICT_PUBLISH_COMPARE_H

#include "ledger/checkpoint.h"
#include "ledger/store.h"

/* The ledger as it is: what published checkpoints are held against. */
struct publish_ledger {
    struct store *store;
    uint64_t size;                         /* entries that are durable in it */
    const struct note_verifier *verifiers; /* of the log's keys, the one in force first; their name is the origin */
    size_t verifier_count;
    const char *former; /* the origin that the log left on purpose; empty: none */
};

/*
 * `bytes` is a checkpoint that was published at some place. OK: it is one of this log, and the ledger's first `*published`
 * entries are those that it is over; or, with 0, it is of the origin that the log has left. INVALID: it is no checkpoint.
 * NOT_FOUND: it is of another log. CONFLICT: the ledger is shorter, or another; the message says what to do.
 */
enum status publish_compare(const struct publish_ledger *ledger, struct slice bytes, uint64_t *published,
                            struct error *error) EDICT_MUST_USE;
/* The message for a ledger of `size` entries where `published` are known to have been published. */
enum status publish_is_shorter(uint64_t size, uint64_t published, struct error *error);
enum status publish_is_different(uint64_t published, struct error *error);

#endif
