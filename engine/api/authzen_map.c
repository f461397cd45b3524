#include "api/authzen.h"

#include "api/body.h"
#include "api/reply.h"
#include "base/text.h"

enum { TYPE_BYTES_MAX = 32, NEAR = 2 /* letters: a misspelt name, not another one */, PART = 4 };

static const char *const action_names[] = {"command",         "justification", "estimated_cost_usd",
                                           "idempotency_key", "dry_run",       "explain"};
enum { ACTION_NAMES = sizeof action_names / sizeof *action_names };

static bool need_text(const cJSON *object, const char *pointer, const char *name, struct slice *out, struct error *error)
{
    *out = json_get_text(object, name);
    if (out->size > 0)
        return true;
    (void)error_set(error, STATUS_INVALID, pointer, "\"%s\": expected a text", name);
    return false;
}

static bool properties_are_an_object(const cJSON *entity, const char *pointer, struct error *error)
{
    const cJSON *properties = json_get(entity, "properties");

    if (!properties || cJSON_IsObject(properties))
        return true;
    (void)error_set(error, STATUS_INVALID, pointer, "expected an object");
    return false;
}

/* ---- subject ---- */

static bool type_is_name(struct slice type)
{
    bool good = type.size > 0 && type.size <= TYPE_BYTES_MAX;

    for (size_t i = 0; good && i < type.size; i++)
        good = (type.data[i] >= 'a' && type.data[i] <= 'z') || (i > 0 && type.data[i] >= '0' && type.data[i] <= '9') ||
               (i > 0 && (type.data[i] == '-' || type.data[i] == '_'));
    return good;
}

bool authzen_identity(struct arena *arena, const cJSON *subject, struct slice *identity, struct error *error)
{
    struct slice type, id;

    if (!need_text(subject, "/subject", "type", &type, error) || !need_text(subject, "/subject", "id", &id, error))
        return false;
    if (!type_is_name(type)) {
        (void)error_set(error, STATUS_INVALID, "/subject/type",
                        "expected \"agent\", or another name of small letters, digits, - and _");
        return false;
    }
    *identity = slice_equal(type, SLICE("agent")) ? id : arena_printf(arena, "%.*s:%.*s", SLICE_ARG(type), SLICE_ARG(id));
    if (request_agent_is_valid(*identity))
        return true;
    (void)error_set(error, STATUS_INVALID, "/subject/id", "expected letters, digits and . _ : @ / - , at most %d bytes",
                    REQUEST_AGENT_MAX);
    return false;
}

/* ---- action ---- */

static bool contains(struct slice text, struct slice part)
{
    return part.size >= PART && part.size <= text.size && memmem(text.data, text.size, part.data, part.size) != NULL;
}

/* The name of ours that this one is, or could be meant for: "comand", "estimated_cost", "cost_usd". */
static const char *name_near(struct slice name)
{
    for (size_t i = 0; i < ACTION_NAMES; i++) {
        struct slice ours = slice_from_str(action_names[i]);

        if (text_distance(name, ours, NEAR) <= NEAR || contains(name, ours) || contains(ours, name))
            return action_names[i];
    }
    return NULL;
}

/* Ours go where they belong, others are claims under context.action. One that is nearly ours would be lost there, and with it,
 * say, what the action costs. */
static bool put_action(struct arena *arena, cJSON *request, const cJSON *action, cJSON **others, struct error *error)
{
    const cJSON *member;
    struct slice name;

    if (!need_text(action, "/action", "name", &name, error) || !properties_are_an_object(action, "/action/properties", error))
        return false;
    json_put_text(arena, request, "operation", name);
    cJSON_ArrayForEach(member, json_get(action, "properties"))
    {
        const char *near = name_near(slice_from_str(member->string));

        if (near && strcmp(near, member->string) == 0) {
            json_put(request, near, json_copy(arena, member));
        } else if (near) {
            (void)error_set(error, STATUS_INVALID, "/action/properties", "\"%.80s\": did you mean \"%s\"?", member->string,
                            near);
            return false;
        } else {
            *others = *others ? *others : json_new_object(arena);
            json_put_named(arena, *others, slice_from_str(member->string), json_copy(arena, member));
        }
    }
    return true;
}

