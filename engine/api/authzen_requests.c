/*
 * The Access Request and Approval Profile of AuthZEN (draft 1): submit, look, cancel. A requestable denial has opened its
 * escalation already, so a submission changes nothing: it is checked against the denied evaluation, and answered with the task
 * that the escalation is. Sent again it is the same task.
 */
#include "api/access.h"
#include "api/authzen.h"
#include "api/body.h"
#include "api/reply.h"
#include "api/retries.h"

enum { ID_SEGMENT = 3, RETRY_AFTER_S = 5 };

/* ---- answers ---- */

static void reply_task(struct api_call *call, const struct authzen_task *task, int status)
{
    bool pending = authzen_task_is(task, "pending");
    struct http_header headers[2] = {{SLICE("Location"), {0}}, {SLICE("Retry-After"), {0}}};
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    authzen_task_write(&w, call, task);
    json_end_object(&w);
    headers[0].value =
        arena_printf(call->http->arena, "%.*s/access/v1/requests/%.*s", SLICE_ARG(authzen_base(call)), SLICE_ARG(task->id));
    headers[1].value = arena_printf(call->http->arena, "%d", RETRY_AFTER_S);
    if (status == 200) /* a look: no Location */
        reply_json_with(call, status, &out, &headers[1], pending ? 1 : 0);
    else
        reply_json_with(call, status, &out, headers, pending ? 2 : 1);
}

static void reply_unknown(struct api_call *call)
{
    authzen_problem(call, 404, "unknown_task", SLICE("the task does not exist, or belongs to another agent"));
}

static void reply_unbound(struct api_call *call, struct slice detail)
{
    authzen_problem(call, 400, "invalid_denial_binding", detail);
}

/* ---- submission: what it says ---- */

struct submission {
    struct api_call *call;
    const cJSON *body, *denial;
    struct request request;
    struct authzen_task task;
    struct digest key, digest;
    bool keyed, repeated;
};

/* What Edict does not do is refused by name instead of being accepted and forgotten. */
static bool is_supported(struct submission *submission)
{
    if (json_get(submission->body, "items")) {
        reply_problem(submission->call, 400, "/items", "bundles are not taken; submit each item, with its own denial");
        return false;
    }
    if (json_get(submission->body, "callback")) {
        reply_problem(submission->call, 400, "/callback",
                      "no callback address is authorized here; poll the task's status_endpoint, with ?wait=30 for a long poll");
        return false;
    }
    return true;
}

static bool read_request(struct submission *submission)
{
    static const cJSON missing;
    const cJSON *subject = json_get(submission->body, "subject"), *action = json_get(submission->body, "action");
    const struct authzen_parts parts = {.subject = subject ? subject : &missing,
                                        .action = action ? action : &missing,
                                        .resource = json_get(submission->body, "resource"),
                                        .context = json_get(submission->body, "context")};
    struct api_call *call = submission->call;
    struct error error = {0};
    cJSON *object = authzen_request(call->http->arena, &parts, &error);

    if (!object || request_from_json(call->http->arena, object, (struct slice){0}, call->agent, &submission->request, &error) !=
                       STATUS_OK) {
        reply_error(call, &error);
        return false;
    }
    if (call->agent.size == 0)
        call->agent = submission->request.agent_identity; /* an agent, about itself */
    return true;
}

/* ---- submission: is it the evaluation that was denied? ---- */

static bool load_denied(struct submission *submission, struct decision *decision)
{
    struct api_call *call = submission->call;
    struct ledger *ledger = call->api->shared->ledger;
    struct slice id = json_get_text(submission->denial, "evaluation_id");
    struct uuid uuid;
    uint64_t index;
    struct error error = {0};

    if (!uuid_parse(id, &uuid)) {
        reply_unbound(call, SLICE("/denial/evaluation_id: send context.evaluation_id of the denied evaluation; it is all the "
                                  "binding there is"));
        return false;
    }
    if (ledger_find_id(ledger, uuid.bytes, &index, &error) != STATUS_OK ||
        decide_load(ledger, index, call->http->arena, DECIDE_READ_ALL, decision, &error) != STATUS_OK) {
        if (error.status != STATUS_NOT_FOUND)
            reply_error(call, &error);
        else
            reply_unbound(call, SLICE("/denial/evaluation_id: no evaluation has this id"));
        return false;
    }
    if (slice_equal(decision->request.agent_identity, submission->request.agent_identity))
        return true;
    reply_unbound(call, SLICE("/subject: the evaluation was of another subject"));
    return false;
}

