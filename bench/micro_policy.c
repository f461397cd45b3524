/*
 * What one policy evaluation costs in-process: by the number of rules, for a folder of policies, and for hostile policies.
 *
 *   bench_policy [--json] [--folder DIR] [--hostile DIR] [--rounds N] [--rules-per-file N]
 *
 * An evaluation is timed with and without making the facts' JSON from struct facts. A folder is asked to scale a deployment,
 * and to delete a pod by a command, which its rules parse. Rules are generated in the shape of real
 * ones: each names an operation and a resource type, every third has a condition; three of them match the request.
 */
#include "base/clock.h"
#include "policy/policy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS_DEFAULT = 20000, WARM_UP = 500, RULES_PER_FILE_DEFAULT = 250, SOURCE_MAX = 4 * 1024 * 1024, FILES_MAX = 1024 };

struct bench {
    bool json, comma;
    size_t rounds, rules_per_file;
    struct arena arena; /* of one evaluation */
    struct arena setup; /* request and facts */
    cJSON *request;
    struct facts facts;
};

static const char request_with_command[] =
    "{\"agent_identity\":\"team-alpha-deploy-001\",\"operation\":\"delete\",\"command\":\"kubectl delete pod old-pod-123\","
    "\"justification\":\"Cleaning up failed pods older than 24h\",\"context\":{\"namespace\":\"team-alpha\","
    "\"environment\":\"production\",\"resource_type\":\"pod\",\"pod_status\":\"Failed\",\"pod_age_hours\":48}}";

static const char request_without_command[] =
    "{\"agent_identity\":\"team-alpha-deploy-001\",\"operation\":\"scale\",\"justification\":\"More load than expected\","
    "\"context\":{\"namespace\":\"team-alpha\",\"environment\":\"staging\",\"resource_type\":\"deployment\","
    "\"resource_name\":\"web\",\"current_replicas\":3,\"target_replicas\":5}}";

static void die(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "bench_policy: %s: %s: %s\n", what, error->where, error->message);
    exit(1);
}

static void use_request(struct bench *bench, const char *request)
{
    struct error error = {0};

    if (json_parse(&bench->setup, slice_from_str(request), &json_limits_default, &bench->request, &error) != STATUS_OK)
        die("request", &error);
}

static void set_up(struct bench *bench)
{
    cJSON *privileges;
    struct error error = {0};

    arena_create(&bench->arena, 256 * 1024, 64 * 1024 * 1024);
    arena_create(&bench->setup, 64 * 1024, 16 * 1024 * 1024);
    if (json_parse(&bench->setup, SLICE("[\"k8s:read:*\",\"k8s:delete:pod\",\"k8s:scale:deployment\"]"), &json_limits_default,
                   &privileges, &error) != STATUS_OK)
        die("privileges", &error);
    use_request(bench, request_with_command);
    bench->facts = (struct facts){.now_ms = 1785240000000,
                                  .agent_id = SLICE("team-alpha-deploy-001"),
                                  .known = true,
                                  .agent_namespace = SLICE("team-alpha"),
                                  .owner = SLICE("alice@example.com"),
                                  .privileges = privileges,
                                  .period = clock_month(1785240000000),
                                  .limit_micro_usd = 500000000,
                                  .spent_micro_usd = 120000000};
}

/* ---- one measurement ---- */

static int ascending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

struct figures {
    double p50, p99, p999, mean; /* microseconds */
    size_t rules_matched;
    int tier;
};

static struct figures measure(struct bench *bench, struct policy_vm *vm, bool with_facts)
{
    uint64_t *times = (uint64_t *)calloc(bench->rounds, sizeof *times);
    cJSON *facts = facts_to_json(&bench->setup, &bench->facts);
    struct figures figures = {0};
    struct error error = {0};
    struct verdict verdict;
    double sum = 0;
    size_t i;

