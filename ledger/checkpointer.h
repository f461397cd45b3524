/*
 * Signs checkpoints beside the commit path: a thread of its own looks at the durable tree, signs it when it has grown, keeps
 * the note on the disk, and only then shows it. The order is: entries synced, checkpoint kept, checkpoint published. A
 * checkpoint that cannot be written is an I/O error of the ledger (ledger_fail); the same thread asks once a round whether the
 * store has met one in the background.
 */
#ifndef EDICT_LEDGER_CHECKPOINTER_H
#define EDICT_LEDGER_CHECKPOINTER_H

#include "base/log.h"
#include "ledger/ledger.h"
#include "ledger/log_key.h"

enum { CHECKPOINTER_SOON_MS = 100, CHECKPOINTER_IDLE_MS = 1000, CHECKPOINTER_SIGNERS_MAX = 2 };

struct checkpointer;

/* A new checkpoint, signed and kept, and the key in force that signed it; in whatever thread signs, which must not be held up.
 * What it points to is valid during the call. */
typedef void (*checkpointer_signed_f)(void *context, struct slice note, uint64_t size, const struct note_verifier *by);

struct checkpointer_options {
    struct ledger *ledger;             /* not owned */
    const char *folder;                /* of ledger.checkpoint; copied */
    const struct note_signer *signers; /* copied; the key in force first */
    size_t signer_count;
    int64_t until_ms; /* the second one signs until then, by the clock */
    struct clock clock;
    const struct log *log;
};

/* Signs once, then starts the thread. */
enum status checkpointer_start(const struct checkpointer_options *options, struct checkpointer **out,
                               struct error *error) EDICT_MUST_USE;
/* Tells `told` of the present checkpoint at once, and of every later one up to the last, which checkpointer_stop signs. One
 * watcher. */
void checkpointer_watch(struct checkpointer *checkpointer, checkpointer_signed_f told, void *context);
/* Signs what is durable by now, and stops. NULL accepted. */
void checkpointer_stop(struct checkpointer *checkpointer);
/* The last one signed, copied to `arena`; asks for a newer one within CHECKPOINTER_SOON_MS where the log has grown. Any thread.
 * False when the arena is exhausted. */
bool checkpointer_get(struct checkpointer *checkpointer, struct arena *arena, struct slice *bytes, uint64_t *size);
/* From now on others sign: a checkpoint by them is kept and shown on return. One thread at a time. */
enum status checkpointer_set_signers(struct checkpointer *checkpointer, const struct note_signer *signers, size_t count,
                                     int64_t until_ms, struct error *error) EDICT_MUST_USE;
/* What the key in force signs as. A copy; any thread. */
struct note_verifier checkpointer_verifier(struct checkpointer *checkpointer);

#endif
