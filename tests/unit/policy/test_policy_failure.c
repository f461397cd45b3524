/*
 * Fail closed: whatever goes wrong in a rule, the outcome is never more permissive than if the rule had matched at max(2, its
 * tier); and memory that runs out, anywhere, leaves the worker as it was.
 */
#include "policy_fixture.h"

#include "policy/vm.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- allocation failure: the linker gives us every allocation of the modules ---- */

static long fail_after = -1; /* allocations left until one fails; -1: never */
static bool failed_one;

static bool fails_now(void)
{
    if (fail_after < 0)
        return false;
    if (fail_after-- > 0)
        return false;
    fail_after = 0;
    failed_one = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *data, size_t size)
{
    return fails_now() ? NULL : __real_realloc(data, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails_now() ? NULL : __real_aligned_alloc(alignment, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails_now() ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

static const char *const SOURCE =
    "local lib = require \"lib.helper\"\n"
    "defaults { owner = \"me\" }\n"
    "rule \"b.function\" { tier = 1, match = { operation = { \"x\", \"y\" } }, requires = { \"context.name\" },\n"
    "  when = function(request, facts) return lib.fits(request.context.name) and path.inside(\"/a\", \"/a/b\") end,\n"
    "  because = function(request) return { \"Named \" .. request.context.name, \"again\" } end,\n"
    "  cost = function() return \"1.50\" end, alternatives = { \"one\", \"two\" }, next_steps = \"go {context.name}\" }\n"
    "rule \"a.plain\" { tier = 0, match = { [\"context.name\"] = { prefix = \"n\" } }, approvers = { \"a\", \"b\" }, sla = "
    "\"4h\" }\n";
static const char *const HELPER = "local M = {}\nfunction M.fits(x) return re.match(\"^n\", x) ~= nil end\nreturn M\n";
static const char *const REQUEST = "{'operation':'x','context':{'name':'nine'}}";

static bool load(struct fixture *f)
{
    struct policy_file files[] = {{SLICE("test.lua"), slice_from_str(SOURCE)},
                                  {SLICE("lib/helper.lua"), slice_from_str(HELPER)}};

    return fixture_load_files(f, files, 2, NULL);
}

static char *verdict_text(struct fixture *f)
{
    ck_assert_int_eq(fixture_evaluate(f, REQUEST, NULL), STATUS_OK);
    return strdup(fixture_json(f));
}

START_TEST(memory_that_runs_out_while_loading)
{
    struct policy_file files[] = {{SLICE("test.lua"), slice_from_str(SOURCE)},
                                  {SLICE("lib/helper.lua"), slice_from_str(HELPER)}};
    struct fixture sound;
    char *expected, *now;
    long n;

    ck_assert_msg(load(&sound), "%s: %s", sound.error.where, sound.error.message);
    expected = verdict_text(&sound);
    for (n = 0;; n++) {
        struct policy_bundle *bundle = NULL;
        struct policy_vm *vm = NULL;
        struct error error = {0};
        enum status status;

        failed_one = false;
        fail_after = n;
        status = policy_bundle_new(files, 2, NULL, &bundle, NULL, &error);
        if (status == STATUS_OK)
            status = policy_vm_new(bundle, &vm, &error);
        fail_after = -1;
        policy_vm_delete(vm);
        policy_bundle_release(bundle);
        if (!failed_one) {
            ck_assert_int_eq(status, STATUS_OK);
            break;
        }
        /* Some failures cost only speed (a barrier, a diagnostic); the others say so. */
        ck_assert_msg(status == STATUS_OK || status == STATUS_NO_MEMORY || status == STATUS_INTERNAL ||
                          status == STATUS_INVALID,
                      "%ld: %s: %s", n, status_name(status), error.message);
    }
    ck_assert_int_gt(n, 20);
    now = verdict_text(&sound);
    ck_assert_str_eq(now, expected);
    free(now);
    free(expected);
    fixture_destroy(&sound);
}
END_TEST

START_TEST(lua_memory_that_runs_out_while_evaluating)
{
    struct fixture f;
    char *expected, *now;
    uint64_t n;
    size_t i;

    ck_assert(load(&f));
    expected = verdict_text(&f);
    for (n = 0; n < 100000; n++) {
        bool starved = false;

        for (i = 0; i < f.bundle->file_count; i++)
            f.vm->sandboxes[i].region.deny_after = n;
        ck_assert_int_eq(fixture_evaluate(&f, REQUEST, NULL), STATUS_OK);
        for (i = 0; i < f.bundle->file_count; i++) {
            starved = starved || f.vm->sandboxes[i].region.starved || f.vm->sandboxes[i].region.deny_after == 0;
            f.vm->sandboxes[i].region.deny_after = UINT64_MAX;
        }
        if (f.verdict.error_count == 0)
            break;
        ck_assert_int_ge(f.verdict.tier, 2);
        ck_assert_int_eq(f.verdict.errors[0].kind, VERDICT_ERROR_MEMORY);
        now = verdict_text(&f);
        ck_assert_str_eq(now, expected);
        free(now);
    }
    ck_assert_uint_gt(n, 5);
    ck_assert_uint_lt(n, 100000);
    free(expected);
    fixture_destroy(&f);
}
END_TEST

START_TEST(an_arena_that_runs_out_gives_no_verdict)
{
    struct fixture f;
    char *expected;
    size_t cap, refused = 0;

    ck_assert(load(&f));
    expected = verdict_text(&f);
    for (cap = 64;; cap += 64) {
        struct arena arena, inputs;
        struct verdict verdict;
        enum status status;
        cJSON *request;

        arena_create(&inputs, 4096, 1024 * 1024);
        request = fixture_parse(&inputs, REQUEST);
        arena_create(&arena, 512, cap);
        status = policy_evaluate(f.vm, request, fixture_parse(&inputs, "{}"), &arena, &verdict, NULL, &f.error);
        if (status == STATUS_OK) {
            struct buf text = {0};

            verdict_write(&text, &verdict);
            ck_assert(slice_equal_str(buf_slice(&text), expected));
            buf_destroy(&text);
        } else {
            ck_assert_int_eq(status, STATUS_NO_MEMORY);
            ck_assert_int_eq(verdict.tier, TIER_DENY); /* even a caller that forgets to look does not approve */
            refused++;
        }
        arena_destroy(&arena);
        arena_destroy(&inputs);
        if (status == STATUS_OK)
            break;
    }
    ck_assert_uint_gt(refused, 3);
    free(expected);
    fixture_destroy(&f);
}
END_TEST

START_TEST(malloc_that_fails_while_evaluating)
{
    struct fixture f;
    char *expected, *now;
    long n;

    ck_assert(load(&f));
    expected = verdict_text(&f);
    for (n = 0; n < 10000; n++) {
        struct arena arena, inputs;
        struct verdict verdict;
        enum status status;
        cJSON *request, *facts;

        arena_create(&inputs, 64 * 1024, 1024 * 1024);
        request = fixture_parse(&inputs, REQUEST);
        facts = fixture_parse(&inputs, "{}");
        arena_create(&arena, 256, 1024 * 1024);
        failed_one = false;
        fail_after = n;
        status = policy_evaluate(f.vm, request, facts, &arena, &verdict, NULL, &f.error);
        fail_after = -1;
        if (status == STATUS_OK && failed_one)
            ck_assert_int_ge(verdict.tier, 2);
        arena_destroy(&arena);
        arena_destroy(&inputs);
        now = verdict_text(&f);
        ck_assert_str_eq(now, expected);
        free(now);
        if (!failed_one)
            break;
    }
    ck_assert_int_gt(n, 0);
    free(expected);
    fixture_destroy(&f);
}
END_TEST

/* ---- monotonicity ---- */

struct failure {
    const char *name, *fields; /* fields of the rule that fails */
    enum verdict_error_kind kind;
};

static const struct failure failures[] = {
    {"when error", "when = function() error(\"x\") end", VERDICT_ERROR_LUA},
    {"when nil call", "when = function(r) return r.nothing() end", VERDICT_ERROR_LUA},
    {"when fuel", "when = function() while true do end end", VERDICT_ERROR_FUEL},
    {"when memory",
     "when = function() local t, s = {}, (\"thirty-two bytes of text, or so..\"):rep(1000) while true do t[#t + 1] = s .. #t "
     "end end",
     VERDICT_ERROR_MEMORY},
    {"when result", "when = function() return 1 end", VERDICT_ERROR_RESULT},
    {"because error", "because = function() error(\"x\") end", VERDICT_ERROR_LUA},
    {"because fuel", "because = function() while true do end end", VERDICT_ERROR_FUEL},
    {"because result", "because = function() return { 1 } end", VERDICT_ERROR_RESULT},
    {"next steps error", "next_steps = function() error(\"x\") end", VERDICT_ERROR_LUA},
    {"next steps result", "next_steps = function() return {} end", VERDICT_ERROR_RESULT},
    {"alternatives error", "alternatives = function() error(\"x\") end", VERDICT_ERROR_LUA},
    {"alternatives result", "alternatives = function() return 7 end", VERDICT_ERROR_RESULT},
    {"cost error", "cost = function() error(\"x\") end", VERDICT_ERROR_LUA},
    {"cost fuel", "cost = function() while true do end end", VERDICT_ERROR_FUEL},
    {"cost result", "cost = function() return \"much\" end", VERDICT_ERROR_RESULT},
    {"output", "because = function() return (\"x\"):rep(60000) end", VERDICT_ERROR_RESULT},
};

/* Other rules of the bundle: none, and one of each tier. */
static const char *const others[] = {"", "rule \"o\" { tier = 0 }\n", "rule \"o\" { tier = 1 }\n", "rule \"o\" { tier = 2 }\n",
                                     "rule \"o\" { tier = 3 }\n"};

static int tier_of(const char *other, int tier, const char *rule_fields, struct fixture *f)
{
    char source[1024];

    (void)snprintf(source, sizeof source, "%srule \"r\" { tier = %d, %s }\n", other, tier, rule_fields);
    ck_assert_msg(fixture_load(f, source), "%s: %s", f->error.message, source);
    ck_assert_int_eq(fixture_evaluate(f, "{'operation':'x','context':{'name':'n'}}", NULL), STATUS_OK);
    return f->verdict.tier;
}

START_TEST(a_failing_rule_never_loosens)
{
    size_t i, o;
    int tier;

    for (i = 0; i < sizeof failures / sizeof *failures; i++) {
        for (o = 0; o < sizeof others / sizeof *others; o++) {
            for (tier = 0; tier <= 3; tier++) {
                struct fixture failed, matched;
                int least = tier_of(others[o], tier < 2 ? 2 : tier, "description = \"matched\"", &matched);
                int got = tier_of(others[o], tier, failures[i].fields, &failed);
                bool texts_matter = (int)o - 1 <= tier;

                /* A text that is not wanted, because another rule wins at a higher tier, is not made, and cannot fail. */
                ck_assert_msg(got >= least || (!texts_matter && got >= tier), "%s, tier %d, others %zu: tier %d, not %d",
                              failures[i].name, tier, o, got, least);
                if (failed.verdict.error_count != 0) {
                    ck_assert(slice_equal_str(failed.verdict.errors[0].rule, "r"));
                    ck_assert_int_eq(failed.verdict.errors[0].kind, failures[i].kind);
                    ck_assert_int_eq(failed.verdict.errors[0].tier, tier < 2 ? 2 : tier);
                    ck_assert(!failed.verdict.undecided);
                }
                fixture_destroy(&failed);
                fixture_destroy(&matched);
            }
        }
    }
}
END_TEST

/* Removing any field of a request, one at a time, never gives a lower tier when the rules name what they need. */
START_TEST(leaving_something_out_never_loosens)
{
    static const char *const rules =
        "rule \"allow\" { tier = 1, match = { operation = \"x\", [\"context.a\"] = 1 }, requires = { \"context.b\" } }\n"
        "rule \"ask\" { tier = 2, match = { operation = \"x\", [\"context.c\"] = { is_not = \"safe\" } }, requires = { "
        "\"context.c\" } }\n"
        "rule \"deny\" { tier = 3, match = { operation = \"x\", [\"context.d\"] = { min = 10 } }, requires = { \"context.d\" } "
        "}\n"
        "rule \"deny.other\" { tier = 3, match = { operation = \"x\", [\"context.e\"] = { is_not = \"known\" } } }\n";
    static const char *const members[] = {"'a':1", "'b':2", "'c':'safe'", "'d':5", "'e':'known'"};
    struct fixture f;
    int whole;
    size_t left_out, i;

    ck_assert(fixture_load(&f, rules));
    ck_assert_int_eq(fixture_evaluate(&f, "{'operation':'x','context':{'a':1,'b':2,'c':'safe','d':5,'e':'known'}}", NULL),
                     STATUS_OK);
    whole = f.verdict.tier;
    ck_assert_int_eq(whole, 1);
    for (left_out = 0; left_out < 5; left_out++) {
        char request[256] = "{'operation':'x','context':{";

        for (i = 0; i < 5; i++)
            if (i != left_out)
                (void)snprintf(request + strlen(request), sizeof request - strlen(request), "%s%s",
                               request[strlen(request) - 1] == '{' ? "" : ",", members[i]);
        (void)snprintf(request + strlen(request), sizeof request - strlen(request), "}}");
        ck_assert_int_eq(fixture_evaluate(&f, request, NULL), STATUS_OK);
        ck_assert_msg(f.verdict.tier >= 2, "without %s: tier %d", members[left_out], f.verdict.tier);
    }
    /* a number as text is no number: the field counts as missing, and is asked for */
    ck_assert_int_eq(fixture_evaluate(&f, "{'operation':'x','context':{'a':1,'b':2,'c':'safe','d':'50','e':'known'}}", NULL),
                     STATUS_OK);
    ck_assert_int_eq(f.verdict.tier, 2);
    ck_assert(slice_equal_str(f.verdict.missing[0], "context.d"));
    fixture_destroy(&f);
}
END_TEST

START_TEST(work_is_bounded_over_all_rules)
{
    struct buf source = {0};
    struct fixture f;
    size_t i;

    for (i = 0; i < 20; i++)
        buf_printf(
            &source,
            "rule \"r%02zu\" { tier = 0, when = function() local n = 0 for i = 1, 40000 do n = n + i end return true end }\n",
            i);
    buf_add_char(&source, '\0');
    ck_assert(fixture_load(&f, source.data));
    ck_assert_int_eq(fixture_evaluate(&f, "{'operation':'x'}", NULL), STATUS_OK);
    /* The first ones have their work, the rest have none left, and say so. */
    ck_assert_uint_gt(f.verdict.rule_count, 2);
    ck_assert_uint_gt(f.verdict.error_count, 2);
    ck_assert_uint_eq(f.verdict.rule_count + f.verdict.error_count, 20);
    ck_assert_int_eq(f.verdict.tier, 2);
    for (i = 0; i < f.verdict.error_count; i++)
        ck_assert_int_eq(f.verdict.errors[i].kind, VERDICT_ERROR_FUEL);
    buf_destroy(&source);
    fixture_destroy(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_failure");
    TCase *tcase = tcase_create("failure");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, memory_that_runs_out_while_loading);
    tcase_add_test(tcase, lua_memory_that_runs_out_while_evaluating);
    tcase_add_test(tcase, an_arena_that_runs_out_gives_no_verdict);
    tcase_add_test(tcase, malloc_that_fails_while_evaluating);
    tcase_add_test(tcase, a_failing_rule_never_loosens);
    tcase_add_test(tcase, leaving_something_out_never_loosens);
    tcase_add_test(tcase, work_is_bounded_over_all_rules);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
