/*
 * A verdict is a function of (bundle, request, facts): random sequences of requests, in any order, on any worker, interleaved
 * with requests that hit every cap and with rules that try to remember, give the same bytes for the same request.
 */
#include "policy_fixture.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 4, STEPS = 1500, REQUESTS_MAX = 512, COMMAND_MAX = 3000 };

/* Rules that would let one evaluation speak to the next: through upvalues, globals, shared tables, metatables, errors. */
static const char leaky_rules[] =
    "local count, seen = 0, {}\n"
    "rule \"leak.upvalue\" { tier = 0, because = function(request)\n"
    "  count = count + 1; seen[#seen + 1] = request.operation\n"
    "  return 'count ' .. count .. ' ' .. #seen end }\n"
    "rule \"leak.global\" { tier = 0, because = function() _ENV.memory = (_ENV.memory or 0) + 1; return 'global ' .. "
    "_ENV.memory end }\n"
    "rule \"leak.library\" { tier = 0, because = function()\n"
    "  local said = ''\n"
    "  for name, library in pairs(_ENV) do if type(library) == 'table' then\n"
    "    pcall(function() library['memory'] = (library['memory'] or 0) + 1 end)\n"
    "    said = said .. tostring(library['memory']) end end\n"
    "  return 'library ' .. said end }\n"
    "rule \"leak.order\" { tier = 0, because = function(request)\n"
    "  local names = {}\n"
    "  for name in pairs(request.context or {}) do names[#names + 1] = tostring(name) end\n"
    "  return 'order ' .. table.concat(names, ',') .. tostring(0/0) .. tostring(1e15) end }\n"
    "rule \"leak.loop\" { tier = 1, match = { operation = 'loop' }, when = function() while true do end end }\n"
    "rule \"leak.memory\" { tier = 1, match = { operation = 'memory' }, when = function()\n"
    "  local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end }\n"
    "rule \"leak.error\" { tier = 3, match = { operation = 'error' }, when = function(request) error({ request }) end }\n"
    "rule \"leak.deep\" { tier = 1, match = { operation = 'deep' }, when = function() local function f() return 1 + f() end "
    "return f() end }\n";

struct sample {
    cJSON *request, *facts;
    char *verdict; /* of a worker that has seen nothing else */
};

static struct policy_bundle *bundle;
static struct arena arena; /* of the samples */
static struct sample samples[REQUESTS_MAX];
static size_t sample_count;

