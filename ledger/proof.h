/*
 * Proofs about the log's tree, computed from its stored tiles: what RFC 6962 (2.1.1, 2.1.2) calls audit path and consistency
 * proof, and their verification. Reading costs at most 257 tiles a level, at the lowest 255 records instead: never a scan. Any
 * thread.
 */
#ifndef EDICT_LEDGER_PROOF_H
#define EDICT_LEDGER_PROOF_H

#include "base/buf.h"
#include "ledger/store.h"
#include "proto/digest.h"

enum { PROOF_HASHES_MAX = 2 * 64 };

struct proof {
    struct digest hashes[PROOF_HASHES_MAX];
    size_t count;
};

/* `size` is at most what is durable in `store`. CORRUPT when a tile or record that the tree needs is missing. */
enum status proof_root(struct store *store, uint64_t size, struct digest *root, struct error *error) EDICT_MUST_USE;
/* That entry `index` < `size` is in the tree of `size`: sibling of the leaf first. */
enum status proof_inclusion(struct store *store, uint64_t index, uint64_t size, struct proof *out,
                            struct error *error) EDICT_MUST_USE;
/* That the tree of `old_size` <= `size` is its beginning. Empty for 0 and for equal sizes. */
enum status proof_consistency(struct store *store, uint64_t old_size, uint64_t size, struct proof *out,
                              struct error *error) EDICT_MUST_USE;
/* The first `width` hashes (1 to 256) of tile `number` of `level`: 32 bytes each, at `*hashes` in the arena. */
enum status proof_tile(struct store *store, unsigned level, uint64_t number, unsigned width, struct arena *arena,
                       struct slice *hashes, struct error *error) EDICT_MUST_USE;

void proof_leaf(struct slice record, struct digest *out);
bool proof_verify_inclusion(const struct proof *proof, uint64_t index, uint64_t size, const struct digest *leaf,
                            const struct digest *root);
/* Never of the empty tree: whatever its root is said to be, nothing would be proved. */
bool proof_verify_consistency(const struct proof *proof, uint64_t old_size, uint64_t size, const struct digest *old_root,
                              const struct digest *root);

#endif
