/* One message over HTTP, and what comes back. */
#include "cli/mcp_bridge.h"

#include "cli/sse.h"
#include "proto/base64.h"

#include <stdio.h>
#include <sys/socket.h>

#define MCP_META "io.modelcontextprotocol/"

enum { HEADER_VALUE_MAX = 2048, CODE_PARSE_ERROR = -32700, CODE_INTERNAL_ERROR = -32603 };

struct slice bridge_method(const struct bridge_call *call)
{
    return json_get_text(call->message, "method");
}

/* ---- headers that the HTTP door asks for ---- */

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return text.size > 0 && !slice_starts_with(text, SLICE("=?"));
}

/* Text that a header cannot hold goes as base64. */
static void add_header(struct buf *out, const char *name, struct slice value)
{
    if (value.size == 0 || value.size > HEADER_VALUE_MAX)
        return;
    buf_add_str(out, name);
    if (is_plain(value)) {
        buf_add_slice(out, value);
    } else {
        buf_add_str(out, "=?base64?");
        base64_write(out, value.data, value.size);
        buf_add_str(out, "?=");
    }
    buf_add_str(out, "\r\n");
}

/* What Mcp-Name repeats. */
static struct slice name_of(struct slice method, const cJSON *params)
{
    if (slice_equal(method, SLICE("resources/read")))
        return json_get_text(params, "uri");
    return json_get_text(params, slice_starts_with(method, SLICE("tasks/")) ? "taskId" : "name");
}

static void add_modern_headers(struct buf *out, const struct bridge_call *call)
{
    const cJSON *params = json_get(call->message, "params");

    add_header(out, "MCP-Protocol-Version: ", json_get_text(json_get(params, "_meta"), MCP_META "protocolVersion"));
    add_header(out, "Mcp-Method: ", bridge_method(call));
    add_header(out, "Mcp-Name: ", name_of(bridge_method(call), params));
}

/* True when the headers name a session. */
static bool add_session_headers(struct buf *out, struct bridge *bridge)
{
    bool there;

    pthread_mutex_lock(&bridge->mutex);
    add_header(out, "MCP-Protocol-Version: ", slice_from_str(bridge->version));
    add_header(out, "Mcp-Session-Id: ", slice_from_str(bridge->session));
    there = bridge->session[0] != '\0';
    pthread_mutex_unlock(&bridge->mutex);
    return there;
}

static bool is_initialize(const struct bridge_call *call)
{
    return !call->modern && slice_equal(bridge_method(call), SLICE("initialize"));
}

/* ---- lines out ---- */

/* One line, whatever line ends the JSON text is laid out with: inside of its strings there are none. */
static void put_line(struct bridge *bridge, struct slice text)
{
    pthread_mutex_lock(&bridge->mutex);
    for (size_t i = 0; i < text.size; i++)
        putc_unlocked(text.data[i] == '\n' || text.data[i] == '\r' ? ' ' : text.data[i], stdout);
    putc_unlocked('\n', stdout);
    (void)fflush(stdout);
    pthread_mutex_unlock(&bridge->mutex);
}

/* What could not be asked is answered all the same, where it wants an answer. */
static void put_error(struct bridge_call *call, struct slice id, int code, struct slice text)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, &call->arena);
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    json_key(&w, "id");
    json_raw(&w, id.size > 0 ? id : SLICE("null"));
    json_key(&w, "error");
    json_begin_object(&w);
    json_key(&w, "code");
    json_i64(&w, code);
    json_key(&w, "message");
    json_string(&w, text);
    json_end_object(&w);
    json_end_object(&w);
    if (!out.failed)
        put_line(call->bridge, buf_slice(&out));
}

/* A problem document, or what came instead. */
static struct slice problem_text(struct arena *arena, struct slice body)
{
    cJSON *problem = NULL;
    struct error error;

    if (json_parse(arena, body, &json_limits_default, &problem, &error) == STATUS_OK &&
        json_get_text(problem, "detail").size > 0)
        return json_get_text(problem, "detail");
    return SLICE("edictd gave no answer that could be read");
}

/* ---- what comes back ---- */

struct exchange {
    struct bridge_call *call;
    struct sse_reader reader;
    bool answered; /* the message's own answer has been written */
};

/* The revision that was agreed on is repeated in every later header. */
static void learn_version(struct bridge *bridge, const cJSON *answer)
{
    struct slice version = json_get_text(json_get(answer, "result"), "protocolVersion");

    if (version.size == 0 || version.size >= BRIDGE_VERSION_MAX || !is_plain(version))
        return;
    pthread_mutex_lock(&bridge->mutex);
    memcpy(bridge->version, version.data, version.size);
    bridge->version[version.size] = '\0';
    pthread_mutex_unlock(&bridge->mutex);
}

static bool is_answer(const struct bridge_call *call, const cJSON *message)
{
    struct buf id;

    if (call->id.size == 0 || json_get(message, "method"))
        return false;
    buf_create(&id, (struct arena *)(uintptr_t)&call->arena);
    json_write(&id, json_get(message, "id"));
    return !id.failed && slice_equal(buf_slice(&id), call->id);
}

