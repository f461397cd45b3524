/* Which era a request is of, what it asks for, and how a client learns what there is. */
#include "mcp/internal.h"
#include "proto/base64.h"

#include <stdlib.h>

enum { DISCOVER_TTL_MS = 3600000 };

const char *const era_revisions[REVISION_COUNT] = {"2025-11-25", "2025-06-18", "2025-03-26"};

int era_revision(struct slice text)
{
    for (int i = 0; i < REVISION_COUNT; i++) {
        if (slice_equal_str(text, era_revisions[i]))
            return i;
    }
    return -1;
}

/* An empty object stands for forms: before 2025-11-25 there was nothing else. */
static bool can_elicit(const cJSON *elicitation)
{
    return cJSON_IsObject(elicitation) && (!elicitation->child || json_get(elicitation, "form"));
}

unsigned era_can(const cJSON *capabilities)
{
    return (can_elicit(json_get(capabilities, "elicitation")) ? MCP_CAN_ELICIT : 0U) |
           (json_get(capabilities, "sampling") ? MCP_CAN_SAMPLE : 0U) |
           (json_get(capabilities, "roots") ? MCP_CAN_LIST_ROOTS : 0U) |
           (json_get(json_get(capabilities, "extensions"), MCP_TASKS) ? MCP_CAN_TASKS : 0U);
}

static void write_versions(struct json_writer *w, bool modern)
{
    json_begin_array(w);
    if (modern)
        json_string(w, SLICE(MCP_NEWEST));
    for (size_t i = 0; i < REVISION_COUNT; i++)
        json_string(w, slice_from_str(era_revisions[i]));
    json_end_array(w);
}

static void fail_version(struct mcp_call *call, struct slice requested)
{
    struct buf data;
    struct json_writer w = {.out = &data};

    buf_create(&data, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "supported");
    write_versions(&w, true);
    json_key(&w, "requested");
    json_string(&w, requested);
    json_end_object(&w);
    mcp_fail_with(call, 400, MCP_UNSUPPORTED_VERSION, SLICE("Unsupported protocol version"), buf_slice(&data));
}

/* ---- the newest era ---- */

/* "=?base64?…?=" stands for text that a header cannot hold. False when it is damaged. */
static bool decode_header(struct arena *arena, struct slice value, struct slice *out)
{
    const struct slice prefix = SLICE("=?base64?"), suffix = SLICE("?=");
    struct slice text;
    size_t size;
    char *bytes;

    *out = value;
    if (!slice_starts_with(value, prefix) || !slice_ends_with(value, suffix) || value.size < prefix.size + suffix.size)
        return true;
    text = slice_sub(value, prefix.size, value.size - suffix.size);
    bytes = arena_alloc(arena, text.size + 1);
    if (!bytes || !base64_read(text, bytes, text.size, &size))
        return false;
    *out = slice_from(bytes, size);
    return true;
}

bool era_check_header(struct mcp_call *call, const char *name, struct slice wanted)
{
    struct http_call *http = call->http;
    struct slice value = {0}, decoded, message;
    size_t count = http_header_get(http, name, &value);

    if (count == 1 && decode_header(http->arena, value, &decoded) && slice_equal(decoded, wanted))
        return true;
    message = arena_printf(http->arena, "Header mismatch: %s %s", name,
                           count == 0  ? "is missing"
                           : count > 1 ? "is given more than once"
                                       : "differs from the body");
    mcp_fail_with(call, 400, MCP_HEADER_MISMATCH, message.data ? message : SLICE("Header mismatch"), (struct slice){0});
    return false;
}

/* The member of params that the header Mcp-Name repeats, or empty. */
static struct slice named_by(const struct mcp_call *call)
{
    if (slice_equal(call->method, SLICE("tools/call")) || slice_equal(call->method, SLICE("prompts/get")))
        return json_get_text(call->params, "name");
    if (slice_equal(call->method, SLICE("resources/read")))
        return json_get_text(call->params, "uri");
    if (slice_equal(call->method, SLICE("tasks/get")) || slice_equal(call->method, SLICE("tasks/update")) ||
        slice_equal(call->method, SLICE("tasks/cancel")))
        return json_get_text(call->params, "taskId");
    return (struct slice){0};
}

static bool check_modern(struct mcp_call *call, const cJSON *meta)
{
    struct slice version = json_get_text(meta, MCP_META "protocolVersion"), name = named_by(call);

    if (version.size == 0) {
        mcp_fail_with(call, 400, MCP_INVALID_PARAMS, SLICE("/params/_meta/" MCP_META "protocolVersion: expected a text"),
                      (struct slice){0});
        return false;
    }
    if (!era_check_header(call, "mcp-protocol-version", version))
        return false;
    if (!slice_equal(version, SLICE(MCP_NEWEST))) {
        fail_version(call, version);
        return false;
    }
    if (!cJSON_IsObject(json_get(meta, MCP_META "clientCapabilities"))) {
        mcp_fail_with(call, 400, MCP_INVALID_PARAMS, SLICE("/params/_meta/" MCP_META "clientCapabilities: expected an object"),
                      (struct slice){0});
        return false;
    }
    return era_check_header(call, "mcp-method", call->method) && (name.size == 0 || era_check_header(call, "mcp-name", name));
}

/* ---- the older era ---- */

