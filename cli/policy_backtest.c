/*
 * edict ledger replay and edict policy backtest: the ledger's decisions again, by their own policies (nothing may differ) or by
 * those of a folder (what would change). Work on the files in --data; a server may be running.
 */
#include "base/clock.h"
#include "cli/ledger_offline.h"
#include "cli/offline.h"
#include "cli/policy.h"
#include "cli/show.h"
#include "engine/backtest.h"

#include <stdio.h>
#include <unistd.h>

enum { ROWS_MAX = 15 };

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
        const struct backtest_example *one = &backtest->examples[i];

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

static void print_outcomes(const struct backtest *backtest)
{
    printf("\n%-12s %10s %10s %10s\n", "from \\ to", "approve", "escalate", "deny");
    for (int from = 0; from < BACKTEST_OUTCOMES; from++) {
        printf("%-12s", decision_outcome_name((enum decision_outcome)from));
        for (int to = 0; to < BACKTEST_OUTCOMES; to++)
            printf(" %10llu", (unsigned long long)backtest->outcomes[from][to]);
        putchar('\n');
    }
}

static void print_tiers(const struct backtest *backtest)
{
    printf("\n%-12s %10s %10s %10s %10s\n", "from \\ to", "tier 0", "tier 1", "tier 2", "tier 3");
    for (int from = 0; from < BACKTEST_TIERS; from++) {
        printf("tier %-7d", from);
        for (int to = 0; to < BACKTEST_TIERS; to++)
            printf(" %10llu", (unsigned long long)backtest->tiers[from][to]);
        putchar('\n');
    }
}

static void print_tally(const char *title, const struct tally *tally)
{
    if (tally->count == 0)
        return;
    printf("\n%-44s %8s %8s\n", title, "changed", "looser");
    for (size_t i = 0; i < tally->count && i < ROWS_MAX; i++) {
        show_cell(stdout, tally->rows[i]->node.key, 44);
        printf(" %8llu %8llu\n", (unsigned long long)tally->rows[i]->count, (unsigned long long)tally->rows[i]->loosened);
    }
    if (tally->count > ROWS_MAX)
        printf("and %zu more\n", tally->count - ROWS_MAX);
}

static void print_json(const struct backtest *backtest, const struct replay_result *result)
{
    struct buf out;

    buf_create(&out, NULL);
    backtest_write(&out, backtest, result);
    printf("%.*s\n", (int)out.size, out.data);
    buf_destroy(&out);
}

static void print_result(struct command *command, struct backtest *backtest, const struct replay_result *result)
{
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
    if (result->archived > 0)
        printf("the %llu oldest entries are archived and were not looked at; name their archives with --archive DIR\n",
               (unsigned long long)result->archived);
    if (result->other_runtimes > 0)
        printf("%llu activations of policies were by another runtime than this one, which may decide otherwise; see their "
               "entries\n",
               (unsigned long long)result->other_runtimes);
    if (result->differences == 0)
        return;
    print_outcomes(backtest);
    print_tiers(backtest);
    print_tally("rule (+ counts now, - no longer)", &backtest->rules);
    print_tally("agent", &backtest->agents);
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

static enum status replay(struct command *command, struct backtest *backtest, struct replay_options *options,
                          struct replay_result *result, struct error *error)
{
    enum status status = ledger_offline_open(command, &options->store, error);

    if (status == STATUS_OK)
        status = replay_run(options, result, error);
    if (options->store)
        options->store->ops->close(options->store);
    if (status == STATUS_OK && !backtest_finish(backtest))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    return status;
}

static int run(struct command *command, struct policy_bundle *bundle, struct replay_result *result)
{
    struct backtest backtest;
    struct replay_options options = {
        .bundle = bundle, .differs = backtest_note, .progress = show_progress, .context = &backtest};
    struct error error = {0};
    int code = COMMAND_OK;

    if (!read_since(command, &options.since_ms))
        return COMMAND_BAD_INPUT;
    backtest_create(&backtest, command->arena);
    if (replay(command, &backtest, &options, result, &error) != STATUS_OK) {
        command_fail(&error);
        code = COMMAND_FAILED;
    } else {
        print_result(command, &backtest, result);
        code = args_has(command->args, "fail-if-looser") && backtest.loosened > 0 ? COMMAND_FAILED : COMMAND_OK;
    }
    backtest_destroy(&backtest);
    return code;
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
