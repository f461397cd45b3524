/* evaluate_request and escalate_to_human: from the arguments through the pipeline to a tool's result. */
#include "api/evaluate.h"
#include "api/mcp.h"
#include "api/reply.h"

static void answer(struct decide_call *decide)
{
    struct api_call *call = decide->user;
    struct mcp_call *mcp = api_mcp_of(call);
    struct buf document, text;

    call->captured = NULL;
    if (decide->result == DECIDE_FAILED) {
        api_mcp_fail_tool(mcp, reply_detail(decide->arena, &decide->error));
        return;
    }
    buf_create(&document, decide->arena);
    buf_create(&text, decide->arena);
    buf_reserve(&document, 2048);
    evaluate_write(decide, DECISION_FORM_FULL, &document);
    api_mcp_render_decided(&text, decide->arena, &decide->decision);
    if (document.failed || text.failed)
        api_mcp_fail_tool(mcp, SLICE("the answer needs more memory than one call may use; ask for the decision by its id"));
    else
        mcp_answer_tool(mcp, buf_slice(&text), buf_slice(&document), false);
}

static void not_begun(struct api_call *call, int status, struct slice detail)
{
    (void)status;
    call->captured = NULL;
    api_mcp_fail_tool(api_mcp_of(call), detail);
}

static void begin(struct mcp_call *mcp, const cJSON *arguments, bool ask_human)
{
    struct api_call *call = api_mcp_caller(mcp);
    struct request request = {0};
    struct error error = {0};

    if (!api_mcp_take_agent(mcp, arguments))
        return;
    if (request_from_json(call->http->arena, arguments, (struct slice){0}, call->agent, &request, &error) != STATUS_OK) {
        evaluate_count_refused(call);
        api_mcp_fail_tool(mcp, reply_detail(call->http->arena, &error));
        return;
    }
    call->user = mcp;
    call->captured = not_begun;
    if (evaluate_merge_key(call, &request))
        evaluate_start(call, &request, clock_monotonic_ns(), ask_human, answer);
}

void api_mcp_evaluate(struct mcp_call *mcp, const cJSON *arguments)
{
    begin(mcp, arguments, false);
}

void api_mcp_escalate(struct mcp_call *mcp, const cJSON *arguments)
{
    begin(mcp, arguments, true);
}
