/* Bodies of the entries that are not decisions: written in canonical order, read back. event_check.c validates what users send.
 */
#include "proto/event.h"

static const char *const resolution_names[] = {"approved", "denied", "cancelled"};

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_optional(struct json_writer *w, const char *name, struct slice text)
{
    if (text.size > 0)
        put_text(w, name, text);
}

static void put_i64(struct json_writer *w, const char *name, int64_t value)
{
    json_key(w, name);
    json_i64(w, value);
}

static void write_outcome(struct json_writer *w, const struct event *event)
{
    const struct event_outcome *outcome = &event->outcome;

    if (outcome->has_actual_cost)
        put_i64(w, "actual_cost_micro_usd", outcome->actual_cost_micro_usd);
    put_text(w, "agent", outcome->agent);
    put_text(w, "by", event->by);
    if (outcome->by_meter) {
        json_key(w, "by_meter");
        json_bool(w, true);
    }
    put_text(w, "decision_id", outcome->decision_id);
    if (outcome->rating > 0)
        put_i64(w, "rating", outcome->rating);
    put_text(w, "status", outcome->status);
}

static void write_agent_set(struct json_writer *w, struct arena *scratch, const struct event *event)
{
    put_text(w, "agent", event->agent_set.agent);
    put_text(w, "by", event->by);
    put_i64(w, "limit_micro_usd", event->agent_set.limit_micro_usd);
    json_key(w, "manifest");
    json_value(w, scratch, event->agent_set.manifest);
}

static void write_usage_set(struct json_writer *w, struct arena *scratch, const struct event *event)
{
    put_text(w, "agent", event->usage_set.agent);
    put_text(w, "by", event->by);
    json_key(w, "usage");
    json_value(w, scratch, event->usage_set.usage);
}

static void write_budget_raised(struct json_writer *w, const struct event *event)
{
    put_text(w, "agent", event->budget_raised.agent);
    put_text(w, "by", event->by);
    put_optional(w, "escalation_id", event->budget_raised.escalation_id);
    put_i64(w, "increase_micro_usd", event->budget_raised.increase_micro_usd);
    put_i64(w, "period", event->budget_raised.period);
}

static void write_resolved(struct json_writer *w, const struct event *event)
{
    const struct event_resolved *resolved = &event->resolved;

    put_text(w, "agent", resolved->agent);
    put_text(w, "by", event->by);
    put_text(w, "escalation_id", resolved->escalation_id);
    put_optional(w, "grant_id", resolved->grant_id);
    put_text(w, "reason", resolved->reason);
    put_text(w, "resolution", slice_from_str(resolution_names[resolved->resolution]));
    if (resolved->resolution == EVENT_APPROVED) {
        put_i64(w, "uses", resolved->uses);
        put_i64(w, "valid_for_s", resolved->valid_for_s);
    }
}

static void write_expired(struct json_writer *w, const struct event *event)
{
    put_text(w, "agent", event->expired.agent);
    put_text(w, "by", event->by);
    put_optional(w, "decision_id", event->expired.decision_id);
    put_optional(w, "escalation_id", event->expired.escalation_id);
}

static void write_policy(struct json_writer *w, const struct event *event)
{
    put_text(w, "by", event->by);
    put_optional(w, "previous", event->policy.previous);
    put_text(w, "revision", event->policy.revision);
    put_optional(w, "runtime", event->policy.runtime);
    put_optional(w, "summary", event->policy.summary);
}

static void write_created(struct json_writer *w, const struct event *event)
{
    put_text(w, "by", event->by);
    put_i64(w, "format", event->created.format);
    put_text(w, "store_id", event->created.store_id);
}

static void write_handover(struct json_writer *w, const struct event *event)
{
    const struct event_handover *handover = &event->handover;

    put_text(w, "by", event->by);
    put_text(w, "new_key", handover->new_key);
    put_text(w, "old_key", handover->old_key);
    put_optional(w, "reason", handover->reason);
    if (event->type == RECORD_LEDGER_RESTORED) {
        put_text(w, "root", handover->root);
        put_i64(w, "size", handover->size);
    } else {
        put_i64(w, "until_ms", handover->until_ms);
    }
}

static void write_archived(struct json_writer *w, const struct event *event)
{
    put_text(w, "by", event->by);
    if (event->archived.erases) {
        json_key(w, "erases");
        json_bool(w, true);
    }
    put_i64(w, "from", event->archived.from);
    put_text(w, "manifest", event->archived.manifest);
    put_text(w, "root", event->archived.root);
    put_i64(w, "to", event->archived.to);
}

