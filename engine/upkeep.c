#include "engine/upkeep.h"

#include "engine/archiving.h"
#include "ledger/backup.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

enum { UPKEEP_WAKE_S = 60 }; /* how late the old key's time may be noticed */

struct upkeep {
    struct upkeep_options options;
    struct inbox inbox;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool signalled, stopping; /* under the mutex */
};

/* ---- the tasks ---- */

/* In the data directory itself every name has its meaning, and what is in ledger/ is the store's. */
static enum status check_place(const struct upkeep_options *options, struct upkeep_request *request)
{
    const char *data = options->custody->folder;
    char store[FILE_PATH_MAX];
    enum status status = file_path(store, data, "ledger", &request->error);

    if (status == STATUS_OK && (file_lies_in(request->path, data, false) || file_lies_in(request->path, store, true)))
        status = error_set(&request->error, STATUS_INVALID, request->path,
                           "this lies in the data directory, among edictd's own files; name a folder elsewhere");
    return status;
}

static enum status back_up(const struct upkeep_options *options, struct upkeep_request *request)
{
    struct backup_options backup = {.store = ledger_store(options->ledger),
                                    .folder = options->custody->folder,
                                    .target = request->path,
                                    .signers = options->custody->signers,
                                    .signer_count = options->custody->signer_count,
                                    .with_key = request->with_key,
                                    .clock = options->clock};
    struct backup_result result;
    enum status status = check_place(options, request);

    /* What was erased a moment ago may still be in the files that a backup takes, and would stay in these. */
    if (status == STATUS_OK && ledger_needs_scrub(options->ledger))
        status = ledger_scrub(options->ledger, &request->error);
    if (status == STATUS_OK)
        status = backup_write(&backup, &result, &request->error);
    if (status != STATUS_OK)
        return status;
    request->size = result.size;
    request->root = result.root;
    log_event(options->log, LOG_INFO, "wrote a backup", LOG_S("folder", request->path), LOG_N("entries", (int64_t)result.size));
    return STATUS_OK;
}

/* The entry first, then signatures by both keys, then the proof that outlives the old one. */
static enum status rotate(const struct upkeep_options *options, struct upkeep_request *request)
{
    struct custody *custody = options->custody;
    const struct custody_change change = {
        .by = request->by, .reason = request->reason, .overlap_s = request->overlap_s, .now_ms = clock_now_ms(&options->clock)};
    enum status status;

    request->old_key = custody->signers[0].verifier;
    status = custody_rotate(custody, options->ledger, &change, &request->index, &request->error);
    if (status != STATUS_OK)
        return status;
    request->new_key = custody->signers[0].verifier;
    request->until_ms = custody->until_ms;
    /* Shown while both sign, even where the overlap is 0: this checkpoint is the handover. */
    status =
        checkpointer_set_signers(options->checkpointer, custody->signers, custody->signer_count, INT64_MAX, &request->error);
    if (status == STATUS_OK)
        status = custody_keep_proof(custody, ledger_store(options->ledger), change.now_ms, &request->error);
    if (status == STATUS_OK)
        status = checkpointer_set_signers(options->checkpointer, custody->signers, custody->signer_count, custody->until_ms,
                                          &request->error);
    log_event(options->log, LOG_INFO, "another key signs the ledger", LOG_S("origin", request->new_key.name),
              LOG_N("entry", (int64_t)request->index));
    return status;
}

static enum status archive(const struct upkeep_options *options, struct upkeep_request *request)
{
    const struct archiving_options archiving = {.ledger = options->ledger,
                                                .signers = options->custody->signers,
                                                .signer_count = options->custody->signer_count,
                                                .clock = options->clock,
                                                .folder = request->path,
                                                .by = request->by,
                                                .until = request->until,
                                                .erases = request->erases,
                                                .before_ms = request->before_ms,
                                                .progress = request->progress,
                                                .context = request->progress_context};
    struct archiving_result result;
    enum status status = check_place(options, request);

    if (status != STATUS_OK)
        return status;
    status = archiving_run(&archiving, &result, &request->error);
    request->archived = result.info;
    request->index = result.index;
    if (status == STATUS_OK)
        log_event(options->log, LOG_INFO, "archived entries", LOG_S("folder", request->path),
                  LOG_N("from", (int64_t)result.info.from), LOG_N("to", (int64_t)result.info.to));
    return status;
}

