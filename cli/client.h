/*
 * A small blocking HTTP/1.1 client for one server that is trusted to be ours: over its Unix-domain socket or loopback TCP. One
 * thread.
 */
#ifndef EDICT_CLI_CLIENT_H
#define EDICT_CLI_CLIENT_H

#include "base/arena.h"
#include "base/status.h"

enum {
    CLIENT_ADDRESS_MAX = 512,
    CLIENT_TOKEN_MAX = 256,
    CLIENT_ANSWER_MAX = 64 * 1024 * 1024,
    CLIENT_TIMEOUT_S = 90,
    CLIENT_PATIENCE_S = 86400
};

struct client {
    char unix_path[CLIENT_ADDRESS_MAX]; /* empty: TCP */
    char host[128], port[8];
    char token[CLIENT_TOKEN_MAX]; /* empty: none */
    unsigned timeout_s;           /* without a byte from the server; 0: CLIENT_TIMEOUT_S */
    struct slice headers;         /* more of them, each ended by CR LF; may be empty */
};

struct client_answer {
    int status;
    struct slice body; /* in the arena */
    struct slice content_type;
    struct slice session; /* the header Mcp-Session-Id */
};

/* Looks on while an answer comes. */
struct client_watch {
    /* There is a connection: another thread may shut it down from now on until `closing`. Both may be NULL. */
    void (*connected)(void *context, int fd);
    void (*closing)(void *context);
    /* A piece of a text/event-stream, which is not kept in the answer's body. False ends the call with STATUS_IO. */
    bool (*event_bytes)(void *context, struct slice bytes);
    bool any_type; /* so does every other answer that is a success */
    void *context;
};

/*
 * Where the server is and who asks: `server` is "http://HOST:PORT" or "unix:PATH" or NULL, then the socket of `data`. The token
 * is that of the environment (EDICT_TOKEN) or of DATA/admin.token where it can be read; none is no error.
 */
enum status client_create(struct client *client, const char *server, const char *data, struct error *error) EDICT_MUST_USE;
/* The same without any token: it looks for none. */
enum status client_create_plain(struct client *client, const char *server, const char *data,
                                struct error *error) EDICT_MUST_USE;
/* `target` is path and query. A body makes it application/json. STATUS_UNAVAILABLE: no server there; STATUS_IO: the
 * conversation broke. */
enum status client_call(const struct client *client, struct arena *arena, const char *method, struct slice target,
                        struct slice body, struct client_answer *answer, struct error *error) EDICT_MUST_USE;
/* The same, watched; such a call also accepts an event stream as its answer. */
enum status client_call_watched(const struct client *client, struct arena *arena, const char *method, struct slice target,
                                struct slice body, const struct client_watch *watch, struct client_answer *answer,
                                struct error *error) EDICT_MUST_USE;
/* Percent-encodes into the arena what is no unreserved character. */
struct slice client_escape(struct arena *arena, struct slice text);

#endif
