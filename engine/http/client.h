/*
 * A client for what edictd tells others: one server a client, http or https, one exchange at a time, every size and time
 * bounded. Redirects are not followed: the answer is what it is. TLS 1.2 or newer with the server's certificate and name
 * verified; there is no way to switch that off.
 *
 * Threads: a client belongs to one thread, which blocks in http_client_call; http_client_interrupt is for any thread.
 */
#ifndef EDICT_HTTP_CLIENT_H
#define EDICT_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

enum { HTTP_URL_HOST_MAX = 253, HTTP_URL_TARGET_MAX = 1024 };

/* http://HOST[:PORT][/PATH][?QUERY], or https. HOST is a name, an IPv4 address or [an IPv6 address]. */
struct http_url {
    bool tls, is_address;
    char host[HTTP_URL_HOST_MAX + 1]; /* without brackets */
    char port[6];
    char target[HTTP_URL_TARGET_MAX + 1]; /* path and query; "/" at least */
};

/* INVALID says what is wrong: another scheme, user information, a fragment, characters that a URL cannot hold. */
enum status http_url_parse(struct slice text, struct http_url *out, struct error *error) EDICT_MUST_USE;
/* "localhost", 127.0.0.0/8 or ::1: nobody on a network reads along. */
bool http_url_is_loopback(const struct http_url *url);

struct http_client;

struct http_client_options {
    const char *ca_file;     /* of PEM certificates, the only ones trusted then; NULL or "": those of the system */
    size_t answer_bytes_max; /* of an answer's body. 0: 64 KiB */
    uint32_t connect_ms;     /* for each address, TLS included. 0: 5,000 */
    uint32_t exchange_ms;    /* for everything, from the name to the last byte. 0: 10,000 */
};

struct http_client_request {
    const char *method;
    struct slice target; /* path and query */
    struct slice content_type, body;
    struct slice bearer; /* a token without control characters; empty: none */
};

struct http_client_answer {
    int status;
    struct slice content_type, body; /* in the arena */
};

/* Can it be a client's ca_file? A regular file with certificates. */
enum status http_client_check_ca(const char *ca_file, struct error *error) EDICT_MUST_USE;
/* Connects to nothing yet. NULL and `error` when the CA file cannot be read or memory is short. */
struct http_client *http_client_new(const struct http_url *url, const struct http_client_options *options, struct error *error);
/* NULL accepted. Not while a call is under way. */
void http_client_delete(struct http_client *client);
/*
 * One exchange; the connection is kept for the next one where the server allows it, and made again once where the server has
 * closed it meanwhile (so that a request may arrive twice). STATUS_OK with any status of 200 or more. UNAVAILABLE: no
 * connection, no answer in time, or interrupted; DENIED: the certificate or the name does not verify; TOO_LARGE; INVALID: what
 * came is not HTTP.
 */
enum status http_client_call(struct http_client *client, const struct http_client_request *request, struct arena *arena,
                             struct http_client_answer *answer, struct error *error) EDICT_MUST_USE;
/* Any thread: the call under way, and every later one, ends with UNAVAILABLE at once. */
void http_client_interrupt(struct http_client *client);

#endif
