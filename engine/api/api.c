#include "api/api.h"

#include "api/access.h"
#include "api/cors.h"
#include "api/reply.h"

enum api_access {
    API_FOR_ALL,   /* nothing about anybody */
    API_FOR_AGENT, /* agents, about themselves; admin */
    API_FOR_ADMIN
};

enum { API_ON_REST = 1, API_ON_MCP = 2, API_ON_METRICS = 4, API_ON_MAIN = API_ON_REST | API_ON_MCP, API_ON_EVERY = 7 };

/* The table of what is where. A segment "*" of the pattern takes any one segment, "**" at its end any number from one. */
struct api_route {
    enum http_method method;
    const char *pattern;
    unsigned listeners;
    enum api_access access;
    void (*handle)(struct api_call *call);
};

static const struct api_route api_routes[] = {
    {HTTP_METHOD_POST, "v1/evaluate", API_ON_REST, API_FOR_AGENT, api_evaluate},
    {HTTP_METHOD_POST, "mcp", API_ON_MAIN, API_FOR_AGENT, api_mcp},
    {HTTP_METHOD_GET, "mcp", API_ON_MAIN, API_FOR_AGENT, api_mcp},
    {HTTP_METHOD_DELETE, "mcp", API_ON_MAIN, API_FOR_AGENT, api_mcp},
    {HTTP_METHOD_GET, "v1/decisions", API_ON_REST, API_FOR_ADMIN, api_decisions_list},
    {HTTP_METHOD_GET, "v1/decisions/*", API_ON_REST, API_FOR_AGENT, api_decisions_show},
    {HTTP_METHOD_POST, "v1/decisions/*/outcome", API_ON_REST, API_FOR_AGENT, api_decisions_outcome},
    {HTTP_METHOD_POST, "v1/decisions/*/erase", API_ON_REST, API_FOR_ADMIN, api_decisions_erase},
    {HTTP_METHOD_GET, "v1/agents", API_ON_REST, API_FOR_ADMIN, api_agents_list},
    {HTTP_METHOD_GET, "v1/agents/*", API_ON_REST, API_FOR_ADMIN, api_agents_show},
    {HTTP_METHOD_PUT, "v1/agents/*", API_ON_REST, API_FOR_ADMIN, api_agents_put},
    {HTTP_METHOD_PUT, "v1/agents/*/usage", API_ON_REST, API_FOR_ADMIN, api_agents_put_usage},
    {HTTP_METHOD_GET, "v1/agents/*/quota", API_ON_REST, API_FOR_ADMIN, api_agents_quota},
    {HTTP_METHOD_GET, "v1/agents/*/budget", API_ON_REST, API_FOR_ADMIN, api_agents_budget},
    {HTTP_METHOD_GET, "v1/agents/*/autonomy", API_ON_REST, API_FOR_ADMIN, api_agents_autonomy},
    {HTTP_METHOD_GET, "v1/agents/*/ownership", API_ON_REST, API_FOR_ADMIN, api_agents_ownership},
    {HTTP_METHOD_GET, "v1/escalations", API_ON_REST, API_FOR_ADMIN, api_escalations_list},
    {HTTP_METHOD_POST, "v1/escalations", API_ON_REST, API_FOR_AGENT, api_escalations_open},
    {HTTP_METHOD_GET, "v1/escalations/*", API_ON_REST, API_FOR_AGENT, api_escalations_show},
    {HTTP_METHOD_POST, "v1/escalations/*/approve", API_ON_REST, API_FOR_ADMIN, api_escalations_approve},
    {HTTP_METHOD_POST, "v1/escalations/*/deny", API_ON_REST, API_FOR_ADMIN, api_escalations_deny},
    {HTTP_METHOD_POST, "v1/escalations/*/cancel", API_ON_REST, API_FOR_AGENT, api_escalations_cancel},
    {HTTP_METHOD_GET, "v1/policies", API_ON_REST, API_FOR_ADMIN, api_policies_list},
    {HTTP_METHOD_POST, "v1/policies/reload", API_ON_REST, API_FOR_ADMIN, api_policies_reload},
    {HTTP_METHOD_POST, "v1/policies/check", API_ON_REST, API_FOR_ADMIN, api_policies_check},
    {HTTP_METHOD_POST, "v1/policies/backtest", API_ON_REST, API_FOR_ADMIN, api_policies_backtest},
    {HTTP_METHOD_GET, "v1/ledger", API_ON_REST, API_FOR_ADMIN, api_ledger_show},
    {HTTP_METHOD_GET, "v1/ledger/entries", API_ON_REST, API_FOR_ADMIN, api_ledger_entries},
    {HTTP_METHOD_GET, "v1/ledger/entries/*", API_ON_REST, API_FOR_ADMIN, api_ledger_entry},
    {HTTP_METHOD_GET, "v1/ledger/entries/*/proof", API_ON_REST, API_FOR_ADMIN, api_ledger_proof},
    {HTTP_METHOD_GET, "v1/ledger/export", API_ON_REST, API_FOR_ADMIN, api_ledger_export},
    {HTTP_METHOD_GET, "v1/ledger/key", API_ON_REST, API_FOR_ADMIN, api_ledger_key},
    {HTTP_METHOD_GET, "v1/ledger/keys", API_ON_REST, API_FOR_ADMIN, api_ledger_keys},
    {HTTP_METHOD_POST, "v1/ledger/archive", API_ON_REST, API_FOR_ADMIN, api_ledger_archive},
    {HTTP_METHOD_POST, "v1/ledger/backup", API_ON_REST, API_FOR_ADMIN, api_ledger_backup},
    {HTTP_METHOD_POST, "v1/ledger/rotate-key", API_ON_REST, API_FOR_ADMIN, api_ledger_rotate_key},
    {HTTP_METHOD_GET, "v1/ledger/checkpoint", API_ON_REST, API_FOR_ADMIN, api_ledger_checkpoint},
    {HTTP_METHOD_GET, "v1/ledger/consistency", API_ON_REST, API_FOR_ADMIN, api_ledger_consistency},
    {HTTP_METHOD_GET, "v1/ledger/publishing", API_ON_REST, API_FOR_ADMIN, api_ledger_publishing},
    {HTTP_METHOD_GET, "v1/ledger/tile/**", API_ON_REST, API_FOR_ADMIN, api_ledger_tile},
    {HTTP_METHOD_POST, "access/v1/evaluation", API_ON_REST, API_FOR_AGENT, api_authzen_evaluation},
    {HTTP_METHOD_POST, "access/v1/evaluations", API_ON_REST, API_FOR_AGENT, api_authzen_evaluations},
    {HTTP_METHOD_POST, "access/v1/search/action", API_ON_REST, API_FOR_AGENT, api_authzen_search_action},
    {HTTP_METHOD_POST, "access/v1/search/subject", API_ON_REST, API_FOR_ADMIN, api_authzen_search_subject},
    {HTTP_METHOD_POST, "access/v1/requests", API_ON_REST, API_FOR_AGENT, api_authzen_request},
    {HTTP_METHOD_GET, "access/v1/requests/*", API_ON_REST, API_FOR_AGENT, api_authzen_task},
    {HTTP_METHOD_POST, "access/v1/requests/*/cancel", API_ON_REST, API_FOR_AGENT, api_authzen_cancel},
    {HTTP_METHOD_GET, ".well-known/authzen-configuration", API_ON_REST, API_FOR_ALL, api_authzen_configuration},
    {HTTP_METHOD_GET, "healthz", API_ON_EVERY, API_FOR_ALL, api_health},
    {HTTP_METHOD_GET, "readyz", API_ON_EVERY, API_FOR_ALL, api_ready},
    {HTTP_METHOD_GET, "metrics", API_ON_METRICS, API_FOR_ALL, api_metrics_show},
};
enum { API_ROUTE_COUNT = sizeof api_routes / sizeof *api_routes };

