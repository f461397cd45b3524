#include "server/worker.h"

#include <signal.h>

static enum status worker_listen(struct worker *worker, int tag, int fd, struct error *error)
{
    struct http_listener listener = {
        .fd = fd, .tag = tag, .handler = api_handle, .body_limit = api_body_limit, .context = &worker->api};

    return http_worker_listen(worker->http, &listener, error);
}

enum status worker_create(struct worker *worker, const struct api_shared *shared, size_t position,
                          const struct decide_settings *settings, const int fds[API_LISTENER_UNIX + 1], struct error *error)
{
    uint64_t epoch = state_policy_epoch(shared->state);
    struct policy_vm *vm = activation_take(shared->activation, position, epoch);
    enum status status = STATUS_OK;

    if (!vm)
        return error_set(error, STATUS_INTERNAL, "", "no policies are active");
    worker->http = http_worker_new(NULL, error);
    if (!worker->http) {
        policy_vm_delete(vm);
        return error->status;
    }
    if (!api_create(&worker->api, shared, worker->http, position, vm, epoch, settings))
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    for (int tag = API_LISTENER_MCP; tag <= API_LISTENER_UNIX && status == STATUS_OK; tag++)
        status = worker_listen(worker, tag, fds[tag], error);
    return status;
}

static void *worker_thread(void *context)
{
    struct worker *worker = context;
    struct error error = {0};

    if (http_worker_run(worker->http, &error) != STATUS_OK)
        log_event(worker->api.shared->log, LOG_ERROR, "worker failed", LOG_S("error", error.message));
    return NULL;
}

/* Signals are the main thread's: workers start with all of them blocked. */
enum status worker_start(struct worker *worker, struct error *error)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&worker->thread, NULL, worker_thread, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start a worker thread");
    worker->started = true;
    return STATUS_OK;
}

void worker_drain(struct worker *worker, uint32_t deadline_ms)
{
    http_worker_drain(worker->http, deadline_ms);
}

void worker_join(struct worker *worker)
{
    if (worker->started)
        pthread_join(worker->thread, NULL);
    worker->started = false;
}

void worker_destroy(struct worker *worker)
{
    http_worker_delete(worker->http);
    if (worker->http)
        api_destroy(&worker->api);
    worker->http = NULL;
}
