#include "server/confined.h"

#include "confine/confine.h"
#include "engine/backtest.h"
#include "ledger/store.h"
#include "policy/policy.h"
#include "proto/digest.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { INPUT_MAX = 4 << 20, FILES_MAX = 1024, ARENA_MAX = 256 << 20, CPU_S = 3600 };
static const uint64_t memory_max = UINT64_C(4) << 30;

/* ---- input and output ---- */

static enum status read_input(struct buf *input, struct error *error)
{
    ssize_t size = 1;

    while (size > 0 && input->size <= INPUT_MAX && buf_reserve(input, 65536)) {
        size = read(STDIN_FILENO, input->data + input->size, 65536);
        if (size < 0 && errno != EINTR)
            return error_set(error, STATUS_IO, "", "the input cannot be read: %m");
        input->size += size > 0 ? (size_t)size : 0;
    }
    if (input->size > INPUT_MAX)
        return error_set(error, STATUS_TOO_LARGE, "", "the upload is larger than %d bytes", INPUT_MAX);
    return input->failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : STATUS_OK;
}

/* No destructors run behind it: a leak check of a sanitizer's would want what was given up. */
static _Noreturn void finish(struct buf *out, int code)
{
    size_t done = 0;

    while (!out->failed && done < out->size) {
        ssize_t size = write(STDOUT_FILENO, out->data + done, out->size - done);

        if (size < 0 && errno != EINTR)
            _exit(CONFINED_FAILED);
        done += size > 0 ? (size_t)size : 0;
    }
    _exit(out->failed ? CONFINED_FAILED : code);
}

static _Noreturn void finish_with(const struct error *error)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, NULL);
    json_begin_object(&w);
    json_key(&w, "message");
    json_string(&w, slice_from_str(error->message));
    json_key(&w, "where");
    json_string(&w, slice_from_str(error->where));
    json_end_object(&w);
    finish(&out, error->status == STATUS_INVALID || error->status == STATUS_TOO_LARGE ? CONFINED_BAD_INPUT : CONFINED_FAILED);
}

/* ---- what was sent ---- */

static enum status take_file(const cJSON *member, struct policy_file *file, struct error *error)
{
    char where[160];

    snprintf(where, sizeof where, "/files/%.128s", member->string);
    if (!cJSON_IsString(member))
        return error_set(error, STATUS_INVALID, where, "expected a file's text");
    *file = (struct policy_file){.path = slice_from_str(member->string), .source = json_text(member)};
    return STATUS_OK;
}

/* The files of {"files": {…}}, in the arena. */
static enum status take_files(struct arena *arena, struct slice input, struct policy_file **files, size_t *count,
                              struct error *error)
{
    const struct json_limits limits = {.bytes = INPUT_MAX, .depth = 8, .members = FILES_MAX};
    const cJSON *map, *member;
    cJSON *body = NULL;
    enum status status = json_parse(arena, input, &limits, &body, error);

    if (status != STATUS_OK)
        return status;
    map = json_get(body, "files");
    if (!cJSON_IsObject(map))
        return error_set(error, STATUS_INVALID, "/files", "expected an object of paths and texts");
    *files = arena_array(arena, FILES_MAX, sizeof **files);
    if (!*files)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    *count = 0;
    cJSON_ArrayForEach(member, map)
    {
        status = take_file(member, &(*files)[*count], error);
        if (status != STATUS_OK)
            return status;
        ++*count;
    }
    return STATUS_OK;
}

/* ---- check ---- */

static void write_checked(struct buf *out, const struct policy_report *report)
{
    struct json_writer w = {.out = out};
    size_t errors = 0;

    for (size_t i = 0; i < report->count; i++)
        errors += report->items[i].severity == POLICY_ERROR;
    json_begin_object(&w);
    json_key(&w, "valid");
    json_bool(&w, errors == 0);
    json_key(&w, "errors");
    json_i64(&w, (int64_t)errors);
    json_key(&w, "warnings");
    json_i64(&w, (int64_t)(report->count - errors));
    json_key(&w, "diagnostics");
    policy_report_write(&w, report);
    json_end_object(&w);
}

