#include "ledger/verify.h"

#include "ledger/sequencer.h"

#include <stdlib.h>

enum { VERIFY_PROGRESS_EVERY = 8192 };

struct verify {
    struct store *store;
    struct merkle *merkle;
    struct arena arena;
    verify_progress_f progress;
    void *context;
    uint64_t all;
    int64_t last_time_ms;
    struct verify_result *out;
    struct error *error;
    enum status status;
};

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

static enum status check_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct verify *verify = context;
    struct record_header header;
    struct slice body;

    if (record_split(record, &header, &body, error) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is not a valid record", (unsigned long long)index);
    if (header.time_ms < verify->last_time_ms)
        return error_set(error, STATUS_CORRUPT, "", "entry %llu is older than the one before it", (unsigned long long)index);
    verify->last_time_ms = header.time_ms;
    merkle_append(verify->merkle, &record, 1, check_tile, verify);
    verify->out->entries++;
    verify->out->bytes += record.size;
    if (verify->progress && verify->out->entries % VERIFY_PROGRESS_EVERY == 0)
        verify->progress(verify->context, verify->out->entries, verify->all);
    return verify->status;
}

static enum status check_head(struct verify *verify, const struct digest *root)
{
    if (verify->out->entries != verify->all)
        return error_set(verify->error, STATUS_CORRUPT, "", "the ledger has %llu entries, and its head says %llu",
                         (unsigned long long)verify->out->entries, (unsigned long long)verify->all);
    merkle_root(verify->merkle, &verify->out->root);
    if (!digest_equal(&verify->out->root, root))
        return error_set(verify->error, STATUS_CORRUPT, "",
                         "the entries do not have the recorded root hash: one of them was changed");
    return STATUS_OK;
}

static enum status verify_entries(struct verify *verify, struct error *error)
{
    struct slice row;
    struct digest root;
    int64_t time_ms;
    enum status status = store_get(verify->store, STORE_META, sequencer_head_key, &verify->arena, &row, error);

    if (status != STATUS_OK || !sequencer_read_head(row, &verify->all, &root, &time_ms))
        return error_set(error, STATUS_CORRUPT, "", "the ledger has no readable head row");
    status = ledger_each(verify->store, 0, UINT64_MAX, check_entry, verify, error);
    if (status == STATUS_OK)
        status = check_head(verify, &root);
    if (status == STATUS_OK && verify->progress)
        verify->progress(verify->context, verify->out->entries, verify->all);
    return status;
}

enum status ledger_verify(struct store *store, verify_progress_f progress, void *context, struct verify_result *out,
                          struct error *error)
{
    struct verify verify = {.store = store, .progress = progress, .context = context, .out = out, .error = error};
    enum status status;

    *out = (struct verify_result){0};
    verify.merkle = malloc(sizeof *verify.merkle);
    if (!verify.merkle)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    arena_create(&verify.arena, 16384, 1 << 20);
    status = merkle_create(verify.merkle, error);
    if (status == STATUS_OK) {
        status = verify_entries(&verify, error);
        merkle_destroy(verify.merkle);
    }
    arena_destroy(&verify.arena);
    free(verify.merkle);
    return status;
}
