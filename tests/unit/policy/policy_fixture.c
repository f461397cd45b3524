#include "policy_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

bool fixture_load_files(struct fixture *fixture, const struct policy_file *files, size_t count,
                        const struct policy_limits *limits)
{
    *fixture = (struct fixture){0};
    json_setup();
    arena_create(&fixture->arena, 64 * 1024, 16 * 1024 * 1024);
    if (policy_bundle_new(files, count, limits, &fixture->bundle, &fixture->report, &fixture->error) != STATUS_OK)
        return false;
    ck_assert_msg(policy_vm_new(fixture->bundle, &fixture->vm, &fixture->error) == STATUS_OK, "%s: %s", fixture->error.where,
                  fixture->error.message);
    return true;
}

bool fixture_load(struct fixture *fixture, const char *source)
{
    struct policy_file file = {.path = SLICE("test.lua"), .source = slice_from_str(source)};

    return fixture_load_files(fixture, &file, 1, NULL);
}

void fixture_destroy(struct fixture *fixture)
{
    policy_vm_delete(fixture->vm);
    policy_bundle_release(fixture->bundle);
    policy_report_destroy(&fixture->report);
    arena_destroy(&fixture->arena);
    *fixture = (struct fixture){0};
}

cJSON *fixture_parse(struct arena *arena, const char *text)
{
    struct slice copy = arena_copy(arena, slice_from_str(text));
    struct error error = {0};
    cJSON *tree = NULL;
    size_t i;

    for (i = 0; i < copy.size; i++)
        if (copy.data[i] == '\'')
            ((char *)(uintptr_t)copy.data)[i] = '"';
    ck_assert_msg(json_parse(arena, copy, &json_limits_default, &tree, &error) == STATUS_OK, "%s: %s in %s", error.where,
                  error.message, text);
    return tree;
}

enum status fixture_evaluate(struct fixture *fixture, const char *request, const char *facts)
{
    cJSON *request_tree, *facts_tree;

    arena_reset(&fixture->arena);
    request_tree = fixture_parse(&fixture->arena, request);
    facts_tree = fixture_parse(&fixture->arena, facts ? facts : "{}");
    return policy_evaluate(fixture->vm, request_tree, facts_tree, &fixture->arena, &fixture->verdict, NULL, &fixture->error);
}

const char *fixture_json(struct fixture *fixture)
{
    struct buf out;

    buf_create(&out, &fixture->arena);
    verdict_write(&out, &fixture->verdict);
    buf_add_char(&out, '\0');
    ck_assert(!out.failed);
    return out.data;
}

static void load_expression(struct fixture *fixture, const char *field, const char *expression)
{
    char *source = NULL;

    fixture_destroy(fixture);
    ck_assert(asprintf(&source, "rule \"r\" { tier = 0, %s = function(request, facts) return %s end }", field, expression) > 0);
    ck_assert_msg(fixture_load(fixture, source), "%s: %s\n%s", fixture->error.where, fixture->error.message, source);
    free(source);
}

static const char *error_text(struct fixture *fixture)
{
    return arena_printf(&fixture->arena, "error: %.*s", SLICE_ARG(fixture->verdict.errors[0].message)).data;
}

const char *fixture_condition(struct fixture *fixture, const char *expression, const char *request, const char *facts)
{
    load_expression(fixture, "when", expression);
    ck_assert_int_eq(fixture_evaluate(fixture, request ? request : "{'operation':'x'}", facts), STATUS_OK);
    if (fixture->verdict.error_count)
        return error_text(fixture);
    return fixture->verdict.rule_count ? "true" : "false";
}

const char *fixture_text(struct fixture *fixture, const char *expression)
{
    load_expression(fixture, "because", expression);
    ck_assert_int_eq(fixture_evaluate(fixture, "{'operation':'x'}", NULL), STATUS_OK);
    if (fixture->verdict.error_count)
        return error_text(fixture);
    ck_assert_uint_eq(fixture->verdict.reason_count, 1);
    return fixture->verdict.reasons[0].data;
}
