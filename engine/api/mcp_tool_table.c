/* The tools as data: what they are called, what they take and give, and which function answers them. */
#include "api/mcp.h"

/* ---- schemas ---- */

#define TEXT(description_) "\"type\":\"string\",\"description\":\"" description_ "\""
#define AGENT                                                                                                                  \
    {                                                                                                                          \
        .name = "agent_identity", .type = MCP_TEXT, .required = false,                                                         \
        .schema =                                                                                                              \
            TEXT("Which agent this is about: you. May be left out when your connection names it (header Edict-Agent, or "      \
                 "?agent_identity= in the server's address).")                                                                 \
    }
#define DECISION_ID                                                                                                            \
    {                                                                                                                          \
        .name = "decision_id", .type = MCP_TEXT, .required = true,                                                             \
        .schema = TEXT("The decision_id of an earlier answer, a UUID.")                                                        \
    }
#define ESCALATION_ID                                                                                                          \
    {                                                                                                                          \
        .name = "escalation_id", .type = MCP_TEXT, .required = true,                                                           \
        .schema = TEXT("The escalation_id of an earlier answer, such as ESC-456.")                                             \
    }
#define END                                                                                                                    \
    {                                                                                                                          \
        .name = NULL                                                                                                           \
    }

#define REQUEST_PARAMETERS                                                                                                     \
    AGENT,                                                                                                                     \
        {.name = "operation",                                                                                                  \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema = TEXT(                                                                                                       \
             "What you want to do, as one of: create, read, list, update, delete, scale, deploy, exec, grant (with "           \
             "context.resource_type), shell.exec (a command line in command), sql.query (a statement in command), "            \
             "http.request (context.method, context.url), file.read, file.write, file.delete (context.path), tool.call "       \
             "(context.server, context.tool, context.arguments), spend (estimated_cost_usd). Required, unless escalation_id "  \
             "names an approved request.")},                                                                                   \
        {.name = "command",                                                                                                    \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema =                                                                                                             \
             TEXT("The exact command line or statement that you will run. It is parsed and compared with the context.")},      \
        {.name = "justification", .type = MCP_TEXT, .required = false, .schema = TEXT("Why, in a sentence; people read it.")}, \
        {.name = "context",                                                                                                    \
         .type = MCP_OBJECT,                                                                                                   \
         .required = false,                                                                                                    \
         .schema =                                                                                                             \
             "\"type\":\"object\",\"description\":\"Facts about the action: namespace, environment (production, staging, "     \
             "development, test), resource_type, resource_name, and what the operation needs, such as pod_status, "            \
             "pod_age_hours, "                                                                                                 \
             "current_replicas, target_replicas.\""},                                                                          \
        {.name = "estimated_cost_usd",                                                                                         \
         .type = MCP_ANY,                                                                                                      \
         .required = false,                                                                                                    \
         .schema =                                                                                                             \
             "\"type\":[\"string\",\"number\"],\"description\":\"What it will cost in US dollars, such as \\\"12.50\\\".\""},  \
        {.name = "escalation_id",                                                                                              \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema =                                                                                                             \
             TEXT("Carry out what was approved: send this with agent_identity alone, after the escalation was approved.")},    \
        {.name = "idempotency_key",                                                                                            \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema = TEXT("Your own key for this action: the same key and action gives the same "                                \
                        "decision again instead of a second one.")},                                                           \
        {.name = "conversation_id",                                                                                            \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema = TEXT("Your own id of the conversation, kept with the decision.")},                                          \
        {.name = "in_reply_to",                                                                                                \
         .type = MCP_TEXT,                                                                                                     \
         .required = false,                                                                                                    \
         .schema = TEXT("Your own id of the message this answers, kept with the decision.")},                                  \
        {.name = "explain",                                                                                                    \
         .type = MCP_BOOLEAN,                                                                                                  \
         .required = false,                                                                                                    \
         .schema = "\"type\":\"boolean\",\"description\":\"Also say which rules counted.\""},                                  \
    {                                                                                                                          \
        .name = "dry_run", .type = MCP_BOOLEAN, .required = false,                                                             \
        .schema = "\"type\":\"boolean\",\"description\":\"Only ask what would be decided: nothing is recorded, reserved or "   \
                  "escalated.\""                                                                                               \
    }

