#include "http/internal.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WORKER_ACCEPTS_PER_TURN = 64, WORKER_ACCEPT_PAUSE_MS = 100, WORKER_DRAIN_TICK_MS = 20, WORKER_ARENA_BLOCK = 8192 };

void http_options_default(struct http_options *options)
{
    *options = (struct http_options){.request_line_bytes_max = 8 << 10,
                                     .header_bytes_max = 16 << 10,
                                     .header_count_max = 64,
                                     .body_bytes_max = 65 << 10,
                                     .chunk_extension_bytes_max = 256,
                                     .trailer_bytes_max = 4 << 10,
                                     .connections_max = 20000,
                                     .pipelined_max = 16,
                                     .requests_per_connection_max = 1000000,
                                     .output_bytes_max = 256 << 10,
                                     .arena_bytes_max = 4 << 20,
                                     .arenas_warm_max = 256,
                                     .header_ms = 10000,
                                     .body_ms = 30000,
                                     .idle_ms = 60000,
                                     .write_ms = 30000,
                                     .linger_ms = 2000};
}

/* ---- time ---- */

uint64_t worker_now_ms(struct http_worker *worker)
{
    (void)worker;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *worker_date(struct http_worker *worker)
{
    time_t now = time(NULL);
    struct tm parts;

    if (now != worker->date_second) {
        gmtime_r(&now, &parts);
        strftime(worker->date, sizeof worker->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        worker->date_second = now;
    }
    return worker->date;
}

/* ---- calls ---- */

struct call *worker_take_call(struct http_worker *worker)
{
    struct call *call = worker->pool;
    struct arena arena;

    if (call) {
        worker->pool = call->pool_next;
        worker->pool_count--;
        arena = call->arena;
        memset(call, 0, sizeof *call);
        call->arena = arena;
    } else {
        call = calloc(1, sizeof *call);
        if (!call)
            return NULL;
        arena_create(&call->arena, WORKER_ARENA_BLOCK, worker->options.arena_bytes_max);
    }
    call->public.arena = &call->arena;
    return call;
}

void worker_return_call(struct http_worker *worker, struct call *call)
{
    if (call->state == CALL_DONE)
        http_count(&worker->calls, (uint64_t)-1);
    if (call->out)
        evbuffer_free(call->out);
    call->out = NULL;
    if (worker->pool_count >= worker->options.arenas_warm_max) {
        arena_destroy(&call->arena);
        free(call);
        return;
    }
    arena_reset(&call->arena);
    call->pool_next = worker->pool;
    worker->pool = call;
    worker->pool_count++;
}

void worker_flush(struct http_worker *worker)
{
    while (worker->dirty) {
        struct connection *connection = worker->dirty;

        worker->dirty = connection->next_dirty;
        connection->dirty = false;
        connection_flush(connection);
    }
}

/* ---- listeners ---- */

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct http_worker *worker = context;

    (void)fd;
    (void)what;
    for (struct listener *at = worker->listeners; at && !atomic_load(&worker->draining); at = at->next)
        event_add(at->event, NULL);
}

/* Out of descriptors: accepting again at once would only spin. */
static void pause_accepting(struct http_worker *worker)
{
    const struct timeval pause = {.tv_usec = WORKER_ACCEPT_PAUSE_MS * 1000};

    http_count(&worker->accept_failures, 1);
    for (struct listener *at = worker->listeners; at; at = at->next)
        event_del(at->event);
    event_add(worker->resume_accept, &pause);
}

static void refuse_connection(struct http_worker *worker, int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    http_count(&worker->refused, 1);
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static void accept_some(evutil_socket_t listening, short what, void *context)
{
    struct listener *listener = context;
    struct http_worker *worker = listener->worker;

    (void)what;
    for (int i = 0; i < WORKER_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            pause_accepting(worker);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            return;
        if (fd < 0)
            continue;
        if (atomic_load_explicit(&worker->active, memory_order_relaxed) >= worker->options.connections_max)
            refuse_connection(worker, fd);
        else
            connection_accept(worker, listener, fd);
    }
}

static struct listener *new_listener(struct http_worker *worker, const struct http_listener *options)
{
    struct listener *listener = calloc(1, sizeof *listener);
    int domain = 0;
    socklen_t size = sizeof domain;

    if (!listener)
        return NULL;
    listener->worker = worker;
    listener->options = *options;
    if (options->fd >= 0 && getsockopt(options->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0)
        listener->is_unix = domain == AF_UNIX;
    if (listener->options.tls)
        SSL_CTX_up_ref(listener->options.tls);
    listener->next = worker->listeners;
    worker->listeners = listener;
    return listener;
}

enum status http_worker_listen(struct http_worker *worker, const struct http_listener *options, struct error *error)
{
    struct listener *listener = new_listener(worker, options);

    if (!listener) {
        close(options->fd);
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    listener->event = event_new(worker->base, options->fd, EV_READ | EV_PERSIST, accept_some, listener);
    if (!listener->event || event_add(listener->event, NULL) != 0)
        return error_set(error, STATUS_IO, "", "cannot watch a listening socket");
    return STATUS_OK;
}

enum status http_worker_adopt(struct http_worker *worker, int fd, const struct http_listener *options, struct error *error)
{
    struct http_listener without = *options;
    struct listener *listener;
    int domain = 0;
    socklen_t size = sizeof domain;

    without.fd = -1;
    listener = new_listener(worker, &without);
    if (!listener || evutil_make_socket_nonblocking(fd) != 0) {
        close(fd);
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0)
        listener->is_unix = domain == AF_UNIX;
    connection_accept(worker, listener, fd);
    return STATUS_OK;
}

static void free_listeners(struct http_worker *worker)
{
    struct listener *next;

    for (struct listener *at = worker->listeners; at; at = next) {
        next = at->next;
        if (at->event)
            event_free(at->event);
        if (at->options.fd >= 0)
            close(at->options.fd);
        if (at->options.tls)
            SSL_CTX_free(at->options.tls);
        free(at);
    }
}

/* ---- posts, stop, drain ---- */

static void wake(void *context)
{
    struct http_worker *worker = context;
    uint64_t one = 1;

    (void)!write(worker->wake_fd, &one, sizeof one);
}

static void deliver(struct http_worker *worker)
{
    struct inbox_item *items = inbox_take_all(&worker->inbox);

    if (items && worker->posted)
        worker->posted(worker->posted_context, items);
    worker_flush(worker);
}

static void on_drain_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_worker *worker = context;
    const struct timeval tick = {.tv_usec = WORKER_DRAIN_TICK_MS * 1000};
    uint32_t left = atomic_load(&worker->drain_ms);
    struct connection *next;

    (void)fd;
    (void)what;
    for (struct connection *connection = worker->connections; connection; connection = next) {
        next = connection->next;
        connection_drain(connection);
    }
    worker_flush(worker);
    if (!worker->connections || left == 0) {
        event_base_loopbreak(worker->base);
        return;
    }
    atomic_store(&worker->drain_ms, left > WORKER_DRAIN_TICK_MS ? left - WORKER_DRAIN_TICK_MS : 0);
    event_add(worker->drain_timer, &tick);
}

static void begin_drain(struct http_worker *worker)
{
    worker->drain_begun = true;
    event_del(worker->resume_accept);
    for (struct listener *at = worker->listeners; at; at = at->next) {
        if (at->event)
            event_del(at->event);
    }
    on_drain_tick(-1, 0, worker);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct http_worker *worker = context;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    deliver(worker);
    if (atomic_load(&worker->stop))
        event_base_loopbreak(worker->base);
    else if (atomic_load(&worker->draining) && !worker->drain_begun)
        begin_drain(worker);
}

void http_worker_on_posted(struct http_worker *worker, http_posted_f posted, void *context)
{
    worker->posted = posted;
    worker->posted_context = context;
}

void http_worker_post(struct http_worker *worker, struct inbox_item *item)
{
    inbox_push(&worker->inbox, item);
}

void http_worker_stop(struct http_worker *worker)
{
    atomic_store(&worker->stop, true);
    wake(worker);
}

void http_worker_drain(struct http_worker *worker, uint32_t deadline_ms)
{
    atomic_store(&worker->drain_ms, deadline_ms);
    atomic_store(&worker->draining, true);
    wake(worker);
}

bool http_worker_is_draining(const struct http_worker *worker)
{
    return atomic_load(&worker->draining);
}

/* ---- the loop ---- */

struct http_worker *http_worker_new(const struct http_options *options, struct error *error)
{
    struct http_worker *worker = calloc(1, sizeof *worker);
    struct event_config *config = event_config_new();

    if (!worker || !config) {
        error_set(error, STATUS_NO_MEMORY, "", "out of memory");
        free(worker);
        return NULL;
    }
    if (options)
        worker->options = *options;
    else
        http_options_default(&worker->options);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    worker->base = event_base_new_with_config(config);
    event_config_free(config);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    inbox_create(&worker->inbox, wake, worker);
    if (worker->base && worker->wake_fd >= 0) {
        worker->wake = event_new(worker->base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker);
        worker->resume_accept = event_new(worker->base, -1, 0, on_resume, worker);
        worker->drain_timer = event_new(worker->base, -1, 0, on_drain_tick, worker);
    }
    if (worker->wake && worker->resume_accept && worker->drain_timer && event_add(worker->wake, NULL) == 0)
        return worker;
    error_set(error, STATUS_UNAVAILABLE, "", "cannot make an event loop: %m");
    http_worker_delete(worker);
    return NULL;
}

enum status http_worker_run(struct http_worker *worker, struct error *error)
{
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    if (!atomic_load(&worker->stop) && event_base_loop(worker->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
        return error_set(error, STATUS_IO, "", "the event loop failed");
    deliver(worker);
    return STATUS_OK;
}

void http_worker_poll(struct http_worker *worker)
{
    event_base_loop(worker->base, EVLOOP_NONBLOCK);
}

/* ---- timers ---- */

static void on_timer_fired(evutil_socket_t fd, short what, void *context)
{
    struct http_timer *timer = context;
    struct http_worker *worker = timer->worker;
    void (*fired)(void *) = timer->fired;
    void *argument = timer->context;

    (void)fd;
    (void)what;
    http_timer_cancel(timer);
    fired(argument);
    worker_flush(worker);
}

struct http_timer *http_timer_start(struct http_worker *worker, uint32_t delay_ms, void (*fired)(void *context), void *context)
{
    struct http_timer *timer = calloc(1, sizeof *timer);
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000};

    if (!timer)
        return NULL;
    *timer = (struct http_timer){.worker = worker, .fired = fired, .context = context, .next = worker->timers};
    timer->event = event_new(worker->base, -1, 0, on_timer_fired, timer);
    if (!timer->event) {
        free(timer);
        return NULL;
    }
    if (timer->next)
        timer->next->previous = timer;
    worker->timers = timer;
    event_add(timer->event, &delay);
    return timer;
}

void http_timer_cancel(struct http_timer *timer)
{
    if (!timer)
        return;
    if (timer->previous)
        timer->previous->next = timer->next;
    else
        timer->worker->timers = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    event_free(timer->event);
    free(timer);
}

/* ---- the end ---- */

static void free_pool(struct http_worker *worker)
{
    struct call *next;

    for (struct call *call = worker->pool; call; call = next) {
        next = call->pool_next;
        arena_destroy(&call->arena);
        free(call);
    }
}

/* Calls that are still open end without a word: whoever holds them has been stopped before. */
static void drop_calls(struct connection *connection)
{
    for (struct call *call = connection->first; call; call = call->next) {
        call->public.on_abort = NULL;
        call->state = CALL_DONE;
    }
}

void http_worker_delete(struct http_worker *worker)
{
    if (!worker)
        return;
    while (worker->connections) {
        drop_calls(worker->connections);
        connection_close(worker->connections);
    }
    while (worker->timers)
        http_timer_cancel(worker->timers);
    free_listeners(worker);
    free_pool(worker);
    if (worker->wake)
        event_free(worker->wake);
    if (worker->resume_accept)
        event_free(worker->resume_accept);
    if (worker->drain_timer)
        event_free(worker->drain_timer);
    if (worker->base)
        event_base_free(worker->base);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    free(worker);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void http_worker_counters(const struct http_worker *worker, struct http_counters *out)
{
    *out = (struct http_counters){.connections_accepted = load(&worker->accepted),
                                  .connections_active = load(&worker->active),
                                  .connections_refused = load(&worker->refused),
                                  .requests = load(&worker->requests),
                                  .calls_active = load(&worker->calls),
                                  .bytes_in = load(&worker->bytes_in),
                                  .bytes_out = load(&worker->bytes_out),
                                  .timeouts = load(&worker->timeouts),
                                  .aborted = load(&worker->aborted),
                                  .accept_failures = load(&worker->accept_failures)};
    for (int i = 0; i < 6; i++)
        out->replies[i] = load(&worker->replies[i]);
}
