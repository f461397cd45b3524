/*
 * The terms of one group, gathered and written as rows; see query.h for their form. The sequencer's thread.
 */
#ifndef EDICT_LEDGER_POSTINGS_H
#define EDICT_LEDGER_POSTINGS_H

#include "ledger/ledger.h"

enum { POSTINGS_KEY_MAX = 256 };

struct posting {
    char kind;
    struct slice value;
    uint64_t index;
};

struct postings {
    struct posting *items; /* malloc'ed, reused */
    size_t count, capacity;
    struct arena arena; /* of values made here */
};

void postings_create(struct postings *postings);
void postings_destroy(struct postings *postings);
/* False when out of memory. Values must live until postings_write. Longer ones than a key holds are cut. */
bool postings_add(struct postings *postings, const struct ledger_entry *entry);
/* Writes the rows of what was added, and forgets it. */
bool postings_write(struct postings *postings, struct store_batch *batch);
/* Into `key`: kind, value, 00, u64be first. Returns the size; without `first` that of the prefix. */
size_t postings_key(char kind, struct slice value, const uint64_t *first, char key[POSTINGS_KEY_MAX]);

#endif
