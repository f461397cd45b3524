/* The store on RocksDB: its operations. */
#include "base/file.h"
#include "ledger/rocks.h"

#include <assert.h>
#include <stdlib.h>

enum { ROCKS_COPY_TRIES = 3, ROCKS_COMPACT_FORCE = 2 /* BottommostLevelCompaction::kForce; the C API has no name for it */ };

struct rocks_batch {
    struct store_batch base;
    rocksdb_writebatch_t *batch;
    rocksdb_column_family_handle_t *const *families;
};

enum status rocks_failed(struct error *error, enum status status, const char *where, char *message)
{
    error_set(error, status, where, "the store failed: %s", message);
    rocksdb_free(message);
    return status;
}

/* ---- batches ---- */

static void rocks_put(struct store_batch *base, enum store_family family, struct slice key, const struct slice *value,
                      size_t count)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;
    const char *parts[8], *keys[1] = {key.data};
    size_t sizes[8], key_sizes[1] = {key.size};

    if (count == 1) {
        rocksdb_writebatch_put_cf(batch->batch, batch->families[family], key.data, key.size, value->data, value->size);
        return;
    }
    for (size_t i = 0; i < count && i < 8; i++) {
        parts[i] = value[i].data ? value[i].data : "";
        sizes[i] = value[i].size;
    }
    rocksdb_writebatch_putv_cf(batch->batch, batch->families[family], 1, keys, key_sizes, (int)count, parts, sizes);
}

static void rocks_remove(struct store_batch *base, enum store_family family, struct slice key)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;

    rocksdb_writebatch_delete_cf(batch->batch, batch->families[family], key.data, key.size);
}

static void rocks_remove_range(struct store_batch *base, enum store_family family, struct slice from, struct slice to)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;

    rocksdb_writebatch_delete_range_cf(batch->batch, batch->families[family], from.data, from.size, to.data, to.size);
}

struct store_batch *rocks_batch_new(struct store *base)
{
    struct rocks_store *store = (struct rocks_store *)base;
    struct rocks_batch *batch = calloc(1, sizeof *batch);

    if (!batch)
        return NULL;
    batch->base.ops = base->ops;
    batch->batch = rocksdb_writebatch_create();
    batch->families = store->families;
    return &batch->base;
}

