/* Marks instead of values in a decision's record, and back. redact.h says what a mark is. */
#include "proto/decision_redact.h"

#include "proto/redact.h"

/* A body before its large and its redacted values are out of it. */
static const struct json_limits plain_limits = {.bytes = 16u << 20, .depth = JSON_DEPTH_MAX + 4, .members = 65536};

/* ---- writing ---- */

/* Salt and canonical JSON of the value, which is then committed to and replaced. */
static bool redact_value(struct arena *arena, cJSON *node, struct slice pointer, struct slice salt,
                         struct decision_private *out)
{
    struct digest commitment;
    struct buf row;
    cJSON *mark;

    buf_create(&row, arena);
    buf_add_slice(&row, salt);
    json_write_canonical(&row, arena, node);
    if (row.failed || !redact_commit(arena, salt, pointer, node, &commitment))
        return false;
    mark = redact_mark(arena, &commitment);
    if (!mark)
        return false;
    redact_become(node, mark);
    *out = (struct decision_private){.pointer = pointer, .row = buf_slice(&row)};
    return true;
}

static bool redact_values(struct arena *arena, cJSON *body, struct decision *decision, cJSON *pointers)
{
    const struct decision_redact_plan *plan = &decision->redact;
    struct decision_private *values = arena_array(arena, plan->count, sizeof *values);

    for (size_t i = 0; values && i < plan->count; i++) {
        cJSON *node = redact_resolve(body, plan->pointers[i]);

        if (!node || !redact_value(arena, node, plan->pointers[i],
                                   slice_from(plan->salts + i * REDACT_SALT_SIZE, REDACT_SALT_SIZE), &values[i]))
            return false;
        json_append(pointers, json_new_text(arena, plan->pointers[i]));
    }
    decision->redaction->values = values;
    decision->redaction->value_count = plan->count;
    return values != NULL;
}

static const cJSON *mark_of(struct arena *arena, const cJSON *node)
{
    struct digest commitment;

    return redact_mark_read(node, &commitment) ? json_copy(arena, node) : NULL;
}

static bool move_large_values(struct arena *arena, cJSON *request, struct decision *decision, size_t inline_max)
{
    for (cJSON *member = request->child; member; member = member->next) {
        struct buf text;
        cJSON *reference;

        buf_create(&text, arena);
        json_write_canonical(&text, arena, member);
        if (text.failed)
            return false;
        if (!decision_is_large(member, text.size, inline_max))
            continue;
        reference = decision_move_to_blob(arena, buf_slice(&text), decision);
        if (!reference)
            return false;
        redact_become(member, reference);
    }
    return true;
}

static bool redact_body(struct arena *arena, cJSON *body, struct decision *decision, size_t inline_max)
{
    cJSON *pointers = json_new_array(arena), *request = (cJSON *)(uintptr_t)json_get(body, "request");

    if (!redact_values(arena, body, decision, pointers))
        return false;
    decision->redaction->pointers = pointers;
    decision->redaction->missing = decision->redact.count;
    decision->redaction->request = json_copy(arena, request);
    decision->redaction->rationale = mark_of(arena, json_get(body, "rationale"));
    json_put(body, "redacted", pointers);
    return move_large_values(arena, request, decision, inline_max) && !arena->exhausted;
}

void decision_write_redacted(struct buf *out, struct arena *scratch, struct decision *decision, size_t inline_max)
{
    struct buf plain;
    struct error error;
    cJSON *body = NULL;

    decision->redaction = arena_zalloc(scratch, sizeof *decision->redaction);
    buf_create(&plain, scratch);
    decision_write_plain(&plain, scratch, decision, DECISION_ALL_INLINE);
    if (!decision->redaction || plain.failed ||
        json_parse(scratch, buf_slice(&plain), &plain_limits, &body, &error) != STATUS_OK ||
        !redact_body(scratch, body, decision, inline_max))
        out->failed = true;
    else
        json_write_canonical(out, scratch, body);
}

/* ---- reading ---- */

