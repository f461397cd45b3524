#include "api/evaluate.h"

#include "api/body.h"
#include "api/reply.h"
#include "engine/explanation.h"
#include "proto/json.h"

void evaluate_count_refused(struct api_call *call)
{
    metrics_add(&call->api->metrics.refused, 1);
}

static void evaluate_count(struct api_call *call, const struct decide_call *decide)
{
    struct api_metrics *metrics = &call->api->metrics;
    const struct decision *decision = &decide->decision;

    metrics_observe(&metrics->stages[METRICS_FACTS], decide->timing.facts);
    metrics_observe(&metrics->stages[METRICS_POLICY], decide->timing.policy);
    metrics_observe(&metrics->stages[METRICS_TOTAL], clock_monotonic_ns() - call->begun_ns);
    if (decide->attempts > 1)
        metrics_add(&metrics->extra_attempts, decide->attempts - 1);
    if (decision->request.dry_run) {
        metrics_add(&metrics->dry_runs, 1);
        return;
    }
    metrics_observe(&metrics->stages[METRICS_COMMIT], decide->timing.commit);
    metrics_add(&metrics->decisions[decision->verdict.tier & 3][decision->outcome], 1);
    metrics_add(&metrics->undecided, decision->verdict.undecided);
    metrics_add(&metrics->contended, decision->inputs.contended);
    metrics_add(&metrics->rule_errors, decision->verdict.error_count);
}

struct evaluation {
    struct decide_call decide;
    void (*answer)(struct decide_call *decide);
};

static void evaluate_finished(struct decide_call *decide)
{
    struct api_call *call = decide->user;

    if (decide->result == DECIDE_DONE)
        evaluate_count(call, decide);
    else if (decide->result == DECIDE_REPEATED)
        metrics_add(&call->api->metrics.repeated, 1);
    else if (decide->result == DECIDE_FAILED)
        evaluate_count_refused(call);
    ((struct evaluation *)decide)->answer(decide);
}

void evaluate_start(struct api_call *call, const struct request *request, uint64_t parsed_ns, bool ask_human,
                    void (*answer)(struct decide_call *decide))
{
    evaluate_start_asking(call, request, parsed_ns, &(struct evaluate_asking){.ask_human = ask_human}, answer);
}

void evaluate_start_asking(struct api_call *call, const struct request *request, uint64_t parsed_ns,
                           const struct evaluate_asking *asking, void (*answer)(struct decide_call *decide))
{
    struct evaluation *evaluation = arena_zalloc(call->http->arena, sizeof *evaluation);
    struct decide_call *decide = &evaluation->decide;

    if (!evaluation) {
        reply_problem(call, 503, "", "out of memory; try again");
        return;
    }
    metrics_observe(&call->api->metrics.stages[METRICS_PARSE], parsed_ns - call->begun_ns);
    evaluation->answer = answer;
    decide->decider = &call->api->decider;
    decide->arena = call->http->arena;
    decide->request = *request;
    decide->decision.inputs = (struct decision_inputs){
        .ask_human = asking->ask_human, .elicited = asking->elicited, .elicited_count = asking->elicited_count};
    decide->ask_first = asking->ask_first;
    decide->never_escalate = asking->never_escalate;
    decide->trace = request->explain != REQUEST_EXPLAIN_NO;
    decide->policy_trace.all_rules = false;
    decide->finished = evaluate_finished;
    decide->user = call;
    decide->timing.started = call->begun_ns;
    decide_begin(decide);
}

int evaluate_failure_status(const struct decide_call *decide)
{
    if (decide->too_many)
        return 429;
    if (decide->error.status == STATUS_CONFLICT)
        return 422; /* the idempotency key, reused with another body */
    return reply_http_status(decide->error.status);
}

void evaluate_write(struct decide_call *decide, enum decision_form form, struct buf *out)
{
    struct buf explanation;

    buf_create(&explanation, decide->arena);
    if (decide->trace && decide->result == DECIDE_DONE)
        explanation_write(&explanation, decide->arena, &decide->policy_trace, decide->decision.facts_json,
                          decide->request.explain == REQUEST_EXPLAIN_FULL);
    decision_write_response(out, decide->arena, &decide->decision, form, buf_slice(&explanation));
    out->failed = out->failed || explanation.failed;
}

/* ---- POST /v1/evaluate ---- */

static void evaluate_reply_failure(struct api_call *call, struct decide_call *decide)
{
    int status = evaluate_failure_status(decide);

    if (status == 429)
        reply_too_many(call, &decide->error);
    else if (status == 422)
        reply_problem_with(call, 422, reply_detail(call->http->arena, &decide->error), NULL, 0);
    else
        reply_error(call, &decide->error);
}

static void evaluate_answer(struct decide_call *decide)
{
    static const struct http_header repeated = {{"Idempotency-Replayed", 20}, {"true", 4}};
    struct api_call *call = decide->user;
    struct buf out;

    if (decide->result == DECIDE_FAILED) {
        evaluate_reply_failure(call, decide);
        return;
    }
    buf_create(&out, decide->arena);
    buf_reserve(&out, 2048);
    evaluate_write(decide, DECISION_FORM_FULL, &out);
    reply_json_with(call, 200, &out, &repeated, decide->result == DECIDE_REPEATED ? 1 : 0);
}

bool evaluate_merge_key(struct api_call *call, struct request *request)
{
    struct slice key;

    if (call->key_is_taken)
        return true;
    if (!header_idempotency_key(call, &key))
        return false;
    if (key.size == 0)
        return true;
    if (request->idempotency_key.size > 0 && !slice_equal(request->idempotency_key, key)) {
        reply_problem(call, 400, "Idempotency-Key", "the header and /idempotency_key differ");
        return false;
    }
    request->idempotency_key = key;
    return true;
}

static void evaluate_body(struct api_call *call, bool ask_human)
{
    static const char *const no_parameters[] = {NULL};
    _Atomic uint64_t *refused = &call->api->metrics.refused;
    struct request request = {0};
    struct error error = {0};

    if (!parameters_check(call, no_parameters) || !body_check(call)) {
        metrics_add(refused, 1); /* the call is answered, and gone */
        return;
    }
    if (request_parse(call->http->arena, call->http->body, call->agent, &request, &error) != STATUS_OK) {
        evaluate_count_refused(call);
        reply_error(call, &error);
        return;
    }
    if (evaluate_merge_key(call, &request))
        evaluate_start(call, &request, clock_monotonic_ns(), ask_human, evaluate_answer);
}

void api_evaluate(struct api_call *call)
{
    evaluate_body(call, false);
}

/* escalate_to_human: the same pipeline, with a human asked for; a deny stays a deny. */
void api_escalations_open(struct api_call *call)
{
    evaluate_body(call, true);
}