void rocks_batch_delete(struct store_batch *base)
{
    struct rocks_batch *batch = (struct rocks_batch *)base;

    if (!batch)
        return;
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

static size_t rocks_batch_bytes(const struct store_batch *base)
{
    size_t size;

    (void)rocksdb_writebatch_data(((const struct rocks_batch *)base)->batch, &size);
    return size;
}

/* The C API of 7.8 has no listener, so the count of background errors is asked for: some tens of nanoseconds. */
static enum status rocks_health(struct store *base, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    uint64_t errors = 0;

    if (rocksdb_property_int(store->db, "rocksdb.background-errors", &errors) == 0 && errors > 0)
        atomic_store(&store->broken, true);
    if (errors == 0 && store->wal && wal_health(store->wal, error) != STATUS_OK) {
        atomic_store(&store->broken, true);
        return error->status;
    }
    if (!atomic_load(&store->broken))
        return STATUS_OK;
    return error_set(error, STATUS_IO, "",
                     errors > 0
                         ? "the store failed in the background, in a flush or a compaction; the file LOG beside it says how"
                         : "an earlier write failed");
}

enum status rocks_flush(struct rocks_store *store, struct error *error)
{
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    char *message = NULL;

    rocksdb_flushoptions_set_wait(flush, 1);
    for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
        rocksdb_flush_cf(store->db, flush, store->families[f], &message);
    rocksdb_flushoptions_destroy(flush);
    return message ? rocks_failed(error, STATUS_IO, "", message) : STATUS_OK;
}

/* So that each log is applied to what the other one has left. */
static enum status change_log(struct rocks_store *store, bool sync, struct error *error)
{
    enum status status = STATUS_OK;

    if (sync == store->logged)
        status = wal_settle(store->wal, error);
    store->logged = !sync;
    return status;
}

static enum status write_batch(struct rocks_store *store, rocksdb_writebatch_t *batch, bool sync, struct error *error)
{
    enum status status = change_log(store, sync, error);
    char *message = NULL;
    const char *data;
    size_t size;

    if (status == STATUS_OK && sync) {
        data = rocksdb_writebatch_data(batch, &size);
        status = wal_append(store->wal, slice_from(data, size), error);
    }
    if (status != STATUS_OK)
        return status;
    rocksdb_write(store->db, sync ? store->write_unlogged : store->write_logged, batch, &message);
    if (message)
        status = rocks_failed(error, STATUS_IO, "", message);
    if (sync)
        wal_applied(store->wal, status == STATUS_OK ? NULL : error);
    return status;
}

enum status rocks_commit(struct store *base, struct store_batch *base_batch, bool sync, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    struct rocks_batch *batch = (struct rocks_batch *)base_batch;
    enum status status;

    if (atomic_load(&store->broken)) {
        rocksdb_writebatch_clear(batch->batch);
        return error_set(error, STATUS_IO, "", "an earlier write failed; restart to recover");
    }
    status = write_batch(store, batch->batch, sync, error);
    rocksdb_writebatch_clear(batch->batch);
    if (status == STATUS_OK)
        return rocks_health(base, error);
    atomic_store(&store->broken, true);
    return status;
}

/* ---- reading ---- */

static enum status copy_value(struct arena *arena, const char *data, size_t size, struct slice *value, struct error *error)
{
    *value = arena_copy(arena, slice_from(data, size));
    return value->data ? STATUS_OK
                       : error_set(error, STATUS_NO_MEMORY, "", "the value needs more memory than one call may use");
}

static enum status get_with_overlay(struct rocks_store *store, enum store_family family, struct slice key, struct arena *arena,
                                    struct slice *value, struct error *error)
{
    char *message = NULL, *data;
    size_t size;
    enum status status;

    data = rocksdb_writebatch_wi_get_from_batch_and_db_cf(store->overlay, store->db, store->read, store->families[family],
                                                          key.data, key.size, &size, &message);
    if (message)
        return rocks_failed(error, STATUS_IO, "", message);
    if (!data)
        return error_set(error, STATUS_NOT_FOUND, "", "no such row");
    status = copy_value(arena, data, size, value, error);
    rocksdb_free(data);
    return status;
}

static enum status get_from_files(struct rocks_store *store, enum store_family family, struct slice key, struct arena *arena,
                                  struct slice *value, struct error *error)
{
    char *message = NULL;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned_cf(store->db, store->read, store->families[family], key.data, key.size, &message);
    const char *data;
    size_t size;
    enum status status;

    if (message)
        return rocks_failed(error, STATUS_IO, "", message);
    if (!pinned)
        return error_set(error, STATUS_NOT_FOUND, "", "no such row");
    data = rocksdb_pinnableslice_value(pinned, &size);
    status = copy_value(arena, data, size, value, error);
    rocksdb_pinnableslice_destroy(pinned);
    return status;
}

enum status rocks_get(struct store *base, enum store_family family, struct slice key, struct arena *arena, struct slice *value,
                      struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;

    return store->overlay ? get_with_overlay(store, family, key, arena, value, error)
                          : get_from_files(store, family, key, arena, value, error);
}

static struct store_visit iterator_here(const rocksdb_iterator_t *iterator)
{
    struct store_visit visit;
    size_t size;

    visit.key.data = rocksdb_iter_key(iterator, &size);
    visit.key.size = size;
    visit.value.data = rocksdb_iter_value(iterator, &size);
    visit.value.size = size;
    return visit;
}

/* Positions a backward scan on the last key below `to`. */
static void seek_last(rocksdb_iterator_t *iterator, struct slice to)
{
    if (to.size == 0) {
        rocksdb_iter_seek_to_last(iterator);
        return;
    }
    rocksdb_iter_seek_for_prev(iterator, to.data, to.size);
    if (rocksdb_iter_valid(iterator) && slice_equal(iterator_here(iterator).key, to))
        rocksdb_iter_prev(iterator);
}

static enum status rocks_scan(struct store *base, enum store_family family, struct slice from, struct slice to, bool reverse,
                              store_visit_f visit, void *context, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    rocksdb_iterator_t *iterator = rocks_iterator(store, family);
    char *message = NULL;

    if (reverse)
        seek_last(iterator, to);
    else
        rocksdb_iter_seek(iterator, from.data ? from.data : "", from.size);
    for (; rocksdb_iter_valid(iterator); reverse ? rocksdb_iter_prev(iterator) : rocksdb_iter_next(iterator)) {
        struct store_visit here = iterator_here(iterator);

        if (reverse ? slice_compare(here.key, from) < 0 : to.size > 0 && slice_compare(here.key, to) >= 0)
            break;
        if (!visit(context, &here))
            break;
    }
    rocksdb_iter_get_error(iterator, &message);
    rocksdb_iter_destroy(iterator);
    return message ? rocks_failed(error, STATUS_IO, "", message) : STATUS_OK;
}

static void rewrite_range(struct rocks_store *store, enum store_family family, struct slice from, struct slice to)
{
    rocksdb_compactoptions_t *compact = rocksdb_compactoptions_create();

    rocksdb_compactoptions_set_exclusive_manual_compaction(compact, 0);
    rocksdb_compactoptions_set_bottommost_level_compaction(compact, ROCKS_COMPACT_FORCE);
    rocksdb_compact_range_cf_opt(store->db, store->families[family], compact, from.data, from.size, to.data, to.size);
    rocksdb_compactoptions_destroy(compact);
}

/* The log is overwritten once every family has flushed what it covers (RocksDB's own goes by that); a table file goes once it
 * is rewritten without what was removed, also at the bottom, where RocksDB would leave files alone. */
static enum status rocks_scrub(struct store *base, enum store_family family, struct slice from, struct slice to,
                               struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    enum status status;

    pthread_mutex_lock(&store->copying);
    status = wal_erase(store->wal, error);
    if (status == STATUS_OK)
        rewrite_range(store, family, from, to);
    pthread_mutex_unlock(&store->copying);
    return status == STATUS_OK ? rocks_health(base, error) : status; /* the C API does not say whether it could be rewritten */
}

/* In between there is no such family: opening for writing makes what is missing, and what is read then is not whole by META's
 * row about it. */
static enum status drop_and_make(struct rocks_store *store, enum store_family family, struct error *error)
{
    char *message = NULL;

    rocksdb_drop_column_family(store->db, store->families[family], &message);
    if (message)
        return rocks_failed(error, STATUS_IO, store->folder, message);
    rocksdb_column_family_handle_destroy(store->families[family]);
    rocksdb_options_set_disable_auto_compactions(store->options[family], 0); /* nothing in it is damaged now */
    store->families[family] =
        rocksdb_create_column_family(store->db, store->options[family], rocks_family_names[family], &message);
    return message ? rocks_failed(error, STATUS_IO, store->folder, message) : STATUS_OK;
}

/* Removing rows, or files by range, reads them or leaves some. The logs name families by numbers, and that of the new one is
 * another: so they are settled first. */
static enum status rocks_clear(struct store *base, enum store_family family, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    enum status status = rocks_health(base, error);

    assert(family != STORE_META && store->wal);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&store->copying);
    status = wal_settle(store->wal, error);
    if (status == STATUS_OK)
        status = drop_and_make(store, family, error);
    pthread_mutex_unlock(&store->copying);
    if (status != STATUS_OK)
        atomic_store(&store->broken, true);
    return status;
}