static const struct mcp_parameter request_parameters[] = {REQUEST_PARAMETERS, END};
static const struct mcp_parameter agent_parameters[] = {AGENT, END};
static const struct mcp_parameter decision_parameters[] = {AGENT, DECISION_ID, END};
static const struct mcp_parameter days_parameters[] = {
    AGENT,
    {.name = "days",
     .type = MCP_INTEGER,
     .required = false,
     .schema = "\"type\":\"integer\",\"minimum\":1,\"maximum\":365,\"description\":\"Over how many days; 7 when left out.\""},
    END};
static const struct mcp_parameter ownership_parameters[] = {
    AGENT,
    {.name = "resource",
     .type = MCP_TEXT,
     .required = true,
     .schema = TEXT("The resource, such as team-alpha/pod/web-1, or its namespace.")},
    END};
static const struct mcp_parameter outcome_parameters[] = {
    AGENT,
    DECISION_ID,
    {.name = "status",
     .type = MCP_TEXT,
     .required = true,
     .schema = "\"enum\":[\"succeeded\",\"failed\",\"cancelled\"],\"description\":\"What happened.\""},
    {.name = "actual_cost_usd",
     .type = MCP_ANY,
     .required = false,
     .schema = "\"type\":[\"string\",\"number\"],\"description\":\"What it did cost in US dollars.\""},
    {.name = "rating",
     .type = MCP_INTEGER,
     .required = false,
     .schema = "\"type\":\"integer\",\"minimum\":1,\"maximum\":5,\"description\":\"How useful the decision's answer was, 5 is "
               "best.\""},
    END};
static const struct mcp_parameter wait_parameters[] = {
    AGENT,
    ESCALATION_ID,
    {.name = "timeout_s",
     .type = MCP_INTEGER,
     .required = false,
     .schema =
         "\"type\":\"integer\",\"minimum\":1,\"maximum\":45,\"description\":\"How long to wait, 30 seconds when left out. Call "
         "again while the state is "
         "pending.\""},
    END};
static const struct mcp_parameter list_parameters[] = {
    {.name = "state",
     .type = MCP_TEXT,
     .required = false,
     .schema = "\"enum\":[\"pending\",\"approved\",\"denied\",\"expired\",\"cancelled\"],\"description\":\"Only those in this "
               "state.\""},
    {.name = "agent", .type = MCP_TEXT, .required = false, .schema = TEXT("Only those of this agent.")},
    {.name = "limit",
     .type = MCP_INTEGER,
     .required = false,
     .schema = "\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"description\":\"At most so many, 50 when left out.\""},
    {.name = "cursor", .type = MCP_TEXT, .required = false, .schema = TEXT("The next_cursor of the page before.")},
    END};
static const struct mcp_parameter approve_parameters[] = {
    ESCALATION_ID,
    {.name = "reason", .type = MCP_TEXT, .required = true, .schema = TEXT("Why; the agent and later readers see it.")},
    {.name = "uses",
     .type = MCP_INTEGER,
     .required = false,
     .schema = "\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"description\":\"How often the action may be carried out; "
               "once when "
               "left out.\""},
    {.name = "valid_for_s",
     .type = MCP_INTEGER,
     .required = false,
     .schema = "\"type\":\"integer\",\"minimum\":1,\"maximum\":2592000,\"description\":\"For how many seconds; an hour when "
               "left out.\""},
    {.name = "budget_increase_usd",
     .type = MCP_ANY,
     .required = false,
     .schema = "\"type\":[\"string\",\"number\"],\"description\":\"Raises this month's limit of the agent by so much.\""},
    END};
static const struct mcp_parameter deny_parameters[] = {
    ESCALATION_ID,
    {.name = "reason", .type = MCP_TEXT, .required = true, .schema = TEXT("Why; the agent and later readers see it.")},
    END};

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

/* ---- the table ---- */

