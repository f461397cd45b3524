/*
 * Reading JSON trees without allocating: what matching, templates and the Lua view share. Any thread; the trees are only read.
 */
#ifndef EDICT_POLICY_JSONVIEW_H
#define EDICT_POLICY_JSONVIEW_H

#include "base/slice.h"

#include <cjson/cJSON.h>

static inline bool jsonview_is_object(const cJSON *value)
{
    return value != NULL && (value->type & 0xff) == cJSON_Object;
}

static inline bool jsonview_is_array(const cJSON *value)
{
    return value != NULL && (value->type & 0xff) == cJSON_Array;
}

static inline bool jsonview_is_text(const cJSON *value)
{
    return value != NULL && (value->type & 0xff) == cJSON_String;
}

static inline bool jsonview_is_number(const cJSON *value)
{
    return value != NULL && (value->type & 0xff) == cJSON_Number;
}

/* Absent and null are the same to a policy. */
static inline bool jsonview_is_absent(const cJSON *value)
{
    return value == NULL || (value->type & 0xff) == cJSON_NULL;
}

static inline struct slice jsonview_text(const cJSON *value)
{
    return slice_from_str(value->valuestring);
}

/* The member of that name, or NULL; adds the members looked at to `work`. */
static inline const cJSON *jsonview_member(const cJSON *object, struct slice name, uint64_t *work)
{
    const cJSON *member;

    if (!jsonview_is_object(object))
        return NULL;
    for (member = object->child; member != NULL; member = member->next) {
        ++*work;
        if (member->string != NULL && slice_equal_str(name, member->string))
            return member;
    }
    return NULL;
}

#endif
