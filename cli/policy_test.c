/* edict policy test: the tests beside the policies, what they cover, and reports for machines. */
#include "cli/offline.h"
#include "cli/policy.h"
#include "cli/rule_stats.h"
#include "cli/show.h"

#include <stdio.h>

static void print_tests(const struct policy_test_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct policy_test_result *result = &run->results[i];

        if (result->passed)
            continue;
        printf("%.*s:%d: FAILED ", SLICE_ARG(result->file), result->line);
        show_text(stdout, result->name);
        putchar('\n');
        show_text(stdout, result->detail);
        putchar('\n');
    }
    printf("%zu passed, %zu failed\n", run->count - run->failed, run->failed);
}

static void print_json(struct command *command, const struct policy_test_run *run)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, command->arena);
    json_begin_object(&w);
    json_key(&w, "passed");
    json_i64(&w, (int64_t)(run->count - run->failed));
    json_key(&w, "failed");
    json_i64(&w, (int64_t)run->failed);
    json_key(&w, "failures");
    json_begin_array(&w);
    for (size_t i = 0; i < run->count; i++) {
        if (run->results[i].passed)
            continue;
        json_begin_object(&w);
        json_key(&w, "name");
        json_string(&w, run->results[i].name);
        json_key(&w, "file");
        json_string(&w, run->results[i].file);
        json_key(&w, "line");
        json_i64(&w, run->results[i].line);
        json_key(&w, "detail");
        json_string(&w, run->results[i].detail);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    printf("%.*s\n", (int)out.size, out.data);
}

/* ---- coverage ---- */

/* A rule has to count once; one with a condition has to be false once, too. */
struct coverage {
    size_t covered, all;
};

static void note_gap(bool print, const struct rule_stat *stat, const char *what)
{
    if (print)
        printf("  %.*s:%d: %.*s %s\n", SLICE_ARG(stat->info.file), stat->info.line, SLICE_ARG(stat->info.name), what);
}

static struct coverage measure_coverage(const struct rule_stats *stats, bool print)
{
    struct coverage coverage = {0};

    for (size_t i = 0; i < stats->count; i++) {
        const struct rule_stat *stat = &stats->items[i];

        coverage.all += stat->info.has_when ? 2 : 1;
        coverage.covered += stat->counted > 0;
        if (stat->counted == 0)
            note_gap(print, stat, stat->considered == 0 ? "was never a candidate" : "never counted");
        if (!stat->info.has_when)
            continue;
        coverage.covered += stat->when_false > 0;
        if (stat->when_false == 0)
            note_gap(print, stat, "has a condition that was never false");
    }
    return coverage;
}

static int check_coverage(struct command *command, const struct rule_stats *stats)
{
    const char *text = args_get(command->args, "coverage-min");
    struct coverage coverage = measure_coverage(stats, args_has(command->args, "coverage") && !command->json);
    size_t percent = coverage.all ? coverage.covered * 100 / coverage.all : 100;
    uint64_t least = 0;

    if (text && (!slice_to_u64(slice_from_str(text), &least) || least > 100)) {
        fprintf(stderr, "edict: --coverage-min: expected a percentage, 0 to 100\n");
        return COMMAND_BAD_INPUT;
    }
    if (args_has(command->args, "coverage") && !command->json)
        printf("%zu of %zu outcomes of rules and conditions covered (%zu%%)\n", coverage.covered, coverage.all, percent);
    if (percent >= least)
        return COMMAND_OK;
    fprintf(stderr, "edict: the tests cover %zu%% of the rules and conditions; %s%% are asked for\n", percent, text);
    return COMMAND_FAILED;
}

/* ---- running ---- */

static void note_trace(void *user, const struct policy_trace *trace, uint64_t elapsed_ns)
{
    (void)elapsed_ns;
    rule_stats_add(user, trace);
}

static int report(struct command *command, const struct policy_test_run *run, const struct rule_stats *stats)
{
    const char *junit = args_get(command->args, "junit");
    int code;

    if (command->json)
        print_json(command, run);
    else
        print_tests(run);
    code = check_coverage(command, stats);
    if (junit && !junit_write(junit, "policies", run))
        code = COMMAND_FAILED;
    return code == COMMAND_OK && run->failed > 0 ? COMMAND_FAILED : code;
}

static int test_once(struct command *command)
{
    const char *folder = policy_folder(command);
    struct policy_bundle *bundle;
    struct offline_case one = {.traced = note_trace};
    struct policy_test_run run = {0};
    struct rule_stats stats;
    struct error error = {0};
    int code = offline_load(folder, &bundle, &one.vm);

    if (code != COMMAND_OK)
        return code;
    one.user = &stats;
    if (!rule_stats_create(&stats, command->arena, bundle))
        code = COMMAND_FAILED;
    else if (policy_test_run_folder(folder, bundle, offline_complete, &one, command->arena, &run, &error) != STATUS_OK)
        code = command_fail(&error);
    else
        code = report(command, &run, &stats);
    policy_vm_delete(one.vm);
    policy_bundle_release(bundle);
    return code;
}

int policy_test_folder(struct command *command)
{
    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (args_has(command->args, "watch"))
        return policy_watch(command, policy_folder(command), test_once);
    return test_once(command);
}
