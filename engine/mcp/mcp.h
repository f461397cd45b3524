/*
 * The Model Context Protocol over HTTP, as a library: the envelope of JSON-RPC, both eras of MCP on one path (2026-07-28, where
 * each request says everything, and the revisions that begin with `initialize`), event streams, progress, cancellation,
 * questions to the client, subscriptions and tasks. What the tools, resources and prompts do is the program's: it hands over a
 * description, a table of what there is with callbacks.
 *
 * Threads: a struct mcp_server is the process's and does not change but under its own mutex; a struct mcp_worker belongs to one
 * HTTP worker's thread; what says "any thread" may be called from any. A struct mcp_call is one request: it and all that it
 * points to live in its HTTP call's arena until it is answered, exactly once, by one of the functions that say so.
 *
 * Sources: the schemas of the protocol's revisions, 2025-03-26 to 2026-07-28; SEP-2663 for tasks.
 */
#ifndef EDICT_MCP_MCP_H
#define EDICT_MCP_MCP_H

#include "base/clock.h"
#include "base/work.h"
#include "http/http.h"
#include "proto/json.h"

struct mcp_call;
struct mcp_server;
struct mcp_worker;

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    MCP_ID_MAX = 256,           /* bytes of a request's id that is text */
    MCP_BATCH_MAX = 32,         /* messages of a batch (2025-03-26) */
    MCP_QUESTIONS_MAX = 16,     /* questions asked at once */
    MCP_ROUNDS_MAX = 8,         /* rounds of questions of one call in the older era; in the newest the client counts */
    MCP_QUESTION_S = 600,       /* how long an answer is waited for in the older era; then it counts as cancelled */
    MCP_STATE_S = 3600,         /* how long a requestState is good */
    MCP_STATE_MAX = 16384,      /* bytes of a requestState */
    MCP_SESSION_S = 30 * 86400, /* how long a session's id is good */
    MCP_SESSIONS_MAX =
        1024, /* sessions that subscribed to something, set a log level or listen; the one unused for longest goes */
    MCP_SESSIONS_ENDED_MAX = 4096, /* ended sessions that are remembered as such */
    MCP_SUBSCRIPTIONS_MAX = 64,    /* of one stream or session */
    MCP_URI_MAX = 1024,            /* bytes of a resource's address or a task's id that is watched */
    MCP_STREAMS_MAX = 8192,        /* open streams of one worker */
    MCP_KEEP_ALIVE_S = 15          /* an idle stream says a comment so often */
};

enum mcp_era { MCP_LEGACY, MCP_MODERN };

enum {
    MCP_PARSE_ERROR = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_METHOD_NOT_FOUND = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL_ERROR = -32603,
    MCP_HEADER_MISMATCH = -32020,
    MCP_MISSING_CAPABILITY = -32021,
    MCP_UNSUPPORTED_VERSION = -32022,
    MCP_LEGACY_RESOURCE_NOT_FOUND = -32002, /* of the older revisions */
    MCP_CANCELLED = -32800                  /* ours: the client said that it does not want the answer any more */
};

/* What a client declared that it can do. */
enum { MCP_CAN_ELICIT = 1, MCP_CAN_SAMPLE = 2, MCP_CAN_LIST_ROOTS = 4, MCP_CAN_TASKS = 8 };

enum mcp_level { MCP_DEBUG, MCP_INFO, MCP_NOTICE, MCP_WARNING, MCP_ERROR, MCP_CRITICAL, MCP_ALERT, MCP_EMERGENCY, MCP_SILENT };

/* ---- what a program offers ---- */

enum mcp_type { MCP_TEXT, MCP_INTEGER, MCP_BOOLEAN, MCP_OBJECT, MCP_ANY };

struct mcp_parameter {
    const char *name;
    enum mcp_type type;
    bool required;
    const char *schema; /* JSON Schema of its value: an object's members, with a description */
    /* Where `schema` says x-mcp-header: "mcp-param-<name>", which has to repeat the value in the newest era. TEXT, INTEGER or
     * BOOLEAN only. */
    const char *header;
};

