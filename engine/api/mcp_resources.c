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

/* ---- being told: only where reading would succeed now, and only by the address that changes are told under ---- */

enum { LOOK_BLOCK = 16384, LOOK_CAP = 1024 * 1024 };

static bool is_mine(const struct mcp_call *mcp, struct slice agent)
{
    const struct api_call *call = api_mcp_caller(mcp);

    return api_mcp_is_admin(mcp) || (call->agent.size > 0 && slice_equal(call->agent, agent));
}

static bool escalation_is_mine(struct mcp_call *mcp, struct arena *arena)
{
    struct slice agent = {0};
    struct buf document;
    bool pending;
    struct error error;

    buf_create(&document, arena);
    return state_escalation_document(api_mcp_caller(mcp)->api->shared->state, arena, mcp->uri_id, false, &document, &agent,
                                     &pending, &error) == STATUS_OK &&
           is_mine(mcp, agent);
}

static bool decision_is_mine(struct mcp_call *mcp, struct arena *arena)
{
    struct ledger *ledger = api_mcp_caller(mcp)->api->shared->ledger;
    struct decision decision = {0};
    char text[UUID_TEXT_SIZE];
    struct uuid id;
    uint64_t index;
    struct error error;

    if (!uuid_parse(mcp->uri_id, &id))
        return false;
    uuid_format(&id, text);
    return slice_equal(mcp->uri_id, slice_from(text, sizeof text)) &&
           ledger_find_id(ledger, id.bytes, &index, &error) == STATUS_OK &&
           decide_load(ledger, index, arena, DECIDE_READ_MARKS, &decision, &error) == STATUS_OK &&
           is_mine(mcp, decision.request.agent_identity);
}

static bool agent_is_there(struct mcp_call *mcp, struct arena *arena)
{
    struct buf document;
    uint64_t version;
    struct error error;

    buf_create(&document, arena);
    return state_agent_document(api_mcp_caller(mcp)->api->shared->state, arena, mcp->uri_id, &document, &version, &error) ==
           STATUS_OK;
}

/* In memory of its own: a stream's has to last as long as the stream. */
static bool look(struct mcp_call *mcp, bool (*check)(struct mcp_call *mcp, struct arena *arena))
{
    struct arena arena;
    bool ok;

    arena_create(&arena, LOOK_BLOCK, LOOK_CAP);
    ok = check(mcp, &arena);
    arena_destroy(&arena);
    return ok;
}

static bool may_watch_escalation(struct mcp_call *mcp)
{
    struct slice number = slice_sub(mcp->uri_id, 4, SIZE_MAX);

    return slice_starts_with(mcp->uri_id, SLICE("ESC-")) && number.size > 0 && number.data[0] != '0' &&
           look(mcp, escalation_is_mine);
}

static bool may_watch_decision(struct mcp_call *mcp)
{
    return look(mcp, decision_is_mine);
}

static bool may_watch_agent(struct mcp_call *mcp)
{
    return look(mcp, agent_is_there);
}

static bool may_watch_policies(struct mcp_call *mcp)
{
    return api_mcp_is_admin(mcp);
}

#define JSON_TYPE "application/json"

const struct mcp_resource api_mcp_resources[] = {
    {.uri = "edict://agents/{id}",
     .name = "agent",
     .title = "An agent",
     .description = "Manifest, usage and budget of an agent.",
     .mime = JSON_TYPE,
     .may_read = api_mcp_is_admin,
     .read = read_agent,
     .may_watch = may_watch_agent},
    {.uri = "edict://decisions/{id}",
     .name = "decision",
     .title = "A decision",
     .description = "A recorded decision: request, facts, rationale, rules and outcome.",
     .mime = JSON_TYPE,
     .read = read_decision,
     .may_watch = may_watch_decision},
    {.uri = "edict://escalations/{id}",
     .name = "escalation",
     .title = "An escalation",
     .description = "A request that waits for a human, or was resolved.",
     .mime = JSON_TYPE,
     .read = read_escalation,
     .may_watch = may_watch_escalation},
    {.uri = "edict://policies",
     .name = "policies",
     .title = "Active policies",
     .description = "The active policy revision and its rules.",
     .mime = JSON_TYPE,
     .may_read = api_mcp_is_admin,
     .read = read_policies,
     .may_watch = may_watch_policies},
};
const size_t api_mcp_resource_count = sizeof api_mcp_resources / sizeof *api_mcp_resources;
