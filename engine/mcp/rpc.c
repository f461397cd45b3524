/* Messages in: the envelope of JSON-RPC 2.0, batches, and which method answers. */
#include "mcp/internal.h"

/* Which methods there are, in which era, and whether a client may answer questions about them. */
static const struct {
    const char *name;
    bool legacy, modern, asks;
    void (*run)(struct mcp_call *call);
} methods[] = {
    {"tools/call", true, true, true, tools_call},
    {"tools/list", true, true, false, tools_list},
    {"server/discover", false, true, false, era_discover},
    {"initialize", true, false, false, era_initialize},
    {"ping", true, false, false, mcp_answer_empty},
    {"resources/list", true, true, false, resources_list},
    {"resources/templates/list", true, true, false, resources_templates},
    {"resources/read", true, true, true, resources_read},
    {"resources/subscribe", true, false, false, resources_subscribe},
    {"resources/unsubscribe", true, false, false, resources_unsubscribe},
    {"prompts/list", true, true, false, prompts_list},
    {"prompts/get", true, true, true, prompts_get},
    {"completion/complete", true, true, false, prompts_complete},
    {"logging/setLevel", true, false, false, session_set_level},
    {"subscriptions/listen", false, true, false, listen_start},
    {"tasks/get", false, true, false, tasks_get},
    {"tasks/update", false, true, false, tasks_update},
    {"tasks/cancel", false, true, false, tasks_cancel},
};

static void refuse(struct mcp_call *call, int code, struct slice message)
{
    const struct mcp_description *description = call->worker->server->description;

    if (description->refused)
        description->refused(call->user);
    mcp_fail_with(call, 400, code, message, (struct slice){0});
}

void rpc_accepted(struct mcp_call *call)
{
    if (call->sink)
        call->sink(call, 202, (struct slice){0});
    else
        http_reply_body(call->http, 202, NULL, (struct slice){0});
}

/* ---- requests ---- */

static bool run_own_method(struct mcp_call *call)
{
    const struct mcp_description *description = call->worker->server->description;

    for (size_t i = 0; i < description->method_count; i++) {
        if (!slice_equal_str(call->method, description->methods[i].name))
            continue;
        description->methods[i].run(call);
        return true;
    }
    return false;
}

void rpc_run(struct mcp_call *call)
{
    if (run_own_method(call))
        return;
    if (call->params && !cJSON_IsObject(call->params)) {
        mcp_fail_with(call, 400, MCP_INVALID_PARAMS, SLICE("/params: expected an object"), (struct slice){0});
        return;
    }
    if (!era_check(call))
        return;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!slice_equal_str(call->method, methods[i].name) ||
            !(call->era == MCP_LEGACY ? methods[i].legacy : methods[i].modern))
            continue;
        if (!methods[i].asks || ask_take_answers(call))
            methods[i].run(call);
        return;
    }
    mcp_fail(call, MCP_METHOD_NOT_FOUND, SLICE("Method not found"));
}

/* ---- notifications ---- */

/* Only with a session: without one, any client's request 1 could be meant. */
static void cancel(struct mcp_call *call)
{
    const cJSON *id = json_get(call->params, "requestId");
    struct buf text;

    if (!call->has_session || !id)
        return;
    buf_create(&text, call->http->arena);
    json_write(&text, id);
    if (!text.failed)
        stream_cancel_all(call->worker->server, call->session, buf_slice(&text));
}

/* A message without an id asks for no answer, and a decision would reach nobody: it is accepted whatever it says. */
static void notification(struct mcp_call *call)
{
    if (!session_check(call))
        return;
    if (slice_equal(call->method, SLICE("notifications/cancelled")))
        cancel(call);
    rpc_accepted(call);
}

/* ---- one message ---- */

static bool id_is_valid(const cJSON *id)
{
    int64_t number;

    if (cJSON_IsString(id))
        return json_text(id).size <= MCP_ID_MAX;
    return json_is_integer(id, &number);
}

static bool is_response(const cJSON *message)
{
    return !json_get(message, "method") && json_get(message, "id") &&
           (json_get(message, "result") || json_get(message, "error"));
}

/* In a batch there is no telling which part of the body it is: written anew. */
static bool find_source(struct mcp_call *call, const cJSON *message)
{
    struct buf text;

    if (!call->sink)
        return true;
    buf_create(&text, call->http->arena);
    json_write(&text, message);
    call->source = buf_slice(&text);
    return !text.failed;
}

static void response(struct mcp_call *call, const cJSON *message)
{
    if (!session_check(call))
        return;
    if (call->has_session && find_source(call, message))
        ask_answered(call, message);
    rpc_accepted(call);
}

static void take_message(struct mcp_call *call, const cJSON *message)
{
    const cJSON *id = json_get(message, "id");

    if (!cJSON_IsObject(message)) {
        refuse(call, MCP_INVALID_REQUEST, SLICE("expected one JSON-RPC 2.0 message, an object"));
        return;
    }
    if (id && id_is_valid(id))
        call->id = id;
    call->method = json_get_text(message, "method");
    call->params = json_get(message, "params");
    if (!slice_equal(json_get_text(message, "jsonrpc"), SLICE("2.0")))
        refuse(call, MCP_INVALID_REQUEST, SLICE("/jsonrpc: expected \"2.0\""));
    else if (is_response(message))
        response(call, message);
    else if (!cJSON_IsString(json_get(message, "method")))
        refuse(call, MCP_INVALID_REQUEST, SLICE("/method: expected a string"));
    else if (id && !call->id)
        refuse(call, MCP_INVALID_REQUEST, SLICE("/id: expected a string of at most 256 bytes or an integer"));
    else if (!id)
        notification(call);
    else
        rpc_run(call);
}

