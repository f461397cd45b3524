/* The plain JSON-RPC method governance/evaluate on /mcp. */
#include "api/evaluate.h"
#include "api/mcp.h"
#include "api/reply.h"

enum { JSONRPC_UNAVAILABLE = -32000 /* overload: try again */ };

static void fail(struct mcp_call *mcp, int code, struct slice message)
{
    mcp_fail_with(mcp, 200, code, message, (struct slice){0});
}

static void answer(struct decide_call *decide)
{
    struct api_call *call = decide->user;
    struct mcp_call *mcp = api_mcp_of(call);
    struct buf out;
    int status;

    call->captured = NULL;
    if (decide->result == DECIDE_FAILED) {
        status = evaluate_failure_status(decide);
        fail(mcp, status == 503 || status == 429 ? JSONRPC_UNAVAILABLE : MCP_INVALID_PARAMS,
             reply_detail(decide->arena, &decide->error));
        return;
    }
    buf_create(&out, decide->arena);
    evaluate_write(decide, DECISION_FORM_SHORT, &out);
    if (out.failed)
        fail(mcp, JSONRPC_UNAVAILABLE, SLICE("the answer needs more memory than one call may use"));
    else
        mcp_answer_raw(mcp, buf_slice(&out));
}

/* It could not even begin. */
static void not_begun(struct api_call *call, int status, struct slice detail)
{
    (void)status;
    call->captured = NULL;
    fail(api_mcp_of(call), JSONRPC_UNAVAILABLE, detail);
}

/* Money is read as it was written. In a batch there is no telling which message a source is of. */
static struct slice source_of(const struct mcp_call *mcp)
{
    return mcp->sink ? (struct slice){0} : json_member_source(mcp->source, "params");
}

void api_mcp_governance(struct mcp_call *mcp)
{
    struct api_call *call = api_mcp_caller(mcp);
    struct request request = {0};
    struct error error = {0};

    if (!cJSON_IsObject(mcp->params)) {
        evaluate_count_refused(call);
        fail(mcp, MCP_INVALID_PARAMS, SLICE("/params: expected an object with the request"));
        return;
    }
    if (request_from_json(call->http->arena, mcp->params, source_of(mcp), call->agent, &request, &error) != STATUS_OK) {
        evaluate_count_refused(call);
        fail(mcp, MCP_INVALID_PARAMS, reply_detail(call->http->arena, &error));
        return;
    }
    call->user = mcp;
    call->captured = not_begun;
    evaluate_start(call, &request, clock_monotonic_ns(), false, answer);
}
