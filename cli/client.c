#include "cli/client.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <llhttp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- where the server is ---- */

static enum status parse_http_address(struct client *client, const char *address, struct error *error)
{
    struct slice rest = slice_from_str(address);
    size_t colon, end;

    rest = slice_sub(rest, strlen("http://"), slice_find(rest, '/', strlen("http://")));
    end = rest.size > 0 && rest.data[0] == '[' ? slice_find(rest, ']', 0) : 0;
    colon = end == SIZE_MAX ? SIZE_MAX : slice_find(rest, ':', end);
    if (colon == SIZE_MAX || colon >= sizeof client->host || rest.size - colon - 1 >= sizeof client->port)
        return error_set(error, STATUS_INVALID, "--server", "expected http://HOST:PORT or unix:PATH");
    snprintf(client->host, sizeof client->host, "%.*s", end > 0 ? (int)(end - 1) : (int)colon, rest.data + (end > 0 ? 1 : 0));
    snprintf(client->port, sizeof client->port, "%.*s", (int)(rest.size - colon - 1), rest.data + colon + 1);
    return STATUS_OK;
}

static enum status parse_address(struct client *client, const char *server, const char *data, struct error *error)
{
    if (server && strncmp(server, "http://", 7) == 0)
        return parse_http_address(client, server, error);
    if (server && strncmp(server, "unix:", 5) != 0)
        return error_set(error, STATUS_INVALID, "--server", "expected http://HOST:PORT or unix:PATH");
    if (snprintf(client->unix_path, sizeof client->unix_path, "%s%s", server ? server + 5 : data,
                 server ? "" : "/edictd.sock") >= (int)sizeof client->unix_path)
        return error_set(error, STATUS_INVALID, "--server", "the path is too long");
    return STATUS_OK;
}

static void read_token(struct client *client, const char *data)
{
    const char *given = getenv("EDICT_TOKEN");
    char path[CLIENT_ADDRESS_MAX + 32];
    ssize_t size;
    int fd;

    if (given) {
        snprintf(client->token, sizeof client->token, "%s", given);
        return;
    }
    snprintf(path, sizeof path, "%s/admin.token", data);
    if (file_open(path, O_RDONLY, &fd, NULL, NULL) != STATUS_OK)
        return;
    size = read(fd, client->token, sizeof client->token - 1);
    close(fd);
    while (size > 0 && (client->token[size - 1] == '\n' || client->token[size - 1] == ' '))
        size--;
    client->token[size > 0 ? size : 0] = '\0';
}

enum status client_create_plain(struct client *client, const char *server, const char *data, struct error *error)
{
    *client = (struct client){0};
    return parse_address(client, server, data, error);
}

enum status client_create(struct client *client, const char *server, const char *data, struct error *error)
{
    *client = (struct client){0};
    read_token(client, data);
    return parse_address(client, server, data, error);
}

/* ---- the connection ---- */

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
    } else {
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_tcp(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static enum status client_connect(const struct client *client, int *fd, struct error *error)
{
    const struct timeval patience = {.tv_sec = client->timeout_s > 0 ? client->timeout_s : CLIENT_TIMEOUT_S};

    *fd = client->unix_path[0] ? connect_unix(client->unix_path) : connect_tcp(client->host, client->port);
    if (*fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, client->unix_path[0] ? client->unix_path : client->host,
                         "cannot reach edictd: %m. Is it running? Name it with --server URL or its folder with --data DIR");
    setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return STATUS_OK;
}

/* ---- one exchange ---- */

static enum status send_all(int fd, struct slice bytes, struct error *error)
{
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (sent <= 0)
            return error_set(error, STATUS_IO, "", "the connection to edictd broke: %m");
        bytes = slice_sub(bytes, (size_t)sent, SIZE_MAX);
    }
    return STATUS_OK;
}

static void write_request(struct buf *out, const struct client *client, const char *method, struct slice target,
                          struct slice body, bool watched)
{
    buf_add_str(out, method);
    buf_add_char(out, ' ');
    buf_add_slice(out, target);
    buf_add_str(out, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: ");
    buf_add_str(out, watched ? "application/json, text/event-stream\r\n" : "application/json\r\n");
    if (client->token[0])
        buf_printf(out, "Authorization: Bearer %s\r\n", client->token);
    buf_add_slice(out, client->headers);
    if (body.size > 0)
        buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.size);
    else if (strcmp(method, "GET") != 0)
        buf_add_str(out, "Content-Type: application/json\r\nContent-Length: 0\r\n");
    buf_add_str(out, "\r\n");
    buf_add_slice(out, body);
}

struct exchange {
    struct buf body, type, session;
    struct buf *header; /* where the value of the header that is being read goes; NULL: nowhere */
    const struct client_watch *watch;
    bool done, streams;
};

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct exchange *exchange = parser->data;

    exchange->header = size == 12 && strncasecmp(at, "content-type", 12) == 0     ? &exchange->type
                       : size == 14 && strncasecmp(at, "mcp-session-id", 14) == 0 ? &exchange->session
                                                                                  : NULL;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    struct exchange *exchange = parser->data;

    if (exchange->header)
        buf_add(exchange->header, at, size);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct exchange *exchange = parser->data;

    exchange->streams =
        exchange->watch && (slice_starts_with(buf_slice(&exchange->type), SLICE("text/event-stream")) ||
                            (exchange->watch->any_type && parser->status_code >= 200 && parser->status_code <= 299));
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct exchange *exchange = parser->data;

    if (exchange->streams)
        return exchange->watch->event_bytes(exchange->watch->context, slice_from(at, size)) ? 0 : HPE_USER;
    buf_add(&exchange->body, at, size);
    return exchange->body.failed || exchange->body.size > CLIENT_ANSWER_MAX ? HPE_USER : 0;
}

