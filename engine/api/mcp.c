#include "api/mcp.h"

#include "api/reply.h"

/* Which methods there are, in which era. */
static const struct {
    const char *method;
    bool legacy, modern;
    void (*handle)(struct mcp_call *mcp);
} methods[] = {
    {"server/discover", false, true, mcp_discover},     {"initialize", true, false, mcp_initialize},
    {"tools/list", true, true, mcp_tools_list},         {"tools/call", true, true, mcp_tools_call},
    {"resources/list", true, true, mcp_resources_list}, {"resources/templates/list", true, true, mcp_resource_templates_list},
    {"resources/read", true, true, mcp_resources_read}, {"prompts/list", true, true, mcp_prompts_list},
    {"prompts/get", true, true, mcp_prompts_get},
};

static void answer_ping(struct mcp_call *mcp)
{
    struct buf out;
    struct json_writer w;

    mcp_result_begin(mcp, &out, &w);
    mcp_result_end(mcp, &out, &w);
}

static void run(struct mcp_call *mcp)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (slice_equal_str(mcp->method, methods[i].method) &&
            (mcp->era == MCP_LEGACY ? methods[i].legacy : methods[i].modern)) {
            methods[i].handle(mcp);
            return;
        }
    }
    if (mcp->era == MCP_LEGACY && slice_equal(mcp->method, SLICE("ping")))
        answer_ping(mcp);
    else
        mcp_fail(mcp, JSONRPC_METHOD_NOT_FOUND, "Method not found");
}

void mcp_dispatch(struct jsonrpc_call *rpc, struct slice method, const cJSON *params)
{
    struct mcp_call *mcp = arena_zalloc(rpc->call->http->arena, sizeof *mcp);

    if (!mcp) {
        reply_problem(rpc->call, 503, "", "out of memory; try again");
        return;
    }
    *mcp = (struct mcp_call){.rpc = *rpc, .method = method, .params = params};
    if (params && !cJSON_IsObject(params)) {
        jsonrpc_fail(rpc, 400, JSONRPC_INVALID_PARAMS, SLICE("/params: expected an object"));
        return;
    }
    if (mcp_check(mcp))
        run(mcp);
}

/* ---- asking a resource ---- */

struct slice mcp_escape(struct mcp_call *mcp, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf out;

    buf_create(&out, mcp->rpc.call->http->arena);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
            c == '~') {
            buf_add_char(&out, (char)c);
        } else {
            buf_add_char(&out, '%');
            buf_add_char(&out, digits[c >> 4]);
            buf_add_char(&out, digits[c & 15]);
        }
    }
    return buf_slice(&out);
}

void mcp_ask(struct mcp_call *mcp, enum http_method method, struct slice path, struct slice query, struct slice body,
             void (*handle)(struct api_call *call), void (*answered)(struct api_call *call, int status, struct slice answer))
{
    struct api_call *call = mcp->rpc.call;

    call->http->method = method;
    call->http->raw_path = path;
    call->http->path = path;
    call->http->query = query;
    call->http->body = body;
    call->user = mcp;
    call->captured = answered;
    handle(call);
}