enum mcp_task_use {
    MCP_TASK_NEVER,
    MCP_TASK_MAYBE,
    MCP_TASK_ALWAYS /* refused where the client did not declare the extension */
};

struct mcp_tool {
    const char *name, *title, *description;
    bool (*may_use)(const struct mcp_call *call);        /* NULL: everybody. Who may not, does not see it either */
    bool read_only, destructive, idempotent, open_world; /* annotations */
    enum mcp_task_use tasks;
    const struct mcp_parameter *parameters; /* ends with a name of NULL; arguments are checked against them */
    const char *input;                      /* instead of parameters: a JSON Schema; arguments are not checked */
    const char *output;                     /* JSON Schema of structuredContent, or NULL */
    /* Answers, now or later; called again with the answers after mcp_ask. `arguments` is an object. */
    void (*run)(struct mcp_call *call, const cJSON *arguments);
};

struct mcp_resource {
    const char *uri; /* "x://policies", or with one variable: "x://decisions/{id}" */
    const char *name, *title, *description, *mime;
    bool (*may_read)(const struct mcp_call *call); /* NULL: everybody */
    /* Answers; call->uri is what was asked for, call->uri_id the variable's value. */
    void (*read)(struct mcp_call *call);
    /* May this caller be told when it changes? Only where reading it now would succeed. NULL: never changes. */
    bool (*may_watch)(struct mcp_call *call);
};

struct mcp_argument {
    const char *name, *description;
    bool required;
};

struct mcp_prompt {
    const char *name, *title, *description;
    const struct mcp_argument *arguments; /* ends with a name of NULL; NULL: none */
    void (*get)(struct mcp_call *call, const cJSON *arguments);
};

/* A method beside MCP's own, answered without the checks of either era. */
struct mcp_method {
    const char *name;
    void (*run)(struct mcp_call *call);
};

enum mcp_task_status { MCP_TASK_WORKING, MCP_TASK_INPUT_REQUIRED, MCP_TASK_COMPLETED, MCP_TASK_FAILED, MCP_TASK_CANCELLED };

struct mcp_task {
    struct slice id;
    enum mcp_task_status status;
    struct slice message; /* for people; may be empty */
    int64_t created_ms, updated_ms;
    int64_t ttl_ms; /* from its creation; negative: unlimited */
    int64_t poll_ms;
    struct slice payload; /* JSON: of COMPLETED the result, of FAILED the error, of INPUT_REQUIRED the requests */
};

/* The tasks extension. Each answers: mcp_answer_task, mcp_answer_empty, or mcp_fail_task. Every call is authorized anew. */
struct mcp_task_methods {
    void (*get)(struct mcp_call *call, struct slice id);
    void (*update)(struct mcp_call *call, struct slice id, const cJSON *responses);
    void (*cancel)(struct mcp_call *call, struct slice id);
    /* Of whom may this caller hear? The name under which mcp_changed tells of this task, or empty; in the call's arena. */
    struct slice (*watch)(struct mcp_call *call, struct slice id);
    /* It has changed: say so with mcp_tell_task(worker, stream, …), now or later on this thread. `listener` is gone afterwards.
     */
    void (*changed)(struct mcp_call *listener, struct slice id, uint64_t stream);
};

struct mcp_description {
    const char *name, *title, *version, *instructions;
    const struct mcp_tool *tools; /* by name: the order in which they are listed */
    size_t tool_count;
    const struct mcp_resource *resources;
    size_t resource_count;
    const struct mcp_prompt *prompts;
    size_t prompt_count;
    const struct mcp_method *methods;
    size_t method_count;
    const struct mcp_task_methods *tasks; /* NULL: no tasks */
    bool tools_change, prompts_change;    /* at run time, and mcp_changed says so */
    bool logs;                            /* tools call mcp_log */
    int64_t list_ttl_ms;                  /* how long lists may be kept */
    /* completion/complete: answers with mcp_answer_completion. NULL: not offered. */
    void (*complete)(struct mcp_call *call, const cJSON *reference, struct slice argument, struct slice value);
    /* Who calls, as text that differs where authorization could: what sessions and states are bound to. */
    struct slice (*principal)(const struct mcp_call *call);
    /* The next message of a batch begins: forget what the one before left in the program's `user`. May be NULL. */
    void (*begin)(void *user);
    /* A message that was not understood was refused; for counting. May be NULL. */
    void (*refused)(void *user);
    const struct http_header *headers; /* of every answer */
    size_t header_count;
};

