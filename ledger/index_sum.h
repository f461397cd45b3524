/*
 * A sum over rows that does not depend on their order: two sets of rows are the same when their sums are, but for one chance in
 * 2^128 (the hash is seeded at random, so that nobody can look for two that are). For comparing what an index has with what the
 * entries imply, without looking anything up. A sum is one thread's; sums of the same seed are joined.
 */
#ifndef EDICT_LEDGER_INDEX_SUM_H
#define EDICT_LEDGER_INDEX_SUM_H

#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>

struct index_sum {
    uint64_t seed;
    uint64_t count, low, high; /* rows; the sum of their 128-bit hashes */
};

/* A seed; IO when the system has no random bytes to give. */
enum status index_sum_seed(uint64_t *seed, struct error *error) EDICT_MUST_USE;
void index_sum_add(struct index_sum *sum, struct slice row);
/* Moves what `from` has to `sum`. */
void index_sum_join(struct index_sum *sum, struct index_sum *from);
bool index_sum_equal(const struct index_sum *a, const struct index_sum *b);

#endif