const struct mcp_tool api_mcp_tools[] = {
    {.name = "approve_escalation",
     .title = "Approve an escalation",
     .description = "For reviewers. Lets exactly the escalated action of its agent through, for a time and a number of uses. "
                    "Read the escalation "
                    "first (list_escalations).",
     .may_use = api_mcp_is_admin,
     .parameters = approve_parameters,
     .output = ESCALATION_OUTPUT,
     .run = api_mcp_approve},
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
     .run = api_mcp_budget},
    {.name = "check_resource_quota",
     .title = "Resource quotas and usage",
     .description = "The agent's resource quotas (such as CPU cores and memory) and what it uses of them, as last reported.",
     .read_only = true,
     .parameters = agent_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"resources\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}},"
               "\"required\":[\"resources\"]}",
     .run = api_mcp_quota},
    {.name = "deny_escalation",
     .title = "Deny an escalation",
     .description = "For reviewers. Refuses an escalated action, with a reason that its agent sees.",
     .may_use = api_mcp_is_admin,
     .parameters = deny_parameters,
     .output = ESCALATION_OUTPUT,
     .run = api_mcp_deny},
    {.name = "escalate_to_human",
     .title = "Ask a human to decide",
     .description = "Puts an action before a human reviewer even where the policy would approve it. What the policy denies "
                    "stays denied. The answer names "
                    "the escalation to wait for.",
     .parameters = request_parameters,
     .output = DECISION_OUTPUT,
     .run = api_mcp_escalate},
    {.name = "evaluate_request",
     .title = "May I do this?",
     .description = "Ask before you act. Describe one action; the policy decides at once: approve (go ahead), escalate (a "
                    "human has to decide: wait with "
                    "wait_for_approval, then send the same request again) or deny (do not do it; alternatives say what to do "
                    "instead). The decision is "
                    "recorded. What is listed in missing would let the policy decide: ask again with it.",
     .parameters = request_parameters,
     .output = DECISION_OUTPUT,
     .tasks = MCP_TASK_MAYBE,
     .run = api_mcp_evaluate},
    {.name = "explain_decision",
     .title = "Why was it decided so?",
     .description = "The reasons of a recorded decision: its numbered rationale, the rules that counted, the facts that it "
                    "saw, and the policy's revision.",
     .read_only = true,
     .parameters = decision_parameters,
     .output = DECISION_OUTPUT,
     .run = api_mcp_explain},
    {.name = "get_agent_autonomy_rate",
     .title = "How much is decided without a human",
     .description = "Of the agent's requests of the last days: how many were approved without a human, escalated and denied, "
                    "and the rate of the first.",
     .read_only = true,
     .parameters = days_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"autonomy_rate\":{\"type\":[\"number\",\"null\"]},\"total_decisions\":{"
               "\"type\":\"integer\"}},"
               "\"required\":[\"total_decisions\"]}",
     .run = api_mcp_autonomy},
    {.name = "get_decision",
     .title = "A recorded decision",
     .description = "A decision of yours by its id, with its request and its outcome as reported.",
     .read_only = true,
     .parameters = decision_parameters,
     .output = DECISION_OUTPUT,
     .run = api_mcp_decision},
    {.name = "list_escalations",
     .title = "Escalations",
     .description = "For reviewers. The requests that wait for a human, and those that were resolved, newest first.",
     .may_use = api_mcp_is_admin,
     .read_only = true,
     .parameters = list_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"escalations\":{\"type\":\"array\",\"items\":" ESCALATION_OUTPUT
               "},\"next_cursor\":" NULLABLE("string") "},"
                                                       "\"required\":[\"escalations\"]}",
     .run = api_mcp_escalations},
    {.name = "report_outcome",
     .title = "Report what happened",
     .description = "Say once how an approved action went and what it did cost. It settles the money that the approval "
                    "reserved; what is never reported is "
                    "charged in full.",
     .parameters = outcome_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"decision_id\":{\"type\":\"string\"},\"status\":{\"type\":\"string\"}},"
               "\"required\":[\"decision_id\",\"status\"]}",
     .run = api_mcp_outcome},
    {.name = "verify_namespace_ownership",
     .title = "Is it mine?",
     .description = "Whether a resource lies in the agent's own namespace, by the agent's manifest.",
     .read_only = true,
     .parameters = ownership_parameters,
     .output = "{\"type\":\"object\",\"properties\":{\"owns_resource\":{\"type\":\"boolean\"},\"agent_namespace\":" NULLABLE(
         "string") "},"
                   "\"required\":[\"owns_resource\"]}",
     .run = api_mcp_ownership},
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
     .tasks = MCP_TASK_MAYBE,
     .run = api_mcp_wait},
};
const size_t api_mcp_tool_count = sizeof api_mcp_tools / sizeof *api_mcp_tools;
