/* Facts as a record holds them. Members are in canonical order, so that nothing needs a sort. */
#include "base/clock.h"
#include "proto/facts.h"

static void put_i64(struct json_writer *w, const char *name, int64_t value)
{
    if (value == 0)
        return;
    json_key(w, name);
    json_i64(w, value);
}

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    if (text.size == 0)
        return;
    json_key(w, name);
    json_string(w, text);
}

static void put_tree(struct json_writer *w, struct arena *scratch, const char *name, const cJSON *tree)
{
    if (!tree)
        return;
    json_key(w, name);
    json_value(w, scratch, tree);
}

static void put_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_ms, text);
    put_text(w, name, slice_from(text, sizeof text));
}

static void write_agent(struct json_writer *w, struct arena *scratch, const struct facts *facts)
{
    if (!facts->known)
        return;
    json_key(w, "agent");
    json_begin_object(w);
    json_key(w, "known");
    json_bool(w, true);
    put_text(w, "namespace", facts->agent_namespace);
    put_text(w, "owner", facts->owner);
    put_tree(w, scratch, "privileges", facts->privileges);
    json_end_object(w);
}

static void write_budget(struct json_writer *w, const struct facts *facts)
{
    if (facts->limit_micro_usd == 0 && facts->reserved_micro_usd == 0 && facts->spent_micro_usd == 0)
        return;
    json_key(w, "budget");
    json_begin_object(w);
    put_i64(w, "limit_micro_usd", facts->limit_micro_usd);
    put_i64(w, "reserved_micro_usd", facts->reserved_micro_usd);
    put_i64(w, "spent_micro_usd", facts->spent_micro_usd);
    json_end_object(w);
}

static void write_cost(struct json_writer *w, const struct facts *facts)
{
    if (!facts->estimate_stated && facts->estimated_micro_usd == 0)
        return;
    json_key(w, "cost");
    json_begin_object(w);
    put_i64(w, "estimated_micro_usd", facts->estimated_micro_usd);
    if (facts->estimate_stated) {
        json_key(w, "stated");
        json_bool(w, true);
    }
    json_end_object(w);
}

static void write_escalation(struct json_writer *w, const struct facts *facts)
{
    if (facts->pending_escalation_id.size == 0)
        return;
    json_key(w, "escalation");
    json_begin_object(w);
    put_text(w, "id", facts->pending_escalation_id);
    json_end_object(w);
}

static void write_grants(struct json_writer *w, const struct facts *facts)
{
    if (facts->grant_count == 0)
        return;
    json_key(w, "grants");
    json_begin_array(w);
    for (size_t i = 0; i < facts->grant_count; i++) {
        const struct facts_grant *grant = &facts->grants[i];

        json_begin_object(w);
        json_key(w, "covers");
        json_begin_array(w);
        for (size_t c = 0; c < grant->cover_count; c++)
            json_string(w, grant->covers[c]);
        json_end_array(w);
        put_text(w, "escalation_id", grant->escalation_id);
        put_time(w, "expires_at", grant->expires_at_ms);
        put_text(w, "id", grant->id);
        put_i64(w, "uses_left", grant->uses_left);
        json_end_object(w);
    }
    json_end_array(w);
}

/* ---- history ---- */

static bool is_zero(const struct facts_counts *counts)
{
    return counts->approved == 0 && counts->denied == 0 && counts->escalated == 0;
}

static void write_counts(struct json_writer *w, const char *name, const struct facts_counts *counts)
{
    if (is_zero(counts))
        return;
    json_key(w, name);
    json_begin_object(w);
    put_i64(w, "approved", counts->approved);
    put_i64(w, "denied", counts->denied);
    put_i64(w, "escalated", counts->escalated);
    json_end_object(w);
}

static bool windows_are_zero(const struct facts_windows *windows)
{
    return is_zero(&windows->d7) && is_zero(&windows->h1) && is_zero(&windows->h24);
}

static void write_windows(struct json_writer *w, const char *name, const struct facts_windows *windows)
{
    if (windows_are_zero(windows))
        return;
    json_key(w, name);
    json_begin_object(w);
    write_counts(w, "d7", &windows->d7);
    write_counts(w, "h1", &windows->h1);
    write_counts(w, "h24", &windows->h24);
    json_end_object(w);
}

static void write_history(struct json_writer *w, const struct facts *facts)
{
    if (windows_are_zero(&facts->all) && windows_are_zero(&facts->similar))
        return;
    json_key(w, "history");
    json_begin_object(w);
    write_windows(w, "all", &facts->all);
    write_windows(w, "similar", &facts->similar);
    json_end_object(w);
}

void facts_write(struct json_writer *w, struct arena *scratch, const struct facts *facts)
{
    json_begin_object(w);
    write_agent(w, scratch, facts);
    write_budget(w, facts);
    write_cost(w, facts);
    write_escalation(w, facts);
    write_grants(w, facts);
    write_history(w, facts);
    put_i64(w, "now_ms", facts->now_ms);
    put_tree(w, scratch, "quota", facts->quota);
    put_tree(w, scratch, "usage", facts->usage);
    if (facts->usage && facts->usage_at_ms > 0)
        put_time(w, "usage_at", facts->usage_at_ms);
    put_i64(w, "v", FACTS_VERSION);
    json_end_object(w);
}
