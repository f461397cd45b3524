/* Escalations as the API shows them, from durable rows. */
#include "state/internal.h"

#include <stdio.h>

enum { ESCALATIONS_SCANNED_MAX = 20000 /* rows looked at for one page */ };

static const struct json_limits row_limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};

static void put_time(struct json_writer *w, const char *name, const cJSON *object, const char *member)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t time_ms = 0;

    json_key(w, name);
    if (!json_get_i64(object, member, &time_ms)) {
        json_null(w);
        return;
    }
    clock_format(time_ms, text);
    json_string(w, slice_from(text, sizeof text));
}

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    json_key(w, name);
    if (text.data)
        json_string(w, text);
    else
        json_null(w);
}

static void put_grant(struct json_writer *w, const cJSON *grant)
{
    int64_t uses = 0;

    json_key(w, "grant");
    if (!grant) {
        json_null(w);
        return;
    }
    json_get_i64(grant, "uses_left", &uses);
    json_begin_object(w);
    put_text(w, "id", json_get_text(grant, "id"));
    json_key(w, "uses_left");
    json_i64(w, uses);
    put_time(w, "expires_at", grant, "expires_at_ms");
    json_end_object(w);
}

/* A mark, where the text itself is not shown or no longer there. */
static void put_rationale(struct json_writer *w, const cJSON *rationale)
{
    if (!cJSON_IsObject(rationale))
        put_text(w, "rationale", json_text(rationale));
    else
        put_text(w, "rationale", json_get(rationale, "erased") ? SLICE("[erased]") : SLICE("[redacted]"));
}

static void write_document(struct json_writer *w, struct arena *arena, const cJSON *row)
{
    const cJSON *fixed = json_get(row, "fixed");
    int64_t number = 0;

    json_get_i64(fixed, "number", &number);
    json_begin_object(w);
    json_key(w, "id");
    json_string(w, arena_printf(arena, "ESC-%lld", (long long)number));
    put_text(w, "state", json_get_text(row, "state"));
    put_text(w, "decision_id", json_get_text(fixed, "decision_id"));
    put_text(w, "agent_identity", json_get_text(fixed, "agent_identity"));
    json_key(w, "request");
    json_value(w, arena, json_get(fixed, "request"));
    put_rationale(w, json_get(fixed, "rationale"));
    json_key(w, "covers");
    json_value(w, arena, json_get(fixed, "covers"));
    put_time(w, "created_at", fixed, "created_at_ms");
    put_time(w, "expires_at", fixed, "expires_at_ms");
    put_text(w, "resolved_by", json_get_text(row, "resolved_by"));
    put_time(w, "resolved_at", row, "resolved_at_ms");
    put_text(w, "reason", json_get_text(row, "reason"));
    put_grant(w, json_get(row, "grant"));
    json_end_object(w);
}

static enum status reveal(struct state *state, struct arena *arena, const cJSON *row, struct error *error)
{
    size_t missing;

    return escalations_reveal(state, arena, (cJSON *)(uintptr_t)json_get(row, "fixed"), &missing, error);
}

enum status state_escalation_document(struct state *state, struct arena *arena, struct slice id, bool reveals, struct buf *out,
                                      struct slice *agent, bool *pending, struct error *error)
{
    struct row key;
    struct slice row;
    cJSON *json = NULL;
    struct json_writer w = {.out = out};
    uint64_t number = 0;
    enum status status;

    if (!escalations_parse_id(id, &number))
        return error_set(error, STATUS_NOT_FOUND, "", "no such escalation; ids look like ESC-456");
    row_begin(&key, ROW_ESCALATION);
    row_u64(&key, number);
    status = store_get(state->store, STORE_STATE, row_slice(&key), arena, &row, error);
    if (status == STATUS_OK)
        status = json_parse(arena, row, &row_limits, &json, error);
    if (status == STATUS_OK && reveals)
        status = reveal(state, arena, json, error);
    if (status != STATUS_OK)
        return status;
    *agent = json_get_text(json_get(json, "fixed"), "agent_identity");
    *pending = slice_equal(json_get_text(json, "state"), SLICE("pending"));
    write_document(&w, arena, json);
    return out->failed ? error_set(error, STATUS_NO_MEMORY, "", "the document needs more memory than one call may use")
                       : STATUS_OK;
}