    for (i = 0; i < bench->rounds + WARM_UP; i++) {
        uint64_t start, end;
        const cJSON *given = facts;

        arena_reset(&bench->arena);
        start = clock_monotonic_ns();
        if (with_facts)
            given = facts_to_json(&bench->arena, &bench->facts);
        if (policy_evaluate(vm, bench->request, given, &bench->arena, &verdict, NULL, &error) != STATUS_OK)
            die("evaluate", &error);
        end = clock_monotonic_ns();
        if (i >= WARM_UP) {
            times[i - WARM_UP] = end - start;
            sum += (double)(end - start);
        }
    }
    qsort(times, bench->rounds, sizeof *times, ascending);
    figures.p50 = (double)times[bench->rounds / 2] / 1000;
    figures.p99 = (double)times[bench->rounds * 99 / 100] / 1000;
    figures.p999 = (double)times[bench->rounds * 999 / 1000] / 1000;
    figures.mean = sum / (double)bench->rounds / 1000;
    figures.rules_matched = verdict.rule_count + verdict.error_count;
    figures.tier = verdict.tier;
    free(times);
    return figures;
}

static void report(struct bench *bench, const char *name, size_t rules, struct policy_bundle *bundle, double load_ms)
{
    struct policy_vm *vm = NULL;
    struct error error = {0};
    uint64_t start = clock_monotonic_ns();
    struct figures alone, whole;
    double vm_ms;

    if (policy_vm_new(bundle, &vm, &error) != STATUS_OK)
        die("vm", &error);
    vm_ms = (double)(clock_monotonic_ns() - start) / 1e6;
    alone = measure(bench, vm, false);
    whole = measure(bench, vm, true);
    if (bench->json) {
        (void)printf("%s{\"name\":\"%s\",\"rules\":%zu,\"matched\":%zu,\"tier\":%d,\"load_ms\":%.2f,\"vm_ms\":%.2f,\"p50_us\":%"
                     ".2f,\"p99_us\":%.2f,"
                     "\"p999_us\":%.2f,\"with_facts_p50_us\":%.2f,\"with_facts_p99_us\":%.2f,\"with_facts_p999_us\":%.2f}",
                     bench->comma ? ",\n" : "", name, rules, whole.rules_matched, whole.tier, load_ms, vm_ms, alone.p50,
                     alone.p99, alone.p999, whole.p50, whole.p99, whole.p999);
        bench->comma = true;
    } else {
        (void)printf("%-24s %6zu rules, %zu matched, tier %d: load %8.2f ms, worker %8.2f ms; evaluate p50 %6.2f us, p99 "
                     "%6.2f, p99.9 %6.2f; "
                     "with facts p50 %6.2f us, p99 %6.2f, p99.9 %6.2f\n",
                     name, rules, whole.rules_matched, whole.tier, load_ms, vm_ms, alone.p50, alone.p99, alone.p999, whole.p50,
                     whole.p99, whole.p999);
    }
    policy_vm_delete(vm);
}

/* ---- generated rules ---- */

static void generate_rule(struct buf *out, size_t i)
{
    static const char *const operations[] = {"create", "read",   "list", "update", "delete",
                                             "scale",  "deploy", "exec", "grant",  "spend"};

    buf_printf(out,
               "rule \"generated.%05zu\" {\n  tier = %zu,\n  match = { operation = \"%s\", [\"context.resource_type\"] = "
               "\"type-%zu\" },\n",
               i, i % 4, operations[i % 10], i / 10);
    if (i % 3 == 0)
        buf_add_str(out, "  when = function(request, facts) return owns(facts.agent, request.context.namespace) end,\n");
    buf_add_str(out, "  because = \"Resource {context.name} is in {context.namespace}\",\n  next_steps = \"Proceed.\",\n}\n");
}

