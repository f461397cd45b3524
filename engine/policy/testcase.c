#include "policy/testcase.h"

#include "base/clock.h"
#include "policy/extract.h"
#include "policy/jsonview.h"
#include "policy/report.h"
#include "policy/tojson.h"

#include <stdio.h>

/* A Tuesday at noon, an agent with a namespace, a budget that is enough. */
static const char default_facts[] =
    "{\"now\":\"2026-07-28T12:00:00.000Z\","
    "\"agent\":{\"known\":true,\"namespace\":\"team-alpha\",\"owner\":\"team-alpha@example.com\",\"privileges\":[]},"
    "\"budget\":{\"limit_micro_usd\":500000000,\"spent_micro_usd\":0,\"reserved_micro_usd\":0}}";

enum { DEFAULT_LIMIT_MICRO_USD = 500000000 };

/* ---- what goes in ---- */

struct problem {
    struct buf text; /* lines */
};

static void check_fact_names(struct problem *problem, struct arena *arena, const cJSON *facts, struct slice prefix)
{
    const cJSON *member;

    for (member = facts->child; member != NULL; member = member->next) {
        struct slice dotted = arena_printf(arena, "%.*s.%s", SLICE_ARG(prefix), member->string);
        const char *nearest;

        if (dotted.data == NULL)
            return;
        if (extract_fact_exists(dotted)) {
            if (jsonview_is_object(member))
                check_fact_names(problem, arena, member, dotted);
            continue;
        }
        nearest = report_nearest(dotted, extract_fact_fields);
        buf_printf(&problem->text, "unknown fact %.*s%s%s%s\n", SLICE_ARG(dotted), nearest ? "; did you mean " : "",
                   nearest ? nearest : "", nearest ? "?" : "");
    }
}

/* remaining_micro_usd follows from limit, spent and reserved: a test that gives it means "so much is left". */
static void settle_budget(struct arena *arena, cJSON *facts, const cJSON *given)
{
    const cJSON *wanted = json_get(given, "budget");
    cJSON *budget = (cJSON *)(uintptr_t)json_get(facts, "budget");
    int64_t remaining, limit = DEFAULT_LIMIT_MICRO_USD, reserved = 0;
    cJSON *spent;

    if (!json_get_i64(wanted, "remaining_micro_usd", &remaining) || json_get(wanted, "spent_micro_usd") != NULL ||
        budget == NULL)
        return;
    (void)json_get_i64(budget, "limit_micro_usd", &limit);
    (void)json_get_i64(budget, "reserved_micro_usd", &reserved);
    if (remaining > limit - reserved) {
        limit = remaining + reserved;
        spent = (cJSON *)(uintptr_t)json_get(budget, "limit_micro_usd");
        if (spent != NULL)
            *spent = (cJSON){.next = spent->next,
                             .prev = spent->prev,
                             .type = cJSON_Number,
                             .valuedouble = (double)limit,
                             .string = spent->string};
    }
    spent = (cJSON *)(uintptr_t)json_get(budget, "spent_micro_usd");
    if (spent != NULL)
        spent->valuedouble = (double)(limit - reserved - remaining);
    else
        json_put_i64(arena, budget, "spent_micro_usd", limit - reserved - remaining);
}

static enum status make_facts(struct arena *arena, const struct testcase *item, const struct request *request,
                              struct facts *out, struct problem *problem, struct error *error)
{
    cJSON *defaults = NULL, *merged;
    enum status status = json_parse(arena, SLICE(default_facts), &json_limits_default, &defaults, error);

    if (status != STATUS_OK)
        return status;
    check_fact_names(problem, arena, item->facts, SLICE("facts"));
    merged = tojson_merge(arena, defaults, item->facts);
    settle_budget(arena, merged, item->facts);
    if (arena->exhausted)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a test's facts");
    status = facts_from_json(arena, merged, out, error);
    if (status == STATUS_INVALID) {
        buf_printf(&problem->text, "facts%s: %s\n", error->where, error->message);
        return STATUS_OK;
    }
    if (out->agent_id.size == 0)
        out->agent_id = request->agent_identity;
    if (json_get(json_get(item->facts, "cost"), "estimated_micro_usd") == NULL) {
        out->estimated_micro_usd = request->estimated_cost_micro_usd;
        out->estimate_stated = request->has_estimate;
    }
    return status;
}

static enum status make_request(struct arena *arena, const struct testcase *item, struct request *out, struct problem *problem,
                                struct error *error)
{
    cJSON *object = json_copy(arena, item->request);
    enum status status;

