#include "policy/evaluate.h"

#include "policy/compose.h"
#include "policy/index.h"
#include "policy/jsonview.h"

#include <stdio.h>

static struct slice file_of(const struct evaluation *evaluation, const struct rule *rule)
{
    return evaluation->vm->bundle->files[rule->file].path;
}

static const cJSON *template_value(void *context, uint32_t path)
{
    return match_input_value((struct match_input *)context, path);
}

/* ---- failures ---- */

static enum verdict_error_kind error_kind(enum sandbox_result result)
{
    switch (result) {
    case SANDBOX_OVER_FUEL:
        return VERDICT_ERROR_FUEL;
    case SANDBOX_OVER_MEMORY:
        return VERDICT_ERROR_MEMORY;
    case SANDBOX_BAD_RESULT:
        return VERDICT_ERROR_RESULT;
    default:
        return VERDICT_ERROR_LUA;
    }
}

/* A failed rule counts as matched at max(2, its own tier). */
static void fail(struct evaluation *evaluation, struct outcome *outcome, enum sandbox_result result, const char *message)
{
    struct arena *arena = evaluation->call.arena;
    struct slice text = slice_from_str(message);

    /* Lua's own messages name the place; where a limit was hit need not be the same place everywhere, so the rule's is named.
     */
    if (result != SANDBOX_RULE_ERROR)
        text = arena_printf(arena, "%.*s:%d: %s", SLICE_ARG(file_of(evaluation, outcome->rule)), outcome->rule->line, message);
    outcome->state = POLICY_RULE_FAILED;
    outcome->counts = true;
    outcome->tier = outcome->rule->tier > TIER_ESCALATE ? outcome->rule->tier : TIER_ESCALATE;
    outcome->error = error_kind(result);
    outcome->message = text.data ? call_clean_text(arena, text) : text;
    if (outcome->message.data == NULL)
        evaluation->call.exhausted = true;
}

static struct sandbox *sandbox_for(const struct evaluation *evaluation, const struct rule *rule)
{
    return &evaluation->vm->sandboxes[rule->file];
}

/* Adds what the last call used, and keeps its traceback for explain. */
static void account(struct evaluation *evaluation, struct outcome *outcome, enum sandbox_result result)
{
    const struct sandbox *sandbox = sandbox_for(evaluation, outcome->rule);

    outcome->fuel += sandbox->used_fuel;
    if (sandbox->used_memory > outcome->memory)
        outcome->memory = sandbox->used_memory;
    if (result != SANDBOX_OK && evaluation->tracing && sandbox->traceback[0] != '\0')
        outcome->traceback = arena_copy(evaluation->call.arena, slice_from_str(sandbox->traceback));
    if (result != SANDBOX_OK)
        fail(evaluation, outcome, result, sandbox->message);
}

/* ---- does a rule count? ---- */

static bool is_expired(const struct evaluation *evaluation, const struct rule *rule)
{
    uint64_t work = 0;
    const cJSON *now;

    if (rule->expires_ms == INT64_MAX)
        return false;
    now = jsonview_member(evaluation->call.facts, SLICE("now_ms"), &work);
    if (!jsonview_is_number(now)) /* an unknown time must not loosen */
        return rule->tier < TIER_ESCALATE;
    return now->valuedouble >= (double)rule->expires_ms;
}

static bool is_excepted(struct evaluation *evaluation, const struct rule *rule)
{
    struct match_mode strict = {0};
    size_t i;

    for (i = 0; i < rule->except_count; i++)
        if (match_holds(evaluation->input, &rule->excepts[i], strict, NULL) == MATCH_YES)
            return true;
    return false;
}

/* Required fields that are absent, into the outcome. */
static bool collect_missing(struct evaluation *evaluation, struct outcome *outcome)
{
    const struct rule *rule = outcome->rule;
    size_t i;

    for (i = 0; i < rule->required_count; i++) {
        if (!match_is_missing(evaluation->input, &rule->match, rule->required[i]))
            continue;
        if (outcome->missing == NULL)
            outcome->missing = (uint32_t *)arena_array(evaluation->call.arena, rule->required_count, sizeof *outcome->missing);
        if (outcome->missing == NULL) {
            evaluation->call.exhausted = true;
            return true;
        }
        outcome->missing[outcome->missing_count++] = rule->required[i];
    }
    return outcome->missing_count != 0;
}