/* Every member that the evaluation saw is there and is the same. What the submission adds to its context is an augmentation;
 * what it adds to the resource is another resource. */
static const char *difference(const struct submission *submission, const struct request *denied)
{
    const struct request *sent = &submission->request;
    const cJSON *member;

    if (!slice_equal(sent->operation, denied->operation))
        return "/action/name: not what was evaluated";
    if (!slice_equal(sent->command, denied->command))
        return "/action/properties/command: not what was evaluated";
    if (sent->estimated_cost_micro_usd != denied->estimated_cost_micro_usd)
        return "/action/properties/estimated_cost_usd: not what was evaluated";
    cJSON_ArrayForEach(member, denied->context)
    {
        const cJSON *there = json_get(sent->context, member->string);

        if (!there || !json_equal(there, member))
            return "/context, /resource or /subject/properties: not what was evaluated; keep every member as it was";
    }
    cJSON_ArrayForEach(member, json_get(json_get(submission->body, "resource"), "properties"))
    {
        if (!json_get(denied->context, member->string))
            return "/resource/properties: a member was not there when it was evaluated";
    }
    return NULL;
}

static bool is_bound(struct submission *submission, const struct decision *decision)
{
    const cJSON *template = json_get(submission->denial, "template");
    const char *differs = difference(submission, &decision->request);
    int64_t echoed = 0;

    if (!clock_parse(json_get_text(submission->denial, "expires_at"), &echoed))
        differs = "/denial/expires_at: send context.access_request.expires_at of the denied evaluation";
    else if (template && !slice_equal(json_text(template), authzen_task_template(&submission->task)))
        differs = "/denial/template: not what the denied evaluation gave";
    if (differs)
        reply_unbound(submission->call, slice_from_str(differs));
    return !differs;
}

static bool is_fresh(struct submission *submission)
{
    const struct authzen_task *task = &submission->task;
    int64_t until = 0;

    if (!authzen_task_is(task, "expired") &&
        (!authzen_task_is(task, "pending") || !clock_parse(json_get_text(task->document, "expires_at"), &until) ||
         until > clock_now_ms(&submission->call->api->shared->clock)))
        return true;
    authzen_problem(submission->call, 410, "expired_denial",
                    SLICE("/denial/expires_at: the time for requesting this is over; evaluate again"));
    return false;
}

static bool check_denial(struct submission *submission)
{
    struct api_call *call = submission->call;
    struct decision decision = {0};
    struct error error = {0};

    submission->denial = json_get(submission->body, "denial");
    if (!cJSON_IsObject(submission->denial)) {
        reply_unbound(call, SLICE("/denial: required; evaluate first, and send evaluation_id and expires_at of that answer"));
        return false;
    }
    if (!load_denied(submission, &decision))
        return false;
    if (decision.outcome != DECISION_ESCALATE || decision.escalation_id.size == 0) {
        authzen_problem(call, 400, "not_requestable",
                        SLICE("/denial/evaluation_id: that evaluation has no context.access_request; nobody can approve it"));
        return false;
    }
    if (authzen_task_load(call, decision.escalation_id, &submission->task, &error) != STATUS_OK) {
        reply_error(call, &error);
        return false;
    }
    return is_bound(submission, &decision) && is_fresh(submission);
}

/* ---- submission: again? ---- */

static bool check_key(struct submission *submission)
{
    struct api_call *call = submission->call;
    const struct api_shared *shared = call->api->shared;
    const struct slice separator = slice_from("", 1);
    struct slice key, parts[3];
    struct buf canonical;
    enum retries_answer answer;

    if (!header_idempotency_key(call, &key))
        return false;
    if (key.size == 0)
        return true;
    parts[0] = SLICE("access request");
    parts[1] = call->role == API_ROLE_ADMIN ? separator : submission->request.agent_identity;
    parts[2] = key;
    digest_sha256_many((const struct slice[]){parts[0], separator, parts[1], separator, parts[2]}, 5, &submission->key);
    buf_create(&canonical, call->http->arena);
    json_write_canonical(&canonical, call->http->arena, submission->body);
    digest_sha256(buf_slice(&canonical), &submission->digest);
    answer = retries_look_up(shared->retries, &submission->key, &submission->digest, clock_now_ms(&shared->clock), NULL);
    submission->keyed = !canonical.failed;
    submission->repeated = answer == RETRIES_SAME;
    if (answer != RETRIES_OTHER && !canonical.failed)
        return true;
    authzen_problem(call, 409, "duplicate_request", SLICE("Idempotency-Key: this key was used for another submission"));
    return false;
}

