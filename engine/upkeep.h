/*
 * What an operator does with a running ledger and what takes longer than a worker may wait: backups, archives, another signing
 * key. A
 * thread of its own does one after the other; decisions go on meanwhile. It also ends the time in which two keys sign.
 */
#ifndef EDICT_ENGINE_UPKEEP_H
#define EDICT_ENGINE_UPKEEP_H

#include "base/file.h"
#include "engine/custody.h"
#include "ledger/archive.h"
#include "ledger/checkpointer.h"

struct upkeep;

struct upkeep_options {
    struct ledger *ledger;
    struct checkpointer *checkpointer;
    struct custody *custody; /* the upkeep thread's from upkeep_start to upkeep_stop */
    struct clock clock;
    const struct log *log;
};

enum upkeep_task { UPKEEP_BACKUP, UPKEEP_ROTATE_KEY, UPKEEP_ARCHIVE };

/* Owned by the caller until `done`, which the upkeep thread calls; must not block. Zero the rest. */
struct upkeep_request {
    struct inbox_item link;
    enum upkeep_task task;
    char by[32];
    char path[FILE_PATH_MAX]; /* backup, archive: the folder to make, absolute */
    bool with_key;
    struct slice reason; /* rotation; lives as long as the request */
    int64_t overlap_s;
    uint64_t until; /* archive; see archiving.h */
    bool erases;
    int64_t before_ms;
    archive_progress_f progress; /* archive; may be NULL */
    void *progress_context;
    void (*done)(struct upkeep_request *request);
    void *user;
    /* What came of it. */
    enum status status;
    struct error error;
    uint64_t size; /* backup */
    struct digest root;
    uint64_t index; /* rotation, archive: of the entry */
    struct archive_info archived;
    int64_t until_ms;
    struct note_verifier old_key, new_key;
};

enum status upkeep_start(const struct upkeep_options *options, struct upkeep **out, struct error *error) EDICT_MUST_USE;
/* Finishes what is under way, answers the rest UNAVAILABLE. NULL accepted. */
void upkeep_stop(struct upkeep *upkeep);
/* Any thread; false when it is stopping (then `done` is not called). */
bool upkeep_post(struct upkeep *upkeep, struct upkeep_request *request) EDICT_MUST_USE;
/* The same work on the caller's thread: for tools, on a ledger that no server has open. */
void upkeep_run(const struct upkeep_options *options, struct upkeep_request *request);

#endif
