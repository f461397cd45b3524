/*
 * The inside of the client: client.c is the exchange, client_connect.c what leads to a connection. All of it belongs to the
 * client's thread but `interrupted` and `wake_fd`.
 */
#ifndef EDICT_HTTP_CLIENT_INTERNAL_H
#define EDICT_HTTP_CLIENT_INTERNAL_H

#include "base/buf.h"
#include "http/client.h"

#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <llhttp.h>
#include <stdatomic.h>

struct http_client {
    struct http_url url;
    struct http_client_options options;
    struct event_base *base;
    struct ssl_ctx_st *tls;
    int wake_fd;
    struct event *wake, *deadline, *patience; /* patience: with one address */
    _Atomic bool interrupted;

    /* The connection; kept between exchanges. */
    struct bufferevent *bev;
    struct ssl_st *ssl; /* of `bev` */
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *resolving;
    struct evutil_addrinfo *addresses, *address; /* all of them, and the one being tried */

    /* The exchange under way. */
    struct slice request;
    struct buf body, type;
    llhttp_t parser;
    llhttp_settings_t settings;
    size_t wire_bytes;
    unsigned interim; /* answers of 1xx so far */
    bool in_type, connected, received, complete, finished;
    enum status status;
    struct error *error;
};

/* The exchange is over; the first call counts. */
void client_finish(struct http_client *client, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* There is a connection: send the request. */
void client_connected(struct http_client *client);
void client_readable(struct bufferevent *bev, void *context);

/* NULL and `error` where the trust cannot be set up. */
struct ssl_ctx_st *client_tls_new(const char *ca_file, struct error *error);
void client_connect(struct http_client *client);                            /* ends in client_connected or client_finish */
void client_disconnect(struct http_client *client);                         /* and whatever led to it */
void client_out_of_patience(evutil_socket_t fd, short what, void *context); /* of `patience` */
/* The event callback of a connection that is made. */
void client_connection_event(struct bufferevent *bev, short what, void *context);

#endif
