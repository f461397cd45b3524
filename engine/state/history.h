/*
 * History counters of one agent: sparse 5-minute buckets by operation and resource type, and over everything (operation "");
 * hours for autonomy. What is counted depends on entries and their times alone. Changed by the sequencer under the shard's
 * mutex, read under it.
 */
#ifndef EDICT_STATE_HISTORY_H
#define EDICT_STATE_HISTORY_H

#include "proto/facts.h"
#include "state/journal.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    HISTORY_BUCKET_MS = 300000,
    HISTORY_WINDOW_MS = 7 * 86400 * 1000,
    HISTORY_KINDS_MAX =
        256 /* operations and resource types counted apart for one agent; the one unused for longest makes room */
};

enum history_outcome { HISTORY_APPROVED, HISTORY_ESCALATED, HISTORY_DENIED };

struct history_bucket {
    uint32_t number; /* time / HISTORY_BUCKET_MS */
    uint32_t counts[3];
};

/* One operation and resource type. */
struct history_kind {
    char *key; /* operation 00 type 00; malloc'ed */
    size_t key_size;
    struct history_bucket *buckets; /* oldest first; malloc'ed */
    size_t count, capacity;
};

struct history {
    struct history_kind *kinds; /* malloc'ed */
    size_t count, capacity;
    struct history_bucket hour; /* the one that counts now; earlier ones are in their rows */
};

void history_destroy(struct history *history);
/* Counts one decision and journals the rows. False when out of memory. */
bool history_count(struct history *history, struct journal *journal, struct slice agent, struct slice operation,
                   struct slice type, int64_t time_ms, enum history_outcome outcome);
void history_read(const struct history *history, struct slice operation, struct slice type, int64_t now_ms,
                  struct facts_windows *out);
/* Hours are for autonomy: approved, escalated, denied of everything. */
bool history_count_hour(struct history *history, struct journal *journal, struct slice agent, int64_t time_ms,
                        enum history_outcome outcome);
bool history_load_hour(struct history *history, uint32_t number, const uint32_t counts[3]);
/* From a row; in key order, so that buckets come oldest first. */
bool history_load(struct history *history, struct slice kind_key, uint32_t number, const uint32_t counts[3]);

#endif
