#include "engine/backtest.h"

#include <stdio.h>

void backtest_create(struct backtest *backtest, struct arena *arena)
{
    *backtest = (struct backtest){.arena = arena};
    tally_create(&backtest->rules, arena);
    tally_create(&backtest->agents, arena);
}

void backtest_destroy(struct backtest *backtest)
{
    tally_destroy(&backtest->rules);
    tally_destroy(&backtest->agents);
}

/* ---- gathering ---- */

static struct slice rule_names(struct arena *arena, const struct verdict *verdict)
{
    struct buf out;

    buf_create(&out, arena);
    for (size_t i = 0; i < verdict->rule_count; i++) {
        buf_add_str(&out, i > 0 ? " " : "");
        buf_add_slice(&out, verdict->rules[i].name);
    }
    if (verdict->undecided)
        buf_add_str(&out, "edict.undecided");
    return buf_slice(&out);
}

static bool has_rule(const struct verdict *verdict, struct slice name)
{
    for (size_t i = 0; i < verdict->rule_count; i++) {
        if (slice_equal(verdict->rules[i].name, name))
            return true;
    }
    return false;
}

/* Rules that count in one of the two only. */
static void tally_rules(struct backtest *backtest, const struct verdict *here, const struct verdict *there, const char *sign,
                        bool loosens)
{
    char name[256];

    for (size_t i = 0; i < here->rule_count; i++) {
        int size;

        if (has_rule(there, here->rules[i].name))
            continue;
        size = snprintf(name, sizeof name, "%s%.*s", sign, SLICE_ARG(here->rules[i].name));
        tally_add(&backtest->rules, slice_from(name, size < (int)sizeof name ? (size_t)size : sizeof name - 1), loosens);
    }
}

static bool comes_before(const struct backtest_example *example, uint64_t index, bool loosens)
{
    return example->loosens != loosens ? example->loosens : example->index < index;
}

/* Makes room in order; NULL when there are enough that come before. */
static struct backtest_example *example_slot(struct backtest *backtest, uint64_t index, bool loosens)
{
    size_t at = 0, last = BACKTEST_EXAMPLES_MAX - 1;

    while (at < backtest->example_count && comes_before(&backtest->examples[at], index, loosens))
        at++;
    if (at > last)
        return NULL;
    if (backtest->example_count < BACKTEST_EXAMPLES_MAX)
        last = backtest->example_count++;
    memmove(&backtest->examples[at + 1], &backtest->examples[at], (last - at) * sizeof *backtest->examples);
    return &backtest->examples[at];
}

static void keep_example(struct backtest *backtest, const struct replay_difference *difference, bool loosens)
{
    const struct decision *before = difference->recorded, *after = difference->fresh;
    struct backtest_example *slot = example_slot(backtest, difference->index, loosens);

    if (!slot)
        return;
    *slot = (struct backtest_example){.index = difference->index,
                                      .id = arena_copy(backtest->arena, before->id),
                                      .agent = arena_copy(backtest->arena, before->request.agent_identity),
                                      .operation = arena_copy(backtest->arena, before->request.operation),
                                      .rules_before = rule_names(backtest->arena, &before->verdict),
                                      .rules_after = rule_names(backtest->arena, &after->verdict),
                                      .before = before->outcome,
                                      .after = after->outcome,
                                      .tier_before = before->verdict.tier,
                                      .tier_after = after->verdict.tier,
                                      .loosens = loosens};
}

void backtest_note(void *context, const struct replay_difference *difference)
{
    struct backtest *backtest = context;
    const struct decision *before = difference->recorded, *after = difference->fresh;
    bool loosens =
        after->outcome != before->outcome ? after->outcome < before->outcome : after->verdict.tier < before->verdict.tier;

    backtest->outcomes[before->outcome][after->outcome]++;
    backtest->tiers[before->verdict.tier & 3][after->verdict.tier & 3]++;
    backtest->loosened += loosens;
    tally_add(&backtest->agents, before->request.agent_identity, loosens);
    tally_rules(backtest, &after->verdict, &before->verdict, "+ ", loosens);
    tally_rules(backtest, &before->verdict, &after->verdict, "- ", loosens);
    keep_example(backtest, difference, loosens);
}

