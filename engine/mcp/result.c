/* Messages out. */
#include "mcp/internal.h"

enum { HEADERS_MAX = 8 };

/* The last message of an exchange that is not a stream. */
static void reply_document(struct mcp_call *call, int http_status, struct slice message, const struct http_header *extra)
{
    const struct mcp_description *description = call->worker->server->description;
    struct http_header all[HEADERS_MAX];
    struct http_reply reply = {
        .status = http_status, .content_type = SLICE("application/json"), .headers = all, .body = &message, .body_count = 1};

    for (size_t i = 0; i < description->header_count && i < HEADERS_MAX - 1; i++)
        all[reply.header_count++] = description->headers[i];
    if (extra)
        all[reply.header_count++] = *extra;
    http_reply(call->http, &reply);
}

void result_send(struct mcp_call *call, int http_status, struct buf *message, const struct http_header *extra)
{
    static const struct slice no_memory = {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":\"the "
                                           "answer needs more memory than one call may "
                                           "use\"}}",
                                           sizeof "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":"
                                                  "\"the answer needs more memory than one call "
                                                  "may use\"}}" -
                                               1};
    struct slice text = message->failed ? no_memory : buf_slice(message);

    stream_unlink(call);
    if (message->failed)
        http_status = 503;
    if (call->sink) {
        call->sink(call, http_status, text);
    } else if (call->streaming) {
        (void)stream_event(call, text);
        stream_finish(call);
    } else {
        reply_document(call, http_status, text, extra);
    }
}

void result_skip(struct mcp_call *call)
{
    stream_unlink(call);
    call->sink(call, 200, (struct slice){0});
}

void result_write_id(struct mcp_call *call, struct json_writer *w)
{
    json_key(w, "id");
    json_value(w, call->http->arena, call->id);
}

/* ---- results ---- */

void result_begin_as(struct mcp_call *call, const char *type, struct buf *out, struct json_writer *w)
{
    buf_create(out, call->http->arena);
    *w = (struct json_writer){.out = out};
    json_begin_object(w);
    json_key(w, "jsonrpc");
    json_string(w, SLICE("2.0"));
    result_write_id(call, w);
    json_key(w, "result");
    json_begin_object(w);
    if (call->era == MCP_LEGACY)
        return;
    json_key(w, "resultType");
    json_string(w, slice_from_str(type));
    json_key(w, "_meta");
    json_begin_object(w);
    json_key(w, MCP_META "serverInfo");
    json_raw(w, call->worker->server->info);
    json_end_object(w);
}

void mcp_result_begin(struct mcp_call *call, struct buf *out, struct json_writer *w)
{
    result_begin_as(call, "complete", out, w);
}

void mcp_result_end(struct mcp_call *call, struct buf *out, struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
    result_send(call, 200, out, NULL);
}

void mcp_result_cache(struct mcp_call *call, struct json_writer *w, int64_t ttl_ms, bool is_public)
{
    if (call->era == MCP_LEGACY)
        return;
    json_key(w, "ttlMs");
    json_i64(w, ttl_ms);
    json_key(w, "cacheScope");
    json_string(w, is_public ? SLICE("public") : SLICE("private"));
}

void mcp_answer_empty(struct mcp_call *call)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(call, &out, &w);
    mcp_result_end(call, &out, &w);
}

void mcp_answer_raw(struct mcp_call *call, struct slice result)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, call->http->arena);
    buf_add_str(&out, "{\"jsonrpc\":\"2.0\",\"result\":");
    buf_add_slice(&out, result);
    w.comma = true;
    result_write_id(call, &w);
    buf_add_char(&out, '}');
    result_send(call, 200, &out, NULL);
}

/* ---- a tool's result ---- */

void mcp_write_tool_result(struct json_writer *w, struct slice text, struct slice structured, bool is_error)
{
    json_key(w, "content");
    json_begin_array(w);
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, SLICE("text"));
    json_key(w, "text");
    json_string(w, text);
    json_end_object(w);
    json_end_array(w);
    if (structured.size > 0) {
        json_key(w, "structuredContent");
        json_raw(w, structured);
    }
    json_key(w, "isError");
    json_bool(w, is_error);
}

void mcp_answer_tool(struct mcp_call *call, struct slice text, struct slice structured, bool is_error)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(call, &out, &w);
    mcp_write_tool_result(&w, text, structured, is_error);
    mcp_result_end(call, &out, &w);
}

/* ---- errors ---- */

void mcp_fail_with(struct mcp_call *call, int http_status, int code, struct slice message, struct slice data)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    json_key(&w, "error");
    json_begin_object(&w);
    json_key(&w, "code");
    json_i64(&w, code);
    json_key(&w, "message");
    json_string(&w, message);
    if (data.size > 0) {
        json_key(&w, "data");
        json_raw(&w, data);
    }
    json_end_object(&w);
    result_write_id(call, &w);
    json_end_object(&w);
    result_send(call, http_status, &out, NULL);
}

/* In the newest era the HTTP status says it, too. */
static int status_of(const struct mcp_call *call, int code)
{
    if (call->era == MCP_LEGACY)
        return 200;
    switch (code) {
    case MCP_METHOD_NOT_FOUND:
        return 404;
    case MCP_INTERNAL_ERROR:
        return 500;
    case MCP_MISSING_CAPABILITY:
        return 400;
    default:
        return 200;
    }
}

void mcp_fail(struct mcp_call *call, int code, struct slice message)
{
    mcp_fail_with(call, status_of(call, code), code, message.data ? message : SLICE("out of memory"), (struct slice){0});
}

void mcp_fail_capability(struct mcp_call *call, const char *required)
{
    struct slice data = arena_printf(call->http->arena, "{\"requiredCapabilities\":%s}", required);

    mcp_fail_with(call, status_of(call, MCP_MISSING_CAPABILITY), MCP_MISSING_CAPABILITY,
                  SLICE("Missing required client capability"), data);
}

bool result_refuse_cursor(struct mcp_call *call)
{
    if (!json_get(call->params, "cursor"))
        return false;
    mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/cursor: not a cursor of this list; it has one page"));
    return true;
}

struct slice mcp_principal(const struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;

    return description->principal ? description->principal(call) : (struct slice){0};
}
