#include "http/client_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CLIENT_HEAD_BYTES_MAX = 16 * 1024, /* status line and headers of an answer */
    CLIENT_INTERIM_MAX = 8,            /* answers of 1xx before the answer */
    CLIENT_ANSWER_BYTES = 64 * 1024,
    CLIENT_CONNECT_MS = 5000,
    CLIENT_EXCHANGE_MS = 10000
};

void client_finish(struct http_client *client, enum status status, const char *format, ...)
{
    va_list arguments;

    if (client->finished)
        return;
    client->finished = true;
    client->status = status;
    if (status != STATUS_OK) {
        va_start(arguments, format);
        error_set_v(client->error, status, "", format, arguments);
        va_end(arguments);
    }
    event_base_loopbreak(client->base);
}

/* ---- the answer ---- */

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http_client *client = parser->data;

    client->in_type = size == 12 && strncasecmp(at, "content-type", 12) == 0;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    struct http_client *client = parser->data;

    if (client->in_type)
        buf_add(&client->type, at, size);
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct http_client *client = parser->data;

    if (client->body.size + size > client->options.answer_bytes_max) {
        client_finish(client, STATUS_TOO_LARGE, "the answer is larger than %zu bytes", client->options.answer_bytes_max);
        return HPE_USER;
    }
    buf_add(&client->body, at, size);
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct http_client *client = parser->data;

    if (parser->status_code < 200) { /* an interim answer: the real one follows */
        client->type.size = client->body.size = 0;
        return parser->upgrade || ++client->interim > CLIENT_INTERIM_MAX ? HPE_USER : 0;
    }
    client->complete = true;
    return HPE_PAUSED;
}

/* With head, chunk sizes and trailers: what llhttp does not bound by itself. */
static bool wire_is_bounded(struct http_client *client, size_t more)
{
    client->wire_bytes += more;
    return client->wire_bytes <= CLIENT_HEAD_BYTES_MAX + 2 * client->options.answer_bytes_max;
}

static void answer_is_complete(struct http_client *client)
{
    if (client->body.failed || client->type.failed)
        client_finish(client, STATUS_NO_MEMORY, "out of memory");
    else
        client_finish(client, STATUS_OK, "%s", "");
}

void client_readable(struct bufferevent *bev, void *context)
{
    struct http_client *client = context;
    struct evbuffer *in = bufferevent_get_input(bev);

    while (evbuffer_get_length(in) > 0 && !client->finished) {
        size_t size = evbuffer_get_contiguous_space(in);
        const char *bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)size);
        llhttp_errno_t result;

        client->received = true;
        if (!wire_is_bounded(client, size)) {
            client_finish(client, STATUS_TOO_LARGE, "the answer is too large");
            return;
        }
        result = llhttp_execute(&client->parser, bytes, size);
        if (client->complete) {
            size_t used = (size_t)(llhttp_get_error_pos(&client->parser) - bytes);

            evbuffer_drain(in, used < size ? used : size);
            answer_is_complete(client);
        } else if (result != HPE_OK) {
            client_finish(client, STATUS_INVALID, "what came back is not HTTP: %s", llhttp_errno_name(result));
        } else {
            evbuffer_drain(in, size);
        }
    }
}

void client_connection_event(struct bufferevent *bev, short what, void *context)
{
    struct http_client *client = context;

    (void)bev;
    if (what & BEV_EVENT_EOF && client->received && llhttp_finish(&client->parser) == HPE_OK && client->complete)
        answer_is_complete(client); /* an answer that ends with its connection */
    else if (client->complete)
        answer_is_complete(client);
    else
        client_finish(client, STATUS_UNAVAILABLE, "the connection ended before the answer was complete%s%s",
                      what & BEV_EVENT_ERROR && errno ? ": " : "", what & BEV_EVENT_ERROR && errno ? strerror(errno) : "");
}

void client_connected(struct http_client *client)
{
    client->connected = true;
    if (bufferevent_write(client->bev, client->request.data, client->request.size) != 0)
        client_finish(client, STATUS_NO_MEMORY, "out of memory");
}

/* ---- the exchange ---- */

static void write_request(struct buf *out, const struct http_client *client, const struct http_client_request *request)
{
    bool bracketed = strchr(client->url.host, ':') != NULL;
    bool usual = strcmp(client->url.port, client->url.tls ? "443" : "80") == 0;

    buf_printf(out, "%s %.*s HTTP/1.1\r\nHost: %s%s%s%s%s\r\nUser-Agent: edictd/%s\r\nAccept: */*\r\n", request->method,
               SLICE_ARG(request->target), bracketed ? "[" : "", client->url.host, bracketed ? "]" : "", usual ? "" : ":",
               usual ? "" : client->url.port, EDICT_VERSION);
    if (request->bearer.size > 0)
        buf_printf(out, "Authorization: Bearer %.*s\r\n", SLICE_ARG(request->bearer));
    if (request->content_type.size > 0)
        buf_printf(out, "Content-Type: %.*s\r\nContent-Length: %zu\r\n", SLICE_ARG(request->content_type), request->body.size);
    buf_add_str(out, "\r\n");
    buf_add_slice(out, request->body);
}