static void write_erased(struct json_writer *w, const struct event *event)
{
    const struct event_erased *erased = &event->erased;

    put_text(w, "agent", erased->agent);
    put_text(w, "by", event->by);
    put_text(w, "decision_id", erased->decision_id);
    put_optional(w, "escalation_id", erased->escalation_id);
    put_i64(w, "index", (int64_t)erased->index);
    json_key(w, "paths");
    json_begin_array(w);
    for (size_t i = 0; i < erased->path_count; i++)
        json_string(w, erased->paths[i]);
    json_end_array(w);
    put_text(w, "reason", erased->reason);
}

void event_write_body(struct buf *out, struct arena *scratch, const struct event *event)
{
    struct json_writer w = {.out = out};

    json_begin_object(&w);
    switch (event->type) {
    case RECORD_OUTCOME:
        write_outcome(&w, event);
        break;
    case RECORD_AGENT_SET:
        write_agent_set(&w, scratch, event);
        break;
    case RECORD_USAGE_SET:
        write_usage_set(&w, scratch, event);
        break;
    case RECORD_BUDGET_RAISED:
        write_budget_raised(&w, event);
        break;
    case RECORD_ESCALATION_RESOLVED:
        write_resolved(&w, event);
        break;
    case RECORD_ESCALATION_EXPIRED:
    case RECORD_RESERVATION_EXPIRED:
        write_expired(&w, event);
        break;
    case RECORD_POLICY_ACTIVATED:
        write_policy(&w, event);
        break;
    case RECORD_STORE_CREATED:
        write_created(&w, event);
        break;
    case RECORD_LEDGER_RESTORED:
    case RECORD_LEDGER_KEY_ROTATED:
        write_handover(&w, event);
        break;
    case RECORD_LEDGER_ARCHIVED:
        write_archived(&w, event);
        break;
    case RECORD_DECISION_ERASED:
        write_erased(&w, event);
        break;
    case RECORD_DECISION:
    case RECORD_TYPE_COUNT:
        out->failed = true; /* not an event */
        break;
    }
    json_end_object(&w);
}

/* ---- reading ---- */

static bool read_resolution(struct slice name, enum event_resolution *out)
{
    for (int i = EVENT_APPROVED; i <= EVENT_CANCELLED; i++) {
        if (slice_equal_str(name, resolution_names[i])) {
            *out = (enum event_resolution)i;
            return true;
        }
    }
    return false;
}

static bool read_outcome(const cJSON *json, struct event_outcome *out)
{
    out->decision_id = json_get_text(json, "decision_id");
    out->agent = json_get_text(json, "agent");
    out->status = json_get_text(json, "status");
    out->has_actual_cost = json_get_i64(json, "actual_cost_micro_usd", &out->actual_cost_micro_usd);
    json_get_i64(json, "rating", &out->rating);
    json_get_bool(json, "by_meter", &out->by_meter);
    return out->decision_id.size > 0 && out->agent.size > 0 && out->status.size > 0;
}

static bool read_agent_set(const cJSON *json, struct event_agent_set *out)
{
    out->agent = json_get_text(json, "agent");
    out->manifest = json_get(json, "manifest");
    return json_get_i64(json, "limit_micro_usd", &out->limit_micro_usd) && out->agent.size > 0 && cJSON_IsObject(out->manifest);
}

static bool read_usage_set(const cJSON *json, struct event_usage_set *out)
{
    out->agent = json_get_text(json, "agent");
    out->usage = json_get(json, "usage");
    return out->agent.size > 0 && cJSON_IsObject(out->usage);
}

static bool read_budget_raised(const cJSON *json, struct event_budget_raised *out)
{
    int64_t period = 0;
    bool ok = json_get_i64(json, "increase_micro_usd", &out->increase_micro_usd) && json_get_i64(json, "period", &period);

    out->agent = json_get_text(json, "agent");
    out->escalation_id = json_get_text(json, "escalation_id");
    out->period = (int32_t)period;
    return ok && out->agent.size > 0;
}

static bool read_resolved(const cJSON *json, struct event_resolved *out)
{
    out->escalation_id = json_get_text(json, "escalation_id");
    out->agent = json_get_text(json, "agent");
    out->reason = json_get_text(json, "reason");
    out->grant_id = json_get_text(json, "grant_id");
    if (!read_resolution(json_get_text(json, "resolution"), &out->resolution) || out->escalation_id.size == 0)
        return false;
    return out->resolution != EVENT_APPROVED ||
           (json_get_i64(json, "uses", &out->uses) && json_get_i64(json, "valid_for_s", &out->valid_for_s));
}

