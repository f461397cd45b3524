/*
 * The tasks extension: what waits for a human is a task, and the escalation is what makes it durable. A task's id says which
 * escalation and of what kind, and is bound to the agent by a code that nobody can guess; so a task needs no store of its own
 * and outlives the server.
 *
 *   evaluate-ESC-7   evaluate_request that escalated. Once approved, the action is decided again with the grant, once: the
 *                    idempotency key is the task's. That decision is the task's result. Cancelling it cancels the escalation.
 *   wait-ESC-7       wait_for_approval. Its result is the resolved escalation. Cancelling it changes nothing.
 */
#include "api/evaluate.h"
#include "api/mcp.h"
#include "api/reply.h"

#include <stdlib.h>

enum {
    TASKS_POLL_MS = 2000,
    TASKS_KEPT_MS = 12 * 3600 * 1000, /* after the escalation's end; less than an idempotency key holds */
    TASKS_ARENA_BLOCK = 16384,
    TASKS_ARENA_CAP = 4 * 1024 * 1024
};

static const char *const kinds[] = {"evaluate-", "wait-"};

/* One look at a task. */
struct look {
    struct api_call *call;
    struct slice id, escalation, agent;
    enum api_mcp_task_kind kind;
    struct mcp_task task;
    const cJSON *document;
    void (*done)(struct look *look, bool found);
    void *context;
};

/* ---- what a task is ---- */

static bool parse_name(struct slice name, struct look *look)
{
    for (int kind = API_MCP_TASK_EVALUATE; kind <= API_MCP_TASK_WAIT; kind++) {
        struct slice prefix = slice_from_str(kinds[kind]);

        if (!slice_starts_with(name, prefix))
            continue;
        look->kind = (enum api_mcp_task_kind)kind;
        look->escalation = slice_sub(name, prefix.size, SIZE_MAX);
        return true;
    }
    return false;
}

static int64_t time_of(const cJSON *document, const char *name)
{
    int64_t time_ms = 0;

    return clock_parse(json_get_text(document, name), &time_ms) ? time_ms : 0;
}

static void set_times(struct look *look)
{
    int64_t created = time_of(look->document, "created_at"), resolved = time_of(look->document, "resolved_at");

    look->task.created_ms = created;
    look->task.updated_ms = resolved ? resolved : created;
    look->task.ttl_ms = (resolved ? resolved : time_of(look->document, "expires_at")) - created + TASKS_KEPT_MS;
    look->task.poll_ms = TASKS_POLL_MS;
}

static void set_result(struct look *look, struct slice text, struct slice structured, bool is_error)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, look->call->http->arena);
    json_begin_object(&w);
    json_key(&w, "resultType");
    json_string(&w, SLICE("complete"));
    mcp_write_tool_result(&w, text, structured, is_error);
    json_end_object(&w);
    look->task.status = MCP_TASK_COMPLETED;
    look->task.payload = out.failed ? SLICE("{}") : buf_slice(&out);
}

/* ---- an approved action is carried on to its decision ---- */

/* What is wrong with the request stays so; anything else may well go the next time. */
static void tell_failure(struct look *look, const struct decide_call *decide)
{
    int status = evaluate_failure_status(decide);
    struct slice detail = reply_detail(decide->arena, &decide->error);

    if (status == 400 || status == 422)
        set_result(look, detail, (struct slice){0}, true);
    else
        look->task.message = detail;
}

static void decided(struct decide_call *decide)
{
    struct api_call *call = decide->user;
    struct look *look = call->user;
    struct buf document, text;

    call->captured = NULL;
    buf_create(&document, decide->arena);
    buf_create(&text, decide->arena);
    if (decide->result == DECIDE_ASKS) {
        set_result(
            look,
            SLICE("The escalation was approved, but its grant has been used or has expired, or the policy now asks for more: "
                  "call evaluate_request again."),
            (struct slice){0}, true);
    } else if (decide->result == DECIDE_FAILED) {
        tell_failure(look, decide);
    } else {
        evaluate_write(decide, DECISION_FORM_FULL, &document);
        api_mcp_render_decided(&text, decide->arena, &decide->decision);
        set_result(look, buf_slice(&text), buf_slice(&document), document.failed || text.failed);
    }
    look->done(look, true);
}

static void not_begun(struct api_call *call, int status, struct slice detail)
{
    struct look *look = call->user;

    (void)status;
    (void)detail;
    call->captured = NULL;
    look->done(look, true); /* still working */
}

