/*
 * Retention: older entries into an archive (ledger/archive.h), and out of the store. In order, each step durable before the
 * next: the archive is written and synced; it is read back and verified; one batch removes the entries and adds the entry
 * ledger.archived, which names range, root and the hash of the manifest; the rows of the indices go, and the disk's space comes
 * back. Interrupted anywhere, the same command goes on where it was.
 */
#ifndef EDICT_ENGINE_ARCHIVING_H
#define EDICT_ENGINE_ARCHIVING_H

#include "ledger/archive.h"
#include "ledger/ledger.h"

struct archiving_options {
    struct ledger *ledger; /* running */
    const struct note_signer *signers;
    size_t signer_count;
    struct clock clock;
    const char *folder, *by;
    uint64_t until;    /* entries below this; rounded down to whole bundles */
    bool erases;       /* redacted values of these entries are erased with them */
    int64_t before_ms; /* or, when `until` is 0: entries that are older than this */
    archive_progress_f progress;
    void *context;
};

struct archiving_result {
    struct archive_info info;
    uint64_t index; /* of the entry ledger.archived; 0 when an earlier attempt had written it */
};

/* CONFLICT: nothing to archive, something live still needs an entry (the message says which and how far one may go), or the
 * folder is somebody else's. */
enum status archiving_run(const struct archiving_options *options, struct archiving_result *out,
                          struct error *error) EDICT_MUST_USE;

#endif
