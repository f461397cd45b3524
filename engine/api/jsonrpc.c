/*
 * POST /mcp: JSON-RPC 2.0. Here the envelope, and the method governance/evaluate, whose parameters are a request and whose
 * result is the decision in its short form; every other method is MCP's (mcp.c).
 */
#include "api/jsonrpc.h"

#include "api/body.h"
#include "api/evaluate.h"
#include "api/mcp.h"
#include "api/reply.h"

void jsonrpc_write_id(struct json_writer *w, struct arena *arena, const cJSON *id)
{
    json_key(w, "id");
    json_value(w, arena, id);
}

void jsonrpc_fail(struct jsonrpc_call *rpc, int http_status, int code, struct slice message)
{
    jsonrpc_fail_with(rpc, http_status, code, message, (struct slice){0});
}

void jsonrpc_fail_with(struct jsonrpc_call *rpc, int http_status, int code, struct slice message, struct slice data)
{
    struct arena *arena = rpc->call->http->arena;
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, arena);
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    json_key(&w, "error");
    json_begin_object(&w);
    json_key(&w, "code");
    json_i64(&w, code);
    json_key(&w, "message");
    json_string(&w, message);
    if (data.size > 0) {
        json_key(&w, "data");
        json_raw(&w, data);
    }
    json_end_object(&w);
    jsonrpc_write_id(&w, arena, rpc->id);
    json_end_object(&w);
    reply_json(rpc->call, http_status, &out);
}

static void jsonrpc_fail_error(struct jsonrpc_call *rpc, int http_status, int code, const struct error *error)
{
    jsonrpc_fail(rpc, http_status, code, reply_detail(rpc->call->http->arena, error));
}

static bool id_is_valid(const cJSON *id)
{
    int64_t number;

    if (cJSON_IsString(id))
        return json_text(id).size <= JSONRPC_ID_MAX;
    return json_is_integer(id, &number);
}

static void jsonrpc_answer(struct decide_call *decide)
{
    struct jsonrpc_call rpc = {.call = decide->user};
    struct arena *arena = decide->arena;
    struct buf out;
    struct json_writer w = {.out = &out};

    rpc.id = rpc.call->rpc_id;
    if (decide->result == DECIDE_FAILED) {
        int status = evaluate_failure_status(decide);

        jsonrpc_fail_error(&rpc, 200, status == 503 || status == 429 ? JSONRPC_UNAVAILABLE : JSONRPC_INVALID_PARAMS,
                           &decide->error);
        return;
    }
    buf_create(&out, arena);
    buf_add_str(&out, "{\"jsonrpc\":\"2.0\",\"result\":");
    evaluate_write(decide, DECISION_FORM_SHORT, &out);
    w.comma = true;
    jsonrpc_write_id(&w, arena, rpc.id);
    buf_add_char(&out, '}');
    reply_json(rpc.call, 200, &out);
}

static void jsonrpc_evaluate(struct jsonrpc_call *rpc, const cJSON *params, struct slice source)
{
    struct api_call *call = rpc->call;
    struct request request = {0};
    struct error error = {0};

    if (!cJSON_IsObject(params)) {
        evaluate_count_refused(call);
        jsonrpc_fail(rpc, 200, JSONRPC_INVALID_PARAMS, SLICE("/params: expected an object with the request"));
        return;
    }
    if (request_from_json(call->http->arena, params, source, call->agent, &request, &error) != STATUS_OK) {
        evaluate_count_refused(call);
        jsonrpc_fail_error(rpc, 200, JSONRPC_INVALID_PARAMS, &error);
        return;
    }
    call->rpc_id = rpc->id;
    evaluate_start(call, &request, clock_monotonic_ns(), false, jsonrpc_answer);
}

static void jsonrpc_dispatch(struct jsonrpc_call *rpc, const cJSON *message)
{
    struct slice method = json_get_text(message, "method");
    struct slice source = json_member_source(rpc->call->http->body, "params");

    if (slice_equal(method, SLICE("governance/evaluate")))
        jsonrpc_evaluate(rpc, json_get(message, "params"), source);
    else
        mcp_dispatch(rpc, method, json_get(message, "params"));
}

/* An answer to a request of ours: we make none, so it is accepted and dropped. */
static bool is_response(const cJSON *message)
{
    return !json_get(message, "method") && json_get(message, "id") &&
           (json_get(message, "result") || json_get(message, "error"));
}

/* A message without an id asks for no answer, so a decision would reach nobody: it is accepted and dropped, whatever it says.
 */
static void jsonrpc_message(struct jsonrpc_call *rpc, const cJSON *message)
{
    const cJSON *id = json_get(message, "id");

    if (!cJSON_IsObject(message)) {
        jsonrpc_fail(rpc, 400, JSONRPC_INVALID_REQUEST,
                     SLICE("expected one JSON-RPC 2.0 request object; batches are not taken"));
        return;
    }
    if (id && id_is_valid(id))
        rpc->id = id;
    if (!slice_equal(json_get_text(message, "jsonrpc"), SLICE("2.0")))
        jsonrpc_fail(rpc, 400, JSONRPC_INVALID_REQUEST, SLICE("/jsonrpc: expected \"2.0\""));
    else if (is_response(message))
        http_reply_body(rpc->call->http, 202, NULL, (struct slice){0});
    else if (!cJSON_IsString(json_get(message, "method")))
        jsonrpc_fail(rpc, 400, JSONRPC_INVALID_REQUEST, SLICE("/method: expected a string"));
    else if (id && !rpc->id)
        jsonrpc_fail(rpc, 400, JSONRPC_INVALID_REQUEST, SLICE("/id: expected a string of at most 256 bytes or an integer"));
    else if (!id)
        http_reply_body(rpc->call->http, 202, NULL, (struct slice){0});
    else
        jsonrpc_dispatch(rpc, message);
}

void api_jsonrpc(struct api_call *call)
{
    struct jsonrpc_call rpc = {.call = call};
    struct error error = {0};
    cJSON *message = NULL;

    if (!body_check(call)) {
        evaluate_count_refused(call);
        return;
    }
    if (json_parse(call->http->arena, call->http->body, &json_limits_default, &message, &error) != STATUS_OK) {
        evaluate_count_refused(call);
        jsonrpc_fail_error(&rpc, 400, JSONRPC_PARSE_ERROR, &error);
        return;
    }
    jsonrpc_message(&rpc, message);
}
