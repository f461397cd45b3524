/* The store on RocksDB: the only file that includes its header. */
#include "base/file.h"
#include "ledger/store.h"
#include "ledger/wal_tail.h"

#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ROCKS_FORMAT = 2, /* 1: without the family "private" */
    ROCKS_FORMAT_OLDEST = 1,
    ROCKS_WRITE_BUFFER =
        8 << 20, /* of one family; large ones would only sit in memory: groups are small and the log has them */
    ROCKS_ENTRIES_BUFFER = 4 << 20, /* of the family that has most of the bytes; see family_options */
    ROCKS_WRITE_BUFFERS = 4,
    ROCKS_FILE_BUFFER = 128 << 10,
    ROCKS_TOTAL_WAL = 64 << 20, /* beyond it families are flushed so that the log can be dropped */
    ROCKS_CACHE = 16 << 20,     /* blocks, shared by all families */
    ROCKS_OPEN_FILES = 256,
    ROCKS_COMPACT_FORCE = 2, /* BottommostLevelCompaction::kForce; the C API has no name for it */
    ROCKS_COPY_TRIES = 3
};

static const char *const family_names[STORE_FAMILY_COUNT] = {"default", "entries", "ids",   "postings",
                                                             "tiles",   "state",   "blobs", "private"};
static const char format_key[] = "format";

struct rocks_store {
    struct store base;
    rocksdb_t *db;
    rocksdb_options_t *options[STORE_FAMILY_COUNT];
    rocksdb_column_family_handle_t *families[STORE_FAMILY_COUNT];
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_sync, *write_async;
    rocksdb_readoptions_t *read;
    _Atomic bool broken; /* a write has failed: what is on the disk is unknown */
};

struct rocks_batch {
    struct store_batch base;
    rocksdb_writebatch_t *batch;
    rocksdb_column_family_handle_t *const *families;
};

/* RocksDB's message, freed. */
static enum status rocks_failed(struct error *error, enum status status, const char *where, char *message)
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

static struct store_batch *rocks_batch_new(struct store *base)
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

static void rocks_batch_delete(struct store_batch *base)
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
    if (!atomic_load(&store->broken))
        return STATUS_OK;
    return error_set(error, STATUS_IO, "",
                     errors > 0
                         ? "the store failed in the background, in a flush or a compaction; the file LOG beside it says how"
                         : "an earlier write failed");
}

static enum status rocks_commit(struct store *base, struct store_batch *base_batch, bool sync, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    struct rocks_batch *batch = (struct rocks_batch *)base_batch;
    char *message = NULL;

    if (atomic_load(&store->broken)) {
        rocksdb_writebatch_clear(batch->batch);
        return error_set(error, STATUS_IO, "", "an earlier write failed; restart to recover");
    }
    rocksdb_write(store->db, sync ? store->write_sync : store->write_async, batch->batch, &message);
    rocksdb_writebatch_clear(batch->batch);
    if (!message)
        return rocks_health(base, error);
    atomic_store(&store->broken, true);
    return rocks_failed(error, STATUS_IO, "", message);
}

/* ---- reading ---- */

