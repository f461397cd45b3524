/*
 * Finding entries again without scanning what does not match. Each entry carries terms (ledger.h); the index of terms has rows
 * by term (postings.h) and, for the newest entries, rows by group (recent.h). Queries intersect the postings of their terms,
 * newest first. Any thread; sees durable entries only.
 */
#ifndef EDICT_LEDGER_QUERY_H
#define EDICT_LEDGER_QUERY_H

#include "ledger/ledger.h"

enum { QUERY_LIMIT_MAX = 1000 };

struct ledger_query {
    struct ledger_term terms[8]; /* all must hold */
    size_t term_count;
    int64_t since_ms, until_ms; /* [since, until) by entry time; 0: open */
    uint64_t before;            /* only indices below this; UINT64_MAX from the newest. The cursor. */
    size_t limit;
};

/* Newest first; `*next` is the cursor of the next page, or 0 when there is none. `visit` gets records that match. */
enum status ledger_query(struct ledger *ledger, const struct ledger_query *query, ledger_visit_f visit, void *context,
                         uint64_t *next, struct error *error) EDICT_MUST_USE;

#endif
