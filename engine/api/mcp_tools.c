/* The tools that are views of a resource. */
#include "api/mcp.h"
#include "api/reply.h"

/* ---- results ---- */

void api_mcp_fail_tool(struct mcp_call *mcp, struct slice message)
{
    mcp_answer_tool(mcp, message.data ? message : SLICE("out of memory; try again"), (struct slice){0}, true);
}

static void answered_with(struct api_call *call, int status, struct slice answer,
                          void (*render)(struct buf *out, const cJSON *document))
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    struct mcp_call *mcp = api_mcp_of(call);
    struct buf text;
    struct error error;
    cJSON *document = NULL;

    call->captured = NULL;
    if (status >= 400 || json_parse(call->http->arena, answer, &limits, &document, &error) != STATUS_OK) {
        api_mcp_fail_tool(mcp, status >= 400 ? answer : SLICE("the answer could not be read; try again"));
        return;
    }
    buf_create(&text, call->http->arena);
    render(&text, document);
    if (text.failed)
        api_mcp_fail_tool(mcp, SLICE("the answer needs more memory than one call may use"));
    else
        mcp_answer_tool(mcp, buf_slice(&text), answer, false);
}

void api_mcp_answered(struct api_call *call, int status, struct slice answer)
{
    answered_with(call, status, answer, api_mcp_render_document);
}

static void decision_answered(struct api_call *call, int status, struct slice answer)
{
    answered_with(call, status, answer, api_mcp_render_decision);
}

/* ---- arguments ---- */

static struct slice escaped(struct mcp_call *mcp, const cJSON *arguments, const char *name)
{
    return api_mcp_escape(mcp, json_get_text(arguments, name));
}

/* The arguments without `left_out` and the agent's name, as a resource's body; the HTTP layer ends bodies with a NUL past their
 * size. */
static struct slice as_body(struct mcp_call *mcp, const cJSON *arguments, const char *left_out)
{
    struct arena *arena = mcp->http->arena;
    struct buf out;
    struct json_writer w = {.out = &out};
    const cJSON *member;

    buf_create(&out, arena);
    json_begin_object(&w);
    cJSON_ArrayForEach(member, arguments)
    {
        if (strcmp(member->string, left_out) == 0 || strcmp(member->string, "agent_identity") == 0)
            continue;
        json_key(&w, member->string);
        json_value(&w, arena, member);
    }
    json_end_object(&w);
    buf_add_char(&out, '\0');
    return out.failed ? (struct slice){0} : slice_from(out.data, out.size - 1);
}

bool api_mcp_take_agent(struct mcp_call *mcp, const cJSON *arguments)
{
    struct api_call *call = api_mcp_caller(mcp);
    struct slice named = json_get_text(arguments, "agent_identity");

    if (call->agent.size == 0)
        call->agent = named;
    if (call->role == API_ROLE_ADMIN || named.size == 0 || slice_equal(named, call->agent))
        return true;
    api_mcp_fail_tool(mcp, SLICE("agent_identity: your connection names another agent; leave it out, or name yourself"));
    return false;
}

/* ---- about an agent ---- */

static void ask_about_agent(struct mcp_call *mcp, const cJSON *arguments, const char *what, struct slice query,
                            void (*handle)(struct api_call *call))
{
    struct slice named = json_get_text(arguments, "agent_identity"), agent, path;

    if (!api_mcp_take_agent(mcp, arguments))
        return;
    agent = named.size > 0 ? named : api_mcp_caller(mcp)->agent;
    if (agent.size == 0) {
        api_mcp_fail_tool(mcp, SLICE("agent_identity: say which agent this is about"));
        return;
    }
    path = arena_printf(mcp->http->arena, "/v1/agents/%.*s/%s", SLICE_ARG(api_mcp_escape(mcp, agent)), what);
    api_mcp_ask(mcp, HTTP_METHOD_GET, path, query, (struct slice){0}, handle, api_mcp_answered);
}

void api_mcp_budget(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "budget", (struct slice){0}, api_agents_budget);
}

void api_mcp_quota(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "quota", (struct slice){0}, api_agents_quota);
}

void api_mcp_autonomy(struct mcp_call *mcp, const cJSON *arguments)
{
    int64_t days = 7;

    json_get_i64(arguments, "days", &days);
    ask_about_agent(mcp, arguments, "autonomy", arena_printf(mcp->http->arena, "days=%lld", (long long)days),
                    api_agents_autonomy);
}

void api_mcp_ownership(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "ownership",
                    arena_printf(mcp->http->arena, "resource=%.*s", SLICE_ARG(escaped(mcp, arguments, "resource"))),
                    api_agents_ownership);
}

/* ---- about a decision ---- */

static void ask_decision(struct mcp_call *mcp, const cJSON *arguments,
                         void (*answered)(struct api_call *call, int status, struct slice answer))
{
    struct slice path = arena_printf(mcp->http->arena, "/v1/decisions/%.*s", SLICE_ARG(escaped(mcp, arguments, "decision_id")));

    if (api_mcp_take_agent(mcp, arguments))
        api_mcp_ask(mcp, HTTP_METHOD_GET, path, (struct slice){0}, (struct slice){0}, api_decisions_show, answered);
}

void api_mcp_decision(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_decision(mcp, arguments, decision_answered);
}

void api_mcp_explain(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_decision(mcp, arguments, api_mcp_answered);
}

void api_mcp_outcome(struct mcp_call *mcp, const cJSON *arguments)
{
    struct slice path =
        arena_printf(mcp->http->arena, "/v1/decisions/%.*s/outcome", SLICE_ARG(escaped(mcp, arguments, "decision_id")));

    if (api_mcp_take_agent(mcp, arguments))
        api_mcp_ask(mcp, HTTP_METHOD_POST, path, (struct slice){0}, as_body(mcp, arguments, "decision_id"),
                    api_decisions_outcome, api_mcp_answered);
}

/* ---- the reviewers' ---- */

void api_mcp_escalations(struct mcp_call *mcp, const cJSON *arguments)
{
    static const char *const names[] = {"state", "agent", "cursor"};
    struct buf query;
    int64_t limit = 0;

    buf_create(&query, mcp->http->arena);
    buf_printf(&query, "limit=%lld", (long long)(json_get_i64(arguments, "limit", &limit) ? limit : API_LIMIT_DEFAULT));
    for (size_t i = 0; i < 3; i++) {
        if (json_get_text(arguments, names[i]).size > 0)
            buf_printf(&query, "&%s=%.*s", names[i], SLICE_ARG(escaped(mcp, arguments, names[i])));
    }
    api_mcp_ask(mcp, HTTP_METHOD_GET, SLICE("/v1/escalations"), buf_slice(&query), (struct slice){0}, api_escalations_list,
                api_mcp_answered);
}

static void resolve(struct mcp_call *mcp, const cJSON *arguments, const char *verb, void (*handle)(struct api_call *call))
{
    struct slice path =
        arena_printf(mcp->http->arena, "/v1/escalations/%.*s/%s", SLICE_ARG(escaped(mcp, arguments, "escalation_id")), verb);

    api_mcp_ask(mcp, HTTP_METHOD_POST, path, (struct slice){0}, as_body(mcp, arguments, "escalation_id"), handle,
                api_mcp_answered);
}

void api_mcp_approve(struct mcp_call *mcp, const cJSON *arguments)
{
    resolve(mcp, arguments, "approve", api_escalations_approve);
}

void api_mcp_deny(struct mcp_call *mcp, const cJSON *arguments)
{
    resolve(mcp, arguments, "deny", api_escalations_deny);
}