static void exchange_reset(struct http_client *client, struct arena *arena, struct error *error)
{
    buf_create(&client->body, arena);
    buf_create(&client->type, arena);
    llhttp_init(&client->parser, HTTP_RESPONSE, &client->settings);
    client->parser.data = client;
    client->wire_bytes = 0;
    client->interim = 0;
    client->in_type = client->connected = client->received = client->complete = client->finished = false;
    client->status = STATUS_OK;
    client->error = error;
}

/* True when the connection had been kept and turned out to be dead before anything came: a new one may be tried. */
static bool exchange_run(struct http_client *client)
{
    const struct timeval limit = {.tv_sec = client->options.exchange_ms / 1000,
                                  .tv_usec = (suseconds_t)(client->options.exchange_ms % 1000) * 1000};
    bool kept = client->bev != NULL;

    evtimer_add(client->deadline, &limit);
    if (atomic_load(&client->interrupted))
        client_finish(client, STATUS_UNAVAILABLE, "interrupted");
    else if (kept)
        client_connected(client);
    else
        client_connect(client);
    while (!client->finished && event_base_loop(client->base, EVLOOP_NO_EXIT_ON_EMPTY) == 0)
        ;
    if (!client->finished)
        client_finish(client, STATUS_IO, "the event loop failed");
    evtimer_del(client->deadline);
    if (client->status != STATUS_OK || !llhttp_should_keep_alive(&client->parser) ||
        evbuffer_get_length(bufferevent_get_input(client->bev)) > 0)
        client_disconnect(client);
    return kept && client->status == STATUS_UNAVAILABLE && !client->received && !atomic_load(&client->interrupted);
}

enum status http_client_call(struct http_client *client, const struct http_client_request *request, struct arena *arena,
                             struct http_client_answer *answer, struct error *error)
{
    struct buf bytes;
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    buf_create(&bytes, arena);
    write_request(&bytes, client, request);
    if (bytes.failed)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    client->request = buf_slice(&bytes);
    exchange_reset(client, arena, error);
    if (exchange_run(client)) {
        exchange_reset(client, arena, error);
        (void)exchange_run(client);
    }
    *answer = (struct http_client_answer){
        .status = client->parser.status_code, .content_type = buf_slice(&client->type), .body = buf_slice(&client->body)};
    return client->status;
}

/* ---- the client ---- */

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    client_finish(context, STATUS_UNAVAILABLE, "interrupted");
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct http_client *client = context;

    (void)fd;
    (void)what;
    client_finish(client, STATUS_UNAVAILABLE, "%s within %u ms", client->connected ? "no whole answer" : "no connection",
                  client->options.exchange_ms);
}

/* Counted down by nobody: it stays readable, so that a loop that starts later ends as well. */
void http_client_interrupt(struct http_client *client)
{
    uint64_t one = 1;

    atomic_store(&client->interrupted, true);
    (void)!write(client->wake_fd, &one, sizeof one);
}

static void set_options(struct http_client *client, const struct http_client_options *options)
{
    client->options = *options;
    if (client->options.answer_bytes_max == 0)
        client->options.answer_bytes_max = CLIENT_ANSWER_BYTES;
    if (client->options.connect_ms == 0)
        client->options.connect_ms = CLIENT_CONNECT_MS;
    if (client->options.exchange_ms == 0)
        client->options.exchange_ms = CLIENT_EXCHANGE_MS;
    llhttp_settings_init(&client->settings);
    client->settings.on_header_field = on_header_field;
    client->settings.on_header_value = on_header_value;
    client->settings.on_body = on_body;
    client->settings.on_message_complete = on_complete;
}

static bool make_loop(struct http_client *client)
{
    struct event_config *config = event_config_new();

    if (!config)
        return false;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    client->base = event_base_new_with_config(config);
    event_config_free(config);
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!client->base || client->wake_fd < 0)
        return false;
    client->wake = event_new(client->base, client->wake_fd, EV_READ | EV_PERSIST, on_wake, client);
    client->deadline = event_new(client->base, -1, 0, on_deadline, client);
    client->patience = event_new(client->base, -1, 0, client_out_of_patience, client);
    return client->wake && client->deadline && client->patience && event_add(client->wake, NULL) == 0;
}

struct http_client *http_client_new(const struct http_url *url, const struct http_client_options *options, struct error *error)
{
    struct http_client *client = calloc(1, sizeof *client);

    if (!client) {
        error_set(error, STATUS_NO_MEMORY, "", "out of memory");
        return NULL;
    }
    client->url = *url;
    client->wake_fd = -1;
    set_options(client, options);
    client->options.ca_file = NULL; /* read here, not kept */
    if (!make_loop(client))
        error_set(error, STATUS_UNAVAILABLE, "", "cannot make an event loop: %m");
    else if (!url->tls || (client->tls = client_tls_new(options->ca_file, error)))
        return client;
    http_client_delete(client);
    return NULL;
}

void http_client_delete(struct http_client *client)
{
    if (!client)
        return;
    if (client->patience)
        client_disconnect(client);
    if (client->wake)
        event_free(client->wake);
    if (client->deadline)
        event_free(client->deadline);
    if (client->patience)
        event_free(client->patience);
    if (client->base)
        event_base_free(client->base);
    if (client->wake_fd >= 0)
        close(client->wake_fd);
    SSL_CTX_free(client->tls);
    free(client);
}
