#include "api/mcp.h"

#include "api/reply.h"
#include "ledger/base64.h"

#define MCP_META "io.modelcontextprotocol/"
#define MCP_NEWEST "2026-07-28"

enum { MCP_NAME_MAX = 1024, MCP_DISCOVER_TTL_MS = 3600000 };

/* Those that begin with `initialize`, newest first. */
static const char *const legacy_versions[] = {"2025-11-25", "2025-06-18", "2025-03-26"};
enum { LEGACY_COUNT = sizeof legacy_versions / sizeof *legacy_versions };

static const char instructions[] =
    "Edict decides whether an agent's action may go ahead. Before doing anything that changes, deletes, deploys, spends or "
    "reads "
    "something sensitive, call evaluate_request with who you are, the operation, the exact command where there is one, and the "
    "context. approve: go ahead. escalate: wait for a human (wait_for_approval with the escalation's id), then send the same "
    "request again. deny: do not do it; the answer says what to do instead. Report what happened with report_outcome. Say who "
    "you "
    "are by agent_identity, by the header Edict-Agent, or by ?agent_identity= in the server's address.";

void mcp_fail(struct mcp_call *mcp, int code, const char *message)
{
    int status = mcp->era == MCP_LEGACY             ? 200
                 : code == JSONRPC_METHOD_NOT_FOUND ? 404
                 : code == JSONRPC_INTERNAL_ERROR   ? 500
                                                    : 200;

    jsonrpc_fail(&mcp->rpc, status, code, slice_from_str(message));
}

/* ---- the modern era's checks ---- */

static void fail_version(struct mcp_call *mcp, struct slice requested)
{
    struct buf data;
    struct json_writer w = {.out = &data};

    buf_create(&data, mcp->rpc.call->http->arena);
    json_begin_object(&w);
    json_key(&w, "supported");
    json_begin_array(&w);
    json_string(&w, SLICE(MCP_NEWEST));
    for (size_t i = 0; i < LEGACY_COUNT; i++)
        json_string(&w, slice_from_str(legacy_versions[i]));
    json_end_array(&w);
    json_key(&w, "requested");
    json_string(&w, requested);
    json_end_object(&w);
    jsonrpc_fail_with(&mcp->rpc, 400, MCP_UNSUPPORTED_VERSION, SLICE("Unsupported protocol version"), buf_slice(&data));
}

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

/* Answers and returns false when the header is not there once with that value. */
static bool check_header(struct mcp_call *mcp, const char *name, struct slice wanted)
{
    struct http_call *http = mcp->rpc.call->http;
    struct slice value = {0}, decoded;
    size_t count = http_header_get(http, name, &value);
    struct slice message;

    if (count == 1 && decode_header(http->arena, value, &decoded) && slice_equal(decoded, wanted))
        return true;
    message = arena_printf(http->arena, "Header mismatch: %s %s", name,
                           count == 0  ? "is missing"
                           : count > 1 ? "is given more than once"
                                       : "differs from the body");
    jsonrpc_fail(&mcp->rpc, 400, MCP_HEADER_MISMATCH, message.data ? message : SLICE("Header mismatch"));
    return false;
}

/* The member of params that the header Mcp-Name repeats, or empty. */
static struct slice named_by(const struct mcp_call *mcp)
{
    if (slice_equal(mcp->method, SLICE("tools/call")) || slice_equal(mcp->method, SLICE("prompts/get")))
        return json_get_text(mcp->params, "name");
    if (slice_equal(mcp->method, SLICE("resources/read")))
        return json_get_text(mcp->params, "uri");
    return (struct slice){0};
}

static bool check_modern(struct mcp_call *mcp, const cJSON *meta)
{
    struct slice version = json_get_text(meta, MCP_META "protocolVersion"), name = named_by(mcp);

    if (version.size == 0) {
        jsonrpc_fail(&mcp->rpc, 400, JSONRPC_INVALID_PARAMS,
                     SLICE("/params/_meta/" MCP_META "protocolVersion: expected a text"));
        return false;
    }
    if (!check_header(mcp, "mcp-protocol-version", version))
        return false;
    if (!slice_equal(version, SLICE(MCP_NEWEST))) {
        fail_version(mcp, version);
        return false;
    }
    if (!cJSON_IsObject(json_get(meta, MCP_META "clientCapabilities"))) {
        jsonrpc_fail(&mcp->rpc, 400, JSONRPC_INVALID_PARAMS,
                     SLICE("/params/_meta/" MCP_META "clientCapabilities: expected an object"));
        return false;
    }
    return check_header(mcp, "mcp-method", mcp->method) && (name.size == 0 || check_header(mcp, "mcp-name", name));
}

