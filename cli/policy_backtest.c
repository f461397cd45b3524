/*
 * edict ledger replay and edict policy backtest: the ledger's decisions again, by their own policies (nothing may differ) or by
 * those of a folder (what would change). Work on the files in --data; a server may be running.
 */
#include "base/clock.h"
#include "cli/ledger_offline.h"
#include "cli/offline.h"
#include "cli/policy.h"
#include "cli/show.h"
#include "cli/tally.h"
#include "engine/replay.h"

#include <stdio.h>
#include <unistd.h>

enum { EXAMPLES_MAX = 20, ROWS_MAX = 15, OUTCOMES = 3 };

struct example {
    uint64_t index;
    struct slice id, agent, operation, rules_before, rules_after;
    enum decision_outcome before, after;
    int tier_before, tier_after;
    bool loosens;
};

struct backtest {
    struct arena *arena;
    uint64_t moved[OUTCOMES][OUTCOMES]; /* from, to */
    uint64_t loosened;
    struct tally rules, agents;
    struct example examples[EXAMPLES_MAX]; /* those that loosen come first */
    size_t example_count;
};

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
    for (size_t i = 0; i < here->rule_count; i++) {
        if (!has_rule(there, here->rules[i].name)) {
            struct slice name = arena_printf(backtest->arena, "%s%.*s", sign, SLICE_ARG(here->rules[i].name));

            tally_add(&backtest->rules, name, loosens);
        }
    }
}

static void keep_example(struct backtest *backtest, const struct replay_difference *difference, bool loosens)
{
    const struct decision *before = difference->recorded, *after = difference->fresh;
    struct example *slot = NULL;

    if (backtest->example_count < EXAMPLES_MAX)
        slot = &backtest->examples[backtest->example_count++];
    for (size_t i = 0; !slot && loosens && i < EXAMPLES_MAX; i++) {
        if (!backtest->examples[i].loosens)
            slot = &backtest->examples[i];
    }
    if (!slot)
        return;
    *slot = (struct example){.index = difference->index,
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

static void note_difference(void *context, const struct replay_difference *difference)
{
    struct backtest *backtest = context;
    const struct decision *before = difference->recorded, *after = difference->fresh;
    bool loosens =
        after->outcome != before->outcome ? after->outcome < before->outcome : after->verdict.tier < before->verdict.tier;

    backtest->moved[before->outcome][after->outcome]++;
    backtest->loosened += loosens;
    tally_add(&backtest->agents, before->request.agent_identity, loosens);
    tally_rules(backtest, &after->verdict, &before->verdict, "+ ", loosens);
    tally_rules(backtest, &before->verdict, &after->verdict, "- ", loosens);
    keep_example(backtest, difference, loosens);
}

static void show_progress(void *context, uint64_t done, uint64_t all)
{
    (void)context;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu of %llu entries%s", (unsigned long long)done, (unsigned long long)all, done == all ? "\n" : "");
}

/* ---- telling ---- */

static void print_examples(const struct backtest *backtest)
{
    for (size_t i = 0; i < backtest->example_count; i++) {
        const struct example *one = &backtest->examples[i];

        printf("\nentry %llu  %s (tier %d) -> %s (tier %d)%s\n  ", (unsigned long long)one->index,
               decision_outcome_name(one->before), one->tier_before, decision_outcome_name(one->after), one->tier_after,
               one->loosens ? "  LOOSER" : "");
        show_cell(stdout, one->agent, 0);
        printf(", ");
        show_cell(stdout, one->operation, 60);
        printf("\n  before: ");
        show_text(stdout, one->rules_before);
        printf("\n  after:  ");
        show_text(stdout, one->rules_after);
        putchar('\n');
    }
}

static void print_table(const struct backtest *backtest)
{
    printf("\n%-12s %10s %10s %10s\n", "from \\ to", "approve", "escalate", "deny");
    for (int from = 0; from < OUTCOMES; from++) {
        printf("%-12s", decision_outcome_name((enum decision_outcome)from));
        for (int to = 0; to < OUTCOMES; to++)
            printf(" %10llu", (unsigned long long)backtest->moved[from][to]);
        putchar('\n');
    }
}

static void put_number(struct json_writer *w, const char *name, uint64_t value)
{
    json_key(w, name);
    json_i64(w, (int64_t)value);
}

static void write_examples(struct json_writer *w, const struct backtest *backtest)
{
    json_begin_array(w);
    for (size_t i = 0; i < backtest->example_count; i++) {
        const struct example *one = &backtest->examples[i];

        json_begin_object(w);
        put_number(w, "ledger_index", one->index);
        json_key(w, "decision_id");
        json_string(w, one->id);
        json_key(w, "agent_identity");
        json_string(w, one->agent);
        json_key(w, "operation");
        json_string(w, one->operation);
        json_key(w, "before");
        json_string(w, slice_from_str(decision_outcome_name(one->before)));
        json_key(w, "after");
        json_string(w, slice_from_str(decision_outcome_name(one->after)));
        put_number(w, "tier_before", (uint64_t)one->tier_before);
        put_number(w, "tier_after", (uint64_t)one->tier_after);
        json_key(w, "rules_before");
        json_string(w, one->rules_before);
        json_key(w, "rules_after");
        json_string(w, one->rules_after);
        json_key(w, "loosens");
        json_bool(w, one->loosens);
        json_end_object(w);
    }
    json_end_array(w);
}

static void print_json(const struct backtest *backtest, const struct replay_result *result)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, NULL);
    json_begin_object(&w);
    put_number(&w, "entries", result->entries);
    put_number(&w, "decisions", result->decisions);
    put_number(&w, "differences", result->differences);
    put_number(&w, "unreplayable", result->unreplayable);
    put_number(&w, "erased", result->erased);
    put_number(&w, "loosened", backtest->loosened);
    json_key(&w, "rules");
    tally_write(&w, &backtest->rules);
    json_key(&w, "agents");
    tally_write(&w, &backtest->agents);
    json_key(&w, "examples");
    write_examples(&w, backtest);
    json_end_object(&w);
    printf("%.*s\n", (int)out.size, out.data);
    buf_destroy(&out);
}

