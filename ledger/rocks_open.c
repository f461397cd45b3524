/* Opening the store on RocksDB. */
#include "base/file.h"
#include "ledger/rocks.h"
#include "ledger/wal_tail.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ROCKS_FORMAT = 3, /* 2: without a log of its own; 1: and without the family "private" */
    ROCKS_FORMAT_OLDEST = 1,
    ROCKS_CACHE = 16 << 20, /* blocks, shared by all families */
    ROCKS_OPEN_FILES = 256,
    ROCKS_OPEN_TRIES = 20 /* of reading a store that is being written */
};

const char *const rocks_family_names[STORE_FAMILY_COUNT] = {"default", "entries", "ids",   "postings",
                                                            "tiles",   "state",   "blobs", "private"};
static const char format_key[] = "format";

static struct rocks_store *store_new(const char *folder)
{
    struct rocks_store *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    store->base.ops = &rocks_ops;
    snprintf(store->folder, sizeof store->folder, "%s", folder);
    pthread_mutex_init(&store->copying, NULL);
    store->cache = rocksdb_cache_create_lru(ROCKS_CACHE);
    store->write_logged = rocksdb_writeoptions_create();
    store->write_unlogged = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(store->write_unlogged, 1);
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
    if (!strstr(message, "Corruption"))
        return rocks_failed(error, STATUS_IO, folder, message);
    error_set(error, STATUS_CORRUPT, folder,
              "files of the store are damaged or missing; bring them back, or restore a backup. RocksDB says: %s", message);
    rocksdb_free(message);
    return STATUS_CORRUPT;
}

/* Of a database that is there; a read-only open cannot create what an older format lacks. */
static bool lacks_family(const struct rocks_store *store, const char *folder, const char *family)
{
    size_t count = 0;
    char *message = NULL, **names = rocksdb_list_column_families(store->options[0], folder, &count, &message);
    bool found = false;

    for (size_t i = 0; i < count; i++)
        found = found || strcmp(names[i], family) == 0;
    rocksdb_list_column_families_destroy(names, count); /* there is a list after an error, too */
    rocksdb_free(message);
    return !message && !found; /* opening it says what is wrong */
}

/* RocksDB's message, or NULL. */
static char *open_once(struct rocks_store *store, const char *folder)
{
    char *message = NULL;

    store->db = rocksdb_open_column_families(store->options[0], folder, STORE_FAMILY_COUNT, rocks_family_names,
                                             (const rocksdb_options_t *const *)store->options, store->families, &message);
    return message;
}

static enum status make_options(struct rocks_store *store, const char *folder, bool direct, struct error *error)
{
    char *message = NULL;

    for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
        store->options[f] = rocks_family_options(store->cache, f, direct, &message);
    for (int f = 0; f < STORE_FAMILY_COUNT && !message; f++)
        rocksdb_options_set_disable_auto_compactions(store->options[f], store->repair);
    return message ? open_failed(folder, message, error) : STATUS_OK;
}

static void set_open_files(struct rocks_store *store, int count)
{
    for (int f = 0; f < STORE_FAMILY_COUNT; f++)
        rocksdb_options_set_max_open_files(store->options[f], count);
}

static enum status open_database(struct rocks_store *store, const char *folder, bool direct, struct error *error)
{
    char *message;

    if (make_options(store, folder, direct, error) != STATUS_OK)
        return error->status;
    set_open_files(store, ROCKS_OPEN_FILES);
    message = open_once(store, folder);
    if (message && strstr(message, "Corruption") && wal_tail_cut_manifest(folder)) {
        rocksdb_free(message);
        message = open_once(store, folder);
    }
    if (message && strstr(message, "Corruption") && wal_tail_is_torn(folder)) {
        /* Sectors of the last write came through, and not all: it was never synced, and nothing follows it. This mode stops
         * there. */
        rocksdb_free(message);
        rocksdb_options_set_wal_recovery_mode(store->options[0], rocksdb_point_in_time_recovery);
        message = open_once(store, folder);
    }
    return message ? open_failed(folder, message, error) : STATUS_OK;
}

static char *open_once_to_read(struct rocks_store *store, const char *folder)
{
    char *message = NULL;

    store->db = rocksdb_open_for_read_only_column_families(store->options[0], folder, STORE_FAMILY_COUNT, rocks_family_names,
                                                           (const rocksdb_options_t *const *)store->options, store->families, 0,
                                                           &message);
    return message;
}

