/*
 * The inside of the MCP library.
 *
 *   rpc.c        messages in: the envelope, batches, dispatch
 *   era.c        which era, its checks, discover and initialize
 *   result.c     messages out
 *   tools.c, resources.c, prompts.c, tasks.c   the methods
 *   ask.c        questions to the client, and their answers
 *   seal.c       texts that come back unchanged: states, sessions' and tasks' ids
 *   session.c    sessions of the older era
 *   stream.c     event streams, calls that wait, cancellation, progress, logs
 *   listen.c     subscriptions and what they are told
 *   server.c     the server, its workers, and what goes between them
 */
#ifndef EDICT_MCP_INTERNAL_H
#define EDICT_MCP_INTERNAL_H

#include "mcp/mcp.h"
#include "proto/digest.h"

#include <pthread.h>
#include <stdatomic.h>

#define MCP_META "io.modelcontextprotocol/"
#define MCP_NEWEST "2026-07-28"
#define MCP_TASKS MCP_META "tasks"

enum { SESSION_SIZE = 16, NAME_SHOWN_MAX = 80 };

/* Those that begin with `initialize`, newest first; a session knows its revision by the position. */
enum { REVISION_2025_11_25, REVISION_2025_06_18, REVISION_2025_03_26, REVISION_COUNT };
extern const char *const era_revisions[REVISION_COUNT];

/* ---- sessions ---- */

struct subscription {
    char *uri;
    bool pending; /* changed, and not told yet */
};