static void run_condition(struct evaluation *evaluation, struct outcome *outcome)
{
    const struct rule *rule = outcome->rule;
    bool holds = true;
    enum sandbox_result result;

    if (rule->when_slot != RULE_NO_SLOT) {
        result = call_when(&evaluation->call, sandbox_for(evaluation, rule), rule->when_slot, &holds);
        account(evaluation, outcome, result);
        if (result != SANDBOX_OK)
            return;
    }
    outcome->state = holds ? POLICY_RULE_MATCHED : POLICY_RULE_WHEN_FALSE;
    outcome->counts = holds;
    outcome->cost_micro_usd = rule->cost_micro_usd;
    if (!holds || rule->cost_slot == RULE_NO_SLOT)
        return;
    result = call_cost(&evaluation->call, sandbox_for(evaluation, rule), rule->cost_slot, &outcome->cost_micro_usd);
    account(evaluation, outcome, result);
}

/* Matching is counted like everything else: a rule that there is no work left for fails. */
static bool charge_match(struct evaluation *evaluation, struct outcome *outcome)
{
    struct call_context *call = &evaluation->call;
    uint64_t work = evaluation->input->work;

    evaluation->input->work = 0;
    outcome->fuel += work;
    if (work <= call->fuel_left) {
        call->fuel_left -= work;
        return true;
    }
    call->fuel_left = 0;
    fail(evaluation, outcome, SANDBOX_OVER_FUEL, "no work is left for matching it");
    return false;
}

static void fail_undecided_match(struct evaluation *evaluation, struct outcome *outcome)
{
    char message[200];
    struct slice dotted = evaluation->vm->bundle->paths[outcome->failed->path].dotted;

    (void)snprintf(message, sizeof message, "%.*s is too long for its glob", (int)(dotted.size < 120 ? dotted.size : 120),
                   dotted.data);
    fail(evaluation, outcome, SANDBOX_BAD_RESULT, message);
}

static void consider(struct evaluation *evaluation, struct outcome *outcome)
{
    const struct rule *rule = outcome->rule;
    struct match_mode mode = {.absent_is_not = rule->tier >= TIER_ESCALATE, .skip_missing = true};
    enum match_answer answer;

    outcome->tier = rule->tier;
    outcome->state = POLICY_RULE_NO_MATCH;
    if (is_expired(evaluation, rule)) {
        outcome->expired = true;
        return;
    }
    answer = match_holds(evaluation->input, &rule->match, mode, &outcome->failed);
    if (!charge_match(evaluation, outcome) || answer == MATCH_NO)
        return;
    if (is_excepted(evaluation, rule)) {
        outcome->state = POLICY_RULE_EXCEPTED;
        return;
    }
    if (!charge_match(evaluation, outcome))
        return;
    if (answer == MATCH_UNKNOWN) {
        fail_undecided_match(evaluation, outcome);
        return;
    }
    if (collect_missing(evaluation, outcome)) {
        outcome->state = POLICY_RULE_MISSING;
        outcome->counts = rule->tier >= TIER_ESCALATE;
        outcome->tier = TIER_ESCALATE;
        return;
    }
    run_condition(evaluation, outcome);
}

/* ---- texts of the winners ---- */

static bool over_output(struct evaluation *evaluation, struct outcome *outcome, size_t size)
{
    char message[120];

    evaluation->output += size;
    if (evaluation->output <= evaluation->call.limits->output)
        return false;
    (void)snprintf(message, sizeof message, "the texts of the decision are over %zu bytes", evaluation->call.limits->output);
    fail(evaluation, outcome, SANDBOX_BAD_RESULT, message);
    return true;
}

static bool fill_templates(struct evaluation *evaluation, struct outcome *outcome, const struct rule_texts *source,
                           struct call_texts *out)
{
    struct arena *arena = evaluation->call.arena;
    size_t i;

    out->items = (struct slice *)arena_array(arena, source->count ? source->count : 1, sizeof *out->items);
    for (i = 0; out->items != NULL && i < source->count; i++) {
        struct buf text;

        buf_create(&text, arena);
        template_write(&source->items[i], template_value, evaluation->input, &text);
        if (text.failed)
            evaluation->call.exhausted = true;
        out->items[out->count++] = buf_slice(&text);
        if (over_output(evaluation, outcome, text.size))
            return false;
    }
    if (out->items == NULL)
        evaluation->call.exhausted = true;
    return true;
}

/* False when the rule failed over it. */
static bool make_texts(struct evaluation *evaluation, struct outcome *outcome, const struct rule_texts *source, bool single,
                       struct call_texts *out)
{
    enum sandbox_result result;
    size_t i;