static void carry_on(struct look *look)
{
    struct api_call *call = look->call;
    struct arena *arena = call->http->arena;
    const struct evaluate_asking asking = {.never_escalate = true};
    struct request request = {0};
    cJSON *retry = json_new_object(arena);
    struct error error;

    json_put_text(arena, retry, "agent_identity", look->agent);
    json_put_text(arena, retry, "escalation_id", look->escalation);
    json_put_text(arena, retry, "idempotency_key", arena_printf(arena, "mcp-task-%.*s", SLICE_ARG(look->escalation)));
    if (request_from_json(arena, retry, (struct slice){0}, look->agent, &request, &error) != STATUS_OK) {
        look->done(look, true); /* still working: out of memory */
        return;
    }
    call->user = look;
    call->captured = not_begun;
    call->begun_ns = clock_monotonic_ns();
    evaluate_start_asking(call, &request, call->begun_ns, &asking, decided);
}

/* ---- looking ---- */

static void tell_resolution(struct look *look)
{
    struct slice state = json_get_text(look->document, "state"), reason = json_get_text(look->document, "reason");

    set_result(look,
               arena_printf(look->call->http->arena, "%.*s: %.*s. %.*s", SLICE_ARG(look->escalation), SLICE_ARG(state),
                            SLICE_ARG(reason)),
               (struct slice){0}, true);
}

static void tell_escalation(struct look *look, struct slice document)
{
    struct buf text;

    buf_create(&text, look->call->http->arena);
    api_mcp_render_document(&text, look->document);
    set_result(look, buf_slice(&text), document, text.failed);
}

static void show(struct look *look, struct slice document)
{
    struct slice state = json_get_text(look->document, "state");

    set_times(look);
    look->task.status = MCP_TASK_WORKING;
    if (slice_equal(state, SLICE("pending"))) {
        look->task.message = arena_printf(look->call->http->arena, "%.*s waits for a human", SLICE_ARG(look->escalation));
    } else if (look->kind == API_MCP_TASK_WAIT) {
        tell_escalation(look, document);
    } else if (slice_equal(state, SLICE("approved"))) {
        carry_on(look);
        return;
    } else if (slice_equal(state, SLICE("cancelled"))) {
        look->task.status = MCP_TASK_CANCELLED;
    } else {
        tell_resolution(look);
    }
    look->done(look, true);
}

/* The id is good for the agent that it was given to, and only while the task is kept. */
static bool find(struct look *look, struct slice *document)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    const struct api_shared *shared = look->call->api->shared;
    struct arena *arena = look->call->http->arena;
    struct slice owner = {0};
    struct buf out;
    cJSON *parsed = NULL;
    bool pending;
    struct error error;

    buf_create(&out, arena);
    if (!parse_name(slice_sub(look->id, 0, slice_find(look->id, '.', 0)), look) ||
        state_escalation_document(shared->state, arena, look->escalation, false, &out, &owner, &pending, &error) != STATUS_OK ||
        !slice_equal(owner, look->agent) || mcp_task_name(shared->mcp, look->id, owner).size == 0 ||
        json_parse(arena, buf_slice(&out), &limits, &parsed, &error) != STATUS_OK)
        return false;
    look->document = parsed;
    *document = buf_slice(&out);
    set_times(look);
    return clock_now_ms(&shared->clock) <= look->task.created_ms + look->task.ttl_ms;
}

static void start(struct look *look)
{
    struct slice document;

    look->task.id = look->id;
    if (look->agent.size > 0 && find(look, &document))
        show(look, document);
    else
        look->done(look, false);
}

/* ---- tasks/get ---- */

static void got(struct look *look, bool found)
{
    struct mcp_call *mcp = look->context;

    if (found)
        mcp_answer_task(mcp, &look->task);
    else
        mcp_fail_task(mcp);
}

static struct look *new_look(struct mcp_call *mcp, struct slice id)
{
    struct look *look = arena_zalloc(mcp->http->arena, sizeof *look);

    if (!look) {
        mcp_fail(mcp, MCP_INTERNAL_ERROR, SLICE("out of memory; try again"));
        return NULL;
    }
    *look =
        (struct look){.call = api_mcp_caller(mcp), .id = id, .agent = api_mcp_caller(mcp)->agent, .done = got, .context = mcp};
    return look;
}

static void get(struct mcp_call *mcp, struct slice id)
{
    struct look *look = new_look(mcp, id);

    if (look)
        start(look);
}

/* ---- tasks/update: nothing is ever asked of a task ---- */

