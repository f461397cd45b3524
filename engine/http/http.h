/*
 * HTTP/1.1 and 1.0 for everything above it: a worker is one thread with one event loop, its own listeners, connections and
 * call arenas. It hands each complete request to a handler as a call, and the call is answered at once or later.
 *
 * Threads: everything belongs to the worker's thread (or, before http_worker_run and after it, to whoever holds the worker),
 * except what says "any thread". Nothing here locks.
 *
 * Owners: a call, its arena and every slice of it live until http_reply or http_stream_end has been called for it (exactly
 * once), whatever the client does meanwhile; http_worker_delete ends the calls that are still open.
 *
 * Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9457 (problem documents). What those leave to the server is decided
 * strictly here: a request that two implementations might read differently is refused.
 */
#ifndef EDICT_HTTP_HTTP_H
#define EDICT_HTTP_HTTP_H

#include "base/arena.h"
#include "base/inbox.h"
#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>
#include <sys/types.h>

struct http_worker;
struct http_timer;
struct http_call;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX and SSL */
struct ssl_st;

/* ---- limits ---------------------------------------------------------------------------------------------------------- */

/* Every bound of a worker. Fill with http_options_default, then change what must differ. */
struct http_options {
    size_t request_line_bytes_max;        /* else 414. Default 8 KiB */
    size_t header_bytes_max;              /* all header lines together, else 431. Default 16 KiB */
    size_t header_count_max;              /* else 431. Default 64 */
    size_t body_bytes_max;                /* else 413. Default 65 KiB: the API refuses bodies over 64 KiB by name */
    size_t chunk_extension_bytes_max;     /* of one chunk, else 400. Default 256 */
    size_t trailer_bytes_max;             /* else 431; trailers are read and ignored. Default 4 KiB */
    size_t connections_max;               /* of this worker; beyond it, 503 and closed. Default 20,000 */
    size_t pipelined_max;                 /* requests of one connection in work; more are not read. Default 16 */
    uint64_t requests_per_connection_max; /* the last one is answered with Connection: close. Default 1,000,000 */
    size_t output_bytes_max; /* unsent bytes of one connection: a stream beyond it is cut off, requests wait. Default 256 KiB */
    size_t arena_bytes_max;  /* cap of one call's arena. Default 4 MiB */
    size_t arenas_warm_max;  /* call arenas kept for reuse. Default 256 */
    uint32_t
        header_ms; /* from the first byte of a request (or the connect) to the end of its headers, else 408. Default 10,000 */
    uint32_t body_ms;  /* from the end of the headers to the end of the body, else 408. Default 30,000 */
    uint32_t idle_ms;  /* between requests, then closed silently. Default 60,000 */
    uint32_t write_ms; /* what is unsent at one moment must have left after this, else cut off. Default 30,000 */
    uint32_t
        linger_ms; /* after a refusal, how long the peer's remaining bytes are read so that it can see why. Default 2,000 */
};

void http_options_default(struct http_options *options);

/* ---- worker ---------------------------------------------------------------------------------------------------------- */

/* Called on the worker's thread when a whole request is there. Must end in http_reply or http_stream_end, now or later. */
typedef void (*http_handler_f)(void *context, struct http_call *call);
/* Called on the worker's thread with everything posted since the last time, oldest first, linked by `next`. */
typedef void (*http_posted_f)(void *context, struct inbox_item *oldest);

struct http_listener {
    int fd;  /* bound, listening, see http/bind.h; owned by the worker from http_worker_listen on, even if that fails */
    int tag; /* tells listeners apart: call->tag */
    http_handler_f handler;
    void *context;
    struct ssl_ctx_st *tls; /* NULL: plain. The worker takes a reference of its own */
    size_t body_bytes_max;  /* 0: that of the options */
    /* Once a head is there: how large this call's body may be; 0: as above. May be NULL. Reads the call only. */
    size_t (*body_limit)(void *context, const struct http_call *call);
};

