/*
 * Is every entry under all of its terms in the ledger's index, and under no others? By sums over both sides (index_sum.h), a
 * kind of term each. `edict ledger verify` sees what cannot be read or has no valid form; this sees what is well formed and
 * wrong. Changes nothing; the store must not be written meanwhile. One thread.
 */
#ifndef EDICT_ENGINE_INDEX_CHECK_H
#define EDICT_ENGINE_INDEX_CHECK_H

#include "ledger/store.h"

struct index_check {
    struct store *store;
    void (*progress)(void *context, uint64_t done, uint64_t all); /* may be NULL */
    void *context;
};

/* CORRUPT, with advice, says by which kind of term they differ. `rows`: one a term and entry. Terms that the index does not
 * have of older entries (index_version.h) do not count. */
enum status index_check_run(const struct index_check *options, uint64_t *entries, uint64_t *rows,
                            struct error *error) EDICT_MUST_USE;

#endif