static void print_result(struct command *command, struct backtest *backtest, const struct replay_result *result)
{
    tally_sort(&backtest->rules);
    tally_sort(&backtest->agents);
    if (command->json) {
        print_json(backtest, result);
        return;
    }
    printf("%llu decisions decided again, %llu differ, %llu of them looser", (unsigned long long)result->decisions,
           (unsigned long long)result->differences, (unsigned long long)backtest->loosened);
    if (result->erased > 0)
        printf("; %llu cannot be replayed: values of theirs were erased", (unsigned long long)result->erased);
    if (result->unreplayable > result->erased)
        printf("; %llu cannot be replayed: their policies are not in the ledger",
               (unsigned long long)(result->unreplayable - result->erased));
    putchar('\n');
    if (result->differences == 0)
        return;
    print_table(backtest);
    tally_print("rule (+ counts now, - no longer)", &backtest->rules, ROWS_MAX);
    tally_print("agent", &backtest->agents, ROWS_MAX);
    print_examples(backtest);
}

/* ---- running ---- */

static bool read_since(struct command *command, int64_t *since_ms)
{
    const char *text = args_get(command->args, "since");

    *since_ms = 0;
    if (!text || clock_parse(slice_from_str(text), since_ms))
        return true;
    fprintf(stderr, "edict: --since: expected a time such as 2026-07-28T12:34:56Z\n");
    return false;
}

static int run(struct command *command, struct policy_bundle *bundle, struct replay_result *result)
{
    struct backtest backtest = {.arena = command->arena};
    struct replay_options options = {
        .bundle = bundle, .differs = note_difference, .progress = show_progress, .context = &backtest};
    struct error error = {0};
    enum status status;

    tally_create(&backtest.rules, command->arena);
    tally_create(&backtest.agents, command->arena);
    if (!read_since(command, &options.since_ms))
        return COMMAND_BAD_INPUT;
    status = ledger_offline_open(command, &options.store, &error);
    if (status == STATUS_OK)
        status = replay_run(&options, result, &error);
    if (options.store)
        options.store->ops->close(options.store);
    if (status != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    print_result(command, &backtest, result);
    return args_has(command->args, "fail-if-looser") && backtest.loosened > 0 ? COMMAND_FAILED : COMMAND_OK;
}

int ledger_replay(struct command *command)
{
    struct replay_result result = {0};
    int code = command_no_more(command, 2) ? run(command, NULL, &result) : COMMAND_BAD_INPUT;

    return code == COMMAND_OK && (result.differences > 0 || result.unreplayable > result.erased) ? COMMAND_FAILED : code;
}

int policy_backtest(struct command *command)
{
    struct policy_bundle *bundle;
    struct policy_vm *vm;
    struct replay_result result = {0};
    int code;

    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    code = offline_load(policy_folder(command), &bundle, &vm);
    if (code != COMMAND_OK)
        return code;
    policy_vm_delete(vm);
    code = run(command, bundle, &result);
    policy_bundle_release(bundle);
    return code;
}