static enum status open_database_to_read(struct rocks_store *store, const char *folder, struct error *error)
{
    char *message = NULL;

    if (make_options(store, folder, false, error) != STATUS_OK)
        return error->status;
    if (lacks_family(store, folder, rocks_family_names[STORE_PRIVATE]))
        return error_set(error, STATUS_CONFLICT, folder,
                         "the ledger has format 1, and reading it needs format 2 or later; start edictd on it once, which "
                         "upgrades it");
    /* Every file at once: one that a writer compacts away later can still be read. (7.8 does not survive that it is gone.) */
    set_open_files(store, -1);
    message = open_once_to_read(store, folder);
    if (message && strstr(message, "Too many open files")) {
        rocksdb_free(message);
        set_open_files(store, ROCKS_OPEN_FILES);
        message = open_once_to_read(store, folder);
    }
    if (message && strstr(message, "Corruption") && wal_tail_is_torn(folder)) {
        rocksdb_free(message);
        rocksdb_options_set_wal_recovery_mode(store->options[0], rocksdb_point_in_time_recovery);
        message = open_once_to_read(store, folder);
    }
    if (message && strstr(message, "Column family not found")) { /* rocks_clear */
        rocksdb_free(message);
        return error_set(error, STATUS_CORRUPT, folder,
                         "a rebuild of the ledger's index was interrupted; run edict ledger reindex again");
    }
    return message ? open_failed(folder, message, error) : STATUS_OK;
}

/* ---- is there a store? ---- */

static bool is_of_store(const char *name)
{
    struct slice text = slice_from_str(name);

    return slice_ends_with(text, SLICE(".sst")) || slice_ends_with(text, SLICE(".wal")) || slice_ends_with(text, SLICE(".log"));
}

/* Tables or logs. (A manifest alone is what is left when making a store was interrupted.) */
static bool has_files_of_store(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)))
        found = is_of_store(entry->d_name);
    if (dir)
        closedir(dir);
    return found;
}

enum store_presence store_look_rocksdb(const char *folder)
{
    char path[FILE_PATH_MAX];
    struct error error;

    if (file_path(path, folder, "CURRENT", &error) == STATUS_OK && file_exists(path))
        return STORE_PRESENT;
    return has_files_of_store(folder) ? STORE_REMNANTS : STORE_ABSENT;
}

/* RocksDB takes a folder without CURRENT for a new store: it would delete all that is there. Opened for reading, it would make
 * the folder. */
static enum status check_there(const char *folder, bool make, struct error *error)
{
    enum store_presence presence = store_look_rocksdb(folder);

    if (presence == STORE_REMNANTS)
        return error_set(error, STATUS_CORRUPT, folder,
                         "files of a ledger are here, and the one named CURRENT is not, without which they are none. Bring it "
                         "back, or restore a backup; nothing was changed");
    if (presence == STORE_ABSENT && !make)
        return error_set(error, STATUS_NOT_FOUND, folder, "no ledger here; name its data directory with --data DIR");
    return STATUS_OK;
}

/* ---- the log ---- */

/* By RocksDB's own files, before the log is read (write_format sees to that). */
static bool has_own_log_format(struct rocks_store *store)
{
    struct arena arena;
    struct slice text;
    struct error error;
    uint64_t format = 0;
    bool has;

    arena_create(&arena, 256, 4096);
    has = rocks_get(&store->base, STORE_META, slice_from_str(format_key), &arena, &text, &error) == STATUS_OK &&
          slice_to_u64(text, &format) && format >= ROCKS_FORMAT;
    arena_destroy(&arena);
    return has;
}

static enum status apply_batch(void *context, struct slice payload, struct error *error)
{
    struct rocks_store *store = context;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create_from(payload.data, payload.size);
    char *message = NULL;

    rocksdb_write(store->db, store->write_unlogged, batch, &message);
    rocksdb_writebatch_destroy(batch);
    return message ? rocks_failed(error, STATUS_CORRUPT, "", message) : STATUS_OK;
}

static enum status overlay_batch(void *context, struct slice payload, struct error *error)
{
    return rocks_overlay_apply(context, payload, error);
}

static enum status flush_all(void *context, struct error *error)
{
    return rocks_flush(context, error);
}

