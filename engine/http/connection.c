#include "http/internal.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_timer(evutil_socket_t fd, short what, void *context);

/* ---- deadlines ---- */

/* The timer is only armed anew when it would fire too late: on a busy connection deadlines move all the time, and mostly later.
 */
static void arm(struct connection *connection)
{
    uint64_t due = connection->deadline_ms, now = worker_now_ms(connection->worker);
    struct timeval wait;

    if (connection->write_deadline_ms && (due == 0 || connection->write_deadline_ms < due))
        due = connection->write_deadline_ms;
    if (due == 0 || (connection->armed_ms && connection->armed_ms <= due))
        return;
    connection->armed_ms = due;
    due = due > now ? due - now : 1;
    wait = (struct timeval){.tv_sec = (time_t)(due / 1000), .tv_usec = (suseconds_t)(due % 1000 * 1000)};
    event_add(connection->timer, &wait);
}

void connection_set_deadline(struct connection *connection, uint32_t in_ms)
{
    connection->deadline_ms = in_ms ? worker_now_ms(connection->worker) + in_ms : 0;
    arm(connection);
}

static bool is_idle(const struct connection *connection)
{
    return !connection->first && !connection->incoming && evbuffer_get_length(bufferevent_get_input(connection->bev)) == 0;
}

static size_t unsent(const struct connection *connection)
{
    return evbuffer_get_length(connection->staged) + evbuffer_get_length(bufferevent_get_output(connection->bev));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    struct http_worker *worker = connection->worker;
    uint64_t now = worker_now_ms(worker);

    (void)fd;
    (void)what;
    connection->armed_ms = 0;
    if (connection->write_deadline_ms && connection->write_deadline_ms <= now) {
        http_count(&worker->timeouts, 1);
        connection_close(connection);
    } else if (connection->deadline_ms && connection->deadline_ms <= now) {
        connection->deadline_ms = 0;
        if (connection->lingering || is_idle(connection)) {
            connection_close(connection);
        } else {
            http_count(&worker->timeouts, 1);
            if (connection->incoming)
                worker_return_call(worker, connection->incoming);
            connection->incoming = NULL;
            connection_refuse(connection, 408, "the request did not arrive in time");
        }
    } else {
        arm(connection);
    }
    worker_flush(worker);
}

/* ---- the end ---- */

static void unlink_dirty(struct connection *connection)
{
    struct connection **at = &connection->worker->dirty;

    if (!connection->dirty)
        return;
    while (*at != connection)
        at = &(*at)->next_dirty;
    *at = connection->next_dirty;
    connection->dirty = false;
}

static void free_connection(struct connection *connection)
{
    struct http_worker *worker = connection->worker;

    unlink_dirty(connection);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        worker->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    event_free(connection->timer);
    evbuffer_free(connection->staged);
    bufferevent_free(connection->bev);
    free(connection);
    http_count(&worker->active, (uint64_t)-1);
    if (worker->drain_begun && !worker->connections)
        event_base_loopbreak(worker->base);
}

/* While calls are told something they may answer, and so close the connection under whoever told them. */
static void enter(struct connection *connection)
{
    connection->busy++;
}

static void leave(struct connection *connection)
{
    if (--connection->busy == 0 && connection->dead)
        free_connection(connection);
}

static struct call *next_to_abort(const struct connection *connection)
{
    struct call *call = connection->first;

    while (call && (call->aborted || call->state == CALL_DONE))
        call = call->next;
    return call;
}

/* Tells the calls in work, once each. They still have to be answered, even if nobody hears it. */
static void abort_calls(struct connection *connection)
{
    struct call *call;

    while ((call = next_to_abort(connection))) {
        call->aborted = true;
        http_count(&connection->worker->aborted, 1);
        if (call->public.on_abort)
            call->public.on_abort(&call->public);
    }
}

void connection_close(struct connection *connection)
{
    struct call *next;

    if (connection->incoming)
        worker_return_call(connection->worker, connection->incoming);
    connection->incoming = NULL;
    if (connection->dead)
        return;
    connection->dead = true;
    enter(connection);
    connection->reading = READ_NOTHING;
    bufferevent_disable(connection->bev, EV_READ | EV_WRITE);
    abort_calls(connection);
    for (struct call *call = connection->first; call; call = next) {
        next = call->next;
        call->next = NULL;
        call->connection = NULL;
        if (call->state == CALL_DONE)
            worker_return_call(connection->worker, call);
    }
    connection->first = connection->last = NULL;
    leave(connection);
}

/* All is said: sends what is left and ends; the peer's further bytes are read over for a while, so that it gets to see the
 * answer. */
static void begin_linger(struct connection *connection)
{
    connection->lingering = true;
    connection->reading = READ_NOTHING;
    if (!connection->read_ended)
        bufferevent_enable(connection->bev, EV_READ);
    connection_set_deadline(connection, connection->worker->options.linger_ms);
    if (unsent(connection) == 0)
        shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
}

/* ---- out ---- */

