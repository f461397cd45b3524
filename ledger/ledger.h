/*
 * Durable truth: an append-only log of records with dense indices from 0, written by one sequencer thread in groups, one synced
 * batch a group, together with everything that follows from them. Nothing here knows what a record means: a fold, given by the
 * owner, checks preconditions and keeps the projections.
 *
 * Group commit: while one batch is being synced the next group gathers; the size of a group comes from the previous sync, not
 * from a timer.
 */
#ifndef EDICT_LEDGER_LEDGER_H
#define EDICT_LEDGER_LEDGER_H

#include "base/clock.h"
#include "base/inbox.h"
#include "base/log.h"
#include "ledger/store.h"
#include "proto/digest.h"
#include "proto/record.h"

enum {
    LEDGER_TXN_ENTRIES_MAX = 4,
    LEDGER_TERMS_MAX = 24, /* query terms of one entry; further rules of a decision are not indexed */
    LEDGER_GROUP_ENTRIES_MAX = 1024,
    LEDGER_NUMBER_NONE = 0
};

/* Per transaction; the words of the multi-replica seam. */
enum ledger_result {
    LEDGER_OK,
    LEDGER_PRECONDITION, /* what it was based on has changed: gather facts again */
    LEDGER_LIMIT,        /* a counter would pass its limit */
    LEDGER_DUPLICATE,    /* the idempotency key is taken; `duplicate_index` names the entry that took it, durable by the time of
                            `done` */
    LEDGER_MISMATCH,     /* the key is taken by another body */
    LEDGER_FENCED,       /* this writer has been replaced */
    LEDGER_UNKNOWN       /* the store failed: the outcome is unknown and the process must stop */
};

/* How an entry can be found again; see query.h. Names of terms are one letter. */
struct ledger_term {
    char kind; /* LEDGER_TERM_* */
    struct slice value;
};
enum {
    LEDGER_TERM_AGENT = 'a',
    LEDGER_TERM_TIER = 't',
    LEDGER_TERM_OPERATION = 'o',
    LEDGER_TERM_RULE = 'r',
    LEDGER_TERM_ESCALATION = 'e',
    LEDGER_TERM_TYPE = 'y',
    LEDGER_TERM_COMMAND = 'c' /* the first words of a decision's command; engine/terms.h */
};

struct ledger_entry {
    enum record_type type;
    struct slice tenant;
    uint64_t as_of;
    struct slice body;
    const void *event;       /* the typed form of the body, for the fold; the fold decodes the body itself when NULL */
    const unsigned char *id; /* 16 bytes under which the entry can be looked up, or NULL */
    struct ledger_term terms[LEDGER_TERMS_MAX]; /* LEDGER_TERM_TYPE is added by the ledger */
    size_t term_count;
    /* Set by the sequencer: */
    uint64_t index;
    int64_t time_ms;
    uint64_t number; /* assigned by the fold's check; then the entry is also found under the term "ESC-<number>" */
};

/* A large value that entries name by its hash; written to STORE_BLOBS in the same batch. */
struct ledger_blob {
    struct digest hash; /* SHA-256 of `bytes` */
    struct slice bytes;
};
enum { LEDGER_BLOBS_MAX = 4 };

/* A value that the first entry of a transaction commits to, and that can be erased; written to STORE_PRIVATE in the same batch.
 * `path` says which of the entry's values it is, in the owner's words. */
struct ledger_private {
    struct slice path, value;
};
/* A value of an earlier entry that goes with this transaction. */
struct ledger_erasure {
    uint64_t index;
    struct slice path;
};
enum { LEDGER_PRIVATE_PATH_MAX = 1024 };

/* A row that goes: `key`, or with a `to` that is not empty all of [key, to). */
struct ledger_removal {
    enum store_family family;
    struct slice key, to;
};

/*
 * One all-or-nothing change. Belongs to the ledger from submit until `done`; its memory, and all that it points to, must live
 * that long.
 */
struct ledger_txn {
    struct inbox_item link;
    struct ledger_entry entries[LEDGER_TXN_ENTRIES_MAX];
    size_t entry_count;
    struct ledger_blob blobs[LEDGER_BLOBS_MAX];
    size_t blob_count;
    const struct ledger_private *privates;
    size_t private_count;
    const struct ledger_erasure *erasures;
    size_t erasure_count;
    const struct ledger_removal *removals; /* of rows of the index; see trim.h */
    size_t removal_count;
    uint64_t archived_to;      /* > 0: entries below are in archives now, and go from the store; a multiple of 256 */
    int64_t archived_time_ms;  /* of the last of them */
    bool archived_erases;      /* their erasable values go for good */
    const void *preconditions; /* the fold's own; may be NULL */
    enum ledger_result result;
    uint64_t duplicate_index;
    struct slice detail; /* static text about a result that is not OK; may be empty */
    /* Called once by the sequencer thread, when the result is known and, if OK or DUPLICATE, durable. Must not block: it posts
     * to a worker. */
    void (*done)(struct ledger_txn *txn);
};

/* The projections. All calls come from the sequencer thread, in order. */
struct ledger_fold {
    void *context;
    /* May this go in as entries index, index+1, … at `time_ms`? Sets entries' `number`s, txn->duplicate_index, txn->detail.
     * Changes nothing when not LEDGER_OK. */
    enum ledger_result (*check)(void *context, struct ledger_txn *txn, uint64_t index, int64_t time_ms);
    /* Takes one stamped entry into the projections (in memory). */
    void (*apply)(void *context, const struct ledger_entry *entry);
    /* Once a group, before its commit: writes the rows that changed. */
    void (*flush)(void *context, struct store_batch *batch);
    /* Once a group, after its commit: everything up to `size` is durable, and nothing beyond it has been applied, so that what
     * is kept only until it can be read from the store may go. May be NULL. */
    void (*durable)(void *context, uint64_t size);
};