static enum status rocks_get(struct store *base, enum store_family family, struct slice key, struct arena *arena,
                             struct slice *value, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    char *message = NULL;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned_cf(store->db, store->read, store->families[family], key.data, key.size, &message);
    const char *data;
    size_t size;

    if (message)
        return rocks_failed(error, STATUS_IO, "", message);
    if (!pinned)
        return error_set(error, STATUS_NOT_FOUND, "", "no such row");
    data = rocksdb_pinnableslice_value(pinned, &size);
    *value = arena_copy(arena, slice_from(data, size));
    rocksdb_pinnableslice_destroy(pinned);
    return value->data ? STATUS_OK
                       : error_set(error, STATUS_NO_MEMORY, "", "the value needs more memory than one call may use");
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
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(store->db, store->read, store->families[family]);
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

/* A log that holds a removed value goes once every family has flushed what the log covers; a table file, once it is rewritten
 * without it, also at the bottom, where RocksDB would leave files alone. */
static enum status rocks_scrub(struct store *base, enum store_family family, struct slice from, struct slice to,
                               struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_compactoptions_t *compact = rocksdb_compactoptions_create();
    char *message = NULL;

    rocksdb_flushoptions_set_wait(flush, 1);
    for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
        rocksdb_flush_cf(store->db, flush, store->families[f], &message);
    rocksdb_compactoptions_set_exclusive_manual_compaction(compact, 0);
    rocksdb_compactoptions_set_bottommost_level_compaction(compact, ROCKS_COMPACT_FORCE);
    if (!message)
        rocksdb_compact_range_cf_opt(store->db, store->families[family], compact, from.data, from.size, to.data, to.size);
    rocksdb_compactoptions_destroy(compact);
    rocksdb_flushoptions_destroy(flush);
    return message ? rocks_failed(error, STATUS_IO, "", message) : STATUS_OK;
}

/* With 0 every family is flushed first: 7.8 could link a log that is not synced. A checkpoint that meets a new manifest just
 * then fails (fixed in 9.6); so it is tried again. */
static enum status rocks_copy(struct store *base, const char *folder, struct error *error)
{
    struct rocks_store *store = (struct rocks_store *)base;
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
            return file_sync_tree(folder, error);
    }
    return rocks_failed(error, STATUS_IO, folder, message);
}

static void rocks_close(struct store *base)
{
    struct rocks_store *store = (struct rocks_store *)base;

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
    rocksdb_writeoptions_destroy(store->write_sync);
    rocksdb_writeoptions_destroy(store->write_async);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_cache_destroy(store->cache);
    free(store);
}

static const struct store_ops rocks_ops = {.put = rocks_put,
                                           .remove = rocks_remove,
                                           .remove_range = rocks_remove_range,
                                           .commit = rocks_commit,
                                           .get = rocks_get,
                                           .scan = rocks_scan,
                                           .scrub = rocks_scrub,
                                           .copy = rocks_copy,
                                           .health = rocks_health,
                                           .batch_new = rocks_batch_new,
                                           .batch_delete = rocks_batch_delete,
                                           .batch_bytes = rocks_batch_bytes,
                                           .close = rocks_close};

/* ---- opening ---- */

static void set_tables(rocksdb_options_t *options, rocksdb_cache_t *cache, bool looked_up)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1); /* else their memory has no bound */
    rocksdb_block_based_options_set_format_version(table, 5);
    if (looked_up) /* random keys that are mostly absent or old: a filter saves the read */
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

/*
 * What the C API has no function for. A closed log file that is missing at the next open is an error, not silence. (It asks
 * that rocksdb_flush_wal with `sync` is never called in 7.8, and nothing calls it.) And after an error nothing is tried
 * again: 7.8 can write what a failed sync left unknown into a second log, and then has it twice; the process ends instead.
 */
static const char without_setter[] = "track_and_verify_wals_in_manifest=true;max_bgerror_resume_count=0;"
                                     "fail_if_options_file_error=true;";

/*
 * Left at their defaults, on purpose: unordered_write (readers could see a later group without an earlier one), pipelined
 * writes (a group could be applied before the one that failed), manual_wal_flush and wal_bytes_per_sync (a commit is written
 * and synced when it returns), recycled logs (old records behind a torn tail would look like new ones), WAL compression (not
 * ready in 7.8), mapped writes, TTL and FIFO compaction (rows would expire without an entry).
 */