static enum status corrupt(struct error *error)
{
    return error_set(error, STATUS_CORRUPT, "/redacted", "not a decision's record");
}

static enum status reveal_value(struct arena *arena, cJSON *node, struct slice pointer, uint64_t index,
                                const struct decision_loader *loader, size_t *missing, struct error *error)
{
    struct digest commitment;
    struct slice row;
    cJSON *value = NULL;
    enum status status;

    if (!redact_mark_read(node, &commitment))
        return corrupt(error);
    status = loader->load_private(loader->context, index, pointer, arena, &row, error);
    if (status == STATUS_NOT_FOUND) {
        ++*missing;
        json_put_bool(arena, node, "erased", true);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = redact_open(arena, row, pointer, &commitment, &value, error);
    if (status == STATUS_OK)
        redact_become(node, value);
    return status;
}

enum status decision_reveal(struct arena *arena, cJSON *root, const cJSON *pointers, uint64_t index,
                            const struct decision_loader *loader, size_t *missing, struct error *error)
{
    enum status status = STATUS_OK;
    const cJSON *pointer;

    *missing = 0;
    cJSON_ArrayForEach(pointer, pointers)
    {
        cJSON *node = redact_resolve(root, json_text(pointer));

        if (status == STATUS_OK)
            status = node ? reveal_value(arena, node, json_text(pointer), index, loader, missing, error) : corrupt(error);
    }
    return status == STATUS_OK && arena->exhausted
               ? error_set(error, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use")
               : status;
}

/* A mark that has to be a text for those who read on. */
static void put_words(struct arena *arena, cJSON *node)
{
    const cJSON *words = json_new_text(arena, json_get(node, "erased") ? SLICE("[erased]") : SLICE("[redacted]"));

    if (words)
        redact_become(node, words);
}

/* Texts of the request and everything outside of it; what is in the context may stay an object. */
static bool is_text_place(struct slice pointer)
{
    return !slice_starts_with(pointer, SLICE("/request/context"));
}

static enum status check_marks(const cJSON *body, const cJSON *pointers, struct error *error)
{
    const cJSON *pointer;

    cJSON_ArrayForEach(pointer, pointers)
    {
        struct digest commitment;

        if (!redact_mark_read(redact_resolve((cJSON *)(uintptr_t)body, json_text(pointer)), &commitment))
            return corrupt(error);
    }
    return STATUS_OK;
}

static bool is_mark(const cJSON *node)
{
    return cJSON_IsObject(node) && json_get(node, "$redacted");
}

static void put_all_words(struct arena *arena, cJSON *body, const cJSON *pointers)
{
    const cJSON *pointer;

    cJSON_ArrayForEach(pointer, pointers)
    {
        cJSON *node = redact_resolve(body, json_text(pointer));

        if (is_mark(node) && is_text_place(json_text(pointer)))
            put_words(arena, node);
    }
}

enum status decision_read_redaction(struct arena *arena, cJSON *body, uint64_t index, const struct decision_loader *loader,
                                    struct decision *out, struct error *error)
{
    const cJSON *pointers = json_get(body, "redacted");
    bool reveals = loader && loader->load_private;
    enum status status = STATUS_OK;

    if (!pointers)
        return STATUS_OK;
    out->redaction = arena_zalloc(arena, sizeof *out->redaction);
    if (!out->redaction)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    out->redaction->pointers = pointers;
    out->redaction->missing = (size_t)cJSON_GetArraySize(pointers);
    if (!cJSON_IsArray(pointers) || out->redaction->missing == 0)
        return corrupt(error);
    if (reveals)
        status = decision_reveal(arena, body, pointers, index, loader, &out->redaction->missing, error);
    else
        status = check_marks(body, pointers, error);
    if (status != STATUS_OK)
        return status;
    out->redaction->rationale = is_mark(json_get(body, "rationale")) ? json_copy(arena, json_get(body, "rationale")) : NULL;
    out->redaction->request = json_copy(arena, json_get(body, "request"));
    if (out->redaction->missing > 0)
        put_all_words(arena, body, pointers);
    return arena->exhausted ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : STATUS_OK;
}