static bool route_matches(const struct api_route *route, const struct http_call *http)
{
    struct slice rest = slice_from_str(route->pattern), segment;
    size_t index = 0;

    while (rest.size > 0) {
        size_t slash = slice_find(rest, '/', 0);
        struct slice wanted = slice_sub(rest, 0, slash);

        if (!http_path_segment(http, index++, &segment) || segment.size == 0)
            return false;
        if (slice_equal(wanted, SLICE("**")))
            return true;
        if (!slice_equal(wanted, SLICE("*")) && !slice_equal(wanted, segment))
            return false;
        rest = slash == SIZE_MAX ? (struct slice){0} : slice_sub(rest, slash + 1, SIZE_MAX);
    }
    return http_path_segment_count(http) == index;
}

static unsigned listener_bit(int tag)
{
    switch (tag) {
    case API_LISTENER_MCP:
        return API_ON_MCP;
    case API_LISTENER_METRICS:
        return API_ON_METRICS;
    default:
        return API_ON_REST;
    }
}

static void reply_not_allowed(struct http_call *http, struct slice allowed)
{
    const struct http_header allow = {SLICE("Allow"), allowed};
    struct slice detail = arena_printf(http->arena, "this resource answers: %.*s", SLICE_ARG(allowed));

    http_reply_problem(http, 405, detail, &allow, 1);
}