bool backtest_finish(struct backtest *backtest)
{
    tally_sort(&backtest->rules);
    tally_sort(&backtest->agents);
    return !backtest->rules.failed && !backtest->agents.failed && !backtest->arena->exhausted;
}

/* ---- writing ---- */

static void put_number(struct json_writer *w, const char *name, uint64_t value)
{
    json_key(w, name);
    json_i64(w, (int64_t)value);
}

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    json_key(w, name);
    json_string(w, text);
}

static void write_example(struct json_writer *w, const struct backtest_example *example)
{
    json_begin_object(w);
    put_number(w, "ledger_index", example->index);
    put_text(w, "decision_id", example->id);
    put_text(w, "agent_identity", example->agent);
    put_text(w, "operation", example->operation);
    put_text(w, "before", slice_from_str(decision_outcome_name(example->before)));
    put_text(w, "after", slice_from_str(decision_outcome_name(example->after)));
    put_number(w, "tier_before", (uint64_t)example->tier_before);
    put_number(w, "tier_after", (uint64_t)example->tier_after);
    put_text(w, "rules_before", example->rules_before);
    put_text(w, "rules_after", example->rules_after);
    json_key(w, "loosens");
    json_bool(w, example->loosens);
    json_end_object(w);
}

/* {"approve": {"escalate": 3}}: only what occurs. */
static void write_outcomes(struct json_writer *w, const struct backtest *backtest)
{
    json_begin_object(w);
    for (int from = 0; from < BACKTEST_OUTCOMES; from++) {
        const uint64_t *row = backtest->outcomes[from];

        if (row[0] + row[1] + row[2] == 0)
            continue;
        json_key(w, decision_outcome_name((enum decision_outcome)from));
        json_begin_object(w);
        for (int to = 0; to < BACKTEST_OUTCOMES; to++) {
            if (row[to] > 0)
                put_number(w, decision_outcome_name((enum decision_outcome)to), row[to]);
        }
        json_end_object(w);
    }
    json_end_object(w);
}

/* [{"from": 1, "to": 2, "count": 3}]: only what occurs. */
static void write_tiers(struct json_writer *w, const struct backtest *backtest)
{
    json_begin_array(w);
    for (int from = 0; from < BACKTEST_TIERS; from++) {
        for (int to = 0; to < BACKTEST_TIERS; to++) {
            if (backtest->tiers[from][to] == 0)
                continue;
            json_begin_object(w);
            put_number(w, "from", (uint64_t)from);
            put_number(w, "to", (uint64_t)to);
            put_number(w, "count", backtest->tiers[from][to]);
            json_end_object(w);
        }
    }
    json_end_array(w);
}

void backtest_write(struct buf *out, const struct backtest *backtest, const struct replay_result *result)
{
    struct json_writer w = {.out = out};

    json_begin_object(&w);
    put_number(&w, "entries", result->entries);
    put_number(&w, "archived", result->archived);
    put_number(&w, "decisions", result->decisions);
    put_number(&w, "differences", result->differences);
    put_number(&w, "unreplayable", result->unreplayable);
    put_number(&w, "erased", result->erased);
    put_number(&w, "loosened", backtest->loosened);
    json_key(&w, "outcomes");
    write_outcomes(&w, backtest);
    json_key(&w, "tiers");
    write_tiers(&w, backtest);
    json_key(&w, "rules");
    tally_write(&w, &backtest->rules);
    json_key(&w, "agents");
    tally_write(&w, &backtest->agents);
    json_key(&w, "examples");
    json_begin_array(&w);
    for (size_t i = 0; i < backtest->example_count; i++)
        write_example(&w, &backtest->examples[i]);
    json_end_array(&w);
    json_end_object(&w);
}
