#include "api/mcp_tool.h"

/* ---- schemas ---- */

#define TEXT(description_) "\"type\":\"string\",\"description\":\"" description_ "\""
#define AGENT                                                                                                                  \
    {                                                                                                                          \
        "agent_identity", MCP_TEXT, false,                                                                                     \
            TEXT("Which agent this is about: you. May be left out when your connection names it (header Edict-Agent, or "      \
                 "?agent_identity= in the server's address).")                                                                 \
    }
#define DECISION_ID                                                                                                            \
    {                                                                                                                          \
        "decision_id", MCP_TEXT, true, TEXT("The decision_id of an earlier answer, a UUID.")                                   \
    }
#define ESCALATION_ID                                                                                                          \
    {                                                                                                                          \
        "escalation_id", MCP_TEXT, true, TEXT("The escalation_id of an earlier answer, such as ESC-456.")                      \
    }
#define END                                                                                                                    \
    {                                                                                                                          \
        NULL, MCP_ANY, false, NULL                                                                                             \
    }

#define REQUEST_PARAMETERS                                                                                                     \
    AGENT,                                                                                                                     \
        {"operation", MCP_TEXT, false,                                                                                         \
         TEXT("What you want to do, as one of: create, read, list, update, delete, scale, deploy, exec, grant (with "          \
              "context.resource_type), shell.exec (a command line in command), sql.query (a statement in command), "           \
              "http.request (context.method, context.url), file.read, file.write, file.delete (context.path), tool.call "      \
              "(context.server, context.tool, context.arguments), spend (estimated_cost_usd). Required, unless escalation_id " \
              "names an approved request.")},                                                                                  \
        {"command", MCP_TEXT, false,                                                                                           \
         TEXT("The exact command line or statement that you will run. It is parsed and compared with the context.")},          \
        {"justification", MCP_TEXT, false, TEXT("Why, in a sentence; people read it.")},                                       \
        {"context", MCP_OBJECT, false,                                                                                         \
         "\"type\":\"object\",\"description\":\"Facts about the action: namespace, environment (production, staging, "         \
         "development, test), resource_type, resource_name, and what the operation needs, such as pod_status, pod_age_hours, " \
         "current_replicas, target_replicas.\""},                                                                              \
        {"estimated_cost_usd", MCP_ANY, false,                                                                                 \
         "\"type\":[\"string\",\"number\"],\"description\":\"What it will cost in US dollars, such as \\\"12.50\\\".\""},      \
        {"escalation_id", MCP_TEXT, false,                                                                                     \
         TEXT("Carry out what was approved: send this with agent_identity alone, after the escalation was approved.")},        \
        {"idempotency_key", MCP_TEXT, false,                                                                                   \
         TEXT("Your own key for this action: the same key and action gives the same "                                          \
              "decision again instead of a second one.")},                                                                     \
        {"conversation_id", MCP_TEXT, false, TEXT("Your own id of the conversation, kept with the decision.")},                \
        {"in_reply_to", MCP_TEXT, false, TEXT("Your own id of the message this answers, kept with the decision.")},            \
        {"explain", MCP_BOOLEAN, false, "\"type\":\"boolean\",\"description\":\"Also say which rules counted.\""},             \
    {                                                                                                                          \
        "dry_run", MCP_BOOLEAN, false,                                                                                         \
            "\"type\":\"boolean\",\"description\":\"Only ask what would be decided: nothing is recorded, reserved or "         \
            "escalated.\""                                                                                                     \
    }

static const struct mcp_parameter request_parameters[] = {REQUEST_PARAMETERS, END};
static const struct mcp_parameter agent_parameters[] = {AGENT, END};
static const struct mcp_parameter decision_parameters[] = {AGENT, DECISION_ID, END};
static const struct mcp_parameter days_parameters[] = {
    AGENT,
    {"days", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"maximum\":365,\"description\":\"Over how many days; 7 when left out.\""},
    END};
static const struct mcp_parameter ownership_parameters[] = {
    AGENT, {"resource", MCP_TEXT, true, TEXT("The resource, such as team-alpha/pod/web-1, or its namespace.")}, END};
