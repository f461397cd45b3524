#include "engine/explanation.h"

static const char *const trace_states[] = {"matched", "no_match", "excepted", "missing", "when_false", "failed"};

static void write_rule(struct json_writer *w, const struct policy_trace_rule *rule)
{
    json_begin_object(w);
    json_key(w, "rule");
    json_string(w, rule->name);
    json_key(w, "tier");
    json_i64(w, rule->tier);
    json_key(w, "state");
    json_string(w, slice_from_str(trace_states[rule->state]));
    json_key(w, "file");
    json_string(w, rule->file);
    json_key(w, "line");
    json_i64(w, rule->line);
    if (rule->detail.size > 0) {
        json_key(w, "detail");
        json_string(w, rule->detail);
    }
    json_key(w, "fuel");
    json_i64(w, (int64_t)rule->fuel);
    json_key(w, "memory_bytes");
    json_i64(w, (int64_t)rule->memory);
    json_end_object(w);
}

static bool counted(const struct policy_trace_rule *rule)
{
    return rule->state == POLICY_RULE_MATCHED || rule->state == POLICY_RULE_FAILED || rule->state == POLICY_RULE_MISSING;
}

void explanation_write(struct buf *out, struct arena *scratch, const struct policy_trace *trace, const cJSON *facts_json,
                       bool full)
{
    struct json_writer w = {.out = out};

    json_begin_object(&w);
    json_key(&w, "rules");
    json_begin_array(&w);
    for (size_t i = 0; i < trace->count; i++) {
        if (full || counted(&trace->rules[i]))
            write_rule(&w, &trace->rules[i]);
    }
    json_end_array(&w);
    if (full) {
        json_key(&w, "facts");
        json_value(&w, scratch, facts_json);
    }
    json_end_object(&w);
}
