#include "http/internal.h"

#include "base/text.h"

#include <stdio.h>

const char *http_status_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {{200, "OK"},
                  {201, "Created"},
                  {202, "Accepted"},
                  {204, "No Content"},
                  {304, "Not Modified"},
                  {400, "Bad Request"},
                  {401, "Unauthorized"},
                  {403, "Forbidden"},
                  {404, "Not Found"},
                  {405, "Method Not Allowed"},
                  {406, "Not Acceptable"},
                  {408, "Request Timeout"},
                  {409, "Conflict"},
                  {410, "Gone"},
                  {412, "Precondition Failed"},
                  {413, "Content Too Large"},
                  {414, "URI Too Long"},
                  {415, "Unsupported Media Type"},
                  {417, "Expectation Failed"},
                  {422, "Unprocessable Content"},
                  {429, "Too Many Requests"},
                  {431, "Request Header Fields Too Large"},
                  {500, "Internal Server Error"},
                  {501, "Not Implemented"},
                  {503, "Service Unavailable"},
                  {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Unknown";
}

/* The first unanswered call writes to the connection; later ones keep what they say until it is their turn. */
struct evbuffer *reply_target(struct call *call)
{
    if (!call->connection)
        return NULL;
    if (call->connection->first == call)
        return call->connection->staged;
    if (!call->out)
        call->out = evbuffer_new();
    return call->out;
}

static void add_header(struct buf *out, struct slice name, struct slice value)
{
    buf_add_slice(out, name);
    buf_add(out, ": ", 2);
    buf_add_slice(out, value);
    buf_add(out, "\r\n", 2);
}

void reply_write_head(struct call *call, const struct http_reply *reply, bool has_length, size_t length, struct buf *out)
{
    buf_add_str(out, "HTTP/1.1 ");
    buf_add_i64(out, reply->status);
    buf_add_char(out, ' ');
    buf_add_str(out, http_status_title(reply->status));
    buf_add_str(out, "\r\nDate: ");
    buf_add_str(out, worker_date(call->public.worker));
    buf_add(out, "\r\n", 2);
    if (reply->content_type.size > 0)
        add_header(out, SLICE("Content-Type"), reply->content_type);
    if (has_length) {
        buf_add_str(out, "Content-Length: ");
        buf_add_u64(out, length);
        buf_add(out, "\r\n", 2);
    } else if (call->chunked_out) {
        buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    }
    for (size_t i = 0; i < reply->header_count; i++)
        add_header(out, reply->headers[i].name, reply->headers[i].value);
    for (size_t i = 0; i < call->public.standing_count; i++)
        add_header(out, call->public.standing[i].name, call->public.standing[i].value);
    if (call->close)
        buf_add_str(out, "Connection: close\r\n");
    else if (call->public.version_minor == 0)
        buf_add_str(out, "Connection: keep-alive\r\n");
    buf_add(out, "\r\n", 2);
    http_count(&call->public.worker->replies[reply->status / 100 < 6 ? reply->status / 100 : 0], 1);
}

void reply_finish(struct call *call)
{
    struct connection *connection = call->connection;

    call->state = CALL_DONE;
    if (!connection)
        worker_return_call(call->public.worker, call);
    else if (connection->first == call)
        connection_advance(connection);
}

static bool status_has_body(int status)
{
    return status != 204 && status != 304 && status >= 200;
}

void http_reply(struct http_call *public, const struct http_reply *reply)
{
    struct call *call = (struct call *)public;
    struct evbuffer *target = reply_target(call);
    struct buf head;
    size_t length = 0;
    bool has_body = status_has_body(reply->status);

    call->close = call->close || reply->close || atomic_load(&public->worker->draining);
    if (target) {
        buf_create(&head, &call->arena);
        for (size_t i = 0; i < reply->body_count; i++)
            length += reply->body[i].size;
        buf_reserve(&head, 512 + (length < 4096 ? length : 0));
        reply_write_head(call, reply, has_body, length, &head);
        for (size_t i = 0; has_body && !call->head_only && length < 4096 && i < reply->body_count; i++)
            buf_add_slice(&head, reply->body[i]);
        if (head.failed)
            call->cut = true;
        else
            evbuffer_add(target, head.data, head.size);
        for (size_t i = 0; has_body && !call->head_only && length >= 4096 && i < reply->body_count; i++)
            evbuffer_add(target, reply->body[i].data, reply->body[i].size);
    }
    reply_finish(call);
}

void http_reply_body(struct http_call *call, int status, const char *content_type, struct slice body)
{
    const struct http_reply reply = {
        .status = status, .content_type = slice_from_str(content_type), .body = &body, .body_count = 1};

    http_reply(call, &reply);
}

void http_reply_problem(struct http_call *public, int status, struct slice detail, const struct http_header *headers,
                        size_t header_count)
{
    static const struct http_header retry = {{"Retry-After", 11}, {"1", 1}};
    struct call *call = (struct call *)public;
    struct buf out;
    struct slice body;
    struct http_reply reply = {.status = status,
                               .content_type = SLICE("application/problem+json"),
                               .headers = headers,
                               .header_count = header_count,
                               .body = &body,
                               .body_count = 1};

    if (header_count == 0 && (status == 429 || status == 503)) {
        reply.headers = &retry;
        reply.header_count = 1;
    }
    buf_create(&out, &call->arena);
    buf_printf(&out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"", http_status_title(status),
               status);
    text_escape(&out, detail, TEXT_ESCAPE_JSON);
    buf_add_str(&out, "\"}");
    body = out.failed ? SLICE("{}") : buf_slice(&out);
    http_reply(public, &reply);
}
