#include "server/housekeeping.h"

#include "engine/change.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

struct housekeeping {
    struct housekeeping_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    unsigned open; /* changes at the ledger */
    struct arena arena;
    struct event events[HOUSEKEEPING_EVENTS_MAX];
    struct change changes[HOUSEKEEPING_EVENTS_MAX];
};

/* In the sequencer's thread: one change less to wait for. What the entry met (somebody was faster) does not matter: the next
 * round looks again. */
static void housekeeping_post(void *context, struct work *work)
{
    struct housekeeping *housekeeping = context;

    (void)work;
    pthread_mutex_lock(&housekeeping->mutex);
    housekeeping->open--;
    pthread_cond_signal(&housekeeping->wake);
    pthread_mutex_unlock(&housekeeping->mutex);
}

static void housekeeping_refused(struct change *change)
{
    housekeeping_post(change->user, NULL);
}

static void housekeeping_submit(struct housekeeping *housekeeping, size_t i)
{
    struct change *change = &housekeeping->changes[i];

    *change = (struct change){.ledger = housekeeping->options.ledger,
                              .arena = &housekeeping->arena,
                              .event_count = 1,
                              .finished = housekeeping_refused,
                              .user = housekeeping,
                              .post = housekeeping_post,
                              .post_context = housekeeping};
    change->events[0] = housekeeping->events[i];
    change->basis = (struct state_basis){.kind = STATE_BASIS_RESOLVE, .agent = housekeeping->events[i].expired.agent};
    change_begin(change);
}

/* One batch of due things; true when there may be more. */
static bool housekeeping_round(struct housekeeping *housekeeping)
{
    struct error error = {0};
    size_t count = 0;

    arena_reset(&housekeeping->arena);
    if (state_due(housekeeping->options.state, &housekeeping->arena, clock_now_ms(&housekeeping->options.clock),
                  HOUSEKEEPING_EVENTS_MAX, housekeeping->events, &count, &error) != STATUS_OK) {
        log_event(housekeeping->options.log, LOG_WARN, "expiries not read; trying again", LOG_S("error", error.message));
        return false;
    }
    pthread_mutex_lock(&housekeeping->mutex);
    housekeeping->open = (unsigned)count;
    pthread_mutex_unlock(&housekeeping->mutex);
    for (size_t i = 0; i < count; i++)
        housekeeping_submit(housekeeping, i);
    pthread_mutex_lock(&housekeeping->mutex);
    while (housekeeping->open > 0)
        pthread_cond_wait(&housekeeping->wake, &housekeeping->mutex);
    pthread_mutex_unlock(&housekeeping->mutex);
    return count == HOUSEKEEPING_EVENTS_MAX;
}

/* What was erased leaves the files of the store. */
static void housekeeping_scrub(struct housekeeping *housekeeping)
{
    struct error error = {0};
    uint64_t begun = clock_monotonic_ns();

    if (!ledger_needs_scrub(housekeeping->options.ledger))
        return;
    if (ledger_scrub(housekeeping->options.ledger, &error) == STATUS_OK)
        log_event(housekeeping->options.log, LOG_INFO, "erased values are out of the ledger's files",
                  LOG_N("ms", (clock_monotonic_ns() - begun) / 1000000));
    else
        log_event(housekeeping->options.log, LOG_ERROR, "erased values are still in the ledger's files; trying again",
                  LOG_S("error", error.message));
}

/* False when it is time to stop. */
static bool housekeeping_sleep(struct housekeeping *housekeeping, bool more)
{
    struct timespec until;
    bool go_on;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += more ? 0 : HOUSEKEEPING_INTERVAL_MS / 1000;
    pthread_mutex_lock(&housekeeping->mutex);
    while (!housekeeping->stopping && pthread_cond_timedwait(&housekeeping->wake, &housekeeping->mutex, &until) == 0)
        ;
    go_on = !housekeeping->stopping;
    pthread_mutex_unlock(&housekeeping->mutex);
    return go_on;
}

static void *housekeeping_thread(void *context)
{
    struct housekeeping *housekeeping = context;
    bool more = false;

    while (housekeeping_sleep(housekeeping, more)) {
        more = housekeeping_round(housekeeping);
        housekeeping_scrub(housekeeping);
    }
    housekeeping_scrub(housekeeping); /* so that a server that is stopped has nothing left to forget */
    return NULL;
}

enum status housekeeping_start(const struct housekeeping_options *options, struct housekeeping **out, struct error *error)
{
    struct housekeeping *housekeeping = calloc(1, sizeof *housekeeping);
    sigset_t all, before;
    int failed;

    if (!housekeeping)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    housekeeping->options = *options;
    pthread_mutex_init(&housekeeping->mutex, NULL);
    pthread_cond_init(&housekeeping->wake, NULL);
    arena_create(&housekeeping->arena, 64 * 1024, 16u << 20);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&housekeeping->thread, NULL, housekeeping_thread, housekeeping);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(housekeeping);
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the housekeeping thread");
    }
    *out = housekeeping;
    return STATUS_OK;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
    if (!housekeeping)
        return;
    pthread_mutex_lock(&housekeeping->mutex);
    housekeeping->stopping = true;
    pthread_cond_signal(&housekeeping->wake);
    pthread_mutex_unlock(&housekeeping->mutex);
    pthread_join(housekeeping->thread, NULL);
    pthread_cond_destroy(&housekeeping->wake);
    pthread_mutex_destroy(&housekeeping->mutex);
    arena_destroy(&housekeeping->arena);
    free(housekeeping);
}
