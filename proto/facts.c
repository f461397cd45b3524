#include "proto/facts.h"

#include "base/clock.h"

#include <stdio.h>

int64_t facts_remaining_micro_usd(const struct facts *facts)
{
    int64_t remaining = facts->limit_micro_usd - facts->spent_micro_usd - facts->reserved_micro_usd;

    return remaining > 0 ? remaining : 0;
}

/* ---- writing: members in canonical order, so that the record needs no sort ---- */

static void put_time(struct arena *arena, cJSON *object, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_ms, text);
    json_put_text(arena, object, name, slice_from(text, sizeof text));
}

/* A tree that belongs to others goes in as a node of our own over their children. */
static void put_shared(struct arena *arena, cJSON *object, const char *name, const cJSON *tree)
{
    cJSON *node = cJSON_IsArray(tree) ? json_new_array(arena) : json_new_object(arena);

    if (node)
        node->child = tree->child;
    json_put(object, name, node);
}

static cJSON *agent_json(struct arena *arena, const struct facts *facts)
{
    cJSON *agent = json_new_object(arena);

    json_put_text(arena, agent, "id", facts->agent_id);
    json_put_bool(arena, agent, "known", facts->known);
    if (!facts->known)
        return agent;
    json_put_text(arena, agent, "namespace", facts->agent_namespace);
    if (facts->owner.size > 0)
        json_put_text(arena, agent, "owner", facts->owner);
    if (facts->privileges)
        put_shared(arena, agent, "privileges", facts->privileges);
    else
        json_put(agent, "privileges", json_new_array(arena));
    return agent;
}

/* Rounded to the nearest whole number; 0 without a limit. */
static int64_t utilization_percent(const struct facts *facts)
{
    int64_t used = facts->spent_micro_usd + facts->reserved_micro_usd;

    if (facts->limit_micro_usd <= 0)
        return 0;
    return (int64_t)(((__int128)used * 100 + facts->limit_micro_usd / 2) / facts->limit_micro_usd);
}

/* "2026-07" */
static void write_period(int32_t period, char text[7])
{
    int year = period / 12, month = period % 12 + 1;

    text[0] = (char)('0' + year / 1000 % 10);
    text[1] = (char)('0' + year / 100 % 10);
    text[2] = (char)('0' + year / 10 % 10);
    text[3] = (char)('0' + year % 10);
    text[4] = '-';
    text[5] = (char)('0' + month / 10);
    text[6] = (char)('0' + month % 10);
}

static cJSON *budget_json(struct arena *arena, const struct facts *facts)
{
    cJSON *budget = json_new_object(arena);
    char period[7];

    write_period(facts->period, period);
    json_put_i64(arena, budget, "limit_micro_usd", facts->limit_micro_usd);
    json_put_text(arena, budget, "period", slice_from(period, sizeof period));
    json_put_i64(arena, budget, "remaining_micro_usd", facts_remaining_micro_usd(facts));
    json_put_i64(arena, budget, "reserved_micro_usd", facts->reserved_micro_usd);
    json_put_i64(arena, budget, "spent_micro_usd", facts->spent_micro_usd);
    json_put_i64(arena, budget, "utilization_percent", utilization_percent(facts));
    return budget;
}

static cJSON *counts_json(struct arena *arena, const struct facts_counts *counts)
{
    cJSON *json = json_new_object(arena);

    json_put_i64(arena, json, "approved", counts->approved);
    json_put_i64(arena, json, "denied", counts->denied);
    json_put_i64(arena, json, "escalated", counts->escalated);
    return json;
}

static cJSON *windows_json(struct arena *arena, const struct facts_windows *windows)
{
    cJSON *json = json_new_object(arena);

    json_put(json, "d7", counts_json(arena, &windows->d7));
    json_put(json, "h1", counts_json(arena, &windows->h1));
    json_put(json, "h24", counts_json(arena, &windows->h24));
    return json;
}

static cJSON *grant_json(struct arena *arena, const struct facts_grant *grant)
{
    cJSON *json = json_new_object(arena), *covers = json_new_array(arena);

    for (size_t i = 0; i < grant->cover_count; i++)
        json_append(covers, json_new_text(arena, grant->covers[i]));
    json_put(json, "covers", covers);
    json_put_text(arena, json, "escalation_id", grant->escalation_id);
    put_time(arena, json, "expires_at", grant->expires_at_ms);
    json_put_text(arena, json, "id", grant->id);
    json_put_i64(arena, json, "uses_left", grant->uses_left);
    return json;
}

static cJSON *grants_json(struct arena *arena, const struct facts *facts)
{
    cJSON *grants = json_new_array(arena);

    for (size_t i = 0; i < facts->grant_count; i++)
        json_append(grants, grant_json(arena, &facts->grants[i]));
    return grants;
}