/* ---- server and workers ---- */

enum { MCP_KEY_SIZE = 32 };

/* `description` and what it points to must outlive the server. `key`: MCP_KEY_SIZE secret bytes; with the same key, sessions
 * and states survive a restart. NULL when out of memory. */
struct mcp_server *mcp_server_new(const struct mcp_description *description, struct slice key, struct clock clock,
                                  size_t worker_count);
void mcp_server_delete(struct mcp_server *server); /* after its workers; accepts NULL */
/* Number `index` of worker_count. `post` brings work to this worker's thread. NULL when out of memory. */
struct mcp_worker *mcp_worker_new(struct mcp_server *server, size_t index, struct http_worker *http, work_post_f post,
                                  void *post_context);
void mcp_worker_delete(struct mcp_worker *worker); /* after its HTTP worker; accepts NULL */

/* POST, GET or DELETE of the MCP path. The program has checked Host, Origin, credentials and Content-Type. `user` is the
 * program's, found again in call->user. Takes over http->user. */
void mcp_handle(struct mcp_worker *worker, struct http_call *http, void *user);

/* Any thread. What changed: a resource, by its exact address, or a task, by the name that its `watch` gave; or a list. Tell of
 * durable state only. */
enum mcp_change { MCP_CHANGED_RESOURCE, MCP_CHANGED_TASK, MCP_CHANGED_TOOLS, MCP_CHANGED_PROMPTS };
void mcp_changed(struct mcp_server *server, enum mcp_change what, struct slice name);
/* Any thread: does anybody listen at all? Cheap; where not, mcp_changed need not be called. */
bool mcp_is_watched(const struct mcp_server *server);

/* How many there are now, of a worker; any thread. */
uint64_t mcp_worker_streams(const struct mcp_worker *worker);

/* ---- one request ---- */

enum mcp_end {
    MCP_END_GONE,      /* the client went away */
    MCP_END_CANCELLED, /* it said that it does not want the answer any more */
    MCP_END_DRAIN      /* the server stops: answer now */
};

struct mcp_questions; /* under way in the older era */
struct mcp_listening;

struct mcp_call {
    /* For the program to read. */
    struct mcp_worker *worker;
    struct http_call *http;
    void *user;
    const cJSON *id; /* text, an integer, or NULL where it could not be read */
    struct slice method;
    const cJSON *params; /* an object, or NULL */
    enum mcp_era era;
    const struct mcp_tool *tool;
    const struct mcp_resource *resource;
    struct slice uri, uri_id;
    void *own; /* the program's */

    /* The library's. */
    struct slice source;     /* of the message; the program's methods may read it */
    unsigned can, can_known; /* MCP_CAN_*; looked up when first asked for */
    bool has_session;
    unsigned char session[16];
    unsigned char session_revision;
    const cJSON *inputs; /* answers to questions, by key */
    struct slice state;
    unsigned rounds;
    void (*again)(struct mcp_call *call);
    void (*ended)(struct mcp_call *call, enum mcp_end why);
    void (*sink)(struct mcp_call *call, int status, struct slice message); /* a batch takes the answer */
    void *sink_context;
    struct mcp_questions *questions;
    struct mcp_listening *listening;
    struct mcp_call *next, *previous; /* of the worker's open calls */
    uint64_t serial;
    bool linked, streaming, gone;
};

unsigned mcp_can(struct mcp_call *call);    /* MCP_CAN_* of the client, as far as this exchange allows it */
bool mcp_can_stream(struct mcp_call *call); /* may the answer be a stream? */
struct slice mcp_principal(const struct mcp_call *call);

