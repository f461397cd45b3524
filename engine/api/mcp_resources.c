/* What REST shows, under edict:// addresses. */
#include "api/access.h"
#include "api/mcp.h"
#include "api/reply.h"

static void answered(struct api_call *call, int status, struct slice answer)
{
    struct mcp_call *mcp = api_mcp_of(call);

    call->captured = NULL;
    if (status >= 500)
        mcp_fail(mcp, MCP_INTERNAL_ERROR, answer);
    else if (status >= 400)
        mcp_fail_not_found(mcp);
    else
        mcp_answer_resource(mcp, answer);
}

static void read_from(struct mcp_call *mcp, const char *folder, void (*handle)(struct api_call *call))
{
    struct slice path = arena_printf(mcp->http->arena, "%s%.*s", folder, SLICE_ARG(api_mcp_escape(mcp, mcp->uri_id)));

    api_mcp_ask(mcp, HTTP_METHOD_GET, path, (struct slice){0}, (struct slice){0}, handle, answered);
}

static void read_agent(struct mcp_call *mcp)
{
    read_from(mcp, "/v1/agents/", api_agents_show);
}

static void read_decision(struct mcp_call *mcp)
{
    read_from(mcp, "/v1/decisions/", api_decisions_show);
}

static void read_escalation(struct mcp_call *mcp)
{
    read_from(mcp, "/v1/escalations/", api_escalations_show);
}

static void read_policies(struct mcp_call *mcp)
{
    read_from(mcp, "/v1/policies", api_policies_list);
}

#define JSON_TYPE "application/json"

const struct mcp_resource api_mcp_resources[] = {
    {.uri = "edict://agents/{id}",
     .name = "agent",
     .title = "An agent",
     .description = "Manifest, usage and budget of an agent.",
     .mime = JSON_TYPE,
     .may_read = api_mcp_is_admin,
     .read = read_agent},
    {.uri = "edict://decisions/{id}",
     .name = "decision",
     .title = "A decision",
     .description = "A recorded decision: request, facts, rationale, rules and outcome.",
     .mime = JSON_TYPE,
     .read = read_decision},
    {.uri = "edict://escalations/{id}",
     .name = "escalation",
     .title = "An escalation",
     .description = "A request that waits for a human, or was resolved.",
     .mime = JSON_TYPE,
     .read = read_escalation},
    {.uri = "edict://policies",
     .name = "policies",
     .title = "Active policies",
     .description = "The active policy revision and its rules.",
     .mime = JSON_TYPE,
     .may_read = api_mcp_is_admin,
     .read = read_policies},
};
const size_t api_mcp_resource_count = sizeof api_mcp_resources / sizeof *api_mcp_resources;
