/*
 * The doors: REST resources and JSON-RPC on top of the HTTP layer. One file a resource; each turns a call into calls of decide,
 * change, state and ledger, and their results into an answer. Nothing here decides.
 *
 * A struct api belongs to one worker thread. struct api_shared is the process's; it does not change while workers run.
 */
#ifndef EDICT_API_API_H
#define EDICT_API_API_H

#include "api/metrics.h"
#include "api/waiters.h"
#include "engine/activation.h"
#include "engine/decide.h"
#include "http/http.h"
#include "mcp/mcp.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    API_BODY_MAX =
        64 * 1024, /* bytes of a request body; the HTTP layer lets a little more through, so that the refusal can say why */
    API_UPLOAD_MAX = 1024 * 1024, /* the same, of policies that an admin uploads */
    API_WAIT_S_MAX = 60,          /* of a long poll */
    API_LIMIT_DEFAULT = 50,       /* items of a page */
    API_LIMIT_MAX = 500,
    API_ORIGINS_MAX = 16,
    API_PATH_MAX = 2048 /* of a folder that the server is to make */
};

enum api_listener { API_LISTENER_MCP = 1, API_LISTENER_REST, API_LISTENER_METRICS, API_LISTENER_UNIX };

struct api_shared {
    struct ledger *ledger;
    struct checkpointer *checkpointer;
    struct upkeep *upkeep;
    const char *data; /* the data directory */
    struct publisher *publisher;
    struct state *state;
    struct activation *activation;
    struct judge *judge;
    const char *ledger_folder; /* of the store, as the server opened it; for the judge's child */
    const struct log *log;
    struct clock clock;
    struct slice admin_token;    /* hex */
    struct slice public_url;     /* --public-url; empty: what the caller reached */
    const struct slice *origins; /* allowed values of Origin */
    size_t origin_count;
    bool durable; /* false: --durability async; every answer says so */
    int64_t started_ms;
    struct api *const *workers;
    size_t worker_count;
    /* Asks the process to stop being ready: set once while draining. */
    const _Atomic bool *draining;
    struct retries *retries; /* has its own lock */
    struct mcp_server *mcp;  /* by api_mcp_new */
    struct mcp_description mcp_description;
};

struct api {
    const struct api_shared *shared;
    struct http_worker *http;
    struct decider decider;
    struct api_metrics metrics;
    struct api_waiters waiters;
    struct mcp_worker *mcp;
};

enum api_role {
    API_ROLE_AGENT, /* local mode without a token: an agent by name, only its own things */
    API_ROLE_ADMIN
};

/* One call on its way through; http->user. In the call's arena. */
struct api_call {
    struct api *api;
    struct http_call *http;
    enum api_role role;
    struct slice
        agent; /* whom an agent says it is, where the call names one: the header Edict-Agent or the parameter agent_identity */
    struct slice connection_agent; /* the same, as the connection says it; an argument may fill in `agent` later */
    uint64_t begun_ns;
    bool key_is_taken; /* the header Idempotency-Key is of the whole call, not of the one request in it that is decided now */
    /* Takes the answer of a resource instead of the client: a JSON document, or from 400 on the detail of a problem. Set while
     * an MCP tool or AuthZEN asks a resource; NULL otherwise. */
    void (*captured)(struct api_call *call, int status, struct slice answer);
    void *user; /* of whoever set `captured` */
};

/* Before the workers: the process's part of MCP, into shared->mcp; NULL when out of memory. Deleted by mcp_server_delete. */
struct mcp_server *api_mcp_new(struct api_shared *shared);
/* `vm` is this worker's first, now the api's. False when out of memory; api_destroy all the same. */
EDICT_MUST_USE bool api_create(struct api *api, const struct api_shared *shared, struct http_worker *http, size_t worker,
                               struct policy_vm *vm, uint64_t vm_epoch, const struct decide_settings *settings);
void api_destroy(struct api *api); /* after the http worker */
/* Handler of every listener; `context` is the worker's struct api. */
void api_handle(void *context, struct http_call *call);
/* body_limit of the listeners; the same context. */
size_t api_body_limit(void *context, const struct http_call *call);
/* work_post_f; `context` is a struct api. Any thread. */
void api_post(void *context, struct work *work);
/* http_posted_f of the worker. */
void api_posted(void *context, struct inbox_item *oldest);

/* The resources, as the router calls them. Each answers `call`, at once or later. */
void api_evaluate(struct api_call *call);
void api_mcp(struct api_call *call);
void api_decisions_list(struct api_call *call);
void api_decisions_show(struct api_call *call);
void api_decisions_outcome(struct api_call *call);
void api_decisions_erase(struct api_call *call);
void api_agents_list(struct api_call *call);
void api_agents_show(struct api_call *call);
void api_agents_put(struct api_call *call);
void api_agents_put_usage(struct api_call *call);
void api_agents_quota(struct api_call *call);
void api_agents_budget(struct api_call *call);
void api_agents_autonomy(struct api_call *call);
void api_agents_ownership(struct api_call *call);
void api_escalations_list(struct api_call *call);
void api_escalations_show(struct api_call *call);
void api_escalations_open(struct api_call *call);
void api_escalations_approve(struct api_call *call);
void api_escalations_deny(struct api_call *call);
void api_escalations_cancel(struct api_call *call);
void api_policies_list(struct api_call *call);
void api_policies_reload(struct api_call *call);
void api_policies_check(struct api_call *call);
void api_policies_backtest(struct api_call *call);
void api_ledger_show(struct api_call *call);
void api_ledger_entries(struct api_call *call);
void api_ledger_entry(struct api_call *call);
void api_ledger_export(struct api_call *call);
void api_ledger_key(struct api_call *call);
void api_ledger_checkpoint(struct api_call *call);
void api_ledger_tile(struct api_call *call);
void api_ledger_keys(struct api_call *call);
void api_ledger_archive(struct api_call *call);
void api_ledger_backup(struct api_call *call);
void api_ledger_rotate_key(struct api_call *call);
void api_ledger_proof(struct api_call *call);
void api_ledger_consistency(struct api_call *call);
void api_ledger_publishing(struct api_call *call);
void api_authzen_evaluation(struct api_call *call);
void api_authzen_evaluations(struct api_call *call);
void api_authzen_request(struct api_call *call);
void api_authzen_task(struct api_call *call);
void api_authzen_cancel(struct api_call *call);
void api_authzen_search_action(struct api_call *call);
void api_authzen_search_subject(struct api_call *call);
void api_authzen_configuration(struct api_call *call);
void api_health(struct api_call *call);
void api_ready(struct api_call *call);
void api_metrics_show(struct api_call *call);

#endif
