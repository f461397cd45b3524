/*
 * A store on RocksDB that is committed to while others look at its folder, with a small log, so that its files are turned all
 * the time. Each commit adds a run of entries with their ids, takes a range of the oldest away, and says in META how many there
 * are: whoever looks has to find one commit's state. Commits are of one thread; what is atomic, any thread may look at.
 */
#ifndef EDICT_TESTS_LIVE_STORE_H
#define EDICT_TESTS_LIVE_STORE_H

#include "ledger/store.h"
#include "model.h"

#include <stdatomic.h>

enum { LIVE_WRONG_MAX = 1100 };

struct live_state {
    uint64_t first, past; /* numbers of the entries that are there */
};

struct live_store {
    struct model_trace trace;
    char folder[32];
    struct store *store;
    struct store_batch *batch;
    struct live_state state;
    _Atomic uint64_t *committed; /* `past` of the last commit that was acknowledged; shared with child processes */
    _Atomic unsigned pause_us;   /* after each commit: grows when a reader gives up because commits go on too fast for it */
    _Atomic bool stop;
    bool async;                 /* commits go to RocksDB's log */
    char wrong[LIVE_WRONG_MAX]; /* what others find; theirs alone */
};

/* A folder, with nothing in it; and without it. `quick`: in memory, where there is a file system for that. */
void live_store_begin(struct live_store *live, uint64_t salt, bool quick);
void live_store_end(struct live_store *live);
void live_store_open(struct live_store *live);
void live_store_close(struct live_store *live);
enum status live_store_commit_run(struct live_store *live, struct error *error);
void live_store_commit_once(struct live_store *live);
/* A whole test: commits until `other`, on a thread of its own, sets `stop`. */
void live_store_commit_beside(void *(*other)(void *live), uint64_t salt, bool async);

/* Opens the folder: does it have one commit's state, with all up to `committed`? Else `wrong` says what it has. */
bool live_store_look(const char *folder, bool read_only, uint64_t committed, struct live_state *state,
                     char wrong[LIVE_WRONG_MAX]);
/* Beside the writer, who makes pauses when he was too fast. */
bool live_store_look_beside(struct live_store *live);
/* The test fails with what `wrong` says, if anything. */
void live_store_check_wrong(struct live_store *live);

#endif
