/*
 * Finding entries again without scanning what does not match. Each entry carries terms (ledger.h); the index of terms has rows
 * by term (postings.h) and, for the newest entries, rows by group (recent.h). A query intersects the postings of its terms by
 * leaping: each term in turn seeks the next index at or past the candidate of the one before, so that what is read follows the
 * rarest term, not the ledger. Bounds of time are found by halving, because times never decrease.
 *
 * Which terms the index has from which entry on: index_version.h. Any thread; sees entries below `size` only.
 */
#ifndef EDICT_LEDGER_QUERY_H
#define EDICT_LEDGER_QUERY_H

#include "ledger/ledger.h"

enum {
    QUERY_LIMIT_MAX = 1000,
    QUERY_TERMS_MAX = 8,
    /* What one call does at most; then the page is short and has a cursor. Together some 50 ms. */
    QUERY_READS_MAX = 10000, /* rows by term and records read */
    QUERY_SEEKS_MAX = 20000  /* leaps, most of them within a row that has been read */
};

/* Looks at the record where terms do not say all; see `filter`. */
typedef enum status (*ledger_filter_f)(void *context, uint64_t index, struct slice record, bool *matches, struct error *error);

struct ledger_query {
    struct ledger_term terms[QUERY_TERMS_MAX]; /* all must hold */
    size_t term_count;
    int64_t since_ms, until_ms; /* [since, until) by entry time; 0: open */
    uint64_t from, before;      /* only indices in [from, before); UINT64_MAX: to the newest. The cursor is one of them */
    bool oldest_first;
    size_t limit;
    size_t bytes_max;    /* the page ends after so many bytes; 0: no bound */
    const size_t *bytes; /* what counts for it, kept by `visit`; NULL: the bytes of the records */
    /* May be NULL. Has the last word on every record, or with `filter_old_only` on those that are older than the index of a
     * term: there the term is not in the postings and the filter checks it on the record. */
    ledger_filter_f filter;
    void *filter_context;
    bool filter_old_only;
};

/*
 * Newest first, or oldest first. `*next` goes on: the next page's `before`, or its `from` when oldest first; 0 when there is no
 * more. A page may be short, even empty, and have a next one. `visit` gets records that match.
 */
enum status ledger_query(struct store *store, uint64_t size, const struct ledger_query *query, ledger_visit_f visit,
                         void *context, uint64_t *next, struct error *error) EDICT_MUST_USE;
/* The first index below `size` whose time is `time_ms` or later; `size` when there is none. */
enum status ledger_find_time(struct store *store, uint64_t size, int64_t time_ms, uint64_t *index,
                             struct error *error) EDICT_MUST_USE;

#endif
