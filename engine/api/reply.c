#include "api/reply.h"

#include "proto/json.h"

enum { REPLY_HEADERS_MAX = 4 };

static const struct http_header reply_async_header = {{"Edict-Durability", 16}, {"async", 5}};

void reply_json_with(struct api_call *call, int status, const struct buf *body, const struct http_header *headers, size_t count)
{
    struct slice bytes = buf_slice(body);
    struct http_header all[REPLY_HEADERS_MAX];
    struct http_reply reply = {
        .status = status, .content_type = SLICE("application/json"), .headers = all, .body = &bytes, .body_count = 1};

    if (body->failed) {
        reply_problem(call, 503, "", "the answer needs more memory than one call may use");
        return;
    }
    if (call->captured) {
        call->captured(call, status, bytes);
        return;
    }
    for (size_t i = 0; i < count && i < REPLY_HEADERS_MAX - 1; i++)
        all[reply.header_count++] = headers[i];
    if (!call->api->shared->durable)
        all[reply.header_count++] = reply_async_header;
    http_reply(call->http, &reply);
}

void reply_json(struct api_call *call, int status, const struct buf *body)
{
    reply_json_with(call, status, body, NULL, 0);
}

int reply_http_status(enum status status)
{
    switch (status) {
    case STATUS_INVALID:
        return 400;
    case STATUS_DENIED:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_GONE:
        return 410;
    case STATUS_CONFLICT:
        return 409;
    case STATUS_TOO_LARGE:
    case STATUS_NO_MEMORY: /* the cap of one call's arena: the request asks for too much */
        return 413;
    case STATUS_UNAVAILABLE:
        return 503;
    default:
        return 500;
    }
}

struct slice reply_detail(struct arena *arena, const struct error *error)
{
    struct slice detail =
        error->where[0] ? arena_printf(arena, "%s: %s", error->where, error->message) : slice_from_str(error->message);

    return detail.data ? detail : SLICE("out of memory");
}

void reply_problem_with(struct api_call *call, int status, struct slice detail, const struct http_header *headers, size_t count)
{
    if (call->captured)
        call->captured(call, status, detail);
    else
        http_reply_problem(call->http, status, detail, headers, count);
}

void reply_problem_typed(struct api_call *call, int status, struct slice type, struct slice detail)
{
    struct buf out;
    struct json_writer w = {.out = &out};
    struct slice bytes;
    const struct http_reply reply = {
        .status = status, .content_type = SLICE("application/problem+json"), .body = &bytes, .body_count = 1};

    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "type");
    json_string(&w, type);
    json_key(&w, "title");
    json_string(&w, slice_from_str(http_status_title(status)));
    json_key(&w, "status");
    json_i64(&w, status);
    json_key(&w, "detail");
    json_string(&w, detail);
    json_end_object(&w);
    bytes = out.failed ? SLICE("{}") : buf_slice(&out);
    http_reply(call->http, &reply);
}

void reply_error(struct api_call *call, const struct error *error)
{
    int status = reply_http_status(error->status);

    if (status >= 500)
        log_event(call->api->shared->log, LOG_WARN, "call failed", LOG_N("status", status), LOG_S("error", error->message));
    reply_problem_with(call, status, reply_detail(call->http->arena, error), NULL, 0);
}

void reply_too_many(struct api_call *call, const struct error *error)
{
    reply_problem_with(call, 429, reply_detail(call->http->arena, error), NULL, 0);
}

void reply_problem(struct api_call *call, int status, const char *where, const char *message)
{
    struct error error;

    error_set(&error, STATUS_INVALID, where, "%s", message);
    reply_problem_with(call, status, reply_detail(call->http->arena, &error), NULL, 0);
}