struct ledger_options {
    bool sync;          /* false: --durability async */
    size_t queue_bytes; /* submissions waiting at most; 0: 64 MiB */
    struct clock clock;
    const struct log *log;
    struct ledger_fold fold;
    /* The first error of writing: called once. From the sequencer's thread, after the transactions of the group were given
     * LEDGER_UNKNOWN; or from that of ledger_fail(). */
    void (*failed)(void *context, const struct error *error);
    void *failed_context;
    /* More entries are durable: once a group, from the sequencer thread. Must not block. May be NULL. */
    void (*grown)(void *context, uint64_t size);
    void *grown_context;
};

struct ledger;

/* Reads the head of `store` (not owned), verifies the tail, and writes entry 0 (RECORD_STORE_CREATED) into an empty one. No
 * thread is started yet. */
enum status ledger_open(struct store *store, const struct ledger_options *options, struct ledger **out,
                        struct error *error) EDICT_MUST_USE;
enum status ledger_start(struct ledger *ledger, struct error *error) EDICT_MUST_USE; /* starts the sequencer */
/* Any thread. STATUS_UNAVAILABLE when the queue is full or the ledger is stopping; then the txn was not taken and `done` is not
 * called. */
enum status ledger_submit(struct ledger *ledger, struct ledger_txn *txn) EDICT_MUST_USE;
/* Something beside the commit path could not be written (a checkpoint, a flush in the background): nothing is taken any more,
 * and options.failed is called if it was not yet. Any thread. */
void ledger_fail(struct ledger *ledger, const struct error *error);
/* Commits what is queued, then stops the thread. No submit may follow. */
void ledger_stop(struct ledger *ledger);
void ledger_close(struct ledger *ledger); /* stops if need be; NULL accepted */

/* Entries given an index, durable or not; read by facts (`as_of`). Any thread. */
uint64_t ledger_sequenced(const struct ledger *ledger);
/* Entries that are durable. Any thread. */
uint64_t ledger_durable(const struct ledger *ledger);
/* The first entry that is still in the store; those below are in archives. `time_ms` (may be NULL): of the entry before it. Any
 * thread. */
uint64_t ledger_first(const struct ledger *ledger, int64_t *time_ms);
/* The record bytes of a durable entry; STATUS_NOT_FOUND at or past the end, STATUS_GONE below ledger_first. Any thread. */
enum status ledger_read(struct ledger *ledger, uint64_t index, struct arena *arena, struct slice *record,
                        struct error *error) EDICT_MUST_USE;
/* A value from STORE_BLOBS by its hash; NOT_FOUND. Any thread. */
enum status ledger_blob_read(struct ledger *ledger, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error) EDICT_MUST_USE;
enum status ledger_find_id(struct ledger *ledger, const unsigned char id[16], uint64_t *index,
                           struct error *error) EDICT_MUST_USE;
/* Every entry from `from` on, in order; `record` valid during the call. GONE when some of them are archived. */
typedef enum status (*ledger_visit_f)(void *context, uint64_t index, struct slice record, struct error *error);
enum status ledger_each(struct store *store, uint64_t from, uint64_t to, ledger_visit_f visit, void *context,
                        struct error *error) EDICT_MUST_USE;

/* Has anything been erased whose bytes may still be in the store's files? Any thread. */
bool ledger_needs_scrub(struct ledger *ledger);
/* Rewrites those files. One thread at a time, not the sequencer's. A restart goes on where a crash interrupted it. */
enum status ledger_scrub(struct ledger *ledger, struct error *error) EDICT_MUST_USE;

/* The first entry that is there: 0, or later where older ones are in an archive. UINT64_MAX: none. */
enum status ledger_store_first(struct store *store, uint64_t *first, struct error *error) EDICT_MUST_USE;
/* The same as the store itself says it: how many entries were archived, and the time (may be NULL) of the last of them. */
enum status ledger_store_archived(struct store *store, uint64_t *count, int64_t *time_ms, struct error *error) EDICT_MUST_USE;
/* How many of the entries that are there are in archives that were put back, and under no term of the index. */
enum status ledger_store_put_back(struct store *store, uint64_t *count, struct error *error) EDICT_MUST_USE;
/* How many entries a store has counted, and the root over them (may be NULL) that it recorded, by its head row. */
enum status ledger_store_head(struct store *store, uint64_t *size, struct digest *root, struct error *error) EDICT_MUST_USE;

/* The store it was opened on. */
struct store *ledger_store(const struct ledger *ledger);

/* Root of the Merkle tree (RFC 6962 hashing) over the first ledger_durable() entries, consistent with `size`. */
void ledger_root(struct ledger *ledger, uint64_t *size, struct digest *root);

/* Relaxed counters and histograms' raw material, readable from any thread. */
struct ledger_stats {
    uint64_t groups, entries, bytes;
    uint64_t queue_bytes, queue_entries;
    uint64_t last_group_entries;
    uint64_t sync_ns_total;
    uint64_t group_size_buckets[12]; /* of 1, 2, 4, … 1024, more */
};
void ledger_get_stats(const struct ledger *ledger, struct ledger_stats *out);

#endif