static const struct mcp_parameter outcome_parameters[] = {
    AGENT,
    DECISION_ID,
    {"status", MCP_TEXT, true, "\"enum\":[\"succeeded\",\"failed\",\"cancelled\"],\"description\":\"What happened.\""},
    {"actual_cost_usd", MCP_ANY, false, "\"type\":[\"string\",\"number\"],\"description\":\"What it did cost in US dollars.\""},
    {"rating", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"maximum\":5,\"description\":\"How useful the decision's answer was, 5 is best.\""},
    END};
static const struct mcp_parameter wait_parameters[] = {
    AGENT,
    ESCALATION_ID,
    {"timeout_s", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"maximum\":45,\"description\":\"How long to wait, 30 seconds when left out. Call "
     "again while the state is "
     "pending.\""},
    END};
static const struct mcp_parameter list_parameters[] = {
    {"state", MCP_TEXT, false,
     "\"enum\":[\"pending\",\"approved\",\"denied\",\"expired\",\"cancelled\"],\"description\":\"Only those in this state.\""},
    {"agent", MCP_TEXT, false, TEXT("Only those of this agent.")},
    {"limit", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"description\":\"At most so many, 50 when left out.\""},
    {"cursor", MCP_TEXT, false, TEXT("The next_cursor of the page before.")},
    END};
static const struct mcp_parameter approve_parameters[] = {
    ESCALATION_ID,
    {"reason", MCP_TEXT, true, TEXT("Why; the agent and later readers see it.")},
    {"uses", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"description\":\"How often the action may be carried out; once when "
     "left out.\""},
    {"valid_for_s", MCP_INTEGER, false,
     "\"type\":\"integer\",\"minimum\":1,\"description\":\"For how many seconds; an hour when left out.\""},
    {"budget_increase_usd", MCP_ANY, false,
     "\"type\":[\"string\",\"number\"],\"description\":\"Raises this month's limit of the agent by so much.\""},
    END};
static const struct mcp_parameter deny_parameters[] = {
    ESCALATION_ID, {"reason", MCP_TEXT, true, TEXT("Why; the agent and later readers see it.")}, END};

#define NULLABLE(type_) "{\"type\":[\"" type_ "\",\"null\"]}"
#define DECISION_OUTPUT                                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"decision\":{\"enum\":[\"approve\",\"escalate\",\"deny\"]},"                        \
    "\"tier\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":3},\"rationale\":{\"type\":\"string\"},"                         \
    "\"next_steps\":" NULLABLE("string") ",\"decision_id\":" NULLABLE("string") ",\"escalation_id\":" NULLABLE(                \
        "string") ",\"alternatives\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"                                    \
                  "\"missing\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"Fields that a rule "      \
                  "needs: ask again with them.\"},"                                                                            \
                  "\"rules\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},\"required\":[\"decision\",\"tier\","       \
                  "\"rationale\"]}"
#define ESCALATION_OUTPUT                                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},"                                                       \
    "\"state\":{\"enum\":[\"pending\",\"approved\",\"denied\",\"expired\",\"cancelled\"]},\"reason\":" NULLABLE(               \
        "string") ",\"expires_at\":" NULLABLE("string") "},\"required\":[\"id\",\"state\"]}"

/* ---- which resource answers ---- */

static struct slice argument_text(const cJSON *arguments, const char *name)
{
    return json_get_text(arguments, name);
}

static struct slice escaped(struct mcp_call *mcp, const cJSON *arguments, const char *name)
{
    return mcp_escape(mcp, argument_text(arguments, name));
}

/* The arguments without `left_out`, as a resource's body; the HTTP layer ends bodies with a NUL past their size. */
static struct slice as_body(struct mcp_call *mcp, const cJSON *arguments, const char *left_out, bool with_agent)
{
    struct arena *arena = mcp->rpc.call->http->arena;
    struct buf out;
    struct json_writer w = {.out = &out};
    const cJSON *member;

    buf_create(&out, arena);
    json_begin_object(&w);
    cJSON_ArrayForEach(member, arguments)
    {
        if (strcmp(member->string, left_out) == 0 || (!with_agent && strcmp(member->string, "agent_identity") == 0))
            continue;
        json_key(&w, member->string);
        json_value(&w, arena, member);
    }
    json_end_object(&w);
    buf_add_char(&out, '\0');
    return out.failed ? (struct slice){0} : slice_from(out.data, out.size - 1);
}

