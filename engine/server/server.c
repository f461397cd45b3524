#include "server/server.h"

#include "api/retries.h"
#include "api/watch.h"
#include "base/file.h"
#include "base/folder_watch.h"
#include "confine/judge.h"
#include "engine/restore.h"
#include "engine/upkeep.h"
#include "http/bind.h"
#include "ledger/checkpointer.h"
#include "publish/publisher.h"
#include "server/files.h"
#include "server/housekeeping.h"
#include "server/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SERVER_LISTENERS = API_LISTENER_UNIX + 1 };

struct server {
    struct config config;
    struct log log;
    struct store *store;
    struct state *state;
    struct ledger *ledger;
    struct custody custody;
    struct checkpointer *checkpointer;
    const struct publish_settings *publishing;
    struct publisher *publisher;
    struct activation *activation;
    struct judge *judge;
    struct housekeeping *housekeeping;
    struct upkeep *upkeep;
    struct api_shared shared;
    struct retries *retries;
    char token[FILES_TOKEN_SIZE];
    struct slice origins[API_ORIGINS_MAX];
    _Atomic bool draining;
    struct bind_address bound[SERVER_LISTENERS];
    char ledger_folder[CONFIG_TEXT_MAX + 16];
    char unix_path[CONFIG_TEXT_MAX + 32];
    size_t worker_count;
    struct worker *workers;
    struct api **apis;
    int *fds; /* worker_count rows of SERVER_LISTENERS */
    bool wrote_endpoints;
    int signals; /* signalfd */
    int failure; /* eventfd: the ledger has failed */
    int watch;   /* of the policies' folder; -1: not watched */
    struct error failure_error;
};

/* ---- small steps of the start ---- */

/* One descriptor a connection: as many as the system lets this process have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum status take_signals(struct server *server, struct error *error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    server->signals = signalfd(-1, &set, SFD_CLOEXEC);
    server->failure = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->signals < 0 || server->failure < 0)
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot watch signals: %m");
    return STATUS_OK;
}

static void split_origins(struct server *server)
{
    struct slice rest = slice_from_str(server->config.allow_origin);

    while (rest.size > 0 && server->shared.origin_count < API_ORIGINS_MAX) {
        size_t comma = slice_find(rest, ',', 0);
        struct slice origin = slice_sub(rest, 0, comma);

        if (origin.size > 0)
            server->origins[server->shared.origin_count++] = origin;
        rest = comma == SIZE_MAX ? (struct slice){0} : slice_sub(rest, comma + 1, SIZE_MAX);
    }
    server->shared.origins = server->origins;
}

static const char *const listener_names[SERVER_LISTENERS] = {"", "mcp", "rest", "metrics", "unix"};

static const char *listener_address(const struct config *config, int tag)
{
    return tag == API_LISTENER_MCP ? config->mcp : tag == API_LISTENER_REST ? config->rest : config->metrics;
}

static enum status bind_one(struct server *server, int tag, int *column, struct error *error)
{
    const char *address = listener_address(&server->config, tag);
    struct bind_address parsed;
    enum status status = bind_parse(slice_from_str(address), &parsed, error);

    if (status == STATUS_OK && !parsed.is_loopback)
        return error_set(error, STATUS_DENIED, listener_names[tag],
                         "%s is not a loopback address; without TLS and authentication edictd listens on loopback only. Put a "
                         "proxy that has both in front of it",
                         address);
    if (status == STATUS_OK)
        status = bind_tcp(slice_from_str(address), server->worker_count, column, &server->bound[tag], error);
    return status;
}

static enum status bind_listeners(struct server *server, struct error *error)
{
    int column[CONFIG_THREADS_MAX], first;
    enum status status = STATUS_OK;

    for (int tag = API_LISTENER_MCP; tag <= API_LISTENER_METRICS; tag++) {
        status = bind_one(server, tag, column, error);
        if (status != STATUS_OK)
            return status;
        for (size_t w = 0; w < server->worker_count; w++)
            server->fds[w * SERVER_LISTENERS + (size_t)tag] = column[w];
    }
    if (server->config.unix_path[0])
        snprintf(server->unix_path, sizeof server->unix_path, "%s", server->config.unix_path);
    else
        snprintf(server->unix_path, sizeof server->unix_path, "%s/edictd.sock", server->config.data);
    status = bind_unix(server->unix_path, &first, error);
    for (size_t w = 0; status == STATUS_OK && w < server->worker_count; w++)
        server->fds[w * SERVER_LISTENERS + API_LISTENER_UNIX] = w == 0 ? first : dup(first);
    return status;
}

/* ---- durable truth ---- */

