#include "proto/request.h"

#include "base/text.h"
#include "proto/money.h"

#include <stdio.h>

static const char *const request_members[] = {"agent_identity",
                                              "operation",
                                              "command",
                                              "justification",
                                              "context",
                                              "conversation_id",
                                              "in_reply_to",
                                              "escalation_id",
                                              "idempotency_key",
                                              "estimated_cost_usd",
                                              "explain",
                                              "dry_run",
                                              NULL};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool request_agent_is_valid(struct slice agent)
{
    if (agent.size == 0 || agent.size > REQUEST_AGENT_MAX || !is_alnum(agent.data[0]))
        return false;
    for (size_t i = 1; i < agent.size; i++) {
        if (!is_alnum(agent.data[i]) && (agent.data[i] == '\0' || !strchr("._:@/-", agent.data[i])))
            return false;
    }
    return true;
}

bool request_operation_is_name(struct slice operation)
{
    if (operation.size == 0 || operation.size > REQUEST_OPERATION_MAX || operation.data[0] < 'a' || operation.data[0] > 'z')
        return false;
    for (size_t i = 1; i < operation.size; i++) {
        char c = operation.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == ':' || c == '-'))
            return false;
    }
    return true;
}

/* ---- reading members ---- */

static enum status wrong_type(const char *name, const char *expected, const cJSON *value, struct error *error)
{
    char where[96];

    snprintf(where, sizeof where, "/%s", name);
    return error_set(error, STATUS_INVALID, where, "expected %s, got %s", expected, json_type_name(value));
}

static enum status read_text(const cJSON *object, const char *name, size_t max, struct slice *out, struct error *error)
{
    const cJSON *value = json_get(object, name);
    char where[96];

    *out = (struct slice){0};
    if (!value || cJSON_IsNull(value))
        return STATUS_OK;
    if (!cJSON_IsString(value))
        return wrong_type(name, "a string", value, error);
    *out = json_text(value);
    if (out->size <= max)
        return STATUS_OK;
    snprintf(where, sizeof where, "/%s", name);
    return error_set(error, STATUS_TOO_LARGE, where, "%zu bytes; at most %zu", out->size, max);
}

/* Identifiers: printable ASCII without spaces, so that they survive headers and logs. */
static enum status read_id(const cJSON *object, const char *name, struct slice *out, struct error *error)
{
    enum status status = read_text(object, name, REQUEST_ID_MAX, out, error);
    char where[96];

    snprintf(where, sizeof where, "/%s", name);
    if (status == STATUS_OK && json_get_text(object, name).data && out->size == 0)
        return error_set(error, STATUS_INVALID, where, "must not be empty; leave it out instead");
    for (size_t i = 0; status == STATUS_OK && i < out->size; i++) {
        if (out->data[i] <= ' ' || out->data[i] > '~')
            return error_set(error, STATUS_INVALID, where, "only printable ASCII without spaces");
    }
    return status;
}

static enum status read_bool(const cJSON *object, const char *name, bool *out, struct error *error)
{
    const cJSON *value = json_get(object, name);

    if (!value || cJSON_IsNull(value) || json_get_bool(object, name, out))
        return STATUS_OK;
    return wrong_type(name, "true or false", value, error);
}

static enum status read_explain(const cJSON *object, enum request_explain *out, struct error *error)
{
    const cJSON *value = json_get(object, "explain");

    *out = REQUEST_EXPLAIN_NO;
    if (!value || cJSON_IsNull(value) || cJSON_IsFalse(value))
        return STATUS_OK;
    if (!cJSON_IsTrue(value) && !slice_equal(json_text(value), SLICE("full")))
        return error_set(error, STATUS_INVALID, "/explain", "expected false, true or \"full\"");
    *out = cJSON_IsTrue(value) ? REQUEST_EXPLAIN_YES : REQUEST_EXPLAIN_FULL;
    return STATUS_OK;
}

/* As written, where the source is at hand; a double has lost what a decimal said. */
static enum status read_estimate(const cJSON *object, struct slice source, struct request *out, struct error *error)
{
    const cJSON *value = json_get(object, "estimated_cost_usd");
    char number[64];
    struct slice text;
    enum status status;

