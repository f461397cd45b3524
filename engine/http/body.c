/* The body of a request: by its length or by chunks (RFC 9112, 7.1), every size bounded. */
#include "http/internal.h"

#include <string.h>

static size_t body_limit(const struct connection *connection)
{
    const struct http_listener *listener = &connection->listener->options;
    size_t own = listener->body_limit ? listener->body_limit(listener->context, &connection->incoming->public) : 0;

    if (own == 0)
        own = listener->body_bytes_max;
    return own > 0 ? own : connection->worker->options.body_bytes_max;
}

static bool refuse(struct connection *connection, int status, const char *detail)
{
    worker_return_call(connection->worker, connection->incoming);
    connection->incoming = NULL;
    connection_refuse(connection, status, detail);
    return false;
}

static bool complete(struct connection *connection)
{
    struct call *call = connection->incoming;

    buf_add_char(&connection->body, '\0');
    if (connection->body.failed)
        return refuse(connection, 503, "out of memory; try again");
    call->public.body = slice_from(connection->body.data, connection->body.size - 1);
    connection_dispatch(connection);
    return true;
}

/* Only where no earlier answer is due: it would come between. */
static void send_continue(struct connection *connection)
{
    if (!connection->expects_continue)
        return;
    connection->expects_continue = false;
    evbuffer_add(connection->staged, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    connection_mark(connection);
}

bool body_begin(struct connection *connection)
{
    const char *too_large = "the body is larger than this server takes";

    buf_create(&connection->body, &connection->incoming->arena);
    if (connection->body_left > body_limit(connection))
        return refuse(connection, 413, too_large);
    if (!connection->chunked && connection->body_left == 0)
        return complete(connection);
    if (!connection->chunked)
        buf_reserve(&connection->body, (size_t)connection->body_left + 1);
    connection->reading = READ_BODY;
    connection->chunk = CHUNK_SIZE;
    connection->trailer_bytes = 0;
    connection_set_deadline(connection, connection->worker->options.body_ms);
    return true;
}

/* Moves bytes into the body's buffer. */
static void take(struct connection *connection, struct evbuffer *in)
{
    size_t there = evbuffer_get_length(in), size = there < connection->body_left ? there : (size_t)connection->body_left;

    if (!buf_reserve(&connection->body, size))
        return;
    evbuffer_remove(in, connection->body.data + connection->body.size, size);
    connection->body.size += size;
    connection->body_left -= size;
}

/* ---- chunks ---- */

/* A line up to CR LF of at most `max` bytes; -1: not there yet, -2: too long or badly ended. */
static ssize_t find_line(struct evbuffer *in, size_t max)
{
    struct evbuffer_ptr end = evbuffer_search(in, "\n", 1, NULL);
    char before;
    struct evbuffer_ptr at;

    if (end.pos < 0)
        return evbuffer_get_length(in) > max ? -2 : -1;
    if (end.pos < 1 || (size_t)end.pos > max + 1)
        return -2;
    evbuffer_ptr_set(in, &at, (size_t)end.pos - 1, EVBUFFER_PTR_SET);
    if (evbuffer_copyout_from(in, &at, &before, 1) != 1 || before != '\r')
        return -2;
    return end.pos - 1;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a" or "1a;name=value"; the extension is read over. */
static bool parse_size(struct slice line, uint64_t *size)
{
    size_t at = 0;

    for (*size = 0; at < line.size && hex(line.data[at]) >= 0; at++) {
        if (at == 8)
            return false;
        *size = *size * 16 + (uint64_t)hex(line.data[at]);
    }
    if (at == 0 || (at < line.size && line.data[at] != ';'))
        return false;
    for (; at < line.size; at++) {
        if ((unsigned char)line.data[at] < ' ' || line.data[at] == 0x7F)
            return false;
    }
    return true;
}

static bool read_size(struct connection *connection, struct evbuffer *in)
{
    ssize_t size = find_line(in, 8 + connection->worker->options.chunk_extension_bytes_max);
    struct slice line;

    if (size == -1)
        return false;
    line = size < 0 ? (struct slice){0} : slice_from(evbuffer_pullup(in, size + 2), (size_t)size);
    if (size < 0 || !parse_size(line, &connection->body_left))
        return refuse(connection, 400, "a chunk's size is not one hexadecimal number on a line that ends with CR LF");
    evbuffer_drain(in, (size_t)size + 2);
    if (connection->body_left + connection->body.size > body_limit(connection))
        return refuse(connection, 413, "the body is larger than this server takes");
    connection->chunk = connection->body_left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return true;
}

static bool read_end(struct connection *connection, struct evbuffer *in)
{
    char two[2];

    if (evbuffer_get_length(in) < 2)
        return false;
    evbuffer_remove(in, two, 2);
    if (two[0] != '\r' || two[1] != '\n')
        return refuse(connection, 400, "a chunk must end with CR LF");
    connection->chunk = CHUNK_SIZE;
    return true;
}

/* Trailers are read over; the empty line ends the body. */
static bool read_trailer(struct connection *connection, struct evbuffer *in)
{
    ssize_t size = find_line(in, connection->worker->options.trailer_bytes_max);

    if (size == -1)
        return false;
    if (size < 0)
        return refuse(connection, 400, "a trailer line is too long or does not end with CR LF");
    evbuffer_drain(in, (size_t)size + 2);
    if (size == 0)
        return complete(connection);
    connection->trailer_bytes += (size_t)size;
    if (connection->trailer_bytes > connection->worker->options.trailer_bytes_max)
        return refuse(connection, 431, "the trailers are too long");
    return true;
}

static bool read_chunk(struct connection *connection, struct evbuffer *in)
{
    switch (connection->chunk) {
    case CHUNK_SIZE:
        return read_size(connection, in);
    case CHUNK_DATA:
        take(connection, in);
        if (connection->body_left > 0)
            return false;
        connection->chunk = CHUNK_END;
        return true;
    case CHUNK_END:
        return read_end(connection, in);
    case CHUNK_TRAILER:
        break;
    }
    return read_trailer(connection, in);
}

bool body_read(struct connection *connection, struct evbuffer *in)
{
    if (connection->expects_continue && connection->first)
        return false; /* its 100 must not overtake earlier answers; connection_advance comes back */
    if (evbuffer_get_length(in) == 0) {
        send_continue(connection);
        return false;
    }
    connection->expects_continue = false; /* the client did not wait */
    if (connection->chunked)
        return read_chunk(connection, in);
    take(connection, in);
    if (connection->body.failed)
        return refuse(connection, 503, "out of memory; try again");
    return connection->body_left == 0 && complete(connection);
}