static int on_complete(llhttp_t *parser)
{
    ((struct exchange *)parser->data)->done = true;
    return HPE_PAUSED;
}

static enum status receive(int fd, llhttp_t *parser, struct exchange *exchange, struct error *error)
{
    char bytes[16384];

    while (!exchange->done) {
        ssize_t size = recv(fd, bytes, sizeof bytes, 0);
        llhttp_errno_t result;

        if (size < 0)
            return error_set(error, STATUS_IO, "", "no answer from edictd: %m");
        result = size > 0 ? llhttp_execute(parser, bytes, (size_t)size) : llhttp_finish(parser);
        if (exchange->done)
            break;
        if (result != HPE_OK || size == 0)
            return error_set(error, STATUS_IO, "", "edictd's answer broke off or is not HTTP");
    }
    return STATUS_OK;
}

static void exchange_create(struct exchange *exchange, struct arena *arena, const struct client_watch *watch)
{
    *exchange = (struct exchange){.watch = watch};
    buf_create(&exchange->body, arena);
    buf_create(&exchange->type, arena);
    buf_create(&exchange->session, arena);
}

static void parser_create(llhttp_t *parser, llhttp_settings_t *settings, struct exchange *exchange)
{
    llhttp_settings_init(settings);
    settings->on_header_field = on_header_field;
    settings->on_header_value = on_header_value;
    settings->on_headers_complete = on_headers_complete;
    settings->on_body = on_body;
    settings->on_message_complete = on_complete;
    llhttp_init(parser, HTTP_RESPONSE, settings);
    parser->data = exchange;
}

static void client_close(int fd, const struct client_watch *watch)
{
    if (fd < 0)
        return;
    if (watch && watch->closing)
        watch->closing(watch->context);
    close(fd);
}

enum status client_call_watched(const struct client *client, struct arena *arena, const char *method, struct slice target,
                                struct slice body, const struct client_watch *watch, struct client_answer *answer,
                                struct error *error)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    struct exchange exchange;
    struct buf request;
    int fd = -1;
    enum status status;

    buf_create(&request, arena);
    write_request(&request, client, method, target, body, watch != NULL);
    exchange_create(&exchange, arena, watch);
    parser_create(&parser, &settings, &exchange);
    status = request.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : client_connect(client, &fd, error);
    if (status == STATUS_OK && watch && watch->connected)
        watch->connected(watch->context, fd);
    if (status == STATUS_OK)
        status = send_all(fd, buf_slice(&request), error);
    if (status == STATUS_OK)
        status = receive(fd, &parser, &exchange, error);
    client_close(fd, watch);
    *answer = (struct client_answer){.status = parser.status_code,
                                     .body = buf_slice(&exchange.body),
                                     .content_type = buf_slice(&exchange.type),
                                     .session = buf_slice(&exchange.session)};
    return status;
}

enum status client_call(const struct client *client, struct arena *arena, const char *method, struct slice target,
                        struct slice body, struct client_answer *answer, struct error *error)
{
    return client_call_watched(client, arena, method, target, body, NULL, answer, error);
}

struct slice client_escape(struct arena *arena, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf out;

    buf_create(&out, arena);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c)) {
            buf_add_char(&out, (char)c);
        } else {
            buf_add_char(&out, '%');
            buf_add_char(&out, hex[c >> 4]);
            buf_add_char(&out, hex[c & 15]);
        }
    }
    return buf_slice(&out);
}
