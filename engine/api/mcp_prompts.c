/* Common questions, ready to send. */
#include "api/mcp.h"

static const struct mcp_argument explain_arguments[] = {{"decision_id", "The decision's id", true}, {NULL, NULL, false}};
static const struct mcp_argument approval_arguments[] = {{"action", "What is to be done", true},
                                                         {"reason", "Why", false},
                                                         {"command", "The exact command, where there is one", false},
                                                         {NULL, NULL, false}};

static const char explain_text[] =
    "Use the tool explain_decision for the decision below. Then explain in plain words what was asked, what was decided, which "
    "rules decided it and on which facts, and what could be done instead.";
static const char approval_text[] =
    "Before doing what follows, call the tool evaluate_request with the operation, the exact command and the context. If the "
    "decision is approve, go ahead and report the outcome with report_outcome. If it is escalate, call wait_for_approval until "
    "a "
    "human has decided, then send the same request again. If it is deny, do not do it; tell me why and what the alternatives "
    "are.";

static void write_message(struct json_writer *w, struct slice text)
{
    json_begin_object(w);
    json_key(w, "role");
    json_string(w, SLICE("user"));
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, SLICE("text"));
    json_key(w, "text");
    json_string(w, text);
    json_end_object(w);
    json_end_object(w);
}

/* The text, then a line for each argument given. */
static void answer(struct mcp_call *mcp, const struct mcp_prompt *prompt, const char *before, const cJSON *given)
{
    struct buf out, text;
    struct json_writer w;

    buf_create(&text, mcp->http->arena);
    buf_add_str(&text, before);
    buf_add_char(&text, '\n');
    for (const struct mcp_argument *argument = prompt->arguments; argument->name; argument++) {
        struct slice value = json_get_text(given, argument->name);

        if (value.size == 0)
            continue;
        buf_printf(&text, "\n%s: ", argument->name);
        buf_add_slice(&text, value);
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "description");
    json_string(&w, slice_from_str(prompt->description));
    json_key(&w, "messages");
    json_begin_array(&w);
    write_message(&w, buf_slice(&text));
    json_end_array(&w);
    out.failed = out.failed || text.failed;
    mcp_result_end(mcp, &out, &w);
}

static void get_explain(struct mcp_call *mcp, const cJSON *arguments)
{
    answer(mcp, &api_mcp_prompts[0], explain_text, arguments);
}

static void get_approval(struct mcp_call *mcp, const cJSON *arguments)
{
    answer(mcp, &api_mcp_prompts[1], approval_text, arguments);
}

const struct mcp_prompt api_mcp_prompts[] = {
    {"explain_decision", "Explain a decision", "Explains a recorded decision to the person in front of you.", explain_arguments,
     get_explain},
    {"request_approval", "Request approval for an action",
     "Asks for permission before doing something, and waits for a human where one has to decide.", approval_arguments,
     get_approval},
};
const size_t api_mcp_prompt_count = sizeof api_mcp_prompts / sizeof *api_mcp_prompts;
