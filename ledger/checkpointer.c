#include "ledger/checkpointer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FOLDER_SIZE = 1024 };

struct checkpointer {
    struct ledger *ledger;
    char folder[FOLDER_SIZE];
    struct clock clock;
    pthread_mutex_t signing; /* held while one checkpoint is made; guards what follows */
    struct note_signer signers[CHECKPOINTER_SIGNERS_MAX];
    size_t signer_count;
    int64_t until_ms;
    checkpointer_signed_f told;
    void *told_context;
    bool again; /* sign although the log has not grown: the signers have changed */
    const struct log *log;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards what follows; not held while signing or writing */
    pthread_cond_t wake;
    bool stopping, wanted;
    bool complained; /* a failure has been logged; again only after a success */
    struct buf bytes;
    uint64_t size;
};

static size_t signers_now(const struct checkpointer *checkpointer)
{
    if (checkpointer->signer_count > 1 && clock_now_ms(&checkpointer->clock) >= checkpointer->until_ms)
        return 1;
    return checkpointer->signer_count;
}

/* Under `signing`, so in order and none twice. */
static void tell(struct checkpointer *checkpointer)
{
    if (checkpointer->told)
        checkpointer->told(checkpointer->told_context, buf_slice(&checkpointer->bytes), checkpointer->size,
                           &checkpointer->signers[0].verifier);
}

/* Signs when the log has grown. A checkpoint that cannot be kept is not shown, and the next round tries again. */
static enum status sign_locked(struct checkpointer *checkpointer, struct error *error)
{
    struct checkpoint checkpoint = {.origin = slice_from_str(checkpointer->signers[0].verifier.name)};
    struct arena arena;
    struct buf bytes;
    enum status status;

    ledger_root(checkpointer->ledger, &checkpoint.size, &checkpoint.root);
    if (checkpoint.size == checkpointer->size && checkpointer->bytes.size > 0 && !checkpointer->again)
        return STATUS_OK;
    arena_create(&arena, 4096, 1 << 20);
    buf_create(&bytes, &arena);
    status = checkpoint_sign(&checkpoint, checkpointer->signers, signers_now(checkpointer), &bytes, error);
    if (status == STATUS_OK)
        status = log_checkpoint_write(checkpointer->folder, buf_slice(&bytes), error);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&checkpointer->mutex);
        checkpointer->bytes.size = 0;
        buf_add(&checkpointer->bytes, bytes.data, bytes.size);
        checkpointer->size = checkpoint.size;
        pthread_mutex_unlock(&checkpointer->mutex);
        checkpointer->again = false;
        tell(checkpointer); /* `bytes` changes under `signing` only */
    }
    arena_destroy(&arena);
    return status;
}

static enum status sign(struct checkpointer *checkpointer, struct error *error)
{
    enum status status;

    pthread_mutex_lock(&checkpointer->signing);
    status = sign_locked(checkpointer, error);
    pthread_mutex_unlock(&checkpointer->signing);
    return status;
}

static void take_signers(struct checkpointer *checkpointer, const struct note_signer *signers, size_t count, int64_t until_ms)
{
    for (size_t i = 0; i < CHECKPOINTER_SIGNERS_MAX; i++) {
        note_signer_destroy(&checkpointer->signers[i]);
        if (i < count)
            checkpointer->signers[i] = signers[i];
    }
    checkpointer->signer_count = count < CHECKPOINTER_SIGNERS_MAX ? count : CHECKPOINTER_SIGNERS_MAX;
    checkpointer->until_ms = until_ms;
    checkpointer->again = true;
}

enum status checkpointer_set_signers(struct checkpointer *checkpointer, const struct note_signer *signers, size_t count,
                                     int64_t until_ms, struct error *error)
{
    enum status status;

    pthread_mutex_lock(&checkpointer->signing);
    take_signers(checkpointer, signers, count, until_ms);
    status = sign_locked(checkpointer, error);
    pthread_mutex_unlock(&checkpointer->signing);
    return status;
}

/* What could not be written, here or in the store's background, is an I/O error like any other: the first one ends the process.
 * Others (out of memory) pass, and the next round tries again. */
static void sign_and_log(struct checkpointer *checkpointer)
{
    struct store *store = ledger_store(checkpointer->ledger);
    struct error error = {0};

    if (store->ops->health(store, &error) != STATUS_OK || sign(checkpointer, &error) == STATUS_IO) {
        ledger_fail(checkpointer->ledger, &error);
        return;
    }
    if (error.status == STATUS_OK) {
        checkpointer->complained = false;
    } else if (!checkpointer->complained) {
        checkpointer->complained = true;
        log_event(checkpointer->log, LOG_ERROR, "no checkpoint signed", LOG_S("where", error.where),
                  LOG_S("error", error.message));
    }
}

