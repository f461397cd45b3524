#include "ledger/proof.h"

#include "base/u64be.h"
#include "ledger/merkle.h"

/* Tiles that were just read; a proof asks for several hashes of one. */
struct reader {
    struct store *store;
    struct arena arena;
    struct error *error;
    unsigned level; /* of the tile in `hashes` */
    uint64_t number;
    bool cached;
    bool edge; /* tile `edge_number` of `edge_level` was asked for last, and is not full */
    unsigned edge_level;
    uint64_t edge_number;
    struct digest hashes[MERKLE_TILE_HASHES];
};

static void reader_create(struct reader *reader, struct store *store, struct error *error)
{
    *reader = (struct reader){.store = store, .error = error};
    arena_create(&reader->arena, 1 << 16, 1 << 22);
}

void proof_leaf(struct slice record, struct digest *out)
{
    merkle_hash_leaf(&record, 1, out);
}

/* ---- hashes of the tree ---- */

/* The stored tile into the reader's room; NOT_FOUND when it is not full yet. */
static enum status load_full_tile(struct reader *reader, unsigned level, uint64_t number)
{
    char key[MERKLE_TILE_KEY_SIZE];
    struct slice tile;
    enum status status;

    if (reader->cached && reader->level == level && reader->number == number)
        return STATUS_OK;
    if (reader->edge && reader->edge_level == level && reader->edge_number == number)
        return STATUS_NOT_FOUND;
    merkle_tile_key(level, number, key);
    arena_reset(&reader->arena);
    status = store_get(reader->store, STORE_TILES, slice_from(key, sizeof key), &reader->arena, &tile, reader->error);
    if (status == STATUS_NOT_FOUND) {
        reader->edge = true;
        reader->edge_level = level;
        reader->edge_number = number;
    }
    if (status != STATUS_OK)
        return status;
    if (tile.size != sizeof reader->hashes)
        return error_set(reader->error, STATUS_CORRUPT, "", "tile %u/%llu of the tree is damaged", level,
                         (unsigned long long)number);
    memcpy(reader->hashes, tile.data, sizeof reader->hashes);
    reader->level = level;
    reader->number = number;
    reader->cached = true;
    return STATUS_OK;
}

static enum status load_leaf(struct reader *reader, uint64_t index, struct digest *out)
{
    unsigned char key[8];
    struct slice record;

    u64be_put(key, index);
    arena_reset(&reader->arena);
    if (store_get(reader->store, STORE_ENTRIES, slice_from(key, sizeof key), &reader->arena, &record, reader->error) !=
        STATUS_OK)
        return error_set(reader->error, STATUS_CORRUPT, "", "entry %llu is missing or unreadable", (unsigned long long)index);
    proof_leaf(record, out);
    return STATUS_OK;
}

static void fold(struct digest *hashes, size_t count)
{
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++)
            merkle_hash_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
    }
}

/* The hash of the perfect subtree of 256^level leaves number `at`; all of its leaves exist. */
static enum status tile_hash(struct reader *reader, unsigned level, uint64_t at, struct digest *out)
{
    enum status status = load_full_tile(reader, level, at / MERKLE_TILE_HASHES);

    if (status == STATUS_OK) {
        *out = reader->hashes[at % MERKLE_TILE_HASHES];
        return STATUS_OK;
    }
    if (status != STATUS_NOT_FOUND)
        return status;
    if (level == 0)
        return load_leaf(reader, at, out);
    status = load_full_tile(reader, level - 1, at);
    if (status == STATUS_NOT_FOUND)
        return error_set(reader->error, STATUS_CORRUPT, "", "tile %u/%llu of the tree is missing", level - 1,
                         (unsigned long long)at);
    if (status != STATUS_OK)
        return status;
    reader->cached = false; /* folded in place */
    fold(reader->hashes, MERKLE_TILE_HASHES);
    *out = reader->hashes[0];
    return STATUS_OK;
}

/* The hash of the leaves [from, from + 2^bits), from a multiple of 2^bits. */
static enum status perfect_hash(struct reader *reader, uint64_t from, unsigned bits, struct digest *out)
{
    unsigned level = bits / 8;
    size_t count = (size_t)1 << bits % 8;
    struct digest hashes[MERKLE_TILE_HASHES / 2];
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = tile_hash(reader, level, (from >> (8 * level)) + i, &hashes[i]);
    if (status != STATUS_OK)
        return status;
    fold(hashes, count);
    *out = hashes[0];
    return STATUS_OK;
}

/* The largest power of two below `count` >= 2, as its exponent. */
static unsigned split_bits(uint64_t count)
{
    return 63u - (unsigned)__builtin_clzll(count - 1);
}

/* MTH of RFC 6962 for the leaves [from, to), at least one; `from` is a multiple of the power of two that splits. */
static enum status range_hash(struct reader *reader, uint64_t from, uint64_t to, struct digest *out)
{
    struct digest left, right;
    unsigned bits;
    enum status status;

    if (((to - from) & (to - from - 1)) == 0)
        return perfect_hash(reader, from, (unsigned)__builtin_ctzll(to - from), out);
    bits = split_bits(to - from);
    status = perfect_hash(reader, from, bits, &left);
    if (status == STATUS_OK)
        status = range_hash(reader, from + (UINT64_C(1) << bits), to, &right);
    if (status == STATUS_OK)
        merkle_hash_node(&left, &right, out);
    return status;
}

/* ---- proofs ---- */

static enum status append_range(struct reader *reader, struct proof *proof, uint64_t from, uint64_t to)
{
    return range_hash(reader, from, to, &proof->hashes[proof->count++]);
}