/* ---- resource and context ---- */

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

static bool put_given(struct arena *arena, cJSON *context, const cJSON *given, struct error *error)
{
    const cJSON *member;

    if (given && !cJSON_IsObject(given)) {
        (void)error_set(error, STATUS_INVALID, "/context", "expected an object");
        return false;
    }
    cJSON_ArrayForEach(member, given)
    {
        if (strcmp(member->string, "approval") != 0)
            json_put_named(arena, context, slice_from_str(member->string), json_copy(arena, member));
    }
    return true;
}

/* What the caller sends, the resource's properties, what the resource is, and what else is said of subject and action. */
static bool put_context(struct arena *arena, cJSON *request, const struct authzen_parts *parts, cJSON *of_action,
                        struct error *error)
{
    cJSON *context = json_new_object(arena), *own = json_new_object(arena);
    const cJSON *of_subject = json_get(parts->subject, "properties");
    struct slice type, id;

    if (!need_text(parts->resource, "/resource", "type", &type, error) ||
        !need_text(parts->resource, "/resource", "id", &id, error) ||
        !properties_are_an_object(parts->resource, "/resource/properties", error) ||
        !properties_are_an_object(parts->subject, "/subject/properties", error))
        return false;
    json_put_text(arena, own, "resource_type", type);
    json_put_text(arena, own, "resource_name", id);
    if (of_subject && of_subject->child)
        json_put(own, "subject", json_copy(arena, of_subject));
    if (of_action)
        json_put(own, "action", of_action);
    if (!put_given(arena, context, parts->context, error) ||
        !copy_members(arena, context, json_get(parts->resource, "properties"), "/resource/properties", error) ||
        !copy_members(arena, context, own, "/resource", error))
        return false;
    json_put(request, "context", context);
    return true;
}

cJSON *authzen_request(struct arena *arena, const struct authzen_parts *parts, struct error *error)
{
    cJSON *request = json_new_object(arena), *of_action = NULL;
    struct slice identity = {0};

    if (!parts->any_subject && !authzen_identity(arena, parts->subject, &identity, error))
        return NULL;
    if (!parts->any_subject)
        json_put_text(arena, request, "agent_identity", identity);
    if (parts->action && !put_action(arena, request, parts->action, &of_action, error))
        return NULL;
    if (!put_context(arena, request, parts, of_action, error))
        return NULL;
    if (!arena->exhausted)
        return request;
    (void)error_set(error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
    return NULL;
}

/* ---- calls ---- */

cJSON *authzen_body(struct api_call *call)
{
    static const char *const no_parameters[] = {NULL};
    struct error error = {0};
    cJSON *body = NULL;

    if (!parameters_check(call, no_parameters))
        return NULL;
    if (!body_is_json(call)) { /* not 415: AuthZEN's certification asks for 400 */
        reply_problem(call, 400, "Content-Type", "send application/json");
        return NULL;
    }
    if (!body_check(call))
        return NULL;
    if (json_parse(call->http->arena, call->http->body, &json_limits_default, &body, &error) != STATUS_OK) {
        reply_error(call, &error);
        return NULL;
    }
    if (cJSON_IsObject(body))
        return body;
    reply_problem(call, 400, "", "expected an object with subject, action and resource");
    return NULL;
}

struct slice authzen_base(const struct api_call *call)
{
    struct slice host = SLICE("localhost");

    if (call->api->shared->public_url.size > 0)
        return call->api->shared->public_url;
    (void)http_header_get(call->http, "host", &host);
    return arena_printf(call->http->arena, "%s://%.*s", call->http->tls ? "https" : "http", SLICE_ARG(host));
}
