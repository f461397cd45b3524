/* Event streams (server-sent events), calls that wait, cancellation, progress and logs. */
#include "mcp/internal.h"

#include <strings.h>

/* ---- the open calls of a worker ---- */

static void keep_alive(void *context)
{
    struct mcp_worker *worker = context;
    struct mcp_call *next;

    worker->keep_alive = http_timer_start(worker->http, MCP_KEEP_ALIVE_S * 1000, keep_alive, worker);
    for (struct mcp_call *call = worker->open; call; call = next) {
        next = call->next;
        if (call->streaming && !call->gone && http_stream_write(call->http, SLICE(":\n\n")) != STATUS_OK) {
            call->gone = true;
            stream_end(call, MCP_END_GONE);
        }
    }
    if (!worker->open) {
        http_timer_cancel(worker->keep_alive);
        worker->keep_alive = NULL;
    }
}

void stream_unlink(struct mcp_call *call)
{
    struct mcp_worker *worker = call->worker;

    if (!call->linked)
        return;
    call->linked = false;
    if (call->previous)
        call->previous->next = call->next;
    else
        worker->open = call->next;
    if (call->next)
        call->next->previous = call->previous;
    worker->open_count--;
    atomic_store(&worker->streams, worker->open_count);
    call->http->on_abort = NULL;
    call->http->on_drain = NULL;
}

/* The client went away: what waits ends, what is being worked on goes on and is answered to nobody. */
static void on_abort(struct http_call *http)
{
    struct mcp_call *call = http->user;

    call->gone = true;
    stream_end(call, MCP_END_GONE);
}

static void on_drain(struct http_call *http)
{
    stream_end(http->user, MCP_END_DRAIN);
}

void stream_link(struct mcp_call *call)
{
    struct mcp_worker *worker = call->worker;

    if (call->linked)
        return;
    call->linked = true;
    if (call->serial == 0)
        call->serial = atomic_fetch_add(&worker->server->serial, 1);
    call->previous = NULL;
    call->next = worker->open;
    if (worker->open)
        worker->open->previous = call;
    worker->open = call;
    worker->open_count++;
    atomic_store(&worker->streams, worker->open_count);
    call->http->user = call;
    call->http->on_abort = on_abort;
    call->http->on_drain = on_drain;
    if (!worker->keep_alive)
        worker->keep_alive = http_timer_start(worker->http, MCP_KEEP_ALIVE_S * 1000, keep_alive, worker);
}

/* ---- streams ---- */

static struct slice next_part(struct slice *rest, char separator)
{
    size_t end = slice_find(*rest, separator, 0);
    struct slice part = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, end + 1, SIZE_MAX);
    while (part.size > 0 && (part.data[0] == ' ' || part.data[0] == '\t'))
        part = slice_sub(part, 1, SIZE_MAX);
    while (part.size > 0 && (part.data[part.size - 1] == ' ' || part.data[part.size - 1] == '\t'))
        part.size--;
    return part;
}

/* "q=0", "q=0.000": everything but this. */
static bool is_refusal(struct slice parameter)
{
    if (parameter.size < 3 || strncasecmp(parameter.data, "q=", 2) != 0)
        return false;
    for (size_t i = 2; i < parameter.size; i++) {
        if (parameter.data[i] != '0' && parameter.data[i] != '.')
            return false;
    }
    return true;
}

/* Is it named? Clients have to name both types; who says that anything goes gets a document. */
static bool accepts_streams(struct slice accept)
{
    const struct slice wanted = SLICE("text/event-stream");

    while (accept.size > 0) {
        struct slice range = next_part(&accept, ','), type = next_part(&range, ';');
        bool refused = false;

        if (type.size != wanted.size || strncasecmp(type.data, wanted.data, wanted.size) != 0)
            continue;
        while (range.size > 0)
            refused = is_refusal(next_part(&range, ';')) || refused;
        return !refused;
    }
    return false;
}

bool mcp_can_stream(struct mcp_call *call)
{
    if (call->sink)
        return false;
    for (size_t i = 0; i < call->http->header_count; i++) {
        const struct http_header *header = &call->http->headers[i];

        if (header->name.size == 6 && strncasecmp(header->name.data, "accept", 6) == 0 && accepts_streams(header->value))
            return true;
    }
    return false;
}

bool mcp_stream_open(struct mcp_call *call)
{
    static const struct http_header headers[] = {{{"Cache-Control", 13}, {"no-store", 8}},
                                                 {{"X-Accel-Buffering", 17}, {"no", 2}}};
    const struct http_reply reply = {
        .status = 200, .content_type = SLICE("text/event-stream"), .headers = headers, .header_count = 2};

    if (call->streaming)
        return true;
    if (!mcp_can_stream(call) || call->worker->open_count >= MCP_STREAMS_MAX)
        return false;
    stream_link(call);
    call->streaming = true;
    http_stream_begin(call->http, &reply);
    return true;
}

bool stream_event(struct mcp_call *call, struct slice message)
{
    struct buf *event = &call->worker->scratch;

    if (call->gone)
        return false;
    event->size = 0;
    buf_add_str(event, "data: ");
    buf_add_slice(event, message);
    buf_add_str(event, "\n\n");
    if (event->failed) {
        buf_destroy(event);
        *event = (struct buf){0};
        call->gone = true; /* a stream with a hole in it is worse than none */
    } else if (http_stream_write(call->http, buf_slice(event)) != STATUS_OK) {
        call->gone = true;
    }
    return !call->gone;
}

void stream_finish(struct mcp_call *call)
{
    stream_unlink(call);
    http_stream_end(call->http);
}

