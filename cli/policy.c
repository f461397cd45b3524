#include "cli/command.h"
#include "cli/offline.h"
#include "cli/show.h"

static const char *policy_folder(struct command *command)
{
    return command->args->word_count > 2 ? command->args->words[2] : "./policies";
}

/* ---- check: works without a server ---- */

static int policy_check_folder(struct command *command)
{
    struct policy_report report = {0};
    struct error error = {0};
    size_t errors = 0;
    int code = COMMAND_OK;

    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (policy_check(policy_folder(command), &policy_limits_default, &report, &error) != STATUS_OK)
        code = command_fail(&error);
    offline_print_report(&report, false);
    for (size_t i = 0; i < report.count; i++)
        errors += report.items[i].severity == POLICY_ERROR;
    if (code == COMMAND_OK)
        printf("%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", report.count - errors,
               report.count - errors == 1 ? "" : "s");
    policy_report_destroy(&report);
    return errors > 0 ? COMMAND_BAD_INPUT : code;
}

/* ---- test: works without a server ---- */

static void print_tests(const struct policy_test_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct policy_test_result *result = &run->results[i];

        if (result->passed)
            continue;
        printf("%.*s:%d: FAILED %.*s\n%.*s\n", SLICE_ARG(result->file), result->line, SLICE_ARG(result->name),
               SLICE_ARG(result->detail));
    }
    printf("%zu passed, %zu failed\n", run->count - run->failed, run->failed);
}

static void print_coverage(const struct policy_test_run *run)
{
    printf("%zu of %zu rules covered\n", run->rules_covered, run->rule_count);
    for (size_t i = 0; i < run->uncovered_count; i++)
        printf("  not covered: %.*s\n", SLICE_ARG(run->uncovered[i]));
}

static int policy_test_folder(struct command *command)
{
    const char *folder = policy_folder(command);
    struct policy_bundle *bundle = NULL;
    struct policy_vm *vm = NULL;
    struct policy_report report = {0};
    struct policy_test_run run = {0};
    struct error error = {0};
    int code = COMMAND_OK;

    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (policy_bundle_load(folder, &policy_limits_default, &bundle, &report, &error) != STATUS_OK ||
        policy_vm_new(bundle, &vm, &error) != STATUS_OK ||
        policy_test_run_folder(folder, bundle, offline_complete, vm, command->arena, &run, &error) != STATUS_OK) {
        offline_print_report(&report, false);
        command_fail(&error);
        code = COMMAND_BAD_INPUT;
    } else {
        print_tests(&run);
        if (args_has(command->args, "coverage"))
            print_coverage(&run);
        code = run.failed > 0 ? COMMAND_FAILED : COMMAND_OK;
    }
    policy_vm_delete(vm);
    policy_bundle_release(bundle);
    policy_report_destroy(&report);
    return code;
}

/* ---- list, reload: of a running server ---- */

static int policy_list(struct command *command)
{
    cJSON *document;
    const cJSON *rule;
    int code = command_call(command, "GET", SLICE("/v1/policies"), NULL, &document);

    if (code != COMMAND_OK || command->json)
        return code;
    show_text(stdout, json_get_text(document, "policy_revision"));
    putchar('\n');
    cJSON_ArrayForEach(rule, json_get(document, "rules"))
    {
        int64_t tier = 0, line = 0;

        json_get_i64(rule, "tier", &tier);
        json_get_i64(rule, "line", &line);
        printf("%lld ", (long long)tier);
        show_cell(stdout, json_get_text(rule, "name"), 44);
        printf(" %.*s:%lld\n", SLICE_ARG(json_get_text(rule, "file")), (long long)line);
    }
    return COMMAND_OK;
}

static int policy_reload(struct command *command)
{
    cJSON *document;
    bool changed = false;
    int64_t rules = 0;
    int code = command_call(command, "POST", SLICE("/v1/policies/reload"), NULL, &document);

    if (code != COMMAND_OK || command->json)
        return code;
    json_get_bool(document, "changed", &changed);
    json_get_i64(document, "rules", &rules);
    printf("%s: %.*s, %lld rules\n", changed ? "activated" : "unchanged", SLICE_ARG(json_get_text(document, "policy_revision")),
           (long long)rules);
    return COMMAND_OK;
}

int command_policy(struct command *command)
{
    const char *verb = command_word(command, 1, "check, test, list or reload");

    if (!verb)
        return COMMAND_BAD_INPUT;
    if (strcmp(verb, "check") == 0)
        return policy_check_folder(command);
    if (strcmp(verb, "test") == 0)
        return policy_test_folder(command);
    if (strcmp(verb, "list") == 0)
        return command_no_more(command, 2) ? policy_list(command) : COMMAND_BAD_INPUT;
    if (strcmp(verb, "reload") == 0)
        return command_no_more(command, 2) ? policy_reload(command) : COMMAND_BAD_INPUT;
    fprintf(stderr, "edict: policy: \"%s\" is no command here; there are check, test, list and reload\n", verb);
    return COMMAND_BAD_INPUT;
}