    if (json_get(object, "agent_identity") == NULL)
        json_put_text(arena, object, "agent_identity", SLICE("team-alpha-deploy-001"));
    status = request_from_json(arena, object, (struct slice){0}, (struct slice){0}, out, error);
    if (status != STATUS_INVALID && status != STATUS_TOO_LARGE)
        return status;
    buf_printf(&problem->text, "request%s: %s\n", error->where, error->message);
    return STATUS_OK;
}

/* ---- what comes out, against what is expected ---- */

static const char *decision_name(const struct verdict *verdict)
{
    return verdict->tier <= TIER_AUDIT ? "approve" : verdict->tier == TIER_ESCALATE ? "escalate" : "deny";
}

static bool counts(const struct verdict *verdict, struct slice name)
{
    size_t i;

    for (i = 0; i < verdict->rule_count; i++)
        if (slice_equal(verdict->rules[i].name, name))
            return true;
    for (i = 0; i < verdict->error_count; i++)
        if (slice_equal(verdict->errors[i].rule, name))
            return true;
    return false;
}

static bool has_text(const struct slice *texts, size_t count, struct slice text, bool part)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (part ? memmem(texts[i].data, texts[i].size, text.data, text.size) != NULL : slice_equal(texts[i], text))
            return true;
    return false;
}

/* Calls for each text of a list, or for a single text. */
#define FOR_EACH_TEXT(item, value)                                                                                             \
    for (item = cJSON_IsArray(value) ? (value)->child : (value); item != NULL; item = cJSON_IsArray(value) ? item->next : NULL)

static void add_list(struct buf *out, const char *label, const struct slice *texts, size_t count)
{
    size_t i;

    buf_printf(out, "  %s:", label);
    for (i = 0; i < count; i++)
        buf_printf(out, "%s %.*s", i ? "," : "", SLICE_ARG(texts[i]));
    buf_add_str(out, count ? "\n" : " none\n");
}

static void compare_rules(const struct verdict *verdict, const cJSON *value, bool wanted, struct buf *out)
{
    const cJSON *item;

    FOR_EACH_TEXT(item, value)
    {
        if (counts(verdict, json_text(item)) != wanted)
            buf_printf(out, "expected rule %.*s %s\n", SLICE_ARG(json_text(item)), wanted ? "to count" : "not to count");
    }
}

static void compare_missing(const struct verdict *verdict, const cJSON *value, struct buf *out)
{
    const cJSON *item;
    size_t wanted = 0;

    FOR_EACH_TEXT(item, value)
    {
        wanted++;
        if (!has_text(verdict->missing, verdict->missing_count, json_text(item), false))
            buf_printf(out, "expected %.*s to be missing\n", SLICE_ARG(json_text(item)));
    }
    if (verdict->missing_count > wanted)
        buf_printf(out, "expected %zu missing fields, got %zu\n", wanted, verdict->missing_count);
}

static void compare_errors(const struct verdict *verdict, const cJSON *value, struct buf *out)
{
    const cJSON *item;
    size_t i;
    bool found;

    if (cJSON_IsNumber(value) || value == NULL) {
        size_t wanted = value ? (size_t)value->valuedouble : 0;

        if (verdict->error_count != wanted)
            buf_printf(out, "expected %zu rule errors, got %zu\n", wanted, verdict->error_count);
        return;
    }
    FOR_EACH_TEXT(item, value)
    {
        for (found = false, i = 0; i < verdict->error_count; i++)
            found = found || slice_equal(verdict->errors[i].rule, json_text(item));
        if (!found)
            buf_printf(out, "expected rule %.*s to fail\n", SLICE_ARG(json_text(item)));
    }
}

static void compare_texts(const char *label, const struct slice *texts, size_t count, const cJSON *value, struct buf *out)
{
    const cJSON *item;

    FOR_EACH_TEXT(item, value)
    {
        if (!has_text(texts, count, json_text(item), true))
            buf_printf(out, "expected \"%.*s\" in a %s\n", SLICE_ARG(json_text(item)), label);
    }
}