static rocksdb_options_t *family_options(rocksdb_cache_t *cache, int family, bool direct, char **message)
{
    rocksdb_options_t *plain = rocksdb_options_create(), *options = rocksdb_options_create();

    rocksdb_get_options_from_string(plain, without_setter, options, message);
    rocksdb_options_destroy(plain);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    /* A last log that ends in the middle of a write is an ordinary crash; corruption must refuse to open rather than drop what
     * follows it, as the default would. (A last write with sectors missing is looked at in open_database.) */
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_paranoid_checks(options, 1); /* refuse damaged files at open; stop writing after a failed write */
    /* A commit waits for its sync, and a sync for whatever else the disk is writing. So the usual flush, of entries, is small
     * and soon over. (Not smaller: their keys only grow, so that their files are moved down and never merged, and RocksDB goes
     * through all of them whenever it adds one.) What is flushed goes past the page cache in small pieces, where the file
     * system can do that, for a commit of its journal would wait for pages too. And writes need not wait while a flush is late.
     * bench/README.md has the figures. */
    rocksdb_options_set_write_buffer_size(options, family == STORE_ENTRIES ? ROCKS_ENTRIES_BUFFER : ROCKS_WRITE_BUFFER);
    rocksdb_options_set_max_write_buffer_number(options, ROCKS_WRITE_BUFFERS);
    rocksdb_options_set_use_direct_io_for_flush_and_compaction(options, direct);
    rocksdb_options_set_writable_file_max_buffer_size(options, ROCKS_FILE_BUFFER);
    rocksdb_options_set_max_total_wal_size(options, ROCKS_TOTAL_WAL);
    rocksdb_options_set_max_open_files(options, ROCKS_OPEN_FILES);
    rocksdb_options_set_max_background_jobs(options, 2); /* one flush beside one compaction: neither waits for the other */
    rocksdb_options_set_keep_log_file_num(options, 4);
    rocksdb_options_set_info_log_level(options, 2); /* warnings: among them why a flush or a compaction failed */
    rocksdb_options_set_compression(options, rocksdb_lz4_compression); /* records are text; lz4 costs less than it saves */
    set_tables(options, cache, family == STORE_IDS || family == STORE_STATE || family == STORE_BLOBS);
    return options;
}

static struct rocks_store *store_new(void)
{
    struct rocks_store *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    store->base.ops = &rocks_ops;
    store->cache = rocksdb_cache_create_lru(ROCKS_CACHE);
    store->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->write_sync, 1);
    store->write_async = rocksdb_writeoptions_create();
    store->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(store->read, 1); /* a block that rotted is an error, not an answer */
    return store;
}

static enum status open_failed(const char *folder, char *message, struct error *error)
{
    if (strstr(message, "While lock file") || strstr(message, "lock hold by current process")) {
        rocksdb_free(message);
        return error_set(error, STATUS_CONFLICT, folder,
                         "another process has this ledger open; stop it, or choose another data directory");
    }
    return rocks_failed(error, strstr(message, "Corruption") ? STATUS_CORRUPT : STATUS_IO, folder, message);
}

/* Of a database that is there; a read-only open cannot create what an older format lacks. */
static bool lacks_family(const struct rocks_store *store, const char *folder, const char *family)
{
    size_t count = 0;
    char *message = NULL, **names = rocksdb_list_column_families(store->options[0], folder, &count, &message);
    bool found = false;

    if (message) {
        rocksdb_free(message);
        return false; /* opening it says what is wrong */
    }
    for (size_t i = 0; i < count; i++)
        found = found || strcmp(names[i], family) == 0;
    rocksdb_list_column_families_destroy(names, count);
    return !found;
}

/* RocksDB's message, or NULL. */
static char *open_once(struct rocks_store *store, const char *folder, bool read_only)
{
    const rocksdb_options_t *const *options = (const rocksdb_options_t *const *)store->options;
    char *message = NULL;

    if (read_only)
        store->db = rocksdb_open_for_read_only_column_families(store->options[0], folder, STORE_FAMILY_COUNT, family_names,
                                                               options, store->families, 0, &message);
    else
        store->db = rocksdb_open_column_families(store->options[0], folder, STORE_FAMILY_COUNT, family_names, options,
                                                 store->families, &message);
    return message;
}

