#include "engine/activation.h"

#include "proto/event.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { ACTIVATION_ARENA_CAP = 256 * 1024 * 1024 }; /* room for the bytes of the bundle before */

struct activation {
    struct activation_options options;
    struct inbox inbox;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* guards what follows; never held over I/O or Lua */
    pthread_cond_t wake;
    bool stopping, signalled;
    struct policy_bundle *active;
    uint64_t epoch;              /* of `active` and `vms` */
    struct policy_vm **vms;      /* one a worker; NULL once taken */
    struct policy_vm **incoming; /* those of the bundle whose entry is on its way; NULL outside of an activation */
};

/* A ledger transaction that a thread waits for. */
struct activation_commit {
    struct ledger_txn txn;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
};

static void activation_wake(void *context)
{
    struct activation *activation = context;

    pthread_mutex_lock(&activation->mutex);
    activation->signalled = true;
    pthread_cond_signal(&activation->wake);
    pthread_mutex_unlock(&activation->mutex);
}

enum status activation_new(const struct activation_options *options, struct activation **out, struct error *error)
{
    struct activation *activation = calloc(1, sizeof *activation);

    if (!activation || !(activation->vms = calloc(options->workers, sizeof(struct policy_vm *)))) {
        free(activation);
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    activation->options = *options;
    pthread_mutex_init(&activation->mutex, NULL);
    pthread_cond_init(&activation->wake, NULL);
    inbox_create(&activation->inbox, activation_wake, activation);
    *out = activation;
    return STATUS_OK;
}

static void activation_delete_vms(struct policy_vm **vms, size_t count)
{
    for (size_t i = 0; vms && i < count; i++)
        policy_vm_delete(vms[i]);
    free(vms);
}

void activation_delete(struct activation *activation)
{
    if (!activation)
        return;
    activation_stop(activation);
    activation_delete_vms(activation->vms, activation->options.workers);
    policy_bundle_release(activation->active);
    pthread_cond_destroy(&activation->wake);
    pthread_mutex_destroy(&activation->mutex);
    free(activation);
}

struct policy_vm *activation_take(struct activation *activation, size_t worker, uint64_t epoch)
{
    struct policy_vm *vm = NULL;
    struct policy_vm **vms = NULL;

    pthread_mutex_lock(&activation->mutex);
    if (activation->epoch == epoch)
        vms = activation->vms;
    else if (epoch > activation->epoch)
        vms = activation->incoming; /* its entry has been sequenced: nobody else activates */
    if (vms) {
        vm = vms[worker];
        vms[worker] = NULL;
    }
    pthread_mutex_unlock(&activation->mutex);
    return vm;
}

struct policy_bundle *activation_bundle(struct activation *activation)
{
    struct policy_bundle *bundle;

    pthread_mutex_lock(&activation->mutex);
    bundle = activation->active ? policy_bundle_retain(activation->active) : NULL;
    pthread_mutex_unlock(&activation->mutex);
    return bundle;
}

/* ---- the entry ---- */

static void activation_committed(struct ledger_txn *txn)
{
    struct activation_commit *commit = (struct activation_commit *)((char *)txn - offsetof(struct activation_commit, txn));

    pthread_mutex_lock(&commit->mutex);
    commit->is_done = true;
    pthread_cond_signal(&commit->done);
    pthread_mutex_unlock(&commit->mutex);
}

static enum status activation_wait(struct ledger *ledger, struct activation_commit *commit, struct error *error)
{
    if (ledger_submit(ledger, &commit->txn) != STATUS_OK)
        return error_set(error, STATUS_UNAVAILABLE, "", "the ledger's queue is full; the active policies stay. Try again");
    pthread_mutex_lock(&commit->mutex);
    while (!commit->is_done)
        pthread_cond_wait(&commit->done, &commit->mutex);
    pthread_mutex_unlock(&commit->mutex);
    if (commit->txn.result != LEDGER_OK)
        return error_set(error, STATUS_UNAVAILABLE, "", "the ledger did not take the activation; the active policies stay");
    return STATUS_OK;
}

static enum status activation_commit_event(struct activation *activation, struct arena *arena, const struct event *event,
                                           struct policy_bundle *bundle, uint64_t *index, struct error *error)
{
    struct activation_commit commit = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    struct slice bytes = policy_bundle_bytes(bundle);
    struct buf body;
    enum status status;

