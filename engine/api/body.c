#include "api/body.h"

#include "api/reply.h"
#include "base/text.h"
#include "proto/money.h"

#include <stdio.h>

static bool is_json_type(struct slice type)
{
    static const char json[] = "application/json";
    size_t end = slice_find(type, ';', 0);
    struct slice media = slice_sub(type, 0, end);

    while (media.size > 0 && (media.data[media.size - 1] == ' ' || media.data[media.size - 1] == '\t'))
        media.size--;
    if (media.size != sizeof json - 1)
        return false;
    for (size_t i = 0; i < media.size; i++) {
        if ((media.data[i] | 32) != json[i] && media.data[i] != json[i])
            return false;
    }
    return true;
}

bool body_is_json(struct api_call *call)
{
    struct slice type;

    return http_header_get(call->http, "content-type", &type) == 1 && is_json_type(type);
}

bool body_check_up_to(struct api_call *call, size_t max)
{
    if (!body_is_json(call)) {
        reply_problem(call, 415, "Content-Type", "send application/json");
        return false;
    }
    if (call->http->body.size > max) {
        reply_problem_with(call, 413, arena_printf(call->http->arena, "the body is larger than %zu bytes", max), NULL, 0);
        return false;
    }
    return true;
}

bool body_check(struct api_call *call)
{
    return body_check_up_to(call, API_BODY_MAX);
}

