/*
 * What one worker counts: written by its thread only, read by any (relaxed). Stages of a decision as histograms with fixed
 * buckets.
 */
#ifndef EDICT_API_METRICS_H
#define EDICT_API_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metrics_stage { METRICS_PARSE, METRICS_FACTS, METRICS_POLICY, METRICS_COMMIT, METRICS_TOTAL, METRICS_STAGE_COUNT };

enum { METRICS_BUCKETS = 20 };
/* Upper bounds in nanoseconds: 1 µs, 2 µs, 5 µs … 1 s, 2 s; the last bucket is everything above. */
extern const uint64_t metrics_bounds_ns[METRICS_BUCKETS - 1];

struct metrics_histogram {
    _Atomic uint64_t counts[METRICS_BUCKETS];
    _Atomic uint64_t sum_ns;
};

struct api_metrics {
    struct metrics_histogram stages[METRICS_STAGE_COUNT];
    _Atomic uint64_t decisions[4][3]; /* by tier and outcome (enum decision_outcome) */
    _Atomic uint64_t undecided, dry_runs, repeated, contended, rule_errors, refused;
    _Atomic uint64_t extra_attempts;
};

/* The worker's thread only. */
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}
void metrics_observe(struct metrics_histogram *histogram, uint64_t ns);

struct api_shared;
struct buf;
/* Everything, in the Prometheus text format that OpenMetrics readers accept too. Any thread. */
void metrics_write(struct buf *out, const struct api_shared *shared);
void publishing_write_metrics(struct buf *out, const struct api_shared *shared); /* publishing.c */

#endif