    buf_create(&body, arena);
    event_write_body(&body, arena, event);
    if (body.failed)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    commit.txn.entry_count = 1;
    commit.txn.done = activation_committed;
    commit.txn.entries[0] = (struct ledger_entry){.type = RECORD_POLICY_ACTIVATED,
                                                  .tenant = RECORD_TENANT_DEFAULT,
                                                  .as_of = ledger_sequenced(activation->options.ledger),
                                                  .body = buf_slice(&body),
                                                  .event = event};
    /* The bundle is kept under the hash of its bytes, so that an old decision can be replayed with its own policy. */
    commit.txn.blob_count = 1;
    commit.txn.blobs[0].bytes = bytes;
    digest_sha256(bytes, &commit.txn.blobs[0].hash);
    status = activation_wait(activation->options.ledger, &commit, error);
    *index = commit.txn.entries[0].index;
    pthread_cond_destroy(&commit.done);
    pthread_mutex_destroy(&commit.mutex);
    return status;
}

/* The bundle in force before a restart, from its bytes in the ledger; NULL when it is not there or no longer loads. */
static struct policy_bundle *activation_previous(struct activation *activation, struct arena *arena, struct slice revision)
{
    const struct slice prefix = SLICE("sha256:");
    struct policy_bundle *bundle = NULL;
    struct policy_report report = {0};
    struct digest hash;
    struct slice bytes;
    struct error error;

    if (activation->active)
        return policy_bundle_retain(activation->active);
    if (slice_starts_with(revision, prefix) && digest_parse(slice_sub(revision, prefix.size, revision.size), &hash) &&
        ledger_blob_read(activation->options.ledger, &hash, arena, &bytes, &error) == STATUS_OK &&
        policy_bundle_from_bytes(bytes, &policy_limits_default, &bundle, &report, &error) != STATUS_OK)
        bundle = NULL;
    policy_report_destroy(&report);
    return bundle;
}

static struct slice activation_summary(struct activation *activation, struct arena *arena, struct slice previous,
                                       struct policy_bundle *fresh)
{
    struct policy_bundle *old = activation_previous(activation, arena, previous);
    struct buf out;

    buf_create(&out, arena);
    policy_bundle_diff(old, fresh, &out);
    policy_bundle_release(old);
    return buf_slice(&out);
}

/* ---- one activation ---- */

/* From the moment the entry is sequenced workers need the new vms, so they are there before it; its index, and so the epoch, is
 * known only after it. */
static void activation_announce(struct activation *activation, struct policy_vm **vms)
{
    pthread_mutex_lock(&activation->mutex);
    activation->incoming = vms;
    pthread_mutex_unlock(&activation->mutex);
}

static void activation_publish(struct activation *activation, struct policy_bundle *bundle, struct policy_vm **vms,
                               uint64_t epoch)
{
    struct policy_bundle *old_bundle;
    struct policy_vm **old_vms;

    pthread_mutex_lock(&activation->mutex);
    old_bundle = activation->active;
    old_vms = activation->vms;
    activation->active = bundle;
    activation->vms = vms;
    activation->incoming = NULL;
    activation->epoch = epoch;
    pthread_mutex_unlock(&activation->mutex);
    activation_delete_vms(old_vms, activation->options.workers);
    policy_bundle_release(old_bundle);
}

static enum status activation_build_vms(struct activation *activation, struct policy_bundle *bundle, struct policy_vm ***out,
                                        struct error *error)
{
    size_t count = activation->options.workers;
    struct policy_vm **vms = calloc(count, sizeof(struct policy_vm *));
    enum status status = vms ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");

    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = policy_vm_new(bundle, &vms[i], error);
    if (status != STATUS_OK)
        activation_delete_vms(vms, count);
    else
        *out = vms;
    return status;
}

static enum status activation_record(struct activation *activation, struct policy_bundle *bundle, const char *by,
                                     uint64_t *index, struct error *error)
{
    struct arena arena;
    struct event event = {.type = RECORD_POLICY_ACTIVATED, .by = slice_from_str(by)};
    char runtime[POLICY_RUNTIME_MAX];
    enum status status;

    arena_create(&arena, 4096, ACTIVATION_ARENA_CAP);
    event.policy.revision = policy_bundle_revision(bundle);
    policy_runtime(runtime);
    event.policy.runtime = slice_from_str(runtime);
    event.policy.previous = state_policy_revision(activation->options.state, &arena);
    event.policy.summary = activation_summary(activation, &arena, event.policy.previous, bundle);
    status = activation_commit_event(activation, &arena, &event, bundle, index, error);
    arena_destroy(&arena);
    return status;
}

/* Was the activation in force made by this runtime? Another one may decide otherwise, so that is recorded as an activation. */
static bool activation_is_of_runtime(struct activation *activation, struct arena *arena)
{
    uint64_t epoch = state_policy_epoch(activation->options.state);
    char runtime[POLICY_RUNTIME_MAX];
    struct record_header header;
    struct slice record, body;
    struct event event;
    struct error error;

    policy_runtime(runtime);
    return epoch > 0 && ledger_read(activation->options.ledger, epoch - 1, arena, &record, &error) == STATUS_OK &&
           record_split(record, &header, &body, &error) == STATUS_OK && header.type == RECORD_POLICY_ACTIVATED &&
           event_from_body(arena, header.type, body, &event, &error) == STATUS_OK &&
           slice_equal_str(event.policy.runtime, runtime);
}

static bool activation_is_recorded(struct activation *activation, struct policy_bundle *bundle,
                                   struct activation_outcome *outcome)
{
    struct arena arena;
    struct slice revision;
    bool same;