/* In the sequencer's thread. Nothing can be known any more about what was being written, so the process ends, and a restart
 * recovers from the log. */
static void ledger_failed(void *context, const struct error *error)
{
    struct server *server = context;
    uint64_t one = 1;

    server->failure_error = *error;
    (void)!write(server->failure, &one, sizeof one);
}

static void watch(struct server *server)
{
    const struct state_watcher watcher = watch_state(&server->shared);

    state_watch(server->state, &watcher);
}

static enum status open_ledger(struct server *server, struct error *error)
{
    struct ledger_options options = {.sync = server->config.sync,
                                     .clock = clock_system(),
                                     .log = &server->log,
                                     .failed = ledger_failed,
                                     .failed_context = server,
                                     .grown = waiters_notify_growth,
                                     .grown_context = &server->shared};
    enum status status;

    snprintf(server->ledger_folder, sizeof server->ledger_folder, "%s/ledger", server->config.data);
    status = restore_check_finished(server->config.data, error);
    if (status == STATUS_OK)
        status = custody_check_store(server->config.data, error);
    if (status == STATUS_OK)
        status = store_open_rocksdb(server->ledger_folder, false, &server->store, error);
    if (status == STATUS_OK) /* RocksDB syncs what is in its folder, not the folder's own name */
        status = file_sync_folder(server->config.data, error);
    if (status == STATUS_OK)
        status = state_open(server->store, RECORD_TENANT_DEFAULT, &server->state, error);
    if (status != STATUS_OK)
        return status;
    options.fold = state_fold(server->state);
    status = ledger_open(server->store, &options, &server->ledger, error);
    if (status == STATUS_OK)
        watch(server);
    if (status == STATUS_OK)
        status = ledger_start(server->ledger, error);
    return status;
}

/* What this machine keeps cannot know that it is an old copy; what left the machine can. */
static enum status open_publisher(struct server *server, struct error *error)
{
    const struct publisher_options options = {.settings = server->publishing,
                                              .folder = server->config.data,
                                              .store = server->store,
                                              .verifiers = server->custody.verifiers,
                                              .verifier_count = server->custody.verifier_count,
                                              .former = server->custody.former,
                                              .log = &server->log,
                                              .clock = clock_system()};
    struct arena arena;
    struct slice note;
    uint64_t size;
    enum status status;

    arena_create(&arena, 4096, NOTE_BYTES_MAX);
    if (checkpointer_get(server->checkpointer, &arena, &note, &size))
        status = publisher_start(&options, note, size, &server->publisher, error);
    else
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    arena_destroy(&arena);
    if (status == STATUS_OK)
        checkpointer_watch(server->checkpointer, publisher_offer, server->publisher);
    return status;
}

/* After the ledger is open and before anything is added: a ledger that shrank must not grow over what was signed for. */
static enum status open_checkpoints(struct server *server, struct error *error)
{
    struct clock clock = clock_system();
    struct custody *custody = &server->custody;
    struct checkpointer_options options = {
        .ledger = server->ledger, .folder = server->config.data, .clock = clock, .log = &server->log};
    enum status status =
        custody_open(server->config.data, slice_from_str(server->config.origin), server->store, custody, error);

