#include "proto/verdict.h"

static const char *const error_kinds[] = {"lua", "fuel", "memory", "result"};

/* ---- built-in rules ---- */

static bool insert_rule(struct arena *arena, struct verdict *verdict, struct slice name, int tier)
{
    struct verdict_rule *rules = arena_array(arena, verdict->rule_count + 1, sizeof *rules);
    size_t at = 0;

    if (!rules)
        return false;
    while (at < verdict->rule_count && slice_compare(verdict->rules[at].name, name) < 0)
        at++;
    if (at > 0)
        memcpy(rules, verdict->rules, at * sizeof *rules);
    rules[at] = (struct verdict_rule){.name = name, .tier = tier};
    if (verdict->rule_count > at)
        memcpy(rules + at + 1, verdict->rules + at, (verdict->rule_count - at) * sizeof *rules);
    verdict->rules = rules;
    verdict->rule_count++;
    return true;
}

static bool insert_reason(struct arena *arena, struct verdict *verdict, struct slice reason)
{
    struct slice *reasons = arena_array(arena, verdict->reason_count + 1, sizeof *reasons);

    if (!reasons)
        return false;
    reasons[0] = reason;
    if (verdict->reason_count > 0)
        memcpy(reasons + 1, verdict->reasons, verdict->reason_count * sizeof *reasons);
    verdict->reasons = reasons;
    verdict->reason_count++;
    return true;
}

/* What belonged to a lower tier's rules no longer wins. */
static void raise_tier(struct verdict *verdict, int tier)
{
    verdict->tier = tier;
    verdict->reason_count = 0;
    verdict->next_steps = (struct slice){0};
    verdict->alternative_count = 0;
    verdict->approver_count = 0;
    verdict->sla_s = 0;
}

bool verdict_add(struct arena *arena, struct verdict *verdict, const char *constant_name, int tier, struct slice reason,
                 struct slice next_steps)
{
    if (!insert_rule(arena, verdict, slice_from_str(constant_name), tier))
        return false;
    if (tier > verdict->tier || (verdict->undecided && tier >= verdict->tier))
        raise_tier(verdict, tier);
    verdict->undecided = false;
    if (tier < verdict->tier)
        return true;
    if (next_steps.size > 0 && verdict->next_steps.size == 0)
        verdict->next_steps = next_steps;
    return insert_reason(arena, verdict, reason);
}

/* ---- writing; members in canonical order, those that are empty, zero or false left out ---- */

static void write_texts(struct json_writer *w, const char *name, const struct slice *texts, size_t count)
{
    if (count == 0)
        return;
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        json_string(w, texts[i]);
    json_end_array(w);
}

static void write_error(struct json_writer *w, const struct verdict_error *error)
{
    json_begin_object(w);
    json_key(w, "kind");
    json_string(w, slice_from_str(error_kinds[error->kind]));
    json_key(w, "message");
    json_string(w, error->message);
    json_key(w, "rule");
    json_string(w, error->rule);
    json_key(w, "tier");
    json_i64(w, error->tier);
    json_end_object(w);
}

static void write_i64(struct json_writer *w, const char *name, int64_t value)
{
    if (value == 0)
        return;
    json_key(w, name);
    json_i64(w, value);
}

static void write_errors(struct json_writer *w, const struct verdict *verdict)
{
    if (verdict->error_count == 0)
        return;
    json_key(w, "errors");
    json_begin_array(w);
    for (size_t i = 0; i < verdict->error_count; i++)
        write_error(w, &verdict->errors[i]);
    json_end_array(w);
}

static void write_rule(struct json_writer *w, const struct verdict_rule *rule)
{
    json_begin_object(w);
    if (rule->because_missing) {
        json_key(w, "because_missing");
        json_bool(w, true);
    }
    json_key(w, "name");
    json_string(w, rule->name);
    json_key(w, "tier");
    json_i64(w, rule->tier);
    json_end_object(w);
}

static void write_rules(struct json_writer *w, const struct verdict *verdict)
{
    if (verdict->rule_count == 0)
        return;
    json_key(w, "rules");
    json_begin_array(w);
    for (size_t i = 0; i < verdict->rule_count; i++)
        write_rule(w, &verdict->rules[i]);
    json_end_array(w);
}