struct session {
    struct session *next; /* most recently used first */
    unsigned char id[SESSION_SIZE];
    enum mcp_level level;
    struct subscription subscriptions[MCP_SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    uint64_t stream; /* serial of the stream it listens on; 0: none */
    size_t worker;   /* of that stream */
};

struct sessions {
    pthread_mutex_t mutex; /* guards all of this */
    struct session *first;
    size_t count;
    unsigned char (*ended)[SESSION_SIZE]; /* a ring */
    size_t ended_next;
    _Atomic size_t ended_count;
    _Atomic uint16_t *ended_marks; /* how many of those begin with these two bytes; read without the mutex */
    _Atomic size_t subscribed;     /* subscriptions of all sessions */
};

struct mcp_server {
    const struct mcp_description *description;
    unsigned char key[MCP_KEY_SIZE];
    struct clock clock;
    struct slice info;         /* serverInfo as JSON; owned */
    struct slice capabilities; /* JSON; owned; [0] older era, [1] newest */
    struct slice modern_capabilities;
    struct sessions sessions;
    struct mcp_worker **workers;
    size_t worker_count;
    _Atomic uint64_t serial; /* of open calls and questions */
    _Atomic size_t watchers; /* streams that subscribed to a resource or a task, of all workers */
};

struct mcp_worker {
    struct mcp_server *server;
    size_t index;
    struct http_worker *http;
    work_post_f post;
    void *post_context;
    struct mcp_call *open; /* streams and calls that wait */
    size_t open_count;
    _Atomic size_t streams, listeners, watchers; /* open calls; of them subscriptions; of those to a resource or a task */
    struct http_timer *keep_alive;
    struct buf scratch; /* on the heap: an event that is being written */
};

/* ---- rpc.c ---- */
void rpc_accepted(struct mcp_call *call); /* 202, nothing to say */
void rpc_run(struct mcp_call *call);      /* a request whose envelope has been read */

/* ---- era.c ---- */
bool era_check(struct mcp_call *call); /* finds the era and checks what it asks for, or answers and returns false */
void era_discover(struct mcp_call *call);
void era_initialize(struct mcp_call *call);
bool era_capabilities(struct mcp_server *server); /* prepares what every discover says */
int era_revision(struct slice text);              /* position, or -1 */
unsigned era_can(const cJSON *capabilities);
/* Is the named header there once with that value? Encoded ones are decoded. Answers and returns false otherwise. */
bool era_check_header(struct mcp_call *call, const char *name, struct slice wanted);

/* ---- result.c ---- */
/* The last message of a call: as a document, as the last event of its stream, or to its sink. */
void result_send(struct mcp_call *call, int http_status, struct buf *message, const struct http_header *extra);
void result_skip(struct mcp_call *call); /* of a batch: the message is over, and has no answer */
void result_begin_as(struct mcp_call *call, const char *type, struct buf *out, struct json_writer *w);
void result_write_id(struct mcp_call *call, struct json_writer *w);
bool result_refuse_cursor(struct mcp_call *call); /* lists have one page: answers when one is named */

/* ---- methods ---- */
void tools_list(struct mcp_call *call);
void tools_call(struct mcp_call *call);
void resources_list(struct mcp_call *call);
void resources_templates(struct mcp_call *call);
void resources_read(struct mcp_call *call);
void resources_subscribe(struct mcp_call *call);
void resources_unsubscribe(struct mcp_call *call);
const struct mcp_resource *resources_find(struct mcp_call *call, struct slice uri, struct slice *id);
bool resources_may_watch(struct mcp_call *call, struct slice uri);
void prompts_list(struct mcp_call *call);
void prompts_get(struct mcp_call *call);
void prompts_complete(struct mcp_call *call);
void tasks_get(struct mcp_call *call);
void tasks_update(struct mcp_call *call);
void tasks_cancel(struct mcp_call *call);
void tasks_write(struct json_writer *w, const struct mcp_task *task, bool detailed);

/* ---- ask.c ---- */
bool ask_take_answers(struct mcp_call *call); /* inputResponses and requestState of a retry; answers when they do not fit */
void ask_answered(struct mcp_call *call, const cJSON *message); /* a client's response to a question of ours */
void ask_deliver(struct mcp_worker *worker, const unsigned char session[SESSION_SIZE], uint64_t question, struct slice message);

/* ---- seal.c ---- */
struct seal {
    struct slice purpose; /* keeps one kind of text from passing as another */
    struct slice bound;   /* what it is bound to, besides */
};
/* Text that seal_open takes back until `expires_s`, in the arena. */
struct slice seal_close(struct mcp_server *server, struct arena *arena, const struct seal *seal, struct slice content,
                        int64_t expires_s);
bool seal_open(struct mcp_server *server, struct arena *arena, const struct seal *seal, struct slice text, size_t max,
               struct slice *content);
void seal_mac(struct mcp_server *server, const struct seal *seal, struct slice content, struct digest *out);

/* ---- session.c ---- */
enum status sessions_create(struct sessions *sessions);
void sessions_destroy(struct sessions *sessions);
/* The value of Mcp-Session-Id for a client of these abilities, in the call's arena; empty when there is none to give. */
struct slice session_issue(struct mcp_call *call, unsigned can, int revision);
/* Reads the header; answers 404 and returns false when the session is not, or no longer, one of ours. */
bool session_check(struct mcp_call *call);
void session_end(struct mcp_call *call); /* DELETE */
enum mcp_level session_level(struct mcp_call *call);
void session_set_level(struct mcp_call *call);
/* False when there is no room. */
bool session_subscribe(struct mcp_call *call, struct slice uri);
void session_unsubscribe(struct mcp_call *call, struct slice uri);
bool session_attach(struct mcp_call *stream);
void session_detach(struct mcp_call *stream);
/* Marks what subscribed to it; sets bits of `workers` (may be short: bit i % 64) whose streams have something to say. */
uint64_t sessions_mark(struct mcp_server *server, struct slice uri);
/* Next thing to tell this stream, copied to the heap, or NULL. `*current` is false when another stream took its place. */
char *session_take(struct mcp_call *stream, bool *current);

/* ---- stream.c ---- */
bool stream_event(struct mcp_call *call, struct slice message); /* false: it has gone */
void stream_link(struct mcp_call *call);
void stream_unlink(struct mcp_call *call);
void stream_finish(struct mcp_call *call); /* ends the HTTP call of a stream without another word */
void stream_end(struct mcp_call *call, enum mcp_end why);
void stream_gone(struct mcp_worker *worker, uint64_t serial); /* its client had gone before it began to wait */
/* What waits in the session under this id, as JSON; under an empty one all of it. */
void stream_cancel(struct mcp_worker *worker, const unsigned char session[SESSION_SIZE], struct slice id);
void stream_cancel_all(struct mcp_server *server, const unsigned char session[SESSION_SIZE],
                       struct slice id);                                                              /* of all workers */
void stream_notification_begin(struct mcp_worker *worker, const char *method, struct json_writer *w); /* into worker->scratch */
bool stream_notification_send(struct mcp_call *call, struct json_writer *w);

/* ---- listen.c ---- */
void listen_start(struct mcp_call *call); /* subscriptions/listen */
void listen_get(struct mcp_call *call);   /* GET, of the older era */
void listen_told(struct mcp_worker *worker, enum mcp_change what, struct slice name);
void listen_flush_all(struct mcp_server *server);
void listen_flush(struct mcp_worker *worker); /* sessions' streams have something to say */

/* ---- server.c: between workers ---- */
enum message_kind { MESSAGE_CHANGED, MESSAGE_FLUSH, MESSAGE_CANCEL, MESSAGE_ANSWER, MESSAGE_GONE };
struct message {
    struct work work;
    struct mcp_worker *worker;
    enum message_kind kind;
    enum mcp_change change;
    unsigned char session[SESSION_SIZE];
    uint64_t question; /* or the serial of a call */
    size_t size;
    char text[]; /* name, id or message */
};
/* False when out of memory. */
bool server_post(struct mcp_worker *worker, enum message_kind kind, enum mcp_change change, const unsigned char *session,
                 uint64_t question, struct slice text);

#endif
