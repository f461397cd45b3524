/* prompts/list and prompts/get: common questions, ready to send. */
#include "api/mcp.h"

enum { PROMPTS_TTL_MS = 3600000, PROMPT_ARGUMENTS_MAX = 3 };

struct argument {
    const char *name, *description;
    bool required;
};

struct prompt {
    const char *name, *title, *description;
    struct argument arguments[PROMPT_ARGUMENTS_MAX + 1];
    const char *before; /* the text, then a line for each argument given */
};

static const struct prompt prompts[] = {
    {"explain_decision",
     "Explain a decision",
     "Explains a recorded decision to the person in front of you.",
     {{"decision_id", "The decision's id", true}},
     "Use the tool explain_decision for the decision below. Then explain in plain words what was asked, what was decided, "
     "which rules decided it and on "
     "which facts, and what could be done instead."},
    {"request_approval",
     "Request approval for an action",
     "Asks for permission before doing something, and waits for a human where one has to decide.",
     {{"action", "What is to be done", true},
      {"reason", "Why", false},
      {"command", "The exact command, where there is one", false}},
     "Before doing what follows, call the tool evaluate_request with the operation, the exact command and the context. If the "
     "decision is approve, go "
     "ahead and report the outcome with report_outcome. If it is escalate, call wait_for_approval until a human has decided, "
     "then send the same request "
     "again. If it is deny, do not do it; tell me why and what the alternatives are."},
};
enum { PROMPT_COUNT = sizeof prompts / sizeof *prompts };

static void write_prompt(struct json_writer *w, const struct prompt *prompt)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, slice_from_str(prompt->name));
    json_key(w, "title");
    json_string(w, slice_from_str(prompt->title));
    json_key(w, "description");
    json_string(w, slice_from_str(prompt->description));
    json_key(w, "arguments");
    json_begin_array(w);
    for (const struct argument *argument = prompt->arguments; argument->name; argument++) {
        json_begin_object(w);
        json_key(w, "name");
        json_string(w, slice_from_str(argument->name));
        json_key(w, "description");
        json_string(w, slice_from_str(argument->description));
        json_key(w, "required");
        json_bool(w, argument->required);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void mcp_prompts_list(struct mcp_call *mcp)
{
    struct buf out;
    struct json_writer w;

    if (json_get(mcp->params, "cursor")) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/cursor: not a cursor of this list; it has one page");
        return;
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "prompts");
    json_begin_array(&w);
    for (size_t i = 0; i < PROMPT_COUNT; i++)
        write_prompt(&w, &prompts[i]);
    json_end_array(&w);
    mcp_result_cache(mcp, &w, PROMPTS_TTL_MS, true);
    mcp_result_end(mcp, &out, &w);
}

/* The prompt's text in the arena; empty after an answer that says what is missing. */
static struct slice fill(struct mcp_call *mcp, const struct prompt *prompt)
{
    const cJSON *given = json_get(mcp->params, "arguments");
    struct buf text;

    buf_create(&text, mcp->rpc.call->http->arena);
    buf_add_str(&text, prompt->before);
    buf_add_char(&text, '\n');
    for (const struct argument *argument = prompt->arguments; argument->name; argument++) {
        struct slice value = json_get_text(given, argument->name);

        if (value.size == 0 && argument->required) {
            jsonrpc_fail(&mcp->rpc, 200, JSONRPC_INVALID_PARAMS,
                         arena_printf(mcp->rpc.call->http->arena, "/params/arguments/%s: expected a text", argument->name));
            return (struct slice){0};
        }
        if (value.size > 0) {
            buf_printf(&text, "\n%s: ", argument->name);
            buf_add_slice(&text, value);
        }
    }
    return buf_slice(&text);
}

static void answer(struct mcp_call *mcp, const struct prompt *prompt, struct slice text)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "description");
    json_string(&w, slice_from_str(prompt->description));
    json_key(&w, "messages");
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "role");
    json_string(&w, SLICE("user"));
    json_key(&w, "content");
    json_begin_object(&w);
    json_key(&w, "type");
    json_string(&w, SLICE("text"));
    json_key(&w, "text");
    json_string(&w, text);
    json_end_object(&w);
    json_end_object(&w);
    json_end_array(&w);
    mcp_result_end(mcp, &out, &w);
}

void mcp_prompts_get(struct mcp_call *mcp)
{
    struct slice name = json_get_text(mcp->params, "name"), text;

    for (size_t i = 0; i < PROMPT_COUNT; i++) {
        if (!slice_equal_str(name, prompts[i].name))
            continue;
        text = fill(mcp, &prompts[i]);
        if (text.size > 0)
            answer(mcp, &prompts[i], text);
        return;
    }
    mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "Unknown prompt");
}