/* Whom an agent says it is, where its connection does not: the argument. Two that differ are refused. */
static bool take_agent(struct mcp_call *mcp, const cJSON *arguments)
{
    struct api_call *call = mcp->rpc.call;
    struct slice named = argument_text(arguments, "agent_identity");

    if (call->agent.size == 0)
        call->agent = named;
    if (call->role == API_ROLE_ADMIN || named.size == 0 || slice_equal(named, call->agent))
        return true;
    mcp_tool_fail(mcp, SLICE("agent_identity: your connection names another agent; leave it out, or name yourself"));
    return false;
}

static void ask_about_agent(struct mcp_call *mcp, const cJSON *arguments, const char *what, struct slice query,
                            void (*handle)(struct api_call *call))
{
    struct slice named = argument_text(arguments, "agent_identity"), agent, path;

    if (!take_agent(mcp, arguments))
        return;
    agent = named.size > 0 ? named : mcp->rpc.call->agent;
    if (agent.size == 0) {
        mcp_tool_fail(mcp, SLICE("agent_identity: say which agent this is about"));
        return;
    }
    path = arena_printf(mcp->rpc.call->http->arena, "/v1/agents/%.*s/%s", SLICE_ARG(mcp_escape(mcp, agent)), what);
    mcp_ask(mcp, HTTP_METHOD_GET, path, query, (struct slice){0}, handle, mcp_tool_answered);
}

static void ask_budget(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "budget", (struct slice){0}, api_agents_budget);
}

static void ask_quota(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "quota", (struct slice){0}, api_agents_quota);
}

static void ask_autonomy(struct mcp_call *mcp, const cJSON *arguments)
{
    int64_t days = 7;

    json_get_i64(arguments, "days", &days);
    ask_about_agent(mcp, arguments, "autonomy", arena_printf(mcp->rpc.call->http->arena, "days=%lld", (long long)days),
                    api_agents_autonomy);
}

static void ask_ownership(struct mcp_call *mcp, const cJSON *arguments)
{
    ask_about_agent(mcp, arguments, "ownership",
                    arena_printf(mcp->rpc.call->http->arena, "resource=%.*s", SLICE_ARG(escaped(mcp, arguments, "resource"))),
                    api_agents_ownership);
}

static void ask_evaluate(struct mcp_call *mcp, const cJSON *arguments)
{
    if (take_agent(mcp, arguments))
        mcp_ask(mcp, HTTP_METHOD_POST, SLICE("/v1/evaluate"), (struct slice){0}, as_body(mcp, arguments, "", true),
                api_evaluate, mcp_tool_answered);
}

static void ask_escalate(struct mcp_call *mcp, const cJSON *arguments)
{
    if (take_agent(mcp, arguments))
        mcp_ask(mcp, HTTP_METHOD_POST, SLICE("/v1/escalations"), (struct slice){0}, as_body(mcp, arguments, "", true),
                api_escalations_open, mcp_tool_answered);
}

static void ask_decision(struct mcp_call *mcp, const cJSON *arguments)
{
    struct slice path =
        arena_printf(mcp->rpc.call->http->arena, "/v1/decisions/%.*s", SLICE_ARG(escaped(mcp, arguments, "decision_id")));

    if (take_agent(mcp, arguments))
        mcp_ask(mcp, HTTP_METHOD_GET, path, (struct slice){0}, (struct slice){0}, api_decisions_show, mcp_tool_answered);
}

static void ask_outcome(struct mcp_call *mcp, const cJSON *arguments)
{
    struct slice path = arena_printf(mcp->rpc.call->http->arena, "/v1/decisions/%.*s/outcome",
                                     SLICE_ARG(escaped(mcp, arguments, "decision_id")));

    if (take_agent(mcp, arguments))
        mcp_ask(mcp, HTTP_METHOD_POST, path, (struct slice){0}, as_body(mcp, arguments, "decision_id", false),
                api_decisions_outcome, mcp_tool_answered);
}

