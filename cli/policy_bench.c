/*
 * edict policy bench: what each rule costs on the requests of the policy tests, the most expensive first. Fuel is counted work
 * and the same on every machine; time is this machine's, now.
 */
#include "cli/offline.h"
#include "cli/policy.h"
#include "cli/rule_stats.h"
#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = 10 * 1000 * 1000, ROUNDS_DEFAULT = 5, ROUNDS_MAX = 1000 };

struct bench {
    struct rule_stats stats;
    uint64_t *samples; /* ns, one an evaluation */
    size_t count, capacity;
};

static void note_trace(void *user, const struct policy_trace *trace, uint64_t elapsed_ns)
{
    struct bench *bench = user;

    rule_stats_add(&bench->stats, trace);
    if (bench->count == bench->capacity) {
        size_t capacity = bench->capacity ? 2 * bench->capacity : 4096;
        uint64_t *grown = capacity <= SAMPLES_MAX ? realloc(bench->samples, capacity * sizeof *grown) : NULL;

        if (!grown)
            return;
        bench->samples = grown;
        bench->capacity = capacity;
    }
    bench->samples[bench->count++] = elapsed_ns;
}

static int by_time(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static uint64_t mean_fuel(const struct rule_stat *stat)
{
    return stat->considered ? stat->fuel / stat->considered : 0;
}

static int dearest_first(const void *a, const void *b)
{
    uint64_t left = mean_fuel(a), right = mean_fuel(b);

    if (left != right)
        return left < right ? 1 : -1;
    return slice_compare(((const struct rule_stat *)a)->info.name, ((const struct rule_stat *)b)->info.name);
}

static double percentile_us(const struct bench *bench, size_t thousandths)
{
    return bench->count ? (double)bench->samples[(bench->count - 1) * thousandths / 1000] / 1e3 : 0;
}

static void print_table(const struct bench *bench)
{
    printf("%-40s %10s %10s %10s %12s %8s\n", "rule", "mean fuel", "max fuel", "max bytes", "evaluations", "counted");
    for (size_t i = 0; i < bench->stats.count; i++) {
        const struct rule_stat *stat = &bench->stats.items[i];

        show_cell(stdout, stat->info.name, 40);
        printf(" %10llu %10llu %10llu %12llu %7.1f%%\n", (unsigned long long)mean_fuel(stat),
               (unsigned long long)stat->fuel_max, (unsigned long long)stat->memory_max, (unsigned long long)stat->considered,
               stat->considered ? 100.0 * (double)stat->counted / (double)stat->considered : 0);
    }
    printf("%zu evaluations: p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n", bench->count, percentile_us(bench, 500),
           percentile_us(bench, 990), percentile_us(bench, 999));
}

static void put_number(struct json_writer *w, const char *name, uint64_t value)
{
    json_key(w, name);
    json_i64(w, (int64_t)value);
}

static void print_json(struct command *command, const struct bench *bench)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, command->arena);
    json_begin_object(&w);
    put_number(&w, "evaluations", bench->count);
    put_number(&w, "p50_ns", (uint64_t)(percentile_us(bench, 500) * 1e3));
    put_number(&w, "p99_ns", (uint64_t)(percentile_us(bench, 990) * 1e3));
    json_key(&w, "rules");
    json_begin_array(&w);
    for (size_t i = 0; i < bench->stats.count; i++) {
        const struct rule_stat *stat = &bench->stats.items[i];

        json_begin_object(&w);
        json_key(&w, "rule");
        json_string(&w, stat->info.name);
        put_number(&w, "considered", stat->considered);
        put_number(&w, "counted", stat->counted);
        put_number(&w, "fuel_mean", mean_fuel(stat));
        put_number(&w, "fuel_max", stat->fuel_max);
        put_number(&w, "memory_max_bytes", stat->memory_max);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    printf("%.*s\n", (int)out.size, out.data);
}

static int run_rounds(struct command *command, struct policy_bundle *bundle, struct offline_case *one, uint64_t rounds)
{
    struct error error = {0};
    size_t cases = 0;

    for (uint64_t i = 0; i < rounds; i++) {
        struct policy_test_run run;
        struct arena arena;
        enum status status;

        arena_create(&arena, 65536, 512u << 20);
        status = policy_test_run_folder(policy_folder(command), bundle, offline_complete, one, &arena, &run, &error);
        cases += run.count;
        arena_destroy(&arena);
        if (status != STATUS_OK)
            return command_fail(&error);
    }
    if (cases > 0)
        return COMMAND_OK;
    fprintf(stderr, "edict: %s has no tests, so there are no requests to measure with; add some in tests/\n",
            policy_folder(command));
    return COMMAND_BAD_INPUT;
}

int policy_bench(struct command *command)
{
    const char *text = args_get(command->args, "rounds");
    uint64_t rounds = ROUNDS_DEFAULT;
    struct bench bench = {0};
    struct offline_case one = {.traced = note_trace, .user = &bench};
    struct policy_bundle *bundle;
    int code;

    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (text && (!slice_to_u64(slice_from_str(text), &rounds) || rounds == 0 || rounds > ROUNDS_MAX)) {
        fprintf(stderr, "edict: --rounds: expected a number, 1 to %d\n", ROUNDS_MAX);
        return COMMAND_BAD_INPUT;
    }
    code = offline_load(policy_folder(command), &bundle, &one.vm);
    if (code != COMMAND_OK)
        return code;
    code = rule_stats_create(&bench.stats, command->arena, bundle) ? run_rounds(command, bundle, &one, rounds) : COMMAND_FAILED;
    if (code == COMMAND_OK) {
        qsort(bench.samples, bench.count, sizeof *bench.samples, by_time);
        qsort(bench.stats.items, bench.stats.count, sizeof *bench.stats.items, dearest_first);
        if (command->json)
            print_json(command, &bench);
        else
            print_table(&bench);
    }
    free(bench.samples);
    policy_vm_delete(one.vm);
    policy_bundle_release(bundle);
    return code;
}
