/* Answers whose length is not known yet. */
#include "http/internal.h"

#include <stdio.h>

static void add_bytes(struct call *call, struct evbuffer *target, struct slice bytes)
{
    char size[24];

    if (bytes.size == 0)
        return;
    if (!call->chunked_out) {
        evbuffer_add(target, bytes.data, bytes.size);
        return;
    }
    evbuffer_add(target, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", bytes.size));
    evbuffer_add(target, bytes.data, bytes.size);
    evbuffer_add(target, "\r\n", 2);
}

static void mark(struct call *call)
{
    if (call->connection && call->connection->first == call)
        connection_mark(call->connection);
}

void http_stream_begin(struct http_call *public, const struct http_reply *reply)
{
    struct call *call = (struct call *)public;
    struct evbuffer *target = reply_target(call);
    struct buf head;

    call->state = CALL_STREAMING;
    call->chunked_out = public->version_minor > 0;
    call->close = call->close || reply->close || !call->chunked_out || atomic_load(&public->worker->draining);
    if (!target)
        return;
    buf_create(&head, &call->arena);
    reply_write_head(call, reply, false, 0, &head);
    if (head.failed)
        call->cut = true;
    else
        evbuffer_add(target, head.data, head.size);
    for (size_t i = 0; i < reply->body_count && !call->head_only; i++)
        add_bytes(call, target, reply->body[i]);
    mark(call);
}

size_t http_stream_pending(const struct http_call *public)
{
    const struct call *call = (const struct call *)public;

    if (!call->connection)
        return 0;
    if (call->connection->first != call)
        return call->out ? evbuffer_get_length(call->out) : 0;
    return evbuffer_get_length(call->connection->staged) + evbuffer_get_length(bufferevent_get_output(call->connection->bev));
}

enum status http_stream_write(struct http_call *public, struct slice bytes)
{
    struct call *call = (struct call *)public;
    struct evbuffer *target = reply_target(call);

    if (!target || call->cut)
        return STATUS_UNAVAILABLE;
    if (http_stream_pending(public) + bytes.size > public->worker->options.output_bytes_max) {
        call->cut = true; /* a reader that does not read: the stream cannot be continued in order */
        public->on_abort = NULL;
        return STATUS_UNAVAILABLE;
    }
    if (!call->head_only)
        add_bytes(call, target, bytes);
    mark(call);
    return STATUS_OK;
}

void http_stream_end(struct http_call *public)
{
    struct call *call = (struct call *)public;
    struct evbuffer *target = reply_target(call);

    if (target && !call->cut && call->chunked_out && !call->head_only)
        evbuffer_add(target, "0\r\n\r\n", 5);
    reply_finish(call);
}

void http_stream_cut(struct http_call *public)
{
    struct call *call = (struct call *)public;

    call->cut = call->close = true;
    reply_finish(call);
}
