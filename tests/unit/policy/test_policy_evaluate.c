#include "policy_fixture.h"

#include <check.h>

static const char *const POD_RULE =
    "rule \"k8s.delete-failed-pod\" {\n"
    "  tier = 1,\n"
    "  match = { operation = \"delete\", [\"context.resource_type\"] = \"pod\", [\"context.pod_status\"] = \"Failed\" },\n"
    "  requires = { \"context.pod_age_hours\", \"context.namespace\" },\n"
    "  when = function(request, facts)\n"
    "    return request.context.pod_age_hours > 24 and owns(facts.agent, request.context.namespace)\n"
    "  end,\n"
    "  because = { \"Resource is in your namespace ({context.namespace})\", \"Pod is in Failed state\", \"Pod is older than "
    "24h\" },\n"
    "  next_steps = \"Proceed. This action is logged for audit.\",\n"
    "}\n";

static const char *const ALPHA = "{'agent':{'id':'a','known':true,'namespace':'team-alpha'},'now_ms':1000}";

START_TEST(example_of_the_documentation)
{
    struct fixture f;

    ck_assert_msg(fixture_load(&f, POD_RULE), "%s: %s", f.error.where, f.error.message);
    ck_assert_int_eq(fixture_evaluate(&f,
                                      "{'operation':'delete','context':{'namespace':'team-alpha','resource_type':'pod',"
                                      "'pod_status':'Failed','pod_age_hours':48}}",
                                      ALPHA),
                     STATUS_OK);
    ck_assert_int_eq(f.verdict.tier, 1);
    ck_assert_uint_eq(f.verdict.reason_count, 3);
    ck_assert(slice_equal_str(f.verdict.reasons[0], "Resource is in your namespace (team-alpha)"));
    ck_assert(slice_equal_str(f.verdict.next_steps, "Proceed. This action is logged for audit."));
    ck_assert(!f.verdict.undecided);

    /* another's namespace, and a young pod: no rule applies */
    ck_assert_int_eq(fixture_evaluate(&f,
                                      "{'operation':'delete','context':{'namespace':'team-beta','resource_type':'pod',"
                                      "'pod_status':'Failed','pod_age_hours':48}}",
                                      ALPHA),
                     STATUS_OK);
    ck_assert(f.verdict.undecided);
    ck_assert_int_eq(f.verdict.tier, 2);
    fixture_destroy(&f);
}
END_TEST

START_TEST(missing_fields_become_questions)
{
    struct fixture f;

    ck_assert(fixture_load(&f, POD_RULE));
    ck_assert_int_eq(
        fixture_evaluate(&f, "{'operation':'delete','context':{'resource_type':'pod','pod_status':'Failed'}}", ALPHA),
        STATUS_OK);
    ck_assert(f.verdict.undecided);
    ck_assert_uint_eq(f.verdict.missing_count, 2);
    ck_assert(slice_equal_str(f.verdict.missing[0], "context.namespace"));
    ck_assert(slice_equal_str(f.verdict.missing[1], "context.pod_age_hours"));
    /* the rest of match still counts */
    ck_assert_int_eq(
        fixture_evaluate(&f, "{'operation':'delete','context':{'resource_type':'svc','pod_status':'Failed'}}", ALPHA),
        STATUS_OK);
    ck_assert_uint_eq(f.verdict.missing_count, 0);
    fixture_destroy(&f);
}
END_TEST

START_TEST(errors_never_loosen)
{
    struct fixture f;

    ck_assert(fixture_load(&f, "rule \"a.fine\" { tier = 0, match = { operation = \"x\" } }\n"
                               "rule \"b.broken\" { tier = 1, when = function(r) return r.context.a.b end }\n"));
    ck_assert_int_eq(fixture_evaluate(&f, "{'operation':'x'}", NULL), STATUS_OK);
    ck_assert_int_eq(f.verdict.tier, 2);
    ck_assert_uint_eq(f.verdict.error_count, 1);
    ck_assert_msg(slice_starts_with(f.verdict.errors[0].message, SLICE("test.lua:2: ")), "%s",
                  f.verdict.errors[0].message.data);
    fixture_destroy(&f);
}
END_TEST

START_TEST(an_endless_loop_ends)
{
    struct fixture f;

    ck_assert_str_eq(fixture_condition(memset(&f, 0, sizeof f), "(function() while true do end end)()", NULL, NULL),
                     "error: test.lua:1: more work than is allowed (300000 units for a rule, 600000 for all rules)");
    fixture_destroy(&f);
}
END_TEST

Suite *suite(void);
Suite *suite(void)
{
    Suite *s = suite_create("policy_evaluate");
    TCase *t = tcase_create("evaluate");

    tcase_add_test(t, example_of_the_documentation);
    tcase_add_test(t, missing_fields_become_questions);
    tcase_add_test(t, errors_never_loosen);
    tcase_add_test(t, an_endless_loop_ends);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