    if (!value || cJSON_IsNull(value))
        return STATUS_OK;
    if (!cJSON_IsString(value) && !cJSON_IsNumber(value))
        return wrong_type("estimated_cost_usd", "an amount in USD, as a string or a number", value, error);
    text = cJSON_IsString(value) ? json_text(value) : json_member_source(source, "estimated_cost_usd");
    if (text.size == 0 && cJSON_IsNumber(value)) {
        snprintf(number, sizeof number, "%.15g", value->valuedouble);
        text = slice_from_str(number);
    }
    status = money_parse(text, false, &out->estimated_cost_micro_usd, error);
    if (status != STATUS_OK && error)
        snprintf(error->where, sizeof error->where, "/estimated_cost_usd");
    out->has_estimate = status == STATUS_OK;
    return status;
}

static enum status read_context(const cJSON *object, struct request *out, struct error *error)
{
    const cJSON *value = json_get(object, "context");

    if (!value || cJSON_IsNull(value))
        return STATUS_OK;
    if (!cJSON_IsObject(value))
        return wrong_type("context", "an object", value, error);
    out->context = value;
    return STATUS_OK;
}

static bool member_is_known(const char *name)
{
    for (size_t i = 0; request_members[i]; i++) {
        if (strcmp(name, request_members[i]) == 0)
            return true;
    }
    return false;
}

static enum status unknown_member(const char *name, struct error *error)
{
    const char *nearest = NULL;
    unsigned best = 4;
    char where[96];

    for (size_t i = 0; request_members[i]; i++) {
        unsigned distance = text_distance(slice_from_str(name), slice_from_str(request_members[i]), 3);

        if (distance < best) {
            best = distance;
            nearest = request_members[i];
        }
    }
    snprintf(where, sizeof where, "/%.80s", name);
    return error_set(error, STATUS_INVALID, where, "unknown member%s%s%s",
                     nearest ? "; did you mean \"" : "; what describes the action goes into \"context\"",
                     nearest ? nearest : "", nearest ? "\"?" : "");
}

static enum status check_members(const cJSON *object, struct error *error)
{
    for (const cJSON *member = object->child; member; member = member->next) {
        if (!member_is_known(member->string))
            return unknown_member(member->string, error);
    }
    return STATUS_OK;
}

/* ---- checks across members ---- */

static enum status check_agent(struct request *request, struct slice bound_agent, struct error *error)
{
    if (!request->agent_identity.data) /* left out; an empty one is wrong */
        request->agent_identity = bound_agent;
    if (request->agent_identity.size == 0)
        return error_set(error, STATUS_INVALID, "/agent_identity", "required: who asks, such as \"team-alpha-deploy-001\"");
    if (!request_agent_is_valid(request->agent_identity))
        return error_set(error, STATUS_INVALID, "/agent_identity",
                         "letters and digits, then also . _ : @ / - ; at most %d bytes", REQUEST_AGENT_MAX);
    if (bound_agent.size > 0 && !slice_equal(bound_agent, request->agent_identity))
        return error_set(error, STATUS_DENIED, "/agent_identity", "the caller speaks for another agent");
    return STATUS_OK;
}

static bool has_action(const struct request *request)
{
    return request->command.size > 0 || request->context || request->justification.size > 0 || request->has_estimate;
}

static enum status check_operation(const cJSON *object, struct request *request, struct error *error)
{
    if (!json_get(object, "operation") && request->escalation_id.size > 0) {
        if (has_action(request))
            return error_set(
                error, STATUS_INVALID, "/operation",
                "required, unless the request names only agent_identity and escalation_id to repeat what was escalated");
        return STATUS_OK;
    }
    if (request->operation.size == 0)
        return error_set(error, STATUS_INVALID, "/operation", "required: what the agent wants to do, such as \"delete\"");
    request->plain_language = !request_operation_is_name(request->operation);
    return STATUS_OK;
}

/* ---- the view ---- */