/* With 0 every family is flushed first: 7.8 could link a log that is not synced. A checkpoint that meets a new manifest just
 * then fails (fixed in 9.6); so it is tried again. */
static enum status copy_files(struct rocks_store *store, const char *folder, struct error *error)
{
    rocksdb_checkpoint_t *checkpoint;
    char *message = NULL;

    for (int i = 0; i < ROCKS_COPY_TRIES; i++) {
        rocksdb_free(message);
        message = NULL;
        checkpoint = rocksdb_checkpoint_object_create(store->db, &message);
        if (!message)
            rocksdb_checkpoint_create(checkpoint, folder, 0, &message);
        if (checkpoint)
            rocksdb_checkpoint_object_destroy(checkpoint);
        if (!message)
            return STATUS_OK;
    }
    return rocks_failed(error, STATUS_IO, folder, message);
}

/* Families are flushed one after the other while commits go on; the log, copied afterwards, makes one moment of it. */
static enum status copy_moment(struct rocks_store *store, const char *folder, struct error *error)
{
    enum status status;

    wal_hold(store->wal);
    status = copy_files(store, folder, error);
    if (status == STATUS_OK)
        status = wal_copy(store->wal, folder, error);
    wal_release(store->wal);
    return status;
}

/* A log that is held fills up, and then commits wait: so the moment is taken where that is quick, and goes on from there. */
static enum status copy_by_stage(struct rocks_store *store, const char *folder, struct error *error)
{
    char stage[FILE_PATH_MAX], files[FILE_PATH_MAX];
    enum status status = file_path(stage, store->folder, ROCKS_STAGE, error);

