/*
 * Any bytes as the body of a request to /mcp, from an agent or an admin, with the headers of the newest revision or without,
 * with streams and sessions: over a real connection, pipeline and ledger (in memory). Each gets an answer that is HTTP, and
 * never a 5xx but 503; and when it has gone, nothing is left open.
 */
#include "api/api.h"
#include "api/retries.h"
#include "api/watch.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { POLLS_MAX = 20000, ANSWER_MAX = 65536, HEAD_MAX = 1024 };

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

    (void)signal(SIGPIPE, SIG_IGN); /* http_worker_run would block it */
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

/* The first byte says who asks and how: 1 an agent, 2 an admin, 4 the newest era, 8 event streams are accepted, 16 the session
 * of a client that can be asked; the upper three bits, which method of HTTP or of MCP. */
static const struct {
    const char *method, *named;
} ways[8] = {{"POST", "tools/call\r\nMcp-Name: evaluate_request"},
             {"POST", "subscriptions/listen"},
             {"POST", "tasks/get\r\nMcp-Name: evaluate-ESC-1.0"},
             {"POST", "prompts/get\r\nMcp-Name: request_approval"},
             {"GET", "ping"},
             {"DELETE", "ping"},
             {"POST", "resources/read\r\nMcp-Name: edict://policies"},
             {"POST", "server/discover"}};

static char session[256];

static size_t write_head(char *out, size_t room, unsigned char how, size_t size)
{
    return (size_t)snprintf(
        out, room,
        "%s /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "%zu\r\n%s%s%s%s%s%s%s%s%s%s%s\r\n",
        ways[how >> 5].method, size, how & 1 ? "Edict-Agent: agent-1\r\n" : "", how & 2 ? "Authorization: Bearer " : "",
        how & 2 ? token : "", how & 2 ? "\r\n" : "", how & 4 ? "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: " : "",
        how & 4 ? ways[how >> 5].named : "", how & 4 ? "\r\n" : "", how & 8 ? "Accept: text/event-stream\r\n" : "",
        how & 16 ? "Mcp-Session-Id: " : "", how & 16 ? session : "", how & 16 ? "\r\n" : "");
}

/* What comes within enough turns; a call that waits for a human gets no more than its stream's beginning. */
static size_t receive(int fd, char *answer, size_t room)
{
    for (int i = 0; i < POLLS_MAX; i++) {
        ssize_t got;

        http_worker_poll(worker);
        got = recv(fd, answer, room, MSG_DONTWAIT);
        if (got > 0)
            return (size_t)got;
        sched_yield();
    }
    return 0;
}

static size_t exchange(const unsigned char *data, size_t size, unsigned char how, char *answer, size_t room)
{
    struct http_listener listener = {.handler = api_handle, .context = &api, .tag = API_LISTENER_MCP};
    struct error error = {0};
    char head[HEAD_MAX];
    size_t have = 0, sent = write_head(head, sizeof head, how, size);
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        abort();
    if (http_worker_adopt(worker, ends[0], &listener, &error) != STATUS_OK)
        die(&error);
    if (send(ends[1], head, sent, MSG_NOSIGNAL) > 0 && (size == 0 || send(ends[1], data, size, MSG_NOSIGNAL) > 0))
        have = receive(ends[1], answer, room);
    close(ends[1]);
    return have;
}

/* Of a client that can be asked; anew, because the last one may have been ended. */
static void begin_session(void)
{
    static const char initialize[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
                                     "\"2025-11-25\",\"capabilities\":{\"elicitation\":{}}}}";
    static char answer[ANSWER_MAX + 1];
    size_t size = exchange((const unsigned char *)initialize, sizeof initialize - 1, 1, answer, ANSWER_MAX);
    const char *at;

    answer[size] = '\0';
    at = strstr(answer, "Mcp-Session-Id: ");
    if (!at || sscanf(at + 16, "%255[^\r]", session) != 1)
        abort();
}

/* Whoever has gone leaves nothing open. */
static void check_left(void)
{
    for (int i = 0; i < POLLS_MAX && (i < 4 || mcp_worker_streams(api.mcp) > 0); i++) {
        http_worker_poll(worker);
        if (i >= 4)
            sched_yield();
    }
    if (mcp_worker_streams(api.mcp) > 0)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static char answer[ANSWER_MAX];
    size_t have;

    if (!worker) {
        start();
        begin_session();
    }
    if (size == 0 || size > 60000)
        return 0;
    have = exchange(data + 1, size - 1, data[0], answer, sizeof answer);
    if (have > 0 &&
        (have < 12 || memcmp(answer, "HTTP/1.1 ", 9) != 0 || (answer[9] == '5' && memcmp(answer + 9, "503", 3) != 0)))
        abort();
    check_left();
    if (data[0] >> 5 == 5)
        begin_session();
    return 0;
}
