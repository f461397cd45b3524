/*
 * Which terms the index of terms has, and from which entry on. The META row "postings" holds a version (a byte) and the index
 * of the first entry that was written with it (u64be). Version 2 added the beginnings of commands (LEDGER_TERM_COMMAND) and the
 * escalation whose grant a decision uses; below that first entry both are missing, and queries look at the records instead,
 * until `edict ledger reindex` has written all rows again.
 */
#ifndef EDICT_LEDGER_INDEX_VERSION_H
#define EDICT_LEDGER_INDEX_VERSION_H

#include "ledger/store.h"

enum { INDEX_VERSION = 2 };

/* Called at the start of a writer: an older index is complete for its own terms, and for those of this version from `size` on.
 */
enum status index_version_upgrade(struct store *store, uint64_t size, struct error *error) EDICT_MUST_USE;
/* From which entry on the index has every term of `kind`; without a version row, from `size` on. CORRUPT while a rebuild of the
 * index has not been finished. */
enum status index_version_from(struct store *store, char kind, uint64_t size, uint64_t *from,
                               struct error *error) EDICT_MUST_USE;
/* The version row, into a batch; `whole` false: the index is being rebuilt. */
void index_version_put(struct store_batch *batch, bool whole, uint64_t from);

#endif
