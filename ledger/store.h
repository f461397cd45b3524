/*
 * The seam between the ledger and what keeps its bytes: ordered key-value families, atomic batches, durable on return. Two
 * implementations: RocksDB (store_rocksdb.c, the only file that includes rocksdb/c.h) and memory (store_memory.c). Batches are
 * written by one thread at a time (the sequencer); reads may come from any thread and see only what has been committed.
 */
#ifndef EDICT_LEDGER_STORE_H
#define EDICT_LEDGER_STORE_H

#include "base/arena.h"
#include "base/status.h"

enum store_family {
    STORE_META,     /* format, store id, keys' ids, tree state, numbers */
    STORE_ENTRIES,  /* u64be index -> record bytes */
    STORE_IDS,      /* decision id (16 bytes) -> u64be index */
    STORE_POSTINGS, /* query terms -> indices; see query.h */
    STORE_TILES,    /* Merkle tiles */
    STORE_STATE,    /* projections: rows of state/ */
    STORE_BLOBS,    /* SHA-256 -> large values, policy bundles */
    STORE_PRIVATE,  /* u64be index, path -> a value that the entry commits to and that can be erased; see private.h */
    STORE_FAMILY_COUNT
};

struct store;
struct store_batch;

struct store_visit {
    struct slice key, value; /* valid during the call */
};
/* False stops the scan. */
typedef bool (*store_visit_f)(void *context, const struct store_visit *visit);

struct store_ops {
    /* Appends to the batch; copies. Failure is sticky and reported by commit. `value` is the concatenation of `count` parts. */
    void (*put)(struct store_batch *batch, enum store_family family, struct slice key, const struct slice *value, size_t count);
    void (*remove)(struct store_batch *batch, enum store_family family, struct slice key);
    /* Every row whose key is in [from, to), also those put earlier in this batch. */
    void (*remove_range)(struct store_batch *batch, enum store_family family, struct slice from, struct slice to);
    /* Writes everything or nothing. With `sync` it is on the disk on return. An error means that the outcome is UNKNOWN and the
     * store is broken: every later commit fails. The batch is emptied either way. Sequencer thread. */
    enum status (*commit)(struct store *store, struct store_batch *batch, bool sync, struct error *error);
    /* STATUS_NOT_FOUND when absent. The value is copied to `arena`. */
    enum status (*get)(struct store *store, enum store_family family, struct slice key, struct arena *arena,
                       struct slice *value, struct error *error);
    /* Keys in [from, to), ascending, or descending when `reverse`; an empty `to` means no upper bound. */
    enum status (*scan)(struct store *store, enum store_family family, struct slice from, struct slice to, bool reverse,
                        store_visit_f visit, void *context, struct error *error);
    /* Removed rows of [from, to) are on the disk until files are rewritten: does that now, for this family and for the logs.
     * After OK no file of the store holds what was committed as removed before the call. Slow; not the sequencer's thread. */
    enum status (*scrub)(struct store *store, enum store_family family, struct slice from, struct slice to,
                         struct error *error);
    /* Every row of a family that is not STORE_META goes, on the disk on return, and none of it is read: for one that is
     * damaged. Not part of a batch; no batch may have anything meanwhile. A crash leaves all of them or none, and before that
     * all that was committed. Sequencer thread. */
    enum status (*clear)(struct store *store, enum store_family family, struct error *error);
    /* Everything committed, as a store of RocksDB in `folder`, which must not exist; on the disk on return. One moment's state:
     * commits may go on meanwhile. Where it can, it shares files that never change (hard links). */
    enum status (*copy)(struct store *store, const char *folder, struct error *error);
    /* STATUS_IO once anything could not be written, also in the background (flushes, compactions), where no commit is told.
     * From then on every commit fails. Any thread. */
    enum status (*health)(struct store *store, struct error *error);
    struct store_batch *(*batch_new)(struct store *store);
    void (*batch_delete)(struct store_batch *batch);
    size_t (*batch_bytes)(const struct store_batch *batch);
    void (*close)(struct store *store);
};

/* First member of every implementation's own struct. */
struct store {
    const struct store_ops *ops;
};
struct store_batch {
    const struct store_ops *ops;
};

/* Opens or creates DIR/ledger; STATUS_CONFLICT when another process holds it. A store of an older format is upgraded, or, read
 * only, refused with advice; one of a newer format is refused. Read only nothing is created, NOT_FOUND. A folder that has lost
 * the file that names the others is refused as it is, CORRUPT. */
enum status store_open_rocksdb(const char *folder, bool read_only, struct store **out, struct error *error) EDICT_MUST_USE;
/* What is in the folder, which need not exist. */
enum store_presence {
    STORE_ABSENT,
    STORE_REMNANTS, /* tables or logs without the file that names the others: opening says so */
    STORE_PRESENT
};
enum store_presence store_look_rocksdb(const char *folder);
/* The same, for writing, of a store that is there and may have damaged families, one of which is to be cleared: files are not
 * merged in the background, which would meet the damage, and a writer cannot go on from that. A family that was cleared is as
 * usual. */
enum status store_open_rocksdb_to_repair(const char *folder, struct store **out, struct error *error) EDICT_MUST_USE;
enum status store_open_memory(struct store **out, struct error *error) EDICT_MUST_USE;
/* What a crash of the process would leave of a store in memory, if memory were a disk: a new store with all that is committed,
 * and nothing of any batch. Any thread. */
enum status store_memory_copy(struct store *store, struct store **out, struct error *error) EDICT_MUST_USE;

static inline void store_put(struct store_batch *batch, enum store_family family, struct slice key, struct slice value)
{
    batch->ops->put(batch, family, key, &value, 1);
}
static inline enum status store_get(struct store *store, enum store_family family, struct slice key, struct arena *arena,
                                    struct slice *value, struct error *error)
{
    return store->ops->get(store, family, key, arena, value, error);
}

#endif
