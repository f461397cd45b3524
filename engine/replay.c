#include "engine/replay.h"

#include "engine/verdict_rules.h"
#include "ledger/private.h"
#include "proto/event.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPLAY_CHUNK = 1024, REPLAY_VMS_MAX = 8, REPLAY_THREADS_MAX = 64, REPLAY_ARENA_CAP = 512 * 1024 * 1024 };

struct replay {
    const struct replay_options *options;
    uint64_t size;
    _Atomic uint64_t next; /* entry of the next chunk */
    _Atomic bool stopping;
    pthread_mutex_t mutex; /* guards what follows, and the callbacks */
    struct replay_result *result;
    uint64_t done;
    struct error *error;
    enum status status;
};

/* A bundle's vm in one thread; bundle NULL: it is not to be had. */
struct replay_vm {
    struct digest revision;
    struct policy_vm *vm;
    uint64_t used;
};

struct worker {
    struct replay *replay;
    struct replay_vm vms[REPLAY_VMS_MAX];
    size_t vm_count;
    uint64_t uses;
    struct policy_vm *other; /* of options->bundle */
    struct arena arena;
    struct replay_result counts;
};

/* ---- bundles ---- */

static enum status load_blob(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error)
{
    return store_get(context, STORE_BLOBS, slice_from(hash->bytes, DIGEST_SIZE), arena, bytes, error);
}

static enum status load_private(void *context, uint64_t index, struct slice pointer, struct arena *arena, struct slice *row,
                                struct error *error)
{
    return private_read(context, index, pointer, arena, row, error);
}

/* NULL when the bundle is not there or does not load. */
static struct policy_vm *make_vm(struct worker *worker, const struct digest *revision)
{
    struct policy_bundle *bundle = NULL;
    struct policy_report report = {0};
    struct policy_vm *vm = NULL;
    struct slice bytes;
    struct error error;

    if (load_blob(worker->replay->options->store, revision, &worker->arena, &bytes, &error) == STATUS_OK &&
        policy_bundle_from_bytes(bytes, &policy_limits_default, &bundle, &report, &error) == STATUS_OK &&
        policy_vm_new(bundle, &vm, &error) != STATUS_OK)
        vm = NULL;
    policy_bundle_release(bundle);
    policy_report_destroy(&report);
    return vm;
}

static struct replay_vm *room_for_vm(struct worker *worker)
{
    struct replay_vm *oldest = &worker->vms[0];

    if (worker->vm_count < REPLAY_VMS_MAX)
        return &worker->vms[worker->vm_count++];
    for (size_t i = 1; i < REPLAY_VMS_MAX; i++) {
        if (worker->vms[i].used < oldest->used)
            oldest = &worker->vms[i];
    }
    policy_vm_delete(oldest->vm);
    return oldest;
}

static struct policy_vm *vm_for(struct worker *worker, struct slice revision)
{
    const struct slice prefix = SLICE("sha256:");
    struct replay_vm *found;
    struct digest digest;

    if (worker->other)
        return worker->other;
    if (!slice_starts_with(revision, prefix) || !digest_parse(slice_sub(revision, prefix.size, revision.size), &digest))
        return NULL;
    for (size_t i = 0; i < worker->vm_count; i++) {
        if (digest_equal(&worker->vms[i].revision, &digest)) {
            worker->vms[i].used = ++worker->uses;
            return worker->vms[i].vm;
        }
    }
    found = room_for_vm(worker);
    *found = (struct replay_vm){.revision = digest, .vm = make_vm(worker, &digest), .used = ++worker->uses};
    return found->vm;
}

/* ---- one decision ---- */

static struct slice verdict_bytes(struct arena *arena, const struct verdict *verdict)
{
    struct buf out;

    buf_create(&out, arena);
    verdict_write(&out, verdict);
    return out.failed ? (struct slice){0} : buf_slice(&out);
}

static bool is_different(struct worker *worker, const struct decision *recorded, const struct decision *fresh)
{
    struct slice before, after;

    if (recorded->outcome != fresh->outcome || recorded->verdict.tier != fresh->verdict.tier ||
        recorded->cost_micro_usd != fresh->cost_micro_usd)
        return true;
    if (worker->other)
        return false;
    before = verdict_bytes(&worker->arena, &recorded->verdict);
    after = verdict_bytes(&worker->arena, &fresh->verdict);
    return !before.data || !after.data || !slice_equal(before, after) ||
           !slice_equal(recorded->effects.grant_id, fresh->effects.grant_id);
}

static void report(struct worker *worker, uint64_t index, const struct decision *recorded, const struct decision *fresh)
{
    const struct replay_options *options = worker->replay->options;
    const struct replay_difference difference = {.index = index, .recorded = recorded, .fresh = fresh};

    worker->counts.differences++;
    if (!options->differs)
        return;
    pthread_mutex_lock(&worker->replay->mutex);
    options->differs(options->context, &difference);
    pthread_mutex_unlock(&worker->replay->mutex);
}

/* The same steps as the pipeline's: verdict, built-in rules, outcome. Times of effects are the recorded ones' business. */
static enum status decide_again(struct worker *worker, uint64_t index, const struct decision *recorded, struct error *error)
{
    struct policy_vm *vm = vm_for(worker, recorded->policy_revision);
    struct decision fresh = {.request = recorded->request, .facts = recorded->facts, .inputs = recorded->inputs};
    enum status status;

