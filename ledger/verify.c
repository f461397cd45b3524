/*
 * Records are read and hashed by several threads, a chunk each; the tree over the hashes is one thread's. A wave is a chunk for
 * every thread. Another thread reads the indexes meanwhile.
 */
#include "ledger/verify.h"

#include "ledger/audit.h"
#include "ledger/ledger.h"
#include "ledger/merkle.h"
#include "ledger/verify_index.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { VERIFY_CHUNK = 8192, VERIFY_THREADS_MAX = 64 };

/* One thread's part of a wave. */
struct chunk {
    struct store *store;
    uint64_t from, to;
    struct digest *leaves; /* of VERIFY_CHUNK */
    struct audit audit;
    uint64_t indexed; /* entries before it have no rows in the indexes */
    struct index_sum ids;
    uint64_t bytes;
    int64_t first_time_ms, last_time_ms;
    struct error error;
    enum status status;
    pthread_t thread;
    bool started;
};

struct verify {
    struct store *store;
    struct merkle *merkle;
    struct arena arena;
    struct audit audit;
    uint64_t indexed;
    struct index_sum ids; /* the rows that the entries imply */
    struct verify_index index;
    struct chunk *chunks;
    unsigned chunk_count;
    uint64_t all;
    int64_t last_time_ms;
    struct verify_result *out;
    struct error *error;
    enum status status; /* of the tiles */
};

/* ---- one chunk, in a thread ---- */

static enum status check_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct chunk *chunk = context;
    struct record_header header;
    struct slice body;

    if (record_split(record, &header, &body, error) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is not a valid record", (unsigned long long)index);
    if (index == chunk->from)
        chunk->first_time_ms = header.time_ms;
    else if (header.time_ms < chunk->last_time_ms)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is older than the one before it", (unsigned long long)index);
    chunk->last_time_ms = header.time_ms;
    chunk->bytes += record.size;
    merkle_hash_leaf(&record, 1, &chunk->leaves[index - chunk->from]);
    if (index >= chunk->indexed)
        verify_index_add(&chunk->ids, &header, index, body);
    return audit_entry(&chunk->audit, chunk->store, &header, index, body, error);
}

static uint64_t present(const struct chunk *chunk)
{
    return chunk->to - chunk->from;
}

static enum status count_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct chunk *chunk = context;
    enum status status = check_entry(chunk, index, record, error);

    if (status == STATUS_OK)
        chunk->to = index + 1;
    return status;
}

static void *run_chunk(void *context)
{
    struct chunk *chunk = context;
    uint64_t wanted = chunk->to;

    chunk->bytes = 0;
    chunk->to = chunk->from; /* counts up with what is there */
    chunk->status = ledger_each(chunk->store, chunk->from, wanted, count_entry, chunk, &chunk->error);
    if (chunk->status == STATUS_OK && chunk->to != wanted)
        chunk->status = error_set(&chunk->error, STATUS_CORRUPT, "", "entry %llu is missing", (unsigned long long)chunk->to);
    return NULL;
}

/* ---- the tree, in order ---- */

static void check_tile(void *context, unsigned level, uint64_t number, const struct digest *hashes)
{
    struct verify *verify = context;
    char key[MERKLE_TILE_KEY_SIZE];
    struct slice tile;

    arena_reset(&verify->arena);
    merkle_tile_key(level, number, key);
    if (verify->status != STATUS_OK)
        return;
    if (store_get(verify->store, STORE_TILES, slice_from(key, sizeof key), &verify->arena, &tile, verify->error) != STATUS_OK ||
        tile.size != MERKLE_TILE_HASHES * sizeof *hashes || memcmp(tile.data, hashes, tile.size) != 0)
        verify->status = error_set(verify->error, STATUS_CORRUPT, "", "tile %u/%llu is not that of the entries", level,
                                   (unsigned long long)number);
}

