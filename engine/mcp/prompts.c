/* prompts/list, prompts/get, completion/complete. */
#include "mcp/internal.h"

static void write_arguments(struct json_writer *w, const struct mcp_prompt *prompt)
{
    json_begin_array(w);
    for (const struct mcp_argument *argument = prompt->arguments; argument && argument->name; argument++) {
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
}

static void write_prompt(struct json_writer *w, const struct mcp_prompt *prompt)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, slice_from_str(prompt->name));
    json_key(w, "title");
    json_string(w, slice_from_str(prompt->title));
    json_key(w, "description");
    json_string(w, slice_from_str(prompt->description));
    json_key(w, "arguments");
    write_arguments(w, prompt);
    json_end_object(w);
}

void prompts_list(struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;
    struct buf out;
    struct json_writer w;

    if (result_refuse_cursor(call))
        return;
    mcp_result_begin(call, &out, &w);
    json_key(&w, "prompts");
    json_begin_array(&w);
    for (size_t i = 0; i < description->prompt_count; i++)
        write_prompt(&w, &description->prompts[i]);
    json_end_array(&w);
    mcp_result_cache(call, &w, description->list_ttl_ms, true);
    mcp_result_end(call, &out, &w);
}

/* ---- prompts/get ---- */

static const struct mcp_prompt *find_prompt(const struct mcp_call *call, struct slice name)
{
    const struct mcp_description *description = call->worker->server->description;

    for (size_t i = 0; i < description->prompt_count; i++) {
        if (slice_equal_str(name, description->prompts[i].name))
            return &description->prompts[i];
    }
    return NULL;
}

static bool check_arguments(struct mcp_call *call, const struct mcp_prompt *prompt, const cJSON *given)
{
    for (const struct mcp_argument *argument = prompt->arguments; argument && argument->name; argument++) {
        const cJSON *value = json_get(given, argument->name);

        if (value ? cJSON_IsString(value) && (!argument->required || json_text(value).size > 0) : !argument->required)
            continue;
        mcp_fail(call, MCP_INVALID_PARAMS,
                 arena_printf(call->http->arena, "/params/arguments/%s: expected a text", argument->name));
        return false;
    }
    return true;
}

static void get_again(struct mcp_call *call)
{
    find_prompt(call, json_get_text(call->params, "name"))->get(call, json_get(call->params, "arguments"));
}

void prompts_get(struct mcp_call *call)
{
    const struct mcp_prompt *prompt = find_prompt(call, json_get_text(call->params, "name"));
    const cJSON *arguments = json_get(call->params, "arguments");

    call->again = get_again;
    if (!prompt)
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("Unknown prompt"));
    else if (check_arguments(call, prompt, arguments))
        prompt->get(call, arguments);
}

/* ---- completion/complete ---- */

void prompts_complete(struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;
    const cJSON *reference = json_get(call->params, "ref"), *argument = json_get(call->params, "argument");

    if (!description->complete)
        mcp_fail(call, MCP_METHOD_NOT_FOUND, SLICE("Method not found"));
    else if (!cJSON_IsObject(reference) || !cJSON_IsString(json_get(argument, "name")) ||
             !cJSON_IsString(json_get(argument, "value")))
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params: expected ref, and argument with name and value"));
    else
        description->complete(call, reference, json_get_text(argument, "name"), json_get_text(argument, "value"));
}

void mcp_answer_completion(struct mcp_call *call, const struct slice *values, size_t count)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(call, &out, &w);
    json_key(&w, "completion");
    json_begin_object(&w);
    json_key(&w, "values");
    json_begin_array(&w);
    for (size_t i = 0; i < count && i < 100; i++)
        json_string(&w, values[i]);
    json_end_array(&w);
    json_key(&w, "hasMore");
    json_bool(&w, count > 100);
    json_end_object(&w);
    mcp_result_end(call, &out, &w);
}