/* Answers with a result: begin, members, end. The era's own members come first. */
void mcp_result_begin(struct mcp_call *call, struct buf *out, struct json_writer *w);
void mcp_result_end(struct mcp_call *call, struct buf *out, struct json_writer *w);
/* Between: ttlMs and cacheScope, in the newest era. `is_public`: the same for every caller. */
void mcp_result_cache(struct mcp_call *call, struct json_writer *w, int64_t ttl_ms, bool is_public);
/* Between: the members of a tool's result. `structured` is JSON or empty. */
void mcp_write_tool_result(struct json_writer *w, struct slice text, struct slice structured, bool is_error);

/* Answers. Messages are text of the call's arena or constants; `data` is JSON or empty. */
void mcp_answer_tool(struct mcp_call *call, struct slice text, struct slice structured, bool is_error);
void mcp_answer_resource(struct mcp_call *call, struct slice text);
void mcp_answer_completion(struct mcp_call *call, const struct slice *values, size_t count);
void mcp_answer_task(struct mcp_call *call,
                     const struct mcp_task *task); /* of tools/call: the result is this task; of tasks/get */
void mcp_answer_empty(struct mcp_call *call);
void mcp_answer_raw(struct mcp_call *call, struct slice result); /* without the era's members; `result` is JSON */
void mcp_fail(struct mcp_call *call, int code, struct slice message);
void mcp_fail_with(struct mcp_call *call, int http_status, int code, struct slice message, struct slice data);
void mcp_fail_capability(struct mcp_call *call, const char *required); /* such as {"sampling":{}} */
void mcp_fail_not_found(struct mcp_call *call);                        /* resources/read */
void mcp_fail_task(struct mcp_call *call);                             /* no such task */

/* Before the answer. False: the client cannot or does not want to hear it, or has gone. */
bool mcp_progress(struct mcp_call *call, double progress, double total /* negative: unknown */, struct slice message);
bool mcp_log(struct mcp_call *call, enum mcp_level level, const char *logger, struct slice data /* JSON */);
/* The answer will be an event of a stream, which begins now. False where the client does not take streams. */
bool mcp_stream_open(struct mcp_call *call);

/*
 * The call waits for something. `ended` is called at most once, from the loop: release what the call holds, then, for
 * MCP_END_DRAIN, answer; otherwise do not: the library ends the call. mcp_resume before an answer of the program's own accord.
 */
void mcp_park(struct mcp_call *call, void (*ended)(struct mcp_call *call, enum mcp_end why));
void mcp_resume(struct mcp_call *call);

/* ---- asking the client ---- */

enum mcp_question_kind { MCP_ASK_FORM, MCP_ASK_SAMPLE, MCP_ASK_ROOTS };

struct mcp_question {
    const char *key; /* constant */
    enum mcp_question_kind kind;
    struct slice params; /* JSON, of elicitation/create, sampling/createMessage or roots/list */
};

/*
 * Ends this run of the tool, prompt or resource: it is run again with the answers. Ask only what mcp_can says. `state` (may be
 * empty) comes back with the answers, and only as it was: in the newest era it travels through the client, sealed, bound to the
 * caller and to this very request; so it may be seen, but not changed, and may come back more than once.
 */
void mcp_ask(struct mcp_call *call, const struct mcp_question *questions, size_t count, struct slice state);
/* The answer to a question, an object of the right shape, or NULL: it was not answered. */
const cJSON *mcp_response(const struct mcp_call *call, const char *key, enum mcp_question_kind kind);
/* The state, empty where there is none. Answers that came without a state that was asked with prove nothing. */
struct slice mcp_state(const struct mcp_call *call);

/* ---- tasks ---- */

/* An id that nobody can guess, from a name of the program's own: "name.<hex>", in the arena. Bound to `owner`. */
struct slice mcp_task_id(struct mcp_server *server, struct arena *arena, struct slice name, struct slice owner);
/* The name back, or empty: not such an id. */
struct slice mcp_task_name(struct mcp_server *server, struct slice id, struct slice owner);
/* On the worker's thread; does nothing where the stream has ended since. */
void mcp_tell_task(struct mcp_worker *worker, uint64_t stream, const struct mcp_task *task);

struct mcp_server *mcp_server_of(const struct mcp_worker *worker);

#endif
