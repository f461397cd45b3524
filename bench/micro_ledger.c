/*
 * What the ledger costs over the store under it, what it does when it is large, what it takes on the disk, and how fast it is
 * verified, in-process and without a server.
 *
 *   bench_ledger append [--groups N,N]     whole ledger against RocksDB, and against the bare store; groups of exactly N
 * entries bench_ledger grow [--from N] [--to N]  a large ledger against a small one bench_ledger space bytes on the disk by the
 * bytes of the records bench_ledger verify                    ledger_verify, every core
 *
 * All take --folder DIR (for the stores; removed afterwards), --record BYTES, --entries N (of a round; of the store for space
 * and verify), --rounds N, --async and --json.
 *
 * RocksDB (by itself, with its own log) and the bare store (RocksDB behind the seam, with the store's log) write the same
 * record bytes under the same keys in batches of the same size with the same options and sync; the ledger also checks, stamps,
 * hashes, and writes ids, postings, tiles and the head. Making up records is not timed. Sides take turns, on stores of their
 * own in one run, and a round begins when what the one before left behind is done.
 */
#include "base/u64be.h"
#include "ledger/sequencer.h"
#include "ledger/verify.h"
#include "raw_rocks.h"
#include "records.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { GROUPS_MAX = 8, ROUNDS_MAX = 1000, GROUP_MAX = LEDGER_GROUP_ENTRIES_MAX, PATH_SIZE = 4096, SIDES_MAX = 3 };

struct settings {
    const char *command;
    const char *folder;
    size_t groups[GROUPS_MAX], group_count, record, entries, rounds, from, to;
    bool async, json;
};

enum kind { RAW_ROCKS, BARE_STORE, WHOLE_LEDGER };

/* One of what is measured. */
struct side {
    enum kind kind;
    char path[PATH_SIZE + 64];
    struct raw_rocks *raw; /* of RAW_ROCKS; the others have the store */
    struct store *store;
    struct store_batch *batch;
    struct ledger *ledger;
    struct records records;
    uint64_t index;
    bool sync;
};

struct figures {
    double per_second, own_us, behind_us; /* processor time of an entry: of the writing thread, of the store's own threads */
};

static _Noreturn void die(const char *what, const struct error *error)
{
    (void)fprintf(stderr, "bench_ledger: %s: %s\n", what, error->message);
    exit(1);
}

/* ---- time ---- */

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until the store's threads are idle, at most a minute. */
static void settle(void)
{
    for (int i = 0; i < 600; i++) {
        double before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);

        (void)usleep(100000);
        if (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before < 0.002)
            return;
    }
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- sides ---- */

static void side_open(struct side *side, const struct settings *settings, const char *name, enum kind kind, uint64_t seed)
{
    const struct ledger_options options = {.sync = !settings->async, .clock = clock_system()};
    struct error error = {0};

    *side = (struct side){.kind = kind, .sync = !settings->async};
    (void)snprintf(side->path, sizeof side->path, "%s/%s", settings->folder, name);
    records_create(&side->records, seed, settings->record);
    if (kind == RAW_ROCKS) {
        side->raw = raw_rocks_open(side->path, side->sync);
        return;
    }
    if (store_open_rocksdb(side->path, false, &side->store, &error) != STATUS_OK)
        die(side->path, &error);
    side->batch = side->store->ops->batch_new(side->store);
    if (kind == WHOLE_LEDGER && ledger_open(side->store, &options, &side->ledger, &error) != STATUS_OK)
        die(side->path, &error);
    side->index = kind == WHOLE_LEDGER ? ledger_durable(side->ledger) : 0;
}

static void side_close(struct side *side)
{
    if (side->raw) {
        raw_rocks_close(side->raw);
        return;
    }
    side->store->ops->batch_delete(side->batch);
    ledger_close(side->ledger);
    side->store->ops->close(side->store);
}

static void write_raw(struct side *side, struct record_sample *samples, size_t count)
{
    char key[U64BE_SIZE];

    for (size_t i = 0; i < count; i++) {
        u64be_put(key, side->index + i);
        raw_rocks_put(side->raw, key, sizeof key, samples[i].whole, samples[i].whole_size);
    }
    raw_rocks_write(side->raw);
}

