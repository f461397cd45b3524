#include "base/file.h"
#include "http/client_internal.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* ---- TLS ---- */

struct ssl_ctx_st *client_tls_new(const char *ca_file, struct error *error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        error_set(error, STATUS_INTERNAL, "", "OpenSSL makes no TLS context");
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (ca_file && ca_file[0] ? SSL_CTX_load_verify_file(context, ca_file) : SSL_CTX_set_default_verify_paths(context))
        return context;
    ERR_clear_error();
    error_set(error, STATUS_INVALID, ca_file && ca_file[0] ? ca_file : "",
              "no certificates of authorities (PEM) can be read there");
    SSL_CTX_free(context);
    return NULL;
}

enum status http_client_check_ca(const char *ca_file, struct error *error)
{
    SSL_CTX *context;
    int fd;
    enum status status = file_open(ca_file, O_RDONLY, &fd, NULL, error); /* OpenSSL would wait for a FIFO's other end */

    if (status != STATUS_OK)
        return status;
    close(fd);
    context = client_tls_new(ca_file, error);
    SSL_CTX_free(context);
    return context ? STATUS_OK : error->status;
}

/* The session verifies the certificate's chain and that it is this host's. */
static SSL *new_session(struct http_client *client)
{
    SSL *ssl = SSL_new(client->tls);
    bool ok = ssl != NULL;

    if (ok && client->url.is_address)
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), client->url.host) == 1;
    else if (ok)
        ok = SSL_set1_host(ssl, client->url.host) == 1 && SSL_set_tlsext_host_name(ssl, client->url.host) == 1;
    if (ok)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

/* ---- one address after the other ---- */

static void try_address(struct http_client *client);

static void drop_connection(struct http_client *client)
{
    if (client->bev)
        bufferevent_free(client->bev); /* and the session, and the socket */
    client->bev = NULL;
    client->ssl = NULL;
    ERR_clear_error();
}

static void try_next(struct http_client *client, const char *why)
{
    long verified = client->ssl ? SSL_get_verify_result(client->ssl) : X509_V_OK;

    evtimer_del(client->patience);
    drop_connection(client);
    if (verified != X509_V_OK) { /* no other address makes a wrong certificate right */
        client_finish(client, STATUS_DENIED, "the server's certificate does not verify: %s",
                      X509_verify_cert_error_string(verified));
        return;
    }
    client->address = client->address->ai_next;
    if (client->address)
        try_address(client);
    else
        client_finish(client, STATUS_UNAVAILABLE, "cannot connect: %s", why);
}

void client_out_of_patience(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    try_next(context, "no connection in time");
}

static void on_connecting(struct bufferevent *bev, short what, void *context)
{
    struct http_client *client = context;

    if (what & BEV_EVENT_CONNECTED) {
        evtimer_del(client->patience);
        bufferevent_setcb(bev, client_readable, NULL, client_connection_event, client);
        client_connected(client);
    } else {
        unsigned long tls = client->ssl ? bufferevent_get_openssl_error(bev) : 0;
        const char *reason = tls ? ERR_reason_error_string(tls) : NULL;

        try_next(client, reason ? reason : errno ? strerror(errno) : "the connection was closed");
    }
}

static bool make_bufferevent(struct http_client *client)
{
    if (!client->url.tls) {
        client->bev = bufferevent_socket_new(client->base, -1, BEV_OPT_CLOSE_ON_FREE);
        return client->bev != NULL;
    }
    client->ssl = new_session(client);
    if (!client->ssl)
        return false;
    client->bev =
        bufferevent_openssl_socket_new(client->base, -1, client->ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!client->bev) {
        SSL_free(client->ssl);
        client->ssl = NULL;
    }
    return client->bev != NULL;
}

static void try_address(struct http_client *client)
{
    const struct timeval patience = {.tv_sec = client->options.connect_ms / 1000,
                                     .tv_usec = (suseconds_t)(client->options.connect_ms % 1000) * 1000};

    if (!make_bufferevent(client)) {
        client_finish(client, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    bufferevent_setcb(client->bev, NULL, NULL, on_connecting, client);
    bufferevent_enable(client->bev, EV_READ | EV_WRITE);
    evtimer_add(client->patience, &patience);
    /* What fails at once is told to on_connecting as well. */
    (void)bufferevent_socket_connect(client->bev, client->address->ai_addr, (int)client->address->ai_addrlen);
}

/* ---- names ---- */

static void on_resolved(int result, struct evutil_addrinfo *found, void *context)
{
    struct http_client *client = context;

    if (result == EVUTIL_EAI_CANCEL) /* the client may be gone */
        return;
    client->resolving = NULL;
    client->addresses = client->address = found;
    if (result != 0 || !found)
        client_finish(client, STATUS_UNAVAILABLE, "the name \"%s\" is not found: %s", client->url.host,
                      result != 0 ? evutil_gai_strerror(result) : "no address");
    else
        try_address(client);
}

/* /etc/hosts and the name servers, read anew for every connection: they may have changed since the last one. */
static void resolve(struct http_client *client)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct evdns_getaddrinfo_request *request;

    client->dns = evdns_base_new(client->base, 0);
    if (!client->dns) {
        client_finish(client, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    (void)evdns_base_resolv_conf_parse(client->dns, DNS_OPTIONS_ALL, RESOLV_CONF); /* without it there are defaults */
    request = evdns_getaddrinfo(client->dns, client->url.host, client->url.port, &hints, on_resolved, client);
    if (request && !client->addresses && !client->finished)
        client->resolving = request;
}

void client_connect(struct http_client *client)
{
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP, .ai_flags = EVUTIL_AI_NUMERICHOST};

    errno = 0;
    if (!client->url.is_address)
        resolve(client);
    else if (evutil_getaddrinfo(client->url.host, client->url.port, &hints, &client->addresses) != 0)
        client_finish(client, STATUS_UNAVAILABLE, "not an address: %s", client->url.host);
    else {
        client->address = client->addresses;
        try_address(client);
    }
}

static void forget_names(struct http_client *client)
{
    if (client->resolving)
        evdns_getaddrinfo_cancel(client->resolving);
    client->resolving = NULL;
    if (client->dns) {
        evdns_base_free(client->dns, 1);
        event_base_loop(client->base, EVLOOP_ONCE | EVLOOP_NONBLOCK); /* lets what was cancelled free itself */
    }
    client->dns = NULL;
    if (client->addresses)
        evutil_freeaddrinfo(client->addresses);
    client->addresses = client->address = NULL;
}

void client_disconnect(struct http_client *client)
{
    evtimer_del(client->patience);
    drop_connection(client);
    forget_names(client);
}
