/*
 * The part of verification that is about values beside the records: every value that a record commits to is there and is what
 * it commits to, or an entry says that it was erased; and nothing else is there. Beside that, archives that were put back are
 * those that an entry recorded. An audit is filled by one thread; audits are joined.
 */
#ifndef EDICT_LEDGER_AUDIT_H
#define EDICT_LEDGER_AUDIT_H

#include "ledger/store.h"
#include "proto/record.h"

/* A value by its entry and a hash of its path. */
struct audit_name {
    uint64_t index, path;
};
struct audit_list {
    struct audit_name *items; /* malloc'ed */
    size_t count, capacity;
};
struct audit {
    struct arena arena;                /* of one entry */
    struct audit_list missing, erased; /* values that records commit to and that are not there; that entries say were erased */
    uint64_t archived_erased;          /* values of entries below were erased when these were archived */
    uint64_t present;                  /* values that are there and right */
    uint64_t gone;                     /* values that are not, as entries say; after audit_finish */
};

void audit_create(struct audit *audit);
void audit_destroy(struct audit *audit);
/* Looks at one entry. Reads the store only where the entry commits to something. */
enum status audit_entry(struct audit *audit, struct store *store, const struct record_header *header, uint64_t index,
                        struct slice body, struct error *error) EDICT_MUST_USE;
/* Moves what `from` has found to `audit`. */
enum status audit_join(struct audit *audit, struct audit *from, struct error *error) EDICT_MUST_USE;
/* After all entries from `first` on: does it add up? */
enum status audit_finish(struct audit *audit, struct store *store, uint64_t first, struct error *error) EDICT_MUST_USE;

#endif
