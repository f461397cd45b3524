/*
 * tests/policies/hostile: each file is a policy that tries to escape, to last, to run for ever, or to confuse; its header says
 * how it must end. Whatever it does, every evaluation of the same request gives the same bytes, also after others in between.
 */
#include "policy_fixture.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "tests/policies/hostile"
enum { FILES_MAX = 2000, SOURCE_MAX = 256 * 1024, ROUNDS = 3, FILES_MIN = 100 };

static const char *const FACTS =
    "{'agent':{'id':'a','known':true,'namespace':'team-alpha','privileges':['k8s:read']},'now_ms':1785240000000}";

struct hostile {
    char name[128];
    char source[SOURCE_MAX];
    size_t size;
    char expect[64], message[256];
};

static const char *request_text(void)
{
    static char text[8192];
    char filler[601], longest[4001];

    memset(filler, 'f', 600);
    filler[600] = '\0';
    memset(longest, 'f', 4000);
    longest[4000] = '\0';
    (void)snprintf(text, sizeof text,
                   "{'operation':'x','command':'kubectl get "
                   "pods','context':{'namespace':'team-beta','long':'%s','longest':'%s','list':['b','a']}}",
                   filler, longest);
    return text;
}

static void read_header(struct hostile *hostile, const char *key, char *out, size_t room)
{
    const char *at = strstr(hostile->source, key), *end;

    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(key);
    end = strchr(at, '\n');
    (void)snprintf(out, room, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
}

static void read_hostile(struct hostile *hostile, const char *name)
{
    char path[256];
    FILE *file;

    (void)snprintf(hostile->name, sizeof hostile->name, "%s", name);
    (void)snprintf(path, sizeof path, FOLDER "/%s", name);
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    hostile->size = fread(hostile->source, 1, SOURCE_MAX - 1, file);
    (void)fclose(file);
    hostile->source[hostile->size] = '\0';
    read_header(hostile, "-- expect: ", hostile->expect, sizeof hostile->expect);
    read_header(hostile, "-- message: ", hostile->message, sizeof hostile->message);
    if (hostile->source[0] == '\033') /* compiled code has no room for a header */
        (void)snprintf(hostile->expect, sizeof hostile->expect, "refused");
}

static const char *outcome_of(const struct verdict *verdict)
{
    static const char *const names[] = {"error", "fuel", "memory", "result"};

    if (verdict->error_count != 0)
        return names[verdict->errors[0].kind];
    return verdict->rule_count != 0 ? "matched" : "nomatch";
}

static bool is_limit(const char *outcome)
{
    return strcmp(outcome, "fuel") == 0 || strcmp(outcome, "memory") == 0;
}

static bool outcome_fits(const char *expect, const char *outcome)
{
    if (strcmp(expect, "limit") == 0)
        return is_limit(outcome);
    if (strncmp(expect, "limit_or_", 9) == 0)
        return is_limit(outcome) || strcmp(outcome, expect + 9) == 0;
    return strcmp(expect, outcome) == 0;
}

static struct slice said(const struct verdict *verdict)
{
    if (verdict->error_count != 0)
        return verdict->errors[0].message;
    return verdict->reason_count != 0 ? verdict->reasons[0] : (struct slice){0};
}

static bool contains(struct slice text, const char *part)
{
    return part[0] == '\0' || memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/* Evaluates again and again, with another request in between; empty when all is well. */
static void check_verdicts(struct fixture *f, const struct hostile *hostile, char *problem, size_t room)
{
    char *first = NULL;
    int i;

    for (i = 0; i < ROUNDS && problem[0] == '\0'; i++) {
        const struct verdict *verdict = &f->verdict;

        ck_assert_int_eq(fixture_evaluate(f, request_text(), FACTS), STATUS_OK);
        if (!outcome_fits(hostile->expect, outcome_of(verdict)) || !contains(said(verdict), hostile->message))
            (void)snprintf(problem, room, "round %d: %s: %.*s", i, outcome_of(verdict), SLICE_ARG(said(verdict)));
        else if (verdict->error_count != 0 && verdict->tier < 2)
            (void)snprintf(problem, room, "an error gave tier %d", verdict->tier);
        else if (first != NULL && strcmp(first, fixture_json(f)) != 0)
            (void)snprintf(problem, room, "another verdict in round %d: %s and %s", i, first, fixture_json(f));
        if (first == NULL)
            first = strdup(fixture_json(f));
        ck_assert_int_eq(fixture_evaluate(f, "{'operation':'canary'}", FACTS), STATUS_OK);
        if (f->verdict.rule_count == 0 || !slice_equal_str(f->verdict.rules[0].name, "canary") || f->verdict.tier < 1)
            (void)snprintf(problem, room, "the canary does not sing: %s", fixture_json(f));
    }
    free(first);
}

static void check_hostile(const struct hostile *hostile, char *problem, size_t room)
{
    static const char canary[] = "local n = 0\nrule \"canary\" { tier = 1, match = { operation = \"canary\" },\n"
                                 "  when = function() n = n + 1 return n == 1 and (\"x\"):upper() == \"X\" end }\n";
    struct policy_file files[] = {{SLICE("test.lua"), slice_from(hostile->source, hostile->size)},
                                  {SLICE("canary.lua"), SLICE(canary)}};
    struct fixture f;
    bool loaded = fixture_load_files(&f, files, 2, NULL);

    problem[0] = '\0';
    if (strcmp(hostile->expect, "refused") == 0) {
        if (loaded)
            (void)snprintf(problem, room, "it was loaded");
        else if (!contains(slice_from_str(f.error.message), hostile->message))
            (void)snprintf(problem, room, "refused because: %s: %s", f.error.where, f.error.message);
    } else if (!loaded) {
        (void)snprintf(problem, room, "not loaded: %s: %s", f.error.where, f.error.message);
    } else {
        check_verdicts(&f, hostile, problem, room);
    }
    fixture_destroy(&f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

START_TEST(every_hostile_policy_ends_as_it_must)
{
    static char names[FILES_MAX][128];
    static struct hostile hostile;
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    size_t count = 0, failed = 0, i;

    ck_assert_msg(folder != NULL, "run from the repository's root");
    while ((entry = readdir(folder)) != NULL)
        if (strstr(entry->d_name, ".lua") != NULL && count < FILES_MAX)
            (void)snprintf(names[count++], sizeof names[0], "%.127s", entry->d_name);
    (void)closedir(folder);
    ck_assert_uint_ge(count, FILES_MIN);
    qsort(names, count, sizeof names[0], by_name);
    for (i = 0; i < count; i++) {
        char problem[4096];

        read_hostile(&hostile, names[i]);
        check_hostile(&hostile, problem, sizeof problem);
        if (problem[0] != '\0') {
            failed++;
            (void)fprintf(stderr, "%s: expected %s (%s): %s\n", names[i], hostile.expect, hostile.message, problem);
        }
    }
    ck_assert_msg(failed == 0, "%zu of %zu hostile policies did not end as they must", failed, count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_hostile");
    TCase *tcase = tcase_create("hostile");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, every_hostile_policy_ends_as_it_must);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
