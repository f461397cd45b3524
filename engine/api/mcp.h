/*
 * The Model Context Protocol on POST /mcp, for both eras: 2026-07-28 (no handshake, everything in each request's _meta) and the
 * revisions that begin with `initialize`. Stateless: no sessions, every answer is one JSON document.
 *
 * A tool asks a REST resource (api_call.captured), so both doors give the same answers under the same rules.
 */
#ifndef EDICT_API_MCP_H
#define EDICT_API_MCP_H

#include "api/jsonrpc.h"

enum mcp_era { MCP_LEGACY, MCP_MODERN };

/* Error codes of 2026-07-28. */
enum {
    MCP_HEADER_MISMATCH = -32020,
    MCP_UNSUPPORTED_VERSION = -32022,
    MCP_LEGACY_RESOURCE_NOT_FOUND = -32002 /* of the older revisions */
};

/* One request, in its call's arena. */
struct mcp_call {
    struct jsonrpc_call rpc;
    enum mcp_era era;
    struct slice method;
    const cJSON *params; /* an object, or NULL */
    const struct mcp_tool *tool;
    struct slice uri; /* of the resource that is being read */
};

/* Answers a message with an id whose method is not governance/evaluate. */
void mcp_dispatch(struct jsonrpc_call *rpc, struct slice method, const cJSON *params);

/* ---- mcp_protocol.c: eras, headers, results ---- */

/* Finds the era and checks what it asks for; answers and returns false when something does not fit. */
bool mcp_check(struct mcp_call *mcp);
/* Begins {"jsonrpc","id","result":{ with what the era puts into every result; the caller adds members and calls mcp_result_end,
 * which answers. */
void mcp_result_begin(struct mcp_call *mcp, struct buf *out, struct json_writer *w);
void mcp_result_end(struct mcp_call *mcp, struct buf *out, struct json_writer *w);
/* For results that may be kept: ttlMs and cacheScope, in the modern era. `is_public`: the same for every caller. */
void mcp_result_cache(struct mcp_call *mcp, struct json_writer *w, int64_t ttl_ms, bool is_public);
void mcp_fail(struct mcp_call *mcp, int code, const char *message);
void mcp_discover(struct mcp_call *mcp);
void mcp_initialize(struct mcp_call *mcp);

/* ---- asking a resource ---- */
/* Turns the HTTP call into this one and hands it to `handle`; the answer goes to `answered`, with mcp_of(call) to go on.
 * `body` is JSON or empty. */
void mcp_ask(struct mcp_call *mcp, enum http_method method, struct slice path, struct slice query, struct slice body,
             void (*handle)(struct api_call *call), void (*answered)(struct api_call *call, int status, struct slice answer));
static inline struct mcp_call *mcp_of(struct api_call *call)
{
    return call->user;
}
/* Percent-encoded, for a segment or a value; in the call's arena. */
struct slice mcp_escape(struct mcp_call *mcp, struct slice text);

/* ---- tools, resources, prompts ---- */
void mcp_tools_list(struct mcp_call *mcp);
void mcp_tools_call(struct mcp_call *mcp);
void mcp_resources_list(struct mcp_call *mcp);
void mcp_resource_templates_list(struct mcp_call *mcp);
void mcp_resources_read(struct mcp_call *mcp);
void mcp_prompts_list(struct mcp_call *mcp);
void mcp_prompts_get(struct mcp_call *mcp);

/* Text for people and models from a resource's document. */
void mcp_render_decision(struct buf *out, const cJSON *decision);
void mcp_render_document(struct buf *out, const cJSON *document);

#endif