static void put_cost(struct arena *arena, cJSON *json, const struct facts *facts)
{
    cJSON *cost = json_new_object(arena);

    json_put_i64(arena, cost, "estimated_micro_usd", facts->estimated_micro_usd);
    json_put_bool(arena, cost, "stated", facts->estimate_stated);
    json_put(json, "cost", cost);
}

static void put_escalation(struct arena *arena, cJSON *json, const struct facts *facts)
{
    cJSON *escalation;

    if (facts->pending_escalation_id.size == 0)
        return;
    escalation = json_new_object(arena);
    json_put_text(arena, escalation, "id", facts->pending_escalation_id);
    json_put_text(arena, escalation, "state", SLICE("pending"));
    json_put(json, "escalation", escalation);
}

static void put_history(struct arena *arena, cJSON *json, const struct facts *facts)
{
    cJSON *history = json_new_object(arena);

    json_put(history, "all", windows_json(arena, &facts->all));
    json_put(history, "similar", windows_json(arena, &facts->similar));
    json_put(json, "history", history);
}

cJSON *facts_to_json(struct arena *arena, const struct facts *facts)
{
    cJSON *json = json_new_object(arena);

    json_put(json, "agent", agent_json(arena, facts));
    json_put(json, "budget", budget_json(arena, facts));
    put_cost(arena, json, facts);
    put_escalation(arena, json, facts);
    json_put(json, "grants", grants_json(arena, facts));
    put_history(arena, json, facts);
    put_time(arena, json, "now", facts->now_ms);
    json_put_i64(arena, json, "now_ms", facts->now_ms);
    if (facts->quota)
        put_shared(arena, json, "quota", facts->quota);
    if (facts->usage)
        put_shared(arena, json, "usage", facts->usage);
    if (facts->usage && facts->usage_at_ms > 0)
        put_time(arena, json, "usage_at", facts->usage_at_ms);
    json_put_i64(arena, json, "v", FACTS_VERSION);
    return arena->exhausted ? NULL : json;
}

/* ---- reading ---- */

static enum status wrong(const char *where, const char *expected, struct error *error)
{
    return error_set(error, STATUS_INVALID, where, "expected %s", expected);
}

static enum status read_i64(const cJSON *object, const char *name, const char *where, int64_t *out, struct error *error)
{
    const cJSON *value = json_get(object, name);

    if (!value || json_is_integer(value, out))
        return STATUS_OK;
    return wrong(where, "an integer", error);
}

static enum status read_time(const cJSON *object, const char *name, const char *where, int64_t *out, struct error *error)
{
    const cJSON *value = json_get(object, name);

    if (!value || (cJSON_IsString(value) && clock_parse(json_text(value), out)))
        return STATUS_OK;
    return wrong(where, "a time such as 2026-07-28T12:34:56Z", error);
}

static enum status read_agent(const cJSON *json, struct facts *out, struct error *error)
{
    const cJSON *agent = json_get(json, "agent");

    if (agent && !cJSON_IsObject(agent))
        return wrong("/agent", "an object", error);
    out->agent_id = json_get_text(agent, "id");
    out->agent_namespace = json_get_text(agent, "namespace");
    out->owner = json_get_text(agent, "owner");
    if (json_get(agent, "known") && !json_get_bool(agent, "known", &out->known))
        return wrong("/agent/known", "true or false", error);
    out->privileges = json_get(agent, "privileges");
    if (out->privileges && !cJSON_IsArray(out->privileges))
        return wrong("/agent/privileges", "an array", error);
    return STATUS_OK;
}

static bool parse_period(struct slice text, int32_t *period)
{
    uint64_t year, month;

    if (text.size != 7 || text.data[4] != '-' || !slice_to_u64(slice_sub(text, 0, 4), &year) ||
        !slice_to_u64(slice_sub(text, 5, 7), &month) || month < 1 || month > 12)
        return false;
    *period = (int32_t)(year * 12 + month - 1);
    return true;
}

static enum status read_budget(const cJSON *json, struct facts *out, struct error *error)
{
    const cJSON *budget = json_get(json, "budget");
    enum status status;

    if (budget && !cJSON_IsObject(budget))
        return wrong("/budget", "an object", error);
    if (json_get(budget, "period") && !parse_period(json_get_text(budget, "period"), &out->period))
        return wrong("/budget/period", "a month such as 2026-07", error);
    status = read_i64(budget, "limit_micro_usd", "/budget/limit_micro_usd", &out->limit_micro_usd, error);
    if (status == STATUS_OK)
        status = read_i64(budget, "spent_micro_usd", "/budget/spent_micro_usd", &out->spent_micro_usd, error);
    if (status == STATUS_OK)
        status = read_i64(budget, "reserved_micro_usd", "/budget/reserved_micro_usd", &out->reserved_micro_usd, error);
    return status;
}