static enum status take_chunk(struct verify *verify, struct chunk *chunk)
{
    if (chunk->status != STATUS_OK) {
        *verify->error = chunk->error;
        return chunk->status;
    }
    if (chunk->first_time_ms < verify->last_time_ms)
        return error_set(verify->error, STATUS_CORRUPT, "", "entry %llu is older than the one before it",
                         (unsigned long long)chunk->from);
    verify->last_time_ms = chunk->last_time_ms;
    for (uint64_t i = 0; i < present(chunk) && verify->status == STATUS_OK; i++)
        merkle_append_leaf(verify->merkle, &chunk->leaves[i], check_tile, verify);
    verify->out->entries += present(chunk);
    verify->out->bytes += chunk->bytes;
    index_sum_join(&verify->ids, &chunk->ids);
    if (verify->status == STATUS_OK)
        verify->status = audit_join(&verify->audit, &chunk->audit, verify->error);
    return verify->status;
}

/* Chunks from `from` on, side by side, then into the tree. */
static enum status run_wave(struct verify *verify, uint64_t from)
{
    unsigned used = 0;
    enum status status = STATUS_OK;

    for (; used < verify->chunk_count && from < verify->all; used++) {
        struct chunk *chunk = &verify->chunks[used];

        chunk->from = from;
        chunk->to = from + VERIFY_CHUNK < verify->all ? from + VERIFY_CHUNK : verify->all;
        from = chunk->to;
        chunk->started = pthread_create(&chunk->thread, NULL, run_chunk, chunk) == 0;
        if (!chunk->started)
            run_chunk(chunk);
    }
    for (unsigned i = 0; i < used; i++) {
        if (verify->chunks[i].started)
            pthread_join(verify->chunks[i].thread, NULL);
        if (status == STATUS_OK)
            status = take_chunk(verify, &verify->chunks[i]);
    }
    return status;
}

static enum status refuse_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    const struct verify *verify = context;

    (void)record;
    return error_set(error, STATUS_CORRUPT, "", "there is an entry %llu, and the ledger's head says %llu entries",
                     (unsigned long long)index, (unsigned long long)verify->all);
}

/* Entries that are archived: the hashes of their tiles stand for them, and each tile of every level is checked. */
static enum status take_archived(struct verify *verify, verify_progress_f progress, void *context)
{
    uint64_t first;
    struct arena arena;
    enum status status = ledger_store_archived(verify->store, &first, NULL, verify->error);

    if (status == STATUS_OK && (first > verify->all || first % MERKLE_TILE_HASHES != 0))
        status = error_set(verify->error, STATUS_CORRUPT, "", "the ledger's row of what is archived is damaged");
    arena_create(&arena, 16384, 1 << 20);
    for (uint64_t number = 0; status == STATUS_OK && number < first / MERKLE_TILE_HASHES; number++) {
        struct slice tile;
        struct digest leaves[MERKLE_TILE_HASHES];
        char key[MERKLE_TILE_KEY_SIZE];

        arena_reset(&arena);
        merkle_tile_key(0, number, key);
        if (store_get(verify->store, STORE_TILES, slice_from(key, sizeof key), &arena, &tile, verify->error) != STATUS_OK ||
            tile.size != sizeof leaves) {
            status = error_set(verify->error, STATUS_CORRUPT, "", "tile 0/%llu is missing", (unsigned long long)number);
            break;
        }
        memcpy(leaves, tile.data, sizeof leaves);
        for (unsigned i = 0; i < MERKLE_TILE_HASHES && verify->status == STATUS_OK; i++)
            merkle_append_leaf(verify->merkle, &leaves[i], check_tile, verify);
        status = verify->status;
        verify->out->archived = verify->out->entries += MERKLE_TILE_HASHES;
        if (progress)
            progress(context, verify->out->entries, verify->all);
    }
    arena_destroy(&arena);
    return status;
}

static enum status refuse_archived(void *context, uint64_t index, struct slice record, struct error *error)
{
    (void)context;
    (void)record;
    return error_set(error, STATUS_CORRUPT, "", "entry %llu is there, although it is archived", (unsigned long long)index);
}

/* No entry lies below the first one. */
static enum status check_nothing_below(struct verify *verify)
{
    uint64_t first = verify->out->archived;
    struct error detail = {0};

