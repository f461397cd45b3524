/*
 * A backup: a folder that stands for itself.
 *
 *   ledger/             the store, at one moment
 *   ledger.checkpoint   signed over exactly the entries that are in it
 *   ledger.vkey         the verifier key of that checkpoint
 *   backup.json         {"created":TIME,"format":1,"origin":…,"root":HEX,"size":N,"verifier_key":…,"with_key":BOOL}
 *   ledger.handover.N   proofs of handovers from one key to another
 *   ledger.key          the private key, only when it was asked for
 *
 * It is made beside, as TARGET.partial, and gets its name when all of it is on the disk. What had been erased by its moment is
 * in none of its files, also where getting it out of the store's own was still under way. Never in it: admin.token. What the
 * ledger itself holds is in it, the key of action digests too.
 */
#ifndef EDICT_LEDGER_BACKUP_H
#define EDICT_LEDGER_BACKUP_H

#include "base/clock.h"
#include "ledger/checkpoint.h"
#include "ledger/store.h"

struct backup_options {
    struct store *store;
    const char *folder; /* the data directory, of proofs */
    const char *target;
    const struct note_signer *signers; /* of its checkpoint; the first one's key goes with `with_key` */
    size_t signer_count;
    bool with_key;
    struct clock clock;
};

struct backup_result {
    uint64_t size;
    struct digest root;
};

/* The store may be written meanwhile. CONFLICT when the target, or what is left of an interrupted backup to it, is there. */
enum status backup_write(const struct backup_options *options, struct backup_result *out, struct error *error) EDICT_MUST_USE;
/* Does the ledger beside backup.json, of which `found` is known, begin with what that says was backed up? It may have gone on
 * since. CORRUPT; OK also where there is no backup.json, for then it is no backup. */
enum status backup_check_manifest(const char *folder, struct store *store, const struct backup_result *found,
                                  struct error *error) EDICT_MUST_USE;

#endif
