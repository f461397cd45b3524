#include "ledger/merkle.h"

#include "base/u64be.h"

static void hash_parts(char prefix, const struct slice *parts, size_t count, struct digest *out)
{
    struct digest_sha256_state state;

    digest_sha256_begin(&state);
    digest_sha256_add(&state, slice_from(&prefix, 1));
    for (size_t i = 0; i < count; i++)
        digest_sha256_add(&state, parts[i]);
    digest_sha256_end(&state, out);
}

void merkle_hash_leaf(const struct slice *parts, size_t count, struct digest *out)
{
    hash_parts(0, parts, count, out);
}

void merkle_hash_node(const struct digest *left, const struct digest *right, struct digest *out)
{
    const struct slice parts[2] = {slice_from(left->bytes, DIGEST_SIZE), slice_from(right->bytes, DIGEST_SIZE)};

    hash_parts(1, parts, 2, out);
}

void merkle_create(struct merkle *merkle)
{
    memset(merkle, 0, sizeof *merkle);
}

/* A subtree that is complete into the tile that is being filled. `size`: leaves, once this one is in. */
static void tile_add(struct merkle *merkle, uint64_t size, unsigned level, const struct digest *hash, merkle_tile_f tile,
                     void *context)
{
    merkle->partial[level][merkle->counts[level]++] = *hash;
    if (merkle->counts[level] < MERKLE_TILE_HASHES)
        return;
    if (tile)
        tile(context, level, (size >> (8 * (level + 1))) - 1, merkle->partial[level]);
    merkle->counts[level] = 0;
}

/* Up from the leaf through every perfect subtree that it completes; each eighth level of those is a hash of a tile. */
void merkle_append_leaf(struct merkle *merkle, const struct digest *leaf, merkle_tile_f tile, void *context)
{
    struct digest hash = *leaf;
    unsigned bit = 0;

    tile_add(merkle, merkle->size + 1, 0, &hash, tile, context);
    for (; merkle->size >> bit & 1; bit++) {
        merkle_hash_node(&merkle->frontier[bit], &hash, &hash);
        if ((bit + 1) % 8 == 0 && (bit + 1) / 8 < MERKLE_LEVELS)
            tile_add(merkle, merkle->size + 1, (bit + 1) / 8, &hash, tile, context);
    }
    merkle->frontier[bit] = hash;
    merkle->size++;
}

void merkle_append(struct merkle *merkle, const struct slice *parts, size_t count, merkle_tile_f tile, void *context)
{
    struct digest leaf;

    merkle_hash_leaf(parts, count, &leaf);
    merkle_append_leaf(merkle, &leaf, tile, context);
}

void merkle_root(struct merkle *merkle, struct digest *root)
{
    bool first = true;

    if (merkle->size == 0)
        digest_sha256((struct slice){0}, root);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(merkle->size >> bit & 1))
            continue;
        if (first)
            *root = merkle->frontier[bit];
        else
            merkle_hash_node(&merkle->frontier[bit], root, root);
        first = false;
    }
}

void merkle_tile_key(unsigned level, uint64_t number, char key[MERKLE_TILE_KEY_SIZE])
{
    key[0] = (char)level;
    u64be_put(key + 1, number);
}

/* ---- restoring ---- */

static void tile_root(const struct digest *hashes, struct digest *out)
{
    struct digest level[MERKLE_TILE_HASHES];

    memcpy(level, hashes, sizeof level);
    for (unsigned count = MERKLE_TILE_HASHES; count > 1; count /= 2) {
        for (unsigned i = 0; i < count / 2; i++)
            merkle_hash_node(&level[2 * i], &level[2 * i + 1], &level[i]);
    }
    *out = level[0];
}

/* Adds a perfect subtree of 2^bit leaves to a frontier that holds `size` leaves (a multiple of 2^bit). */
static void frontier_add(struct merkle *merkle, uint64_t size, unsigned bit, struct digest hash)
{
    for (; size >> bit & 1; bit++)
        merkle_hash_node(&merkle->frontier[bit], &hash, &hash);
    merkle->frontier[bit] = hash;
}

static enum status load_leaf(struct store *store, uint64_t index, struct arena *arena, struct digest *out, struct error *error)
{
    unsigned char key[8];
    struct slice record;
    enum status status;

    u64be_put(key, index);
    status = store_get(store, STORE_ENTRIES, slice_from(key, sizeof key), arena, &record, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is missing or unreadable", (unsigned long long)index);
    merkle_hash_leaf(&record, 1, out);
    return STATUS_OK;
}

static enum status load_tile_root(struct store *store, unsigned level, uint64_t number, struct arena *arena, struct digest *out,
                                  struct error *error)
{
    char key[MERKLE_TILE_KEY_SIZE];
    struct slice tile;
    struct digest hashes[MERKLE_TILE_HASHES];

    merkle_tile_key(level, number, key);
    if (store_get(store, STORE_TILES, slice_from(key, sizeof key), arena, &tile, error) != STATUS_OK ||
        tile.size != sizeof hashes)
        return error_set(error, STATUS_CORRUPT, "", "tile %u/%llu of the tree is missing or damaged", level,
                         (unsigned long long)number);
    memcpy(hashes, tile.data, sizeof hashes);
    tile_root(hashes, out);
    return STATUS_OK;
}

/* From the top down: each level's partial tile holds the perfect subtrees between what the level above covers and `size`. */
enum status merkle_load(struct merkle *merkle, struct store *store, uint64_t size, struct error *error)
{
    struct arena arena;
    uint64_t covered = 0;
    enum status status = STATUS_OK;

    arena_create(&arena, 1 << 16, 1 << 20);
    for (int level = MERKLE_LEVELS - 1; level >= 0 && status == STATUS_OK; level--) {
        unsigned bits = 8 * (unsigned)level, count = (unsigned)(size >> bits & 255);

        merkle->counts[level] = 0;
        for (unsigned i = 0; i < count && status == STATUS_OK; i++) {
            struct digest hash;

            arena_reset(&arena);
            status = level == 0 ? load_leaf(store, covered, &arena, &hash, error)
                                : load_tile_root(store, (unsigned)level - 1, covered >> bits, &arena, &hash, error);
            if (status != STATUS_OK)
                break;
            frontier_add(merkle, covered, bits, hash);
            merkle->partial[level][merkle->counts[level]++] = hash;
            covered += UINT64_C(1) << bits;
        }
    }
    merkle->size = size;
    arena_destroy(&arena);
    return status;
}
