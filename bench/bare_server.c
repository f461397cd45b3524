/*
 * What a server costs that does nothing: libevent's bufferevents and llhttp, keep-alive, one thread and one SO_REUSEPORT
 * listener a core, a constant answer. The measure of what Edict adds.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BODY_SIZE = 700, THREADS_MAX = 64 };

struct server {
    struct event_base *base;
    char answer[BODY_SIZE + 256];
    size_t answer_size;
    llhttp_settings_t settings;
};

struct connection {
    struct server *server;
    struct bufferevent *bev;
    llhttp_t parser;
};

static int on_complete(llhttp_t *parser)
{
    struct connection *connection = parser->data;

    evbuffer_add(bufferevent_get_output(connection->bev), connection->server->answer, connection->server->answer_size);
    return 0;
}

static void on_end(struct bufferevent *bev, short what, void *context)
{
    (void)what;
    bufferevent_free(bev);
    free(context);
}

static void on_read(struct bufferevent *bev, void *context)
{
    struct connection *connection = context;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t size = evbuffer_get_length(in);

    if (llhttp_execute(&connection->parser, (const char *)evbuffer_pullup(in, -1), size) != HPE_OK) {
        on_end(bev, 0, connection);
        return;
    }
    evbuffer_drain(in, size);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size, void *context)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct server *server = context;
    int one = 1;

    (void)listener;
    (void)address;
    (void)size;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->server = server;
    connection->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    llhttp_init(&connection->parser, HTTP_REQUEST, &server->settings);
    connection->parser.data = connection;
    bufferevent_setcb(connection->bev, on_read, NULL, on_end, connection);
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}

static void *serve(void *context)
{
    struct server *server = context;

    event_base_dispatch(server->base);
    return NULL;
}

static void start(struct server *server, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char body[BODY_SIZE];

    memset(body, 'x', sizeof body);
    body[0] = body[BODY_SIZE - 1] = '"';
    server->answer_size = (size_t)snprintf(server->answer, sizeof server->answer,
                                           "HTTP/1.1 200 OK\r\nDate: Tue, 28 Jul 2026 12:34:56 GMT\r\nContent-Type: "
                                           "application/json\r\nContent-Length: %d\r\n\r\n%.*s",
                                           BODY_SIZE, BODY_SIZE, body);
    server->base = event_base_new();
    llhttp_settings_init(&server->settings);
    server->settings.on_message_complete = on_complete;
    if (!evconnlistener_new_bind(server->base, on_accept, server,
                                 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT, 4096,
                                 (struct sockaddr *)&address, sizeof address)) {
        perror("bench_bare_server: listen");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct server servers[THREADS_MAX];
    pthread_t thread;
    int port = argc > 1 ? atoi(argv[1]) : 0, threads = argc > 2 ? atoi(argv[2]) : 2;

    if (port <= 0 || threads <= 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: bench_bare_server PORT [THREADS]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < threads; i++)
        start(&servers[i], port);
    for (int i = 1; i < threads; i++)
        pthread_create(&thread, NULL, serve, &servers[i]);
    puts("ready");
    fflush(stdout);
    serve(&servers[0]);
    return 0;
}
