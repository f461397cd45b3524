#include "api/metrics.h"

const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1] = {
    1000,    2000,    5000,     10000,    20000,    50000,     100000,    200000,    500000,     1000000,
    2000000, 5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000,
};

void metrics_observe(struct metrics_histogram *histogram, uint64_t ns)
{
    size_t bucket = 0;

    while (bucket < METRICS_BUCKETS - 1 && ns > metrics_bounds_ns[bucket])
        bucket++;
    metrics_add(&histogram->counts[bucket], 1);
    metrics_add(&histogram->sum_ns, ns);
}
