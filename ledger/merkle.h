/*
 * The Merkle tree over the log's records: RFC 6962 hashing (leaf SHA-256(00 || record), node SHA-256(01 || left || right)),
 * kept incrementally. Full tiles of 256 hashes (C2SP tlog-tiles, height 8) are handed out as they fill; what is partial is
 * rebuilt at open, so it needs no rows. One thread.
 */
#ifndef EDICT_LEDGER_MERKLE_H
#define EDICT_LEDGER_MERKLE_H

#include "ledger/store.h"
#include "proto/digest.h"

enum { MERKLE_TILE_HASHES = 256, MERKLE_LEVELS = 8 };

struct merkle {
    uint64_t size;
    struct digest frontier[64];                               /* of perfect subtrees, by bit of `size` */
    struct digest partial[MERKLE_LEVELS][MERKLE_TILE_HASHES]; /* of the tile that is being filled, by level */
    unsigned counts[MERKLE_LEVELS];
};

/* A full tile: level, number, 256 hashes. */
typedef void (*merkle_tile_f)(void *context, unsigned level, uint64_t number, const struct digest *hashes);

/* Hashing apart from a tree. Any thread. */
void merkle_hash_leaf(const struct slice *parts, size_t count, struct digest *out);
void merkle_hash_node(const struct digest *left, const struct digest *right, struct digest *out); /* `out` may be one of them */

void merkle_create(struct merkle *merkle); /* of nothing; needs no destroying */
/* The record as its parts. */
void merkle_append(struct merkle *merkle, const struct slice *parts, size_t count, merkle_tile_f tile, void *context);
/* The same for a record that has been hashed. */
void merkle_append_leaf(struct merkle *merkle, const struct digest *leaf, merkle_tile_f tile, void *context);
void merkle_root(struct merkle *merkle, struct digest *root); /* of the empty tree: SHA-256 of nothing */
/* Restores the tree of the first `size` entries of `store` from its full tiles and last records. */
enum status merkle_load(struct merkle *merkle, struct store *store, uint64_t size, struct error *error) EDICT_MUST_USE;

enum { MERKLE_TILE_KEY_SIZE = 9 };
void merkle_tile_key(unsigned level, uint64_t number, char key[MERKLE_TILE_KEY_SIZE]); /* level, then u64be number */

#endif
