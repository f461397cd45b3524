/*
 * All rows of the two indexes, read once and in order, and whether they have the form that they should: ids (16 bytes -> u64be
 * index) and terms (postings.h, recent.h). For verification and repair; queries read what they need (walk.h). The store must
 * not be written meanwhile.
 */
#ifndef EDICT_LEDGER_INDEX_ROWS_H
#define EDICT_LEDGER_INDEX_ROWS_H

#include "ledger/recent.h"

enum { INDEX_ID_SIZE = 16 };

typedef void (*index_id_f)(void *context, struct slice id, uint64_t index);

/* CORRUPT, with advice, when a row cannot be read, has no valid form, or names an entry at or past `size`; of terms, also when
 * one entry is twice under a term. What was visited until then is not all. */
enum status index_rows_ids(struct store *store, uint64_t size, index_id_f visit, void *context,
                           struct error *error) EDICT_MUST_USE;
enum status index_rows_terms(struct store *store, uint64_t size, recent_visit_f visit, void *context,
                             struct error *error) EDICT_MUST_USE;

/* "the index of `what` is damaged: …", and what to do about it. */
enum status index_damaged(struct error *error, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* After a lookup in an index, `error->status`: what the store said, and what to do about it where it could not read. */
enum status index_unreadable(struct error *error, const char *what);

#endif