/* Collects into `allowed` (a comma-separated list) the methods of routes with this path, when the method of the call is not
 * among them. */
static const struct api_route *route_find(const struct http_call *http, struct buf *allowed)
{
    enum http_method method = http->method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : http->method;
    unsigned listener = listener_bit(http->tag);

    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const struct api_route *route = &api_routes[i];

        if (!(route->listeners & listener) || !route_matches(route, http))
            continue;
        if (route->method == method)
            return route;
        if (allowed->size > 0)
            buf_add_str(allowed, ", ");
        if (route->method == HTTP_METHOD_GET)
            buf_add_str(allowed, "GET, HEAD");
        else
            buf_add_slice(allowed, http_method_name(route->method));
    }
    if (allowed->size > 0)
        buf_add_str(allowed, ", OPTIONS");
    return NULL;
}

static void api_dispatch(struct api_call *call)
{
    struct buf allowed;
    const struct api_route *route;

    buf_create(&allowed, call->http->arena);
    route = route_find(call->http, &allowed);
    if (!route && allowed.size > 0) {
        if (call->http->method == HTTP_METHOD_OPTIONS)
            cors_reply_options(call, buf_slice(&allowed));
        else
            reply_not_allowed(call->http, buf_slice(&allowed));
        return;
    }
    if (!route) {
        http_reply_problem(call->http, 404,
                           SLICE("there is no such resource here; the README and proto/openapi.yaml list what there is"), NULL,
                           0);
        return;
    }
    if (route->access == API_FOR_ADMIN && call->role != API_ROLE_ADMIN) {
        access_require_admin(call);
        return;
    }
    route->handle(call);
}

void api_handle(void *context, struct http_call *http)
{
    struct api *api = context;
    struct api_call *call = arena_zalloc(http->arena, sizeof *call);

    if (!call) {
        http_reply_problem(http, 503, SLICE("out of memory; try again"), NULL, 0);
        return;
    }
    *call = (struct api_call){.api = api, .http = http, .begun_ns = clock_monotonic_ns()};
    http->user = call;
    if (!cors_begin(call) || !access_check(call))
        return;
    call->connection_agent = call->agent;
    api_dispatch(call);
}

bool api_create(struct api *api, const struct api_shared *shared, struct http_worker *http, size_t worker, struct policy_vm *vm,
                uint64_t vm_epoch, const struct decide_settings *settings)
{
    *api = (struct api){.shared = shared, .http = http};
    api->decider = (struct decider){.ledger = shared->ledger,
                                    .state = shared->state,
                                    .clock = shared->clock,
                                    .settings = *settings,
                                    .activation = shared->activation,
                                    .worker = worker,
                                    .vm = vm,
                                    .vm_epoch = vm_epoch,
                                    .post = api_post,
                                    .post_context = api};
    uuid_generator_create(&api->decider.uuids);
    http_worker_on_posted(http, api_posted, api);
    api->mcp = mcp_worker_new(shared->mcp, worker, http, api_post, api);
    return api->mcp != NULL;
}

void api_destroy(struct api *api)
{
    policy_vm_delete(api->decider.vm);
    api->decider.vm = NULL;
    mcp_worker_delete(api->mcp);
    api->mcp = NULL;
}

void api_post(void *context, struct work *work)
{
    struct api *api = context;

    http_worker_post(api->http, &work->link);
}

void api_posted(void *context, struct inbox_item *oldest)
{
    (void)context;
    work_run_all(oldest);
}
