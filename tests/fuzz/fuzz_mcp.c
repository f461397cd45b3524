/*
 * Any bytes as the body of POST /mcp, from an agent or an admin, with the headers of the newest revision or without: over a
 * real connection, pipeline and ledger (in memory). Each gets one answer that is HTTP, and never a 5xx but 503.
 */
#include "api/api.h"
#include "api/retries.h"
#include "api/watch.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { POLLS_MAX = 20000, ANSWER_MAX = 65536 };

static const char token[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct log quiet;
static struct api api;
static struct api *apis[1] = {&api};
static struct api_shared shared;
static struct http_worker *worker;
static _Atomic bool draining;

static void die(const struct error *error)
{
    (void)fprintf(stderr, "fuzz_mcp: %s: %s\n", error->where, error->message);
    abort();
}

static void open_ledger(struct error *error)
{
    struct ledger_options options = {.clock = clock_system(), .log = &quiet};
    struct state_watcher watcher;
    struct store *store;

    if (store_open_memory(&store, error) != STATUS_OK ||
        state_open(store, RECORD_TENANT_DEFAULT, &shared.state, error) != STATUS_OK)
        die(error);
    options.fold = state_fold(shared.state);
    if (ledger_open(store, &options, &shared.ledger, error) != STATUS_OK || ledger_start(shared.ledger, error) != STATUS_OK)
        die(error);
    watcher = watch_state(&shared);
    state_watch(shared.state, &watcher);
}

static void start(void)
{
    const struct decide_settings settings = {.reservation_ttl_ms = 86400000, .escalation_ttl_ms = 86400000};
    struct activation_request request = {.by = "system"};
    struct error error = {0};
    uint64_t epoch;

    json_setup();
    quiet = (struct log){.fd = -1, .level = LOG_ERROR, .clock = clock_system()};
    open_ledger(&error);
    shared.log = &quiet;
    shared.clock = clock_system();
    shared.admin_token = slice_from_str(token);
    shared.durable = true;
    shared.workers = apis;
    shared.worker_count = 1;
    shared.draining = &draining;
    shared.retries = retries_new();
    if (activation_new(
            &(struct activation_options){
                .folder = EDICT_POLICIES, .workers = 1, .ledger = shared.ledger, .state = shared.state, .log = &quiet},
            &shared.activation, &error) != STATUS_OK)
        die(&error);
    activation_run(shared.activation, &request);
    policy_report_destroy(&request.outcome.report);
    worker = http_worker_new(NULL, &error);
    epoch = state_policy_epoch(shared.state);
    if (!worker || request.outcome.status != STATUS_OK)
        die(&request.outcome.error);
    if (!api_mcp_new(&shared) ||
        !api_create(&api, &shared, worker, 0, activation_take(shared.activation, 0, epoch), epoch, &settings))
        abort();
}

static size_t write_head(char *out, size_t room, unsigned char how, size_t size)
{
    return (size_t)snprintf(
        out, room,
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s%s%s%s%s\r\n",
        size, how & 1 ? "Edict-Agent: agent-1\r\n" : "", how & 2 ? "Authorization: Bearer " : "", how & 2 ? token : "",
        how & 2 ? "\r\n" : "",
        how & 4 ? "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: evaluate_request\r\n" : "");
}

/* A call that waits for a human gets none here: the connection is closed after enough turns. */
static void exchange(int fd, const unsigned char *data, size_t size, unsigned char how)
{
    char head[512], answer[ANSWER_MAX];
    size_t have = 0, sent = write_head(head, sizeof head, how, size);
    ssize_t got;

    if (send(fd, head, sent, MSG_NOSIGNAL) < 0 || (size > 0 && send(fd, data, size, MSG_NOSIGNAL) < 0))
        return;
    for (int i = 0; i < POLLS_MAX && have == 0; i++) {
        http_worker_poll(worker);
        got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
        have += got > 0 ? (size_t)got : 0;
        if (have == 0)
            sched_yield();
    }
    if (have > 0 &&
        (have < 12 || memcmp(answer, "HTTP/1.1 ", 9) != 0 || (answer[9] == '5' && memcmp(answer + 9, "503", 3) != 0)))
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct http_listener listener = {.handler = api_handle, .context = &api, .tag = API_LISTENER_MCP};
    struct error error = {0};
    int ends[2];

    if (!worker)
        start();
    if (size == 0 || size > 60000)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        abort();
    if (http_worker_adopt(worker, ends[0], &listener, &error) != STATUS_OK)
        die(&error);
    exchange(ends[1], data + 1, size - 1, data[0]);
    close(ends[1]);
    for (int i = 0; i < 4; i++)
        http_worker_poll(worker);
    return 0;
}