static const char *nearest_name(struct slice name, const char *const *names)
{
    const char *best = NULL;
    unsigned best_distance = 3;

    for (size_t i = 0; names[i]; i++) {
        unsigned distance = text_distance(name, slice_from_str(names[i]), 2);

        if (distance < best_distance) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}

static bool name_is_known(const char *name, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void reply_unknown(struct api_call *call, const char *kind, const char *name, const char *const *names)
{
    const char *nearest = nearest_name(slice_from_str(name), names);
    char where[160], message[160];

    snprintf(where, sizeof where, "%s%.128s", kind, name);
    snprintf(message, sizeof message, "unknown name%s%s%s", nearest ? "; did you mean \"" : "", nearest ? nearest : "",
             nearest ? "\"?" : "");
    reply_problem(call, 400, where, message);
}

static bool members_are_known(struct api_call *call, const cJSON *object, const char *const *names)
{
    for (const cJSON *member = object->child; member; member = member->next) {
        if (name_is_known(member->string, names))
            continue;
        reply_unknown(call, "/", member->string, names);
        return false;
    }
    return true;
}

cJSON *body_object(struct api_call *call, const char *const *names, bool may_be_empty)
{
    struct error error = {0};
    cJSON *object = NULL;

    if (may_be_empty && call->http->body.size == 0)
        return json_new_object(call->http->arena);
    if (!body_check(call))
        return NULL;
    if (json_parse(call->http->arena, call->http->body, &json_limits_default, &object, &error) != STATUS_OK) {
        reply_error(call, &error);
        return NULL;
    }
    if (!cJSON_IsObject(object)) {
        reply_problem(call, 400, "", "send a JSON object");
        return NULL;
    }
    return members_are_known(call, object, names) ? object : NULL;
}

static void reply_member(struct api_call *call, const char *name, const char *message)
{
    char where[160];

    snprintf(where, sizeof where, "/%s", name);
    reply_problem(call, 400, where, message);
}

bool body_text(struct api_call *call, const cJSON *object, const char *name, size_t max, struct slice *out)
{
    const cJSON *value = json_get(object, name);

    *out = (struct slice){0};
    if (!value || cJSON_IsNull(value))
        return true;
    if (!cJSON_IsString(value)) {
        reply_member(call, name, "expected a string");
        return false;
    }
    *out = json_text(value);
    if (out->size <= max)
        return true;
    reply_member(call, name, "too long; see docs/limits.md");
    return false;
}

bool body_integer(struct api_call *call, const cJSON *object, const char *name, int64_t low, int64_t high, int64_t *out)
{
    const cJSON *value = json_get(object, name);
    int64_t number = 0;
    char message[96];

    if (!value || cJSON_IsNull(value))
        return true;
    if (json_is_integer(value, &number) && number >= low && number <= high) {
        *out = number;
        return true;
    }
    snprintf(message, sizeof message, "expected an integer from %lld to %lld", (long long)low, (long long)high);
    reply_member(call, name, message);
    return false;
}

bool body_money(struct api_call *call, const cJSON *object, const char *name, bool *present, int64_t *micro_usd)
{
    const cJSON *value = json_get(object, name);
    struct slice source;
    struct error error = {0};

    *present = value && !cJSON_IsNull(value);
    if (!*present)
        return true;
    if (!cJSON_IsString(value) && !cJSON_IsNumber(value)) {
        reply_member(call, name, "expected an amount in USD, as a string or a number");
        return false;
    }
    source = cJSON_IsString(value) ? json_text(value) : json_member_source(call->http->body, name);
    if (money_parse(source, false, micro_usd, &error) == STATUS_OK)
        return true;
    reply_member(call, name, error.message);
    return false;
}

/* ---- headers ---- */

bool header_idempotency_key(struct api_call *call, struct slice *key)
{
    size_t count = http_header_get(call->http, "idempotency-key", key);
    bool good = count == 1 && key->size > 0 && key->size <= REQUEST_ID_MAX;

    if (count == 0) {
        *key = (struct slice){0};
        return true;
    }
    for (size_t i = 0; good && i < key->size; i++)
        good = key->data[i] > ' ' && key->data[i] <= '~';
    if (!good)
        reply_problem(call, 400, "Idempotency-Key", "send it once, with 1 to 128 printable ASCII characters and no space");
    return good;
}

/* ---- query parameters ---- */

static void reply_parameter(struct api_call *call, const char *name, const char *message)
{
    char where[160];

    snprintf(where, sizeof where, "?%s", name);
    reply_problem(call, 400, where, message);
}

bool parameter_text(struct api_call *call, const char *name, struct slice *out)
{
    size_t count = http_query_get(call->http, name, out);

    if (count == 0)
        *out = (struct slice){0};
    if (count <= 1)
        return true;
    reply_parameter(call, name, "given more than once");
    return false;
}

bool parameter_agent(struct api_call *call, const char *name, struct slice *out)
{
    if (!parameter_text(call, name, out))
        return false;
    if (http_query_get(call->http, name, NULL) == 0 || request_agent_is_valid(*out))
        return true;
    reply_parameter(call, name, "not an agent's name: letters, digits and . _ : @ / - , at most 128 bytes");
    return false;
}

bool parameter_u64(struct api_call *call, const char *name, uint64_t low, uint64_t high, uint64_t *out)
{
    struct slice text;
    uint64_t number;
    char message[96];

    if (!parameter_text(call, name, &text))
        return false;
    if (http_query_get(call->http, name, NULL) == 0)
        return true;
    if (slice_to_u64(text, &number) && number >= low && number <= high) {
        *out = number;
        return true;
    }
    snprintf(message, sizeof message, "expected a whole number from %llu to %llu", (unsigned long long)low,
             (unsigned long long)high);
    reply_parameter(call, name, message);
    return false;
}

bool parameter_time(struct api_call *call, const char *name, int64_t *out_ms)
{
    struct slice text;

    if (!parameter_text(call, name, &text))
        return false;
    if (http_query_get(call->http, name, NULL) == 0 || clock_parse(text, out_ms))
        return true;
    reply_parameter(call, name, "expected a time such as 2026-07-28T12:34:56Z");
    return false;
}

bool parameters_check(struct api_call *call, const char *const *names)
{
    struct slice rest = call->http->query;

    while (rest.size > 0) {
        size_t end = slice_find(rest, '&', 0);
        struct slice pair = slice_sub(rest, 0, end), name = slice_sub(pair, 0, slice_find(pair, '=', 0));
        char text[64];

        snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
        if (name.size > 0 && !slice_equal(name, SLICE("agent_identity")) && !name_is_known(text, names)) {
            reply_unknown(call, "?", text, names);
            return false;
        }
        rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(rest, end + 1, SIZE_MAX);
    }
    return true;
}
