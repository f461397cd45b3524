/*
 * Checking a whole ledger without trusting it: every entry is there once, its header is valid, times never decrease, the tree
 * over all of them has the recorded root, the stored tiles are those of the entries, and redacted values are what records
 * commit to, or were erased by an entry; and every row of the indexes can be read and leads to an entry, of ids to the decision
 * that has it, which are all there. Several threads read; the store must not be written meanwhile. Of archived entries the
 * hashes are there, and are checked as the tree over them; with their archives put back (store_open_whole) so are the entries.
 */
#ifndef EDICT_LEDGER_VERIFY_H
#define EDICT_LEDGER_VERIFY_H

#include "ledger/store.h"
#include "proto/digest.h"

struct verify_result {
    uint64_t entries, bytes;   /* entries: all that the tree has */
    uint64_t archived;         /* of them, known by their hashes only */
    uint64_t redacted, erased; /* values beside the records; values that were there once */
    struct digest root;
};

/* Called now and then with the entries done and all of them; may be NULL. */
typedef void (*verify_progress_f)(void *context, uint64_t done, uint64_t all);

/* STATUS_CORRUPT names the first entry or tile that is wrong. */
enum status ledger_verify(struct store *store, verify_progress_f progress, void *context, struct verify_result *out,
                          struct error *error) EDICT_MUST_USE;

#endif
