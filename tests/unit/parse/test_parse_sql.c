#include "parse/sql.h"

#include "case_file.h"
#include "sql_render.h"

enum { SQL_CASES_MIN = 80, ROUNDS = 20000 };

/* A case may begin with "-- dialect: NAME". */
static struct slice render_text(void *context, struct slice input, struct arena *arena)
{
    static const char head[] = "-- dialect: ";
    enum sql_dialect dialect = SQL_DIALECT_ANY;
    struct sql_script script;
    uint64_t work = 0;

    (void)context;
    if (slice_starts_with(input, slice_from_str(head))) {
        size_t line_end = slice_find(input, '\n', 0);

        ck_assert(sql_dialect_parse(slice_sub(input, sizeof head - 1, line_end), &dialect));
        input = slice_sub(input, line_end + 1, input.size);
    }
    ck_assert_int_eq(sql_parse(input, dialect, arena, &work, &script), STATUS_OK);
    ck_assert_uint_gt(work, 0);
    return render_sql(&script, arena);
}

START_TEST(test_cases)
{
    ck_assert_uint_ge(case_run_file("tests/unit/parse/cases/sql.txt", render_text, NULL), SQL_CASES_MIN);
}
END_TEST

START_TEST(test_random_tokens_are_survived)
{
    static const char *const vocabulary[] = {
        "select ", "delete ", "from ", "t ",       "where ",       "(",       ")",    "'",  "\"",  "`",  "--", "/*", "*/",
        ";",       "$$",      "$a$",   "with ",    "as ",          "update ", "set ", "=",  "or ", "1 ", ",",  ".",  "[",
        "]",       "\\",      "#",     "explain ", "insert into ", "\n",      "x",    "f(", "e'",  "@@"};
    uint64_t state = 3;
    struct arena arena;

    arena_create(&arena, 64 * 1024, 4 * 1024 * 1024);
    for (int round = 0; round < ROUNDS; round++) {
        struct sql_script script;
        struct buf text;
        uint64_t work = 0;

        arena_reset(&arena);
        buf_create(&text, &arena);
        for (int i = 0; i < 12; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            buf_add_str(&text, vocabulary[(state >> 33) % (sizeof vocabulary / sizeof vocabulary[0])]);
        }
        ck_assert_int_eq(sql_parse(buf_slice(&text), (enum sql_dialect)(round % 5), &arena, &work, &script), STATUS_OK);
        ck_assert(script.ok == (script.problem.size == 0));
        ck_assert(!script.reads_only || script.ok);
    }
    arena_destroy(&arena);
}
END_TEST

START_TEST(test_bounds)
{
    struct sql_script script;
    struct arena arena;
    struct buf text;
    uint64_t work = 0;

    arena_create(&arena, 64 * 1024, 64 * 1024 * 1024);
    buf_create(&text, &arena);
    for (int i = 0; i < 300; i++)
        buf_add_str(&text, "select 1;");
    ck_assert_int_eq(sql_parse(buf_slice(&text), SQL_DIALECT_ANY, &arena, &work, &script), STATUS_OK);
    ck_assert(!script.ok);
    text.size = 0;
    while (text.size <= SQL_INPUT_MAX)
        buf_add_str(&text, "select '',");
    ck_assert_int_eq(sql_parse(buf_slice(&text), SQL_DIALECT_ANY, &arena, &work, &script), STATUS_OK);
    ck_assert(!script.ok);
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parse_sql");
    TCase *tests = tcase_create("sql");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, test_cases);
    tcase_add_test(tests, test_random_tokens_are_survived);
    tcase_add_test(tests, test_bounds);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