    if (first == 0 || ledger_each(verify->store, 0, first, refuse_archived, NULL, &detail) == STATUS_GONE)
        return STATUS_OK;
    return error_set(verify->error, STATUS_CORRUPT, "", "there are entries below %llu, which are archived",
                     (unsigned long long)first);
}

static enum status verify_entries(struct verify *verify, verify_progress_f progress, void *context)
{
    struct digest root;
    enum status status = ledger_store_head(verify->store, &verify->all, &root, verify->error);

    if (status == STATUS_OK)
        verify_index_start(&verify->index, verify->store, verify->indexed, verify->all, verify->ids.seed);
    if (status == STATUS_OK)
        status = take_archived(verify, progress, context);
    if (status == STATUS_OK)
        status = check_nothing_below(verify);
    while (status == STATUS_OK && verify->out->entries < verify->all) {
        status = run_wave(verify, verify->out->entries);
        if (progress)
            progress(context, verify->out->entries, verify->all);
    }
    if (status == STATUS_OK)
        status = ledger_each(verify->store, verify->all, UINT64_MAX, refuse_entry, verify, verify->error);
    if (status != STATUS_OK)
        return status;
    merkle_root(verify->merkle, &verify->out->root);
    if (!digest_equal(&verify->out->root, &root))
        return error_set(verify->error, STATUS_CORRUPT, "",
                         "the entries do not have the recorded root hash: one of them was changed");
    status = audit_finish(&verify->audit, verify->store, verify->out->archived, verify->error);
    verify_index_wait(&verify->index);
    if (status == STATUS_OK)
        status = verify_index_compare(&verify->index, &verify->ids, verify->error);
    verify->out->redacted = verify->audit.present;
    verify->out->erased = verify->audit.gone;
    return status;
}

/* ---- what it needs ---- */

static enum status create(struct verify *verify)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum status status = STATUS_OK;

    verify->chunk_count = cores < 1 ? 1 : cores > VERIFY_THREADS_MAX ? VERIFY_THREADS_MAX : (unsigned)cores;
    verify->merkle = calloc(1, sizeof *verify->merkle);
    verify->chunks = calloc(verify->chunk_count, sizeof *verify->chunks);
    if (!verify->merkle || !verify->chunks)
        return error_set(verify->error, STATUS_NO_MEMORY, "", "out of memory");
    merkle_create(verify->merkle);
    status = index_sum_seed(&verify->ids.seed, verify->error);
    if (status == STATUS_OK)
        status = verify_index_first(verify->store, &verify->indexed, verify->error);
    for (unsigned i = 0; i < verify->chunk_count && status == STATUS_OK; i++) {
        struct chunk *chunk = &verify->chunks[i];

        chunk->store = verify->store;
        chunk->indexed = verify->indexed;
        chunk->ids.seed = verify->ids.seed;
        audit_create(&chunk->audit);
        chunk->leaves = malloc(VERIFY_CHUNK * sizeof *chunk->leaves);
        if (!chunk->leaves)
            status = error_set(verify->error, STATUS_NO_MEMORY, "", "out of memory");
    }
    return status;
}

static void destroy(struct verify *verify)
{
    verify_index_wait(&verify->index);
    for (unsigned i = 0; verify->chunks && i < verify->chunk_count; i++) {
        free(verify->chunks[i].leaves);
        audit_destroy(&verify->chunks[i].audit);
    }
    free(verify->merkle);
    free(verify->chunks);
}

enum status ledger_verify(struct store *store, verify_progress_f progress, void *context, struct verify_result *out,
                          struct error *error)
{
    struct verify verify = {.store = store, .out = out, .error = error};
    enum status status;

    *out = (struct verify_result){0};
    arena_create(&verify.arena, 16384, 1 << 20);
    audit_create(&verify.audit);
    status = create(&verify);
    if (status == STATUS_OK)
        status = verify_entries(&verify, progress, context);
    destroy(&verify);
    audit_destroy(&verify.audit);
    arena_destroy(&verify.arena);
    return status;
}
