/*
 * What a proof costs in a large log, in-process: a store with the tiles of N entries (the leaves are hashes of their numbers;
 * of the records there are only those that a proof may read, of the last tile, which is not full), and proofs of random entries
 * in trees of random sizes. Each is verified, which is not timed.
 *
 *   bench_proof [--small N] [--large N] [--proofs N] [--folder DIR] [--json]
 *
 * A large tree and a small one, in turn, a proof each. 100 million entries are 3.2 GB of tiles.
 */
#include "base/u64be.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, PROOFS_MAX = 1 << 20, BATCH_ENTRIES = 1 << 16, TREES = 2, KINDS = 2 };

struct settings {
    const char *folder;
    unsigned long sizes[TREES], proofs;
    bool json;
};

struct tree {
    struct store *store;
    uint64_t size;
    double *microseconds[KINDS];
};

static const char *const tree_names[TREES] = {"small", "large"};
static const char *const kind_names[KINDS] = {"inclusion", "consistency"};

static _Noreturn void die(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "bench_proof: %s: %s\n", what, error->message);
    exit(1);
}

static double now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Any fixed sequence will do: xorshift64*. */
static uint64_t random_below(uint64_t bound)
{
    static uint64_t state = 88172645463325252;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717) % bound;
}

/* ---- making a tree ---- */

static struct slice number_of(uint64_t index, char out[8])
{
    u64be_put(out, index);
    return slice_from(out, 8);
}

static void put_tile(void *batch, unsigned level, uint64_t number, const struct digest *hashes)
{
    char key[MERKLE_TILE_KEY_SIZE];

    merkle_tile_key(level, number, key);
    store_put(batch, STORE_TILES, slice_from(key, sizeof key), slice_from(hashes, MERKLE_TILE_HASHES * sizeof *hashes));
}

/* Record INDEX is its number. */
static void add_entry(struct merkle *merkle, struct store_batch *batch, uint64_t size)
{
    char room[8];
    struct slice record = number_of(merkle->size, room);

    if (merkle->size >= size - size % MERKLE_TILE_HASHES)
        store_put(batch, STORE_ENTRIES, record, record);
    merkle_append(merkle, &record, 1, put_tile, batch);
}

static void make_tree(struct tree *tree, const char *folder, const char *name, uint64_t size)
{
    char path[PATH_SIZE + 64];
    struct error error = {0};
    struct merkle *merkle = malloc(sizeof *merkle);
    struct store_batch *batch;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!merkle || store_open_rocksdb(path, false, &tree->store, &error) != STATUS_OK)
        die(path, &error);
    merkle_create(merkle);
    batch = tree->store->ops->batch_new(tree->store);
    while (merkle->size < size) {
        for (uint64_t i = 0; i < BATCH_ENTRIES && merkle->size < size; i++)
            add_entry(merkle, batch, size);
        if (tree->store->ops->commit(tree->store, batch, false, &error) != STATUS_OK)
            die("commit", &error);
    }
    tree->store->ops->batch_delete(batch);
    free(merkle);
    tree->size = size;
}

/* ---- proofs ---- */

static double prove_inclusion(const struct tree *tree, uint64_t index, uint64_t size)
{
    char room[8];
    struct error error = {0};
    struct proof proof;
    struct digest leaf, root;
    double begun = now_us(), took;

    if (proof_inclusion(tree->store, index, size, &proof, &error) != STATUS_OK)
        die("inclusion", &error);
    took = now_us() - begun;
    proof_leaf(number_of(index, room), &leaf);
    if (proof_root(tree->store, size, &root, &error) != STATUS_OK || !proof_verify_inclusion(&proof, index, size, &leaf, &root))
        die("a proof of inclusion does not hold", &error);
    return took;
}