static enum status log_is_missing(const char *folder, struct error *error)
{
    return error_set(error, STATUS_CORRUPT, folder,
                     "the write-ahead log (edict-0.wal, edict-1.wal) of this ledger is missing, and with it perhaps the newest "
                     "entries; put its files back, or restore a backup");
}

/* What a process that ended while it copied left behind: it holds on to files that are gone, and to what was erased in them. */
static enum status remove_stage(const char *folder, struct error *error)
{
    char stage[FILE_PATH_MAX];
    enum status status = file_path(stage, folder, ROCKS_STAGE, error);

    if (status == STATUS_OK)
        file_remove_tree(stage);
    return status;
}

static enum status open_for_writing(struct rocks_store *store, const char *folder, struct error *error)
{
    const struct wal_store log_store = {.apply = apply_batch, .flush = flush_all, .context = store};
    bool direct = false, had_log;
    enum status status;

    (void)mkdir(folder, 0700); /* as RocksDB would, but for nobody else to read, whatever the umask and the folder above */
    direct = file_takes_direct_writes(folder);
    status = open_database(store, folder, direct, error);
    if (status == STATUS_OK)
        status = remove_stage(folder, error);
    if (status != STATUS_OK)
        return status;
    had_log = wal_exists(folder);
    if (!had_log && has_own_log_format(store))
        return log_is_missing(folder, error);
    return wal_open(folder, direct, &log_store, &store->wal, error);
}

/* RocksDB's files, and then what the log has beyond them. */
static enum status open_files_and_log(struct rocks_store *store, const char *folder, struct error *error)
{
    const struct wal_store overlay = {.apply = overlay_batch, .context = store};
    uint64_t needed;
    enum status status = wal_needed(folder, &needed, error);

    if (status == STATUS_OK)
        status = open_database_to_read(store, folder, error);
    if (status == STATUS_OK && !wal_exists(folder) && has_own_log_format(store))
        status = log_is_missing(folder, error);
    return status == STATUS_OK ? wal_read(folder, needed, &overlay, error) : status;
}

/* RocksDB goes by the logs that it finds after it has read the manifest. With one of them gone in between, or a writer that was
 * started anew with the other kind of log, what was read would be of two moments. */
static enum status open_for_reading(struct rocks_store *store, const char *folder, struct error *error)
{
    struct wal_tail_logs logs;
    enum status status;

    wal_tail_list(folder, &logs);
    status = open_files_and_log(store, folder, error);
    if (status == STATUS_OK && !wal_tail_stayed(folder, &logs))
        status = error_set(error, STATUS_CONFLICT, folder, "the ledger went on while it was opened to be read; try again");
    return status;
}

/* ---- the format ---- */

/* Settled, so that RocksDB's own files say it: to a release that does not know the log, and when the log is gone. */
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
    return status == STATUS_OK ? wal_settle(store->wal, error) : status;
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

static enum status open_store(const char *folder, bool read_only, bool repair, struct store **out, struct error *error)
{
    struct rocks_store *store = store_new(folder);
    enum status status;

    if (!store)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    store->repair = repair;
    status = check_there(folder, !read_only && !repair, error);
    if (status == STATUS_OK)
        status = read_only ? open_for_reading(store, folder, error) : open_for_writing(store, folder, error);
    if (status == STATUS_OK)
        status = check_format(store, folder, read_only, error);
    if (status == STATUS_OK)
        *out = &store->base;
    else
        rocks_close(&store->base);
    return status;
}

/* Whoever writes it has gone on between RocksDB's files and the log, or has compacted a file away before it was opened. */
static bool may_have_gone_on(enum status status, const struct error *error)
{
    return status == STATUS_CONFLICT || ((status == STATUS_CORRUPT || status == STATUS_IO) &&
                                         (strstr(error->message, "No such file") || strstr(error->message, "Missing WAL")));
}

enum status store_open_rocksdb(const char *folder, bool read_only, struct store **out, struct error *error)
{
    enum status status = open_store(folder, read_only, false, out, error);

    for (int i = 1; read_only && may_have_gone_on(status, error) && i < ROCKS_OPEN_TRIES; i++)
        status = open_store(folder, read_only, false, out, error);
    return status;
}

enum status store_open_rocksdb_to_repair(const char *folder, struct store **out, struct error *error)
{
    return open_store(folder, false, true, out, error);
}