static void deadline_in(struct timespec *out, long ms)
{
    clock_gettime(CLOCK_MONOTONIC, out);
    out->tv_sec += ms / 1000;
    out->tv_nsec += ms % 1000 * 1000000;
    if (out->tv_nsec >= 1000000000) {
        out->tv_sec++;
        out->tv_nsec -= 1000000000;
    }
}

/* At least CHECKPOINTER_SOON_MS between two; CHECKPOINTER_IDLE_MS when nobody asks. False when asked to stop. */
static bool sleep_until_due(struct checkpointer *checkpointer)
{
    struct timespec soon, idle;
    bool go_on;

    deadline_in(&soon, CHECKPOINTER_SOON_MS);
    deadline_in(&idle, CHECKPOINTER_IDLE_MS);
    pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->stopping && pthread_cond_timedwait(&checkpointer->wake, &checkpointer->mutex, &soon) == 0)
        ;
    while (!checkpointer->stopping && !checkpointer->wanted &&
           pthread_cond_timedwait(&checkpointer->wake, &checkpointer->mutex, &idle) == 0)
        ;
    checkpointer->wanted = false;
    go_on = !checkpointer->stopping;
    pthread_mutex_unlock(&checkpointer->mutex);
    return go_on;
}

static void *checkpointer_thread(void *context)
{
    struct checkpointer *checkpointer = context;

    while (sleep_until_due(checkpointer))
        sign_and_log(checkpointer);
    sign_and_log(checkpointer);
    return NULL;
}

static void create_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum status checkpointer_start(const struct checkpointer_options *options, struct checkpointer **out, struct error *error)
{
    struct checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    enum status status;

    if (!checkpointer)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    checkpointer->ledger = options->ledger;
    checkpointer->clock = options->clock;
    take_signers(checkpointer, options->signers, options->signer_count, options->until_ms);
    checkpointer->log = options->log;
    snprintf(checkpointer->folder, sizeof checkpointer->folder, "%s", options->folder);
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_mutex_init(&checkpointer->signing, NULL);
    create_condition(&checkpointer->wake);
    buf_create(&checkpointer->bytes, NULL);
    status = sign(checkpointer, error);
    if (status == STATUS_OK && pthread_create(&checkpointer->thread, NULL, checkpointer_thread, checkpointer) != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "", "cannot start the thread that signs checkpoints");
    checkpointer->started = status == STATUS_OK;
    if (status != STATUS_OK)
        checkpointer_stop(checkpointer);
    else
        *out = checkpointer;
    return status;
}

void checkpointer_watch(struct checkpointer *checkpointer, checkpointer_signed_f told, void *context)
{
    pthread_mutex_lock(&checkpointer->signing);
    checkpointer->told = told;
    checkpointer->told_context = context;
    tell(checkpointer);
    pthread_mutex_unlock(&checkpointer->signing);
}

void checkpointer_stop(struct checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    if (checkpointer->started) {
        pthread_mutex_lock(&checkpointer->mutex);
        checkpointer->stopping = true;
        pthread_cond_signal(&checkpointer->wake);
        pthread_mutex_unlock(&checkpointer->mutex);
        pthread_join(checkpointer->thread, NULL);
    }
    pthread_cond_destroy(&checkpointer->wake);
    pthread_mutex_destroy(&checkpointer->mutex);
    pthread_mutex_destroy(&checkpointer->signing);
    buf_destroy(&checkpointer->bytes);
    take_signers(checkpointer, NULL, 0, 0);
    free(checkpointer);
}

bool checkpointer_get(struct checkpointer *checkpointer, struct arena *arena, struct slice *bytes, uint64_t *size)
{
    pthread_mutex_lock(&checkpointer->mutex);
    *bytes = arena_copy(arena, buf_slice(&checkpointer->bytes));
    *size = checkpointer->size;
    if (ledger_durable(checkpointer->ledger) > checkpointer->size && !checkpointer->wanted) {
        checkpointer->wanted = true;
        pthread_cond_signal(&checkpointer->wake);
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    return bytes->data != NULL;
}

struct note_verifier checkpointer_verifier(struct checkpointer *checkpointer)
{
    struct note_verifier verifier;

    pthread_mutex_lock(&checkpointer->signing);
    verifier = checkpointer->signers[0].verifier;
    pthread_mutex_unlock(&checkpointer->signing);
    return verifier;
}
