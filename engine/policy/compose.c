#include "policy/compose.h"

#include "policy/jsonview.h"

#include <stdlib.h>

/* A list that grows in an arena; slices are copied, so that a verdict outlives its bundle. */
struct list {
    struct arena *arena;
    struct slice *items;
    size_t count, capacity;
    bool failed;
};

static void list_put(struct list *list, struct slice text)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;

        list->items = (struct slice *)arena_grow(list->arena, list->items, list->capacity * sizeof *list->items,
                                                 capacity * sizeof *list->items);
        if (list->items == NULL) {
            list->failed = true;
            list->count = list->capacity = 0;
            return;
        }
        list->capacity = capacity;
    }
    list->items[list->count++] = text;
}

static void list_copy(struct list *list, struct slice text)
{
    struct slice copy = arena_copy(list->arena, text);

    if (copy.data == NULL)
        list->failed = true;
    else
        list_put(list, copy);
}

static bool list_has(const struct list *list, struct slice text)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        if (slice_equal(list->items[i], text))
            return true;
    return false;
}

static void list_put_once(struct list *list, struct slice text)
{
    if (!list_has(list, text))
        list_put(list, text);
}

/* ---- reasons ---- */

static void add_missing_reason(struct evaluation *evaluation, const struct outcome *outcome, struct list *reasons)
{
    struct buf text;
    size_t i;

    buf_create(&text, reasons->arena);
    buf_printf(&text, "Rule %.*s needs ", SLICE_ARG(outcome->rule->name));
    for (i = 0; i < outcome->missing_count; i++) {
        if (i > 0)
            buf_add_str(&text, i + 1 == outcome->missing_count ? " and " : ", ");
        buf_add_slice(&text, evaluation->vm->bundle->paths[outcome->missing[i]].dotted);
    }
    buf_add_str(&text, outcome->missing_count == 1 ? ", which was not given" : ", which were not given");
    if (text.failed)
        reasons->failed = true;
    list_put(reasons, buf_slice(&text));
}

static void add_failure_reason(const struct outcome *outcome, struct list *reasons)
{
    struct slice text = arena_printf(reasons->arena, "Rule %.*s failed, so it counts as tier %d: %.*s",
                                     SLICE_ARG(outcome->rule->name), outcome->tier, SLICE_ARG(outcome->message));

    if (text.data == NULL)
        reasons->failed = true;
    list_put(reasons, text);
}

static void add_reasons(struct evaluation *evaluation, const struct outcome *outcome, struct list *reasons)
{
    size_t i;

    if (outcome->state == POLICY_RULE_FAILED) {
        add_failure_reason(outcome, reasons);
        return;
    }
    if (outcome->state == POLICY_RULE_MISSING) {
        add_missing_reason(evaluation, outcome, reasons);
        return;
    }
    for (i = 0; i < outcome->reasons.count; i++)
        list_put_once(reasons, outcome->reasons.items[i]);
    if (outcome->reasons.count != 0)
        return;
    if (outcome->rule->description.size != 0)
        list_copy(reasons, outcome->rule->description);
    else
        list_put(reasons, arena_printf(reasons->arena, "Rule %.*s applies", SLICE_ARG(outcome->rule->name)));
}

/* ---- the verdict ---- */