static void update(struct mcp_call *mcp, struct slice id, const cJSON *responses)
{
    struct look *look = new_look(mcp, id);
    struct slice document;

    (void)responses;
    if (!look)
        return;
    if (look->agent.size > 0 && find(look, &document))
        mcp_answer_empty(mcp);
    else
        mcp_fail_task(mcp);
}

/* ---- tasks/cancel ---- */

/* Whether it came in time shows in the task's status. */
static void cancelled(struct api_call *call, int status, struct slice answer)
{
    (void)status;
    (void)answer;
    call->captured = NULL;
    mcp_answer_empty(api_mcp_of(call));
}

static void cancel(struct mcp_call *mcp, struct slice id)
{
    struct look *look = new_look(mcp, id);
    struct slice document, path;

    if (!look)
        return;
    if (look->agent.size == 0 || !find(look, &document)) {
        mcp_fail_task(mcp);
        return;
    }
    path = arena_printf(mcp->http->arena, "/v1/escalations/%.*s/cancel", SLICE_ARG(look->escalation));
    if (look->kind == API_MCP_TASK_WAIT)
        mcp_answer_empty(mcp);
    else
        api_mcp_ask(mcp, HTTP_METHOD_POST, path, (struct slice){0}, (struct slice){0}, api_escalations_cancel, cancelled);
}

/* ---- notifications ---- */

/* A look for a stream, which may have ended before it is done. */
struct detached {
    struct look look; /* first */
    struct arena arena;
    struct http_call http;
    struct api_call call;
    struct mcp_worker *worker;
    uint64_t stream;
};

static void told(struct look *look, bool found)
{
    struct detached *detached = (struct detached *)look;

    if (found)
        mcp_tell_task(detached->worker, detached->stream, &look->task);
    arena_destroy(&detached->arena);
    free(detached);
}

static void changed(struct mcp_call *listener, struct slice id, uint64_t stream)
{
    struct api_call *call = api_mcp_caller(listener);
    struct detached *detached = http_worker_is_draining(listener->http->worker) ? NULL : calloc(1, sizeof *detached);

    if (!detached)
        return;
    arena_create(&detached->arena, TASKS_ARENA_BLOCK, TASKS_ARENA_CAP);
    detached->http = (struct http_call){.method = HTTP_METHOD_GET, .arena = &detached->arena, .worker = listener->http->worker};
    detached->call = (struct api_call){.api = call->api, .http = &detached->http, .role = call->role};
    detached->call.agent = arena_copy(&detached->arena, call->agent);
    detached->worker = listener->worker;
    detached->stream = stream;
    detached->look = (struct look){
        .call = &detached->call, .id = arena_copy(&detached->arena, id), .agent = detached->call.agent, .done = told};
    start(&detached->look);
}

/* Told of under the escalation's id. */
static struct slice watch(struct mcp_call *mcp, struct slice id)
{
    struct arena arena;
    struct http_call http = {.arena = &arena};
    struct api_call call = {.api = api_mcp_caller(mcp)->api, .http = &http};
    struct look look = {.call = &call, .id = id, .agent = api_mcp_caller(mcp)->agent};
    struct slice document, name = {0};

    arena_create(&arena, TASKS_ARENA_BLOCK, TASKS_ARENA_CAP);
    if (look.agent.size > 0 && find(&look, &document))
        name = arena_copy(mcp->http->arena, look.escalation);
    arena_destroy(&arena);
    return name;
}

const struct mcp_task_methods api_mcp_task_methods = {get, update, cancel, watch, changed};

/* ---- becoming one ---- */

bool api_mcp_become_task(struct mcp_call *mcp, enum api_mcp_task_kind kind, struct slice escalation, struct slice agent)
{
    const struct api_shared *shared = api_mcp_caller(mcp)->api->shared;
    struct look look = {.call = api_mcp_caller(mcp), .agent = agent};
    struct slice document, name;

    if (!(mcp_can(mcp) & MCP_CAN_TASKS) || !slice_equal(agent, look.call->connection_agent))
        return false; /* who it is has to be known from the connection: tasks/get says nothing else */
    name = arena_printf(mcp->http->arena, "%s%.*s", kinds[kind], SLICE_ARG(escalation));
    look.id = mcp_task_id(shared->mcp, mcp->http->arena, name, agent);
    if (!find(&look, &document))
        return false;
    look.task.id = look.id;
    look.task.status = MCP_TASK_WORKING;
    look.task.message = arena_printf(mcp->http->arena, "%.*s waits for a human", SLICE_ARG(escalation));
    mcp_answer_task(mcp, &look.task);
    return true;
}
