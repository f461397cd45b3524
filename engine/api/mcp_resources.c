/* resources/list, resources/templates/list, resources/read: what REST shows, under edict:// URIs. */
#include "api/access.h"
#include "api/mcp.h"
#include "api/reply.h"

enum { RESOURCES_TTL_MS = 0 };

struct resource {
    const char *prefix; /* of the URI; what follows is an id, nothing for a resource of one */
    const char *name, *title, *description;
    const char *path; /* of the REST resource, before the id */
    bool admin_only;
    void (*handle)(struct api_call *call);
};

static const struct resource resources[] = {
    {"edict://agents/", "agent", "An agent", "Manifest, usage and budget of an agent.", "/v1/agents/", true, api_agents_show},
    {"edict://decisions/", "decision", "A decision", "A recorded decision: request, facts, rationale, rules and outcome.",
     "/v1/decisions/", false, api_decisions_show},
    {"edict://escalations/", "escalation", "An escalation", "A request that waits for a human, or was resolved.",
     "/v1/escalations/", false, api_escalations_show},
    {"edict://policies", "policies", "Active policies", "The active policy revision and its rules.", "/v1/policies", true,
     api_policies_list},
};
enum { RESOURCE_COUNT = sizeof resources / sizeof *resources };

static bool is_template(const struct resource *resource)
{
    return resource->prefix[strlen(resource->prefix) - 1] == '/';
}

static bool may_read(const struct mcp_call *mcp, const struct resource *resource)
{
    return !resource->admin_only || mcp->rpc.call->role == API_ROLE_ADMIN;
}

static void write_resource(struct json_writer *w, const struct resource *resource)
{
    json_begin_object(w);
    json_key(w, is_template(resource) ? "uriTemplate" : "uri");
    buf_add_char(w->out, '"');
    buf_add_str(w->out, resource->prefix);
    buf_add_str(w->out, is_template(resource) ? "{id}\"" : "\"");
    w->comma = true;
    json_key(w, "name");
    json_string(w, slice_from_str(resource->name));
    json_key(w, "title");
    json_string(w, slice_from_str(resource->title));
    json_key(w, "description");
    json_string(w, slice_from_str(resource->description));
    json_key(w, "mimeType");
    json_string(w, SLICE("application/json"));
    json_end_object(w);
}

static void list(struct mcp_call *mcp, const char *member, bool templates)
{
    struct buf out;
    struct json_writer w;

    if (json_get(mcp->params, "cursor")) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/cursor: not a cursor of this list; it has one page");
        return;
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, member);
    json_begin_array(&w);
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        if (may_read(mcp, &resources[i]) && is_template(&resources[i]) == templates)
            write_resource(&w, &resources[i]);
    }
    json_end_array(&w);
    mcp_result_cache(mcp, &w, RESOURCES_TTL_MS, false);
    mcp_result_end(mcp, &out, &w);
}

void mcp_resources_list(struct mcp_call *mcp)
{
    list(mcp, "resources", false);
}

void mcp_resource_templates_list(struct mcp_call *mcp)
{
    list(mcp, "resourceTemplates", true);
}

/* ---- resources/read ---- */

static void fail_not_found(struct mcp_call *mcp)
{
    struct buf data;
    struct json_writer w = {.out = &data};

    buf_create(&data, mcp->rpc.call->http->arena);
    json_begin_object(&w);
    json_key(&w, "uri");
    json_string(&w, mcp->uri);
    json_end_object(&w);
    jsonrpc_fail_with(&mcp->rpc, 200, mcp->era == MCP_LEGACY ? MCP_LEGACY_RESOURCE_NOT_FOUND : JSONRPC_INVALID_PARAMS,
                      SLICE("Resource not found"), buf_slice(&data));
}

static void read_answered(struct api_call *call, int status, struct slice answer)
{
    struct mcp_call *mcp = mcp_of(call);
    struct buf out;
    struct json_writer w;

    call->captured = NULL;
    if (status >= 400 && status < 500) {
        fail_not_found(mcp);
        return;
    }
    if (status >= 500) {
        jsonrpc_fail(&mcp->rpc, mcp->era == MCP_LEGACY ? 200 : 500, JSONRPC_INTERNAL_ERROR, answer);
        return;
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "contents");
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "uri");
    json_string(&w, mcp->uri);
    json_key(&w, "mimeType");
    json_string(&w, SLICE("application/json"));
    json_key(&w, "text");
    json_string(&w, answer);
    json_end_object(&w);
    json_end_array(&w);
    mcp_result_cache(mcp, &w, RESOURCES_TTL_MS, false);
    mcp_result_end(mcp, &out, &w);
}

/* The id, percent-decoded by the resource's own path. */
static bool id_is_valid(struct slice id)
{
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] == '/' || id.data[i] == '?' || id.data[i] == '#' || (unsigned char)id.data[i] <= ' ' ||
            id.data[i] == '%')
            return false;
    }
    return id.size > 0;
}

void mcp_resources_read(struct mcp_call *mcp)
{
    mcp->uri = json_get_text(mcp->params, "uri");
    if (mcp->uri.size == 0) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/uri: expected a text");
        return;
    }
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        const struct resource *resource = &resources[i];
        struct slice prefix = slice_from_str(resource->prefix), id;

        if (!slice_starts_with(mcp->uri, prefix) || !may_read(mcp, resource))
            continue;
        id = slice_sub(mcp->uri, prefix.size, SIZE_MAX);
        if (is_template(resource) ? !id_is_valid(id) : id.size > 0)
            continue;
        mcp_ask(mcp, HTTP_METHOD_GET,
                arena_printf(mcp->rpc.call->http->arena, "%s%.*s", resource->path, SLICE_ARG(mcp_escape(mcp, id))),
                (struct slice){0}, (struct slice){0}, resource->handle, read_answered);
        return;
    }
    fail_not_found(mcp);
}
