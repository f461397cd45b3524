/*
 * The terms of some entries, gathered by term: of one group of the sequencer, or of many that are merged (recent.h). One row a
 * term:
 *
 *   <kind byte> <value> 0x00 <u64be first index>  ->  LEB128 deltas of the further indices that carry the term
 *
 * Rows of a term do not overlap. One thread.
 */
#ifndef EDICT_LEDGER_POSTINGS_H
#define EDICT_LEDGER_POSTINGS_H

#include "ledger/ledger.h"

enum { POSTINGS_KEY_MAX = 256 };
#define POSTINGS_NO_TERM UINT32_MAX

struct posting_term {
    struct slice value;
    uint64_t hash, last;  /* the index added last */
    uint32_t count, from; /* its indices: how many; where they begin in `sorted` */
    char kind;
};

struct posting {
    uint64_t index;
    uint32_t term;
};

struct postings {
    struct posting_term *terms; /* in the order in which they came; all malloc'ed, reused */
    struct posting *items;
    uint64_t *sorted; /* indices by term, ascending; after postings_sort */
    uint32_t *slots;  /* of a hash table: term + 1 */
    size_t term_count, term_capacity, item_count, item_capacity, sorted_capacity;
    struct arena arena; /* of values made here */
    bool failed;        /* out of memory: what was gathered is not whole */
};

void postings_create(struct postings *postings);
void postings_destroy(struct postings *postings);
/* All terms of an entry. Values must live until the postings are cleared. Longer ones than a key holds are cut. False when out
 * of memory. */
bool postings_add(struct postings *postings, const struct ledger_entry *entry);
/* The number of a term in `terms`, added when it is new, its value copied with `copy`; POSTINGS_NO_TERM when out of memory. */
uint32_t postings_term(struct postings *postings, char kind, struct slice value, bool copy);
/* Indices of a term ascend; one that is repeated counts once. Sets `failed` when out of memory. */
void postings_add_index(struct postings *postings, uint32_t term, uint64_t index);
/* All that `later` has, which is sorted and only has indices past those that are here. Its values are copied, or with `copy`
 * false must live as those of postings_add do. Hashes nothing again. False when out of memory. */
bool postings_append(struct postings *postings, const struct postings *later, bool copy);
/* Fills `sorted` and the terms' `from`. False when out of memory, now or before. */
bool postings_sort(struct postings *postings);
/* Writes the rows of what was added, and forgets it. False when out of memory. */
bool postings_write(struct postings *postings, struct store_batch *batch);
void postings_clear(struct postings *postings);
/* As much of a term's value as its key holds. */
struct slice postings_cut(struct slice value);
/* Into `key`: kind, value, 00, u64be first. Returns the size; without `first` that of the prefix. */
size_t postings_key(char kind, struct slice value, const uint64_t *first, char key[POSTINGS_KEY_MAX]);

#endif