static void write_bare(struct side *side, struct record_sample *samples, size_t count)
{
    struct error error = {0};
    char key[U64BE_SIZE];

    for (size_t i = 0; i < count; i++) {
        u64be_put(key, side->index + i);
        store_put(side->batch, STORE_ENTRIES, slice_from(key, sizeof key), slice_from(samples[i].whole, samples[i].whole_size));
    }
    if (side->store->ops->commit(side->store, side->batch, side->sync, &error) != STATUS_OK)
        die("commit", &error);
}

static void answered(struct ledger_txn *txn)
{
    if (txn->result != LEDGER_OK)
        die("an entry was not taken", &(struct error){0});
}

/* The sequencer runs on this thread, so that a group is exactly what was submitted. */
static void write_ledger(struct side *side, struct record_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        samples[i].txn.done = answered;
        if (ledger_submit(side->ledger, &samples[i].txn) != STATUS_OK)
            die("the queue is full", &(struct error){0});
    }
    sequencer_run_pending(side->ledger);
}

static struct figures run_round(struct side *side, size_t group, size_t entries)
{
    static struct record_sample samples[GROUP_MAX];
    static void (*const writers[])(struct side * side, struct record_sample * samples, size_t count) = {
        [RAW_ROCKS] = write_raw, [BARE_STORE] = write_bare, [WHOLE_LEDGER] = write_ledger};
    struct figures figures = {0};
    double wall = 0, own = 0, process = seconds_of(CLOCK_PROCESS_CPUTIME_ID), thread = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    size_t done = 0;

    for (; done < entries; done += group) {
        double begun, cpu;

        for (size_t i = 0; i < group; i++)
            records_next(&side->records, side->index + i, &samples[i]);
        begun = seconds_of(CLOCK_MONOTONIC);
        cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        writers[side->kind](side, samples, group);
        own += seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
        wall += seconds_of(CLOCK_MONOTONIC) - begun;
        side->index += group;
    }
    settle();
    process = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - process;
    thread = seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread;
    figures.per_second = (double)done / wall;
    figures.own_us = own * 1e6 / (double)done;
    figures.behind_us = (process - thread) * 1e6 / (double)done;
    return figures;
}

/* ---- in turn ---- */

struct rounds {
    size_t count; /* of sides */
    const char *names[SIDES_MAX];
    struct figures sides[SIDES_MAX][ROUNDS_MAX];
    double ratios[SIDES_MAX]; /* of the last side to each */
    struct figures medians[SIDES_MAX];
};

static struct figures median_figures(const struct figures *all, size_t count)
{
    double values[3][ROUNDS_MAX];

    for (size_t i = 0; i < count; i++) {
        values[0][i] = all[i].per_second;
        values[1][i] = all[i].own_us;
        values[2][i] = all[i].behind_us;
    }
    return (struct figures){median(values[0], count), median(values[1], count), median(values[2], count)};
}

/* The last side to another, within each round. */
static double median_ratio(const struct rounds *rounds, size_t side, size_t count)
{
    double ratios[ROUNDS_MAX];

    for (size_t i = 0; i < count; i++)
        ratios[i] = rounds->sides[rounds->count - 1][i].per_second / rounds->sides[side][i].per_second;
    return median(ratios, count);
}

/* Which one begins a round changes. */
static void take_turns(struct side *sides, const struct settings *settings, size_t group, struct rounds *rounds)
{
    for (size_t i = 0; i < settings->rounds; i++) {
        for (size_t k = 0; k < rounds->count; k++) {
            size_t side = (i + k) % rounds->count;

            rounds->sides[side][i] = run_round(&sides[side], group, settings->entries);
        }
    }
    for (size_t k = 0; k < rounds->count; k++) {
        rounds->ratios[k] = median_ratio(rounds, k, settings->rounds);
        rounds->medians[k] = median_figures(rounds->sides[k], settings->rounds);
    }
}

/* The ratios are of the last side to each. */
static void print_rounds(const struct settings *settings, size_t group, const struct rounds *rounds)
{
    (void)printf(settings->json ? "{\"command\":\"%s\",\"group\":%zu" : "%s, groups of %zu:", settings->command, group);
    for (size_t k = 0; k < rounds->count; k++) {
        const struct figures *figures = &rounds->medians[k];

        (void)printf(settings->json ? ",\"%s\":{\"per_second\":%.0f,\"own_us\":%.3f,\"behind_us\":%.3f,\"ratio\":%.3f}"
                                    : " %s %.0f entries/s (%.2f + %.2f us of processor time each; ratio %.2f)",
                     rounds->names[k], figures->per_second, figures->own_us, figures->behind_us, rounds->ratios[k]);
    }
    (void)printf(settings->json ? "}\n" : "\n");
}