void connection_mark(struct connection *connection)
{
    if (connection->dirty)
        return;
    connection->dirty = true;
    connection->next_dirty = connection->worker->dirty;
    connection->worker->dirty = connection;
}

static bool may_read(const struct connection *connection)
{
    const struct http_options *options = &connection->worker->options;

    return connection->reading != READ_NOTHING && connection->call_count < options->pipelined_max &&
           unsent(connection) < options->output_bytes_max;
}

static void resume_reading(struct connection *connection)
{
    connection->paused = false;
    bufferevent_enable(connection->bev, EV_READ);
    bufferevent_trigger(connection->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_OPT_DEFER_CALLBACKS);
}

/* When what reading waited for has left, whether straight to the socket or by the loop. */
static void resume_after_output(struct connection *connection)
{
    if (connection->paused && !connection->dead && !connection->closing && may_read(connection))
        resume_reading(connection);
}

/* Straight to the socket where nothing waits before it: no turn of the loop, no change of what it watches. */
void connection_flush(struct connection *connection)
{
    struct evbuffer *out = bufferevent_get_output(connection->bev);
    size_t before = evbuffer_get_length(connection->staged);

    if (!connection->tls && evbuffer_get_length(out) == 0 && before > 0) {
        int written = evbuffer_write(connection->staged, bufferevent_getfd(connection->bev));

        if (written < 0 && errno != EAGAIN && errno != EINTR) {
            connection_close(connection);
            return;
        }
        http_count(&connection->worker->bytes_out, written > 0 ? (uint64_t)written : 0);
    }
    if (evbuffer_get_length(connection->staged) > 0) {
        http_count(&connection->worker->bytes_out, evbuffer_get_length(connection->staged));
        evbuffer_add_buffer(out, connection->staged);
    }
    if (evbuffer_get_length(out) > 0 && connection->write_deadline_ms == 0) {
        connection->write_deadline_ms = worker_now_ms(connection->worker) + connection->worker->options.write_ms;
        arm(connection);
    }
    resume_after_output(connection);
    if (!connection->closing || connection->first || connection->lingering)
        return;
    if (connection->read_ended && unsent(connection) == 0)
        connection_close(connection);
    else
        begin_linger(connection);
}

static void on_written(struct bufferevent *bev, void *context)
{
    struct connection *connection = context;
    struct http_worker *worker = connection->worker;

    (void)bev;
    connection->write_deadline_ms = 0;
    if (connection->lingering && connection->read_ended && unsent(connection) == 0) {
        connection_close(connection);
        return;
    }
    if (connection->lingering && connection->closing)
        shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
    enter(connection);
    if (connection->first && connection->first->state == CALL_STREAMING && connection->first->public.on_writable)
        connection->first->public.on_writable(&connection->first->public);
    resume_after_output(connection);
    leave(connection);
    worker_flush(worker);
}

/* ---- in ---- */

/* As many requests as are there and may be taken. */
static void read_all(struct connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->bev);
    bool more = true;

    while (more && !connection->dead && may_read(connection))
        more = connection->reading == READ_HEAD ? head_read(connection, in) : body_read(connection, in);
    if (connection->dead)
        return;
    connection->paused = connection->reading != READ_NOTHING && !may_read(connection);
    if (connection->paused)
        bufferevent_disable(connection->bev, EV_READ);
    if (connection->reading == READ_HEAD && !connection->first && evbuffer_get_length(in) == 0 && connection->deadline_ms == 0)
        connection_set_deadline(connection, connection->worker->options.idle_ms);
}

