#include "ledger/index_sum.h"

#include "proto/digest.h"

#include <assert.h>
#include <xxhash.h>

enum status index_sum_seed(uint64_t *seed, struct error *error)
{
    return digest_random(seed, sizeof *seed, error);
}

/* Each half by itself: what one carries into the other would tell nothing more. */
void index_sum_add(struct index_sum *sum, struct slice row)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(row.data, row.size, sum->seed);

    sum->count++;
    sum->low += hash.low64;
    sum->high += hash.high64;
}

void index_sum_join(struct index_sum *sum, struct index_sum *from)
{
    assert(sum->seed == from->seed);
    sum->count += from->count;
    sum->low += from->low;
    sum->high += from->high;
    *from = (struct index_sum){.seed = from->seed};
}

bool index_sum_equal(const struct index_sum *a, const struct index_sum *b)
{
    assert(a->seed == b->seed);
    return a->count == b->count && a->low == b->low && a->high == b->high;
}
