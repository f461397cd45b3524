#include "publish/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char *publish_state_name(enum publish_state state)
{
    static const char *const names[] = {"starting", "works", "fails", "conflicts"};

    return names[state];
}

uint64_t publisher_now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

void publisher_wait_until(struct publisher *publisher, uint64_t at_ms)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000) * 1000000};

    if (at_ms == UINT64_MAX)
        pthread_cond_wait(&publisher->changed, &publisher->mutex);
    else
        pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &at);
}

struct publish_ledger publisher_copy_ledger(const struct publisher *publisher, uint64_t size, struct arena *arena)
{
    const size_t bytes = publisher->verifier_count * sizeof *publisher->verifiers;

    return (struct publish_ledger){.store = publisher->store,
                                   .size = size,
                                   .verifiers = (const void *)arena_copy(arena, slice_from(publisher->verifiers, bytes)).data,
                                   .verifier_count = publisher->verifier_count,
                                   .former = publisher->former};
}

/* ---- the start ---- */

static struct lane *new_lane(struct publisher *publisher, const char *kind, const char *name, size_t witness)
{
    struct lane *lane = &publisher->lanes[publisher->lane_count++];

    *lane = (struct lane){.publisher = publisher, .witness = witness, .status.kind = kind};
    snprintf(lane->status.name, sizeof lane->status.name, "%s", name);
    return lane;
}

static enum status make_lanes(struct publisher *publisher, struct error *error)
{
    const struct publish_settings *settings = &publisher->settings;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < settings->place_count && status == STATUS_OK; i++) {
        const struct publish_place *place = &settings->places[i];
        struct lane *lane = new_lane(publisher, place->path[0] ? "file" : "webhook", place->name, LANE_NO_WITNESS);

        status = place->path[0] ? target_file_new(place, &lane->target, error)
                                : target_webhook_new(place, settings, &lane->target, error);
    }
    for (size_t i = 0; i < settings->witness_count && status == STATUS_OK; i++) {
        struct lane *lane = new_lane(publisher, "witness", settings->witnesses[i].verifier.name, i);

        status = target_witness_new(&settings->witnesses[i], &settings->witness_urls[i], settings->ca_file,
                                    lane_take_cosignature, lane, &lane->target, error);
    }
    if (status != STATUS_OK && !publisher->lanes[publisher->lane_count - 1].target)
        publisher->lane_count--;
    return status;
}

/* The last witnessed checkpoint; one that the ledger does not continue is the sign of an old copy. */
static enum status restore_witnessed(struct publisher *publisher, uint64_t ledger_size, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct publish_ledger ledger;
    struct arena arena;
    struct slice bytes;
    struct note note;
    uint64_t size = 0;
    size_t count = 0;
    enum status status = file_path(path, publisher->folder, PUBLISH_KEPT_NAME, error);

    arena_create(&arena, LANE_ARENA_BLOCK, LANE_ARENA_MAX);
    ledger = publisher_copy_ledger(publisher, ledger_size, &arena);
    if (status == STATUS_OK)
        status = file_read(path, &arena, NOTE_BYTES_MAX, &bytes, NULL, error);
    if (status == STATUS_OK)
        status = publish_compare(&ledger, bytes, &size, error);
    if (status == STATUS_CONFLICT)
        snprintf(error->where, sizeof error->where, "%.*s", (int)sizeof error->where - 1, path);
    else if (status == STATUS_OK && size > 0 && note_parse(&arena, bytes, &note, error) == STATUS_OK &&
             witness_count(&note, publisher->settings.witnesses, publisher->settings.witness_count, &count, error) ==
                 STATUS_OK &&
             count >= publisher->rounds.needed)
        rounds_restore(&publisher->rounds, bytes, size, count);
    publisher->kept_size = publisher->rounds.witnessed_size;
    publisher->kept_count = publisher->rounds.witnessed_count;
    arena_destroy(&arena);
    return status == STATUS_CONFLICT ? status : STATUS_OK;
}