static void compare_one(const struct verdict *verdict, const cJSON *expected, struct buf *out)
{
    static const char *const known[] = {"decision",     "not_decision",   "tier",      "rules",   "not_rules",
                                        "missing",      "errors",         "undecided", "because", "next_steps",
                                        "alternatives", "cost_micro_usd", NULL};
    struct slice name = slice_from_str(expected->string);
    const char *nearest;

    if (slice_equal(name, SLICE("decision"))) {
        if (!slice_equal_str(json_text(expected), decision_name(verdict)))
            buf_printf(out, "expected decision %.*s, got %s\n", SLICE_ARG(json_text(expected)), decision_name(verdict));
    } else if (slice_equal(name, SLICE("not_decision"))) {
        if (slice_equal_str(json_text(expected), decision_name(verdict)))
            buf_printf(out, "expected anything but %s\n", decision_name(verdict));
    } else if (slice_equal(name, SLICE("tier"))) {
        if (expected->valuedouble != (double)verdict->tier)
            buf_printf(out, "expected tier %g, got %d\n", expected->valuedouble, verdict->tier);
    } else if (slice_equal(name, SLICE("undecided"))) {
        if ((bool)cJSON_IsTrue(expected) != verdict->undecided)
            buf_printf(out, "expected undecided %s, got %s\n", cJSON_IsTrue(expected) ? "true" : "false",
                       verdict->undecided ? "true" : "false");
    } else if (slice_equal(name, SLICE("cost_micro_usd"))) {
        if (expected->valuedouble != (double)verdict->cost_micro_usd)
            buf_printf(out, "expected cost_micro_usd %.0f, got %lld\n", expected->valuedouble,
                       (long long)verdict->cost_micro_usd);
    } else if (slice_equal(name, SLICE("rules")) || slice_equal(name, SLICE("not_rules"))) {
        compare_rules(verdict, expected, name.data[0] == 'r', out);
    } else if (slice_equal(name, SLICE("missing"))) {
        compare_missing(verdict, expected, out);
    } else if (slice_equal(name, SLICE("because"))) {
        compare_texts("reason", verdict->reasons, verdict->reason_count, expected, out);
    } else if (slice_equal(name, SLICE("next_steps"))) {
        compare_texts("next step", &verdict->next_steps, 1, expected, out);
    } else if (slice_equal(name, SLICE("alternatives"))) {
        compare_texts("alternative", verdict->alternatives, verdict->alternative_count, expected, out);
    } else if (!slice_equal(name, SLICE("errors"))) {
        nearest = report_nearest(name, known);
        buf_printf(out, "expect: unknown field \"%.*s\"%s%s%s\n", SLICE_ARG(name), nearest ? "; did you mean \"" : "",
                   nearest ? nearest : "", nearest ? "\"?" : "");
    }
}

/* What was got, for a person: after the differences. */
static void describe(const struct verdict *verdict, struct arena *arena, struct buf *out)
{
    struct slice *names = (struct slice *)arena_array(arena, verdict->rule_count + 1, sizeof *names);
    size_t i;

    buf_printf(out, "got %s, tier %d%s\n", decision_name(verdict), verdict->tier, verdict->undecided ? ", undecided" : "");
    for (i = 0; names != NULL && i < verdict->rule_count; i++)
        names[i] = arena_printf(arena, "%.*s (%d)", SLICE_ARG(verdict->rules[i].name), verdict->rules[i].tier);
    if (names != NULL)
        add_list(out, "rules", names, verdict->rule_count);
    add_list(out, "reasons", verdict->reasons, verdict->reason_count);
    if (verdict->missing_count)
        add_list(out, "missing", verdict->missing, verdict->missing_count);
    for (i = 0; i < verdict->error_count; i++)
        buf_printf(out, "  error in %.*s: %.*s\n", SLICE_ARG(verdict->errors[i].rule), SLICE_ARG(verdict->errors[i].message));
}

static void compare(const struct testcase *item, const struct verdict *verdict, struct arena *arena, struct buf *out)
{
    const cJSON *expected;

    if (item->expect->child == NULL)
        buf_add_str(out, "the test expects nothing: give expect = { decision = … }\n");
    for (expected = item->expect->child; expected != NULL; expected = expected->next)
        compare_one(verdict, expected, out);
    compare_errors(verdict, json_get(item->expect, "errors"), out);
    if (out->size != 0)
        describe(verdict, arena, out);
}

enum status testcase_run(const struct testcase_context *context, struct arena *arena, const struct testcase *item,
                         struct verdict *verdict, struct slice *detail, struct error *error)
{
    struct problem problem;
    struct request request = {0};
    struct facts facts = {0};
    cJSON *facts_json;
    enum status status;

    *detail = (struct slice){0};
    buf_create(&problem.text, arena);
    status = make_request(arena, item, &request, &problem, error);
    if (status == STATUS_OK && problem.text.size == 0)
        status = make_facts(arena, item, &request, &facts, &problem, error);
    if (status != STATUS_OK)
        return status;
    if (problem.text.size == 0) {
        facts_json = facts_to_json(arena, &facts);
        if (facts_json == NULL)
            return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a test's facts");
        if (context->complete != NULL)
            status = context->complete(context->complete_context, arena, &request, &facts, verdict);
        else
            status = policy_evaluate(context->vm, request.view, facts_json, arena, verdict, NULL, error);
        if (status != STATUS_OK)
            return status;
        compare(item, verdict, arena, &problem.text);
    }
    if (problem.text.failed)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a test's result");
    *detail = buf_slice(&problem.text);
    return STATUS_OK;
}
