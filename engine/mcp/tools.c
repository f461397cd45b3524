/* tools/list and tools/call. */
#include "base/text.h"
#include "mcp/internal.h"

static bool may_use(const struct mcp_call *call, const struct mcp_tool *tool)
{
    return !tool->may_use || tool->may_use(call);
}

/* ---- tools/list ---- */

static void write_parameters(struct json_writer *w, const struct mcp_tool *tool)
{
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, SLICE("object"));
    json_key(w, "properties");
    json_begin_object(w);
    for (const struct mcp_parameter *parameter = tool->parameters; parameter->name; parameter++) {
        json_key(w, parameter->name);
        buf_add_char(w->out, '{');
        buf_add_str(w->out, parameter->schema);
        buf_add_char(w->out, '}');
        w->comma = true;
    }
    json_end_object(w);
    json_key(w, "required");
    json_begin_array(w);
    for (const struct mcp_parameter *parameter = tool->parameters; parameter->name; parameter++) {
        if (parameter->required)
            json_string(w, slice_from_str(parameter->name));
    }
    json_end_array(w);
    json_key(w, "additionalProperties");
    json_bool(w, false);
    json_end_object(w);
}

static void put_flag(struct json_writer *w, const char *name, bool value)
{
    json_key(w, name);
    json_bool(w, value);
}

static void write_annotations(struct json_writer *w, const struct mcp_tool *tool)
{
    json_begin_object(w);
    json_key(w, "title");
    json_string(w, slice_from_str(tool->title));
    put_flag(w, "readOnlyHint", tool->read_only);
    put_flag(w, "destructiveHint", tool->destructive);
    put_flag(w, "idempotentHint", tool->idempotent || tool->read_only);
    put_flag(w, "openWorldHint", tool->open_world);
    json_end_object(w);
}

static void write_tool(struct json_writer *w, const struct mcp_tool *tool)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, slice_from_str(tool->name));
    json_key(w, "title");
    json_string(w, slice_from_str(tool->title));
    json_key(w, "description");
    json_string(w, slice_from_str(tool->description));
    json_key(w, "inputSchema");
    if (tool->parameters)
        write_parameters(w, tool);
    else
        json_raw(w, slice_from_str(tool->input));
    if (tool->output) {
        json_key(w, "outputSchema");
        json_raw(w, slice_from_str(tool->output));
    }
    json_key(w, "annotations");
    write_annotations(w, tool);
    json_end_object(w);
}

/* One page holds all; which tools there are depends on who calls, and on nothing else. */
void tools_list(struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;
    struct buf out;
    struct json_writer w;

    if (result_refuse_cursor(call))
        return;
    mcp_result_begin(call, &out, &w);
    json_key(&w, "tools");
    json_begin_array(&w);
    for (size_t i = 0; i < description->tool_count; i++) {
        if (may_use(call, &description->tools[i]))
            write_tool(&w, &description->tools[i]);
    }
    json_end_array(&w);
    mcp_result_cache(call, &w, description->list_ttl_ms, false);
    mcp_result_end(call, &out, &w);
}

/* ---- tools/call ---- */

static const struct mcp_tool *find_tool(const struct mcp_call *call, struct slice name)
{
    const struct mcp_description *description = call->worker->server->description;

    for (size_t i = 0; i < description->tool_count; i++) {
        if (slice_equal_str(name, description->tools[i].name) && may_use(call, &description->tools[i]))
            return &description->tools[i];
    }
    return NULL;
}

static bool type_fits(const cJSON *value, enum mcp_type type)
{
    int64_t number;

    switch (type) {
    case MCP_TEXT:
        return cJSON_IsString(value);
    case MCP_INTEGER:
        return json_is_integer(value, &number);
    case MCP_BOOLEAN:
        return cJSON_IsBool(value);
    case MCP_OBJECT:
        return cJSON_IsObject(value);
    default:
        return true;
    }
}

