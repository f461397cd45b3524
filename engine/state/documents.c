/* Agents as the API shows them, from durable rows. */
#include "state/internal.h"

#include "proto/money.h"

#include <stdio.h>

static const struct json_limits row_limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};

/* The agent's row, parsed; NOT_FOUND when no manifest was set. */
static enum status read_agent(struct state *state, struct arena *arena, struct slice agent, cJSON **out, struct error *error)
{
    struct row key;
    struct slice row;
    enum status status;

    row_begin(&key, ROW_AGENT);
    row_bytes(&key, slice_sub(agent, 0, REQUEST_AGENT_MAX));
    status = store_get(state->store, STORE_STATE, row_slice(&key), arena, &row, error);
    if (status == STATUS_OK)
        status = json_parse(arena, row, &row_limits, out, error);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !cJSON_IsObject(json_get(*out, "manifest"))))
        return error_set(error, STATUS_NOT_FOUND, "", "there is no agent of this name; PUT /v1/agents/{id} makes one");
    return status;
}

static void put_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    json_key(w, name);
    if (time_ms == 0) {
        json_null(w);
        return;
    }
    clock_format(time_ms, text);
    json_string(w, slice_from(text, sizeof text));
}

static enum status finish(const struct buf *out, struct error *error)
{
    return out->failed ? error_set(error, STATUS_NO_MEMORY, "", "the document needs more memory than one call may use")
                       : STATUS_OK;
}

enum status state_agent_document(struct state *state, struct arena *arena, struct slice agent, struct buf *out,
                                 uint64_t *version, struct error *error)
{
    cJSON *row = NULL;
    const cJSON *member;
    struct json_writer w = {.out = out};
    int64_t number = 0, usage_at = 0;
    enum status status = read_agent(state, arena, agent, &row, error);

    if (status != STATUS_OK)
        return status;
    json_get_i64(row, "version", &number);
    json_get_i64(row, "usage_at_ms", &usage_at);
    *version = (uint64_t)number;
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, agent);
    cJSON_ArrayForEach(member, json_get(row, "manifest"))
    {
        json_key(&w, member->string);
        json_value(&w, arena, member);
    }
    json_key(&w, "usage");
    json_value(&w, arena, json_get(row, "usage"));
    put_time(&w, "usage_at", usage_at);
    json_key(&w, "version");
    json_i64(&w, number);
    json_end_object(&w);
    return finish(out, error);
}

/* ---- quota ---- */

static double amount(const cJSON *tree, const char *group, const char *name)
{
    const cJSON *value = json_get(json_get(tree, group), name);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static void put_number(struct json_writer *w, const char *name, const cJSON *tree, const char *member)
{
    const cJSON *value = json_get(json_get(tree, "compute"), member);

    json_key(w, name);
    if (cJSON_IsNumber(value))
        json_value(w, NULL, value);
    else
        json_null(w);
}

/* One row for each amount that the manifest limits; `*within` is false when any is used up. */
static void put_resources(struct json_writer *w, struct arena *arena, const cJSON *quota, const cJSON *usage, bool *within)
{
    const cJSON *group, *limit;

    json_key(w, "resources");
    json_begin_array(w);
    cJSON_ArrayForEach(group, quota)
    {
        cJSON_ArrayForEach(limit, group)
        {
            const cJSON *used = json_get(json_get(usage, group->string), limit->string);
            bool fits = amount(usage, group->string, limit->string) < limit->valuedouble;

            json_begin_object(w);
            json_key(w, "name");
            json_string(w, arena_printf(arena, "%s.%s", group->string, limit->string));
            json_key(w, "quota");
            json_value(w, arena, limit);
            json_key(w, "usage");
            json_value(w, arena, used);
            json_key(w, "within_quota");
            json_bool(w, fits);
            json_end_object(w);
            *within = *within && fits;
        }
    }
    json_end_array(w);
}

enum status state_quota_document(struct state *state, struct arena *arena, struct slice agent, struct buf *out,
                                 struct error *error)
{
    cJSON *row = NULL;
    const cJSON *quota, *usage;
    struct json_writer w = {.out = out};
    int64_t usage_at = 0;
    bool within = true;
    enum status status = read_agent(state, arena, agent, &row, error);

    if (status != STATUS_OK)
        return status;
    quota = json_get(json_get(row, "manifest"), "resource_quotas");
    usage = json_get(row, "usage");
    json_get_i64(row, "usage_at_ms", &usage_at);
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, agent);
    put_number(&w, "cpu_usage", usage, "cpu_cores");
    put_number(&w, "cpu_quota", quota, "cpu_cores");
    put_number(&w, "memory_usage", usage, "memory_gb");
    put_number(&w, "memory_quota", quota, "memory_gb");
    put_resources(&w, arena, quota, usage, &within);
    put_time(&w, "usage_at", usage_at);
    json_key(&w, "within_quota");
    json_bool(&w, within);
    json_end_object(&w);
    return finish(out, error);
}