    if (status == STATUS_OK)
        status = file_make_folder(stage, error);
    if (status == STATUS_OK)
        status = file_path(files, stage, "files", error);
    if (status == STATUS_OK)
        status = copy_moment(store, files, error);
    if (status == STATUS_OK)
        status = file_copy_tree(files, folder, error);
    file_remove_tree(stage);
    return status;
}

static enum status copy_directly(struct rocks_store *store, const char *folder, struct error *error)
{
    enum status status = copy_moment(store, folder, error);

    return status == STATUS_OK ? file_sync_tree(folder, error) : status;
}

static enum status rocks_copy(struct store *base, const char *folder, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    char some_file[FILE_PATH_MAX];
    enum status status = file_path(some_file, store->folder, "CURRENT", error);

    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&store->copying);
    status = file_can_link(some_file, folder) ? copy_directly(store, folder, error) : copy_by_stage(store, folder, error);
    pthread_mutex_unlock(&store->copying);
    return status;
}

void rocks_close(struct store *base)
{
    struct rocks_store *store = (struct rocks_store *)base;
    struct error error;

    /* Where that fails, nothing is lost: the log has it. */
    if (store->wal && !atomic_load(&store->broken))
        (void)!wal_settle(store->wal, &error);
    wal_close(store->wal);
    if (store->overlay)
        rocksdb_writebatch_wi_destroy(store->overlay);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        if (store->families[f])
            rocksdb_column_family_handle_destroy(store->families[f]);
    }
    if (store->db)
        rocksdb_close(store->db);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        if (store->options[f])
            rocksdb_options_destroy(store->options[f]);
    }
    rocksdb_writeoptions_destroy(store->write_logged);
    rocksdb_writeoptions_destroy(store->write_unlogged);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_cache_destroy(store->cache);
    pthread_mutex_destroy(&store->copying);
    free(store);
}

const struct store_ops rocks_ops = {.put = rocks_put,
                                    .remove = rocks_remove,
                                    .remove_range = rocks_remove_range,
                                    .commit = rocks_commit,
                                    .get = rocks_get,
                                    .scan = rocks_scan,
                                    .scrub = rocks_scrub,
                                    .clear = rocks_clear,
                                    .copy = rocks_copy,
                                    .health = rocks_health,
                                    .batch_new = rocks_batch_new,
                                    .batch_delete = rocks_batch_delete,
                                    .batch_bytes = rocks_batch_bytes,
                                    .close = rocks_close};