static const struct mcp_parameter *find_parameter(const struct mcp_tool *tool, const char *name)
{
    for (const struct mcp_parameter *parameter = tool->parameters; parameter->name; parameter++) {
        if (strcmp(parameter->name, name) == 0)
            return parameter;
    }
    return NULL;
}

static struct slice unknown_argument(struct arena *arena, const struct mcp_tool *tool, const char *name)
{
    const char *best = NULL;
    unsigned best_distance = 4;

    for (const struct mcp_parameter *parameter = tool->parameters; parameter->name; parameter++) {
        unsigned distance = text_distance(slice_from_str(name), slice_from_str(parameter->name), 3);

        if (distance < best_distance) {
            best_distance = distance;
            best = parameter->name;
        }
    }
    return arena_printf(arena, "/%.*s: %s takes no such argument%s%s%s", NAME_SHOWN_MAX, name, tool->name,
                        best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
}

/* What does not fit the tool's schema, or empty. */
static struct slice check_arguments(struct arena *arena, const struct mcp_tool *tool, const cJSON *arguments)
{
    static const char *const types[] = {"a text", "an integer", "true or false", "an object", ""};
    const cJSON *member;

    cJSON_ArrayForEach(member, arguments)
    {
        const struct mcp_parameter *parameter = find_parameter(tool, member->string);

        if (!parameter)
            return unknown_argument(arena, tool, member->string);
        if (!type_fits(member, parameter->type))
            return arena_printf(arena, "/%s: expected %s", parameter->name, types[parameter->type]);
    }
    for (const struct mcp_parameter *parameter = tool->parameters; parameter->name; parameter++) {
        if (parameter->required && !json_get(arguments, parameter->name))
            return arena_printf(arena, "/%s: is missing; %s needs it", parameter->name, tool->name);
    }
    return (struct slice){0};
}

/* Intermediaries route by such headers: they must say what the body says. Answers and returns false otherwise. */
static bool check_headers(struct mcp_call *call, const cJSON *arguments)
{
    const struct mcp_parameter *parameter = call->tool->parameters;

    for (; call->era == MCP_MODERN && parameter && parameter->name; parameter++) {
        const cJSON *value = json_get(arguments, parameter->name);
        struct buf text;

        if (!parameter->header || !value)
            continue;
        buf_create(&text, call->http->arena);
        if (cJSON_IsString(value))
            buf_add_slice(&text, json_text(value));
        else
            json_write(&text, value);
        if (!era_check_header(call, parameter->header, buf_slice(&text)))
            return false;
    }
    return true;
}

static const cJSON *arguments_of(struct mcp_call *call)
{
    const cJSON *arguments = json_get(call->params, "arguments");

    return arguments ? arguments : json_new_object(call->http->arena);
}

static void run_again(struct mcp_call *call)
{
    call->tool->run(call, arguments_of(call));
}

static void fail_unknown(struct mcp_call *call, struct slice name)
{
    mcp_fail(call, MCP_INVALID_PARAMS,
             arena_printf(call->http->arena, "Unknown tool: %.*s",
                          (int)(name.size < NAME_SHOWN_MAX ? name.size : NAME_SHOWN_MAX), name.data ? name.data : ""));
}

void tools_call(struct mcp_call *call)
{
    const cJSON *arguments = arguments_of(call);
    struct slice name = json_get_text(call->params, "name"), fault = {0};

    call->tool = find_tool(call, name);
    call->again = run_again;
    if (!call->tool) {
        fail_unknown(call, name);
        return;
    }
    if (!cJSON_IsObject(arguments)) {
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/arguments: expected an object"));
        return;
    }
    if (call->tool->tasks == MCP_TASK_ALWAYS && !(mcp_can(call) & MCP_CAN_TASKS)) {
        mcp_fail_capability(call, "{\"extensions\":{\"" MCP_TASKS "\":{}}}");
        return;
    }
    if (!check_headers(call, arguments))
        return;
    if (call->tool->parameters)
        fault = check_arguments(call->http->arena, call->tool, arguments);
    if (fault.size > 0)
        mcp_answer_tool(call, fault, (struct slice){0}, true);
    else
        call->tool->run(call, arguments);
}