/* ---- budget ---- */

static void put_money(struct json_writer *w, const char *name, const char *text_name, int64_t micro_usd)
{
    json_key(w, name);
    money_write_number(w->out, micro_usd);
    w->comma = true;
    json_key(w, text_name);
    buf_add_char(w->out, '"');
    money_write(w->out, micro_usd);
    buf_add_char(w->out, '"');
    w->comma = true;
}

static enum status read_budget(struct state *state, struct arena *arena, struct slice agent, int32_t period, struct budget *out,
                               struct error *error)
{
    struct row key;
    struct slice row;
    enum status status;

    *out = (struct budget){.period = period};
    row_begin(&key, ROW_BUDGET);
    row_text(&key, agent);
    row_u32(&key, (uint32_t)period);
    status = store_get(state->store, STORE_STATE, row_slice(&key), arena, &row, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || row.size != 24)
        return status != STATUS_OK ? status : error_set(error, STATUS_CORRUPT, "", "a budget's row is damaged");
    out->spent = (int64_t)row_get_u64(row, 0);
    out->reserved = (int64_t)row_get_u64(row, 8);
    out->raised = (int64_t)row_get_u64(row, 16);
    return STATUS_OK;
}

static double percent_of(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)((__int128)part * 10000 / whole) / 100.0 : 0.0;
}

enum status state_budget_document(struct state *state, struct arena *arena, struct slice agent, int64_t now_ms, struct buf *out,
                                  struct error *error)
{
    cJSON *row = NULL;
    struct json_writer w = {.out = out};
    struct budget budget;
    int64_t limit = 0, remaining;
    int32_t period = clock_month(now_ms);
    enum status status = read_agent(state, arena, agent, &row, error);

    if (status == STATUS_OK)
        status = read_budget(state, arena, agent, period, &budget, error);
    if (status != STATUS_OK)
        return status;
    json_get_i64(row, "limit_micro_usd", &limit);
    limit += budget.raised;
    remaining = limit - budget.spent - budget.reserved;
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, agent);
    json_key(&w, "period");
    json_string(&w, arena_printf(arena, "%04d-%02d", period / 12, period % 12 + 1));
    put_money(&w, "budget_limit", "budget_limit_usd", limit);
    put_money(&w, "current_spending", "current_spending_usd", budget.spent);
    put_money(&w, "reserved", "reserved_usd", budget.reserved);
    put_money(&w, "remaining", "remaining_usd", remaining > 0 ? remaining : 0);
    put_money(&w, "raised", "raised_usd", budget.raised);
    json_key(&w, "utilization_percent");
    json_write_number(out, percent_of(budget.spent + budget.reserved, limit));
    w.comma = true;
    json_end_object(&w);
    return finish(out, error);
}

/* ---- ownership ---- */

/* "namespace/kind/name" or "namespace": what stands before the first slash. */
enum status state_ownership_document(struct state *state, struct arena *arena, struct slice agent, struct slice resource,
                                     struct buf *out, struct error *error)
{
    cJSON *row = NULL;
    struct json_writer w = {.out = out};
    struct slice own, other = slice_sub(resource, 0, slice_find(resource, '/', 0));
    enum status status = read_agent(state, arena, agent, &row, error);

    if (status != STATUS_OK)
        return status;
    own = json_get_text(json_get(row, "manifest"), "namespace");
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, agent);
    json_key(&w, "agent_namespace");
    json_string(&w, own);
    json_key(&w, "resource_namespace");
    json_string(&w, other);
    json_key(&w, "owns_resource");
    json_bool(&w, own.size > 0 && slice_equal(own, other));
    json_end_object(&w);
    return finish(out, error);
}

/* ---- autonomy ---- */

struct autonomy {
    uint64_t counts[3];
};

static bool add_hour(void *context, const struct store_visit *row)
{
    struct autonomy *sum = context;

    for (size_t i = 0; i < 3 && row->value.size == 12; i++)
        sum->counts[i] += row_get_u32(row->value, 4 * i);
    return true;
}

