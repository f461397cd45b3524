#include "ledger/index_version.h"

#include "base/u64be.h"
#include "ledger/ledger.h"

enum { INDEX_VERSION_ROW = 9, INDEX_UNFINISHED = 0xFF };

static const struct slice version_key = {"postings", 8};

void index_version_put(struct store_batch *batch, bool whole, uint64_t from)
{
    char row[INDEX_VERSION_ROW] = {(char)(whole ? INDEX_VERSION : INDEX_UNFINISHED)};

    u64be_put(row + 1, from);
    store_put(batch, STORE_META, version_key, slice_from(row, sizeof row));
}

/* NOT_FOUND: an index of version 1. */
static enum status read_version(struct store *store, unsigned *version, uint64_t *from, struct error *error)
{
    struct arena arena;
    struct slice row;
    enum status status;

    arena_create(&arena, 256, 4096);
    status = store_get(store, STORE_META, version_key, &arena, &row, error);
    if (status == STATUS_OK && row.size != INDEX_VERSION_ROW)
        status = error_set(error, STATUS_CORRUPT, "", "the version row of the ledger's index is damaged");
    *from = status == STATUS_OK ? u64be_get(row.data + 1) : 0;
    if (status == STATUS_OK)
        *version = (unsigned char)row.data[0];
    arena_destroy(&arena);
    return status;
}

static enum status check_version(unsigned version, struct error *error)
{
    if (version == INDEX_UNFINISHED)
        return error_set(error, STATUS_CORRUPT, "",
                         "a rebuild of the ledger's index was interrupted; stop edictd and run edict ledger reindex again");
    if (version != INDEX_VERSION)
        return error_set(error, STATUS_CONFLICT, "",
                         "the ledger's index has version %u, and this program knows %d; use the release that wrote it", version,
                         INDEX_VERSION);
    return STATUS_OK;
}

enum status index_version_from(struct store *store, char kind, uint64_t size, uint64_t *from, struct error *error)
{
    unsigned version = INDEX_VERSION;
    enum status status = read_version(store, &version, from, error);

    if (status == STATUS_NOT_FOUND) {
        *from = size;
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = check_version(version, error);
    }
    if (kind != LEDGER_TERM_COMMAND && kind != LEDGER_TERM_ESCALATION)
        *from = 0;
    return status;
}

enum status index_version_upgrade(struct store *store, uint64_t size, struct error *error)
{
    struct store_batch *batch;
    unsigned version = 0;
    uint64_t from;
    enum status status = read_version(store, &version, &from, error);

    if (status == STATUS_OK)
        return check_version(version, error);
    if (status != STATUS_NOT_FOUND)
        return status;
    batch = store->ops->batch_new(store);
    if (!batch)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    index_version_put(batch, true, size);
    status = store->ops->commit(store, batch, true, error);
    store->ops->batch_delete(batch);
    return status;
}