static struct slice escalation_path(struct mcp_call *mcp, const cJSON *arguments, const char *verb)
{
    return arena_printf(mcp->rpc.call->http->arena, "/v1/escalations/%.*s%s",
                        SLICE_ARG(escaped(mcp, arguments, "escalation_id")), verb);
}

static void ask_wait(struct mcp_call *mcp, const cJSON *arguments)
{
    int64_t timeout_s = 30;

    json_get_i64(arguments, "timeout_s", &timeout_s);
    if (timeout_s > 45)
        mcp_tool_fail(mcp, SLICE("timeout_s: at most 45; call again while the state is pending"));
    else if (take_agent(mcp, arguments))
        mcp_ask(mcp, HTTP_METHOD_GET, escalation_path(mcp, arguments, ""),
                arena_printf(mcp->rpc.call->http->arena, "wait=%lld", (long long)timeout_s), (struct slice){0},
                api_escalations_show, mcp_tool_answered);
}

static void ask_escalations(struct mcp_call *mcp, const cJSON *arguments)
{
    static const char *const names[] = {"state", "agent", "cursor"};
    struct buf query;
    int64_t limit = 0;

    buf_create(&query, mcp->rpc.call->http->arena);
    buf_printf(&query, "limit=%lld", (long long)(json_get_i64(arguments, "limit", &limit) ? limit : API_LIMIT_DEFAULT));
    for (size_t i = 0; i < 3; i++) {
        if (argument_text(arguments, names[i]).size > 0)
            buf_printf(&query, "&%s=%.*s", names[i], SLICE_ARG(escaped(mcp, arguments, names[i])));
    }
    mcp_ask(mcp, HTTP_METHOD_GET, SLICE("/v1/escalations"), buf_slice(&query), (struct slice){0}, api_escalations_list,
            mcp_tool_answered);
}

static void ask_approve(struct mcp_call *mcp, const cJSON *arguments)
{
    mcp_ask(mcp, HTTP_METHOD_POST, escalation_path(mcp, arguments, "/approve"), (struct slice){0},
            as_body(mcp, arguments, "escalation_id", false), api_escalations_approve, mcp_tool_answered);
}

static void ask_deny(struct mcp_call *mcp, const cJSON *arguments)
{
    mcp_ask(mcp, HTTP_METHOD_POST, escalation_path(mcp, arguments, "/deny"), (struct slice){0},
            as_body(mcp, arguments, "escalation_id", false), api_escalations_deny, mcp_tool_answered);
}

/* ---- the table ---- */

