/*
 * Taking the rows of archived entries out of the indices: ids and postings. They are harmless meanwhile, because whoever
 * follows them meets ledger_first; so it is done after the entries are gone, a bounded batch at a time, and as often as one
 * likes.
 */
#ifndef EDICT_LEDGER_TRIM_H
#define EDICT_LEDGER_TRIM_H

#include "ledger/ledger.h"

enum { TRIM_REMOVALS_MAX = 1024 }; /* of one transaction */

/* Through the running ledger; not the sequencer's thread. UNAVAILABLE when it takes nothing at the moment: try again. */
enum status ledger_trim(struct ledger *ledger, struct error *error) EDICT_MUST_USE;

#endif