static enum status open_database(struct rocks_store *store, const char *folder, bool read_only, struct error *error)
{
    bool direct = false;
    char *message = NULL;

    if (!read_only) {
        (void)mkdir(folder, 0700); /* as RocksDB would, but for nobody else to read, whatever the umask and the folder above */
        direct = file_takes_direct_writes(folder);
    }
    for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
        store->options[f] = family_options(store->cache, f, direct, &message);
    if (message)
        return open_failed(folder, message, error);
    if (read_only && lacks_family(store, folder, family_names[STORE_PRIVATE]))
        return error_set(error, STATUS_CONFLICT, folder,
                         "the ledger has format 1, and reading it needs format %d; start edictd on it once, which upgrades it",
                         ROCKS_FORMAT);
    message = open_once(store, folder, read_only);
    if (message && strstr(message, "Corruption") && !read_only && wal_tail_cut_manifest(folder)) {
        rocksdb_free(message);
        message = open_once(store, folder, read_only);
    }
    if (message && strstr(message, "Corruption") && wal_tail_is_torn(folder)) {
        /* Sectors of the last write came through, and not all: it was never synced, and nothing follows it. This mode stops
         * there. */
        rocksdb_free(message);
        rocksdb_options_set_wal_recovery_mode(store->options[0], rocksdb_point_in_time_recovery);
        message = open_once(store, folder, read_only);
    }
    return message ? open_failed(folder, message, error) : STATUS_OK;
}

static enum status write_format(struct rocks_store *store, struct error *error)
{
    struct store_batch *batch = rocks_batch_new(&store->base);
    char text[16];
    enum status status;

    if (!batch)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    snprintf(text, sizeof text, "%d", ROCKS_FORMAT);
    store_put(batch, STORE_META, slice_from_str(format_key), slice_from_str(text));
    status = rocks_commit(&store->base, batch, true, error);
    rocks_batch_delete(batch);
    return status;
}

/* Opening has created the families that format 1 lacks, so that the number is all that is left to write. */
static enum status upgrade_format(struct rocks_store *store, uint64_t format, bool read_only, const char *folder,
                                  struct error *error)
{
    if (format == ROCKS_FORMAT)
        return STATUS_OK;
    if (format < ROCKS_FORMAT_OLDEST || format > ROCKS_FORMAT)
        return error_set(error, STATUS_CONFLICT, folder,
                         "the ledger has format %llu, and this program reads formats %d to %d; use the release that wrote it",
                         (unsigned long long)format, ROCKS_FORMAT_OLDEST, ROCKS_FORMAT);
    return read_only ? STATUS_OK : write_format(store, error);
}

static enum status check_format(struct rocks_store *store, const char *folder, bool read_only, struct error *error)
{
    struct arena arena;
    struct slice text = {0};
    uint64_t format = 0;
    enum status status;

    arena_create(&arena, 256, 4096);
    status = rocks_get(&store->base, STORE_META, slice_from_str(format_key), &arena, &text, error);
    if (status == STATUS_OK)
        status = upgrade_format(store, slice_to_u64(text, &format) ? format : 0, read_only, folder, error);
    else if (status == STATUS_NOT_FOUND)
        status = read_only ? error_set(error, STATUS_NOT_FOUND, folder, "no ledger here") : write_format(store, error);
    arena_destroy(&arena);
    return status;
}

enum status store_open_rocksdb(const char *folder, bool read_only, struct store **out, struct error *error)
{
    struct rocks_store *store = store_new();
    enum status status;

    if (!store)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    status = open_database(store, folder, read_only, error);
    if (status == STATUS_OK)
        status = check_format(store, folder, read_only, error);
    if (status == STATUS_OK)
        *out = &store->base;
    else
        rocks_close(&store->base);
    return status;
}
