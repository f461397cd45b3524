/* resources/list, templates, read, and the older era's subscribe. */
#include "mcp/internal.h"

static bool is_template(const struct mcp_resource *resource)
{
    return strchr(resource->uri, '{') != NULL;
}

static bool may_read(const struct mcp_call *call, const struct mcp_resource *resource)
{
    return !resource->may_read || resource->may_read(call);
}

/* ---- lists ---- */

static void write_resource(struct json_writer *w, const struct mcp_resource *resource)
{
    json_begin_object(w);
    json_key(w, is_template(resource) ? "uriTemplate" : "uri");
    json_string(w, slice_from_str(resource->uri));
    json_key(w, "name");
    json_string(w, slice_from_str(resource->name));
    json_key(w, "title");
    json_string(w, slice_from_str(resource->title));
    json_key(w, "description");
    json_string(w, slice_from_str(resource->description));
    json_key(w, "mimeType");
    json_string(w, slice_from_str(resource->mime));
    json_end_object(w);
}

static void list(struct mcp_call *call, const char *member, bool templates)
{
    const struct mcp_description *description = call->worker->server->description;
    struct buf out;
    struct json_writer w;

    if (result_refuse_cursor(call))
        return;
    mcp_result_begin(call, &out, &w);
    json_key(&w, member);
    json_begin_array(&w);
    for (size_t i = 0; i < description->resource_count; i++) {
        const struct mcp_resource *resource = &description->resources[i];

        if (may_read(call, resource) && is_template(resource) == templates)
            write_resource(&w, resource);
    }
    json_end_array(&w);
    mcp_result_cache(call, &w, 0, false);
    mcp_result_end(call, &out, &w);
}

void resources_list(struct mcp_call *call)
{
    list(call, "resources", false);
}

void resources_templates(struct mcp_call *call)
{
    list(call, "resourceTemplates", true);
}

/* ---- which one ---- */

static bool value_is_plain(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];

        if (c == '/' || c == '?' || c == '#' || c == '%' || (unsigned char)c <= ' ')
            return false;
    }
    return value.size > 0;
}

/* A template has one variable. */
static bool fits(const struct mcp_resource *resource, struct slice uri, struct slice *id)
{
    struct slice pattern = slice_from_str(resource->uri), before, after;
    size_t open = slice_find(pattern, '{', 0), close;

    *id = (struct slice){0};
    if (open == SIZE_MAX)
        return slice_equal(pattern, uri);
    close = slice_find(pattern, '}', open);
    before = slice_sub(pattern, 0, open);
    after = slice_sub(pattern, close + 1, SIZE_MAX);
    if (uri.size <= before.size + after.size || !slice_starts_with(uri, before) || !slice_ends_with(uri, after))
        return false;
    *id = slice_sub(uri, before.size, uri.size - after.size);
    return value_is_plain(*id);
}

const struct mcp_resource *resources_find(struct mcp_call *call, struct slice uri, struct slice *id)
{
    const struct mcp_description *description = call->worker->server->description;

    for (size_t i = 0; i < description->resource_count; i++) {
        if (fits(&description->resources[i], uri, id) && may_read(call, &description->resources[i]))
            return &description->resources[i];
    }
    return NULL;
}

bool resources_may_watch(struct mcp_call *call, struct slice uri)
{
    const struct mcp_resource *resource = uri.size <= MCP_URI_MAX ? resources_find(call, uri, &call->uri_id) : NULL;

    call->uri = uri;
    call->resource = resource;
    return resource && resource->may_watch && resource->may_watch(call);
}

/* ---- resources/read ---- */

void mcp_fail_not_found(struct mcp_call *call)
{
    struct buf data;
    struct json_writer w = {.out = &data};

    buf_create(&data, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "uri");
    json_string(&w, call->uri);
    json_end_object(&w);
    mcp_fail_with(call, 200, call->era == MCP_LEGACY ? MCP_LEGACY_RESOURCE_NOT_FOUND : MCP_INVALID_PARAMS,
                  SLICE("Resource not found"), data.failed ? (struct slice){0} : buf_slice(&data));
}

void mcp_answer_resource(struct mcp_call *call, struct slice text)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(call, &out, &w);
    json_key(&w, "contents");
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "uri");
    json_string(&w, call->uri);
    json_key(&w, "mimeType");
    json_string(&w, slice_from_str(call->resource->mime));
    json_key(&w, "text");
    json_string(&w, text);
    json_end_object(&w);
    json_end_array(&w);
    mcp_result_cache(call, &w, 0, false);
    mcp_result_end(call, &out, &w);
}

static bool take_uri(struct mcp_call *call)
{
    call->uri = json_get_text(call->params, "uri");
    if (call->uri.size > 0)
        return true;
    mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/uri: expected a text"));
    return false;
}

void resources_read(struct mcp_call *call)
{
    if (!take_uri(call))
        return;
    call->resource = resources_find(call, call->uri, &call->uri_id);
    if (!call->resource) {
        mcp_fail_not_found(call);
        return;
    }
    call->again = call->resource->read;
    call->resource->read(call);
}

/* ---- resources/subscribe ---- */

void resources_subscribe(struct mcp_call *call)
{
    if (!take_uri(call))
        return;
    if (!resources_may_watch(call, call->uri))
        mcp_fail_not_found(call);
    else if (!call->has_session)
        mcp_fail(call, MCP_INVALID_REQUEST, SLICE("a subscription needs the session that initialize gave (Mcp-Session-Id)"));
    else if (!session_subscribe(call, call->uri))
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/uri: a session subscribes to at most 64 resources"));
    else
        mcp_answer_empty(call);
}

void resources_unsubscribe(struct mcp_call *call)
{
    if (!take_uri(call))
        return;
    if (call->has_session)
        session_unsubscribe(call, call->uri);
    mcp_answer_empty(call);
}
