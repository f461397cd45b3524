/* tools/list and tools/call. */
#include "api/mcp_tool.h"
#include "api/reply.h"
#include "base/text.h"

enum { TOOLS_TTL_MS = 3600000, NAME_SHOWN_MAX = 80 };

static bool may_use(const struct mcp_call *mcp, const struct mcp_tool *tool)
{
    return !tool->admin_only || mcp->rpc.call->role == API_ROLE_ADMIN;
}

/* ---- tools/list ---- */

static void write_input(struct json_writer *w, const struct mcp_tool *tool)
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

static void write_annotations(struct json_writer *w, const struct mcp_tool *tool)
{
    json_begin_object(w);
    json_key(w, "title");
    json_string(w, slice_from_str(tool->title));
    json_key(w, "readOnlyHint");
    json_bool(w, tool->read_only);
    json_key(w, "destructiveHint");
    json_bool(w, false);
    json_key(w, "idempotentHint");
    json_bool(w, tool->idempotent || tool->read_only);
    json_key(w, "openWorldHint");
    json_bool(w, false);
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
    write_input(w, tool);
    json_key(w, "outputSchema");
    json_raw(w, slice_from_str(tool->output));
    json_key(w, "annotations");
    write_annotations(w, tool);
    json_end_object(w);
}

/* One page holds all; which tools there are depends on the caller's role, and on nothing else. */
void mcp_tools_list(struct mcp_call *mcp)
{
    struct buf out;
    struct json_writer w;

    if (json_get(mcp->params, "cursor")) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/cursor: not a cursor of this list; it has one page");
        return;
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "tools");
    json_begin_array(&w);
    for (size_t i = 0; i < mcp_tool_count; i++) {
        if (may_use(mcp, &mcp_tools[i]))
            write_tool(&w, &mcp_tools[i]);
    }
    json_end_array(&w);
    mcp_result_cache(mcp, &w, TOOLS_TTL_MS, false);
    mcp_result_end(mcp, &out, &w);
}

/* ---- results ---- */

static void write_content(struct json_writer *w, struct slice text)
{
    json_key(w, "content");
    json_begin_array(w);
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, SLICE("text"));
    json_key(w, "text");
    json_string(w, text);
    json_end_object(w);
    json_end_array(w);
}

void mcp_tool_fail(struct mcp_call *mcp, struct slice message)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(mcp, &out, &w);
    write_content(&w, message);
    json_key(&w, "isError");
    json_bool(&w, true);
    mcp_result_end(mcp, &out, &w);
}

void mcp_tool_answered(struct api_call *call, int status, struct slice answer)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    struct mcp_call *mcp = mcp_of(call);
    struct buf out, text;
    struct json_writer w;
    struct error error;
    cJSON *document = NULL;

    call->captured = NULL;
    if (status >= 400 || json_parse(call->http->arena, answer, &limits, &document, &error) != STATUS_OK) {
        mcp_tool_fail(mcp, status >= 400 ? answer : SLICE("the answer could not be read; try again"));
        return;
    }
    buf_create(&text, call->http->arena);
    mcp->tool->render(&text, document);
    mcp_result_begin(mcp, &out, &w);
    write_content(&w, buf_slice(&text));
    json_key(&w, "structuredContent");
    json_raw(&w, answer);
    json_key(&w, "isError");
    json_bool(&w, false);
    out.failed = out.failed || text.failed;
    mcp_result_end(mcp, &out, &w);
}

/* ---- tools/call ---- */

static const struct mcp_tool *find_tool(const struct mcp_call *mcp, struct slice name)
{
    for (size_t i = 0; i < mcp_tool_count; i++) {
        if (slice_equal_str(name, mcp_tools[i].name) && may_use(mcp, &mcp_tools[i]))
            return &mcp_tools[i];
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

void mcp_tools_call(struct mcp_call *mcp)
{
    struct arena *arena = mcp->rpc.call->http->arena;
    const cJSON *arguments = json_get(mcp->params, "arguments");
    struct slice name = json_get_text(mcp->params, "name"), fault;

    mcp->tool = find_tool(mcp, name);
    if (!mcp->tool) {
        fault = arena_printf(arena, "Unknown tool: %.*s", (int)(name.size < NAME_SHOWN_MAX ? name.size : NAME_SHOWN_MAX),
                             name.data ? name.data : "");
        jsonrpc_fail(&mcp->rpc, 200, JSONRPC_INVALID_PARAMS, fault);
        return;
    }
    if (!arguments)
        arguments = json_new_object(arena);
    if (!cJSON_IsObject(arguments)) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/arguments: expected an object");
        return;
    }
    fault = check_arguments(arena, mcp->tool, arguments);
    if (fault.size > 0)
        mcp_tool_fail(mcp, fault);
    else
        mcp->tool->ask(mcp, arguments);
}