const struct mcp_tool mcp_tools[] = {
    {.name = "approve_escalation",
     .title = "Approve an escalation",
     .description = "For reviewers. Lets exactly the escalated action of its agent through, for a time and a number of uses. "
                    "Read the escalation "
                    "first (list_escalations).",
     .admin_only = true,
     .parameters = approve_parameters,
     .output = ESCALATION_OUTPUT,
     .ask = ask_approve,
     .render = mcp_render_document},
    {.name = "check_budget_remaining",
     .title = "What is left of the budget",
     .description = "What is left of the agent's budget this month: limit, spent, reserved by approvals that have not been "
                    "reported yet, and remaining, "
                    "in US dollars.",
     .read_only = true,
     .parameters = agent_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"budget_limit\":{\"type\":\"number\"},\"current_spending\":{\"type\":"
               "\"number\"},\"reserved\":{\"type\":"
               "\"number\"},\"remaining\":{\"type\":\"number\"},\"period\":{\"type\":\"string\"}},\"required\":[\"budget_"
               "limit\",\"remaining\"]}",
     .ask = ask_budget,
     .render = mcp_render_document},
    {.name = "check_resource_quota",
     .title = "Resource quotas and usage",
     .description = "The agent's resource quotas (such as CPU cores and memory) and what it uses of them, as last reported.",
     .read_only = true,
     .parameters = agent_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"resources\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}},"
               "\"required\":[\"resources\"]}",
     .ask = ask_quota,
     .render = mcp_render_document},
    {.name = "deny_escalation",
     .title = "Deny an escalation",
     .description = "For reviewers. Refuses an escalated action, with a reason that its agent sees.",
     .admin_only = true,
     .parameters = deny_parameters,
     .output = ESCALATION_OUTPUT,
     .ask = ask_deny,
     .render = mcp_render_document},
    {.name = "escalate_to_human",
     .title = "Ask a human to decide",
     .description = "Puts an action before a human reviewer even where the policy would approve it. What the policy denies "
                    "stays denied. The answer names "
                    "the escalation to wait for.",
     .parameters = request_parameters,
     .output = DECISION_OUTPUT,
     .ask = ask_escalate,
     .render = mcp_render_decision},
    {.name = "evaluate_request",
     .title = "May I do this?",
     .description = "Ask before you act. Describe one action; the policy decides at once: approve (go ahead), escalate (a "
                    "human has to decide: wait with "
                    "wait_for_approval, then send the same request again) or deny (do not do it; alternatives say what to do "
                    "instead). The decision is "
                    "recorded. What is listed in missing would let the policy decide: ask again with it.",
     .parameters = request_parameters,
     .output = DECISION_OUTPUT,
     .ask = ask_evaluate,
     .render = mcp_render_decision},
    {.name = "explain_decision",
     .title = "Why was it decided so?",
     .description = "The reasons of a recorded decision: its numbered rationale, the rules that counted, the facts that it "
                    "saw, and the policy's revision.",
     .read_only = true,
     .parameters = decision_parameters,
     .output = DECISION_OUTPUT,
     .ask = ask_decision,
     .render = mcp_render_document},
    {.name = "get_agent_autonomy_rate",
     .title = "How much is decided without a human",
     .description = "Of the agent's requests of the last days: how many were approved without a human, escalated and denied, "
                    "and the rate of the first.",
     .read_only = true,
     .parameters = days_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"autonomy_rate\":{\"type\":[\"number\",\"null\"]},\"total_decisions\":{"
               "\"type\":\"integer\"}},"
               "\"required\":[\"total_decisions\"]}",
     .ask = ask_autonomy,
     .render = mcp_render_document},
    {.name = "get_decision",
     .title = "A recorded decision",
     .description = "A decision of yours by its id, with its request and its outcome as reported.",
     .read_only = true,
     .parameters = decision_parameters,
     .output = DECISION_OUTPUT,
     .ask = ask_decision,
     .render = mcp_render_decision},
    {.name = "list_escalations",
     .title = "Escalations",
     .description = "For reviewers. The requests that wait for a human, and those that were resolved, newest first.",
     .admin_only = true,
     .read_only = true,
     .parameters = list_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"escalations\":{\"type\":\"array\",\"items\":" ESCALATION_OUTPUT
               "},\"next_cursor\":" NULLABLE("string") "},"
                                                       "\"required\":[\"escalations\"]}",
     .ask = ask_escalations,
     .render = mcp_render_document},
    {.name = "report_outcome",
     .title = "Report what happened",
     .description = "Say once how an approved action went and what it did cost. It settles the money that the approval "
                    "reserved; what is never reported is "
                    "charged in full.",
     .parameters = outcome_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"decision_id\":{\"type\":\"string\"},\"status\":{\"type\":\"string\"}},"
               "\"required\":[\"decision_id\",\"status\"]}",
     .ask = ask_outcome,
     .render = mcp_render_document},
    {.name = "verify_namespace_ownership",
     .title = "Is it mine?",
     .description = "Whether a resource lies in the agent's own namespace, by the agent's manifest.",
     .read_only = true,
     .parameters = ownership_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"owns_resource\":{\"type\":\"boolean\"},\"agent_namespace\":" NULLABLE(
         "string") "},"
                   "\"required\":[\"owns_resource\"]}",
     .ask = ask_ownership,
     .render = mcp_render_document},
    {.name = "wait_for_approval",
     .title = "Wait for a human",
     .description = "Waits until a human has approved or denied an escalation of yours, or until the time is up; then its "
                    "state is still pending: call "
                    "again. Once it is approved, send the same request again, or evaluate_request with agent_identity and "
                    "escalation_id alone.",
     .read_only = true,
     .idempotent = true,
     .parameters = wait_parameters,
     .output = ESCALATION_OUTPUT,
     .ask = ask_wait,
     .render = mcp_render_document},
};
const size_t mcp_tool_count = sizeof mcp_tools / sizeof *mcp_tools;
