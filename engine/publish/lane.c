/* One target's thread: what to publish next, one attempt, what came of it. */
#include "proto/digest.h"
#include "publish/internal.h"

#include <stdio.h>

/* ---- rounds ---- */

/* Nobody to wait for: every witness that works has cosigned the present one. */
static bool round_is_over(const struct publisher *publisher)
{
    uint64_t size = rounds_present(&publisher->rounds)->size;

    for (size_t i = 0; i < publisher->lane_count; i++) {
        const struct lane *lane = &publisher->lanes[i];

        if (lane->witness != LANE_NO_WITNESS && lane->status.state <= PUBLISH_WORKS && lane->status.size < size)
            return false;
    }
    return true;
}

/* Under the mutex. Returns when to look again. */
uint64_t publisher_advance_round(struct publisher *publisher)
{
    uint64_t end = publisher->rounds.begun_ms + ROUND_MS_MAX;

    const struct round *present = rounds_present(&publisher->rounds);

    if (publisher->newest.size == 0 || slice_equal(buf_slice(&publisher->newest), buf_slice(&present->note)))
        return UINT64_MAX;
    if (publisher->newest_size > present->size && publisher_now_ms() < end && !round_is_over(publisher))
        return end;
    if (rounds_begin(&publisher->rounds, buf_slice(&publisher->newest), publisher->newest_size, publisher_now_ms()))
        pthread_cond_broadcast(&publisher->changed);
    return UINT64_MAX;
}

/* Keeps the witnessed checkpoint for the next start, and for proofs without a server. */
static void keep_witnessed(struct publisher *publisher)
{
    struct error error = {0};
    struct arena arena;
    struct slice note = {0};
    uint64_t size;
    size_t count;
    bool newer;

    arena_create(&arena, LANE_ARENA_BLOCK, LANE_ARENA_MAX);
    pthread_mutex_lock(&publisher->keeping);
    pthread_mutex_lock(&publisher->mutex);
    size = publisher->rounds.witnessed_size;
    count = publisher->rounds.witnessed_count;
    newer = size > publisher->kept_size || (size == publisher->kept_size && count > publisher->kept_count);
    if (newer)
        note = arena_copy(&arena, buf_slice(&publisher->rounds.witnessed));
    pthread_mutex_unlock(&publisher->mutex);
    if (note.data && file_replace(publisher->folder, PUBLISH_KEPT_NAME, note, &error) == STATUS_OK) {
        publisher->kept_size = size;
        publisher->kept_count = count;
    } else if (note.data) {
        log_event(publisher->log, LOG_ERROR, "the witnessed checkpoint is not kept", LOG_S("where", error.where),
                  LOG_S("error", error.message));
    }
    pthread_mutex_unlock(&publisher->keeping);
    arena_destroy(&arena);
}

void lane_take_cosignature(void *context, uint64_t size, struct slice line)
{
    struct lane *lane = context;
    bool witnessed;

    pthread_mutex_lock(&lane->publisher->mutex);
    witnessed = rounds_cosigned(&lane->publisher->rounds, lane->witness, size, line);
    pthread_mutex_unlock(&lane->publisher->mutex);
    if (witnessed)
        keep_witnessed(lane->publisher);
}

/* ---- a lane's thread ---- */

static uint64_t retry_delay_ms(struct lane *lane)
{
    unsigned shift = lane->retries < 6 ? lane->retries : 6;
    uint64_t delay = (uint64_t)PUBLISH_RETRY_MS_MIN << shift;
    uint32_t random = 0;

    lane->retries++;
    if (delay > PUBLISH_RETRY_MS_MAX || lane->status.state == PUBLISH_CONFLICTS)
        delay = PUBLISH_RETRY_MS_MAX;
    if (digest_random(&random, sizeof random, NULL) != STATUS_OK)
        random = 0;
    return delay / 2 + random % (delay / 2 + 1); /* so that many logs do not come back to one witness together */
}

/* Once for every change, not once for every attempt. */
static void log_change(const struct lane *lane, enum publish_state before, const char *message)
{
    const struct publish_status *status = &lane->status;

    if (status->state == before || (before == PUBLISH_STARTING && status->state == PUBLISH_WORKS))
        return;
    if (status->state == PUBLISH_WORKS)
        log_event(lane->publisher->log, LOG_INFO, "checkpoints are published again", LOG_S("target", status->name));
    else
        log_event(lane->publisher->log, status->state == PUBLISH_CONFLICTS ? LOG_ERROR : LOG_WARN,
                  status->state == PUBLISH_CONFLICTS ? "what was published is not this ledger's past"
                                                     : "checkpoints are not published",
                  LOG_S("target", status->name), LOG_S("error", message));
}

