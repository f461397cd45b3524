/*
 * Edict's tools, resources and prompts for the MCP library, and the plain JSON-RPC method beside them. A tool asks a REST
 * resource (api_call.captured), so both doors give the same answers under the same rules; evaluating goes to the pipeline
 * itself.
 *
 * mcp_call.user is the struct api_call, and api_call.user the struct mcp_call.
 */
#ifndef EDICT_API_MCP_H
#define EDICT_API_MCP_H

#include "api/api.h"
#include "mcp/mcp.h"

extern const struct mcp_tool api_mcp_tools[]; /* by name */
extern const size_t api_mcp_tool_count;
extern const struct mcp_resource api_mcp_resources[];
extern const size_t api_mcp_resource_count;
extern const struct mcp_prompt api_mcp_prompts[];
extern const size_t api_mcp_prompt_count;

static inline struct api_call *api_mcp_caller(const struct mcp_call *mcp)
{
    return mcp->user;
}
static inline struct mcp_call *api_mcp_of(const struct api_call *call)
{
    return call->user;
}
bool api_mcp_is_admin(const struct mcp_call *mcp);

/* governance/evaluate: its parameters are a request, its result is the decision in its short form. */
void api_mcp_governance(struct mcp_call *mcp);

/* ---- asking a resource ---- */
/* Turns the HTTP call into this one and hands it to `handle`; the answer goes to `answered`. `body` is JSON or empty. */
void api_mcp_ask(struct mcp_call *mcp, enum http_method method, struct slice path, struct slice query, struct slice body,
                 void (*handle)(struct api_call *call),
                 void (*answered)(struct api_call *call, int status, struct slice answer));
/* Percent-encoded, for a segment or a value; in the call's arena. */
struct slice api_mcp_escape(struct mcp_call *mcp, struct slice text);

/* ---- mcp_tools.c ---- */
/* Whom an agent says it is, where its connection does not: the argument. Two that differ are refused. */
bool api_mcp_take_agent(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_budget(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_quota(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_autonomy(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_ownership(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_decision(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_explain(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_outcome(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_escalations(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_approve(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_deny(struct mcp_call *mcp, const cJSON *arguments);
/* A result with isError that says what to change. */
void api_mcp_fail_tool(struct mcp_call *mcp, struct slice message);
/* The resource's document as the tool's result, told member by member. */
void api_mcp_answered(struct api_call *call, int status, struct slice answer);
/* ---- mcp_evaluate.c ---- */
void api_mcp_evaluate(struct mcp_call *mcp, const cJSON *arguments);
void api_mcp_escalate(struct mcp_call *mcp, const cJSON *arguments);
/* ---- mcp_wait.c ---- */
void api_mcp_wait(struct mcp_call *mcp, const cJSON *arguments);

/* ---- mcp_tasks.c ---- */
enum api_mcp_task_kind { API_MCP_TASK_EVALUATE, API_MCP_TASK_WAIT };
extern const struct mcp_task_methods api_mcp_task_methods;
/* Answers with a task where the client takes tasks; false when it does not, and the call goes on. */
bool api_mcp_become_task(struct mcp_call *mcp, enum api_mcp_task_kind kind, struct slice escalation, struct slice agent);

/* ---- text for people and models ---- */
void api_mcp_render_decision(struct buf *out, const cJSON *decision);
void api_mcp_render_decided(struct buf *out, struct arena *arena, const struct decision *decision);
void api_mcp_render_document(struct buf *out, const cJSON *document);

#endif