static enum status run_check(struct arena *arena, struct slice input, struct buf *out, struct error *error)
{
    struct policy_report report = {0};
    struct policy_file *files = NULL;
    size_t count = 0;
    enum status status = take_files(arena, input, &files, &count, error);

    if (status == STATUS_OK)
        status = policy_check_files(files, count, &policy_limits_default, &report, error);
    if (status == STATUS_OK)
        write_checked(out, &report);
    policy_report_destroy(&report);
    return status;
}

/* ---- backtest ---- */

/* What is wrong with the files, as far as one message holds it. */
static enum status bundle_of(const struct policy_file *files, size_t count, struct policy_bundle **bundle, struct error *error)
{
    struct policy_report report = {0};
    enum status status = policy_bundle_new(files, count, &policy_limits_default, bundle, &report, error);

    for (size_t i = 0; status == STATUS_INVALID && i < report.count; i++) {
        const struct policy_diagnostic *item = &report.items[i];
        char where[ERROR_WHERE_MAX];

        if (item->severity != POLICY_ERROR)
            continue;
        snprintf(where, sizeof where, "%.200s:%d", item->file, item->line);
        error_set(error, STATUS_INVALID, where, "%s", item->message);
        break;
    }
    policy_report_destroy(&report);
    return status;
}

static enum status replay(struct arena *arena, const char *folder, int64_t since_ms, struct policy_bundle *bundle,
                          struct buf *out, struct error *error)
{
    struct backtest backtest;
    struct replay_options options = {.bundle = bundle, .since_ms = since_ms, .differs = backtest_note, .context = &backtest};
    struct replay_result result = {0};
    enum status status = store_open_rocksdb(folder, true, &options.store, error);

    backtest_create(&backtest, arena);
    if (status == STATUS_OK)
        status = replay_run(&options, &result, error);
    if (status == STATUS_OK && !backtest_finish(&backtest))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK)
        backtest_write(out, &backtest, &result);
    return status; /* the store and all that is held end with the process */
}

static enum status run_backtest(struct arena *arena, struct slice input, const char *folder, const char *since, struct buf *out,
                                struct error *error)
{
    struct policy_bundle *bundle = NULL;
    struct policy_file *files = NULL;
    size_t count = 0;
    uint64_t since_ms = 0;
    enum status status = take_files(arena, input, &files, &count, error);

    if (status == STATUS_OK && !slice_to_u64(slice_from_str(since), &since_ms))
        status = error_set(error, STATUS_INTERNAL, since, "is no time");
    if (status == STATUS_OK)
        status = bundle_of(files, count, &bundle, error);
    return status == STATUS_OK ? replay(arena, folder, (int64_t)since_ms, bundle, out, error) : status;
}

/* ---- the start ---- */

int confined_is_asked(int argc, char *const *argv)
{
    return argc >= 2 && strcmp(argv[1], "--confined") == 0;
}

/* OpenSSL reads its configuration at its first use: while it still can. */
static enum status warm_up(struct error *error)
{
    struct digest digest;

    return digest_random(digest.bytes, sizeof digest.bytes, error);
}

_Noreturn void confined_main(int argc, char *const *argv)
{
    bool check = argc == 3 && strcmp(argv[2], "check") == 0, backtest = argc == 5 && strcmp(argv[2], "backtest") == 0;
    const struct confine_options options = {
        .read_folder = backtest ? argv[3] : NULL, .memory_bytes = memory_max, .cpu_s = CPU_S};
    struct buf input, out;
    struct arena arena;
    struct error error = {0};
    enum status status =
        check || backtest ? warm_up(&error) : error_set(&error, STATUS_INTERNAL, "--confined", "is for edictd itself");

    buf_create(&input, NULL);
    buf_create(&out, NULL);
    arena_create(&arena, 1 << 20, ARENA_MAX);
    if (status == STATUS_OK)
        status = confine_self(&options, &error);
    if (status == STATUS_OK)
        status = read_input(&input, &error);
    if (status == STATUS_OK)
        status = check ? run_check(&arena, buf_slice(&input), &out, &error)
                       : run_backtest(&arena, buf_slice(&input), argv[3], argv[4], &out, &error);
    if (status != STATUS_OK)
        finish_with(&error);
    finish(&out, CONFINED_OK);
}
