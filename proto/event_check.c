/* What users send about agents: manifests and usage, validated and normalised. */
#include "base/text.h"
#include "proto/event.h"
#include "proto/money.h"

#include <stdio.h>

enum { EVENT_QUOTA_NAMES_MAX = 64, EVENT_MANIFEST_BYTES_MAX = 16 * 1024 };

static enum status bad(struct error *error, const char *where, const char *message)
{
    return error_set(error, STATUS_INVALID, where, "%s", message);
}

static enum status check_names(const cJSON *object, const char *const *names, const char *prefix, struct error *error)
{
    for (const cJSON *member = object->child; member; member = member->next) {
        const char *nearest = NULL;
        unsigned best = 4;
        bool known = false;
        char where[128];

        for (size_t i = 0; names[i] && !known; i++) {
            unsigned distance = text_distance(slice_from_str(member->string), slice_from_str(names[i]), 3);

            known = distance == 0;
            if (distance < best) {
                best = distance;
                nearest = names[i];
            }
        }
        if (known)
            continue;
        snprintf(where, sizeof where, "%s/%.64s", prefix, member->string);
        return error_set(error, STATUS_INVALID, where, "unknown member%s%s%s", nearest ? "; did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "");
    }
    return STATUS_OK;
}

static enum status check_text(const cJSON *object, const char *name, bool required, struct error *error)
{
    const cJSON *value = json_get(object, name);
    char where[64];

    snprintf(where, sizeof where, "/%s", name);
    if (!value)
        return required ? bad(error, where, "required") : STATUS_OK;
    if (!cJSON_IsString(value) || json_text(value).size == 0 || json_text(value).size > EVENT_NAME_MAX)
        return error_set(error, STATUS_INVALID, where, "expected text of 1 to %d bytes", EVENT_NAME_MAX);
    return STATUS_OK;
}

static enum status check_privileges(const cJSON *manifest, struct error *error)
{
    const cJSON *list = json_get(manifest, "privileges"), *item;

    if (!list)
        return STATUS_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > EVENT_PRIVILEGES_MAX)
        return error_set(error, STATUS_INVALID, "/privileges", "expected at most %d texts", EVENT_PRIVILEGES_MAX);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || json_text(item).size == 0 || json_text(item).size > EVENT_NAME_MAX)
            return error_set(error, STATUS_INVALID, "/privileges", "expected texts of 1 to %d bytes", EVENT_NAME_MAX);
    }
    return STATUS_OK;
}

/* {"compute": {"cpu_cores": 16}}: names of names of amounts. */
static enum status check_amounts(const cJSON *object, const char *prefix, struct error *error)
{
    const cJSON *group, *amount;
    char where[192];

    if (!cJSON_IsObject(object) || cJSON_GetArraySize(object) > EVENT_QUOTA_NAMES_MAX)
        return bad(error, prefix, "expected an object such as {\"compute\":{\"cpu_cores\":16}}");
    cJSON_ArrayForEach(group, object)
    {
        snprintf(where, sizeof where, "%s/%.64s", prefix, group->string);
        if (!cJSON_IsObject(group) || cJSON_GetArraySize(group) > EVENT_QUOTA_NAMES_MAX)
            return bad(error, where, "expected an object of names and amounts");
        cJSON_ArrayForEach(amount, group)
        {
            snprintf(where, sizeof where, "%s/%.64s/%.64s", prefix, group->string, amount->string);
            if (!cJSON_IsNumber(amount) || amount->valuedouble < 0)
                return bad(error, where, "expected a number that is not negative");
        }
    }
    return STATUS_OK;
}

/* The limit as written; normalised text goes into the manifest. */
static enum status check_budget(struct arena *arena, const cJSON *manifest, struct slice source, cJSON *out, int64_t *limit,
                                struct error *error)
{
    static const char *const names[] = {"monthly_limit_usd", NULL};
    const cJSON *budget = json_get(manifest, "budget"), *value = json_get(budget, "monthly_limit_usd");
    struct slice text;
    struct buf normal;
    cJSON *fresh;
    enum status status;

    *limit = 0;
    if (!budget)
        return STATUS_OK;
    if (!cJSON_IsObject(budget))
        return bad(error, "/budget", "expected an object with monthly_limit_usd");
    status = check_names(budget, names, "/budget", error);
    if (status != STATUS_OK)
        return status;
    if (!cJSON_IsString(value) && !cJSON_IsNumber(value))
        return bad(error, "/budget/monthly_limit_usd", "expected an amount in USD, as a string or a number");
    text = cJSON_IsString(value) ? json_text(value)
                                 : json_member_source(json_member_source(source, "budget"), "monthly_limit_usd");
    status = money_parse(text, false, limit, error);
    if (status != STATUS_OK) {
        if (error)
            snprintf(error->where, sizeof error->where, "/budget/monthly_limit_usd");
        return status;
    }
    buf_create(&normal, arena);
    money_write(&normal, *limit);
    fresh = json_new_object(arena);
    json_put_text(arena, fresh, "monthly_limit_usd", buf_slice(&normal));
    json_put(out, "budget", fresh);
    return STATUS_OK;
}

static void copy_member(struct arena *arena, cJSON *out, const cJSON *from, const char *name)
{
    if (json_get(from, name))
        json_put(out, name, json_copy(arena, json_get(from, name)));
}

enum status event_manifest_check(struct arena *arena, const cJSON *manifest, struct slice source, cJSON **out,
                                 int64_t *limit_micro_usd, struct error *error)
{
    static const char *const names[] = {"namespace", "owner", "privileges", "resource_quotas", "budget", NULL};
    enum status status;

    if (!cJSON_IsObject(manifest))
        return bad(error, "", "expected a manifest object");
    if (source.size > EVENT_MANIFEST_BYTES_MAX)
        return error_set(error, STATUS_TOO_LARGE, "", "a manifest has at most %d bytes", EVENT_MANIFEST_BYTES_MAX);
    *out = json_new_object(arena);
    status = check_names(manifest, names, "", error);
    if (status == STATUS_OK)
        status = check_text(manifest, "namespace", true, error);
    if (status == STATUS_OK)
        status = check_text(manifest, "owner", false, error);
    if (status == STATUS_OK)
        status = check_privileges(manifest, error);
    if (status == STATUS_OK && json_get(manifest, "resource_quotas"))
        status = check_amounts(json_get(manifest, "resource_quotas"), "/resource_quotas", error);
    if (status == STATUS_OK)
        status = check_budget(arena, manifest, source, *out, limit_micro_usd, error);
    if (status != STATUS_OK)
        return status;
    copy_member(arena, *out, manifest, "namespace");
    copy_member(arena, *out, manifest, "owner");
    copy_member(arena, *out, manifest, "privileges");
    copy_member(arena, *out, manifest, "resource_quotas");
    return arena->exhausted ? error_set(error, STATUS_NO_MEMORY, "", "the manifest needs more memory than one call may use")
                            : STATUS_OK;
}

enum status event_usage_check(struct arena *arena, const cJSON *usage, cJSON **out, struct error *error)
{
    enum status status = check_amounts(usage, "", error);

    if (status != STATUS_OK)
        return status;
    *out = json_copy(arena, usage);
    return *out ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "the usage needs more memory than one call may use");
}