static enum status start_threads(struct publisher *publisher, struct error *error)
{
    for (size_t i = 0; i < publisher->lane_count; i++) {
        struct lane *lane = &publisher->lanes[i];

        if (pthread_create(&lane->thread, NULL, lane_run, lane) != 0)
            return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the thread that publishes to %.200s",
                             lane->status.name);
        lane->started = true;
    }
    return STATUS_OK;
}

static bool all_asked(const struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->lane_count; i++) {
        if (!publisher->lanes[i].asked)
            return false;
    }
    return true;
}

/* What a start cannot go on with. Under the mutex. */
static enum status verdict(const struct publisher *publisher, struct error *error)
{
    for (size_t i = 0; i < publisher->lane_count; i++) {
        const struct lane *lane = &publisher->lanes[i];

        if (lane->outcome == STATUS_CONFLICT || lane->outcome == STATUS_INVALID)
            return error_set(error, lane->outcome, lane->status.name, "%s", lane->status.message);
    }
    for (size_t i = 0; i < publisher->lane_count && publisher->settings.required; i++) {
        const struct lane *lane = &publisher->lanes[i];

        if (lane->outcome != STATUS_OK || !lane->asked)
            return error_set(error, STATUS_UNAVAILABLE, lane->status.name,
                             "what was published there last is not known, and --publish-required is yes: %.500s",
                             lane->asked ? lane->status.message : "no answer yet");
    }
    return STATUS_OK;
}

static enum status ask_all(struct publisher *publisher, struct error *error)
{
    uint64_t end = publisher_now_ms() + PUBLISH_START_MS;
    enum status status;

    pthread_mutex_lock(&publisher->mutex);
    while (!all_asked(publisher) && publisher_now_ms() < end)
        publisher_wait_until(publisher, end);
    status = verdict(publisher, error);
    publisher->admitted = status == STATUS_OK;
    pthread_cond_broadcast(&publisher->changed);
    pthread_mutex_unlock(&publisher->mutex);
    return status;
}

static void create_locks(struct publisher *publisher)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&publisher->mutex, NULL);
    pthread_mutex_init(&publisher->keeping, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&publisher->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct publisher *publisher_new(const struct publisher_options *options)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);

    if (!publisher)
        return NULL;
    publisher->settings = *options->settings;
    publisher->store = options->store;
    publisher->verifier_count = options->verifier_count;
    memcpy(publisher->verifiers, options->verifiers, options->verifier_count * sizeof *options->verifiers);
    snprintf(publisher->former, sizeof publisher->former, "%s", options->former);
    publisher->log = options->log;
    publisher->clock = options->clock;
    snprintf(publisher->folder, sizeof publisher->folder, "%s", options->folder);
    create_locks(publisher);
    buf_create(&publisher->newest, NULL);
    rounds_create(&publisher->rounds, publisher->settings.quorum);
    return publisher;
}

enum status publisher_start(const struct publisher_options *options, struct slice note, uint64_t size, struct publisher **out,
                            struct error *error)
{
    struct publisher *publisher = publisher_new(options);
    enum status status;

    if (!publisher)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    buf_add_slice(&publisher->newest, note);
    publisher->newest_size = size;
    publisher->newest_serial = 1;
    if (publisher->newest.failed || !rounds_begin(&publisher->rounds, note, size, publisher_now_ms()))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    else
        status = restore_witnessed(publisher, size, error);
    if (status == STATUS_OK)
        status = make_lanes(publisher, error);
    if (status == STATUS_OK)
        status = start_threads(publisher, error);
    if (status == STATUS_OK)
        status = ask_all(publisher, error);
    if (status == STATUS_OK)
        *out = publisher;
    else
        publisher_stop(publisher);
    return status;
}

/* ---- the run and the stop ---- */

/* A key that took over since the start becomes the first. */
static void know_verifier(struct publisher *publisher, const struct note_verifier *by)
{
    size_t count = publisher->verifier_count;

    if (note_verifier_equal(&publisher->verifiers[0], by))
        return;
    if (count == NOTE_VERIFIERS_MAX)
        count--;
    memmove(&publisher->verifiers[1], &publisher->verifiers[0], count * sizeof *by);
    publisher->verifiers[0] = *by;
    publisher->verifier_count = count + 1;
}