/* PATH of RFC 6962. */
static enum status path(struct reader *reader, uint64_t index, uint64_t from, uint64_t to, struct proof *proof)
{
    uint64_t middle;
    enum status status;

    if (to - from == 1)
        return STATUS_OK;
    middle = from + (UINT64_C(1) << split_bits(to - from));
    if (index < middle) {
        status = path(reader, index, from, middle, proof);
        return status == STATUS_OK ? append_range(reader, proof, middle, to) : status;
    }
    status = path(reader, index, middle, to, proof);
    return status == STATUS_OK ? append_range(reader, proof, from, middle) : status;
}

/* SUBPROOF of RFC 6962: `old` ends in [from, to]; `whole` while the old tree is a subtree whose root the verifier knows. */
static enum status subproof(struct reader *reader, uint64_t old, uint64_t from, uint64_t to, bool whole, struct proof *proof)
{
    uint64_t middle;
    enum status status;

    if (old == to)
        return whole ? STATUS_OK : append_range(reader, proof, from, to);
    middle = from + (UINT64_C(1) << split_bits(to - from));
    if (old <= middle) {
        status = subproof(reader, old, from, middle, whole, proof);
        return status == STATUS_OK ? append_range(reader, proof, middle, to) : status;
    }
    status = subproof(reader, old, middle, to, false, proof);
    return status == STATUS_OK ? append_range(reader, proof, from, middle) : status;
}

enum status proof_root(struct store *store, uint64_t size, struct digest *root, struct error *error)
{
    struct reader reader;
    enum status status = STATUS_OK;

    reader_create(&reader, store, error);
    if (size == 0)
        digest_sha256((struct slice){0}, root);
    else
        status = range_hash(&reader, 0, size, root);
    arena_destroy(&reader.arena);
    return status;
}

enum status proof_inclusion(struct store *store, uint64_t index, uint64_t size, struct proof *out, struct error *error)
{
    struct reader reader;
    enum status status;

    out->count = 0;
    if (index >= size)
        return error_set(error, STATUS_NOT_FOUND, "", "entry %llu is not in a tree of %llu", (unsigned long long)index,
                         (unsigned long long)size);
    reader_create(&reader, store, error);
    status = path(&reader, index, 0, size, out);
    arena_destroy(&reader.arena);
    return status;
}

enum status proof_consistency(struct store *store, uint64_t old_size, uint64_t size, struct proof *out, struct error *error)
{
    struct reader reader;
    enum status status = STATUS_OK;

    out->count = 0;
    if (old_size > size)
        return error_set(error, STATUS_NOT_FOUND, "", "a tree of %llu is no beginning of one of %llu",
                         (unsigned long long)old_size, (unsigned long long)size);
    reader_create(&reader, store, error);
    if (old_size > 0 && old_size < size)
        status = subproof(&reader, old_size, 0, size, true, out);
    arena_destroy(&reader.arena);
    return status;
}

enum status proof_tile(struct store *store, unsigned level, uint64_t number, unsigned width, struct arena *arena,
                       struct slice *hashes, struct error *error)
{
    struct reader reader;
    struct digest *out = arena_array(arena, width, sizeof *out);
    enum status status = out ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");

    reader_create(&reader, store, error);
    for (unsigned i = 0; i < width && status == STATUS_OK; i++)
        status = tile_hash(&reader, level, number * MERKLE_TILE_HASHES + i, &out[i]);
    arena_destroy(&reader.arena);
    *hashes = slice_from(out, width * sizeof *out);
    return status;
}

/* ---- verification (RFC 9162, 2.1.3.2 and 2.1.4.2) ---- */

bool proof_verify_inclusion(const struct proof *proof, uint64_t index, uint64_t size, const struct digest *leaf,
                            const struct digest *root)
{
    uint64_t at = index, last = size - 1;
    struct digest hash = *leaf;

    if (index >= size)
        return false;
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0)
            return false;
        if ((at & 1) || at == last) {
            merkle_hash_node(&proof->hashes[i], &hash, &hash);
            for (; !(at & 1) && at != 0; at >>= 1)
                last >>= 1;
        } else {
            merkle_hash_node(&hash, &proof->hashes[i], &hash);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && digest_equal(&hash, root);
}

bool proof_verify_consistency(const struct proof *proof, uint64_t old_size, uint64_t size, const struct digest *old_root,
                              const struct digest *root)
{
    uint64_t at = old_size - 1, last = size - 1;
    struct digest old_hash, hash;
    size_t next = 0;

    if (old_size == 0 || old_size > size) /* of the empty tree, which begins every one, nothing can be proved */
        return false;
    if (old_size == size)
        return proof->count == 0 && digest_equal(old_root, root);
    for (; at & 1; at >>= 1)
        last >>= 1;
    if (at == 0) {
        hash = *old_root;
    } else {
        if (proof->count == 0)
            return false;
        hash = proof->hashes[next++];
    }
    old_hash = hash;
    for (; next < proof->count; next++) {
        if (last == 0)
            return false;
        if ((at & 1) || at == last) {
            merkle_hash_node(&proof->hashes[next], &old_hash, &old_hash);
            merkle_hash_node(&proof->hashes[next], &hash, &hash);
            for (; !(at & 1) && at != 0; at >>= 1)
                last >>= 1;
        } else {
            merkle_hash_node(&hash, &proof->hashes[next], &hash);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && digest_equal(&old_hash, old_root) && digest_equal(&hash, root);
}
