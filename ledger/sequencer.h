/*
 * The inside of the ledger: what ledger.c (the API) and sequencer.c (the thread) share.
 */
#ifndef EDICT_LEDGER_SEQUENCER_H
#define EDICT_LEDGER_SEQUENCER_H

#include "ledger/ledger.h"
#include "ledger/merkle.h"
#include "ledger/postings.h"
#include "ledger/private.h"
#include "ledger/recent.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SEQUENCER_GROUP_BYTES_MAX = 4 << 20, SEQUENCER_QUEUE_BYTES_DEFAULT = 64 << 20 };

struct ledger {
    struct store *store;
    struct ledger_options options;
    struct inbox inbox;
    pthread_t thread;
    bool started;
    pthread_mutex_t wake_mutex;
    pthread_cond_t wake;
    bool signalled, stop_asked; /* under wake_mutex */

    /* The sequencer's. */
    struct ledger_txn *pending_first, *pending_last;
    struct store_batch *batch;
    struct merkle merkle;
    struct postings postings; /* of the group that is being written */
    struct recent recent;
    struct scrub scrub;
    int64_t last_time_ms;
    uint64_t next_index;
    bool changed; /* the group has rows to write besides entries */

    pthread_mutex_t root_mutex; /* guards root and root_size */
    struct digest root;
    uint64_t root_size;

    _Atomic uint64_t sequenced, durable, first;
    _Atomic int64_t first_time_ms; /* of the entry before `first` */
    _Atomic uint64_t queue_bytes, queue_entries;
    _Atomic bool stopping, failed;
    _Atomic uint64_t groups, entries, bytes, last_group, sync_ns, group_buckets[12];
};

/* Runs everything in the inbox, group by group, on the caller's thread. */
void sequencer_run_pending(struct ledger *ledger);
void *sequencer_thread(void *ledger);
/* The head row: size, root, last time. */
extern const struct slice sequencer_head_key;
/* The row of what is archived: first entry that is here, time of the one before. */
extern const struct slice sequencer_archived_key;
/* The same row where archives were put back (store_whole.c), which has none of the other: nothing is missing there, but the
 * index has only what is not archived. */
extern const struct slice sequencer_put_back_key;
bool sequencer_read_archived(struct slice row, uint64_t *first, int64_t *time_ms);
bool sequencer_read_head(struct slice row, uint64_t *size, struct digest *root, int64_t *time_ms);
/* What a transaction counts for in the queue. */
size_t sequencer_txn_bytes(const struct ledger_txn *txn);

#endif
