#include "state/lineage.h"

#include "state/journal.h"

struct reading {
    struct arena *arena;
    struct lineage *out;
    size_t capacity;
    enum status status;
    struct error *error;
};

static bool grow(struct reading *reading)
{
    size_t old = reading->capacity, capacity = old > 0 ? old * 2 : 16;
    struct lineage_item *items = arena_grow(reading->arena, reading->out->items, old * sizeof *items, capacity * sizeof *items);

    if (!items)
        return false;
    reading->out->items = items;
    reading->capacity = capacity;
    return true;
}

/* "TYPE TIME\nBODY" */
static enum status parse(struct reading *reading, struct slice value, struct lineage_item *item)
{
    size_t space = slice_find(value, ' ', 0), end = slice_find(value, '\n', 0);
    enum record_type type;
    uint64_t time_ms;

    if (end == SIZE_MAX || space > end || !record_type_parse(slice_sub(value, 0, space), &type) ||
        !slice_to_u64(slice_sub(value, space + 1, end), &time_ms))
        return error_set(reading->error, STATUS_CORRUPT, "", "a row of the state is damaged (l)");
    item->time_ms = (int64_t)time_ms;
    item->body = slice_sub(value, end + 1, SIZE_MAX);
    return event_from_body(reading->arena, type, item->body, &item->event, reading->error);
}

static bool read_row(void *context, const struct store_visit *row)
{
    struct reading *reading = context;
    struct slice value = arena_copy(reading->arena, row->value);
    struct lineage_item *item;

    if (!value.data || row->key.size != 9 || (reading->out->count == reading->capacity && !grow(reading))) {
        reading->status = error_set(reading->error, STATUS_NO_MEMORY, "", "out of memory");
        return false;
    }
    item = &reading->out->items[reading->out->count++];
    *item = (struct lineage_item){.index = row_get_u64(row->key, 1)};
    reading->status = parse(reading, value, item);
    return reading->status == STATUS_OK;
}

enum status lineage_read(struct store *store, struct arena *arena, struct lineage *out, struct error *error)
{
    const char from[1] = {ROW_LINEAGE}, to[1] = {ROW_LINEAGE + 1};
    struct reading reading = {.arena = arena, .out = out, .error = error};
    enum status status;

    *out = (struct lineage){0};
    status = store->ops->scan(store, STORE_STATE, slice_from(from, 1), slice_from(to, 1), false, read_row, &reading, error);
    return status == STATUS_OK ? reading.status : status;
}

const struct lineage_item *lineage_handover(const struct lineage *lineage)
{
    for (size_t i = lineage->count; i > 0; i--) {
        if (lineage->items[i - 1].event.type != RECORD_LEDGER_ARCHIVED)
            return &lineage->items[i - 1];
    }
    return NULL;
}
