/*
 * A walk along the postings of one term, in either direction, over both kinds of rows: those by term (postings.h), of which one
 * is held at a time, and those of the newest groups (recent.h), which are read once, when the walk gets there. Rows of a term
 * do not overlap. One thread at a time.
 */
#ifndef EDICT_LEDGER_WALK_H
#define EDICT_LEDGER_WALK_H

#include "ledger/recent.h"

struct walk {
    struct store *store;
    struct ledger_term term;
    uint64_t size; /* of the ledger */
    char prefix[POSTINGS_KEY_MAX];
    size_t prefix_size;
    uint64_t *indices; /* of the row read last, ascending; malloc'ed */
    size_t count, capacity;
    uint64_t *recent; /* of groups, ascending; malloc'ed */
    size_t recent_count;
    bool recent_read;
    uint64_t reads; /* rows by term so far */
    bool damaged, out_of_memory;
};

/* `term` lives as long as the walk. */
void walk_create(struct walk *walk, struct store *store, uint64_t size, const struct ledger_term *term);
void walk_destroy(struct walk *walk);
/* The oldest index at or after `at`; or with `down` the newest at or before it. *found false: there is none. */
enum status walk_seek(struct walk *walk, uint64_t at, bool down, uint64_t *index, bool *found,
                      struct error *error) EDICT_MUST_USE;

#endif
