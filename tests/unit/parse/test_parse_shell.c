#include "parse/shell.h"

#include "case_file.h"
#include "shell_render.h"

enum { ROUNDS = 3000, SHELL_CASES_MIN = 150 };

static struct shell_parser *new_parser(void)
{
    struct shell_parser *parser;
    struct error error;

    ck_assert_msg(shell_parser_new(&parser, &error) == STATUS_OK, "%s", error.message);
    return parser;
}

static struct slice render_line(void *context, struct slice input, struct arena *arena)
{
    struct shell_script script;
    uint64_t work = 0;

    ck_assert_int_eq(shell_parse((struct shell_parser *)context, input, arena, &work, &script), STATUS_OK);
    ck_assert_uint_gt(work, 0);
    ck_assert_msg(script.ok == (script.problem.size == 0), "a problem and ok contradict each other");
    return render_script(&script, arena);
}

START_TEST(test_cases)
{
    struct shell_parser *parser = new_parser();

    ck_assert_uint_ge(case_run_file("tests/unit/parse/cases/shell.txt", render_line, parser), SHELL_CASES_MIN);
    shell_parser_delete(parser);
}
END_TEST

/* ---- properties ---- */

struct random {
    uint64_t state;
};

static uint32_t next(struct random *random)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random->state >> 33);
}

static struct slice random_text(struct random *random, struct arena *arena, size_t max)
{
    static const char alphabet[] = "ab \t\n'\"\\$`(){}[]<>|&;*?~#=!-+.,/%@:^0x\xc3\xa9";
    size_t size = 1 + next(random) % max;
    char *text = (char *)arena_alloc(arena, size);

    for (size_t i = 0; i < size; i++)
        text[i] = alphabet[next(random) % (sizeof alphabet - 3)]; /* without the pieces of é */
    return slice_from(text, size);
}

START_TEST(test_quoted_words_come_back)
{
    struct shell_parser *parser = new_parser();
    struct random random = {.state = 1};
    struct arena arena;

    arena_create(&arena, 64 * 1024, 1024 * 1024);
    for (int round = 0; round < ROUNDS; round++) {
        struct slice words[4];
        struct shell_script script;
        struct buf line;
        uint64_t work = 0;

        arena_reset(&arena);
        buf_create(&line, &arena);
        buf_add_str(&line, "prog");
        for (size_t i = 0; i < 4; i++) {
            words[i] = random_text(&random, &arena, 12);
            buf_add_char(&line, ' ');
            buf_add_slice(&line, shell_quote(words[i], &arena, &work));
        }
        ck_assert_int_eq(shell_parse(parser, buf_slice(&line), &arena, &work, &script), STATUS_OK);
        ck_assert_uint_eq(script.command_count, 1);
        ck_assert_uint_eq(script.commands[0].argc, 5);
        for (size_t i = 0; i < 4; i++)
            ck_assert_msg(slice_equal(script.commands[0].argv[i + 1].text, words[i]) && !script.commands[0].argv[i + 1].dynamic,
                          "%.*s", SLICE_ARG(buf_slice(&line)));
    }
    arena_destroy(&arena);
    shell_parser_delete(parser);
}
END_TEST

START_TEST(test_random_bytes_are_survived)
{
    struct shell_parser *parser = new_parser();
    struct random random = {.state = 2};
    struct arena arena;

    arena_create(&arena, 64 * 1024, 4 * 1024 * 1024);
    for (int round = 0; round < ROUNDS; round++) {
        struct slice again;
        struct shell_script script;
        uint64_t work = 0, work_again = 0;
        struct slice line;

        arena_reset(&arena);
        line = random_text(&random, &arena, 80);
        ck_assert_int_eq(shell_parse(parser, line, &arena, &work, &script), STATUS_OK);
        again = render_script(&script, &arena);
        ck_assert_int_eq(shell_parse(parser, line, &arena, &work_again, &script), STATUS_OK);
        ck_assert_uint_eq(work, work_again);
        ck_assert(slice_equal(again, render_script(&script, &arena)));
    }
    arena_destroy(&arena);
    shell_parser_delete(parser);
}
END_TEST

/* ---- bounds ---- */

static struct slice repeat(const char *head, const char *piece, size_t count, const char *tail, struct arena *arena)
{
    struct buf text;

