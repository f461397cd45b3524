/*
 * OpenID AuthZEN Authorization API 1.0: evaluation, evaluations, discovery. A door to POST /v1/evaluate; docs/authzen.md has
 * the mapping. Tier 0 and 1 are decision true, 2 and 3 false.
 */
#include "api/authzen.h"
#include "api/body.h"
#include "api/evaluate.h"
#include "api/reply.h"
#include "proto/json.h"

enum { AUTHZEN_ITEMS_MAX = 100 };

enum semantic { EXECUTE_ALL, DENY_ON_FIRST_DENY, PERMIT_ON_FIRST_PERMIT };

/* One call, in its arena. */
struct authzen {
    struct api_call *call;
    const cJSON *defaults; /* the body */
    const cJSON *item;     /* the next of evaluations[]; NULL in a single evaluation */
    bool single;
    enum semantic semantic;
    struct slice key;                 /* of a list: Idempotency-Key */
    unsigned position;                /* of the item */
    struct authzen_approval approval; /* of the item that is being decided */
    struct buf out;
    bool comma;
};

/* ---- answers ---- */

static void answer(struct authzen *authzen)
{
    reply_json(authzen->call, 200, &authzen->out);
}

static void write_member(struct json_writer *w, struct arena *arena, const cJSON *decision, const char *name)
{
    const cJSON *value = json_get(decision, name);

    if (!value || cJSON_IsNull(value) || ((cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child))
        return;
    json_key(w, name);
    json_value(w, arena, value);
}

/* The escalation that this decision opened or joined, as something that may be requested; false where there is none, or where
 * its document cannot be read, and then the profile wants nothing said of it. */
static bool find_task(struct authzen *authzen, const cJSON *decision, struct authzen_task *task)
{
    struct slice escalation = json_get_text(decision, "escalation_id");
    struct error error;

    return escalation.size > 0 && json_get_text(decision, "decision_id").size > 0 &&
           slice_equal(json_get_text(decision, "decision"), SLICE("escalate")) &&
           authzen_task_load(authzen->call, escalation, task, &error) == STATUS_OK;
}

static void write_evaluation(struct authzen *authzen, const cJSON *decision)
{
    static const char *const members[] = {"tier",          "rationale", "next_steps",   "decision_id",
                                          "rules",         "missing",   "alternatives", "obligations",
                                          "escalation_id", "grant_id",  "explanation"};
    struct arena *arena = authzen->call->http->arena;
    struct json_writer w = {.out = &authzen->out};
    struct slice id = json_get_text(decision, "decision_id");
    struct authzen_task task;
    bool requestable = find_task(authzen, decision, &task);

    json_begin_object(&w);
    json_key(&w, "decision");
    json_bool(&w, slice_equal(json_get_text(decision, "decision"), SLICE("approve")));
    json_key(&w, "context");
    json_begin_object(&w);
    if (id.size > 0) {
        json_key(&w, "evaluation_id");
        json_string(&w, id);
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        write_member(&w, arena, decision, members[i]);
    authzen_approval_write(&w, authzen->call, &authzen->approval, decision, requestable);
    if (requestable)
        authzen_task_write_denial(&w, &task);
    json_end_object(&w);
    json_end_object(&w);
}

static void write_failure(struct authzen *authzen, int status, struct slice message)
{
    struct json_writer w = {.out = &authzen->out};

    json_begin_object(&w);
    json_key(&w, "decision");
    json_bool(&w, false);
    json_key(&w, "context");
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_key(&w, "status");
    json_i64(&w, status);
    json_key(&w, "message");
    json_string(&w, message);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
}

/* ---- from subject, action, resource and context to a request ---- */

/* An item's own member, or the default; whole, not merged (the specification's rule). */
static const cJSON *part(const struct authzen *authzen, const char *name)
{
    const cJSON *own = authzen->single ? NULL : json_get(authzen->item, name);

    return own ? own : json_get(authzen->defaults, name);
}

/* Each item of a list gets a key of its own from the header, so that the list can be sent again. */
static bool put_key(struct authzen *authzen, cJSON *request, struct error *error)
{
    if (authzen->single || authzen->key.size == 0 || json_get(request, "idempotency_key"))
        return true;
    if (authzen->key.size + 4 > REQUEST_ID_MAX) {
        (void)error_set(error, STATUS_INVALID, "Idempotency-Key", "with a list, at most %d characters", REQUEST_ID_MAX - 4);
        return false;
    }
    json_put_text(authzen->call->http->arena, request, "idempotency_key",
                  arena_printf(authzen->call->http->arena, "%.*s/%u", SLICE_ARG(authzen->key), authzen->position));
    return true;
}

/* The body of POST /v1/evaluate; empty with `error` set when a part is missing or wrong. With an approval the whole action is
 * decided again: its grant is for exactly what was approved, so another action beside the same reference gains nothing. */
static struct slice request_of(struct authzen *authzen, struct error *error)
{
    static const cJSON missing;
    struct api_call *call = authzen->call;
    const cJSON *subject = part(authzen, "subject"), *action = part(authzen, "action");
    const struct authzen_parts parts = {.subject = subject ? subject : &missing,
                                        .action = action ? action : &missing,
                                        .resource = part(authzen, "resource"),
                                        .context = part(authzen, "context")};
    cJSON *request = authzen_request(call->http->arena, &parts, error);
    struct buf out;

    if (!request)
        return (struct slice){0};
    if (!put_key(authzen, request, error))
        return (struct slice){0};
    authzen_approval_read(call, parts.context, json_get_text(request, "agent_identity"), &authzen->approval);
    if (authzen->approval.found)
        json_put_text(call->http->arena, request, "escalation_id", authzen->approval.task.escalation);
    buf_create(&out, call->http->arena);
    json_write(&out, request);
    buf_add_char(&out, '\0'); /* bodies end with one past their size */
    if (!out.failed)
        return slice_from(out.data, out.size - 1);
    (void)error_set(error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
    return (struct slice){0};
}

/* ---- one after the other ---- */

static void next(struct authzen *authzen);

/* False when the semantic ends the list here. */
static bool goes_on(const struct authzen *authzen, bool permitted)
{
    return authzen->semantic == EXECUTE_ALL || (authzen->semantic == DENY_ON_FIRST_DENY && permitted) ||
           (authzen->semantic == PERMIT_ON_FIRST_PERMIT && !permitted);
}

static void end_list(struct authzen *authzen)
{
    buf_add_str(&authzen->out, "]}");
    answer(authzen);
}

static void item_done(struct authzen *authzen, bool permitted)
{
    authzen->item = authzen->item->next;
    authzen->position++;
    if (authzen->item && goes_on(authzen, permitted))
        next(authzen);
    else
        end_list(authzen);
}

static void evaluated(struct api_call *call, int status, struct slice text)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    struct authzen *authzen = call->user;
    struct error error = {0};
    cJSON *decision = NULL;

    call->captured = NULL;
    if (status < 400 && json_parse(call->http->arena, text, &limits, &decision, &error) != STATUS_OK) {
        status = 500;
        text = SLICE("the decision could not be read; try again");
    }
    if (authzen->single && status >= 400) {
        reply_problem_with(call, status, text, NULL, 0);
        return;
    }
    if (status >= 400)
        write_failure(authzen, status, text);
    else
        write_evaluation(authzen, decision);
    if (authzen->single)
        answer(authzen);
    else
        item_done(authzen, slice_equal(json_get_text(decision, "decision"), SLICE("approve")));
}

static void next(struct authzen *authzen)
{
    struct http_call *http = authzen->call->http;
    struct error error = {0};
    struct slice body = request_of(authzen, &error);

    if (authzen->comma)
        buf_add_char(&authzen->out, ',');
    authzen->comma = true;
    if (body.size == 0) {
        evaluate_count_refused(authzen->call);
        evaluated(authzen->call, reply_http_status(error.status), reply_detail(http->arena, &error));
        return;
    }
    http->body = body;
    http->query = (struct slice){0};
    authzen->call->captured = evaluated;
    api_evaluate(authzen->call);
}

/* ---- the doors ---- */

static struct authzen *begin(struct api_call *call)
{
    cJSON *body = authzen_body(call);
    struct authzen *authzen;

    if (!body)
        return NULL;
    authzen = arena_zalloc(call->http->arena, sizeof *authzen);
    if (!authzen) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    *authzen = (struct authzen){.call = call, .defaults = body, .single = true};
    buf_create(&authzen->out, call->http->arena);
    call->user = authzen;
    return authzen;
}

void api_authzen_evaluation(struct api_call *call)
{
    struct authzen *authzen = begin(call);

    if (authzen)
        next(authzen);
}

static bool read_semantic(struct authzen *authzen)
{
    static const char *const names[] = {"execute_all", "deny_on_first_deny", "permit_on_first_permit"};
    const cJSON *options = json_get(authzen->defaults, "options"), *given = json_get(options, "evaluations_semantic");

    if (options && !cJSON_IsObject(options)) {
        reply_problem(authzen->call, 400, "/options", "expected an object");
        return false;
    }
    if (!given)
        return true;
    for (int i = 0; i < 3; i++) {
        if (slice_equal_str(json_text(given), names[i])) {
            authzen->semantic = (enum semantic)i;
            return true;
        }
    }
    reply_problem(authzen->call, 400, "/options/evaluations_semantic",
                  "expected \"execute_all\", \"deny_on_first_deny\" or \"permit_on_first_permit\"");
    return false;
}

void api_authzen_evaluations(struct api_call *call)
{
    struct authzen *authzen = begin(call);
    const cJSON *list;

    if (!authzen || !read_semantic(authzen))
        return;
    list = json_get(authzen->defaults, "evaluations");
    if (list && !cJSON_IsArray(list)) {
        reply_problem(call, 400, "/evaluations", "expected a list");
        return;
    }
    if (cJSON_GetArraySize(list) > AUTHZEN_ITEMS_MAX) {
        reply_problem(call, 400, "/evaluations", "more than 100; send them in several calls");
        return;
    }
    if (list && list->child) { /* none: the same as one evaluation */
        if (!header_idempotency_key(call, &authzen->key))
            return;
        call->key_is_taken = true;
        authzen->single = false;
        authzen->item = list->child;
        buf_add_str(&authzen->out, "{\"evaluations\":[");
    }
    next(authzen);
}

/* Under --public-url, or the address that the caller used, which has been found to be local. */
void api_authzen_configuration(struct api_call *call)
{
    static const char *const no_parameters[] = {NULL};
    static const struct {
        const char *name, *path;
    } endpoints[] = {{"policy_decision_point", ""},
                     {"access_evaluation_endpoint", "/access/v1/evaluation"},
                     {"access_evaluations_endpoint", "/access/v1/evaluations"},
                     {"search_subject_endpoint", "/access/v1/search/subject"},
                     {"search_action_endpoint", "/access/v1/search/action"},
                     {"access_request_endpoint", "/access/v1/requests"}};
    struct slice base = authzen_base(call);
    struct buf out;
    struct json_writer w = {.out = &out};

    if (!parameters_check(call, no_parameters))
        return;
    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        json_key(&w, endpoints[i].name);
        json_string(&w, arena_printf(call->http->arena, "%.*s%s", SLICE_ARG(base), endpoints[i].path));
    }
    json_key(&w, "capabilities");
    json_raw(&w, SLICE("[\"urn:openid:authzen:capability:access-request\"]"));
    json_end_object(&w);
    reply_json(call, 200, &out);
}
