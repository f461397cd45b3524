/*
 * evaluate_request and escalate_to_human: from the arguments through the pipeline to a tool's result. Where the decision lacks
 * facts and the client can be asked, it is asked first: then nothing has been recorded yet, and the answers are part of the
 * request that is decided.
 */
#include "api/evaluate.h"
#include "api/mcp.h"
#include "api/mcp_questions.h"
#include "api/reply.h"

struct evaluation {
    const cJSON *arguments;
    struct questions questions;
    bool may_ask, ask_human;
};

/* Sealed and as text, it has to come back: what has been answered so far decides where it would be too long. */
enum { STATE_MAX = MCP_STATE_MAX / 4 * 3 - 64 };

static const char question_key[] = "missing";

static void begin(struct mcp_call *mcp);

/* ---- the answer ---- */

/* Who asks for a human wants to know at once whom to wait for. */
static bool becomes_task(struct mcp_call *mcp, const struct decision *decision)
{
    const struct evaluation *evaluation = mcp->own;

    return !evaluation->ask_human && decision->outcome == DECISION_ESCALATE && decision->sequenced &&
           decision->escalation_id.size > 0 &&
           api_mcp_become_task(mcp, API_MCP_TASK_EVALUATE, decision->escalation_id, decision->request.agent_identity);
}

static void answer_decided(struct mcp_call *mcp, struct decide_call *decide)
{
    struct buf document, text;

    if (becomes_task(mcp, &decide->decision))
        return;
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

/* Asks for what is missing; where nothing of it can be asked, the decision is made without. */
static void ask(struct mcp_call *mcp, const struct decision *decision)
{
    struct evaluation *evaluation = mcp->own;
    struct arena *arena = mcp->http->arena;
    struct slice fields[QUESTIONS_FIELDS_MAX], state = {0};
    size_t count =
        http_worker_is_draining(mcp->http->worker)
            ? 0
            : questions_pick(&evaluation->questions, decision->verdict.missing, decision->verdict.missing_count, fields);
    struct mcp_question question = {.key = question_key, .kind = MCP_ASK_FORM};

    if (count > 0) {
        question.params = questions_form(arena, &evaluation->questions, fields, count);
        state = questions_write(arena, &evaluation->questions);
    }
    if (state.size > 0 && state.size <= STATE_MAX && question.params.size > 0) {
        mcp_ask(mcp, &question, 1, state);
        return;
    }
    evaluation->may_ask = false;
    begin(mcp);
}

static void answer(struct decide_call *decide)
{
    struct api_call *call = decide->user;
    struct mcp_call *mcp = api_mcp_of(call);

    call->captured = NULL;
    if (decide->result == DECIDE_FAILED)
        api_mcp_fail_tool(mcp, reply_detail(decide->arena, &decide->error));
    else if (decide->result == DECIDE_ASKS)
        ask(mcp, &decide->decision);
    else
        answer_decided(mcp, decide);
}

static void not_begun(struct api_call *call, int status, struct slice detail)
{
    (void)status;
    call->captured = NULL;
    api_mcp_fail_tool(api_mcp_of(call), detail);
}

/* ---- the request ---- */

static void fail_request(struct mcp_call *mcp, struct slice detail)
{
    evaluate_count_refused(api_mcp_caller(mcp));
    api_mcp_fail_tool(mcp, detail);
}

static void begin(struct mcp_call *mcp)
{
    struct evaluation *evaluation = mcp->own;
    struct api_call *call = api_mcp_caller(mcp);
    struct evaluate_asking asking = {.ask_human = evaluation->ask_human, .ask_first = evaluation->may_ask};
    const cJSON *arguments = evaluation->arguments;
    struct request request = {0};
    struct slice *elicited = NULL;
    struct error error = {0};

    if (evaluation->questions.answers && evaluation->questions.answers->child) {
        arguments = questions_fill(call->http->arena, &evaluation->questions, arguments, &elicited, &asking.elicited_count);
        asking.elicited = elicited;
    }
    if (!arguments) {
        api_mcp_fail_tool(mcp, SLICE("the request needs more memory than one call may use"));
        return;
    }
    if (request_from_json(call->http->arena, arguments, (struct slice){0}, call->agent, &request, &error) != STATUS_OK) {
        fail_request(mcp, reply_detail(call->http->arena, &error));
        return;
    }
    call->user = mcp;
    call->captured = not_begun;
    call->begun_ns =
        asking.elicited_count > 0 ? clock_monotonic_ns() : call->begun_ns; /* the time that people take is not ours */
    if (evaluate_merge_key(call, &request))
        evaluate_start_asking(call, &request, clock_monotonic_ns(), &asking, answer);
}

/* What the client's user said, where this is not the first round. An answer that did not follow a question of ours, to this
 * caller about this very request, counts for nothing. */
static bool take_answers(struct mcp_call *mcp, struct evaluation *evaluation)
{
    const cJSON *said = mcp_response(mcp, question_key, MCP_ASK_FORM);
    struct arena *arena = mcp->http->arena;

    if (!questions_read(arena, mcp_state(mcp), &evaluation->questions))
        return false;
    if (mcp_state(mcp).size == 0)
        return true;
    if (said && slice_equal(json_get_text(said, "action"), SLICE("accept")))
        questions_take(arena, &evaluation->questions, json_get(said, "content"));
    else if (said)
        evaluation->may_ask = false; /* declined, or dismissed: the ordinary answer */
    if (cJSON_GetArraySize(evaluation->questions.asked) >= QUESTIONS_FIELDS_MAX * QUESTIONS_ROUNDS_MAX)
        evaluation->may_ask = false;
    return true;
}

static void run(struct mcp_call *mcp, const cJSON *arguments, bool ask_human)
{
    struct evaluation *evaluation = arena_zalloc(mcp->http->arena, sizeof *evaluation);

    if (!api_mcp_take_agent(mcp, arguments))
        return;
    mcp->own = evaluation;
    if (evaluation) {
        *evaluation = (struct evaluation){.arguments = arguments, .ask_human = ask_human};
        evaluation->may_ask = !ask_human && (mcp_can(mcp) & MCP_CAN_ELICIT);
    }
    if (!evaluation || (evaluation->may_ask && !take_answers(mcp, evaluation))) {
        api_mcp_fail_tool(mcp, SLICE("out of memory; try again"));
        return;
    }
    evaluation->may_ask = evaluation->may_ask && !http_worker_is_draining(mcp->http->worker);
    begin(mcp);
}

void api_mcp_evaluate(struct mcp_call *mcp, const cJSON *arguments)
{
    run(mcp, arguments, false);
}

void api_mcp_escalate(struct mcp_call *mcp, const cJSON *arguments)
{
    run(mcp, arguments, true);
}
