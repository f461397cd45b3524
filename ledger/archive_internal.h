/*
 * What archive_write.c, archive.c and archive_verify.c share.
 */
#ifndef EDICT_LEDGER_ARCHIVE_INTERNAL_H
#define EDICT_LEDGER_ARCHIVE_INTERNAL_H

#include "ledger/archive.h"
#include "ledger/merkle.h"

enum { ARCHIVE_FORMAT = 1, ARCHIVE_MANIFEST_MAX = 16384, ARCHIVE_BLOB_MAX = 64 << 20 };

struct archive {
    char folder[FILE_PATH_MAX];
    struct archive_info info;
    int64_t first_time_ms, bytes; /* as archive.json says */
    struct note_verifier verifier;
    struct digest *level_1; /* one hash a bundle, from 0 on */
    uint64_t level_1_count;
};

/* Calls `visit` for every hash of a large value that a record may name: whatever follows "sha256" like one does. */
typedef enum status (*archive_hash_f)(void *context, const struct digest *hash, struct error *error);
enum status archive_each_hash(struct slice record, archive_hash_f visit, void *context, struct error *error) EDICT_MUST_USE;

/* The root of 256 hashes, by level 1's rules; of any number of them, as the tree of their leaves has it. */
void archive_fold_tile(const struct digest *hashes, struct digest *out);
void archive_fold_all(const struct digest *hashes, uint64_t count, struct digest *out);
/* The hash of a leaf. */
void archive_leaf(struct slice record, struct digest *out);

void archive_blob_path(char out[ARCHIVE_PATH_MAX], const struct digest *hash);

#endif
