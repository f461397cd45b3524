#include "parse/kubectl.h"

#include "case_file.h"
#include "kubectl_render.h"
#include "parse/shell.h"

enum { KUBECTL_CASES_MIN = 80, HELM_CASES_MIN = 15, ROUNDS = 20000 };

/* A case is a line of shell, so that unknown words come as the shell parser gives them. */
static const struct shell_command *first_command(void *context, struct slice input, struct arena *arena)
{
    struct shell_script script;
    uint64_t work = 0;

    ck_assert_int_eq(shell_parse((struct shell_parser *)context, input, arena, &work, &script), STATUS_OK);
    ck_assert_uint_ge(script.command_count, 1);
    return &script.commands[0];
}

static struct slice render_kubectl_line(void *context, struct slice input, struct arena *arena)
{
    const struct shell_command *command = first_command(context, input, arena);
    struct kubectl_command kubectl;
    uint64_t work = 0;

    ck_assert_int_eq(kubectl_parse(command->argv, command->argc, arena, &work, &kubectl), STATUS_OK);
    ck_assert_uint_gt(work, 0);
    return render_kubectl(&kubectl, arena);
}

static struct slice render_helm_line(void *context, struct slice input, struct arena *arena)
{
    const struct shell_command *command = first_command(context, input, arena);
    struct helm_command helm;
    uint64_t work = 0;

    ck_assert_int_eq(helm_parse(command->argv, command->argc, arena, &work, &helm), STATUS_OK);
    return render_helm(&helm, arena);
}

static void run(const char *path, case_render_f render, size_t least)
{
    struct shell_parser *parser;
    struct error error;

    ck_assert_int_eq(shell_parser_new(&parser, &error), STATUS_OK);
    ck_assert_uint_ge(case_run_file(path, render, parser), least);
    shell_parser_delete(parser);
}

START_TEST(test_kubectl_cases)
{
    run("tests/unit/parse/cases/kubectl.txt", render_kubectl_line, KUBECTL_CASES_MIN);
}
END_TEST

START_TEST(test_helm_cases)
{
    run("tests/unit/parse/cases/helm.txt", render_helm_line, HELM_CASES_MIN);
}
END_TEST

START_TEST(test_types)
{
    static const char *const pods[] = {"po", "pod", "pods", "Pod", "PODS", "pods.v1"};
    bool cluster_scoped = true;

    for (size_t i = 0; i < sizeof pods / sizeof pods[0]; i++)
        ck_assert(slice_equal_str(kubectl_canonical_type(slice_from_str(pods[i]), &cluster_scoped), "pod"));
    ck_assert(!cluster_scoped);
    ck_assert(slice_equal_str(kubectl_canonical_type(SLICE("no"), &cluster_scoped), "node"));
    ck_assert(cluster_scoped);
    ck_assert_ptr_null(kubectl_canonical_type(SLICE("widgets"), &cluster_scoped).data);
}
END_TEST

START_TEST(test_random_words_are_survived)
{
    static const char *const vocabulary[] = {
        "get", "delete", "exec",      "pods", "pod/x", "-n",         "--namespace", "--namespace=", "-",
        "--",  "-abc",   "--=x",      "=",    "-f",    "deploy,svc", "a/b/c",       "--replicas",   "--replicas=9999999999999",
        "-it", "",       "--dry-run", "cp",   "x:y",   "create",     "helm"};
    uint64_t state = 7;
    struct arena arena;

    arena_create(&arena, 64 * 1024, 1024 * 1024);
    for (int round = 0; round < ROUNDS; round++) {
        struct parse_word words[9];
        struct kubectl_command kubectl;
        struct helm_command helm;
        uint64_t work = 0;

        arena_reset(&arena);
        for (size_t i = 0; i < 9; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            words[i] =
                parse_word_static(slice_from_str(vocabulary[(state >> 33) % (sizeof vocabulary / sizeof vocabulary[0])]));
            words[i].dynamic = (state >> 60) == 0;
            words[i].literal = words[i].dynamic ? 0 : words[i].literal;
        }
        ck_assert_int_eq(kubectl_parse(words, (size_t)(round % 10), &arena, &work, &kubectl), STATUS_OK);
        ck_assert_int_eq(helm_parse(words, (size_t)(round % 10), &arena, &work, &helm), STATUS_OK);
        ck_assert(kubectl.ok == (kubectl.problem.size == 0));
    }
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parse_kubectl");
    TCase *tests = tcase_create("kubectl");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, test_kubectl_cases);
    tcase_add_test(tests, test_helm_cases);
    tcase_add_test(tests, test_types);
    tcase_add_test(tests, test_random_words_are_survived);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