void verdict_write(struct buf *out, const struct verdict *verdict)
{
    struct json_writer w = {.out = out};

    json_begin_object(&w);
    write_texts(&w, "alternatives", verdict->alternatives, verdict->alternative_count);
    write_texts(&w, "approvers", verdict->approvers, verdict->approver_count);
    write_i64(&w, "cost_micro_usd", verdict->cost_micro_usd);
    write_errors(&w, verdict);
    write_texts(&w, "missing", verdict->missing, verdict->missing_count);
    if (verdict->next_steps.size > 0) {
        json_key(&w, "next_steps");
        json_string(&w, verdict->next_steps);
    }
    write_texts(&w, "reasons", verdict->reasons, verdict->reason_count);
    write_rules(&w, verdict);
    write_i64(&w, "sla_s", verdict->sla_s);
    json_key(&w, "tier");
    json_i64(&w, verdict->tier);
    if (verdict->undecided) {
        json_key(&w, "undecided");
        json_bool(&w, true);
    }
    json_end_object(&w);
}

/* ---- reading ---- */

static enum status bad_member(const char *where, struct error *error)
{
    return error_set(error, STATUS_CORRUPT, where, "not a verdict");
}

static enum status read_texts(struct arena *arena, const cJSON *json, const char *name, struct slice **out, size_t *count,
                              struct error *error)
{
    const cJSON *list = json_get(json, name), *item;

    if (list && !cJSON_IsArray(list))
        return bad_member(name, error);
    *out = arena_array(arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof **out);
    if (!*out)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    *count = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return bad_member(name, error);
        (*out)[(*count)++] = json_text(item);
    }
    return STATUS_OK;
}

static bool read_tier(const cJSON *json, int *tier)
{
    int64_t value = -1;

    if (!json_get_i64(json, "tier", &value) || value < TIER_APPROVE || value > TIER_DENY)
        return false;
    *tier = (int)value;
    return true;
}

static enum status read_rules(struct arena *arena, const cJSON *list, struct verdict *out, struct error *error)
{
    const cJSON *item;

    out->rules = arena_array(arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof *out->rules);
    if (!out->rules)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    cJSON_ArrayForEach(item, list)
    {
        struct verdict_rule *rule = &out->rules[out->rule_count++];

        rule->name = json_get_text(item, "name");
        json_get_bool(item, "because_missing", &rule->because_missing);
        if (rule->name.size == 0 || !read_tier(item, &rule->tier))
            return bad_member("rules", error);
    }
    return STATUS_OK;
}

static bool read_kind(struct slice name, enum verdict_error_kind *kind)
{
    for (size_t i = 0; i < sizeof error_kinds / sizeof *error_kinds; i++) {
        if (slice_equal_str(name, error_kinds[i])) {
            *kind = (enum verdict_error_kind)i;
            return true;
        }
    }
    return false;
}

static enum status read_errors(struct arena *arena, const cJSON *list, struct verdict *out, struct error *error)
{
    const cJSON *item;

    out->errors = arena_array(arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof *out->errors);
    if (!out->errors)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    cJSON_ArrayForEach(item, list)
    {
        struct verdict_error *one = &out->errors[out->error_count++];

        one->rule = json_get_text(item, "rule");
        one->message = json_get_text(item, "message");
        if (!read_kind(json_get_text(item, "kind"), &one->kind) || !read_tier(item, &one->tier))
            return bad_member("errors", error);
    }
    return STATUS_OK;
}

enum status verdict_from_json(struct arena *arena, const cJSON *json, struct verdict *out, struct error *error)
{
    enum status status;

    *out = (struct verdict){0};
    if (!read_tier(json, &out->tier))
        return bad_member("verdict", error);
    json_get_bool(json, "undecided", &out->undecided);
    json_get_i64(json, "cost_micro_usd", &out->cost_micro_usd);
    json_get_i64(json, "sla_s", &out->sla_s);
    out->next_steps = json_get_text(json, "next_steps");
    status = read_rules(arena, json_get(json, "rules"), out, error);
    if (status == STATUS_OK)
        status = read_errors(arena, json_get(json, "errors"), out, error);
    if (status == STATUS_OK)
        status = read_texts(arena, json, "reasons", &out->reasons, &out->reason_count, error);
    if (status == STATUS_OK)
        status = read_texts(arena, json, "alternatives", &out->alternatives, &out->alternative_count, error);
    if (status == STATUS_OK)
        status = read_texts(arena, json, "missing", &out->missing, &out->missing_count, error);
    if (status == STATUS_OK)
        status = read_texts(arena, json, "approvers", &out->approvers, &out->approver_count, error);
    return status;
}