static int slice_order(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static bool compose_missing(struct evaluation *evaluation, struct verdict *out)
{
    struct list missing = {.arena = evaluation->call.arena};
    size_t i, j;

    for (i = 0; i < evaluation->count; i++)
        for (j = 0; j < evaluation->outcomes[i].missing_count; j++) {
            struct slice dotted = evaluation->vm->bundle->paths[evaluation->outcomes[i].missing[j]].dotted;

            if (!list_has(&missing, dotted))
                list_copy(&missing, dotted);
        }
    if (missing.count > 1)
        qsort(missing.items, missing.count, sizeof *missing.items, slice_order);
    out->missing = missing.items;
    out->missing_count = missing.count;
    return !missing.failed;
}

/* Rules that count, and errors; both in order of name, because outcomes are. */
static bool compose_rules(struct evaluation *evaluation, struct verdict *out)
{
    struct arena *arena = evaluation->call.arena;
    size_t i;

    out->rules = (struct verdict_rule *)arena_array(arena, evaluation->count + 1, sizeof *out->rules);
    out->errors = (struct verdict_error *)arena_array(arena, evaluation->count + 1, sizeof *out->errors);
    if (out->rules == NULL || out->errors == NULL)
        return false;
    for (i = 0; i < evaluation->count; i++) {
        const struct outcome *outcome = &evaluation->outcomes[i];
        struct slice name;

        if (!outcome->counts)
            continue;
        name = arena_copy(arena, outcome->rule->name);
        if (outcome->state == POLICY_RULE_FAILED)
            out->errors[out->error_count++] = (struct verdict_error){
                .rule = name, .kind = outcome->error, .message = outcome->message, .tier = outcome->tier};
        else
            out->rules[out->rule_count++] = (struct verdict_rule){
                .name = name, .tier = outcome->tier, .because_missing = outcome->state == POLICY_RULE_MISSING};
    }
    return true;
}

static void compose_winner(struct evaluation *evaluation, const struct outcome *outcome, struct verdict *out,
                           struct list *reasons, struct list *alternatives, struct list *approvers)
{
    size_t i;

    add_reasons(evaluation, outcome, reasons);
    if (out->next_steps.size == 0 && outcome->next_steps.count != 0)
        out->next_steps = outcome->next_steps.items[0];
    for (i = 0; i < outcome->alternatives.count; i++)
        list_put_once(alternatives, outcome->alternatives.items[i]);
    for (i = 0; i < outcome->rule->approver_count; i++)
        if (!list_has(approvers, outcome->rule->approvers[i]))
            list_copy(approvers, outcome->rule->approvers[i]);
    if (outcome->rule->sla_s != 0 && (out->sla_s == 0 || outcome->rule->sla_s < out->sla_s))
        out->sla_s = outcome->rule->sla_s;
}

bool compose_verdict(struct evaluation *evaluation, struct verdict *out)
{
    struct arena *arena = evaluation->call.arena;
    struct list reasons = {.arena = arena}, alternatives = {.arena = arena}, approvers = {.arena = arena};
    size_t i;

    out->undecided = evaluation->tier < 0;
    out->tier = out->undecided ? TIER_ESCALATE : evaluation->tier;
    if (!compose_rules(evaluation, out) || !compose_missing(evaluation, out))
        return false;
    for (i = 0; i < evaluation->count; i++) {
        const struct outcome *outcome = &evaluation->outcomes[i];

        if (!outcome->counts)
            continue;
        if (outcome->state == POLICY_RULE_MATCHED && outcome->cost_micro_usd > out->cost_micro_usd)
            out->cost_micro_usd = outcome->cost_micro_usd;
        if (outcome->tier == evaluation->tier)
            compose_winner(evaluation, outcome, out, &reasons, &alternatives, &approvers);
    }
    out->reasons = reasons.items;
    out->reason_count = reasons.count;
    out->alternatives = alternatives.items;
    out->alternative_count = alternatives.count;
    out->approvers = approvers.items;
    out->approver_count = approvers.count;
    return !reasons.failed && !alternatives.failed && !approvers.failed;
}

/* ---- the trace ---- */

static void describe_value(struct buf *out, const cJSON *value)
{
    struct slice text;

    if (value == NULL) {
        buf_add_str(out, "absent");
    } else if (jsonview_is_text(value)) {
        text = jsonview_text(value);
        buf_printf(out, "\"%.*s\"%s", (int)(text.size < 80 ? text.size : 80), text.data, text.size > 80 ? "…" : "");
    } else {
        static const char *const names[] = {"false", "true", "null", "a number", "a text", "a list", "an object"};
        int i;

        if (jsonview_is_number(value))
            buf_printf(out, "%.17g", value->valuedouble);
        else
            for (i = 0; i < 7; i++)
                if ((value->type & 0xff) == 1 << i)
                    buf_add_str(out, names[i]);
    }
}

static struct slice detail_of(struct evaluation *evaluation, const struct outcome *outcome)
{
    const struct rule_path *paths = evaluation->vm->bundle->paths;
    struct buf text;
    size_t i;

    buf_create(&text, evaluation->call.arena);
    if (outcome->expired) {
        buf_add_str(&text, "expired");
    } else if (outcome->state == POLICY_RULE_NO_MATCH && outcome->failed != NULL) {
        buf_add_slice(&text, paths[outcome->failed->path].dotted);
        buf_add_str(&text, " is ");
        describe_value(&text, match_input_value(evaluation->input, outcome->failed->path));
    } else if (outcome->state == POLICY_RULE_MISSING) {
        for (i = 0; i < outcome->missing_count; i++) {
            buf_add_str(&text, i ? ", " : "");
            buf_add_slice(&text, paths[outcome->missing[i]].dotted);
        }
    } else if (outcome->state == POLICY_RULE_FAILED) {
        buf_add_slice(&text, outcome->message);
        buf_add_str(&text, outcome->traceback.size ? "\n" : "");
        buf_add_slice(&text, outcome->traceback);
    }
    return call_clean_text(evaluation->call.arena, buf_slice(&text));
}

bool compose_trace(struct evaluation *evaluation, struct policy_trace *out)
{
    struct arena *arena = evaluation->call.arena;
    size_t i;

    out->rules = (struct policy_trace_rule *)arena_array(arena, evaluation->count + 1, sizeof *out->rules);
    out->count = out->rules ? evaluation->count : 0;
    for (i = 0; i < out->count; i++) {
        const struct outcome *outcome = &evaluation->outcomes[i];
        struct policy_trace_rule *rule = &out->rules[i];

        rule->name = arena_copy(arena, outcome->rule->name);
        rule->file = arena_copy(arena, evaluation->vm->bundle->files[outcome->rule->file].path);
        rule->line = outcome->rule->line;
        rule->tier = outcome->rule->tier;
        switch (outcome->state) { /* the trace's own enumeration has no name to convert to */
        case POLICY_RULE_MATCHED:
            rule->state = POLICY_RULE_MATCHED;
            break;
        case POLICY_RULE_EXCEPTED:
            rule->state = POLICY_RULE_EXCEPTED;
            break;
        case POLICY_RULE_MISSING:
            rule->state = POLICY_RULE_MISSING;
            break;
        case POLICY_RULE_WHEN_FALSE:
            rule->state = POLICY_RULE_WHEN_FALSE;
            break;
        case POLICY_RULE_FAILED:
            rule->state = POLICY_RULE_FAILED;
            break;
        default:
            rule->state = POLICY_RULE_NO_MATCH;
        }
        rule->detail = detail_of(evaluation, outcome);
        rule->fuel = outcome->fuel;
        rule->memory = outcome->memory;
    }
    return out->rules != NULL && !arena->exhausted;
}