static bool read_handover(const cJSON *json, enum record_type type, struct event_handover *out)
{
    out->old_key = json_get_text(json, "old_key");
    out->new_key = json_get_text(json, "new_key");
    out->reason = json_get_text(json, "reason");
    out->root = json_get_text(json, "root");
    if (out->old_key.size == 0 || out->new_key.size == 0)
        return false;
    if (type == RECORD_LEDGER_RESTORED)
        return json_get_i64(json, "size", &out->size) && out->root.size > 0;
    return json_get_i64(json, "until_ms", &out->until_ms);
}

static bool read_archived(const cJSON *json, struct event_archived *out)
{
    out->root = json_get_text(json, "root");
    out->manifest = json_get_text(json, "manifest");
    json_get_bool(json, "erases", &out->erases);
    return json_get_i64(json, "from", &out->from) && json_get_i64(json, "to", &out->to) && out->root.size > 0 &&
           out->manifest.size > 0;
}

static bool read_erased(struct arena *arena, const cJSON *json, struct event_erased *out)
{
    const cJSON *paths = json_get(json, "paths"), *path;
    int64_t index = -1;

    out->agent = json_get_text(json, "agent");
    out->decision_id = json_get_text(json, "decision_id");
    out->escalation_id = json_get_text(json, "escalation_id");
    out->reason = json_get_text(json, "reason");
    out->paths = arena_array(arena, (size_t)cJSON_GetArraySize(paths) + 1, sizeof *out->paths);
    if (!out->paths || !json_get_i64(json, "index", &index) || index < 0)
        return false;
    out->index = (uint64_t)index;
    cJSON_ArrayForEach(path, paths) out->paths[out->path_count++] = json_text(path);
    return out->decision_id.size > 0 && out->path_count > 0;
}

static bool read_members(struct arena *arena, const cJSON *json, struct event *out)
{
    switch (out->type) {
    case RECORD_OUTCOME:
        return read_outcome(json, &out->outcome);
    case RECORD_AGENT_SET:
        return read_agent_set(json, &out->agent_set);
    case RECORD_USAGE_SET:
        return read_usage_set(json, &out->usage_set);
    case RECORD_BUDGET_RAISED:
        return read_budget_raised(json, &out->budget_raised);
    case RECORD_ESCALATION_RESOLVED:
        return read_resolved(json, &out->resolved);
    case RECORD_ESCALATION_EXPIRED:
    case RECORD_RESERVATION_EXPIRED:
        out->expired.agent = json_get_text(json, "agent");
        out->expired.decision_id = json_get_text(json, "decision_id");
        out->expired.escalation_id = json_get_text(json, "escalation_id");
        return out->expired.agent.size > 0;
    case RECORD_POLICY_ACTIVATED:
        out->policy.revision = json_get_text(json, "revision");
        out->policy.previous = json_get_text(json, "previous");
        out->policy.summary = json_get_text(json, "summary");
        out->policy.runtime = json_get_text(json, "runtime");
        return out->policy.revision.size > 0;
    case RECORD_STORE_CREATED:
        out->created.store_id = json_get_text(json, "store_id");
        return json_get_i64(json, "format", &out->created.format);
    case RECORD_LEDGER_RESTORED:
    case RECORD_LEDGER_KEY_ROTATED:
        return read_handover(json, out->type, &out->handover);
    case RECORD_LEDGER_ARCHIVED:
        return read_archived(json, &out->archived);
    case RECORD_DECISION_ERASED:
        return read_erased(arena, json, &out->erased);
    default:
        return false;
    }
}

enum status event_from_body(struct arena *arena, enum record_type type, struct slice body, struct event *out,
                            struct error *error)
{
    const struct json_limits limits = {.bytes = RECORD_BYTES_MAX, .depth = JSON_DEPTH_MAX + 4, .members = 65536};
    cJSON *json = NULL;
    enum status status = json_parse(arena, body, &limits, &json, error);

    *out = (struct event){.type = type};
    if (status != STATUS_OK)
        return status;
    out->by = json_get_text(json, "by");
    if (!read_members(arena, json, out))
        return error_set(error, STATUS_CORRUPT, record_type_name(type), "the entry's body lacks what its type needs");
    return STATUS_OK;
}