enum status state_autonomy_document(struct state *state, struct arena *arena, struct slice agent, unsigned days, int64_t now_ms,
                                    struct buf *out, struct error *error)
{
    cJSON *json = NULL;
    struct json_writer w = {.out = out};
    struct autonomy sum = {{0}};
    struct row from, to;
    uint64_t total;
    uint32_t hour = (uint32_t)(now_ms / 3600000);
    enum status status = read_agent(state, arena, agent, &json, error);

    if (status != STATUS_OK)
        return status;
    row_begin(&from, ROW_HOUR);
    row_text(&from, agent);
    to = from;
    row_u32(&from, hour - days * 24 + 1);
    row_u32(&to, UINT32_MAX);
    status = state->store->ops->scan(state->store, STORE_STATE, row_slice(&from), row_slice(&to), false, add_hour, &sum, error);
    if (status != STATUS_OK)
        return status;
    total = sum.counts[0] + sum.counts[1] + sum.counts[2];
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, agent);
    json_key(&w, "autonomy_rate");
    json_write_number(out, total ? (double)sum.counts[HISTORY_APPROVED] / (double)total : 0);
    w.comma = true;
    json_key(&w, "total_decisions");
    json_i64(&w, (int64_t)total);
    json_key(&w, "auto_approved");
    json_i64(&w, (int64_t)sum.counts[HISTORY_APPROVED]);
    json_key(&w, "escalated");
    json_i64(&w, (int64_t)sum.counts[HISTORY_ESCALATED]);
    json_key(&w, "denied");
    json_i64(&w, (int64_t)sum.counts[HISTORY_DENIED]);
    json_key(&w, "days");
    json_i64(&w, days);
    json_end_object(&w);
    return finish(out, error);
}

/* ---- the list ---- */

struct agents_page {
    struct state *state;
    struct arena *arena;
    struct json_writer w;
    size_t limit, shown;
    struct slice last, next;
    enum status status;
    struct error *error;
};

static bool list_agent(void *context, const struct store_visit *row)
{
    struct agents_page *page = context;
    cJSON *json = NULL;
    const cJSON *manifest;

    if (page->shown == page->limit) {
        page->next = page->last;
        return false;
    }
    page->status = json_parse(page->arena, row->value, &row_limits, &json, page->error);
    if (page->status != STATUS_OK)
        return false;
    manifest = json_get(json, "manifest");
    if (!cJSON_IsObject(manifest))
        return true;
    page->last = arena_copy(page->arena, slice_sub(row->key, 1, SIZE_MAX));
    json_begin_object(&page->w);
    json_key(&page->w, "agent_identity");
    json_string(&page->w, page->last);
    json_key(&page->w, "namespace");
    json_string(&page->w, json_get_text(manifest, "namespace"));
    json_key(&page->w, "owner");
    json_string(&page->w, json_get_text(manifest, "owner"));
    json_end_object(&page->w);
    page->shown++;
    return true;
}

enum status state_agents_list(struct state *state, struct arena *arena, struct slice after, size_t limit, struct buf *out,
                              struct slice *next, struct error *error)
{
    struct agents_page page = {.state = state, .arena = arena, .w = {.out = out}, .limit = limit, .error = error};
    struct row from;
    enum status status;

    row_begin(&from, ROW_AGENT);
    row_bytes(&from, slice_sub(after, 0, REQUEST_AGENT_MAX));
    if (after.size > 0)
        row_bytes(&from, slice_from("", 1)); /* the first key past it */
    json_begin_array(&page.w);
    status = state->store->ops->scan(state->store, STORE_STATE, row_slice(&from), SLICE("b"), false, list_agent, &page, error);
    json_end_array(&page.w);
    *next = page.next;
    if (status == STATUS_OK)
        status = page.status;
    return status == STATUS_OK ? finish(out, error) : status;
}

/* ---- outcomes ---- */

enum status state_outcome_document(struct state *state, struct arena *arena, struct slice decision_id, struct buf *out,
                                   struct error *error)
{
    struct row key;
    struct slice row;
    enum status status;

    row_begin(&key, ROW_OUTCOME);
    row_bytes(&key, slice_sub(decision_id, 0, 64));
    status = store_get(state->store, STORE_STATE, row_slice(&key), arena, &row, error);
    if (status == STATUS_OK)
        buf_add_slice(out, row);
    return status == STATUS_OK ? finish(out, error) : status;
}