static void run_append(const struct settings *settings)
{
    static struct rounds rounds = {.count = SIDES_MAX, .names = {"rocksdb", "store", "ledger"}};
    char folder[32];

    for (size_t g = 0; g < settings->group_count; g++) {
        struct side sides[SIDES_MAX];

        for (size_t k = 0; k < SIDES_MAX; k++) {
            (void)snprintf(folder, sizeof folder, "%s-%zu", rounds.names[k], settings->groups[g]);
            side_open(&sides[k], settings, folder, (enum kind)k, g);
        }
        take_turns(sides, settings, settings->groups[g], &rounds);
        print_rounds(settings, settings->groups[g], &rounds);
        for (size_t k = 0; k < SIDES_MAX; k++)
            side_close(&sides[k]);
    }
}

/* Filled without sync, in the same groups, then opened again. */
static void grow_side(struct side *side, const struct settings *settings, const char *name, size_t entries)
{
    struct settings filling = *settings;

    filling.async = true;
    side_open(side, &filling, name, WHOLE_LEDGER, entries);
    (void)run_round(side, settings->groups[0], entries);
    side_close(side);
    side_open(side, settings, name, WHOLE_LEDGER, entries + 1);
    settle();
}

static void run_grow(const struct settings *settings)
{
    static struct rounds rounds = {.count = 2, .names = {"small", "large"}};
    struct side sides[2];

    grow_side(&sides[0], settings, rounds.names[0], settings->from);
    grow_side(&sides[1], settings, rounds.names[1], settings->to);
    for (size_t g = 0; g < settings->group_count; g++) {
        take_turns(sides, settings, settings->groups[g], &rounds);
        print_rounds(settings, settings->groups[g], &rounds);
    }
    side_close(&sides[0]);
    side_close(&sides[1]);
}

/* ---- space and verification ---- */

struct usage {
    uint64_t log_bytes, table_bytes, other_bytes;
};

static struct usage usage_of(const char *folder)
{
    struct usage usage = {0};
    DIR *stream = opendir(folder);
    struct dirent *entry;

    while (stream && (entry = readdir(stream))) {
        struct stat64 file;
        char path[PATH_SIZE + 256];
        uint64_t bytes;

        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat64(path, &file) != 0 || !S_ISREG(file.st_mode))
            continue;
        bytes = (uint64_t)file.st_blocks * 512;
        if (strstr(entry->d_name, ".log") || strstr(entry->d_name, ".wal"))
            usage.log_bytes += bytes;
        else if (strstr(entry->d_name, ".sst"))
            usage.table_bytes += bytes;
        else
            usage.other_bytes += bytes;
    }
    if (stream)
        (void)closedir(stream);
    return usage;
}

static void print_usage(const struct settings *settings, const char *when, const struct side *side, const struct usage *usage)
{
    double records = (double)side->index * (double)settings->record;
    double tables = (double)(usage->table_bytes + usage->other_bytes) / records,
           all = tables + (double)usage->log_bytes / records;

    if (settings->json)
        (void)printf("{\"command\":\"space\",\"when\":\"%s\",\"entries\":%llu,\"with_log\":%.3f,\"without_log\":%.3f}\n", when,
                     (unsigned long long)side->index, all, tables);
    else
        (void)printf("space %s, %llu records of %zu bytes: %.2f of their bytes with the log, %.2f without\n", when,
                     (unsigned long long)side->index, settings->record, all, tables);
}

static void run_space(const struct settings *settings)
{
    struct side side;
    struct usage usage;

    side_open(&side, settings, "space", WHOLE_LEDGER, 7);
    (void)run_round(&side, settings->groups[0], settings->entries);
    usage = usage_of(side.path);
    print_usage(settings, "after the run", &side, &usage);
    side_close(&side);
    side_open(&side, settings, "space", WHOLE_LEDGER, 8);
    settle();
    usage = usage_of(side.path);
    print_usage(settings, "opened again", &side, &usage);
    side_close(&side);
}

