/*
 * Questions to the client. In the newest era they are a result, input_required, and the client sends the request again with
 * the answers; in the older one they are requests of ours on the call's stream, whose answers come by other POSTs, maybe to
 * another worker. Either way the tool is run again.
 */
#include "mcp/internal.h"

#include <stdio.h>

static const char *const question_methods[] = {"elicitation/create", "sampling/createMessage", "roots/list"};

struct pending {
    const char *key;
    enum mcp_question_kind kind;
    uint64_t number;
    const cJSON *answer;
};

struct mcp_questions {
    struct pending pending[MCP_QUESTIONS_MAX];
    size_t count, open;
    struct slice state;
    struct http_timer *timer;
};

/* ---- answers, checked ---- */

static bool form_answer(const cJSON *answer)
{
    struct slice action = json_get_text(answer, "action");

    if (slice_equal(action, SLICE("accept")))
        return !json_get(answer, "content") || cJSON_IsObject(json_get(answer, "content"));
    return slice_equal(action, SLICE("decline")) || slice_equal(action, SLICE("cancel"));
}

static bool answer_fits(const cJSON *answer, enum mcp_question_kind kind)
{
    if (!cJSON_IsObject(answer))
        return false;
    switch (kind) {
    case MCP_ASK_FORM:
        return form_answer(answer);
    case MCP_ASK_SAMPLE:
        return json_get(answer, "content") != NULL;
    default:
        return cJSON_IsArray(json_get(answer, "roots"));
    }
}

const cJSON *mcp_response(const struct mcp_call *call, const char *key, enum mcp_question_kind kind)
{
    const cJSON *answer = json_get(call->inputs, key);

    return answer_fits(answer, kind) ? answer : NULL;
}

struct slice mcp_state(const struct mcp_call *call)
{
    return call->state;
}

/* ---- the newest era ---- */

/* Who, and which request: the answers to one are none to another. */
static bool bound_to(struct mcp_call *call, struct slice *out)
{
    struct buf text;
    struct json_writer w = {.out = &text};

    buf_create(&text, call->http->arena);
    json_begin_array(&w);
    json_string(&w, mcp_principal(call));
    json_string(&w, call->method);
    json_value(&w, call->http->arena, json_get(call->params, "name"));
    json_value(&w, call->http->arena, json_get(call->params, "uri"));
    json_value(&w, call->http->arena, json_get(call->params, "arguments"));
    json_end_array(&w);
    *out = buf_slice(&text);
    return !text.failed;
}

static bool open_state(struct mcp_call *call, const cJSON *state)
{
    struct seal seal = {.purpose = SLICE("state")};

    return cJSON_IsString(state) && bound_to(call, &seal.bound) &&
           seal_open(call->worker->server, call->http->arena, &seal, json_text(state), MCP_STATE_MAX, &call->state);
}

bool ask_take_answers(struct mcp_call *call)
{
    const cJSON *answers = json_get(call->params, "inputResponses"), *state = json_get(call->params, "requestState");
    const cJSON *answer;

    if (call->era == MCP_LEGACY || (!answers && !state))
        return true;
    if (answers && !cJSON_IsObject(answers)) {
        mcp_fail(call, MCP_INVALID_PARAMS, SLICE("/params/inputResponses: expected an object"));
        return false;
    }
    cJSON_ArrayForEach(answer, answers)
    {
        if (cJSON_IsObject(answer))
            continue;
        mcp_fail(
            call, MCP_INVALID_PARAMS,
            arena_printf(call->http->arena, "/params/inputResponses/%.*s: expected an object", NAME_SHOWN_MAX, answer->string));
        return false;
    }
    if (state && !open_state(call, state)) {
        mcp_fail(
            call, MCP_INVALID_PARAMS,
            SLICE("/params/requestState: not what this server gave for this very request, or too old; send it as it was, or "
                  "begin without it"));
        return false;
    }
    call->inputs = answers;
    return true;
}

static void ask_by_result(struct mcp_call *call, const struct mcp_question *questions, size_t count, struct slice state)
{
    struct mcp_server *server = call->worker->server;
    struct seal seal = {.purpose = SLICE("state")};
    struct buf out;
    struct json_writer w;

    result_begin_as(call, "input_required", &out, &w);
    json_key(&w, "inputRequests");
    json_begin_object(&w);
    for (size_t i = 0; i < count; i++) {
        json_key(&w, questions[i].key);
        json_begin_object(&w);
        json_key(&w, "method");
        json_string(&w, slice_from_str(question_methods[questions[i].kind]));
        json_key(&w, "params");
        json_raw(&w, questions[i].params);
        json_end_object(&w);
    }
    json_end_object(&w);
    if (state.size > 0) {
        out.failed = out.failed || !bound_to(call, &seal.bound);
        json_key(&w, "requestState");
        json_string(&w, seal_close(server, call->http->arena, &seal, state, clock_now_ms(&server->clock) / 1000 + MCP_STATE_S));
    }
    mcp_result_end(call, &out, &w);
}

/* ---- the older era ---- */

/* Ids of our requests: which worker waits, and for which question. */
static struct slice question_id(struct mcp_call *call, uint64_t number, char text[48])
{
    return slice_from(text, (size_t)snprintf(text, 48, "edict-%zu-%llu", call->worker->index, (unsigned long long)number));
}