/* ---- the older era's ---- */

static bool legacy_is_known(struct slice version)
{
    for (size_t i = 0; i < LEGACY_COUNT; i++) {
        if (slice_equal_str(version, legacy_versions[i]))
            return true;
    }
    return false;
}

/* The header names a revision that was agreed on; clients of 2025-03-26 send none. */
static bool check_legacy(struct mcp_call *mcp)
{
    struct slice version = {0};
    size_t count = http_header_get(mcp->rpc.call->http, "mcp-protocol-version", &version);

    if (count == 0 || slice_equal(mcp->method, SLICE("initialize")))
        return true;
    if (slice_equal(version, SLICE(MCP_NEWEST))) {
        jsonrpc_fail(
            &mcp->rpc, 400, JSONRPC_INVALID_PARAMS,
            SLICE("/params/_meta: requests of " MCP_NEWEST " name " MCP_META "protocolVersion and clientCapabilities there"));
        return false;
    }
    if (count == 1 && legacy_is_known(version))
        return true;
    fail_version(mcp, version);
    return false;
}

bool mcp_check(struct mcp_call *mcp)
{
    const cJSON *meta = json_get(mcp->params, "_meta");

    if (json_get(meta, MCP_META "protocolVersion") || json_get(meta, MCP_META "clientCapabilities")) {
        mcp->era = MCP_MODERN;
        return check_modern(mcp, meta);
    }
    mcp->era = MCP_LEGACY;
    return check_legacy(mcp);
}

/* ---- results ---- */

static void write_server_info(struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, SLICE("edict"));
    json_key(w, "title");
    json_string(w, SLICE("Edict policy decision point"));
    json_key(w, "version");
    json_string(w, SLICE(EDICT_VERSION));
    json_end_object(w);
}

void mcp_result_begin(struct mcp_call *mcp, struct buf *out, struct json_writer *w)
{
    buf_create(out, mcp->rpc.call->http->arena);
    *w = (struct json_writer){.out = out};
    json_begin_object(w);
    json_key(w, "jsonrpc");
    json_string(w, SLICE("2.0"));
    jsonrpc_write_id(w, mcp->rpc.call->http->arena, mcp->rpc.id);
    json_key(w, "result");
    json_begin_object(w);
    if (mcp->era == MCP_LEGACY)
        return;
    json_key(w, "resultType");
    json_string(w, SLICE("complete"));
    json_key(w, "_meta");
    json_begin_object(w);
    json_key(w, MCP_META "serverInfo");
    write_server_info(w);
    json_end_object(w);
}

void mcp_result_end(struct mcp_call *mcp, struct buf *out, struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
    reply_json(mcp->rpc.call, 200, out);
}

void mcp_result_cache(struct mcp_call *mcp, struct json_writer *w, int64_t ttl_ms, bool is_public)
{
    if (mcp->era == MCP_LEGACY)
        return;
    json_key(w, "ttlMs");
    json_i64(w, ttl_ms);
    json_key(w, "cacheScope");
    json_string(w, is_public ? SLICE("public") : SLICE("private"));
}

/* ---- server/discover, initialize ---- */

static void write_capabilities(struct json_writer *w)
{
    json_key(w, "capabilities");
    json_raw(w, SLICE("{\"prompts\":{},\"resources\":{},\"tools\":{}}"));
    json_key(w, "instructions");
    json_string(w, SLICE(instructions));
}

void mcp_discover(struct mcp_call *mcp)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "supportedVersions");
    json_begin_array(&w);
    json_string(&w, SLICE(MCP_NEWEST));
    for (size_t i = 0; i < LEGACY_COUNT; i++)
        json_string(&w, slice_from_str(legacy_versions[i]));
    json_end_array(&w);
    write_capabilities(&w);
    mcp_result_cache(mcp, &w, MCP_DISCOVER_TTL_MS, true);
    mcp_result_end(mcp, &out, &w);
}

void mcp_initialize(struct mcp_call *mcp)
{
    struct slice version = json_get_text(mcp->params, "protocolVersion");
    struct buf out;
    struct json_writer w;

    if (version.size == 0) {
        mcp_fail(mcp, JSONRPC_INVALID_PARAMS, "/params/protocolVersion: expected a text");
        return;
    }
    mcp_result_begin(mcp, &out, &w);
    json_key(&w, "protocolVersion");
    json_string(&w, legacy_is_known(version) ? version : slice_from_str(legacy_versions[0]));
    write_capabilities(&w);
    json_key(&w, "serverInfo");
    write_server_info(&w);
    mcp_result_end(mcp, &out, &w);
}