static bool is_cancelled(struct bridge_call *call)
{
    bool cancelled;

    pthread_mutex_lock(&call->bridge->mutex);
    cancelled = call->cancelled;
    pthread_mutex_unlock(&call->bridge->mutex);
    return cancelled;
}

static void take_message(void *context, struct slice text)
{
    struct exchange *exchange = context;
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 128, .members = UINT32_MAX};
    struct arena arena;
    struct error error;
    cJSON *message = NULL;

    arena_create(&arena, 16384, (size_t)CLIENT_ANSWER_MAX * 4);
    if (json_parse(&arena, text, &limits, &message, &error) == STATUS_OK) {
        bool answer = is_answer(exchange->call, message);

        exchange->answered = exchange->answered || answer;
        if (is_initialize(exchange->call))
            learn_version(exchange->call->bridge, message);
        if (!answer || !is_cancelled(exchange->call)) /* nobody waits for it any more */
            put_line(exchange->call->bridge, text);
    }
    arena_destroy(&arena);
}

static bool take_events(void *context, struct slice bytes)
{
    struct exchange *exchange = context;

    return sse_feed(&exchange->reader, bytes, take_message, exchange);
}

static void note_connected(void *context, int fd)
{
    struct bridge_call *call = ((struct exchange *)context)->call;

    pthread_mutex_lock(&call->bridge->mutex);
    call->fd = fd;
    if (call->cancelled)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&call->bridge->mutex);
}

static void note_closing(void *context)
{
    struct bridge_call *call = ((struct exchange *)context)->call;

    pthread_mutex_lock(&call->bridge->mutex);
    call->fd = -1;
    pthread_mutex_unlock(&call->bridge->mutex);
}

/* ---- sessions ---- */

static void keep_session(struct bridge *bridge, struct slice session)
{
    if (session.size == 0 || session.size >= BRIDGE_SESSION_MAX || !is_plain(session))
        return;
    pthread_mutex_lock(&bridge->mutex);
    memcpy(bridge->session, session.data, session.size);
    bridge->session[session.size] = '\0';
    pthread_mutex_unlock(&bridge->mutex);
}

void bridge_end_session(struct bridge *bridge, struct arena *arena)
{
    struct client client = bridge->client;
    struct client_answer answer;
    struct error error;
    struct buf headers;

    buf_create(&headers, arena);
    if (!add_session_headers(&headers, bridge))
        return;
    client.headers = buf_slice(&headers);
    if (client_call(&client, arena, "DELETE", slice_from_str(bridge->target), (struct slice){0}, &answer, &error) != STATUS_OK)
        return; /* it runs out by itself */
}

/* ---- one message ---- */

static enum status exchange_run(struct exchange *exchange, const char *method, struct slice headers,
                                struct client_answer *answer, struct error *error)
{
    struct bridge_call *call = exchange->call;
    const struct client_watch watch = {
        .connected = note_connected, .closing = note_closing, .event_bytes = take_events, .context = exchange};
    struct client client = call->bridge->client;
    enum status status;

    client.headers = headers;
    sse_create(&exchange->reader);
    status = client_call_watched(&client, &call->arena, method, slice_from_str(call->bridge->target), call->line, &watch,
                                 answer, error);
    sse_destroy(&exchange->reader);
    return status;
}

static bool is_json(struct slice type)
{
    return slice_starts_with(type, SLICE("application/json"));
}

/* What the client is owed when the exchange gave no answer. */
static void settle(struct exchange *exchange, enum status status, const struct client_answer *answer, const struct error *error)
{
    struct bridge_call *call = exchange->call;

    if (exchange->answered || call->id.size == 0 || is_cancelled(call))
        return;
    if (status != STATUS_OK)
        put_error(call, call->id, CODE_INTERNAL_ERROR, arena_printf(&call->arena, "%s: %s", error->where, error->message));
    else
        put_error(call, call->id, CODE_INTERNAL_ERROR, problem_text(&call->arena, answer->body));
}

static void ask(struct bridge_call *call)
{
    struct exchange exchange = {.call = call};
    struct client_answer answer = {0};
    struct error error = {0};
    struct buf headers;
    enum status status;

    buf_create(&headers, &call->arena);
    if (call->modern)
        add_modern_headers(&headers, call);
    else if (!is_initialize(call))
        (void)add_session_headers(&headers, call->bridge);
    status = exchange_run(&exchange, "POST", buf_slice(&headers), &answer, &error);
    if (status == STATUS_OK && is_initialize(call))
        keep_session(call->bridge, answer.session);
    if (status == STATUS_OK && is_json(answer.content_type))
        take_message(&exchange, answer.body);
    settle(&exchange, status, &answer, &error);
}

void bridge_forward(struct bridge_call *call)
{
    if (!call->message)
        put_error(call, (struct slice){0}, CODE_PARSE_ERROR, call->fault);
    else
        ask(call);
}

void bridge_listen(struct bridge_call *call)
{
    struct exchange exchange = {.call = call};
    struct client_answer answer = {0};
    struct error error;
    struct buf headers;

    buf_create(&headers, &call->arena);
    if (add_session_headers(&headers, call->bridge) &&
        exchange_run(&exchange, "GET", buf_slice(&headers), &answer, &error) != STATUS_OK)
        return; /* the server has gone, or the bridge ends: the next message tells */
}
