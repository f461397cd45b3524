/*
 * One place that checkpoints go to. Files, webhooks and witnesses are the three kinds; each has a thread of its own, made by
 * the publisher, and all but `interrupt` is called by it.
 */
#ifndef EDICT_PUBLISH_TARGET_H
#define EDICT_PUBLISH_TARGET_H

#include "publish/compare.h"
#include "publish/settings.h"

/* A signed checkpoint on its way, and the ledger that it is of. */
struct publish_checkpoint {
    struct slice note;            /* signed by the log only */
    struct publish_ledger ledger; /* of the checkpoint's size */
    bool required;                /* to `check`: a place that does not show what it holds is an error */
};

/* A ledger begins with the entry store.created; one that holds no more than that is new, and nobody misses anything of it. */
enum { TARGET_NEW_SIZE_MAX = 1 };

struct target;

/* Both return CONFLICT when what is published there cannot come from this ledger's past, and other errors when the place cannot
 * be used now. `error` needs no place: the publisher names the target. */
struct target_ops {
    /*
     * At the start: what was published there last, held against the ledger, which has `now`. OK with *published, 0 where there
     * is nothing, or nothing of this log that must be kept. INVALID: there is something else, which must not be overwritten.
     * Where now->required, only what is shown counts: a place that holds nothing is OK for a new ledger, and UNAVAILABLE
     * for others (target_holds_nothing).
     */
    enum status (*check)(struct target *target, const struct publish_checkpoint *now, struct arena *arena, uint64_t *published,
                         struct error *error);
    enum status (*publish)(struct target *target, const struct publish_checkpoint *now, struct arena *arena,
                           struct error *error);
    void (*interrupt)(struct target *target); /* any thread */
    void (*destroy)(struct target *target);   /* frees it */
};

struct target {
    const struct target_ops *ops;
};

/* What the other side did wrong says nothing about this ledger: another try may do. */
static inline enum status target_fault(struct error *error)
{
    return error->status = STATUS_UNAVAILABLE;
}

/* What `check` makes of a place that has answered and holds nothing; `how` it says so, "it answers 404" or such. */
static inline enum status target_holds_nothing(const struct publish_checkpoint *now, const char *how, struct error *error)
{
    if (!now->required || now->ledger.size <= TARGET_NEW_SIZE_MAX)
        return STATUS_OK;
    return error_set(
        error, STATUS_UNAVAILABLE, "",
        "%.200s: it holds no checkpoint, and this ledger has %llu entries; bring back what it held, or, if nothing "
        "was ever published there, start once with --publish-required no",
        how, (unsigned long long)now->ledger.size);
}

enum status target_file_new(const struct publish_place *place, struct target **out, struct error *error) EDICT_MUST_USE;
enum status target_webhook_new(const struct publish_place *place, const struct publish_settings *settings, struct target **out,
                               struct error *error) EDICT_MUST_USE;
/* `cosigned` gets each verified cosignature line over a checkpoint of `size`. */
typedef void (*target_cosigned_f)(void *context, uint64_t size, struct slice line);
enum status target_witness_new(const struct witness *witness, const struct http_url *url, const char *ca_file,
                               target_cosigned_f cosigned, void *context, struct target **out,
                               struct error *error) EDICT_MUST_USE;

#endif