    if (status != STATUS_OK)
        return status;
    if (custody->created)
        log_event(&server->log, LOG_INFO, "made the ledger's key", LOG_S("origin", custody->signers[0].verifier.name));
    status = custody_compare(custody, server->store, ledger_durable(server->ledger), error);
    if (status == STATUS_OK)
        status = custody_keep_proof(custody, server->store, clock_now_ms(&clock), error);
    options.signers = custody->signers;
    options.signer_count = custody->signer_count;
    options.until_ms = custody->until_ms;
    return status == STATUS_OK ? checkpointer_start(&options, &server->checkpointer, error) : status;
}

static enum status start_upkeep(struct server *server, struct error *error)
{
    const struct upkeep_options options = {.ledger = server->ledger,
                                           .checkpointer = server->checkpointer,
                                           .custody = &server->custody,
                                           .clock = clock_system(),
                                           .log = &server->log};

    return upkeep_start(&options, &server->upkeep, error);
}

static void print_report(const struct policy_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        fprintf(stderr, "%s:%d: %s\n", report->items[i].file, report->items[i].line, report->items[i].message);
}

static enum status open_policies(struct server *server, struct error *error)
{
    struct activation_options options = {.folder = server->config.policies,
                                         .workers = server->worker_count,
                                         .ledger = server->ledger,
                                         .state = server->state,
                                         .log = &server->log};
    struct activation_request request = {.by = "system"};
    enum status status = activation_new(&options, &server->activation, error);

    if (status != STATUS_OK)
        return status;
    activation_run(server->activation, &request);
    print_report(&request.outcome.report);
    policy_report_destroy(&request.outcome.report);
    if (request.outcome.status != STATUS_OK) {
        *error = request.outcome.error;
        return request.outcome.status;
    }
    return activation_start(server->activation, error);
}

/* ---- workers ---- */

static enum status allocate_workers(struct server *server, struct error *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    server->worker_count = server->config.threads > 0 ? (size_t)server->config.threads : cores > 0 ? (size_t)cores : 1;
    if (server->worker_count > CONFIG_THREADS_MAX)
        server->worker_count = CONFIG_THREADS_MAX;
    server->workers = calloc(server->worker_count, sizeof *server->workers);
    server->apis = calloc(server->worker_count, sizeof *server->apis);
    server->fds = calloc(server->worker_count * SERVER_LISTENERS, sizeof *server->fds);
    server->retries = retries_new();
    if (!server->workers || !server->apis || !server->fds || !server->retries)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    memset(server->fds, -1, server->worker_count * SERVER_LISTENERS * sizeof *server->fds);
    return STATUS_OK;
}

static enum status start_workers(struct server *server, struct error *error)
{
    const struct decide_settings settings = {.reservation_ttl_ms = server->config.reservation_ttl_s * 1000,
                                             .escalation_ttl_ms = server->config.escalation_ttl_s * 1000};
    enum status status = STATUS_OK;

    if (!api_mcp_new(&server->shared))
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    for (size_t w = 0; w < server->worker_count && status == STATUS_OK; w++) {
        int *fds = &server->fds[w * SERVER_LISTENERS];

        status = worker_create(&server->workers[w], &server->shared, w, &settings, fds, error);
        memset(fds, -1, SERVER_LISTENERS * sizeof *fds);
    }
    for (size_t w = 0; w < server->worker_count && status == STATUS_OK; w++)
        status = worker_start(&server->workers[w], error);
    return status;
}

static void share(struct server *server)
{
    server->shared = (struct api_shared){.ledger = server->ledger,
                                         .checkpointer = server->checkpointer,
                                         .upkeep = server->upkeep,
                                         .data = server->config.data,
                                         .publisher = server->publisher,
                                         .state = server->state,
                                         .activation = server->activation,
                                         .judge = server->judge,
                                         .ledger_folder = server->ledger_folder,
                                         .log = &server->log,
                                         .clock = clock_system(),
                                         .admin_token = slice_from(server->token, sizeof server->token),
                                         .public_url = slice_from_str(server->config.public_url),
                                         .durable = server->config.sync,
                                         .started_ms = server->log.clock.now_ms(server->log.clock.context),
                                         .workers = server->apis,
                                         .worker_count = server->worker_count,
                                         .draining = &server->draining,
                                         .retries = server->retries};
    split_origins(server);
    for (size_t w = 0; w < server->worker_count; w++)
        server->apis[w] = &server->workers[w].api;
}