void upkeep_run(const struct upkeep_options *options, struct upkeep_request *request)
{
    switch (request->task) {
    case UPKEEP_BACKUP:
        request->status = back_up(options, request);
        break;
    case UPKEEP_ROTATE_KEY:
        request->status = rotate(options, request);
        break;
    case UPKEEP_ARCHIVE:
        request->status = archive(options, request);
        break;
    }
    if (request->status != STATUS_OK)
        log_event(options->log, LOG_WARN, "upkeep failed",
                  LOG_S("where", request->error.where[0] ? request->error.where : "the ledger"),
                  LOG_S("error", request->error.message));
}

/* When the old key's time is over, it goes. */
static void end_overlap(const struct upkeep_options *options)
{
    struct custody *custody = options->custody;
    struct error error = {0};
    int64_t now_ms = clock_now_ms(&options->clock);

    if (custody->signer_count < 2 || now_ms < custody->until_ms)
        return;
    if (custody_keep_proof(custody, ledger_store(options->ledger), now_ms, &error) != STATUS_OK ||
        checkpointer_set_signers(options->checkpointer, custody->signers, custody->signer_count, 0, &error) != STATUS_OK)
        log_event(options->log, LOG_ERROR, "the old key cannot be put away", LOG_S("error", error.message));
    else
        log_event(options->log, LOG_INFO, "the old key no longer signs", LOG_S("origin", custody->signers[0].verifier.name));
}

/* ---- the thread ---- */

static void upkeep_wake(void *context)
{
    struct upkeep *upkeep = context;

    pthread_mutex_lock(&upkeep->mutex);
    upkeep->signalled = true;
    pthread_cond_signal(&upkeep->wake);
    pthread_mutex_unlock(&upkeep->mutex);
}

static bool upkeep_is_stopping(struct upkeep *upkeep)
{
    bool stopping;

    pthread_mutex_lock(&upkeep->mutex);
    stopping = upkeep->stopping;
    pthread_mutex_unlock(&upkeep->mutex);
    return stopping;
}

/* False when it is time to stop. */
static bool upkeep_sleep(struct upkeep *upkeep)
{
    struct timespec until;
    bool go_on;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += UPKEEP_WAKE_S;
    pthread_mutex_lock(&upkeep->mutex);
    while (!upkeep->signalled && !upkeep->stopping && pthread_cond_timedwait(&upkeep->wake, &upkeep->mutex, &until) == 0)
        ;
    upkeep->signalled = false;
    go_on = !upkeep->stopping;
    pthread_mutex_unlock(&upkeep->mutex);
    return go_on;
}

static void upkeep_take_inbox(struct upkeep *upkeep)
{
    struct inbox_item *item, *next;

    for (item = inbox_take_all(&upkeep->inbox); item; item = next) {
        struct upkeep_request *request = (struct upkeep_request *)((char *)item - offsetof(struct upkeep_request, link));

        next = item->next;
        if (upkeep_is_stopping(upkeep))
            request->status = error_set(&request->error, STATUS_UNAVAILABLE, "", "the server is stopping");
        else
            upkeep_run(&upkeep->options, request);
        request->done(request);
    }
}

static void *upkeep_thread(void *context)
{
    struct upkeep *upkeep = context;
    bool go_on = true;

    while (go_on) {
        go_on = upkeep_sleep(upkeep);
        upkeep_take_inbox(upkeep);
        end_overlap(&upkeep->options);
    }
    return NULL;
}

enum status upkeep_start(const struct upkeep_options *options, struct upkeep **out, struct error *error)
{
    struct upkeep *upkeep = calloc(1, sizeof *upkeep);
    sigset_t all, before;
    int failed;

    if (!upkeep)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    upkeep->options = *options;
    pthread_mutex_init(&upkeep->mutex, NULL);
    pthread_cond_init(&upkeep->wake, NULL);
    inbox_create(&upkeep->inbox, upkeep_wake, upkeep);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&upkeep->thread, NULL, upkeep_thread, upkeep);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(upkeep);
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the upkeep thread");
    }
    *out = upkeep;
    return STATUS_OK;
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (!upkeep)
        return;
    pthread_mutex_lock(&upkeep->mutex);
    upkeep->stopping = true;
    pthread_cond_signal(&upkeep->wake);
    pthread_mutex_unlock(&upkeep->mutex);
    pthread_join(upkeep->thread, NULL);
    upkeep_take_inbox(upkeep);
    pthread_cond_destroy(&upkeep->wake);
    pthread_mutex_destroy(&upkeep->mutex);
    free(upkeep);
}

bool upkeep_post(struct upkeep *upkeep, struct upkeep_request *request)
{
    if (upkeep_is_stopping(upkeep))
        return false;
    inbox_push(&upkeep->inbox, &request->link);
    return true;
}
