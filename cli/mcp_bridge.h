/*
 * The inside of `edict mcp`: what mcp.c (reads lines, starts calls, ends them) and mcp_forward.c (one message over HTTP, its
 * answers back as lines) share.
 *
 * Every message has a thread of its own, so that a call that waits for a human holds up no other. What the transports do
 * differently is put right here: standard input and output is one conversation, HTTP has one exchange a message. So the bridge
 * repeats in headers what HTTP wants there, keeps the session and the older era's stream of notifications open, and turns
 * notifications/cancelled into the end of the exchange.
 */
#ifndef EDICT_CLI_MCP_BRIDGE_H
#define EDICT_CLI_MCP_BRIDGE_H

#include "cli/client.h"
#include "proto/json.h"

#include <pthread.h>

enum {
    BRIDGE_MESSAGE_MAX = 1024 * 1024, /* bytes of a line */
    BRIDGE_CALLS_MAX = 256,           /* in work; more lines wait */
    BRIDGE_SESSION_MAX = 256,
    BRIDGE_VERSION_MAX = 32
};

struct bridge_call;

struct bridge {
    struct client client;
    char target[CLIENT_ADDRESS_MAX];
    pthread_mutex_t mutex; /* guards standard output and all that follows */
    pthread_cond_t changed;
    struct bridge_call *calls; /* in work, newest first */
    unsigned count;
    /* Of the older era, from `initialize` on; empty before it, or where the server keeps no session. */
    char session[BRIDGE_SESSION_MAX], version[BRIDGE_VERSION_MAX];
};

/* One message on its way, or (without one) the stream of the server's own messages. */
struct bridge_call {
    struct bridge *bridge;
    struct bridge_call *next;
    struct arena arena;
    struct slice line;    /* in the arena */
    const cJSON *message; /* parsed; NULL: no JSON, `fault` says why, or the stream */
    struct slice fault;
    struct slice id; /* as JSON; empty: wants no answer */
    bool modern;     /* carries the newest era's _meta */
    bool endless;    /* ends only when it is told to */
    /* Under the bridge's mutex: */
    int fd; /* of the exchange that is open; -1: none */
    bool cancelled;
};

struct slice bridge_method(const struct bridge_call *call);
/* Carries out `call`; its answers are on standard output when it returns. */
void bridge_forward(struct bridge_call *call);
/* The older era's stream of messages that answer nothing, until it is cut. */
void bridge_listen(struct bridge_call *call);
/* Tells the server that the session is over. */
void bridge_end_session(struct bridge *bridge, struct arena *arena);

#endif
