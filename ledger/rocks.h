/*
 * What the files of the store on RocksDB share, and only they include: store_rocksdb.c (its operations), rocks_open.c,
 * rocks_options.c, rocks_overlay.c.
 *
 * Commits that ask for a sync are written to a log of the store's own (wal.h) and then to RocksDB without its log; the others
 * to RocksDB with its log, which it syncs before it relies on it. A store changes from one to the other with a flush.
 */
#ifndef EDICT_LEDGER_ROCKS_H
#define EDICT_LEDGER_ROCKS_H

#include "base/file.h"
#include "ledger/store.h"
#include "ledger/wal.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

/* In the store's folder, while it is copied to another file system. */
#define ROCKS_STAGE "copying"

struct rocks_store {
    struct store base;
    char folder[FILE_PATH_MAX];
    rocksdb_t *db;
    rocksdb_options_t *options[STORE_FAMILY_COUNT];
    rocksdb_column_family_handle_t *families[STORE_FAMILY_COUNT];
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_logged, *write_unlogged; /* with RocksDB's log, not synced; without */
    rocksdb_readoptions_t *read;
    struct wal *wal;                  /* NULL: read only */
    rocksdb_writebatch_wi_t *overlay; /* read only: what the log has beyond RocksDB's files; or NULL */
    bool repair;                      /* nothing is merged in the background but in families that were cleared */
    bool logged;                      /* commits since the last flush went to RocksDB's log */
    pthread_mutex_t copying;          /* a copy, or a scrub: a stage shares the files that a scrub is to be rid of */
    _Atomic bool broken;              /* a write has failed: what is on the disk is unknown */
};

extern const char *const rocks_family_names[STORE_FAMILY_COUNT];
extern const struct store_ops rocks_ops;

/* RocksDB's message, freed. */
enum status rocks_failed(struct error *error, enum status status, const char *where, char *message);
/* Of a family; `message` is set when it fails. `direct`: the file system takes writes past the page cache. */
rocksdb_options_t *rocks_family_options(rocksdb_cache_t *cache, int family, bool direct, char **message);
/* Every family, on the disk on return. */
enum status rocks_flush(struct rocks_store *store, struct error *error) EDICT_MUST_USE;
enum status rocks_commit(struct store *base, struct store_batch *batch, bool sync, struct error *error) EDICT_MUST_USE;
struct store_batch *rocks_batch_new(struct store *base);
void rocks_batch_delete(struct store_batch *batch);
enum status rocks_get(struct store *base, enum store_family family, struct slice key, struct arena *arena, struct slice *value,
                      struct error *error) EDICT_MUST_USE;
/* Also of what is not open yet. */
void rocks_close(struct store *base);

/* A batch in RocksDB's form over what its files have, for readers. */
enum status rocks_overlay_apply(struct rocks_store *store, struct slice batch, struct error *error) EDICT_MUST_USE;
/* Of the files with the overlay, if there is one; the caller destroys it. */
rocksdb_iterator_t *rocks_iterator(struct rocks_store *store, enum store_family family);

#endif