static void run_verify(const struct settings *settings)
{
    struct settings filling = *settings;
    struct side side;
    struct verify_result result;
    struct error error = {0};
    double rates[ROUNDS_MAX], cpu[ROUNDS_MAX];

    filling.async = true;
    side_open(&side, &filling, "verify", WHOLE_LEDGER, 9);
    (void)run_round(&side, settings->groups[0], settings->entries);
    side_close(&side);
    if (store_open_rocksdb(side.path, true, &side.store, &error) != STATUS_OK)
        die(side.path, &error);
    for (size_t i = 0; i < settings->rounds; i++) {
        double begun = seconds_of(CLOCK_MONOTONIC), used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);

        if (ledger_verify(side.store, NULL, NULL, &result, &error) != STATUS_OK)
            die("verify", &error);
        rates[i] = (double)result.entries / (seconds_of(CLOCK_MONOTONIC) - begun);
        cpu[i] = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used) * 1e6 / (double)result.entries;
    }
    if (settings->json)
        (void)printf("{\"command\":\"verify\",\"entries\":%llu,\"per_second\":%.0f,\"cpu_us\":%.3f}\n",
                     (unsigned long long)result.entries, median(rates, settings->rounds), median(cpu, settings->rounds));
    else
        (void)printf("verify %llu records of %zu bytes: %.0f entries/s, %.2f us of processor time each\n",
                     (unsigned long long)result.entries, settings->record, median(rates, settings->rounds),
                     median(cpu, settings->rounds));
    side.store->ops->close(side.store);
}

/* ---- the command line ---- */

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *place)
{
    (void)file;
    (void)type;
    (void)place;
    return remove(path);
}

static void parse_groups(struct settings *settings, char *text)
{
    char *rest = NULL;

    settings->group_count = 0;
    for (char *one = strtok_r(text, ",", &rest); one && settings->group_count < GROUPS_MAX; one = strtok_r(NULL, ",", &rest))
        settings->groups[settings->group_count++] = strtoul(one, NULL, 10);
}

static bool parse_option(struct settings *settings, const char *name, char *value)
{
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = {{"--record", offsetof(struct settings, record)},
                   {"--entries", offsetof(struct settings, entries)},
                   {"--rounds", offsetof(struct settings, rounds)},
                   {"--from", offsetof(struct settings, from)},
                   {"--to", offsetof(struct settings, to)}};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *(size_t *)(void *)((char *)settings + numbers[i].offset) = strtoul(value, NULL, 10);
            return true;
        }
    }
    if (strcmp(name, "--folder") == 0)
        settings->folder = value;
    else if (strcmp(name, "--groups") == 0)
        parse_groups(settings, value);
    else
        return false;
    return true;
}

static bool parse(struct settings *settings, int count, char **words)
{
    if (count < 2)
        return false;
    settings->command = words[1];
    for (int i = 2; i < count; i++) {
        if (strcmp(words[i], "--async") == 0)
            settings->async = true;
        else if (strcmp(words[i], "--json") == 0)
            settings->json = true;
        else if (i + 1 >= count || !parse_option(settings, words[i], words[i + 1]))
            return false;
        else
            i++;
    }
    for (size_t i = 0; i < settings->group_count; i++) {
        if (settings->groups[i] < 1 || settings->groups[i] > GROUP_MAX)
            return false;
    }
    return settings->group_count > 0 && settings->rounds > 0 && settings->rounds <= ROUNDS_MAX && settings->entries > 0 &&
           settings->record >= RECORDS_SIZE_MIN && settings->record <= RECORDS_SIZE_MAX;
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*run)(const struct settings *settings);
    } commands[] = {{"append", run_append}, {"grow", run_grow}, {"space", run_space}, {"verify", run_verify}};
    struct settings settings = {.folder = "/tmp",
                                .groups = {64, 256},
                                .group_count = 2,
                                .record = 700,
                                .entries = 100000,
                                .rounds = 5,
                                .from = 100000,
                                .to = 10000000};
    char template[PATH_SIZE];

    if (!parse(&settings, count, words)) {
        (void)fprintf(stderr, "usage: bench_ledger append|grow|space|verify [--folder DIR] [--groups N,N] [--record BYTES] "
                              "[--entries N] [--rounds N] [--from N] [--to N] [--async] [--json]\n");
        return 2;
    }
    (void)snprintf(template, sizeof template, "%s/edict-bench-ledger-XXXXXX", settings.folder);
    if (!mkdtemp(template)) {
        perror(template);
        return 1;
    }
    settings.folder = template;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(settings.command, commands[i].name) == 0)
            commands[i].run(&settings);
    }
    (void)nftw(template, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