static uint64_t random_next(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static char *verdict_of(struct policy_vm *vm, const struct sample *sample)
{
    struct arena own;
    struct verdict verdict;
    struct error error;
    struct buf out;
    char *text;

    arena_create(&own, 65536, 64u << 20);
    buf_create(&out, &own);
    if (policy_evaluate(vm, sample->request, sample->facts, &own, &verdict, NULL, &error) != STATUS_OK)
        abort();
    verdict_write(&out, &verdict);
    text = strndup(out.data, out.size);
    arena_destroy(&own);
    return text;
}

static void add_sample(const char *operation, const char *command, const char *context, int64_t now_ms)
{
    struct sample *sample = &samples[sample_count++];
    struct policy_vm *vm = NULL;
    struct error error;
    char *text = NULL;

    ck_assert_uint_lt(sample_count, REQUESTS_MAX);
    ck_assert(asprintf(&text, "{\"operation\":\"%s\",\"command\":\"%s\",\"context\":%s}", operation, command, context) > 0);
    sample->request = fixture_parse(&arena, text);
    free(text);
    ck_assert(asprintf(&text,
                       "{\"now_ms\":%lld,\"agent\":{\"id\":\"a\",\"known\":true,\"namespace\":\"team-alpha\",\"privileges\":["
                       "\"k8s:*:*\"]},"
                       "\"cost\":{\"estimated_micro_usd\":0,\"stated\":false},\"budget\":{\"remaining_micro_usd\":5,"
                       "\"utilization_percent\":99.5}}",
                       (long long)now_ms) > 0);
    sample->facts = fixture_parse(&arena, text);
    free(text);
    ck_assert(policy_vm_new(bundle, &vm, &error) == STATUS_OK);
    sample->verdict = verdict_of(vm, sample);
    policy_vm_delete(vm);
}

static void add_samples(void)
{
    static const char *const operations[] = {"read",  "delete", "scale",  "shell.exec", "sql.query",
                                             "spend", "loop",   "memory", "error",      "deep"};
    static const char *const commands[] = {
        "ls -l", "ls; rm -rf /", "kubectl delete pod a -n team-beta", "kubectl get pods", "select 1", "drop table users", ""};
    static const char *const contexts[] = {
        "{}", "{\"namespace\":\"team-alpha\",\"resource_type\":\"pod\",\"environment\":\"staging\"}",
        "{\"namespace\":\"team-beta\",\"z\":1,\"a\":[1,2,3],\"m\":{\"k\":null}}",
        "{\"current_replicas\":3,\"target_replicas\":5,\"resource_type\":\"deployment\",\"namespace\":\"team-alpha\"}"};
    char long_command[COMMAND_MAX];

    memset(long_command, '(', sizeof long_command - 1);
    long_command[sizeof long_command - 1] = '\0';
    for (size_t o = 0; o < sizeof operations / sizeof *operations; o++) {
        for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
            for (size_t x = 0; x < sizeof contexts / sizeof *contexts; x++)
                add_sample(operations[o], commands[c], contexts[x], 1785240000000 + (int64_t)(o * 3600000));
        add_sample(operations[o], long_command, "{}", 1785240000000);
    }
}

static void setup(void)
{
    struct policy_file files[16];
    struct policy_bundle *reference = NULL;
    struct policy_report report = {0};
    struct error error = {0};
    size_t count = 0;
    struct slice bytes;

    json_setup();
    arena_create(&arena, 1u << 20, 256u << 20);
    ck_assert_msg(policy_bundle_load("policies", NULL, &reference, &report, &error) == STATUS_OK, "%s", error.message);
    /* The reference set's files out of its framed bytes, and the leaky ones besides. */
    bytes = policy_bundle_bytes(reference);
    for (size_t at = 0; at < bytes.size; count++) {
        struct slice parts[2];

        for (int p = 0; p < 2; p++) {
            uint64_t size = 0;

            for (int b = 0; b < 8; b++)
                size = size << 8 | (unsigned char)bytes.data[at++];
            parts[p] = slice_sub(bytes, at, at + size);
            at += size;
        }
        files[count] = (struct policy_file){.path = parts[0], .source = parts[1]};
        ck_assert_uint_lt(count, 15);
    }
    files[count++] = (struct policy_file){.path = SLICE("leaky.lua"), .source = slice_from_str(leaky_rules)};
    ck_assert_msg(policy_bundle_new(files, count, NULL, &bundle, &report, &error) == STATUS_OK, "%s: %s", error.where,
                  error.message);
    policy_bundle_release(reference);
    policy_report_destroy(&report);
    sample_count = 0;
    add_samples();
}

static void teardown(void)
{
    for (size_t i = 0; i < sample_count; i++)
        free(samples[i].verdict);
    policy_bundle_release(bundle);
    arena_destroy(&arena);
}

struct worker {
    pthread_t thread;
    uint64_t seed;
    size_t differing; /* sample + 1 of the first verdict that is not as it was */
};

static void *work(void *context)
{
    struct worker *worker = context;
    struct policy_vm *vm = NULL;
    struct error error;

    if (policy_vm_new(bundle, &vm, &error) != STATUS_OK)
        abort();
    for (int step = 0; step < STEPS && worker->differing == 0; step++) {
        size_t which = random_next(&worker->seed) % sample_count;
        char *verdict = verdict_of(vm, &samples[which]);

        if (strcmp(verdict, samples[which].verdict) != 0)
            worker->differing = which + 1;
        free(verdict);
    }
    policy_vm_delete(vm);
    return NULL;
}

START_TEST(no_order_and_no_worker_changes_a_verdict)
{
    struct worker workers[WORKERS];

    for (uint64_t w = 0; w < WORKERS; w++) {
        workers[w] = (struct worker){.seed = 20261124 + w};
        ck_assert_int_eq(pthread_create(&workers[w].thread, NULL, work, &workers[w]), 0);
    }
    for (int w = 0; w < WORKERS; w++) {
        ck_assert_int_eq(pthread_join(workers[w].thread, NULL), 0);
        ck_assert_msg(workers[w].differing == 0, "worker %d gave another verdict for sample %zu: %s", w,
                      workers[w].differing - 1, samples[workers[w].differing ? workers[w].differing - 1 : 0].verdict);
    }
}
END_TEST

/* What the leaky rules say is what they say the first time: otherwise the test above would compare nothing of worth. */
START_TEST(the_samples_are_worth_comparing)
{
    size_t failed = 0, distinct = 0;

    for (size_t i = 0; i < sample_count; i++) {
        failed += strstr(samples[i].verdict, "\"errors\"") != NULL;
        if (i == 0 || strcmp(samples[i].verdict, samples[i - 1].verdict) != 0)
            distinct++;
        if (strstr(samples[i].verdict, "leak.upvalue") && strstr(samples[i].verdict, "count "))
            ck_assert_msg(strstr(samples[i].verdict, "count 1 1") != NULL, "%s", samples[i].verdict);
    }
    ck_assert_uint_gt(failed, 80);
    ck_assert_uint_gt(distinct, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_isolation");
    TCase *tests = tcase_create("isolation");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, no_order_and_no_worker_changes_a_verdict);
    tcase_add_test(tests, the_samples_are_worth_comparing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
