#include "ledger/query.h"

#include "ledger/recent.h"

#include <stdlib.h>

/* A walk down the postings of one term, newest first: those of groups, read at once, then row by row. */
struct walk {
    struct store *store;
    char prefix[POSTINGS_KEY_MAX];
    size_t prefix_size;
    uint64_t *indices; /* of the row read last, ascending; malloc'ed */
    size_t count, capacity;
    uint64_t row_first; /* the row's first index: the next row lies below */
    bool at_end, out_of_memory;
};

static uint64_t read_u64be(struct slice bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)bytes.data[i];
    return value;
}

static bool walk_push(struct walk *walk, uint64_t index)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : 256;
        uint64_t *grown = realloc(walk->indices, capacity * sizeof *grown);

        if (!grown)
            return false;
        walk->indices = grown;
        walk->capacity = capacity;
    }
    walk->indices[walk->count++] = index;
    return true;
}

static bool walk_take_row(void *context, const struct store_visit *row)
{
    struct walk *walk = context;
    uint64_t index = read_u64be(slice_sub(row->key, walk->prefix_size, SIZE_MAX)), delta = 0;
    unsigned shift = 0;
    bool ok = walk_push(walk, index);

    walk->row_first = index;
    for (size_t i = 0; ok && i < row->value.size; i++) {
        unsigned char byte = (unsigned char)row->value.data[i];

        delta |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
        if (byte & 0x80)
            continue;
        index += delta;
        ok = walk_push(walk, index);
        delta = shift = 0;
    }
    walk->out_of_memory = !ok;
    walk->at_end = false;
    return false; /* one row at a time */
}

/* Reads the newest row that begins below `before`. */
static enum status walk_load(struct walk *walk, uint64_t before, struct error *error)
{
    char to[POSTINGS_KEY_MAX];

    memcpy(to, walk->prefix, walk->prefix_size);
    for (int i = 0; i < 8; i++)
        to[walk->prefix_size + (size_t)i] = (char)(before >> (56 - 8 * i));
    walk->count = 0;
    walk->at_end = true;
    return walk->store->ops->scan(walk->store, STORE_POSTINGS, slice_from(walk->prefix, walk->prefix_size),
                                  slice_from(to, walk->prefix_size + 8), true, walk_take_row, walk, error);
}

/* The newest index below `before`; false at the end. */
static enum status walk_below(struct walk *walk, uint64_t before, uint64_t *index, bool *found, struct error *error)
{
    enum status status = STATUS_OK;

    *found = false;
    while (status == STATUS_OK) {
        while (walk->count > 0 && walk->indices[walk->count - 1] >= before)
            walk->count--;
        if (walk->count > 0) {
            *index = walk->indices[walk->count - 1];
            *found = true;
            return STATUS_OK;
        }
        if (walk->at_end)
            return STATUS_OK;
        status = walk_load(walk, before < walk->row_first ? before : walk->row_first, error);
        if (walk->out_of_memory)
            status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    return status;
}

/* The newest index below `before` that is in all walks. Without terms it is every index. */
static enum status next_match(struct walk *walks, size_t count, uint64_t before, uint64_t *index, bool *found,
                              struct error *error)
{
    uint64_t candidate = before;
    size_t agreed = 0;
    enum status status = STATUS_OK;

    *found = before > 0;
    if (count == 0) {
        *index = before - 1;
        return STATUS_OK;
    }
    for (size_t i = 0; agreed < count && status == STATUS_OK && *found; i = (i + 1) % count) {
        uint64_t below = agreed == 0 ? candidate : candidate + 1, here = 0;

        status = walk_below(&walks[i], below, &here, found, error);
        agreed = agreed > 0 && here == candidate ? agreed + 1 : 1;
        candidate = here;
    }
    *index = candidate;
    return status;
}

static enum status read_time(struct ledger *ledger, uint64_t index, struct arena *arena, int64_t *time_ms, struct slice *record,
                             struct error *error)
{
    struct record_header header;
    struct slice body;
    enum status status = ledger_read(ledger, index, arena, record, error);

    if (status == STATUS_OK)
        status = record_split(*record, &header, &body, error);
    if (status == STATUS_OK)
        *time_ms = header.time_ms;
    return status;
}

/* Times never decrease, so the first index at or after `time_ms` is found by halving. */
static enum status find_time(struct ledger *ledger, int64_t time_ms, uint64_t *index, struct error *error)
{
    uint64_t low = 0, high = ledger_durable(ledger);
    struct arena arena;
    enum status status = STATUS_OK;

    arena_create(&arena, 4096, 1 << 20);
    while (low < high && status == STATUS_OK) {
        uint64_t middle = low + (high - low) / 2;
        int64_t there = 0;
        struct slice record;

        arena_reset(&arena);
        status = read_time(ledger, middle, &arena, &there, &record, error);
        if (there < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    arena_destroy(&arena);
    *index = low;
    return status;
}

static enum status visit_index(struct ledger *ledger, uint64_t index, ledger_visit_f visit, void *context, struct arena *arena,
                               struct error *error)
{
    struct slice record;
    enum status status;

    arena_reset(arena);
    status = ledger_read(ledger, index, arena, &record, error);
    return status == STATUS_OK ? visit(context, index, record, error) : status;
}

static enum status run(struct ledger *ledger, const struct ledger_query *query, struct walk *walks, uint64_t from,
                       uint64_t before, ledger_visit_f visit, void *context, uint64_t *next, struct error *error)
{
    struct arena arena;
    size_t limit = query->limit < QUERY_LIMIT_MAX ? query->limit : QUERY_LIMIT_MAX, shown = 0;
    uint64_t index = before, last = 0;
    bool found = true;
    enum status status = STATUS_OK;

    arena_create(&arena, 8192, 1 << 20);
    *next = 0;
    while (status == STATUS_OK) {
        status = next_match(walks, query->term_count, index, &index, &found, error);
        if (status != STATUS_OK || !found || index < from)
            break;
        if (shown++ == limit) {
            *next = last;
            break;
        }
        last = index;
        status = visit_index(ledger, index, visit, context, &arena, error);
    }
    arena_destroy(&arena);
    return status;
}

enum status ledger_query(struct ledger *ledger, const struct ledger_query *query, ledger_visit_f visit, void *context,
                         uint64_t *next, struct error *error)
{
    struct walk walks[8] = {{0}};
    uint64_t from = 0, size = ledger_durable(ledger), to = size;
    enum status status = STATUS_OK;

    if (query->until_ms > 0)
        status = find_time(ledger, query->until_ms, &to, error);
    if (status == STATUS_OK && query->since_ms > 0)
        status = find_time(ledger, query->since_ms, &from, error);
    if (query->before < to)
        to = query->before;
    for (size_t i = 0; i < query->term_count; i++) {
        walks[i].store = ledger_store(ledger);
        walks[i].prefix_size = postings_key(query->terms[i].kind, query->terms[i].value, NULL, walks[i].prefix);
        walks[i].row_first = UINT64_MAX;
        if (status == STATUS_OK)
            status = recent_read(walks[i].store, size, query->terms[i].kind, query->terms[i].value, &walks[i].indices,
                                 &walks[i].count, error);
        walks[i].capacity = walks[i].count;
        if (walks[i].count > 0)
            walks[i].row_first = walks[i].indices[0];
    }
    if (status == STATUS_OK)
        status = run(ledger, query, walks, from, to, visit, context, next, error);
    for (size_t i = 0; i < query->term_count; i++)
        free(walks[i].indices);
    return status;
}
