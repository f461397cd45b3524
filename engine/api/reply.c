#include "api/reply.h"

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

static void reply_with_retry(struct api_call *call, int status, const struct error *error)
{
    const struct http_header retry = {SLICE("Retry-After"), SLICE("1")};

    reply_problem_with(call, status, reply_detail(call->http->arena, error), &retry, 1);
}

void reply_error(struct api_call *call, const struct error *error)
{
    int status = reply_http_status(error->status);

    if (status >= 500)
        log_event(call->api->shared->log, LOG_WARN, "call failed", LOG_N("status", status), LOG_S("error", error->message));
    if (status == 503)
        reply_with_retry(call, status, error);
    else
        reply_problem_with(call, status, reply_detail(call->http->arena, error), NULL, 0);
}

void reply_too_many(struct api_call *call, const struct error *error)
{
    reply_with_retry(call, 429, error);
}

void reply_problem(struct api_call *call, int status, const char *where, const char *message)
{
    struct error error;

    error_set(&error, STATUS_INVALID, where, "%s", message);
    if (status == 503 || status == 429)
        reply_with_retry(call, status, &error);
    else
        reply_problem_with(call, status, reply_detail(call->http->arena, &error), NULL, 0);
}
