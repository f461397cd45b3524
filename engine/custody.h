/*
 * Who signs the log's checkpoints: the keys as files (ledger/log_key.h) and as the log's own entries say (state/lineage.h),
 * brought to agree. A handover from one key to another is an entry; the files follow it, and whatever step was interrupted, the
 * next start finishes it or takes it back:
 *
 *   the new key as ledger.key.next - the entry - the old key as ledger.key.old (rotation) - ledger.key.next becomes ledger.key
 *
 * One thread at a time.
 */
#ifndef EDICT_ENGINE_CUSTODY_H
#define EDICT_ENGINE_CUSTODY_H

#include "ledger/ledger.h"
#include "ledger/log_key.h"

enum {
    CUSTODY_OVERLAP_S_DEFAULT = 7 * 86400, /* both keys sign after a rotation */
    CUSTODY_OVERLAP_S_MAX = 90 * 86400
};

struct custody {
    char folder[1024];
    struct note_signer signers[2]; /* in force; the one before it, while both sign */
    size_t signer_count;
    int64_t until_ms; /* the second one's last moment */
    /* The key in force, then those that it followed under the same origin. */
    struct note_verifier verifiers[NOTE_VERIFIERS_MAX];
    size_t verifier_count;
    char former[NOTE_NAME_MAX + 1]; /* the origin that the log left; empty: none */
    bool created;                   /* a key was made: the first start */
};

/*
 * Reads the keys of `folder`, finishes an interrupted handover, makes the first key under `origin` (may be empty) where there
 * has been none. DENIED, CORRUPT and CONFLICT say what to do. `store` is read only.
 */
enum status custody_open(const char *folder, struct slice origin, struct store *store, struct custody *out,
                         struct error *error) EDICT_MUST_USE;
void custody_close(struct custody *custody); /* wipes; accepts a zeroed one */
/* The store against the last signed checkpoint. Before anything is signed or added. */
enum status custody_compare(const struct custody *custody, struct store *store, uint64_t size,
                            struct error *error) EDICT_MUST_USE;
/* The verifier keys alone, of a data directory or a backup: in force first. NOT_FOUND where no key is known. */
enum status custody_verifiers(const char *folder, struct store *store, struct custody *out, struct error *error) EDICT_MUST_USE;

/* What vouches for a ledger. */
struct custody_signature {
    struct note_verifier by; /* the key in force */
    uint64_t size;           /* the last checkpoint is over so many entries; 0: a log of one entry, not signed yet */
};
/*
 * Of a data directory or a backup whose `store` has `entries`: is the last checkpoint signed by the log's key in force, and is
 * it over what is there? Entries may come after it (`size`). `key`, unless NULL, is trusted and no other: the key in force has
 * to be it, or to follow from it by the proofs of handovers in the folder. NOT_FOUND where the folder names no key at all;
 * CORRUPT. custody_check.c.
 */
enum status custody_check(const char *folder, struct store *store, uint64_t entries, const struct note_verifier *key,
                          struct custody_signature *out, struct error *error) EDICT_MUST_USE;

/* Before a store is opened that may have to be made: CORRUPT where files say that there has been one. */
enum status custody_check_store(const char *folder, struct error *error) EDICT_MUST_USE;

struct custody_change {
    const char *by;
    struct slice reason;
    struct slice origin; /* of a new origin; empty: one of its own */
    int64_t overlap_s;   /* of a rotation */
    int64_t now_ms;
};

/*
 * Another key under the same origin. On return the entry is durable and the files are in place; the caller signs with what
 * custody now holds, then calls custody_keep_proof (as after every start, once the comparison was well).
 */
enum status custody_rotate(struct custody *custody, struct ledger *ledger, const struct custody_change *change, uint64_t *index,
                           struct error *error) EDICT_MUST_USE;
/* Keeps, as ledger.handover.INDEX, a proof (C2SP tlog-proof) of the last rotation's entry whose checkpoint both keys signed:
 * whoever knows the old key only can follow. Then, when the old key's time is over, wipes it. */
enum status custody_keep_proof(struct custody *custody, struct store *store, int64_t now_ms,
                               struct error *error) EDICT_MUST_USE;
/*
 * Another origin and key, for a ledger that is deliberately not the continuation of what was signed: writes the entry
 * ledger.restored and a first checkpoint. `old_key` is who signed before (may be empty: that of the folder's files).
 */
enum status custody_new_origin(const char *folder, struct ledger *ledger, struct slice old_key,
                               const struct custody_change *change, struct note_verifier *fresh,
                               struct error *error) EDICT_MUST_USE;

#endif
