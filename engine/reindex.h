/*
 * The ledger's two indexes, of ids and of terms, made anew from the records: for a ledger that is older than the index of a
 * term, and for one whose indexes are damaged, of which nothing is read. Archived entries have no rows. Needs the store for
 * itself.
 */
#ifndef EDICT_ENGINE_REINDEX_H
#define EDICT_ENGINE_REINDEX_H

#include "ledger/store.h"

struct reindex_options {
    struct store *store;
    void (*progress)(void *context, uint64_t done, uint64_t all); /* may be NULL */
    void *context;
};

/* Interrupted, it leaves indexes that nobody takes for whole; then run it again. */
enum status reindex_run(const struct reindex_options *options, uint64_t *entries, struct error *error) EDICT_MUST_USE;

#endif