void publisher_offer(void *context, struct slice note, uint64_t size, const struct note_verifier *by)
{
    struct publisher *publisher = context;

    pthread_mutex_lock(&publisher->mutex);
    if (size >= publisher->newest_size && !slice_equal(note, buf_slice(&publisher->newest))) {
        know_verifier(publisher, by);
        publisher->newest.size = 0;
        publisher->newest.failed = false;
        buf_add_slice(&publisher->newest, note);
        publisher->newest_size = size;
        publisher->newest_serial++;
        if (publisher->newest.failed)
            publisher->newest.size = 0; /* nobody takes an empty one for a checkpoint; the next one comes within a second */
        (void)publisher_advance_round(publisher);
        pthread_cond_broadcast(&publisher->changed);
    }
    pthread_mutex_unlock(&publisher->mutex);
}

static bool all_finished(const struct publisher *publisher)
{
    for (size_t i = 0; i < publisher->lane_count; i++) {
        if (publisher->lanes[i].started && !publisher->lanes[i].finished)
            return false;
    }
    return true;
}

static void say_goodbye(struct publisher *publisher)
{
    uint64_t end = publisher_now_ms() + PUBLISH_GOODBYE_MS;

    pthread_mutex_lock(&publisher->mutex);
    publisher->stopping = true;
    (void)publisher_advance_round(publisher);
    pthread_cond_broadcast(&publisher->changed);
    while (!all_finished(publisher) && publisher_now_ms() < end)
        publisher_wait_until(publisher, end);
    pthread_mutex_unlock(&publisher->mutex);
}

void publisher_stop(struct publisher *publisher)
{
    if (!publisher)
        return;
    say_goodbye(publisher);
    for (size_t i = 0; i < publisher->lane_count; i++) {
        struct lane *lane = &publisher->lanes[i];

        if (lane->started) {
            lane->target->ops->interrupt(lane->target);
            pthread_join(lane->thread, NULL);
        }
        lane->target->ops->destroy(lane->target);
    }
    rounds_destroy(&publisher->rounds);
    buf_destroy(&publisher->newest);
    pthread_cond_destroy(&publisher->changed);
    pthread_mutex_destroy(&publisher->mutex);
    pthread_mutex_destroy(&publisher->keeping);
    free(publisher);
}

/* ---- what others ask ---- */

void publisher_cosign(struct publisher *publisher, uint64_t size, struct buf *out)
{
    pthread_mutex_lock(&publisher->mutex);
    rounds_write_lines(&publisher->rounds, size, out);
    pthread_mutex_unlock(&publisher->mutex);
}

enum status publisher_witnessed(struct publisher *publisher, struct arena *arena, struct slice *note, uint64_t *size,
                                struct error *error)
{
    pthread_mutex_lock(&publisher->mutex);
    *size = publisher->rounds.witnessed_size;
    *note = *size > 0 ? arena_copy(arena, buf_slice(&publisher->rounds.witnessed)) : (struct slice){0};
    pthread_mutex_unlock(&publisher->mutex);
    if (*size == 0)
        return error_set(error, STATUS_NOT_FOUND, "", "no checkpoint has its quorum of cosignatures yet");
    return note->data ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

void publisher_totals(struct publisher *publisher, struct publish_totals *out)
{
    pthread_mutex_lock(&publisher->mutex);
    *out = (struct publish_totals){.quorum = publisher->settings.quorum,
                                   .witnesses = publisher->settings.witness_count,
                                   .witnessed_size = publisher->rounds.witnessed_size,
                                   .witnessed_count = publisher->rounds.witnessed_count};
    pthread_mutex_unlock(&publisher->mutex);
}

bool publisher_status(struct publisher *publisher, size_t index, struct publish_status *out)
{
    if (index >= publisher->lane_count)
        return false;
    pthread_mutex_lock(&publisher->mutex);
    *out = publisher->lanes[index].status;
    pthread_mutex_unlock(&publisher->mutex);
    return true;
}