/* The header names a revision that was agreed on; clients of 2025-03-26 send none. */
static bool check_legacy(struct mcp_call *call)
{
    struct slice version = {0};
    size_t count;

    if (slice_equal(call->method, SLICE("initialize")))
        return true;
    count = http_header_get(call->http, "mcp-protocol-version", &version);
    if (slice_equal(version, SLICE(MCP_NEWEST))) {
        mcp_fail_with(
            call, 400, MCP_INVALID_PARAMS,
            SLICE("/params/_meta: requests of " MCP_NEWEST " name " MCP_META "protocolVersion and clientCapabilities there"),
            (struct slice){0});
        return false;
    }
    if (count > 0 && (count > 1 || era_revision(version) < 0)) {
        fail_version(call, version);
        return false;
    }
    return call->has_session || session_check(call);
}

bool era_check(struct mcp_call *call)
{
    const cJSON *meta = json_get(call->params, "_meta");

    if (json_get(meta, MCP_META "protocolVersion") || json_get(meta, MCP_META "clientCapabilities")) {
        call->era = MCP_MODERN;
        return check_modern(call, meta);
    }
    call->era = MCP_LEGACY;
    return check_legacy(call);
}

/* ---- what the client can do ---- */

unsigned mcp_can(struct mcp_call *call)
{
    if (call->can_known)
        return call->can;
    call->can_known = 1;
    if (call->era == MCP_MODERN)
        call->can = era_can(json_get(json_get(call->params, "_meta"), MCP_META "clientCapabilities"));
    else if (!call->has_session || !mcp_can_stream(call))
        call->can = 0; /* there is no way to ask */
    return call->can;
}

/* ---- server/discover, initialize ---- */

static bool has_watchable(const struct mcp_description *description)
{
    for (size_t i = 0; i < description->resource_count; i++) {
        if (description->resources[i].may_watch)
            return true;
    }
    return false;
}

static void put_changing(struct json_writer *w, const char *name, bool changes)
{
    json_key(w, name);
    json_begin_object(w);
    if (changes) {
        json_key(w, "listChanged");
        json_bool(w, true);
    }
    json_end_object(w);
}

static void put_empty(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_raw(w, SLICE("{}"));
}

static void write_resources_capability(struct json_writer *w, bool watchable)
{
    json_key(w, "resources");
    json_begin_object(w);
    if (watchable) {
        json_key(w, "subscribe");
        json_bool(w, true);
    }
    json_end_object(w);
}

static void write_capabilities(struct json_writer *w, const struct mcp_description *description, bool modern)
{
    json_begin_object(w);
    if (description->complete)
        put_empty(w, "completions");
    if (modern && description->tasks) {
        json_key(w, "extensions");
        json_begin_object(w);
        put_empty(w, MCP_TASKS);
        json_end_object(w);
    }
    if (description->logs)
        put_empty(w, "logging");
    if (description->prompt_count > 0)
        put_changing(w, "prompts", description->prompts_change);
    if (description->resource_count > 0)
        write_resources_capability(w, has_watchable(description));
    if (description->tool_count > 0)
        put_changing(w, "tools", description->tools_change);
    json_end_object(w);
}

static void write_info(struct json_writer *w, const struct mcp_description *description)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, slice_from_str(description->name));
    json_key(w, "title");
    json_string(w, slice_from_str(description->title));
    json_key(w, "version");
    json_string(w, slice_from_str(description->version));
    json_end_object(w);
}

bool era_capabilities(struct mcp_server *server)
{
    struct buf info = {0}, legacy = {0}, modern = {0};

    write_info(&(struct json_writer){.out = &info}, server->description);
    write_capabilities(&(struct json_writer){.out = &legacy}, server->description, false);
    write_capabilities(&(struct json_writer){.out = &modern}, server->description, true);
    server->info = buf_slice(&info);
    server->capabilities = buf_slice(&legacy);
    server->modern_capabilities = buf_slice(&modern);
    return !info.failed && !legacy.failed && !modern.failed;
}

static void put_instructions(struct mcp_call *call, struct json_writer *w)
{
    const char *instructions = call->worker->server->description->instructions;

    if (!instructions)
        return;
    json_key(w, "instructions");
    json_string(w, slice_from_str(instructions));
}

void era_discover(struct mcp_call *call)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(call, &out, &w);
    json_key(&w, "supportedVersions");
    write_versions(&w, true);
    json_key(&w, "capabilities");
    json_raw(&w, call->worker->server->modern_capabilities);
    put_instructions(call, &w);
    mcp_result_cache(call, &w, DISCOVER_TTL_MS, true);
    mcp_result_end(call, &out, &w);
}

/* A session begins: its id says what the client can do, and costs nothing here until it subscribes or listens. */
void era_initialize(struct mcp_call *call)
{
    struct slice version = json_get_text(call->params, "protocolVersion");
    struct http_header session = {SLICE("Mcp-Session-Id"), {0}};
    int revision = era_revision(version);
    struct buf out;
    struct json_writer w;

    if (version.size == 0) {
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/protocolVersion: expected a text"));
        return;
    }
    if (call->sink) {
        mcp_fail(call, MCP_INVALID_REQUEST, SLICE("initialize: not in a batch"));
        return;
    }
    revision = revision < 0 ? REVISION_2025_11_25 : revision;
    session.value = session_issue(call, era_can(json_get(call->params, "capabilities")), revision);
    mcp_result_begin(call, &out, &w);
    json_key(&w, "protocolVersion");
    json_string(&w, slice_from_str(era_revisions[revision]));
    json_key(&w, "capabilities");
    json_raw(&w, call->worker->server->capabilities);
    put_instructions(call, &w);
    json_key(&w, "serverInfo");
    json_raw(&w, call->worker->server->info);
    json_end_object(&w);
    json_end_object(&w);
    result_send(call, 200, &out, session.value.size > 0 ? &session : NULL);
}
