/*
 * What happened to the log itself, oldest first: handovers from one signing key to another, and ranges of entries that were
 * archived. Read from the rows that the fold keeps of such entries, so it needs no open state; any thread.
 */
#ifndef EDICT_STATE_LINEAGE_H
#define EDICT_STATE_LINEAGE_H

#include "ledger/store.h"
#include "proto/event.h"

struct lineage_item {
    uint64_t index;
    int64_t time_ms;
    struct event event; /* RECORD_LEDGER_* */
    struct slice body;  /* of the entry, as it was folded */
};

struct lineage {
    struct lineage_item *items;
    size_t count;
};

/* In the arena. */
enum status lineage_read(struct store *store, struct arena *arena, struct lineage *out, struct error *error) EDICT_MUST_USE;
/* The newest handover, or NULL: its new_key is the one that the log goes on under. */
const struct lineage_item *lineage_handover(const struct lineage *lineage);

#endif
