#include "api/api.h"
#include "api/body.h"
#include "api/changes.h"
#include "api/conditions.h"
#include "api/cursor.h"
#include "api/reply.h"
#include "proto/json.h"

#include <stdio.h>

static const char *const no_names[] = {NULL};

enum { AGENTS_RESOURCE_MAX = 512 /* of ?resource; documented in docs/limits.md */ };

/* The agent that the path names; answers and returns false when it is no agent's name. */
static bool agents_path(struct api_call *call, struct slice *agent)
{
    if (http_path_segment(call->http, 2, agent) && request_agent_is_valid(*agent))
        return true;
    reply_problem(call, 400, "", "the path names no agent: letters, digits and . _ : @ / - , at most 128 bytes, a '/' as %2F");
    return false;
}

/* ---- reading ---- */

void api_agents_list(struct api_call *call)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct slice after, next = {0};
    uint64_t limit = API_LIMIT_DEFAULT;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, names) || !cursor_read(call, &after) || !parameter_u64(call, "limit", 1, API_LIMIT_MAX, &limit))
        return;
    buf_create(&out, call->http->arena);
    buf_add_str(&out, "{\"agents\":");
    if (state_agents_list(call->api->shared->state, call->http->arena, after, limit, &out, &next, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    cursor_reply(call, &out, next);
}

static void reply_not_modified(struct api_call *call, const struct http_header *etag)
{
    const struct http_reply reply = {.status = 304, .headers = etag, .header_count = 1};

    http_reply(call->http, &reply);
}

static void reply_agent(struct api_call *call, struct slice agent, bool conditional)
{
    struct buf out;
    struct error error = {0};
    uint64_t version = 0;
    struct http_header etag = {SLICE("ETag"), {0}};

    buf_create(&out, call->http->arena);
    if (state_agent_document(call->api->shared->state, call->http->arena, agent, &out, &version, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    etag.value = conditions_tag(call, version);
    if (conditional && !call->captured && conditions_seen(call, version))
        reply_not_modified(call, &etag);
    else
        reply_json_with(call, 200, &out, &etag, 1);
}

void api_agents_show(struct api_call *call)
{
    struct slice agent;

    if (parameters_check(call, no_names) && agents_path(call, &agent))
        reply_agent(call, agent, true);
}

static void reply_document(struct api_call *call, enum status status, const struct buf *out, const struct error *error)
{
    if (status == STATUS_OK)
        reply_json(call, 200, out);
    else
        reply_error(call, error);
}

void api_agents_quota(struct api_call *call)
{
    struct slice agent;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, no_names) || !agents_path(call, &agent))
        return;
    buf_create(&out, call->http->arena);
    reply_document(call, state_quota_document(call->api->shared->state, call->http->arena, agent, &out, &error), &out, &error);
}

void api_agents_budget(struct api_call *call)
{
    struct slice agent;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, no_names) || !agents_path(call, &agent))
        return;
    buf_create(&out, call->http->arena);
    reply_document(call,
                   state_budget_document(call->api->shared->state, call->http->arena, agent,
                                         clock_now_ms(&call->api->shared->clock), &out, &error),
                   &out, &error);
}

void api_agents_autonomy(struct api_call *call)
{
    static const char *const names[] = {"days", NULL};
    struct slice agent;
    uint64_t days = 7;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, names) || !parameter_u64(call, "days", 1, STATE_AUTONOMY_DAYS_MAX, &days) ||
        !agents_path(call, &agent))
        return;
    buf_create(&out, call->http->arena);
    reply_document(call,
                   state_autonomy_document(call->api->shared->state, call->http->arena, agent, (unsigned)days,
                                           clock_now_ms(&call->api->shared->clock), &out, &error),
                   &out, &error);
}

void api_agents_ownership(struct api_call *call)
{
    static const char *const names[] = {"resource", NULL};
    struct slice agent, resource;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, names) || !parameter_text(call, "resource", &resource) || !agents_path(call, &agent))
        return;
    if (resource.size > AGENTS_RESOURCE_MAX) {
        reply_problem(call, 400, "?resource", "at most 512 bytes");
        return;
    }
    if (resource.size == 0) {
        reply_problem(call, 400, "?resource", "name the resource, such as team-alpha/pod/web-1, or its namespace");
        return;
    }
    buf_create(&out, call->http->arena);
    reply_document(call, state_ownership_document(call->api->shared->state, call->http->arena, agent, resource, &out, &error),
                   &out, &error);
}

/* ---- changing ---- */

static void agents_put_finished(struct change *change)
{
    struct api_call *call = change->user;

    if (changes_succeeded_or(change, 412,
                             "the agent is not what If-Match or If-None-Match asks for: it has been changed, made or never "
                             "was; read it again"))
        reply_agent(call, change->basis.agent, false);
}

/* Usage of an agent that nobody registered would be no one's. */
static void agents_put_usage_finished(struct change *change)
{
    struct api_call *call = change->user;
    bool asked = http_header_get(call->http, "if-match", NULL) > 0;

    if (asked)
        agents_put_finished(change);
    else if (changes_succeeded_or(change, 404, "there is no agent of this name; PUT /v1/agents/{id} makes one"))
        reply_agent(call, change->basis.agent, false);
}

static void agents_submit(struct api_call *call, const struct event *event, struct slice agent, uint64_t version,
                          void (*finished)(struct change *change))
{
    struct change *change = changes_new(call, finished);

    if (!change)
        return;
    change->events[0] = *event;
    change->event_count = 1;
    change->basis = (struct state_basis){.kind = STATE_BASIS_AGENT, .agent = agent, .agent_version = version};
    change_begin(change);
}

/* The body as JSON; known members are the business of the event's own check. */
static cJSON *agents_body(struct api_call *call)
{
    cJSON *body = NULL;
    struct error error = {0};

    if (!body_check(call))
        return NULL;
    if (json_parse(call->http->arena, call->http->body, &json_limits_default, &body, &error) == STATUS_OK)
        return body;
    reply_error(call, &error);
    return NULL;
}

void api_agents_put(struct api_call *call)
{
    struct event event = {.type = RECORD_AGENT_SET, .by = SLICE("admin")};
    struct slice agent;
    uint64_t version;
    cJSON *body, *manifest = NULL;
    struct error error = {0};

    if (!parameters_check(call, no_names) || !agents_path(call, &agent) || !conditions_of_change(call, &version) ||
        !(body = agents_body(call)))
        return;
    if (event_manifest_check(call->http->arena, body, call->http->body, &manifest, &event.agent_set.limit_micro_usd, &error) !=
        STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    event.agent_set.agent = agent;
    event.agent_set.manifest = manifest;
    agents_submit(call, &event, agent, version, agents_put_finished);
}

void api_agents_put_usage(struct api_call *call)
{
    struct event event = {.type = RECORD_USAGE_SET, .by = SLICE("admin")};
    struct slice agent;
    uint64_t version;
    cJSON *body, *usage = NULL;
    struct error error = {0};

    if (!parameters_check(call, no_names) || !agents_path(call, &agent) || !conditions_of_change(call, &version) ||
        !(body = agents_body(call)))
        return;
    if (version == STATE_AGENT_ABSENT) {
        reply_problem(call, 400, "If-None-Match", "usage belongs to an agent that is there; it cannot be made by it");
        return;
    }
    if (event_usage_check(call->http->arena, body, &usage, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    event.usage_set.agent = agent;
    event.usage_set.usage = usage;
    agents_submit(call, &event, agent, version == STATE_AGENT_ANY ? STATE_AGENT_PRESENT : version, agents_put_usage_finished);
}
