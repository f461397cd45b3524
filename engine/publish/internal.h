/*
 * The inside of the publisher: publisher.c puts it together and takes it apart, lane.c is one target's thread.
 */
#ifndef EDICT_PUBLISH_INTERNAL_H
#define EDICT_PUBLISH_INTERNAL_H

#include "base/file.h"
#include "publish/publisher.h"
#include "publish/rounds.h"
#include "publish/target.h"

#include <pthread.h>

#define PUBLISH_KEPT_NAME "ledger.witnessed"

enum { LANE_ARENA_BLOCK = 16384, LANE_ARENA_MAX = 4 << 20, LANE_NO_WITNESS = WITNESSES_MAX };

/* One target with its thread. */
struct lane {
    struct publisher *publisher;
    struct target *target;
    pthread_t thread;
    bool started;
    size_t witness; /* its number, or LANE_NO_WITNESS */

    /* Guarded by the publisher's mutex. */
    struct publish_status status;
    enum status outcome; /* of the last attempt */
    bool asked;          /* an attempt has ended */
    bool checked;        /* what was published before is known to be ours */
    bool finished;       /* the thread has nothing more to do */
    uint64_t serial;     /* of the last checkpoint that was published */
    bool goodbye;        /* the one attempt of the stop was made */
    unsigned retries;
    uint64_t not_before_ms;
};

struct publisher {
    struct publish_settings settings;
    struct store *store;
    char former[NOTE_NAME_MAX + 1];
    char folder[FILE_PATH_MAX];
    const struct log *log;
    struct clock clock;
    size_t lane_count;
    struct lane lanes[PUBLISH_TARGETS_MAX];

    pthread_mutex_t mutex; /* guards what follows; not held while a target is asked */
    pthread_cond_t changed;
    bool admitted; /* the start goes on: what was published is this ledger's past, or cannot be known now */
    bool stopping;
    struct note_verifier verifiers[NOTE_VERIFIERS_MAX];
    size_t verifier_count;
    struct buf newest;
    uint64_t newest_size, newest_serial; /* the serial tells two of one size by different keys apart */
    struct rounds rounds;

    pthread_mutex_t keeping; /* one writer of the kept file at a time */
    uint64_t kept_size;
    size_t kept_count;
};

/* ---- publisher.c ---- */
uint64_t publisher_now_ms(void); /* of a clock that never goes back */
/* Waits until something changes or that time has come. Under the mutex. */
void publisher_wait_until(struct publisher *publisher, uint64_t at_ms);
/* What checkpoints over `size` entries are held against; under the mutex. `.verifiers` is NULL when the arena is exhausted. */
struct publish_ledger publisher_copy_ledger(const struct publisher *publisher, uint64_t size, struct arena *arena);

/* ---- lane.c ---- */
void *lane_run(void *lane); /* the thread */
/* target_cosigned_f; `lane` is the witness's. */
void lane_take_cosignature(void *lane, uint64_t size, struct slice line);
/* Begins a round of the witnesses where one is due. Under the mutex. Returns when to look again. */
uint64_t publisher_advance_round(struct publisher *publisher);

#endif