static bool send_question(struct mcp_call *call, const struct mcp_question *question, uint64_t number)
{
    char id[48];
    struct buf message;
    struct json_writer w = {.out = &message};

    buf_create(&message, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    json_key(&w, "id");
    json_string(&w, question_id(call, number, id));
    json_key(&w, "method");
    json_string(&w, slice_from_str(question_methods[question->kind]));
    json_key(&w, "params");
    json_raw(&w, question->params);
    json_end_object(&w);
    return !message.failed && stream_event(call, buf_slice(&message));
}

/* All are answered, or no more will be: run again with what there is. */
static void go_on(struct mcp_call *call)
{
    struct mcp_questions *questions = call->questions;
    cJSON *inputs = json_new_object(call->http->arena);

    http_timer_cancel(questions->timer);
    questions->timer = NULL;
    for (size_t i = 0; i < questions->count; i++) {
        struct pending *pending = &questions->pending[i];
        cJSON *cancelled = json_new_object(call->http->arena);

        json_put_text(call->http->arena, cancelled, "action", SLICE("cancel"));
        json_put(inputs, pending->key, pending->answer ? json_copy(call->http->arena, pending->answer) : cancelled);
    }
    call->questions = NULL;
    call->inputs = inputs;
    call->state = questions->state;
    mcp_resume(call);
    call->again(call);
}

static void timed_out(void *context)
{
    struct mcp_call *call = context;

    call->questions->timer = NULL;
    go_on(call);
}

static void ended(struct mcp_call *call, enum mcp_end why)
{
    if (why == MCP_END_DRAIN) {
        go_on(call);
        return;
    }
    http_timer_cancel(call->questions->timer);
    call->questions = NULL;
}

static void ask_by_requests(struct mcp_call *call, const struct mcp_question *questions, size_t count, struct slice state)
{
    struct mcp_questions *asked = arena_zalloc(call->http->arena, sizeof *asked);
    struct mcp_server *server = call->worker->server;

    if (!asked || call->rounds >= MCP_ROUNDS_MAX || !mcp_stream_open(call)) {
        mcp_fail(call, MCP_INTERNAL_ERROR, SLICE("the client cannot be asked: out of memory, streams or rounds of questions"));
        return;
    }
    call->rounds++;
    call->questions = asked;
    asked->state = arena_copy(call->http->arena, state);
    asked->count = asked->open = count;
    asked->timer = http_timer_start(call->worker->http, MCP_QUESTION_S * 1000, timed_out, call);
    mcp_park(call, ended);
    for (size_t i = 0; i < count; i++) {
        asked->pending[i] = (struct pending){
            .key = questions[i].key, .kind = questions[i].kind, .number = atomic_fetch_add(&server->serial, 1)};
        if (!send_question(call, &questions[i], asked->pending[i].number))
            break; /* it has gone: the stream's end comes to the same */
    }
    if (call->gone)
        stream_end(call, MCP_END_GONE);
}

static struct pending *find_pending(struct mcp_call *call, uint64_t number)
{
    for (size_t i = 0; call->questions && i < call->questions->count; i++) {
        struct pending *pending = &call->questions->pending[i];

        if (pending->number == number && !pending->answer)
            return pending; /* each question is answered once */
    }
    return NULL;
}

static void take_answer(struct mcp_call *call, struct pending *pending, struct slice message)
{
    cJSON *document = NULL;
    const cJSON *result;
    struct error error;

    message = arena_copy(call->http->arena, message); /* it has to last as long as the call */
    if (!message.data || json_parse(call->http->arena, message, &json_limits_default, &document, &error) != STATUS_OK)
        return;
    result = json_get(document, "result");
    if (answer_fits(result, pending->kind)) {
        pending->answer = result;
    } else if (pending->kind != MCP_ASK_FORM) { /* what declines a form has a shape of its own */
        http_timer_cancel(call->questions->timer);
        call->questions = NULL;
        mcp_resume(call);
        mcp_fail(call, MCP_INTERNAL_ERROR, SLICE("the client could not answer what it was asked"));
        return;
    } else {
        pending->number = 0; /* an error, or nonsense: as good as cancelled */
    }
    if (--call->questions->open == 0)
        go_on(call);
}

void ask_deliver(struct mcp_worker *worker, const unsigned char session[SESSION_SIZE], uint64_t question, struct slice message)
{
    for (struct mcp_call *call = worker->open; call; call = call->next) {
        struct pending *pending = find_pending(call, question);

        if (!pending || memcmp(call->session, session, SESSION_SIZE) != 0)
            continue;
        take_answer(call, pending, message);
        return;
    }
}

static bool parse_id(struct slice id, uint64_t *worker, uint64_t *number)
{
    const struct slice prefix = SLICE("edict-");
    size_t dash;

    if (!slice_starts_with(id, prefix))
        return false;
    dash = slice_find(id, '-', prefix.size);
    return dash != SIZE_MAX && slice_to_u64(slice_sub(id, prefix.size, dash), worker) &&
           slice_to_u64(slice_sub(id, dash + 1, SIZE_MAX), number) && *number > 0;
}

void ask_answered(struct mcp_call *call, const cJSON *message)
{
    struct mcp_server *server = call->worker->server;
    uint64_t worker, number;

    if (parse_id(json_get_text(message, "id"), &worker, &number) && worker < server->worker_count)
        (void)server_post(server->workers[worker], MESSAGE_ANSWER, MCP_CHANGED_RESOURCE, call->session, number, call->source);
}

/* ---- asking ---- */

void mcp_ask(struct mcp_call *call, const struct mcp_question *questions, size_t count, struct slice state)
{
    if (count == 0 || count > MCP_QUESTIONS_MAX)
        mcp_fail(call, MCP_INTERNAL_ERROR, SLICE("too many questions at once"));
    else if (call->era == MCP_MODERN)
        ask_by_result(call, questions, count, state);
    else
        ask_by_requests(call, questions, count, state);
}
