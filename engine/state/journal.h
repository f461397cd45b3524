/*
 * Rows of STORE_STATE that have changed since the last flush; a later change of a key replaces an earlier one, so that a row
 * that every decision of a group touches is written once. The sequencer's thread.
 *
 *   'a' agent                          JSON: limit_micro_usd, manifest, usage, usage_at_ms, version
 *   'b' agent 00 u32be period          i64be spent, reserved, raised
 *   'r' decision id                    i64be amount, expires_at_ms; u32be period; agent
 *   'o' decision id                    JSON: the outcome
 *   'h' agent 00 op 00 type 00 u32be   u32be approved, escalated, denied: a 5-minute bucket (its number since 1970)
 *   't' agent 00 u32be                 u32be auto-approved, escalated, denied: an hour
 *   'e' u64be number                   JSON: the escalation
 *   'q' u64be number                   empty: pending, or with a usable grant
 *   'i' agent 00 key                   u64be index, i64be time, 32 bytes body digest
 *   'l' u64be index                    what happened to the log itself: type, time in ms, newline, the entry's body
 *   'm'                                JSON: size, next_number, policy_epoch, policy_revision, tiers
 */
#ifndef EDICT_STATE_JOURNAL_H
#define EDICT_STATE_JOURNAL_H

#include "ledger/store.h"

enum journal_row {
    ROW_AGENT = 'a',
    ROW_BUDGET = 'b',
    ROW_RESERVATION = 'r',
    ROW_OUTCOME = 'o',
    ROW_BUCKET = 'h',
    ROW_HOUR = 't',
    ROW_ESCALATION = 'e',
    ROW_ACTIVE = 'q',
    ROW_KEY = 'i',
    ROW_LINEAGE = 'l',
    ROW_META = 'm'
};

struct journal_change {
    struct slice key, value;
    bool remove;
    uint64_t hash;
};

struct journal {
    struct arena arena;
    struct journal_change *changes; /* malloc'ed; at most one a key */
    size_t count, capacity;
    uint32_t *places; /* malloc'ed hash table of 1 + position in changes; twice as many as capacity, a power of two */
    bool failed;
};

void journal_create(struct journal *journal);
void journal_destroy(struct journal *journal);
void journal_put(struct journal *journal, struct slice key, struct slice value); /* copies */
void journal_remove(struct journal *journal, struct slice key);
void journal_flush(struct journal *journal, struct store_batch *batch);

/* Keys and values, built piece by piece in a fixed buffer. */
struct row {
    char data[512];
    size_t size;
};
void row_begin(struct row *row, enum journal_row kind);
void row_text(struct row *row, struct slice text); /* ends with 00 */
void row_bytes(struct row *row, struct slice bytes);
void row_u32(struct row *row, uint32_t value);
void row_u64(struct row *row, uint64_t value);
struct slice row_slice(const struct row *row);
uint32_t row_get_u32(struct slice bytes, size_t at);
uint64_t row_get_u64(struct slice bytes, size_t at);

#endif