    arena_create(&arena, 4096, ACTIVATION_ARENA_CAP);
    revision = state_policy_revision(activation->options.state, &arena);
    same = slice_equal(revision, policy_bundle_revision(bundle)) && activation_is_of_runtime(activation, &arena);
    snprintf(outcome->previous, sizeof outcome->previous, "%.*s", SLICE_ARG(revision));
    arena_destroy(&arena);
    return same;
}

static void activation_load(struct activation *activation, const char *by, struct activation_outcome *outcome)
{
    struct policy_bundle *bundle = NULL;
    struct policy_vm **vms = NULL;
    uint64_t epoch;
    bool recorded;

    outcome->status =
        policy_bundle_load(activation->options.folder, &policy_limits_default, &bundle, &outcome->report, &outcome->error);
    if (outcome->status != STATUS_OK)
        return;
    recorded = activation_is_recorded(activation, bundle, outcome);
    outcome->rule_count = policy_bundle_rule_count(bundle);
    snprintf(outcome->revision, sizeof outcome->revision, "%.*s", SLICE_ARG(policy_bundle_revision(bundle)));
    if (recorded && activation->active) {
        policy_bundle_release(bundle);
        return;
    }
    outcome->status = activation_build_vms(activation, bundle, &vms, &outcome->error);
    epoch = state_policy_epoch(activation->options.state);
    if (outcome->status == STATUS_OK && !recorded) {
        activation_announce(activation, vms);
        outcome->status = activation_record(activation, bundle, by, &outcome->ledger_index, &outcome->error);
        outcome->changed = outcome->status == STATUS_OK;
        epoch = outcome->ledger_index + 1;
    }
    if (outcome->status == STATUS_OK) {
        activation_publish(activation, bundle, vms, epoch);
        return;
    }
    activation_announce(activation, NULL);
    activation_delete_vms(vms, vms ? activation->options.workers : 0);
    policy_bundle_release(bundle);
}

static void activation_log(struct activation *activation, const struct activation_outcome *outcome)
{
    const struct log *log = activation->options.log;

    if (outcome->status != STATUS_OK)
        log_event(log, LOG_ERROR, "policies not loaded; the active ones stay", LOG_S("where", outcome->error.where),
                  LOG_S("error", outcome->error.message));
    else if (outcome->changed)
        log_event(log, LOG_INFO, "policies activated", LOG_S("revision", outcome->revision),
                  LOG_N("rules", (int64_t)outcome->rule_count));
    else
        log_event(log, LOG_INFO, "policies unchanged", LOG_S("revision", outcome->revision),
                  LOG_N("rules", (int64_t)outcome->rule_count));
}

void activation_run(struct activation *activation, struct activation_request *request)
{
    activation_load(activation, request->by, &request->outcome);
    activation_log(activation, &request->outcome);
    if (request->done)
        request->done(request);
}

/* ---- the loader thread ---- */

static bool activation_sleep(struct activation *activation)
{
    bool go_on;

    pthread_mutex_lock(&activation->mutex);
    while (!activation->signalled && !activation->stopping)
        pthread_cond_wait(&activation->wake, &activation->mutex);
    activation->signalled = false;
    go_on = !activation->stopping;
    pthread_mutex_unlock(&activation->mutex);
    return go_on;
}

static void *activation_thread(void *context)
{
    struct activation *activation = context;
    bool go_on = true;

    while (go_on) {
        struct inbox_item *item, *next;

        go_on = activation_sleep(activation);
        for (item = inbox_take_all(&activation->inbox); item; item = next) {
            next = item->next;
            activation_run(activation, (struct activation_request *)((char *)item - offsetof(struct activation_request, link)));
        }
    }
    return NULL;
}

enum status activation_start(struct activation *activation, struct error *error)
{
    if (pthread_create(&activation->thread, NULL, activation_thread, activation) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the policy loader's thread");
    activation->started = true;
    return STATUS_OK;
}

void activation_stop(struct activation *activation)
{
    if (!activation->started)
        return;
    pthread_mutex_lock(&activation->mutex);
    activation->stopping = true;
    pthread_cond_signal(&activation->wake);
    pthread_mutex_unlock(&activation->mutex);
    pthread_join(activation->thread, NULL);
    activation->started = false;
}

bool activation_post(struct activation *activation, struct activation_request *request)
{
    bool stopping;

    pthread_mutex_lock(&activation->mutex);
    stopping = activation->stopping;
    pthread_mutex_unlock(&activation->mutex);
    if (stopping)
        return false;
    inbox_push(&activation->inbox, &request->link);
    return true;
}