static enum status announce(struct server *server, struct error *error)
{
    const struct files_endpoints endpoints = {.mcp = server->bound[API_LISTENER_MCP].text,
                                              .rest = server->bound[API_LISTENER_REST].text,
                                              .metrics = server->bound[API_LISTENER_METRICS].text,
                                              .unix_path = server->unix_path};
    enum status status = files_write_endpoints(server->config.data, &endpoints, error);

    server->wrote_endpoints = status == STATUS_OK;
    log_event(&server->log, LOG_INFO, "ready", LOG_S("mcp", endpoints.mcp), LOG_S("rest", endpoints.rest),
              LOG_S("metrics", endpoints.metrics), LOG_S("unix", endpoints.unix_path),
              LOG_N("threads", (int64_t)server->worker_count), LOG_S("durability", server->config.sync ? "sync" : "async"));
    return status;
}

static enum status start_steps(struct server *server, struct error *error)
{
    bool created = false;
    enum status status = take_signals(server, error);

    if (status == STATUS_OK)
        status = allocate_workers(server, error);
    if (status == STATUS_OK)
        status = file_make_folder(server->config.data, error);
    if (status == STATUS_OK)
        files_warn_of_others(server->config.data, &server->log);
    if (status == STATUS_OK)
        status = open_ledger(server, error);
    if (status == STATUS_OK)
        status = open_checkpoints(server, error);
    if (status == STATUS_OK)
        status = open_publisher(server, error);
    if (status == STATUS_OK)
        status = files_admin_token(server->config.data, server->token, &created, error);
    if (status == STATUS_OK && server->config.policy_watch) { /* before they are read, so that no change is missed */
        server->watch = folder_watch_open(server->config.policies, error);
        status = server->watch >= 0 ? STATUS_OK : error->status;
    }
    if (status == STATUS_OK)
        status = open_policies(server, error);
    if (status == STATUS_OK)
        status = judge_start(&server->judge, error);
    if (status == STATUS_OK)
        status = bind_listeners(server, error);
    if (status == STATUS_OK) {
        const struct housekeeping_options housekeeping = {
            .ledger = server->ledger, .state = server->state, .clock = clock_system(), .log = &server->log};

        status = start_upkeep(server, error);
        share(server);
        if (status == STATUS_OK)
            status = start_workers(server, error);
        if (status == STATUS_OK) /* its entries wake the workers' long polls */
            status = housekeeping_start(&housekeeping, &server->housekeeping, error);
    }
    if (created)
        log_event(&server->log, LOG_INFO, "wrote the admin token", LOG_S("folder", server->config.data));
    return status == STATUS_OK ? announce(server, error) : status;
}

enum status server_start(const struct config *config, const struct publish_settings *publishing, struct server **out,
                         struct error *error)
{
    struct server *server = calloc(1, sizeof *server);
    enum status status;

    if (!server)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    server->config = *config;
    server->publishing = publishing;
    server->signals = server->failure = server->watch = -1;
    server->log =
        (struct log){.fd = STDERR_FILENO, .level = config->log_level, .format = config->log_format, .clock = clock_system()};
    raise_descriptor_limit();
    status = start_steps(server, error);
    if (status != STATUS_OK)
        (void)!server_stop(server, error); /* an error of the ledger is why what came after it failed */
    else
        *out = server;
    return status;
}

/* ---- serving ---- */

static void reload_finished(struct activation_request *request)
{
    policy_report_destroy(&request->outcome.report);
    free(request);
}

static void reload_policies(struct server *server)
{
    struct activation_request *request = calloc(1, sizeof *request);

    if (!request)
        return;
    *request = (struct activation_request){.by = "system", .done = reload_finished};
    if (!activation_post(server->activation, request))
        free(request);
}