static void succeed(struct lane *lane, uint64_t published, uint64_t serial)
{
    lane->status.state = PUBLISH_WORKS;
    lane->status.message[0] = '\0';
    lane->checked = true;
    lane->serial = serial;
    lane->retries = 0;
    lane->not_before_ms = 0;
    if (published > 0) {
        lane->status.size = published;
        lane->status.time_ms = clock_now_ms(&lane->publisher->clock);
    }
}

static void fail(struct lane *lane, const struct error *error)
{
    lane->status.state = lane->outcome == STATUS_CONFLICT ? PUBLISH_CONFLICTS : PUBLISH_FAILS;
    snprintf(lane->status.message, sizeof lane->status.message, "%s", error->message);
    lane->status.failures++;
    lane->not_before_ms = publisher_now_ms() + retry_delay_ms(lane);
}

static void record(struct lane *lane, enum status outcome, uint64_t published, uint64_t serial, const struct error *error)
{
    enum publish_state before;

    pthread_mutex_lock(&lane->publisher->mutex);
    before = lane->status.state;
    lane->outcome = outcome;
    lane->asked = true;
    lane->status.successes += outcome == STATUS_OK && published > 0;
    if (outcome == STATUS_OK)
        succeed(lane, published, serial);
    else
        fail(lane, error);
    if (!lane->publisher->stopping)
        log_change(lane, before, error->message);
    (void)publisher_advance_round(lane->publisher);
    pthread_cond_broadcast(&lane->publisher->changed);
    pthread_mutex_unlock(&lane->publisher->mutex);
}

/* One attempt: what to publish, copied. */
struct work {
    struct publish_checkpoint checkpoint;
    uint64_t serial;
    bool check;
};

static void attempt(struct lane *lane, const struct work *work, struct arena *arena)
{
    const struct publish_checkpoint *now = &work->checkpoint;
    struct error error = {0};
    uint64_t published = now->ledger.size, serial = work->serial;
    enum status status;

    if (!now->note.data || !now->ledger.verifiers)
        status = error_set(&error, STATUS_NO_MEMORY, "", "out of memory");
    else if (work->check)
        status = lane->target->ops->check(lane->target, now, arena, &published, &error);
    else
        status = lane->target->ops->publish(lane->target, now, arena, &error);
    if (work->check && published < now->ledger.size)
        serial = 0; /* it was only asked */
    record(lane, status, published, serial, &error);
}

/* What it is to publish next, copied; false: nothing yet. Under the mutex. */
static bool take_due(struct lane *lane, struct arena *arena, struct work *out)
{
    struct publisher *publisher = lane->publisher;
    const struct round *round = rounds_present(&publisher->rounds);
    bool is_witness = lane->witness != LANE_NO_WITNESS;
    uint64_t size = is_witness ? round->size : publisher->newest_size;

    if (publisher->newest.size == 0 || round->note.size == 0)
        return false;
    if (lane->checked && (is_witness ? size <= lane->status.size : publisher->newest_serial == lane->serial))
        return false;
    arena_reset(arena);
    out->checkpoint.note = arena_copy(arena, is_witness ? buf_slice(&round->note) : buf_slice(&publisher->newest));
    out->checkpoint.ledger = publisher_copy_ledger(publisher, size, arena);
    out->checkpoint.required = publisher->settings.required;
    out->serial = publisher->newest_serial;
    out->check = !lane->checked;
    return true;
}

/* Blocks until there is work; false: the end. While stopping, what works gets one attempt more. */
static bool next_work(struct lane *lane, struct arena *arena, struct work *out)
{
    struct publisher *publisher = lane->publisher;
    bool found = false;

    pthread_mutex_lock(&publisher->mutex);
    for (;;) {
        uint64_t again = publisher_advance_round(publisher);
        bool ready = publisher_now_ms() >= lane->not_before_ms;

        if (publisher->stopping && (lane->goodbye || lane->status.state != PUBLISH_WORKS || !publisher->admitted))
            break;
        found = ready && (!lane->checked || publisher->admitted) && take_due(lane, arena, out);
        if (found || publisher->stopping)
            break;
        if (!ready && lane->not_before_ms < again)
            again = lane->not_before_ms;
        publisher_wait_until(publisher, again);
    }
    lane->goodbye = publisher->stopping;
    pthread_mutex_unlock(&publisher->mutex);
    return found;
}

void *lane_run(void *context)
{
    struct lane *lane = context;
    struct arena arena;
    struct work work;

    arena_create(&arena, LANE_ARENA_BLOCK, LANE_ARENA_MAX);
    while (next_work(lane, &arena, &work))
        attempt(lane, &work, &arena);
    arena_destroy(&arena);
    pthread_mutex_lock(&lane->publisher->mutex);
    lane->finished = true;
    pthread_cond_broadcast(&lane->publisher->changed);
    pthread_mutex_unlock(&lane->publisher->mutex);
    return NULL;
}
