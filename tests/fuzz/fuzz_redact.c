/*
 * A list of fields to redact, a newline, a request: what is found is redacted, a record with its rows gives the request back,
 * one without them reads, too; and any bytes as a record are refused or read.
 */
#include "proto/decision.h"
#include "proto/redact.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct beside {
    const struct decision *decision;
    bool rows;
};

static enum status load_row(void *context, uint64_t index, struct slice pointer, struct arena *arena, struct slice *row,
                            struct error *error)
{
    const struct beside *beside = context;
    const struct decision_redaction *redaction = beside->decision->redaction;

    (void)index;
    for (size_t i = 0; redaction && beside->rows && i < redaction->value_count; i++) {
        if (slice_equal(redaction->values[i].pointer, pointer)) {
            *row = arena_copy(arena, redaction->values[i].row);
            return row->data ? STATUS_OK : STATUS_NO_MEMORY;
        }
    }
    return error_set(error, STATUS_NOT_FOUND, "", "erased");
}

static enum status load_blob(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error)
{
    const struct beside *beside = context;

    for (size_t i = 0; i < beside->decision->blob_count; i++) {
        if (digest_equal(&beside->decision->blobs[i].hash, hash)) {
            *bytes = arena_copy(arena, beside->decision->blobs[i].bytes);
            return bytes->data ? STATUS_OK : STATUS_NO_MEMORY;
        }
    }
    return error_set(error, STATUS_NOT_FOUND, "", "no blob");
}

static enum status read_record(struct arena *arena, struct slice body, const struct decision *decision, bool rows,
                               struct decision *out)
{
    struct beside beside = {decision, rows};
    const struct decision_loader loader = {load_blob, load_row, &beside};
    const struct record_header header = {.type = RECORD_DECISION, .time_ms = 1785242096789};
    struct error error;

    return decision_from_record(arena, &header, 7, body, &loader, out, &error);
}

static bool read_paths(struct arena *arena, struct slice list, struct redact_paths *paths)
{
    char problem[200];

    paths->items = arena_array(arena, REDACT_PATHS_MAX, sizeof *paths->items);
    while (paths->items && list.size > 0 && paths->count < REDACT_PATHS_MAX) {
        size_t space = slice_find(list, ' ', 0);
        struct slice path = slice_sub(list, 0, space);

        if (redact_path_is_valid(path, problem, sizeof problem))
            paths->items[paths->count++] = path;
        list = space == SIZE_MAX ? (struct slice){0} : slice_sub(list, space + 1, SIZE_MAX);
    }
    redact_paths_finish(paths);
    return paths->count > 0;
}

static struct slice written(struct arena *arena, const cJSON *value)
{
    struct buf out;

    buf_create(&out, arena);
    json_write_canonical(&out, arena, value);
    return buf_slice(&out);
}

static void check_decision(struct arena *arena, const struct redact_paths *paths, struct decision *decision)
{
    struct decision full = {0}, erased = {0};
    struct slice *pointers = NULL;
    struct buf body;
    size_t count = 0;

    if (!redact_find(arena, paths, decision->request.view, &pointers, &count))
        return;
    decision->redact = (struct decision_redact_plan){
        .pointers = pointers, .salts = arena_zalloc(arena, (count + 1) * REDACT_SALT_SIZE), .count = count};
    buf_create(&body, arena);
    decision_write_body(&body, arena, decision);
    if (body.failed || body.size + RECORD_HEADER_MAX > RECORD_BYTES_MAX)
        return;
    if (read_record(arena, buf_slice(&body), decision, true, &full) != STATUS_OK) {
        if (!arena->exhausted)
            abort();
        return;
    }
    if (!slice_equal(written(arena, full.request.view), written(arena, decision->request.view)) && !arena->exhausted)
        abort();
    if (count > 0 &&
        (read_record(arena, buf_slice(&body), decision, false, &erased) != STATUS_OK || erased.redaction->missing != count) &&
        !arena->exhausted)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct slice all = slice_from(data, size);
    size_t line = slice_find(all, '\n', 0);
    struct decision decision = {.id = SLICE("01a20d40-bfd4-7000-8176-c4aae873a8bf"), .policy_revision = SLICE("sha256:x")},
                    other;
    struct redact_paths paths = {0};
    struct arena arena;
    struct error error;

    json_setup();
    arena_create(&arena, 16384, 16u << 20);
    decision.facts.now_ms = 1785242096789;
    if (read_paths(&arena, slice_sub(all, 0, line), &paths) &&
        request_parse(&arena, slice_sub(all, line + 1, SIZE_MAX), (struct slice){0}, &decision.request, &error) == STATUS_OK &&
        decision.request.operation.size > 0)
        check_decision(&arena, &paths, &decision);
    arena_reset(&arena);
    (void)!read_record(&arena, slice_sub(all, line + 1, SIZE_MAX), &(struct decision){0}, false, &other);
    arena_destroy(&arena);
    return 0;
}