/* `options` may be NULL (defaults) and is copied. NULL and `error` when the system refuses. */
struct http_worker *http_worker_new(const struct http_options *options, struct error *error);
/* Not while it runs. Closes everything; open calls are freed without a word. Accepts NULL. */
void http_worker_delete(struct http_worker *worker);
EDICT_MUST_USE enum status http_worker_listen(struct http_worker *worker, const struct http_listener *listener,
                                              struct error *error);
/* Who receives what http_worker_post hands over. Before http_worker_run. */
void http_worker_on_posted(struct http_worker *worker, http_posted_f posted, void *context);
/* Blocks until stopped or drained; what had been posted by then has been delivered. Blocks SIGPIPE for its thread. */
EDICT_MUST_USE enum status http_worker_run(struct http_worker *worker, struct error *error);
/* One turn of the loop without waiting, on the caller's thread: for tests and fuzzing, instead of http_worker_run. */
void http_worker_poll(struct http_worker *worker);
/* Takes a connected stream socket as if it had been accepted by `listener` (whose fd is ignored). Owns `fd`, even on failure.
 */
EDICT_MUST_USE enum status http_worker_adopt(struct http_worker *worker, int fd, const struct http_listener *listener,
                                             struct error *error);

/* Any thread, and signal handlers: run returns soon; connections are closed by http_worker_delete. */
void http_worker_stop(struct http_worker *worker);
/*
 * Any thread, and signal handlers: stops accepting, closes idle connections, lets calls in work finish (answered with
 * Connection: close), tells them by on_drain; run returns when no connection is left or after `deadline_ms`.
 */
void http_worker_drain(struct http_worker *worker, uint32_t deadline_ms);
bool http_worker_is_draining(const struct http_worker *worker); /* any thread */
/* Any thread. One wake-up a burst. Not after http_worker_delete. */
void http_worker_post(struct http_worker *worker, struct inbox_item *item);

/* A one-shot timer. NULL when out of memory. The pointer is dead once `fired` is called or the timer is cancelled. */
struct http_timer *http_timer_start(struct http_worker *worker, uint32_t delay_ms, void (*fired)(void *context), void *context);
void http_timer_cancel(struct http_timer *timer); /* accepts NULL */

/* What a worker has done so far. */
struct http_counters {
    uint64_t connections_accepted;
    uint64_t connections_active;  /* now */
    uint64_t connections_refused; /* over connections_max */
    uint64_t requests;            /* complete ones, and those refused with a status */
    uint64_t calls_active;        /* handed to a handler and not answered yet */
    uint64_t replies[6];          /* by the first digit of the status */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t timeouts;        /* connections closed because a time was up, other than between requests */
    uint64_t aborted;         /* calls whose client went away before the answer was complete */
    uint64_t accept_failures; /* accept(2) failed, for instance for lack of descriptors */
};
/* Any thread; each number is exact, together they may be a moment apart. */
void http_worker_counters(const struct http_worker *worker, struct http_counters *counters);

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_PATCH
};

struct http_header {
    struct slice name;  /* in a call: as sent; compare without case */
    struct slice value; /* in a call: without white space around it; no control character but tab */
};

enum http_peer_kind { HTTP_PEER_TCP, HTTP_PEER_UNIX };

struct http_call {
    /* The request. Read only. */
    enum http_method method;
    int version_minor; /* HTTP/1.0 or HTTP/1.1 */
    int tag;           /* the listener's */
    enum http_peer_kind peer;
    bool tls;
    struct slice target;   /* as sent */
    struct slice raw_path; /* of the target, still percent-encoded; begins with '/', or is "*" (OPTIONS) */
    struct slice path;  /* percent-decoded; never holds controls. An encoded slash decodes too: route by http_path_segment where
                           that matters */
    struct slice query; /* after the '?', still encoded, its escapes known to be well formed; may be empty */
    const struct http_header *headers;
    size_t header_count;
    struct slice body;   /* whole, without transfer coding; NUL-terminated past its end */
    struct arena *arena; /* of this call; freed after the answer */
    struct http_worker *worker;

