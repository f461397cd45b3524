/*
 * Listening sockets: made once, at start, from the text of an address, and handed to workers. Any thread; the caller owns
 * the descriptors until a worker takes them. All are non-blocking and close-on-exec.
 */
#ifndef EDICT_HTTP_BIND_H
#define EDICT_HTTP_BIND_H

#include "base/slice.h"
#include "base/status.h"

enum { BIND_TEXT_MAX = 64 };

struct bind_address {
    char text[BIND_TEXT_MAX]; /* "127.0.0.1:8080", "[::1]:8080" */
    uint16_t port;
    bool is_loopback;
};

/*
 * `count` sockets on the same address and port, one for each worker (SO_REUSEPORT; the kernel spreads connections over them).
 * `where` is "ADDR:PORT": an IPv4 address, an IPv6 address in brackets, or "localhost"; port 0 picks a free one. `bound` says
 * which. An address that anybody else listens on is an error, even if their socket allows sharing.
 * STATUS_INVALID (text), STATUS_CONFLICT (in use), STATUS_DENIED (privileged port), STATUS_IO.
 */
EDICT_MUST_USE enum status bind_tcp(struct slice where, size_t count, int *fds, struct bind_address *bound,
                                    struct error *error);
/* Only reads the text, for checks before anything is bound. */
EDICT_MUST_USE enum status bind_parse(struct slice where, struct bind_address *address, struct error *error);
/*
 * A Unix-domain socket of mode 0600. A socket file that nobody listens on any more is replaced; one that answers is
 * STATUS_CONFLICT; anything else at that path is left alone and is an error. Several workers may share it: dup(2).
 */
EDICT_MUST_USE enum status bind_unix(const char *path, int *fd, struct error *error);

#endif
