/*
 * The inside of the HTTP layer. Everything belongs to the worker's thread.
 *
 *   worker.c      the loop, listeners, posts, timers, drain
 *   connection.c  one connection: bytes in and out, its deadline, its end
 *   head.c        the head of a request: strict checks, then llhttp
 *   body.c        the body: by length or chunks
 *   target.c      the request target: path and query
 *   call.c        what handlers ask a call
 *   reply.c       answers; stream.c: answers of unknown length
 */
#ifndef EDICT_HTTP_INTERNAL_H
#define EDICT_HTTP_INTERNAL_H

#include "base/buf.h"
#include "http/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdatomic.h>

/* ---- calls ---- */

enum call_state { CALL_WAITING, CALL_STREAMING, CALL_DONE };

struct call {
    struct http_call public;       /* first */
    struct call *next;             /* of the connection, oldest first */
    struct connection *connection; /* NULL once the client has gone for good */
    struct call *pool_next;
    struct arena arena;
    struct evbuffer *out; /* what it says while earlier calls are unanswered; NULL: nothing */
    enum call_state state;
    bool aborted, close, head_only, chunked_out, cut, drain_told;
};

/* ---- connections ---- */

enum reading { READ_HEAD, READ_BODY, READ_NOTHING /* refused, or no more requests are wanted */ };

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

struct connection {
    struct connection *next, *previous; /* of the worker */
    struct connection *next_dirty;
    struct http_worker *worker;
    struct listener *listener;
    struct bufferevent *bev;
    struct evbuffer *staged; /* written, not given to the socket yet */
    struct event *timer;
    uint64_t deadline_ms, armed_ms, write_deadline_ms; /* of the worker's clock; 0: none */
    struct call *first, *last;
    unsigned call_count;
    uint64_t requests;
    /* The request that is being read. */
    enum reading reading;
    struct call *incoming;
    uint64_t body_left;
    bool chunked, expects_continue;
    enum chunk_state chunk;
    struct buf body;
    size_t trailer_bytes;
    bool dirty, closing, lingering, read_ended, dead, paused;
    bool tls;
    unsigned busy; /* functions that still need it: it is freed when the last one leaves */
};

struct listener {
    struct listener *next;
    struct http_worker *worker;
    struct http_listener options;
    struct event *event;
    bool is_unix;
};

struct http_timer {
    struct http_timer *next, *previous;
    struct http_worker *worker;
    struct event *event;
    void (*fired)(void *context);
    void *context;
};

struct http_worker {
    struct http_options options;
    struct event_base *base;
    struct listener *listeners;
    struct connection *connections, *dirty;
    struct call *pool;
    size_t pool_count;
    struct http_timer *timers;
    struct inbox inbox;
    int wake_fd;
    struct event *wake;
    http_posted_f posted;
    void *posted_context;
    struct event *resume_accept, *drain_timer;
    _Atomic bool stop, draining;
    _Atomic uint32_t drain_ms;
    bool drain_begun;
    time_t date_second;
    char date[40];
    _Atomic uint64_t accepted, active, refused, requests, calls, replies[6], bytes_in, bytes_out, timeouts, aborted,
        accept_failures;
};

static inline void http_count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

/* ---- worker.c ---- */
uint64_t worker_now_ms(struct http_worker *worker);
const char *worker_date(struct http_worker *worker); /* of the Date header */
struct call *worker_take_call(struct http_worker *worker);
void worker_return_call(struct http_worker *worker, struct call *call);
void worker_flush(struct http_worker *worker); /* gives every dirty connection's bytes to its socket */

/* ---- connection.c ---- */
void connection_accept(struct http_worker *worker, struct listener *listener, int fd);
void connection_mark(struct connection *connection); /* it has staged bytes */
void connection_flush(struct connection *connection);
/* Moves what finished calls said out, in order; then reads on or closes. */
void connection_advance(struct connection *connection);
void connection_close(struct connection *connection); /* at once; calls in work lose it */
void connection_set_deadline(struct connection *connection, uint32_t in_ms);
void connection_drain(struct connection *connection);
/* Answers with a problem, reads nothing more, and ends the connection once that is sent. */
void connection_refuse(struct connection *connection, int status, const char *detail);
/* The request is whole: into the queue, and to the handler. */
void connection_dispatch(struct connection *connection);

/* ---- head.c, body.c: one step on the bytes that are there; true when something was consumed and there may be more to do ----
 */
bool head_read(struct connection *connection, struct evbuffer *in);
bool body_read(struct connection *connection, struct evbuffer *in);
bool body_begin(struct connection *connection); /* after the head: false when refused */

/* ---- target.c ---- */
/* Splits and decodes call->public.target; a reason when it is not acceptable, else NULL. */
const char *target_parse(struct call *call);
/* Decodes percent escapes (and '+' as a space). `.data` is NULL when the arena is exhausted. */
struct slice target_decode(struct arena *arena, struct slice text, bool plus_is_space);

/* ---- reply.c ---- */
struct evbuffer *reply_target(struct call *call); /* where its bytes go now; NULL: nowhere */
void reply_write_head(struct call *call, const struct http_reply *reply, bool has_length, size_t length, struct buf *out);
void reply_finish(struct call *call);

#endif