    if (!vm) {
        worker->counts.unreplayable++;
        return STATUS_OK;
    }
    status = verdict_rules_evaluate(vm, &worker->arena, &fresh, NULL, error);
    if (status == STATUS_OK && !verdict_rules_conclude(&worker->arena, &fresh, 0, 0, true))
        status = error_set(error, STATUS_NO_MEMORY, "", "entry %llu needs more memory than a replay may use",
                           (unsigned long long)index);
    if (status != STATUS_OK)
        return status;
    worker->counts.decisions++;
    if (is_different(worker, recorded, &fresh))
        report(worker, index, recorded, &fresh);
    return STATUS_OK;
}

/* Records before there was a runtime in them say nothing. */
static enum status note_runtime(struct worker *worker, struct slice body, struct error *error)
{
    char runtime[POLICY_RUNTIME_MAX];
    struct event event;
    enum status status;

    arena_reset(&worker->arena);
    status = event_from_body(&worker->arena, RECORD_POLICY_ACTIVATED, body, &event, error);
    policy_runtime(runtime);
    if (status == STATUS_OK && event.policy.runtime.size > 0 && !slice_equal_str(event.policy.runtime, runtime))
        worker->counts.other_runtimes++;
    return status;
}

static enum status visit(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct worker *worker = context;
    const struct decision_loader loader = {
        .load = load_blob, .load_private = load_private, .context = worker->replay->options->store};
    struct record_header header;
    struct decision recorded = {0};
    struct slice body;
    enum status status = record_split(record, &header, &body, error);

    worker->counts.entries++;
    if (status == STATUS_OK && header.type == RECORD_POLICY_ACTIVATED)
        return note_runtime(worker, body, error);
    if (status != STATUS_OK || header.type != RECORD_DECISION || header.time_ms < worker->replay->options->since_ms)
        return status;
    arena_reset(&worker->arena);
    status = decision_from_record(&worker->arena, &header, index, body, &loader, &recorded, error);
    if (status != STATUS_OK)
        return status;
    if (!recorded.redaction || recorded.redaction->missing == 0)
        return decide_again(worker, index, &recorded, error);
    worker->counts.unreplayable++;
    worker->counts.erased++;
    return STATUS_OK;
}

/* ---- threads ---- */

static void add_up(struct worker *worker, uint64_t done)
{
    struct replay *replay = worker->replay;
    struct replay_result *all = replay->result, *own = &worker->counts;

    pthread_mutex_lock(&replay->mutex);
    all->entries += own->entries;
    all->decisions += own->decisions;
    all->differences += own->differences;
    all->unreplayable += own->unreplayable;
    all->erased += own->erased;
    all->other_runtimes += own->other_runtimes;
    replay->done += done;
    if (replay->options->progress)
        replay->options->progress(replay->options->context, replay->done, replay->size);
    pthread_mutex_unlock(&replay->mutex);
    *own = (struct replay_result){0};
}

static void fail(struct replay *replay, enum status status, const struct error *error)
{
    atomic_store(&replay->stopping, true);
    pthread_mutex_lock(&replay->mutex);
    if (replay->status == STATUS_OK) {
        replay->status = status;
        *replay->error = *error;
    }
    pthread_mutex_unlock(&replay->mutex);
}

static void run_chunks(struct worker *worker)
{
    struct replay *replay = worker->replay;
    struct error error = {0};

    while (!atomic_load(&replay->stopping)) {
        uint64_t from = atomic_fetch_add(&replay->next, REPLAY_CHUNK), to = from + REPLAY_CHUNK;
        enum status status;

        if (from >= replay->size)
            return;
        to = to < replay->size ? to : replay->size;
        status = ledger_each(replay->options->store, from, to, visit, worker, &error);
        if (status != STATUS_OK)
            fail(replay, status, &error);
        add_up(worker, to - from);
    }
}

static void *run_worker(void *context)
{
    struct worker *worker = calloc(1, sizeof *worker);
    struct replay *replay = context;
    struct error error = {0};

    if (!worker) {
        error_set(&error, STATUS_NO_MEMORY, "", "out of memory");
        fail(replay, STATUS_NO_MEMORY, &error);
        return NULL;
    }
    worker->replay = replay;
    arena_create(&worker->arena, 256 * 1024, REPLAY_ARENA_CAP);
    if (replay->options->bundle && policy_vm_new(replay->options->bundle, &worker->other, &error) != STATUS_OK)
        fail(replay, error.status, &error);
    run_chunks(worker);
    for (size_t i = 0; i < worker->vm_count; i++)
        policy_vm_delete(worker->vms[i].vm);
    policy_vm_delete(worker->other);
    arena_destroy(&worker->arena);
    free(worker);
    return NULL;
}

static void run_threads(struct replay *replay, unsigned count)
{
    pthread_t threads[REPLAY_THREADS_MAX];
    unsigned started = 0;

    while (started + 1 < count && pthread_create(&threads[started], NULL, run_worker, replay) == 0)
        started++;
    run_worker(replay);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

enum status replay_run(const struct replay_options *options, struct replay_result *out, struct error *error)
{
    struct replay replay = {.options = options, .result = out, .error = error, .mutex = PTHREAD_MUTEX_INITIALIZER};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = options->threads > 0 ? options->threads : cores > 0 ? (unsigned)cores : 1;
    enum status status;

    *out = (struct replay_result){0};
    status = ledger_store_head(options->store, &replay.size, NULL, error);
    if (status == STATUS_OK)
        status = ledger_store_archived(options->store, &out->archived, NULL, error);
    if (status != STATUS_OK)
        return status;
    replay.next = replay.done = out->archived;
    run_threads(&replay, threads < REPLAY_THREADS_MAX ? threads : REPLAY_THREADS_MAX);
    pthread_mutex_destroy(&replay.mutex);
    return replay.status;
}