static double prove_consistency(const struct tree *tree, uint64_t old_size, uint64_t size)
{
    struct error error = {0};
    struct proof proof;
    struct digest old_root, root;
    double begun = now_us(), took;

    if (proof_consistency(tree->store, old_size, size, &proof, &error) != STATUS_OK)
        die("consistency", &error);
    took = now_us() - begun;
    if (proof_root(tree->store, old_size, &old_root, &error) != STATUS_OK ||
        proof_root(tree->store, size, &root, &error) != STATUS_OK ||
        !proof_verify_consistency(&proof, old_size, size, &old_root, &root))
        die("a proof of consistency does not hold", &error);
    return took;
}

static void prove(const struct tree *tree, unsigned long round)
{
    uint64_t size = tree->size - random_below(tree->size / 2);

    tree->microseconds[0][round] = prove_inclusion(tree, random_below(size), size);
    tree->microseconds[1][round] = prove_consistency(tree, 1 + random_below(size), size);
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static void print_kind(const struct settings *settings, const struct tree *tree, const char *name, int kind)
{
    double *all = tree->microseconds[kind];
    unsigned long count = settings->proofs;

    qsort(all, count, sizeof *all, ascending);
    (void)printf(settings->json ? "{\"command\":\"proof\",\"tree\":\"%s\",\"entries\":%llu,\"kind\":\"%s\",\"p50_us\":%.1f,"
                                  "\"p99_us\":%.1f,\"max_us\":%.1f}\n"
                                : "%s, %llu entries: %s p50 %.1f us, p99 %.1f us, at most %.1f us\n",
                 name, (unsigned long long)tree->size, kind_names[kind], all[count / 2], all[count * 99 / 100], all[count - 1]);
}

static void run(const struct settings *settings)
{
    struct tree trees[TREES];

    for (int t = 0; t < TREES; t++) {
        for (int k = 0; k < KINDS; k++) {
            trees[t].microseconds[k] = calloc(settings->proofs, sizeof(double));
            if (!trees[t].microseconds[k])
                die("memory", &(struct error){0});
        }
        make_tree(&trees[t], settings->folder, tree_names[t], settings->sizes[t]);
    }
    for (unsigned long i = 0; i < settings->proofs; i++) {
        for (int t = 0; t < TREES; t++)
            prove(&trees[t], i);
    }
    for (int t = 0; t < TREES; t++) {
        for (int k = 0; k < KINDS; k++) {
            print_kind(settings, &trees[t], tree_names[t], k);
            free(trees[t].microseconds[k]);
        }
        trees[t].store->ops->close(trees[t].store);
    }
}

/* ---- the command line ---- */

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *place)
{
    (void)file;
    (void)type;
    (void)place;
    return remove(path);
}

static bool parse(struct settings *settings, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        unsigned long *number = strcmp(words[i], "--small") == 0    ? &settings->sizes[0]
                                : strcmp(words[i], "--large") == 0  ? &settings->sizes[1]
                                : strcmp(words[i], "--proofs") == 0 ? &settings->proofs
                                                                    : NULL;

        if (strcmp(words[i], "--json") == 0) {
            settings->json = true;
            continue;
        }
        if (i + 1 == count || (!number && strcmp(words[i], "--folder") != 0))
            return false;
        if (number)
            *number = strtoul(words[i + 1], NULL, 10);
        else
            settings->folder = words[i + 1];
        i++;
    }
    return settings->sizes[0] > 1 && settings->sizes[1] > 1 && settings->proofs > 0 && settings->proofs <= PROOFS_MAX;
}

int main(int count, char **words)
{
    struct settings settings = {.folder = "/tmp", .sizes = {100000, 100000000}, .proofs = 5000};
    char template[PATH_SIZE];

    if (!parse(&settings, count, words)) {
        (void)fprintf(stderr, "usage: bench_proof [--small N] [--large N] [--proofs N] [--folder DIR] [--json]\n");
        return 2;
    }
    (void)snprintf(template, sizeof template, "%s/edict-bench-proof-XXXXXX", settings.folder);
    if (!mkdtemp(template)) {
        perror(template);
        return 1;
    }
    settings.folder = template;
    run(&settings);
    (void)nftw(template, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
