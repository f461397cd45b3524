/*
 * From a backup to a data directory that a server can start on. Everything is verified before anything is put in place, and
 * the log goes on under another origin: a longer tree may have been signed under the old one.
 */
#ifndef EDICT_ENGINE_RESTORE_H
#define EDICT_ENGINE_RESTORE_H

#include "engine/custody.h"
#include "ledger/verify.h"

struct restore_options {
    const char *backup, *folder;     /* `folder`: empty, or not there */
    const struct note_verifier *key; /* that must have signed the backup's checkpoint; NULL: the one that the backup names */
    struct custody_change change;    /* by, reason, origin */
    /* Puts archived entries back in front of `live`, for looking at; on OK `*out` owns it. May be NULL. */
    enum status (*put_back)(void *context, struct store *live, struct store **out, struct error *error);
    void *put_back_context;
    bool unfolded; /* believe the backup's state without folding the entries anew: the archives are not at hand */
    const struct log *log;
    void (*progress)(void *context, const char *step, uint64_t done, uint64_t all);
    void *context;
};

struct restore_result {
    struct verify_result verified;
    uint64_t signed_size; /* of the backup's checkpoint */
    uint64_t rows;        /* of state, equal to the fold of the entries */
    struct note_verifier old, fresh;
};

/* The work is done in FOLDER/restoring; at the end its parts move up, the store last, so that a server that is started on half
 * of it refuses. Interrupted, it begins anew the next time. */
enum status restore_run(const struct restore_options *options, struct restore_result *out, struct error *error) EDICT_MUST_USE;
/* Before a server makes anything in `folder`: CONFLICT where a restore has not come to its end; it would begin an empty ledger.
 */
enum status restore_check_finished(const char *folder, struct error *error) EDICT_MUST_USE;

#endif
