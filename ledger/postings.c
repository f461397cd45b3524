#include "ledger/postings.h"

#include <stdlib.h>

enum { POSTINGS_VALUE_MAX = POSTINGS_KEY_MAX - 10 };

void postings_create(struct postings *postings)
{
    *postings = (struct postings){0};
    arena_create(&postings->arena, 16384, 16u << 20);
}

void postings_destroy(struct postings *postings)
{
    free(postings->items);
    arena_destroy(&postings->arena);
}

static bool add_one(struct postings *postings, char kind, struct slice value, uint64_t index)
{
    if (postings->count == postings->capacity) {
        size_t capacity = postings->capacity ? postings->capacity * 2 : 1024;
        struct posting *grown = realloc(postings->items, capacity * sizeof *grown);

        if (!grown)
            return false;
        postings->items = grown;
        postings->capacity = capacity;
    }
    postings->items[postings->count++] =
        (struct posting){.kind = kind, .value = slice_sub(value, 0, POSTINGS_VALUE_MAX), .index = index};
    return true;
}

bool postings_add(struct postings *postings, const struct ledger_entry *entry)
{
    bool ok = add_one(postings, LEDGER_TERM_TYPE, slice_from_str(record_type_name(entry->type)), entry->index);

    for (size_t i = 0; i < entry->term_count; i++)
        ok = ok && add_one(postings, entry->terms[i].kind, entry->terms[i].value, entry->index);
    if (entry->number != LEDGER_NUMBER_NONE) {
        struct slice id = arena_printf(&postings->arena, "ESC-%llu", (unsigned long long)entry->number);

        ok = ok && id.data && add_one(postings, LEDGER_TERM_ESCALATION, id, entry->index);
    }
    return ok;
}

static int compare_postings(const void *a, const void *b)
{
    const struct posting *x = a, *y = b;
    int order;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    order = slice_compare(x->value, y->value);
    if (order != 0)
        return order;
    return x->index < y->index ? -1 : x->index > y->index;
}

size_t postings_key(char kind, struct slice value, const uint64_t *first, char key[POSTINGS_KEY_MAX])
{
    size_t size = 0;

    value = slice_sub(value, 0, POSTINGS_VALUE_MAX);
    key[size++] = kind;
    if (value.size > 0)
        memcpy(key + size, value.data, value.size);
    size += value.size;
    key[size++] = '\0';
    for (int i = 0; first && i < 8; i++)
        key[size++] = (char)(*first >> (56 - 8 * i));
    return size;
}

static void add_leb128(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_add_char(out, (char)(value | 0x80));
    buf_add_char(out, (char)value);
}

static bool same_term(const struct posting *a, const struct posting *b)
{
    return a->kind == b->kind && slice_equal(a->value, b->value);
}

/* One row for the run of equal terms that begins at `from`; returns where the next begins. */
static size_t write_row(struct postings *postings, size_t from, struct buf *value, struct store_batch *batch)
{
    const struct posting *first = &postings->items[from];
    uint64_t previous = first->index;
    char key[POSTINGS_KEY_MAX];
    size_t at = from + 1;

    value->size = 0;
    for (; at < postings->count && same_term(first, &postings->items[at]); at++) {
        if (postings->items[at].index == previous)
            continue;
        add_leb128(value, postings->items[at].index - previous);
        previous = postings->items[at].index;
    }
    store_put(batch, STORE_POSTINGS, slice_from(key, postings_key(first->kind, first->value, &first->index, key)),
              buf_slice(value));
    return at;
}

bool postings_write(struct postings *postings, struct store_batch *batch)
{
    struct buf value;
    bool ok;

    buf_create(&value, &postings->arena);
    buf_reserve(&value, 64);
    qsort(postings->items, postings->count, sizeof *postings->items, compare_postings);
    for (size_t at = 0; at < postings->count;)
        at = write_row(postings, at, &value, batch);
    ok = !value.failed;
    postings->count = 0;
    arena_reset(&postings->arena);
    return ok;
}
