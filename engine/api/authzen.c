/*
 * OpenID AuthZEN Authorization API 1.0: evaluation, evaluations, discovery. A door to POST /v1/evaluate; docs/authzen.md has
 * the mapping. Tier 0 and 1 are decision true, 2 and 3 false.
 */
#include "api/api.h"
#include "api/body.h"
#include "api/evaluate.h"
#include "api/reply.h"
#include "proto/json.h"

enum { AUTHZEN_ITEMS_MAX = 100, AUTHZEN_ID_MAX = 256 };

enum semantic { EXECUTE_ALL, DENY_ON_FIRST_DENY, PERMIT_ON_FIRST_PERMIT };

/* One call, in its arena. */
struct authzen {
    struct api_call *call;
    const cJSON *defaults; /* the body */
    const cJSON *item;     /* the next of evaluations[]; NULL in a single evaluation */
    bool single;
    enum semantic semantic;
    struct slice request_id; /* X-Request-ID, to echo */
    struct buf out;
    bool comma;
};

/* ---- answers ---- */

static void answer(struct authzen *authzen)
{
    struct http_header echo = {SLICE("X-Request-ID"), authzen->request_id};

    reply_json_with(authzen->call, 200, &authzen->out, &echo, authzen->request_id.size > 0 ? 1 : 0);
}

static void write_member(struct json_writer *w, struct arena *arena, const cJSON *decision, const char *name)
{
    const cJSON *value = json_get(decision, name);

    if (!value || cJSON_IsNull(value) || ((cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child))
        return;
    json_key(w, name);
    json_value(w, arena, value);
}

/* What the access-request profile calls a request that a human decides; here it has been opened already. */
static void write_access_request(struct json_writer *w, struct slice escalation)
{
    if (escalation.size == 0)
        return;
    json_key(w, "access_request");
    json_begin_object(w);
    json_key(w, "id");
    json_string(w, escalation);
    json_key(w, "status");
    json_string(w, SLICE("pending"));
    json_key(w, "status_endpoint");
    buf_add_str(w->out, "\"/v1/escalations/");
    buf_add_slice(w->out, escalation);
    buf_add_char(w->out, '"');
    w->comma = true;
    json_end_object(w);
}

static void write_evaluation(struct authzen *authzen, const cJSON *decision)
{
    static const char *const members[] = {"tier",          "rationale", "next_steps",   "decision_id",
                                          "rules",         "missing",   "alternatives", "obligations",
                                          "escalation_id", "grant_id",  "explanation"};
    struct arena *arena = authzen->call->http->arena;
    struct json_writer w = {.out = &authzen->out};

    json_begin_object(&w);
    json_key(&w, "decision");
    json_bool(&w, slice_equal(json_get_text(decision, "decision"), SLICE("approve")));
    json_key(&w, "context");
    json_begin_object(&w);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        write_member(&w, arena, decision, members[i]);
    write_access_request(&w, json_get_text(decision, "escalation_id"));
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

static bool copy_members(struct arena *arena, cJSON *to, const cJSON *from, const char *where, struct error *error)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, from)
    {
        const cJSON *there = json_get(to, member->string);

        if (!there) {
            json_put_named(arena, to, slice_from_str(member->string), json_copy(arena, member));
        } else if (!json_equal(there, member)) {
            (void)error_set(error, STATUS_INVALID, where, "\"%.80s\" is given twice, with different values", member->string);
            return false;
        }
    }
    return true;
}

static bool need_text(const cJSON *object, const char *pointer, const char *name, struct slice *out, struct error *error)
{
    *out = json_get_text(object, name);
    if (out->size > 0)
        return true;
    (void)error_set(error, STATUS_INVALID, pointer, "\"%s\": expected a text", name);
    return false;
}

/* context: what the caller sends, the resource's properties, and what the resource is. */
static bool put_context(struct authzen *authzen, cJSON *request, struct error *error)
{
    struct arena *arena = authzen->call->http->arena;
    const cJSON *resource = part(authzen, "resource"), *given = part(authzen, "context"), *member;
    cJSON *context = json_new_object(arena), *own = json_new_object(arena);
    struct slice type, id;

    if (!need_text(resource, "/resource", "type", &type, error) || !need_text(resource, "/resource", "id", &id, error))
        return false;
    json_put_text(arena, own, "resource_type", type);
    json_put_text(arena, own, "resource_name", id);
    cJSON_ArrayForEach(member, given)
    {
        if (strcmp(member->string, "approval") != 0)
            json_put_named(arena, context, slice_from_str(member->string), json_copy(arena, member));
    }
    if (!copy_members(arena, context, json_get(resource, "properties"), "/resource/properties", error) ||
        !copy_members(arena, context, own, "/resource", error))
        return false;
    json_put(request, "context", context);
    return true;
}