static const char matching_rules[] =
    "rule \"k8s.delete-failed-pod\" {\n  tier = 1,\n"
    "  match = { operation = \"delete\", [\"context.resource_type\"] = \"pod\", [\"context.pod_status\"] = \"Failed\" },\n"
    "  requires = { \"context.pod_age_hours\", \"context.namespace\" },\n"
    "  when = function(request, facts)\n"
    "    return request.context.pod_age_hours > 24 and owns(facts.agent, request.context.namespace)\n  end,\n"
    "  because = { \"Resource is in your namespace ({context.namespace})\", \"Pod is in Failed state\", \"Pod is older than "
    "24h\" },\n"
    "  next_steps = \"Proceed. This action is logged for audit.\",\n}\n"
    "rule \"k8s.foreign-namespace\" {\n  tier = 2, match = { [\"context.namespace\"] = { exists = true } },\n"
    "  when = function(request, facts) return not owns(facts.agent, request.context.namespace) end,\n  because = \"Not "
    "yours\",\n}\n"
    "rule \"cost.over-budget\" {\n  tier = 2,\n"
    "  when = function(request, facts) return facts.cost.estimated_micro_usd > facts.budget.remaining_micro_usd end,\n"
    "  because = \"Over budget\",\n}\n";

static void bench_generated(struct bench *bench, size_t rules)
{
    struct policy_file *files = (struct policy_file *)calloc(FILES_MAX, sizeof *files);
    struct buf *sources = (struct buf *)calloc(FILES_MAX, sizeof *sources);
    char(*names)[32] = (char(*)[32])calloc(FILES_MAX, sizeof *names);
    struct policy_bundle *bundle = NULL;
    struct error error = {0};
    size_t count = 0, i;
    uint64_t start;
    char name[32];

    buf_add_str(&sources[0], matching_rules);
    for (i = 3; i < rules; i++) {
        if (i % bench->rules_per_file == 0 && count + 1 < FILES_MAX)
            count++;
        generate_rule(&sources[count], i);
    }
    for (i = 0; i <= count; i++) {
        (void)snprintf(names[i], sizeof names[i], "file-%04zu.lua", i);
        files[i] = (struct policy_file){.path = slice_from_str(names[i]), .source = buf_slice(&sources[i])};
    }
    start = clock_monotonic_ns();
    if (policy_bundle_new(files, count + 1, NULL, &bundle, NULL, &error) != STATUS_OK)
        die("bundle", &error);
    (void)snprintf(name, sizeof name, "generated-%zu", rules);
    report(bench, name, rules, bundle, (double)(clock_monotonic_ns() - start) / 1e6);
    policy_bundle_release(bundle);
    for (i = 0; i <= count; i++)
        buf_destroy(&sources[i]);
    free(names);
    free(sources);
    free(files);
}

static void bench_folder(struct bench *bench, const char *folder)
{
    struct policy_bundle *bundle = NULL;
    struct error error = {0};
    uint64_t start = clock_monotonic_ns();
    double load_ms;

    if (policy_bundle_load(folder, NULL, &bundle, NULL, &error) != STATUS_OK)
        die(folder, &error);
    load_ms = (double)(clock_monotonic_ns() - start) / 1e6;
    use_request(bench, request_without_command);
    report(bench, "folder-scale", policy_bundle_rule_count(bundle), bundle, load_ms);
    use_request(bench, request_with_command);
    report(bench, "folder-kubectl-command", policy_bundle_rule_count(bundle), bundle, load_ms);
    policy_bundle_release(bundle);
}

/* ---- hostile policies: the processor time of the worst evaluation ---- */

static double cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double hostile_ms(struct bench *bench, const char *folder, const char *name, char *source)
{
    struct policy_file file = {.path = SLICE("hostile.lua")};
    struct policy_bundle *bundle = NULL;
    struct policy_vm *vm = NULL;
    struct error error = {0};
    struct verdict verdict;
    double best = -1;
    char path[1024];
    FILE *stream;
    int i;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    stream = fopen(path, "rb");
    if (stream == NULL)
        return -1;
    file.source = slice_from(source, fread(source, 1, SOURCE_MAX, stream));
    (void)fclose(stream);
    if (policy_bundle_new(&file, 1, NULL, &bundle, NULL, &error) == STATUS_OK &&
        policy_vm_new(bundle, &vm, &error) == STATUS_OK) {
        cJSON *facts = facts_to_json(&bench->setup, &bench->facts);

        for (i = 0; i < 3; i++) { /* the best of three: what is left is the policy's own */
            double start = cpu_ms(), used;

            arena_reset(&bench->arena);
            if (policy_evaluate(vm, bench->request, facts, &bench->arena, &verdict, NULL, &error) != STATUS_OK)
                die(name, &error);
            used = cpu_ms() - start;
            if (best < 0 || used < best)
                best = used;
        }
    }
    policy_vm_delete(vm);
    policy_bundle_release(bundle);
    return best;
}

