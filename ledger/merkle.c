#include "ledger/merkle.h"

#include <assert.h>
#include <openssl/evp.h>

static void hasher_run(struct merkle_hasher *hasher, unsigned char prefix, const struct slice *parts, size_t count,
                       struct digest *out)
{
    int ok = EVP_DigestInit_ex2(hasher->context, hasher->sha256, NULL) && EVP_DigestUpdate(hasher->context, &prefix, 1);

    for (size_t i = 0; i < count; i++)
        ok = ok && EVP_DigestUpdate(hasher->context, parts[i].data, parts[i].size);
    ok = ok && EVP_DigestFinal_ex(hasher->context, out->bytes, NULL);
    assert(ok);
    (void)ok;
}

static void hash_node(struct merkle_hasher *hasher, const struct digest *left, const struct digest *right, struct digest *out)
{
    const struct slice parts[2] = {slice_from(left->bytes, DIGEST_SIZE), slice_from(right->bytes, DIGEST_SIZE)};

    hasher_run(hasher, 1, parts, 2, out);
}

enum status merkle_hasher_create(struct merkle_hasher *hasher, struct error *error)
{
    hasher->context = EVP_MD_CTX_new();
    hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (hasher->context && hasher->sha256)
        return STATUS_OK;
    merkle_hasher_destroy(hasher);
    return error_set(error, STATUS_NO_MEMORY, "", "OpenSSL gives no SHA-256");
}

void merkle_hasher_destroy(struct merkle_hasher *hasher)
{
    EVP_MD_CTX_free(hasher->context);
    EVP_MD_free(hasher->sha256);
    *hasher = (struct merkle_hasher){0};
}

void merkle_hash_leaf(struct merkle_hasher *hasher, const struct slice *parts, size_t count, struct digest *out)
{
    hasher_run(hasher, 0, parts, count, out);
}

enum status merkle_create(struct merkle *merkle, struct error *error)
{
    memset(merkle, 0, sizeof *merkle);
    return merkle_hasher_create(&merkle->hasher, error);
}

void merkle_destroy(struct merkle *merkle)
{
    merkle_hasher_destroy(&merkle->hasher);
}

/* Adds a perfect subtree of 2^bit leaves to a frontier that holds `size` leaves (a multiple of 2^bit). */
static void frontier_add(struct merkle *merkle, uint64_t size, unsigned bit, struct digest hash)
{
    for (; size >> bit & 1; bit++)
        hash_node(&merkle->hasher, &merkle->frontier[bit], &hash, &hash);
    merkle->frontier[bit] = hash;
}

static void tile_root(struct merkle_hasher *hasher, const struct digest *hashes, struct digest *out)
{
    struct digest level[MERKLE_TILE_HASHES];

    memcpy(level, hashes, sizeof level);
    for (unsigned count = MERKLE_TILE_HASHES; count > 1; count /= 2) {
        for (unsigned i = 0; i < count / 2; i++)
            hash_node(hasher, &level[2 * i], &level[2 * i + 1], &level[i]);
    }
    *out = level[0];
}

/* Puts a hash into the tile that is being filled; a full one is handed out and stands as one hash in the tile above. */
static void tile_add(struct merkle *merkle, unsigned level, struct digest hash, merkle_tile_f tile, void *context)
{
    for (; level < MERKLE_LEVELS; level++) {
        merkle->partial[level][merkle->counts[level]++] = hash;
        if (merkle->counts[level] < MERKLE_TILE_HASHES)
            return;
        if (tile)
            tile(context, level, (merkle->size >> (8 * (level + 1))) - 1, merkle->partial[level]);
        tile_root(&merkle->hasher, merkle->partial[level], &hash);
        merkle->counts[level] = 0;
    }
}

void merkle_append_leaf(struct merkle *merkle, const struct digest *leaf, merkle_tile_f tile, void *context)
{
    frontier_add(merkle, merkle->size, 0, *leaf);
    merkle->size++;
    tile_add(merkle, 0, *leaf, tile, context);
}

void merkle_append(struct merkle *merkle, const struct slice *parts, size_t count, merkle_tile_f tile, void *context)
{
    struct digest leaf;

    merkle_hash_leaf(&merkle->hasher, parts, count, &leaf);
    merkle_append_leaf(merkle, &leaf, tile, context);
}

void merkle_root(struct merkle *merkle, struct digest *root)
{
    bool first = true;

    digest_sha256((struct slice){0}, root);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(merkle->size >> bit & 1))
            continue;
        if (first)
            *root = merkle->frontier[bit];
        else
            hash_node(&merkle->hasher, &merkle->frontier[bit], root, root);
        first = false;
    }
}

void merkle_tile_key(unsigned level, uint64_t number, char key[MERKLE_TILE_KEY_SIZE])
{
    key[0] = (char)level;
    for (int i = 0; i < 8; i++)
        key[1 + i] = (char)(number >> (56 - 8 * i));
}

/* ---- restoring ---- */

static enum status load_leaf(struct merkle *merkle, struct store *store, uint64_t index, struct arena *arena,
                             struct digest *out, struct error *error)
{
    unsigned char key[8];
    struct slice record;
    enum status status;

    for (int i = 0; i < 8; i++)
        key[i] = (unsigned char)(index >> (56 - 8 * i));
    status = store_get(store, STORE_ENTRIES, slice_from(key, sizeof key), arena, &record, error);
    if (status != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is missing or unreadable", (unsigned long long)index);
    hasher_run(&merkle->hasher, 0, &record, 1, out);
    return STATUS_OK;
}

static enum status load_tile_root(struct merkle *merkle, struct store *store, unsigned level, uint64_t number,
                                  struct arena *arena, struct digest *out, struct error *error)
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
    tile_root(&merkle->hasher, hashes, out);
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
            status = level == 0 ? load_leaf(merkle, store, covered, &arena, &hash, error)
                                : load_tile_root(merkle, store, (unsigned)level - 1, covered >> bits, &arena, &hash, error);
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