/* ---- batches, of 2025-03-26 ---- */

struct batch {
    struct mcp_call *whole;
    const cJSON *next;
    struct http_call http; /* as it came: a method of the program may have changed it */
    struct buf answers;
    bool answered, running, more;
};

/* Later revisions have none. Clients of that one send no header, or its name. */
static bool may_batch(struct mcp_call *call)
{
    struct slice version = {0};
    size_t count = http_header_get(call->http, "mcp-protocol-version", &version);

    if (call->has_session)
        return call->session_revision == REVISION_2025_03_26;
    return count == 0 || (count == 1 && era_revision(version) == REVISION_2025_03_26);
}

static void batch_end(struct batch *batch)
{
    if (!batch->answered) {
        rpc_accepted(batch->whole);
        return;
    }
    buf_add_char(&batch->answers, ']');
    result_send(batch->whole, 200, &batch->answers, NULL);
}

static void batch_go_on(struct batch *batch);

static void batch_took(struct mcp_call *call, int status, struct slice message)
{
    struct batch *batch = call->sink_context;

    (void)status;
    if (message.size > 0) {
        buf_add_char(&batch->answers, batch->answered ? ',' : '[');
        buf_add_slice(&batch->answers, message);
        batch->answered = true;
    }
    batch->more = true;
    if (!batch->running)
        batch_go_on(batch);
}

/* Each message finds the exchange as it came, not as the one before left it. */
static void begin_again(struct batch *batch)
{
    const struct mcp_description *description = batch->whole->worker->server->description;

    *batch->whole->http = batch->http;
    if (description->begin)
        description->begin(batch->whole->user);
}

/* One after the other, without recursion where they answer at once. */
static void batch_go_on(struct batch *batch)
{
    batch->running = batch->more = true;
    while (batch->more && batch->next) {
        const cJSON *message = batch->next;
        struct mcp_call *call = arena_zalloc(batch->whole->http->arena, sizeof *call);

        batch->next = message->next;
        batch->more = false;
        begin_again(batch);
        if (!call) {
            batch->answers.failed = batch->more = true;
            break;
        }
        *call = (struct mcp_call){.worker = batch->whole->worker,
                                  .http = batch->whole->http,
                                  .user = batch->whole->user,
                                  .has_session = batch->whole->has_session,
                                  .session_revision = batch->whole->session_revision,
                                  .sink = batch_took,
                                  .sink_context = batch};
        memcpy(call->session, batch->whole->session, sizeof call->session);
        take_message(call, message);
    }
    batch->running = false;
    if (batch->more)
        batch_end(batch);
}

static void take_batch(struct mcp_call *call, const cJSON *array)
{
    struct batch *batch = arena_zalloc(call->http->arena, sizeof *batch);
    int count = cJSON_GetArraySize(array);

    if (!session_check(call))
        return;
    if (!may_batch(call)) {
        refuse(call, MCP_INVALID_REQUEST, SLICE("expected one JSON-RPC 2.0 message; only 2025-03-26 has batches"));
        return;
    }
    if (count == 0 || count > MCP_BATCH_MAX) {
        refuse(call, MCP_INVALID_REQUEST,
               count == 0 ? SLICE("the batch is empty") : SLICE("a batch holds at most 32 messages"));
        return;
    }
    if (!batch) {
        mcp_fail_with(call, 503, MCP_INTERNAL_ERROR, SLICE("out of memory; try again"), (struct slice){0});
        return;
    }
    *batch = (struct batch){.whole = call, .next = array->child, .http = *call->http};
    buf_create(&batch->answers, call->http->arena);
    batch_go_on(batch);
}

/* ---- the exchange ---- */

static void take_post(struct mcp_call *call)
{
    struct error error = {0};
    cJSON *message = NULL;
    struct slice text;

    call->source = call->http->body;
    if (json_parse(call->http->arena, call->source, &json_limits_default, &message, &error) == STATUS_OK) {
        if (cJSON_IsArray(message))
            take_batch(call, message);
        else
            take_message(call, message);
        return;
    }
    text =
        error.where[0] ? arena_printf(call->http->arena, "%s: %s", error.where, error.message) : slice_from_str(error.message);
    refuse(call, MCP_PARSE_ERROR, text.data ? text : SLICE("out of memory"));
}

static void refuse_method(struct http_call *http)
{
    const struct http_header allow = {SLICE("Allow"), SLICE("POST")};

    http_reply_problem(http, 405, SLICE("send a message by POST; GET and DELETE are for sessions, which initialize begins"),
                       &allow, 1);
}

void mcp_handle(struct mcp_worker *worker, struct http_call *http, void *user)
{
    struct mcp_call *call = arena_zalloc(http->arena, sizeof *call);

    if (!call) {
        http_reply_problem(http, 503, SLICE("out of memory; try again"), NULL, 0);
        return;
    }
    call->worker = worker;
    call->http = http;
    call->user = user;
    if (http->method == HTTP_METHOD_POST)
        take_post(call);
    else if (http_header_get(http, "mcp-session-id", NULL) == 0)
        refuse_method(http);
    else if (!session_check(call))
        return;
    else if (http->method == HTTP_METHOD_GET)
        listen_get(call);
    else if (http->method == HTTP_METHOD_DELETE)
        session_end(call);
    else
        refuse_method(http);
}
