/*
 * The newest part of the index of terms. A group of the sequencer writes one row for all of its terms, which costs far less
 * than a row a term; when the log passes a multiple of RECENT_SPAN entries, what has come since the last one is merged into
 * rows by term (postings.h) and the groups' rows go. So the rows of groups in a ledger of `size` entries are exactly those that
 * begin at or after recent_from(size), and nothing has to be remembered about it.
 *
 * The writer holds in memory what those rows say, by term, so that at a multiple nothing has to be read back: a commit there
 * would wait for it, and all that wait for the commit.
 *
 * A group's row:  00 <u64be first index>  ->  for each term: kind byte, value (LEB128 size, bytes), LEB128 count, then that
 * many LEB128 numbers: how far the first index lies past the group's, then each past the one before.
 */
#ifndef EDICT_LEDGER_RECENT_H
#define EDICT_LEDGER_RECENT_H

#include "ledger/postings.h"

enum { RECENT_SPAN = 2048 };
_Static_assert((int)RECENT_SPAN >= (int)LEDGER_GROUP_ENTRIES_MAX + (int)LEDGER_TXN_ENTRIES_MAX,
               "a group passes at most one multiple");

static inline uint64_t recent_from(uint64_t size)
{
    return size - size % RECENT_SPAN;
}

/* The writer's. One thread. */
struct recent {
    struct postings merged; /* what the rows of groups in the store say */
    uint64_t size;          /* of the ledger that they belong to */
};

void recent_create(struct recent *recent); /* for an empty ledger */
void recent_destroy(struct recent *recent);
/* Reads the rows of groups of a ledger of `size` entries; CORRUPT when one is damaged. */
enum status recent_load(struct recent *recent, struct store *store, uint64_t size, struct error *error) EDICT_MUST_USE;
/* Sequencer: the terms of the entries [first, size), which are one group: as its row, or merged with those before it. Forgets
 * `postings`. The entries before `first` are those that were loaded and written. Once this or the batch's commit has failed,
 * `recent` is no longer what the store says, and must not be written again. */
enum status recent_write(struct recent *recent, struct postings *postings, uint64_t first, uint64_t size,
                         struct store_batch *batch, struct error *error) EDICT_MUST_USE;
/* Without a writer: the row of a group that passes no multiple. Forgets `postings`. False when out of memory. */
bool recent_put_row(struct postings *postings, uint64_t first, struct store_batch *batch);
/* Every term and index that one row of a group says, in its order; for whoever looks at all rows. CORRUPT when its form is not
 * that of such a row. */
typedef void (*recent_visit_f)(void *context, char kind, struct slice value, uint64_t index);
enum status recent_each(const struct store_visit *row, recent_visit_f visit, void *context) EDICT_MUST_USE;
/* The indices that carry the term in the rows of groups, ascending, as far as a ledger of `size` entries has such rows; `out`
 * is malloc'ed, `*count` may be 0. Read these before rows by term: what is merged meanwhile is then found there. Any thread. */
enum status recent_read(struct store *store, uint64_t size, char kind, struct slice value, uint64_t **out, size_t *count,
                        struct error *error) EDICT_MUST_USE;

#endif