/* True when the signal asks to stop. */
static bool take_signal(struct server *server)
{
    struct signalfd_siginfo info;

    if (read(server->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo == SIGHUP) {
        reload_policies(server);
        return false;
    }
    log_event(&server->log, LOG_INFO, "stopping", LOG_N("signal", (int64_t)info.ssi_signo));
    return true;
}

/* Files are written in several steps: a reload waits until nothing has changed for a moment. `changed` is kept between calls.
 */
static void take_changes(struct server *server, bool readable, bool *changed)
{
    if (readable) {
        *changed |= folder_watch_take(server->watch, server->config.policies);
    } else if (*changed) {
        *changed = false;
        reload_policies(server);
    }
}

enum status server_wait(struct server *server, struct error *error)
{
    struct pollfd fds[3] = {{.fd = server->signals, .events = POLLIN},
                            {.fd = server->failure, .events = POLLIN},
                            {.fd = server->watch, .events = POLLIN}};
    bool changed = false;

    for (;;) {
        if (poll(fds, 3, changed ? FOLDER_WATCH_QUIET_MS : -1) < 0)
            continue;
        if (fds[1].revents) {
            *error = server->failure_error;
            return error->status;
        }
        if (fds[0].revents && take_signal(server))
            return STATUS_OK;
        take_changes(server, fds[2].revents != 0, &changed);
    }
}

/* ---- the stop ---- */

static void stop_workers(struct server *server)
{
    for (size_t w = 0; w < server->worker_count && server->workers; w++) {
        if (server->workers[w].started)
            worker_drain(&server->workers[w], (uint32_t)server->config.drain_s * 1000);
    }
    for (size_t w = 0; w < server->worker_count && server->workers; w++)
        worker_join(&server->workers[w]);
}

static void close_unused_listeners(struct server *server)
{
    for (size_t i = 0; server->fds && i < server->worker_count * SERVER_LISTENERS; i++) {
        if (server->fds[i] >= 0)
            close(server->fds[i]);
    }
    if (server->unix_path[0])
        unlink(server->unix_path);
}

/* Did the ledger fail? Takes the event. */
static enum status take_failure(const struct server *server, struct error *error)
{
    uint64_t count;

    if (server->failure < 0 || read(server->failure, &count, sizeof count) != (ssize_t)sizeof count)
        return STATUS_OK;
    *error = server->failure_error;
    return error->status;
}

/* Workers first (they submit), then the loader and the housekeeping, then the ledger, which answers what it still holds into
 * inboxes that exist until here. */
enum status server_stop(struct server *server, struct error *error)
{
    enum status status;

    if (!server)
        return STATUS_OK;
    atomic_store(&server->draining, true);
    stop_workers(server);
    upkeep_stop(server->upkeep);
    if (server->activation)
        activation_stop(server->activation);
    judge_stop(server->judge);
    housekeeping_stop(server->housekeeping);
    if (server->ledger)
        ledger_stop(server->ledger);
    checkpointer_stop(server->checkpointer);
    custody_close(&server->custody);
    publisher_stop(server->publisher); /* has the last checkpoint by now */
    for (size_t w = 0; w < server->worker_count && server->workers; w++)
        worker_destroy(&server->workers[w]);
    judge_delete(server->judge);
    mcp_server_delete(server->shared.mcp);
    activation_delete(server->activation);
    if (server->store && server->ledger && server->store->ops->health(server->store, error) != STATUS_OK)
        ledger_failed(server, error);
    ledger_close(server->ledger);
    state_close(server->state);
    if (server->store)
        server->store->ops->close(server->store);
    status = take_failure(server, error);
    close_unused_listeners(server);
    if (server->wrote_endpoints)
        files_remove_endpoints(server->config.data);
    if (server->signals >= 0)
        close(server->signals);
    if (server->failure >= 0)
        close(server->failure);
    if (server->watch >= 0)
        close(server->watch);
    log_event(&server->log, LOG_INFO, "stopped", LOG_N("threads", (int64_t)server->worker_count));
    retries_delete(server->retries);
    free(server->workers);
    free(server->apis);
    free(server->fds);
    free(server);
    return status;
}
