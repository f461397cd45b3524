/*
 * The part of verification that is about the indexes: every row of both can be read and has a valid form, and ids has one row
 * for each decision among the entries and no other. That is found by sums of hashes over both (index_sum.h), so that nothing is
 * looked up but where they differ. Which terms an entry has is not known here (engine/terms.h): of terms, only the form counts,
 * and engine/index_check.h compares them.
 */
#ifndef EDICT_LEDGER_VERIFY_INDEX_H
#define EDICT_LEDGER_VERIFY_INDEX_H

#include "ledger/index_sum.h"
#include "ledger/store.h"
#include "proto/record.h"

#include <pthread.h>

/* The first entry that the indexes have to have: those before it are in archives, put back or not. What they still have of them
 * is on its way out (trim.h). CORRUPT, too, while a rebuild of the indexes has not been finished. */
enum status verify_index_first(struct store *store, uint64_t *first, struct error *error) EDICT_MUST_USE;
/* The row that ids has of an entry, if any, into the sum. */
void verify_index_add(struct index_sum *ids, const struct record_header *header, uint64_t index, struct slice body);

/* Reads the rows in a thread, beside the entries. */
struct verify_index {
    struct store *store;
    uint64_t first, size;
    struct index_sum rows; /* of ids */
    pthread_t thread;
    bool started;
    enum status status;
    struct error error;
};

void verify_index_start(struct verify_index *index, struct store *store, uint64_t first, uint64_t size, uint64_t seed);
/* Waits for it; also where nothing was started. */
void verify_index_wait(struct verify_index *index);
/* After all entries from `first` to `size`, and the wait: what they imply, against what there is. */
enum status verify_index_compare(const struct verify_index *index, const struct index_sum *ids,
                                 struct error *error) EDICT_MUST_USE;

#endif
