/* What loads, and is doubtful all the same: `edict policy check`. */
#include "policy/bundle.h"
#include "policy/folder.h"
#include "policy/implies.h"
#include "policy/lint.h"
#include "policy/report.h"
#include "policy/sandbox.h"

#include <stdio.h>

struct checker {
    const struct policy_bundle *bundle;
    struct policy_report *report;
};

static void __attribute__((format(printf, 3, 4)))
warn(struct checker *checker, const struct rule *rule, const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report_add(checker->report, POLICY_WARNING, checker->bundle->files[rule->file].path, rule->line, 0, "rule \"%.*s\": %s",
               SLICE_ARG(rule->name), text);
}

static void check_reasons(struct checker *checker, const struct rule *rule)
{
    if (rule->because.count == 0 && rule->because.slot == RULE_NO_SLOT && rule->description.size == 0)
        warn(checker, rule, "no reason: give `because`, so that people learn why");
    if (rule->tier == 3 && rule->alternatives.count == 0 && rule->alternatives.slot == RULE_NO_SLOT &&
        rule->next_steps.count == 0 && rule->next_steps.slot == RULE_NO_SLOT)
        warn(checker, rule, "denies without `alternatives` or `next_steps`: say what to do instead");
}

static void check_match(struct checker *checker, const struct rule *rule)
{
    size_t i;

    if (rule->tier < 2 && rule->match.count == 0 && rule->when_slot == RULE_NO_SLOT && rule->required_count == 0)
        warn(checker, rule, "approves every request: it has neither `match` nor `when`");
    for (i = 0; i < rule->match.count; i++) {
        const struct match_field *field = &rule->match.fields[i];
        struct slice dotted = checker->bundle->paths[field->path].dotted;

        if (implies_nothing(&field->value))
            warn(checker, rule, "can never match: no value of %.*s fits", SLICE_ARG(dotted));
        if (field->required && field->value.kind == MATCH_EXISTS && !field->value.flag)
            warn(checker, rule, "can never match: %.*s is required, and must be absent", SLICE_ARG(dotted));
    }
    for (i = 0; i < rule->except_count; i++)
        if (implies_match(&rule->match, &rule->excepts[i]))
            warn(checker, rule, "can never match: exception %zu covers all of `match`", i + 1);
}

/* Counts without looking at anything but its match. */
static bool is_plain(const struct rule *rule)
{
    return rule->when_slot == RULE_NO_SLOT && rule->except_count == 0 && rule->expires_ms == INT64_MAX &&
           rule->required_count == 0;
}

/*
 * A rule is shadowed when a plain rule of a higher tier matches whenever it does. Rules are compared with the plain ones only;
 * those are few in a bundle that has conditions, and each comparison ends at its first field that differs.
 */
static void check_shadows(struct checker *checker)
{
    const struct policy_bundle *bundle = checker->bundle;
    size_t i, j;

    for (j = 0; j < bundle->rule_count; j++) {
        const struct rule *wide = &bundle->rules[j];

        if (!is_plain(wide) || wide->tier == 0)
            continue;
        for (i = 0; i < bundle->rule_count; i++) {
            const struct rule *rule = &bundle->rules[i];

            if (rule->tier < wide->tier && implies_match(&rule->match, &wide->match))
                warn(checker, rule, "never decides: \"%.*s\" (tier %d) applies whenever it does", SLICE_ARG(wide->name),
                     wide->tier);
        }
    }
}

static int compile_library(lua_State *lua)
{
    const struct policy_file *file = (const struct policy_file *)lua_touserdata(lua, 1);
    struct policy_report *report = (struct policy_report *)sandbox_of(lua)->loader;
    char chunk[BUNDLE_PATH_MAX + 2];

    (void)snprintf(chunk, sizeof chunk, "@%.*s", SLICE_ARG(file->path));
    if (luaL_loadbufferx(lua, file->source.data, file->source.size, chunk, "t") != LUA_OK)
        return lua_error(lua);
    (void)lint_chunk(lua, file->path, report);
    return 0;
}

/* Libraries that no rule file requires are compiled here, or their mistakes would wait for the first one that does. */
static enum status check_library(const struct policy_file *file, const struct policy_limits *limits,
                                 struct policy_report *report, struct error *error)
{
    struct policy_report own = {0};
    struct sandbox sandbox;
    enum status status = sandbox_create(&sandbox, limits->load_memory, NULL, NULL, error);

    if (status != STATUS_OK)
        return status;
    sandbox_arm_load(&sandbox, limits->load_memory, limits->load_fuel);
    sandbox.loader = &own;
    if (sandbox_protect(&sandbox, compile_library, (void *)(uintptr_t)file) != SANDBOX_OK)
        report_message(&own, file->path, sandbox.message);
    (void)lint_source(file->path, file->source, &own);
    report_merge(report, &own);
    policy_report_destroy(&own);
    sandbox_destroy(&sandbox);
    return STATUS_OK;
}

static void check_rules(const struct policy_bundle *bundle, struct policy_report *report)
{
    struct checker checker = {.bundle = bundle, .report = report};

    for (size_t i = 0; i < bundle->rule_count; i++) {
        check_reasons(&checker, &bundle->rules[i]);
        check_match(&checker, &bundle->rules[i]);
    }
    check_shadows(&checker);
}

enum status policy_check_files(const struct policy_file *files, size_t count, const struct policy_limits *limits,
                               struct policy_report *report, struct error *error)
{
    struct policy_bundle *bundle = NULL;
    struct error detail = {0};
    enum status status;

    if (limits == NULL)
        limits = &policy_limits_default;
    status = policy_bundle_new(files, count, limits, &bundle, report, &detail);
    if (status == STATUS_OK)
        check_rules(bundle, report);
    if (status == STATUS_INVALID && report_has_errors(report))
        status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (slice_starts_with(files[i].path, SLICE("lib/")))
            status = check_library(&files[i], limits, report, &detail);
    }
    report_sort(report);
    policy_bundle_release(bundle);
    return status == STATUS_OK ? STATUS_OK : error_set(error, status, detail.where, "%s", detail.message);
}

enum status policy_check(const char *folder, const struct policy_limits *limits, struct policy_report *report,
                         struct error *error)
{
    struct folder_files files = {0};
    struct arena arena;
    enum status status;

    arena_create(&arena, 256 * 1024, (size_t)BUNDLE_BYTES_MAX * 2);
    status = folder_read_bundle(folder, &arena, &files, report, error);
    if (status == STATUS_OK)
        status = policy_check_files(files.items, files.count, limits, report, error);
    else if (status == STATUS_INVALID && report_has_errors(report))
        status = STATUS_OK;
    folder_files_destroy(&files);
    arena_destroy(&arena);
    return status;
}