static void on_readable(struct bufferevent *bev, void *context)
{
    struct connection *connection = context;
    struct http_worker *worker = connection->worker;
    struct evbuffer *in = bufferevent_get_input(bev);

    http_count(&worker->bytes_in, evbuffer_get_length(in));
    if (connection->reading == READ_NOTHING) {
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    if (connection->reading == READ_HEAD && !connection->incoming && connection->requests > 0 && !connection->first)
        connection_set_deadline(connection, worker->options.header_ms); /* a new request has begun */
    enter(connection);
    read_all(connection);
    leave(connection);
    worker_flush(worker);
}

/* The peer sends no more. What it has asked is still answered: it may only have closed its sending side. */
static void on_end(struct connection *connection)
{
    connection->read_ended = true;
    bufferevent_disable(connection->bev, EV_READ);
    if (connection->incoming)
        worker_return_call(connection->worker, connection->incoming);
    connection->incoming = NULL;
    connection->reading = READ_NOTHING;
    if (connection->lingering || (!connection->first && unsent(connection) == 0)) {
        connection_close(connection);
        return;
    }
    connection->closing = true;
    enter(connection);
    abort_calls(connection);
    leave(connection);
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
    struct connection *connection = context;
    struct http_worker *worker = connection->worker;

    (void)bev;
    if (what & BEV_EVENT_CONNECTED)
        return;
    if (what & BEV_EVENT_EOF && !(what & BEV_EVENT_ERROR))
        on_end(connection);
    else if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
        connection_close(connection);
    worker_flush(worker);
}

/* ---- requests ---- */

void connection_dispatch(struct connection *connection)
{
    struct http_worker *worker = connection->worker;
    struct call *call = connection->incoming;

    connection->incoming = NULL;
    connection->reading = READ_HEAD;
    connection->deadline_ms = 0;
    if (connection->last)
        connection->last->next = call;
    else
        connection->first = call;
    connection->last = call;
    connection->call_count++;
    http_count(&worker->requests, 1);
    http_count(&worker->calls, 1);
    if (++connection->requests >= worker->options.requests_per_connection_max || atomic_load(&worker->draining))
        call->close = true;
    if (call->close)
        connection->reading = READ_NOTHING;
    connection->listener->options.handler(connection->listener->options.context, &call->public);
}

void connection_refuse(struct connection *connection, int status, const char *detail)
{
    struct call *call = worker_take_call(connection->worker);

    connection->reading = READ_NOTHING;
    connection->deadline_ms = 0;
    if (!call) {
        connection_close(connection);
        return;
    }
    call->connection = connection;
    call->close = true;
    call->public.version_minor = 1;
    call->public.worker = connection->worker;
    if (connection->last)
        connection->last->next = call;
    else
        connection->first = call;
    connection->last = call;
    connection->call_count++;
    http_count(&connection->worker->requests, 1);
    http_count(&connection->worker->calls, 1);
    http_reply_problem(&call->public, status, slice_from_str(detail), NULL, 0);
}

static void pop_call(struct connection *connection)
{
    struct call *call = connection->first;

    connection->first = call->next;
    if (!connection->first)
        connection->last = NULL;
    connection->call_count--;
    if (call->close)
        connection->closing = true;
    worker_return_call(connection->worker, call);
}

void connection_advance(struct connection *connection)
{
    bool cut = false, last = false;

    while (connection->first && !cut && !last) {
        struct call *call = connection->first;

        if (call->out)
            evbuffer_add_buffer(connection->staged, call->out);
        if (!connection->dead)
            connection_mark(connection);
        if (call->state != CALL_DONE)
            return; /* it is the first now: what it says goes straight out */
        cut = call->cut;
        last = call->close;
        pop_call(connection);
    }
    if (connection->dead)
        return;
    if (cut) {
        connection_close(connection);
        return;
    }
    connection_mark(connection);
    if (connection->closing || connection->reading == READ_NOTHING)
        return;
    if (connection->paused) {
        resume_reading(connection);
    } else if (connection->reading == READ_BODY && connection->expects_continue) {
        bufferevent_trigger(connection->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_OPT_DEFER_CALLBACKS);
    } else if (!connection->first && connection->deadline_ms == 0) {
        connection_set_deadline(connection, connection->worker->options.idle_ms);
    }
}

void connection_drain(struct connection *connection)
{
    if (!connection->first && !connection->incoming) {
        connection->closing = true;
        if (unsent(connection) == 0)
            connection_close(connection);
        else
            connection_mark(connection);
        return;
    }
    for (struct call *call = connection->first; call; call = call->next)
        call->close = call->close || !call->next;
    for (struct call *call = connection->first; call; call = call->next) {
        if (call->state == CALL_DONE || call->drain_told || !call->public.on_drain)
            continue;
        call->drain_told = true;
        enter(connection);
        call->public.on_drain(&call->public);
        leave(connection);
        return; /* the list may have changed; the drain's timer comes back for the others */
    }
}

/* ---- the start ---- */

static struct bufferevent *new_bufferevent(struct http_worker *worker, struct listener *listener, int fd)
{
    SSL *ssl;

    if (!listener->options.tls)
        return bufferevent_socket_new(worker->base, fd, BEV_OPT_CLOSE_ON_FREE);
    ssl = SSL_new(listener->options.tls);
    return ssl ? bufferevent_openssl_socket_new(worker->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)
               : NULL;
}

void connection_accept(struct http_worker *worker, struct listener *listener, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    int one = 1;

    if (connection) {
        connection->bev = new_bufferevent(worker, listener, fd);
        connection->staged = evbuffer_new();
        connection->timer = event_new(worker->base, -1, 0, on_timer, connection);
    }
    if (!connection || !connection->bev || !connection->staged || !connection->timer) {
        if (connection && connection->bev)
            bufferevent_free(connection->bev);
        else
            close(fd);
        if (connection && connection->staged)
            evbuffer_free(connection->staged);
        if (connection && connection->timer)
            event_free(connection->timer);
        free(connection);
        return;
    }
    if (!listener->is_unix)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->worker = worker;
    connection->listener = listener;
    connection->tls = listener->options.tls != NULL;
    connection->next = worker->connections;
    if (connection->next)
        connection->next->previous = connection;
    worker->connections = connection;
    http_count(&worker->accepted, 1);
    http_count(&worker->active, 1);
    bufferevent_setcb(connection->bev, on_readable, on_written, on_event, connection);
    bufferevent_setwatermark(connection->bev, EV_READ, 0, worker->options.body_bytes_max + worker->options.header_bytes_max);
    connection_set_deadline(connection, worker->options.header_ms);
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}