static void view_text(struct arena *arena, cJSON *view, const char *name, struct slice text)
{
    if (text.size > 0)
        json_put_text(arena, view, name, text);
}

/* Members in canonical order, so that writing it needs no sort at the top. The context is shared with the parsed body. */
static bool build_view(struct arena *arena, struct request *request)
{
    cJSON *view = json_new_object(arena);
    struct buf estimate;

    view_text(arena, view, "agent_identity", request->agent_identity);
    view_text(arena, view, "command", request->command);
    if (request->context) {
        cJSON *context = json_new_object(arena);

        if (context)
            context->child = request->context->child;
        json_put(view, "context", context);
    }
    view_text(arena, view, "conversation_id", request->conversation_id);
    if (request->has_estimate) {
        buf_create(&estimate, arena);
        money_write(&estimate, request->estimated_cost_micro_usd);
        json_put_text(arena, view, "estimated_cost_usd", buf_slice(&estimate));
    }
    view_text(arena, view, "in_reply_to", request->in_reply_to);
    view_text(arena, view, "justification", request->justification);
    view_text(arena, view, "operation", request->operation);
    request->view = view;
    return !arena->exhausted;
}

static enum status read_members(const cJSON *object, struct slice source, struct request *out, struct error *error)
{
    enum status status = check_members(object, error);

    if (status == STATUS_OK)
        status = read_text(object, "agent_identity", REQUEST_AGENT_MAX, &out->agent_identity, error);
    if (status == STATUS_OK)
        status = read_text(object, "operation", REQUEST_PLAIN_LANGUAGE_MAX, &out->operation, error);
    if (status == STATUS_OK)
        status = read_text(object, "command", REQUEST_COMMAND_MAX, &out->command, error);
    if (status == STATUS_OK)
        status = read_text(object, "justification", REQUEST_JUSTIFICATION_MAX, &out->justification, error);
    if (status == STATUS_OK)
        status = read_context(object, out, error);
    if (status == STATUS_OK)
        status = read_id(object, "conversation_id", &out->conversation_id, error);
    if (status == STATUS_OK)
        status = read_id(object, "in_reply_to", &out->in_reply_to, error);
    if (status == STATUS_OK)
        status = read_id(object, "escalation_id", &out->escalation_id, error);
    if (status == STATUS_OK)
        status = read_id(object, "idempotency_key", &out->idempotency_key, error);
    if (status == STATUS_OK)
        status = read_estimate(object, source, out, error);
    if (status == STATUS_OK)
        status = read_explain(object, &out->explain, error);
    if (status == STATUS_OK)
        status = read_bool(object, "dry_run", &out->dry_run, error);
    return status;
}

enum status request_from_json(struct arena *arena, const cJSON *object, struct slice source, struct slice bound_agent,
                              struct request *out, struct error *error)
{
    enum status status;

    *out = (struct request){0};
    if (!cJSON_IsObject(object))
        return error_set(error, STATUS_INVALID, "", "expected a request object, got %s", json_type_name(object));
    status = read_members(object, source, out, error);
    if (status == STATUS_OK)
        status = check_agent(out, bound_agent, error);
    if (status == STATUS_OK)
        status = check_operation(object, out, error);
    if (status == STATUS_OK && !build_view(arena, out))
        status = error_set(error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
    return status;
}

enum status request_parse(struct arena *arena, struct slice body, struct slice bound_agent, struct request *out,
                          struct error *error)
{
    cJSON *object = NULL;
    enum status status = json_parse(arena, body, &json_limits_default, &object, error);

    return status == STATUS_OK ? request_from_json(arena, object, body, bound_agent, out, error) : status;
}

enum status request_from_view(struct arena *arena, cJSON *view, struct request *out, struct error *error)
{
    enum status status = request_from_json(arena, view, (struct slice){0}, (struct slice){0}, out, error);

    return status;
}

struct slice request_resource_type(const struct request *request)
{
    struct slice type = json_get_text(request->context, "resource_type");

    return type.size <= 64 && !request->hides_resource_type ? type : (struct slice){0};
}
