/* What of the ledger's older entries is still needed by what is live. */
#include "state/internal.h"

#include "ledger/private.h"
#include "proto/uuid.h"

#include <stdio.h>

struct needs {
    struct store *store;
    struct state_need *out;
    struct arena arena;
    struct buf ids; /* of decisions, as text of UUID_TEXT_SIZE, each after the letter of its row */
    enum status status;
    struct error *error;
};

static void need(struct needs *needs, uint64_t index, const char *what, struct slice name)
{
    if (index >= needs->out->index)
        return;
    needs->out->index = index;
    snprintf(needs->out->why, sizeof needs->out->why, "%s %.*s", what, (int)(name.size > 80 ? 80 : name.size), name.data);
}

/* 'i' agent 00 key: the entry that a repeated request is answered with. */
static bool take_key(void *context, const struct store_visit *row)
{
    struct needs *needs = context;
    size_t end = slice_find(row->key, '\0', 1);

    if (row->value.size == 16 + DIGEST_SIZE)
        need(needs, row_get_u64(row->value, 0), "an idempotency key of agent", slice_sub(row->key, 1, end));
    return true;
}

static bool take_reservation(void *context, const struct store_visit *row)
{
    struct needs *needs = context;

    buf_add_char(&needs->ids, ROW_RESERVATION);
    buf_add_slice(&needs->ids, slice_sub(row->key, 1, SIZE_MAX));
    return row->key.size == 1 + UUID_TEXT_SIZE;
}

static bool take_active(void *context, const struct store_visit *row)
{
    struct needs *needs = context;

    buf_add_slice(&needs->ids, row->key);
    return true;
}

static enum status scan(struct needs *needs, char kind, store_visit_f visit)
{
    const char from[1] = {kind}, to[1] = {(char)(kind + 1)};

    return needs->store->ops->scan(needs->store, STORE_STATE, slice_from(from, 1), slice_from(to, 1), false, visit, needs,
                                   needs->error);
}

/* A decision's entry, by its id. One that is not there has been archived, and nothing can need it more than that. */
static enum status need_decision(struct needs *needs, struct slice text, const char *what)
{
    struct uuid id;
    struct slice row;
    enum status status;

    if (!uuid_parse(text, &id))
        return error_set(needs->error, STATUS_CORRUPT, "", "a row of the state names no decision");
    status = store_get(needs->store, STORE_IDS, slice_from(id.bytes, UUID_SIZE), &needs->arena, &row, needs->error);
    if (status == STATUS_OK && row.size == 8)
        need(needs, row_get_u64(row, 0), what, text);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status need_reservations(struct needs *needs)
{
    enum status status = scan(needs, ROW_RESERVATION, take_reservation);

    for (size_t at = 0; status == STATUS_OK && at < needs->ids.size; at += 1 + UUID_TEXT_SIZE) {
        arena_reset(&needs->arena);
        status = need_decision(needs, slice_from(needs->ids.data + at + 1, UUID_TEXT_SIZE), "the open reservation of decision");
    }
    needs->ids.size = 0;
    return status;
}

/* Pending, or with a grant that can be used: what it was asked for is in its decision. */
static enum status need_escalation(struct needs *needs, struct slice key)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};
    struct row row;
    struct slice value;
    cJSON *json = NULL;
    enum status status;

    row_begin(&row, ROW_ESCALATION);
    row_bytes(&row, slice_sub(key, 1, SIZE_MAX));
    arena_reset(&needs->arena);
    status = store_get(needs->store, STORE_STATE, row_slice(&row), &needs->arena, &value, needs->error);
    if (status == STATUS_OK)
        status = json_parse(&needs->arena, value, &limits, &json, needs->error);
    if (status != STATUS_OK)
        return status;
    return need_decision(needs, json_get_text(json_get(json, "fixed"), "decision_id"), "the open escalation of decision");
}

static enum status need_escalations(struct needs *needs)
{
    enum status status = scan(needs, ROW_ACTIVE, take_active);

    for (size_t at = 0; status == STATUS_OK && at + 9 <= needs->ids.size; at += 9)
        status = need_escalation(needs, slice_from(needs->ids.data + at, 9));
    return status;
}

static bool take_private(void *context, const struct private_row *row)
{
    need(context, row->index, "a redacted value can still be erased,", row->path);
    return false; /* the first is the oldest */
}

enum status state_oldest_needed(struct store *store, bool erasable, struct state_need *out, struct error *error)
{
    struct needs needs = {.store = store, .out = out, .error = error};
    enum status status;

    *out = (struct state_need){.index = UINT64_MAX};
    arena_create(&needs.arena, 16384, 16u << 20);
    buf_create(&needs.ids, NULL);
    status = scan(&needs, ROW_KEY, take_key);
    if (status == STATUS_OK)
        status = need_reservations(&needs);
    if (status == STATUS_OK)
        status = need_escalations(&needs);
    if (status == STATUS_OK && erasable)
        status = private_each(store, 0, UINT64_MAX, take_private, &needs, error);
    if (status == STATUS_OK && needs.ids.failed)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    buf_destroy(&needs.ids);
    arena_destroy(&needs.arena);
    return status;
}
