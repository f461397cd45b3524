#include "api/authzen.h"

#include "api/reply.h"

static const struct json_limits document_limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};

static bool is_escalation_id(struct slice id)
{
    return slice_starts_with(id, SLICE("ESC-"));
}

/* A decision's id stands for the escalation that it opened or joined. */
static enum status escalation_of(struct api_call *call, struct slice id, struct slice *escalation, struct error *error)
{
    struct decision decision = {0};
    struct uuid uuid;
    uint64_t index;
    enum status status;

    if (!uuid_parse(id, &uuid))
        return error_set(error, STATUS_NOT_FOUND, "", "no task has this id");
    status = ledger_find_id(call->api->shared->ledger, uuid.bytes, &index, error);
    if (status == STATUS_OK)
        status = decide_load(call->api->shared->ledger, index, call->http->arena, DECIDE_READ_MARKS, &decision, error);
    if (status == STATUS_OK && (decision.outcome != DECISION_ESCALATE || decision.escalation_id.size == 0))
        return error_set(error, STATUS_NOT_FOUND, "", "nothing is waiting for an approval by this id");
    *escalation = decision.escalation_id;
    return status;
}

bool authzen_task_from(const cJSON *document, struct authzen_task *task)
{
    *task = (struct authzen_task){.id = json_get_text(document, "decision_id"),
                                  .escalation = json_get_text(document, "id"),
                                  .agent = json_get_text(document, "agent_identity"),
                                  .status = json_get_text(document, "state"),
                                  .document = document};
    return task->id.size > 0 && task->escalation.size > 0;
}

enum status authzen_task_load(struct api_call *call, struct slice id, struct authzen_task *task, struct error *error)
{
    struct slice escalation = id, agent;
    struct buf text;
    cJSON *document = NULL;
    bool pending;
    enum status status = STATUS_OK;

    if (!is_escalation_id(id))
        status = escalation_of(call, id, &escalation, error);
    buf_create(&text, call->http->arena);
    if (status == STATUS_OK)
        status = state_escalation_document(call->api->shared->state, call->http->arena, escalation,
                                           call->role == API_ROLE_ADMIN, &text, &agent, &pending, error);
    if (status == STATUS_OK)
        status = json_parse(call->http->arena, buf_slice(&text), &document_limits, &document, error);
    if (status == STATUS_OK && !authzen_task_from(document, task))
        status = error_set(error, STATUS_CORRUPT, "", "the escalation's document has no ids");
    return status;
}

bool authzen_task_is(const struct authzen_task *task, const char *status)
{
    return slice_equal_str(task->status, status);
}

struct slice authzen_task_template(const struct authzen_task *task)
{
    const cJSON *covers = json_get(task->document, "covers");

    return covers && covers->child ? json_text(covers->child) : (struct slice){0};
}

/* ---- what it looks like ---- */

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_display(struct json_writer *w, const struct authzen_task *task, struct slice title, const char *member)
{
    struct slice description = json_get_text(task->document, member);

    json_key(w, "display");
    json_begin_object(w);
    put_text(w, "title", title);
    if (description.size > 0)
        put_text(w, "description", description);
    json_end_object(w);
}

static struct slice title_of(const struct authzen_task *task)
{
    static const struct {
        const char *status;
        struct slice title;
    } titles[] = {{"pending", {"Waiting for an approver", 23}},
                  {"approved", {"Approved", 8}},
                  {"denied", {"Denied", 6}},
                  {"expired", {"Nobody decided in time", 22}},
                  {"cancelled", {"Cancelled", 9}}};

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (authzen_task_is(task, titles[i].status))
            return titles[i].title;
    }
    return task->status;
}

static void put_result(struct json_writer *w, const struct authzen_task *task)
{
    struct slice at = json_get_text(task->document, "resolved_at");
    struct slice until = json_get_text(json_get(task->document, "grant"), "expires_at");

    json_key(w, "result");
    json_begin_object(w);
    put_text(w, "mode", SLICE("reevaluate"));
    json_key(w, "approval");
    json_begin_object(w);
    put_text(w, "id", task->id);
    put_text(w, "approved_at", at);
    put_text(w, "approved_until", until.size > 0 ? until : at);
    json_end_object(w);
    json_end_object(w);
}

static struct slice address_of(const struct api_call *call, const struct authzen_task *task, const char *suffix)
{
    return arena_printf(call->http->arena, "%.*s/access/v1/requests/%.*s%s", SLICE_ARG(authzen_base(call)), SLICE_ARG(task->id),
                        suffix);
}

void authzen_task_write(struct json_writer *w, const struct api_call *call, const struct authzen_task *task)
{
    bool pending = authzen_task_is(task, "pending");

    json_key(w, "task");
    json_begin_object(w);
    put_text(w, "id", task->id);
    put_text(w, "status", task->status);
    put_text(w, "status_endpoint", address_of(call, task, ""));
    if (pending)
        put_text(w, "expires_at", json_get_text(task->document, "expires_at"));
    put_display(w, task, title_of(task), pending ? "rationale" : "reason");
    if (pending) {
        json_key(w, "links");
        json_begin_object(w);
        put_text(w, "cancel", address_of(call, task, "/cancel"));
        json_end_object(w);
    }
    json_end_object(w);
    if (authzen_task_is(task, "approved"))
        put_result(w, task);
}

void authzen_task_write_denial(struct json_writer *w, const struct authzen_task *task)
{
    json_key(w, "access_request");
    json_begin_object(w);
    if (authzen_task_template(task).size > 0)
        put_text(w, "template", authzen_task_template(task));
    put_text(w, "expires_at", json_get_text(task->document, "expires_at"));
    put_display(w, task, SLICE("An approval is needed"), "rationale");
    json_end_object(w);
}

void authzen_problem(struct api_call *call, int status, const char *type, struct slice detail)
{
    reply_problem_typed(call, status, arena_printf(call->http->arena, "urn:openid:authzen:access-request:error:%s", type),
                        detail);
}