    buf_create(&text, arena);
    buf_add_str(&text, head);
    for (size_t i = 0; i < count; i++)
        buf_add_str(&text, piece);
    buf_add_str(&text, tail);
    return buf_slice(&text);
}

static bool is_ok(struct shell_parser *parser, struct slice line, struct arena *arena)
{
    struct shell_script script;
    uint64_t work = 0;

    ck_assert_int_eq(shell_parse(parser, line, arena, &work, &script), STATUS_OK);
    return script.ok;
}

START_TEST(test_bounds_are_refused)
{
    struct shell_parser *parser = new_parser();
    struct arena arena;

    arena_create(&arena, 64 * 1024, 64 * 1024 * 1024);
    ck_assert(is_ok(parser, repeat("ls", " a", 8000, "", &arena), &arena));
    ck_assert(!is_ok(parser, repeat("ls", " a", 8192, "", &arena), &arena));
    ck_assert(is_ok(parser, repeat("", "a;", 500, "a", &arena), &arena));
    ck_assert(!is_ok(parser, repeat("", "a;", 512, "a", &arena), &arena));
    ck_assert(is_ok(parser, repeat("a", " && a", 500, "", &arena), &arena));
    ck_assert(is_ok(parser, repeat("", "(", 20, "a))))))))))))))))))))", &arena), &arena));
    ck_assert(
        !is_ok(parser, repeat("", "( ", 60, "a))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", &arena), &arena));
    ck_assert(!is_ok(parser, repeat("", "$(", 2000, "", &arena), &arena));
    ck_assert(!is_ok(parser, repeat("", "{ ", 4000, "", &arena), &arena));
    ck_assert(!is_ok(parser, slice_from("ls\0rm", 5), &arena));
    ck_assert(!is_ok(parser, SLICE("ls \xff"), &arena));
    ck_assert(!is_ok(parser, SLICE(""), &arena));
    arena_destroy(&arena);
    shell_parser_delete(parser);
}
END_TEST

START_TEST(test_a_full_arena_is_told)
{
    struct shell_parser *parser = new_parser();
    struct shell_script script;
    uint64_t work = 0;
    bool fitted = false;

    for (size_t cap = 64; cap < 64 * 1024 && !fitted; cap += 64) {
        struct arena arena;

        arena_create(&arena, 4096, cap);
        fitted = shell_parse(parser, SLICE("sudo env A=1 sh -c 'rm x | tee y' > z <<E\n$(id)\nE"), &arena, &work, &script) ==
                 STATUS_OK;
        arena_destroy(&arena);
    }
    ck_assert(fitted);
    shell_parser_delete(parser);
}
END_TEST

START_TEST(test_places_of_inner_commands)
{
    struct shell_parser *parser = new_parser();
    struct shell_script script;
    struct arena arena;
    uint64_t work = 0;

    arena_create(&arena, 64 * 1024, 1024 * 1024);
    ck_assert_int_eq(
        shell_parse(parser, SLICE("echo a $(echo $(id)) ; find . -exec rm {} \\; 3>&1 {f,g}"), &arena, &work, &script),
        STATUS_OK);
    ck_assert_uint_eq(script.command_count, 5);
    ck_assert_int_eq(script.commands[0].outer, -1);
    ck_assert_int_eq(script.commands[1].outer, 0);
    ck_assert_int_eq(script.commands[2].outer, 1);
    ck_assert_int_eq(script.commands[4].outer, 3);
    ck_assert(script.commands[0].is_builtin);
    ck_assert(!script.commands[3].redirections[0].writes);
    ck_assert_int_eq(script.commands[3].redirections[0].fd, 3);
    ck_assert_uint_eq(script.commands[0].argv[2].literal, 0);
    arena_destroy(&arena);
    shell_parser_delete(parser);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parse_shell");
    TCase *tests = tcase_create("shell");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_cases);
    tcase_add_test(tests, test_quoted_words_come_back);
    tcase_add_test(tests, test_random_bytes_are_survived);
    tcase_add_test(tests, test_bounds_are_refused);
    tcase_add_test(tests, test_a_full_arena_is_told);
    tcase_add_test(tests, test_places_of_inner_commands);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
