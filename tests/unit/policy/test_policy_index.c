/* The index may only leave out rules that could not count: random bundles, random requests, with and without it. */
#include "policy_fixture.h"

#include <check.h>
#include <stdio.h>

enum { BUNDLES = 60, REQUESTS = 40, RULES = 40 };

static uint64_t random_state;

static unsigned pick(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

static const char *const fields[] = {"context.kind", "context.place",     "context.count",
                                     "context.flag", "context.deep.name", "agent_identity"};
static const char *const values[] = {"\"a\"", "\"b\"", "\"ab\"", "\"\"", "1", "2", "1.5", "true", "false"};
static const char *const json_values[] = {"'a'",  "'b'",   "'ab'", "''",  "1",  "2",    "1.5",
                                          "true", "false", "null", "[1]", "{}", "-0.0", "100"};

#define PICK(list) list[pick(sizeof list / sizeof *list)]

static void add_value(struct buf *out, int depth)
{
    switch (pick(depth > 2 ? 3 : 10)) {
    case 3:
        buf_add_str(out, "{ ");
        add_value(out, depth + 1);
        buf_add_str(out, ", ");
        add_value(out, depth + 1);
        buf_add_str(out, " }");
        break;
    case 4:
        buf_add_str(out, "{ prefix = \"a\" }");
        break;
    case 5:
        buf_add_str(out, "{ min = 1, max = 2 }");
        break;
    case 6:
        buf_printf(out, "{ exists = %s }", pick(2) ? "true" : "false");
        break;
    case 7:
        buf_add_str(out, "{ is_not = ");
        add_value(out, depth + 1);
        buf_add_str(out, " }");
        break;
    case 8:
        buf_add_str(out, "{ glob = \"*b\" }");
        break;
    default:
        buf_add_str(out, PICK(values));
    }
}

static void add_match(struct buf *out)
{
    size_t i;

    buf_add_str(out, "{ ");
    if (pick(3) != 0)
        buf_printf(out, "operation = %s, ", pick(4) == 0 ? "{ \"x\", \"y\" }" : pick(2) ? "\"x\"" : "\"y\"");
    for (i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (pick(3) != 0)
            continue;
        buf_printf(out, "[\"%s\"] = ", fields[i]);
        add_value(out, 0);
        buf_add_str(out, ", ");
    }
    buf_add_str(out, "}");
}

static void add_rule(struct buf *out, unsigned number)
{
    unsigned tier = pick(4);

    buf_printf(out, "rule \"r%u\" { tier = %u, match = ", number, tier);
    add_match(out);
    if (pick(3) == 0)
        buf_printf(out, ", requires = { \"%s\", \"%s\" }", PICK(fields), PICK(fields));
    if (tier < 3 && pick(4) == 0)
        buf_add_str(out, ", except = { [\"context.kind\"] = \"b\" }");
    buf_add_str(out, " }\n");
}

static void make_request(char *out, size_t room)
{
    (void)snprintf(out, room,
                   "{'operation':'%s','agent_identity':%s,'context':{'kind':%s,'place':%s,'count':%s,'flag':%s,'deep':%s%s%s}}",
                   pick(3) == 0   ? "z"
                   : pick(2) == 0 ? "x"
                                  : "y",
                   pick(2) ? "'a'" : "'ab'", PICK(json_values), PICK(json_values), PICK(json_values), PICK(json_values),
                   pick(2) ? "{'name':" : "", pick(2) ? "'a'" : "1", "");
    if (strstr(out, "{'name':") == NULL)
        return;
    (void)snprintf(out + strlen(out) - 2, 4, "}}}");
}

START_TEST(the_index_leaves_out_nothing_that_counts)
{
    struct arena arena;
    size_t compared = 0, matched = 0;
    unsigned b, r, i;

    json_setup();
    arena_create(&arena, 64 * 1024, 16 * 1024 * 1024);
    for (b = 0; b < BUNDLES; b++) {
        struct buf source = {0};
        struct fixture f;

        random_state = b;
        for (i = 0; i < RULES; i++)
            add_rule(&source, i);
        buf_add_char(&source, '\0');
        ck_assert_msg(fixture_load(&f, source.data), "%s: %s\n%s", f.error.where, f.error.message, source.data);
        for (r = 0; r < REQUESTS; r++) {
            struct policy_trace trace = {.all_rules = true};
            struct verdict all;
            struct buf with = {0}, without = {0};
            char request[512];
            cJSON *facts, *tree;

            make_request(request, sizeof request);
            ck_assert_int_eq(fixture_evaluate(&f, request, NULL), STATUS_OK);
            verdict_write(&with, &f.verdict);
            arena_reset(&arena);
            facts = fixture_parse(&arena, "{}");
            tree = fixture_parse(&arena, request);
            ck_assert_int_eq(policy_evaluate(f.vm, tree, facts, &arena, &all, &trace, &f.error), STATUS_OK);
            verdict_write(&without, &all);
            ck_assert_uint_eq(trace.count, RULES);
            ck_assert_msg(slice_equal(buf_slice(&with), buf_slice(&without)), "bundle %u, %s:\n%.*s\n%.*s", b, request,
                          SLICE_ARG(buf_slice(&with)), SLICE_ARG(buf_slice(&without)));
            compared++;
            matched += all.rule_count;
            buf_destroy(&with);
            buf_destroy(&without);
        }
        buf_destroy(&source);
        fixture_destroy(&f);
    }
    ck_assert_uint_gt(matched, compared); /* the comparison is about something */
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_index");
    TCase *tcase = tcase_create("index");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, the_index_leaves_out_nothing_that_counts);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