    /* The handler's. All NULL and 0 when it is called. */
    void *user;
    /*
     * The client has gone before the answer was complete. Called from the loop, at most once, never from inside a function
     * of this header. The call still has to be answered; an answer may still reach a client that only closed its sending side.
     */
    void (*on_abort)(struct http_call *call);
    /* The worker drains: answer a long poll now, end a stream. Same rules. */
    void (*on_drain)(struct http_call *call);
    /* All that was written to this stream has left: write more. Called from the loop. */
    void (*on_writable)(struct http_call *call);
    /* Go with whatever answers this call, whoever writes it: trusted text that lives as long as the call. */
    const struct http_header *standing;
    size_t standing_count;
};

struct slice http_method_name(enum http_method method);
/* How many headers of this name there are; `value` (may be NULL) gets the first one's. 2 or more: ambiguous, refuse it where it
 * matters. */
size_t http_header_get(const struct http_call *call, const char *name, struct slice *value);
/* The same for a query parameter; decoded ('+' is a space) in the call's arena. An exhausted arena gives an empty value. */
size_t http_query_get(const struct http_call *call, const char *name, struct slice *value);
/* Segment `index` of the path, decoded by itself: of "/v1/agents/a%2Fb" 0 is "v1", 2 is "a/b". False past the last, or when the
 * arena is exhausted. */
bool http_path_segment(const struct http_call *call, size_t index, struct slice *segment);
size_t http_path_segment_count(const struct http_call *call); /* "/" has 0, "/v1" and "/v1/" have 1 and 2 (the last empty) */
/* "127.0.0.1:4711", "[::1]:4711", "unix:uid=1000" in the call's arena. */
struct slice http_peer_text(const struct http_call *call);
/* The uid of a process behind the Unix-domain socket (SO_PEERCRED); false for TCP. */
bool http_peer_uid(const struct http_call *call, uid_t *uid);
/* The TLS session, or NULL. Also NULL once the client has gone. */
struct ssl_st *http_call_ssl(const struct http_call *call);
bool http_call_is_aborted(const struct http_call *call);

/* ---- answers --------------------------------------------------------------------------------------------------------- */

struct http_reply {
    int status;                /* 200 to 599 */
    struct slice content_type; /* empty: no such header */
    const struct http_header
        *headers; /* besides Date, Content-Type, Content-Length, Connection, Transfer-Encoding; trusted text */
    size_t header_count;
    const struct slice *body; /* pieces, sent one after the other; suppressed for HEAD, 204 and 304 */
    size_t body_count;
    bool close; /* end the connection after this answer */
};

/* Ends the call: it, its arena and its slices are gone. Everything in `reply` is copied first and may lie in that arena. */
void http_reply(struct http_call *call, const struct http_reply *reply);
/* The same with one body. */
void http_reply_body(struct http_call *call, int status, const char *content_type, struct slice body);
/* application/problem+json (RFC 9457); the title is the status's name. `detail` is for people and is escaped. `headers` may be
 * NULL; then 429 and 503 carry Retry-After: 1. */
void http_reply_problem(struct http_call *call, int status, struct slice detail, const struct http_header *headers,
                        size_t header_count);
/* The reason phrase of RFC 9110, "Unknown" for others. */
const char *http_status_title(int status);

/*
 * An answer whose length is not known yet, such as Server-Sent Events: chunked on 1.1, until close on 1.0. `body` of the reply
 * is what it begins with. After http_stream_begin the call is answered by http_stream_end. For HEAD only headers are sent.
 */
void http_stream_begin(struct http_call *call, const struct http_reply *reply);
/*
 * STATUS_UNAVAILABLE: the reader has gone, or did not read and has been cut off at output_bytes_max; on_abort is not called
 * any more, and http_stream_end is what remains to be done. Copies; sends at once what the socket takes.
 */
EDICT_MUST_USE enum status http_stream_write(struct http_call *call, struct slice bytes);
/* Bytes written and not yet taken by the socket. */
size_t http_stream_pending(const struct http_call *call);
/* Ends the stream in order, and the call. */
void http_stream_end(struct http_call *call);
/* Ends the call by cutting the connection, so that the client sees that the stream is incomplete. */
void http_stream_cut(struct http_call *call);

#endif