/* ---- the list ---- */

struct escalations_page {
    struct arena *arena;
    struct arena row_arena; /* of one row; most are looked at and left out */
    const struct state_escalation_filter *filter;
    struct slice *rows; /* that match; shown after the scan, because a store may not be asked while it visits */
    size_t shown, scanned;
    uint64_t last, next;
    enum status status;
    struct error *error;
};

static bool matches(const struct state_escalation_filter *filter, const cJSON *row)
{
    if (filter->state.size > 0 && !slice_equal(filter->state, json_get_text(row, "state")))
        return false;
    return filter->agent.size == 0 || slice_equal(filter->agent, json_get_text(json_get(row, "fixed"), "agent_identity"));
}

static bool list_escalation(void *context, const struct store_visit *row)
{
    struct escalations_page *page = context;
    cJSON *json = NULL;

    if (page->shown == page->filter->limit || page->scanned == ESCALATIONS_SCANNED_MAX) {
        page->next = page->last;
        return false;
    }
    arena_reset(&page->row_arena);
    page->scanned++;
    page->last = row_get_u64(row->key, 1);
    page->status = json_parse(&page->row_arena, row->value, &row_limits, &json, page->error);
    if (page->status != STATUS_OK)
        return false;
    if (!matches(page->filter, json))
        return true;
    page->rows[page->shown] = arena_copy(page->arena, row->value);
    return page->rows[page->shown++].data != NULL;
}

static enum status write_page(struct state *state, struct escalations_page *page, struct buf *out)
{
    struct json_writer w = {.out = out};
    enum status status = page->status;

    json_begin_array(&w);
    for (size_t i = 0; status == STATUS_OK && i < page->shown; i++) {
        cJSON *json = NULL;

        arena_reset(&page->row_arena);
        if (!page->rows[i].data)
            break; /* the arena is exhausted, and so is `out` */
        status = json_parse(&page->row_arena, page->rows[i], &row_limits, &json, page->error);
        if (status == STATUS_OK)
            status = reveal(state, &page->row_arena, json, page->error);
        if (status == STATUS_OK)
            write_document(&w, page->arena, json);
    }
    json_end_array(&w);
    return status;
}

static bool state_is_known(struct slice name)
{
    for (int i = ESCALATION_PENDING; i <= ESCALATION_CANCELLED; i++) {
        if (slice_equal_str(name, escalations_state_name((enum escalation_state)i)))
            return true;
    }
    return name.size == 0;
}

enum status state_escalations_list(struct state *state, struct arena *arena, const struct state_escalation_filter *filter,
                                   struct buf *out, uint64_t *next, struct error *error)
{
    struct escalations_page page = {.arena = arena, .filter = filter, .error = error};
    struct row from, to;
    enum status status;

    if (!state_is_known(filter->state))
        return error_set(error, STATUS_INVALID, "?state", "expected pending, approved, denied, expired or cancelled");
    page.rows = arena_array(arena, filter->limit + 1, sizeof *page.rows);
    if (!page.rows)
        return error_set(error, STATUS_NO_MEMORY, "", "the page needs more memory than one call may use");
    arena_create(&page.row_arena, 16384, 8u << 20);
    row_begin(&from, ROW_ESCALATION);
    row_begin(&to, ROW_ESCALATION);
    row_u64(&to, filter->before);
    status = state->store->ops->scan(state->store, STORE_STATE, row_slice(&from), row_slice(&to), true, list_escalation, &page,
                                     error);
    if (status == STATUS_OK)
        status = write_page(state, &page, out);
    arena_destroy(&page.row_arena);
    *next = page.next;
    if (status == STATUS_OK && (out->failed || arena->exhausted))
        status =
            error_set(error, STATUS_NO_MEMORY, "", "the page needs more memory than one call may use; ask for a smaller limit");
    return status;
}
