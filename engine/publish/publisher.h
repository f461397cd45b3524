/*
 * Publishes every newly signed checkpoint to files, webhooks and witnesses, beside everything else: each place has a thread,
 * gets always the newest checkpoint, and a place that is slow or gone holds up nobody. At the start each is asked what was
 * published there last, because a copy of the ledger on this machine cannot know that it is an old one.
 *
 * Any thread may call; what is handed over is copied.
 */
#ifndef EDICT_PUBLISH_PUBLISHER_H
#define EDICT_PUBLISH_PUBLISHER_H

#include "base/log.h"
#include "ledger/store.h"
#include "publish/settings.h"

enum {
    PUBLISH_RETRY_MS_MIN = 500, /* after the first failure; doubles */
    PUBLISH_RETRY_MS_MAX = 30000,
    PUBLISH_START_MS = 15000,  /* that the start waits for places */
    PUBLISH_GOODBYE_MS = 2000, /* that the stop gives to publish the last checkpoint */
    PUBLISH_TARGETS_MAX = PUBLISH_PLACES_MAX + WITNESSES_MAX
};

enum publish_state {
    PUBLISH_STARTING, /* not asked yet, or not answered yet */
    PUBLISH_WORKS,
    PUBLISH_FAILS,
    PUBLISH_CONFLICTS /* what is published there cannot come from this ledger's past */
};

struct publish_status {
    const char *kind; /* "file", "webhook", "witness" */
    char name[PUBLISH_TEXT_MAX];
    enum publish_state state;
    uint64_t size;                   /* of the checkpoint that is known to be there; 0: none */
    int64_t time_ms;                 /* when that became known; 0: never */
    uint64_t successes, failures;    /* of asking for the last one and of publishing */
    char message[ERROR_MESSAGE_MAX]; /* of the last failure, while it fails */
};

struct publish_totals {
    size_t quorum, witnesses;
    uint64_t witnessed_size; /* 0: none */
    size_t witnessed_count;
};

struct publisher;

struct publisher_options {
    const struct publish_settings *settings; /* copied */
    const char *folder;                      /* of ledger.witnessed; copied */
    struct store *store;                     /* not owned */
    const struct note_verifier *verifiers;   /* of the log's keys, the one in force first; copied */
    size_t verifier_count;
    const char *former; /* the origin that the log left on purpose; empty: none */
    const struct log *log;
    struct clock clock;
};

/*
 * `note` is the newest checkpoint, signed and kept, over `size` entries. Asks every place at once and waits for
 * PUBLISH_START_MS at most. CONFLICT, with advice: the ledger is shorter than, or another than, what was published.
 * UNAVAILABLE: a place could not be asked and settings->required; else that is logged, and the place asked again later.
 */
enum status publisher_start(const struct publisher_options *options, struct slice note, uint64_t size, struct publisher **out,
                            struct error *error) EDICT_MUST_USE;
/* A newer checkpoint; the form of checkpointer_signed_f. */
void publisher_offer(void *publisher, struct slice note, uint64_t size, const struct note_verifier *by);
/* Publishes the last one where that works, for PUBLISH_GOODBYE_MS at most, and stops. NULL accepted. */
void publisher_stop(struct publisher *publisher);

/* Appends the cosignatures that were collected for the checkpoint of `size`, if any. */
void publisher_cosign(struct publisher *publisher, uint64_t size, struct buf *out);
/* The newest checkpoint that has its quorum of cosignatures, with them, copied to `arena`; NOT_FOUND before there is one. */
enum status publisher_witnessed(struct publisher *publisher, struct arena *arena, struct slice *note, uint64_t *size,
                                struct error *error) EDICT_MUST_USE;
void publisher_totals(struct publisher *publisher, struct publish_totals *out);
/* Target number `index`; false past the last. */
bool publisher_status(struct publisher *publisher, size_t index, struct publish_status *out);
const char *publish_state_name(enum publish_state state); /* "starting", "works", "fails", "conflicts" */

#endif
