/* Building cJSON's trees in an arena. Nodes are made by hand: cJSON's own functions would copy names and need their hooks. */
#include "proto/json.h"

#include <math.h>

static cJSON *new_node(struct arena *arena, int type)
{
    cJSON *node = arena_zalloc(arena, sizeof *node);

    if (node)
        node->type = type;
    return node;
}

cJSON *json_new_object(struct arena *arena)
{
    return new_node(arena, cJSON_Object);
}

cJSON *json_new_array(struct arena *arena)
{
    return new_node(arena, cJSON_Array);
}

/* cJSON's text ends with NUL. Slices of JSON values, of arena copies and of literals have one; others are copied. */
cJSON *json_new_text(struct arena *arena, struct slice text)
{
    cJSON *node = new_node(arena, cJSON_String);
    struct slice copy = arena_copy(arena, text);

    if (!node || !copy.data)
        return NULL;
    node->valuestring = (char *)(uintptr_t)copy.data;
    return node;
}

cJSON *json_new_number(struct arena *arena, double value)
{
    cJSON *node = new_node(arena, cJSON_Number);

    if (!node)
        return NULL;
    node->valuedouble = value;
    node->valueint = value >= 2147483647.0 ? 2147483647 : value <= -2147483648.0 ? (-2147483647 - 1) : (int)value;
    return node;
}

cJSON *json_new_i64(struct arena *arena, int64_t value)
{
    return json_new_number(arena, (double)value);
}

cJSON *json_new_bool(struct arena *arena, bool value)
{
    return new_node(arena, value ? cJSON_True : cJSON_False);
}

cJSON *json_new_null(struct arena *arena)
{
    return new_node(arena, cJSON_NULL);
}

/* cJSON keeps the last child in the first one's `prev`. */
void json_append(cJSON *parent, cJSON *value)
{
    if (!parent || !value)
        return;
    value->next = NULL;
    if (!parent->child) {
        parent->child = value;
        value->prev = value;
        return;
    }
    value->prev = parent->child->prev;
    parent->child->prev->next = value;
    parent->child->prev = value;
}

void json_put(cJSON *object, const char *constant_name, cJSON *value)
{
    if (!object || !value)
        return;
    value->string = (char *)(uintptr_t)constant_name;
    value->type |= cJSON_StringIsConst;
    json_append(object, value);
}

void json_put_named(struct arena *arena, cJSON *object, struct slice name, cJSON *value)
{
    struct slice copy = arena_copy(arena, name);

    if (copy.data)
        json_put(object, copy.data, value);
}

void json_put_text(struct arena *arena, cJSON *object, const char *constant_name, struct slice text)
{
    json_put(object, constant_name, json_new_text(arena, text));
}

void json_put_i64(struct arena *arena, cJSON *object, const char *constant_name, int64_t value)
{
    json_put(object, constant_name, json_new_i64(arena, value));
}

void json_put_bool(struct arena *arena, cJSON *object, const char *constant_name, bool value)
{
    json_put(object, constant_name, json_new_bool(arena, value));
}

cJSON *json_copy(struct arena *arena, const cJSON *value)
{
    cJSON *copy;

    if (!value)
        return NULL;
    if (cJSON_IsString(value))
        return json_new_text(arena, json_text(value));
    if (cJSON_IsNumber(value))
        return json_new_number(arena, value->valuedouble);
    copy = new_node(arena, value->type & 0xFF);
    for (const cJSON *child = value->child; copy && child; child = child->next) {
        cJSON *one = json_copy(arena, child);

        if (!one)
            return NULL;
        if (cJSON_IsObject(value))
            json_put_named(arena, copy, slice_from_str(child->string), one);
        else
            json_append(copy, one);
    }
    return copy;
}