/* ---- waiting, and the end of it ---- */

void mcp_park(struct mcp_call *call, void (*ended)(struct mcp_call *call, enum mcp_end why))
{
    call->ended = ended;
    stream_link(call);
    if (http_call_is_aborted(call->http)) /* told before, and not a second time; and who parks goes on using the call */
        (void)server_post(call->worker, MESSAGE_GONE, MCP_CHANGED_RESOURCE, NULL, call->serial, (struct slice){0});
}

void mcp_resume(struct mcp_call *call)
{
    call->ended = NULL;
}

/* Without an answer, as far as HTTP lets it. */
static void end_silently(struct mcp_call *call, enum mcp_end why)
{
    if (call->streaming)
        stream_finish(call);
    else if (call->sink && why == MCP_END_CANCELLED)
        result_skip(call);
    else
        mcp_fail(call, MCP_CANCELLED, SLICE("Request cancelled"));
}

void stream_end(struct mcp_call *call, enum mcp_end why)
{
    void (*ended)(struct mcp_call * call, enum mcp_end why) = call->ended;

    if (!ended)
        return; /* it is being worked on, and will be answered */
    call->ended = NULL;
    ended(call, why);
    if (why != MCP_END_DRAIN)
        end_silently(call, why);
}

void stream_gone(struct mcp_worker *worker, uint64_t serial)
{
    struct mcp_call *call = worker->open;

    while (call && call->serial != serial)
        call = call->next;
    if (!call)
        return;
    call->gone = true;
    stream_end(call, MCP_END_GONE);
}

static bool has_id(const struct mcp_call *call, struct slice id)
{
    struct buf own;
    bool same;

    buf_create(&own, NULL);
    json_write(&own, call->id);
    same = id.size == 0 || (!own.failed && slice_equal(buf_slice(&own), id));
    buf_destroy(&own);
    return same;
}

void stream_cancel(struct mcp_worker *worker, const unsigned char session[SESSION_SIZE], struct slice id)
{
    struct mcp_call *next;

    for (struct mcp_call *call = worker->open; call; call = next) {
        next = call->next;
        if (call->ended && call->id && !call->listening && call->has_session &&
            memcmp(call->session, session, SESSION_SIZE) == 0 && has_id(call, id))
            stream_end(call, MCP_END_CANCELLED);
    }
}

void stream_cancel_all(struct mcp_server *server, const unsigned char session[SESSION_SIZE], struct slice id)
{
    for (size_t i = 0; i < server->worker_count; i++) {
        struct mcp_worker *worker = server->workers[i];

        if (atomic_load(&worker->streams) > 0)
            (void)server_post(worker, MESSAGE_CANCEL, MCP_CHANGED_RESOURCE, session, 0, id);
    }
}

/* ---- notifications that belong to a request ---- */

void stream_notification_begin(struct mcp_worker *worker, const char *method, struct json_writer *w)
{
    worker->scratch.size = 0;
    *w = (struct json_writer){.out = &worker->scratch};
    buf_add_str(w->out, "data: ");
    json_begin_object(w);
    json_key(w, "jsonrpc");
    json_string(w, SLICE("2.0"));
    json_key(w, "method");
    json_string(w, slice_from_str(method));
    json_key(w, "params");
    json_begin_object(w);
}

bool stream_notification_send(struct mcp_call *call, struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
    buf_add_str(w->out, "\n\n");
    if (call->gone)
        return false;
    if (w->out->failed) {
        buf_destroy(w->out);
        *w->out = (struct buf){0};
        return true; /* only this one is lost */
    }
    call->gone = http_stream_write(call->http, buf_slice(w->out)) != STATUS_OK;
    return !call->gone;
}

bool mcp_progress(struct mcp_call *call, double progress, double total, struct slice message)
{
    const cJSON *token = json_get(json_get(call->params, "_meta"), "progressToken");
    struct json_writer w;
    int64_t number;

    if (!cJSON_IsString(token) && !json_is_integer(token, &number))
        return false;
    if (call->gone || !mcp_stream_open(call))
        return false;
    stream_notification_begin(call->worker, "notifications/progress", &w);
    json_key(&w, "progressToken");
    if (cJSON_IsString(token))
        json_string(&w, json_text(token));
    else
        json_i64(&w, number);
    json_key(&w, "progress");
    json_write_number(w.out, progress);
    w.comma = true;
    if (total >= 0) {
        json_key(&w, "total");
        json_write_number(w.out, total);
        w.comma = true;
    }
    if (message.size > 0) {
        json_key(&w, "message");
        json_string(&w, message);
    }
    return stream_notification_send(call, &w);
}

static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};

/* In the newest era only a request that names a level hears anything. */
static enum mcp_level level_of(struct mcp_call *call)
{
    struct slice name;

    if (call->era == MCP_LEGACY)
        return session_level(call);
    name = json_get_text(json_get(call->params, "_meta"), MCP_META "logLevel");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (slice_equal_str(name, levels[i]))
            return (enum mcp_level)i;
    }
    return MCP_SILENT;
}

bool mcp_log(struct mcp_call *call, enum mcp_level level, const char *logger, struct slice data)
{
    struct json_writer w;

    if (level < level_of(call) || call->gone || !mcp_stream_open(call))
        return false;
    stream_notification_begin(call->worker, "notifications/message", &w);
    json_key(&w, "level");
    json_string(&w, slice_from_str(levels[level]));
    json_key(&w, "logger");
    json_string(&w, slice_from_str(logger));
    json_key(&w, "data");
    json_raw(&w, data);
    return stream_notification_send(call, &w);
}