    *out = (struct call_texts){0};
    if (source->slot == RULE_NO_SLOT)
        return fill_templates(evaluation, outcome, source, out);
    result = call_for_texts(&evaluation->call, sandbox_for(evaluation, outcome->rule), source->slot, single, out);
    account(evaluation, outcome, result);
    for (i = 0; result == SANDBOX_OK && i < out->count; i++)
        if (over_output(evaluation, outcome, out->items[i].size))
            return false;
    return result == SANDBOX_OK;
}

static void make_all_texts(struct evaluation *evaluation, struct outcome *outcome)
{
    const struct rule *rule = outcome->rule;

    outcome->has_texts = true;
    (void)(make_texts(evaluation, outcome, &rule->because, false, &outcome->reasons) &&
           make_texts(evaluation, outcome, &rule->next_steps, true, &outcome->next_steps) &&
           make_texts(evaluation, outcome, &rule->alternatives, false, &outcome->alternatives));
}

static int highest_tier(const struct evaluation *evaluation)
{
    int tier = -1;
    size_t i;

    for (i = 0; i < evaluation->count; i++)
        if (evaluation->outcomes[i].counts && evaluation->outcomes[i].tier > tier)
            tier = evaluation->outcomes[i].tier;
    return tier;
}

/* A text function that fails raises its rule's tier, and then other rules may win: at most twice. */
static void make_winning_texts(struct evaluation *evaluation)
{
    int tier = highest_tier(evaluation), before;
    size_t i;

    do {
        before = tier;
        for (i = 0; i < evaluation->count; i++) {
            struct outcome *outcome = &evaluation->outcomes[i];

            if (outcome->counts && outcome->tier == tier && outcome->state == POLICY_RULE_MATCHED && !outcome->has_texts)
                make_all_texts(evaluation, outcome);
        }
        tier = highest_tier(evaluation);
    } while (tier != before);
    evaluation->tier = tier;
}

/* ---- the whole ---- */

static bool consider_all(struct evaluation *evaluation, bool all_rules)
{
    struct policy_vm *vm = evaluation->vm;
    size_t count = index_candidates(vm->bundle->index, evaluation->input, vm->candidates), i;

    if (all_rules) {
        for (i = 0; i < vm->bundle->rule_count; i++)
            vm->candidates[i] = (uint32_t)i;
        count = vm->bundle->rule_count;
    }
    evaluation->outcomes =
        (struct outcome *)arena_array(evaluation->call.arena, count ? count : 1, sizeof *evaluation->outcomes);
    if (evaluation->outcomes == NULL)
        return false;
    for (i = 0; i < count; i++) {
        struct outcome *outcome = &evaluation->outcomes[evaluation->count];

        *outcome = (struct outcome){.rule = &vm->bundle->rules[vm->candidates[i]]};
        consider(evaluation, outcome);
        if (outcome->counts || outcome->missing_count != 0 || evaluation->tracing)
            evaluation->count++;
    }
    return true;
}

static void start_input(struct policy_vm *vm, const cJSON *request, const cJSON *facts)
{
    struct match_input *input = &vm->input;

    if (++input->stamp == 0) { /* stamps of 2^32 evaluations ago must not look like this one's */
        memset(input->stamps, 0, vm->bundle->path_count * sizeof *input->stamps);
        input->stamp = 1;
    }
    input->work = 0;
    input->request = request;
    input->facts = facts;
}

static void set_tracing(struct policy_vm *vm, bool tracing)
{
    size_t i;

    for (i = 0; i < vm->bundle->file_count; i++)
        vm->sandboxes[i].want_traceback = tracing;
}

enum status policy_evaluate(struct policy_vm *vm, const cJSON *request_view, const cJSON *facts_json, struct arena *arena,
                            struct verdict *out, struct policy_trace *trace, struct error *error)
{
    const struct policy_limits *limits = &vm->bundle->limits;
    struct evaluation evaluation = {
        .vm = vm,
        .input = &vm->input,
        .call =
            {.request = request_view, .facts = facts_json, .arena = arena, .limits = limits, .fuel_left = limits->fuel_total},
        .tracing = trace != NULL,
    };
    bool good;

    *out = (struct verdict){0};
    services_forget(&vm->services);
    start_input(vm, request_view, facts_json);
    if (trace != NULL)
        set_tracing(vm, true);
    good = consider_all(&evaluation, trace != NULL && trace->all_rules);
    if (good)
        make_winning_texts(&evaluation);
    if (trace != NULL)
        set_tracing(vm, false);
    good = good && !evaluation.call.exhausted && compose_verdict(&evaluation, out) &&
           (trace == NULL || compose_trace(&evaluation, trace));
    if (good && !arena->exhausted)
        return STATUS_OK;
    *out = (struct verdict){.tier = TIER_DENY};
    return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a verdict: the evaluation's arena is at its cap");
}