struct hostile_time {
    double ms;
    char name[128];
};

static int slowest_first(const void *a, const void *b)
{
    double left = ((const struct hostile_time *)a)->ms, right = ((const struct hostile_time *)b)->ms;

    return left < right ? 1 : left > right ? -1 : 0;
}

static void bench_hostile(struct bench *bench, const char *folder)
{
    char *source = (char *)malloc(SOURCE_MAX);
    struct hostile_time *times = (struct hostile_time *)calloc(FILES_MAX, sizeof *times);
    DIR *stream = opendir(folder);
    struct dirent *entry;
    size_t count = 0, i;

    while (stream != NULL && (entry = readdir(stream)) != NULL && count < FILES_MAX) {
        if (strstr(entry->d_name, ".lua") == NULL)
            continue;
        times[count].ms = hostile_ms(bench, folder, entry->d_name, source);
        (void)snprintf(times[count].name, sizeof times[count].name, "%.120s", entry->d_name);
        if (times[count].ms >= 0)
            count++;
    }
    if (stream != NULL)
        (void)closedir(stream);
    qsort(times, count, sizeof *times, slowest_first);
    for (i = 0; i < count && i < 12; i++) {
        if (bench->json)
            (void)printf("%s{\"name\":\"hostile/%s\",\"cpu_ms\":%.3f}", bench->comma ? ",\n" : "", times[i].name, times[i].ms);
        else
            (void)printf("hostile %-44s %7.3f ms of processor time\n", times[i].name, times[i].ms);
        bench->comma = true;
    }
    free(times);
    free(source);
}

int main(int count, char **arguments)
{
    static const size_t sizes[] = {10, 100, 1000, 10000};
    struct bench bench = {.rounds = ROUNDS_DEFAULT, .rules_per_file = RULES_PER_FILE_DEFAULT};
    const char *folder = NULL, *hostile = NULL;
    size_t i;
    int at;

    for (at = 1; at < count; at++) {
        const char *value = at + 1 < count ? arguments[at + 1] : "";

        if (strcmp(arguments[at], "--json") == 0)
            bench.json = true;
        else if (strcmp(arguments[at], "--folder") == 0 && ++at)
            folder = value;
        else if (strcmp(arguments[at], "--hostile") == 0 && ++at)
            hostile = value;
        else if (strcmp(arguments[at], "--rounds") == 0 && ++at)
            bench.rounds = strtoul(value, NULL, 10);
        else if (strcmp(arguments[at], "--rules-per-file") == 0 && ++at)
            bench.rules_per_file = strtoul(value, NULL, 10);
        else {
            (void)fprintf(stderr,
                          "usage: bench_policy [--json] [--folder DIR] [--hostile DIR] [--rounds N] [--rules-per-file N]\n");
            return 2;
        }
    }
    if (bench.rounds == 0 || bench.rules_per_file == 0)
        return 2;
    json_setup();
    set_up(&bench);
    if (bench.json)
        (void)printf("[");
    for (i = 0; i < sizeof sizes / sizeof *sizes && hostile == NULL; i++)
        bench_generated(&bench, sizes[i]);
    if (folder != NULL)
        bench_folder(&bench, folder);
    if (hostile != NULL)
        bench_hostile(&bench, hostile);
    if (bench.json)
        (void)printf("]\n");
    arena_destroy(&bench.arena);
    arena_destroy(&bench.setup);
    return 0;
}