static bool put_action(struct authzen *authzen, cJSON *request, struct error *error)
{
    static const char *const names[] = {"command",         "justification", "estimated_cost_usd",
                                        "idempotency_key", "dry_run",       "explain"};
    struct arena *arena = authzen->call->http->arena;
    const cJSON *action = part(authzen, "action"), *properties = json_get(action, "properties"), *member;
    struct slice name;
    size_t known = 0;

    if (!need_text(action, "/action", "name", &name, error))
        return false;
    json_put_text(arena, request, "operation", name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((member = json_get(properties, names[i]))) {
            json_put(request, names[i], json_copy(arena, member));
            known++;
        }
    }
    if (known == (size_t)cJSON_GetArraySize(properties))
        return true;
    (void)error_set(error, STATUS_INVALID, "/action/properties",
                    "known are command, justification, estimated_cost_usd, idempotency_key, dry_run and explain");
    return false;
}

/* The body of POST /v1/evaluate; empty with `error` set when a part is missing or wrong. */
static struct slice request_of(struct authzen *authzen, struct error *error)
{
    struct arena *arena = authzen->call->http->arena;
    const cJSON *subject = part(authzen, "subject");
    struct slice type, id, approval = json_get_text(json_get(part(authzen, "context"), "approval"), "id");
    cJSON *request = json_new_object(arena);
    struct buf out;

    if (!need_text(subject, "/subject", "type", &type, error) || !need_text(subject, "/subject", "id", &id, error))
        return (struct slice){0};
    if (!slice_equal(type, SLICE("agent"))) {
        (void)error_set(error, STATUS_INVALID, "/subject/type", "expected \"agent\": Edict decides about agents");
        return (struct slice){0};
    }
    json_put_text(arena, request, "agent_identity", id);
    if (approval.size > 0) /* what was approved is carried out as it was asked */
        json_put_text(arena, request, "escalation_id", approval);
    else if (!put_action(authzen, request, error) || !put_context(authzen, request, error))
        return (struct slice){0};
    buf_create(&out, arena);
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
    static const char *const no_parameters[] = {NULL};
    struct authzen *authzen = arena_zalloc(call->http->arena, sizeof *authzen);
    struct error error = {0};
    cJSON *body = NULL;

    if (!authzen || !parameters_check(call, no_parameters) || !body_check(call)) {
        if (!authzen)
            reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    if (json_parse(call->http->arena, call->http->body, &json_limits_default, &body, &error) != STATUS_OK) {
        reply_error(call, &error);
        return NULL;
    }
    if (!cJSON_IsObject(body)) {
        reply_problem(call, 400, "", "expected an object with subject, action and resource");
        return NULL;
    }
    *authzen = (struct authzen){.call = call, .defaults = body, .single = true};
    if (http_header_get(call->http, "x-request-id", &authzen->request_id) != 1 || authzen->request_id.size > AUTHZEN_ID_MAX)
        authzen->request_id = (struct slice){0};
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
    const cJSON *given = json_get(json_get(authzen->defaults, "options"), "evaluations_semantic");

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
        authzen->single = false;
        authzen->item = list->child;
        buf_add_str(&authzen->out, "{\"evaluations\":[");
    }
    next(authzen);
}

/* Under the address that the caller used, which has been found to be local. */
void api_authzen_configuration(struct api_call *call)
{
    static const char *const no_parameters[] = {NULL};
    struct slice host = SLICE("localhost");
    struct json_writer w;
    struct buf out, base;

    if (!parameters_check(call, no_parameters))
        return;
    (void)http_header_get(call->http, "host", &host);
    buf_create(&base, call->http->arena);
    buf_add_str(&base, call->http->tls ? "https://" : "http://");
    buf_add_slice(&base, host);
    buf_create(&out, call->http->arena);
    w = (struct json_writer){.out = &out};
    json_begin_object(&w);
    json_key(&w, "policy_decision_point");
    json_string(&w, buf_slice(&base));
    json_key(&w, "access_evaluation_endpoint");
    json_string(&w, arena_printf(call->http->arena, "%.*s/access/v1/evaluation", SLICE_ARG(buf_slice(&base))));
    json_key(&w, "access_evaluations_endpoint");
    json_string(&w, arena_printf(call->http->arena, "%.*s/access/v1/evaluations", SLICE_ARG(buf_slice(&base))));
    json_end_object(&w);
    reply_json(call, 200, &out);
}
