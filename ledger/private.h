/*
 * Values beside the records that can be erased without touching the tree: rows of STORE_PRIVATE, keyed by the entry that
 * commits to them and a path. Also what makes an erasure thorough: the range of erased rows is remembered, durably, until the
 * store's files have been rewritten without them (`struct scrub`).
 *
 * Key: u64be index, path. The reading functions: any thread.
 */
#ifndef EDICT_LEDGER_PRIVATE_H
#define EDICT_LEDGER_PRIVATE_H

#include "ledger/ledger.h"

#include <pthread.h>

/* NOT_FOUND: erased, or never there. */
enum status private_read(struct store *store, uint64_t index, struct slice path, struct arena *arena, struct slice *value,
                         struct error *error) EDICT_MUST_USE;

struct private_row {
    uint64_t index;
    struct slice path, value; /* valid during the visit */
};
/* Rows of entries [from, to), in order. `visit` returns false to stop. */
typedef bool (*private_visit_f)(void *context, const struct private_row *row);
enum status private_each(struct store *store, uint64_t from, uint64_t to, private_visit_f visit, void *context,
                         struct error *error) EDICT_MUST_USE;

/* Entries [from, to) whose rows were erased; empty when from == to. */
struct scrub_range {
    uint64_t from, to;
};

/* The mutex guards `wanted` and `done`; the rest is the sequencer's. */
struct scrub {
    pthread_mutex_t mutex;
    struct scrub_range wanted; /* committed, and maybe still in files */
    uint64_t commits;          /* groups with erasures so far */
    bool done;                 /* the files were rewritten, and the row that says they have to be is still there */
    struct scrub_range group;  /* of the group that is being written */
    bool row;                  /* META has a row `scrub` */
};

void scrub_create(struct scrub *scrub);
void scrub_destroy(struct scrub *scrub);
enum status scrub_load(struct scrub *scrub, struct store *store, struct error *error) EDICT_MUST_USE;

/* Sequencer: puts and removals of a stamped transaction. False when a path is too long. */
bool private_write(struct scrub *scrub, struct store_batch *batch, const struct ledger_txn *txn);
/* Sequencer: all values of entries [from, to) go. */
void private_erase_range(struct scrub *scrub, struct store_batch *batch, uint64_t from, uint64_t to);
/* Sequencer, once a group: the row `scrub` of META, where it has to change. */
void scrub_write(struct scrub *scrub, struct store_batch *batch);
void scrub_committed(struct scrub *scrub);

/* Any thread. */
bool scrub_is_wanted(struct scrub *scrub);
enum status scrub_run(struct scrub *scrub, struct store *store, struct error *error) EDICT_MUST_USE;

#endif