static enum status read_counts(const cJSON *windows, const char *name, struct facts_counts *out, struct error *error)
{
    const cJSON *counts = json_get(windows, name);
    enum status status = read_i64(counts, "approved", "/history", &out->approved, error);

    if (status == STATUS_OK)
        status = read_i64(counts, "escalated", "/history", &out->escalated, error);
    if (status == STATUS_OK)
        status = read_i64(counts, "denied", "/history", &out->denied, error);
    return status;
}

static enum status read_windows(const cJSON *history, const char *name, struct facts_windows *out, struct error *error)
{
    const cJSON *windows = json_get(history, name);
    enum status status = read_counts(windows, "h1", &out->h1, error);

    if (status == STATUS_OK)
        status = read_counts(windows, "h24", &out->h24, error);
    if (status == STATUS_OK)
        status = read_counts(windows, "d7", &out->d7, error);
    return status;
}

static enum status read_grant(struct arena *arena, const cJSON *json, struct facts_grant *out, struct error *error)
{
    const cJSON *covers = json_get(json, "covers"), *item;
    enum status status;

    out->id = json_get_text(json, "id");
    out->escalation_id = json_get_text(json, "escalation_id");
    out->covers = arena_array(arena, (size_t)cJSON_GetArraySize(covers) + 1, sizeof *out->covers);
    if (!out->covers)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    cJSON_ArrayForEach(item, covers) out->covers[out->cover_count++] = json_text(item);
    status = read_i64(json, "uses_left", "/grants/uses_left", &out->uses_left, error);
    if (status == STATUS_OK)
        status = read_time(json, "expires_at", "/grants/expires_at", &out->expires_at_ms, error);
    return status;
}

static enum status read_grants(struct arena *arena, const cJSON *json, struct facts *out, struct error *error)
{
    const cJSON *grants = json_get(json, "grants"), *item;
    enum status status = STATUS_OK;

    if (grants && !cJSON_IsArray(grants))
        return wrong("/grants", "an array", error);
    out->grants = arena_array(arena, (size_t)cJSON_GetArraySize(grants) + 1, sizeof *out->grants);
    if (!out->grants)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    cJSON_ArrayForEach(item, grants)
    {
        if (status == STATUS_OK)
            status = read_grant(arena, item, &out->grants[out->grant_count++], error);
    }
    return status;
}

static enum status read_object(const cJSON *json, const char *name, const char *where, const cJSON **out, struct error *error)
{
    *out = json_get(json, name);
    return !*out || cJSON_IsObject(*out) ? STATUS_OK : wrong(where, "an object", error);
}

static enum status read_clock(const cJSON *json, struct facts *out, struct error *error)
{
    enum status status = read_time(json, "now", "/now", &out->now_ms, error);

    if (status == STATUS_OK)
        status = read_i64(json, "now_ms", "/now_ms", &out->now_ms, error);
    if (status == STATUS_OK)
        status = read_time(json, "usage_at", "/usage_at", &out->usage_at_ms, error);
    if (status == STATUS_OK && out->now_ms > 0)
        out->period = clock_month(out->now_ms);
    return status;
}

static enum status read_cost(const cJSON *json, struct facts *out, struct error *error)
{
    const cJSON *cost = json_get(json, "cost");

    json_get_bool(cost, "stated", &out->estimate_stated);
    out->pending_escalation_id = json_get_text(json_get(json, "escalation"), "id");
    return read_i64(cost, "estimated_micro_usd", "/cost/estimated_micro_usd", &out->estimated_micro_usd, error);
}

enum status facts_from_json(struct arena *arena, const cJSON *json, struct facts *out, struct error *error)
{
    enum status status;

    *out = (struct facts){0};
    if (!cJSON_IsObject(json))
        return wrong("", "an object of facts", error);
    status = read_clock(json, out, error);
    if (status == STATUS_OK)
        status = read_agent(json, out, error);
    if (status == STATUS_OK)
        status = read_object(json, "quota", "/quota", &out->quota, error);
    if (status == STATUS_OK)
        status = read_object(json, "usage", "/usage", &out->usage, error);
    if (status == STATUS_OK)
        status = read_budget(json, out, error);
    if (status == STATUS_OK)
        status = read_cost(json, out, error);
    if (status == STATUS_OK)
        status = read_windows(json_get(json, "history"), "similar", &out->similar, error);
    if (status == STATUS_OK)
        status = read_windows(json_get(json, "history"), "all", &out->all, error);
    if (status == STATUS_OK)
        status = read_grants(arena, json, out, error);
    return status;
}
