/* Reading trees, and the source text of members. */
#include "proto/json.h"

#include <math.h>

/* No function of cJSON that allocates is called; if one were, it would get nothing. */
static void *allocate_nothing(size_t size)
{
    (void)size;
    return NULL;
}

static void release_nothing(void *memory)
{
    (void)memory; /* freed with its arena */
}

void json_setup(void)
{
    cJSON_Hooks hooks = {.malloc_fn = allocate_nothing, .free_fn = release_nothing};

    cJSON_InitHooks(&hooks);
}

/* ---- the source text of a member ---- */

static size_t skip_string_source(struct slice text, size_t at)
{
    for (at++; at < text.size && text.data[at] != '"'; at++)
        at += text.data[at] == '\\';
    return at + 1;
}

/* Past one value of validated text. */
static size_t skip_value_source(struct slice text, size_t at)
{
    unsigned depth = 0;

    while (at < text.size) {
        char c = text.data[at];

        if (c == '"') {
            at = skip_string_source(text, at);
            if (depth == 0)
                return at;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            return at;
        depth += c == '{' || c == '[';
        at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return at;
}

static size_t skip_space_source(struct slice text, size_t at)
{
    while (at < text.size && strchr(" \n\r\t", text.data[at]))
        at++;
    return at;
}

struct slice json_member_source(struct slice object, const char *name)
{
    size_t at = skip_space_source(object, 0), size = strlen(name);

    if (at >= object.size || object.data[at] != '{')
        return (struct slice){0};
    for (at = skip_space_source(object, at + 1); at < object.size && object.data[at] == '"';) {
        size_t key = at + 1, end = skip_string_source(object, at), value, after;

        value = skip_space_source(object, skip_space_source(object, end) + 1);
        after = skip_value_source(object, value);
        if (end - 1 - key == size && memcmp(object.data + key, name, size) == 0)
            return slice_sub(object, value, after);
        at = skip_space_source(object, after);
        if (at < object.size && object.data[at] == ',')
            at = skip_space_source(object, at + 1);
    }
    return (struct slice){0};
}

/* ---- reading ---- */

const cJSON *json_get_slice(const cJSON *object, struct slice name)
{
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *member = object->child; member; member = member->next) {
        if (slice_equal_str(name, member->string)) /* also for names that hold a NUL: there are none */
            return member;
    }
    return NULL;
}

const cJSON *json_get(const cJSON *object, const char *name)
{
    if (!cJSON_IsObject(object))
        return NULL;
    for (const cJSON *member = object->child; member; member = member->next) {
        if (member->string[0] == name[0] && strcmp(member->string, name) == 0)
            return member;
    }
    return NULL;
}

const cJSON *json_get_path(const cJSON *object, struct slice dotted)
{
    while (object && dotted.size > 0) {
        size_t dot = slice_find(dotted, '.', 0);

        object = json_get_slice(object, slice_sub(dotted, 0, dot));
        if (dot == SIZE_MAX)
            return object;
        dotted = slice_sub(dotted, dot + 1, SIZE_MAX);
    }
    return object;
}

struct slice json_text(const cJSON *string_value)
{
    return cJSON_IsString(string_value) ? slice_from_str(string_value->valuestring) : (struct slice){0};
}

struct slice json_get_text(const cJSON *object, const char *name)
{
    return json_text(json_get(object, name));
}

bool json_is_integer(const cJSON *value, int64_t *out)
{
    if (!cJSON_IsNumber(value) || fabs(value->valuedouble) > (double)JSON_INTEGER_MAX ||
        floor(value->valuedouble) != value->valuedouble)
        return false;
    *out = (int64_t)value->valuedouble;
    return true;
}

bool json_get_i64(const cJSON *object, const char *name, int64_t *out)
{
    return json_is_integer(json_get(object, name), out);
}

bool json_get_bool(const cJSON *object, const char *name, bool *out)
{
    const cJSON *value = json_get(object, name);

    if (!cJSON_IsBool(value))
        return false;
    *out = cJSON_IsTrue(value);
    return true;
}

const char *json_type_name(const cJSON *value)
{
    if (!value)
        return "missing";
    if (cJSON_IsObject(value))
        return "object";
    if (cJSON_IsArray(value))
        return "array";
    if (cJSON_IsString(value))
        return "string";
    if (cJSON_IsNumber(value))
        return "number";
    return cJSON_IsBool(value) ? "boolean" : "null";
}

static bool objects_equal(const cJSON *a, const cJSON *b)
{
    size_t count = 0;

    for (const cJSON *member = a->child; member; member = member->next, count++) {
        const cJSON *other = json_get(b, member->string);

        if (!other || !json_equal(member, other))
            return false;
    }
    return count == (size_t)cJSON_GetArraySize(b);
}

static bool arrays_equal(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child, *y = b->child;

    for (; x && y; x = x->next, y = y->next) {
        if (!json_equal(x, y))
            return false;
    }
    return !x && !y;
}

bool json_equal(const cJSON *a, const cJSON *b)
{
    if (!a || !b || (a->type & 0xFF) != (b->type & 0xFF))
        return a == b;
    if (cJSON_IsObject(a))
        return objects_equal(a, b);
    if (cJSON_IsArray(a))
        return arrays_equal(a, b);
    if (cJSON_IsString(a))
        return strcmp(a->valuestring, b->valuestring) == 0;
    return !cJSON_IsNumber(a) || !(a->valuedouble < b->valuedouble || a->valuedouble > b->valuedouble);
}