void api_authzen_request(struct api_call *call)
{
    const struct api_shared *shared = call->api->shared;
    struct submission submission = {.call = call};

    submission.body = authzen_body(call);
    if (!submission.body || !is_supported(&submission) || !read_request(&submission) || !check_key(&submission) ||
        !check_denial(&submission))
        return;
    if (submission.keyed && !submission.repeated)
        retries_remember(shared->retries, &submission.key, &submission.digest, clock_now_ms(&shared->clock), 0);
    reply_task(call, &submission.task, authzen_task_is(&submission.task, "pending") ? 202 : 201);
}

/* ---- a task ---- */

/* The task that the path names, whose agent the caller is; answers and returns false otherwise. */
static bool find_task(struct api_call *call, struct authzen_task *task)
{
    struct slice id = {0};
    struct error error = {0};
    enum status status = http_path_segment(call->http, ID_SEGMENT, &id) ? authzen_task_load(call, id, task, &error)
                                                                        : error_set(&error, STATUS_NOT_FOUND, "", "no task");

    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        reply_error(call, &error);
        return false;
    }
    if (call->role != API_ROLE_ADMIN && call->agent.size == 0)
        return access_owns(call, (struct slice){0}, "the task"); /* says to name the agent */
    if (status == STATUS_OK && (call->role == API_ROLE_ADMIN || slice_equal(task->agent, call->agent)))
        return true;
    reply_unknown(call);
    return false;
}

/* From the resource that was asked: the escalation's document, or why not. */
static void task_answered(struct api_call *call, int status, struct slice answer)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    struct authzen_task task;
    struct error error = {0};
    cJSON *document = NULL;

    call->captured = NULL;
    if (status == 409)
        authzen_problem(call, 409, "invalid_task_state", SLICE("the task has been completed; what it became stays"));
    else if (status >= 400)
        reply_problem_with(call, status, answer, NULL, 0);
    else if (json_parse(call->http->arena, answer, &limits, &document, &error) != STATUS_OK ||
             !authzen_task_from(document, &task))
        reply_problem(call, 503, "", "the task could not be read; try again");
    else
        reply_task(call, &task, 200);
}

static void ask_escalation(struct api_call *call, const struct authzen_task *task, const char *verb,
                           void (*resource)(struct api_call *call))
{
    call->http->raw_path = arena_printf(call->http->arena, "/v1/escalations/%.*s%s", SLICE_ARG(task->escalation), verb);
    call->http->path = call->http->raw_path;
    call->captured = task_answered;
    resource(call);
}

void api_authzen_task(struct api_call *call)
{
    struct authzen_task task;

    if (find_task(call, &task))
        ask_escalation(call, &task, "", api_escalations_show);
}

/* The profile's reason is a code and its comment is for people; the record keeps one text. */
static bool read_cancellation(struct api_call *call, struct buf *out)
{
    static const char *const names[] = {"reason", "comment", NULL};
    const cJSON *body = body_object(call, names, true);
    struct slice reason, comment;
    struct buf text;

    if (!body || !body_text(call, body, "reason", EVENT_REASON_MAX / 2, &reason) ||
        !body_text(call, body, "comment", EVENT_REASON_MAX / 2 - 2, &comment))
        return false;
    buf_create(&text, call->http->arena);
    buf_add_slice(&text, reason);
    if (reason.size > 0 && comment.size > 0)
        buf_add_str(&text, ": ");
    buf_add_slice(&text, comment);
    buf_add_str(out, "{\"reason\":");
    json_write_string(out, buf_slice(&text));
    buf_add_str(out, "}");
    buf_add_char(out, '\0');
    if (!out->failed && !text.failed)
        return true;
    reply_problem(call, 503, "", "out of memory; try again");
    return false;
}

void api_authzen_cancel(struct api_call *call)
{
    static const char *const no_parameters[] = {NULL};
    struct authzen_task task;
    struct buf body;

    buf_create(&body, call->http->arena);
    if (!parameters_check(call, no_parameters) || !find_task(call, &task) || !read_cancellation(call, &body))
        return;
    call->http->body = slice_from(body.data, body.size - 1);
    ask_escalation(call, &task, "/cancel", api_escalations_cancel);
}
