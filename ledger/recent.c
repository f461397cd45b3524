#include "ledger/recent.h"

#include "ledger/leb128.h"

#include <stdlib.h>

enum { KEY_SIZE = 1 + 8, RECENT_INDICES_INITIAL = 256 };

void recent_create(struct recent *recent)
{
    postings_create(&recent->merged);
}

void recent_destroy(struct recent *recent)
{
    postings_destroy(&recent->merged);
}

static struct slice row_key(uint64_t first, char key[KEY_SIZE])
{
    key[0] = '\0';
    for (int i = 0; i < 8; i++)
        key[1 + i] = (char)(first >> (56 - 8 * i));
    return slice_from(key, KEY_SIZE);
}

/* ---- reading rows ---- */

/* One term of one row. */
struct row_term {
    char kind;
    struct slice value;
    uint64_t count;
};

struct row_reader {
    bool (*wants)(void *context, const struct row_term *term);
    bool (*add)(void *context, uint64_t index); /* an index of the term asked about last; false: out of memory */
    void *context;
    bool damaged, out_of_memory;
};

static bool read_term(struct slice *rest, struct row_term *term)
{
    uint64_t size;

    if (rest->size == 0)
        return false;
    term->kind = rest->data[0];
    *rest = slice_sub(*rest, 1, SIZE_MAX);
    if (!leb128_take(rest, &size) || size > rest->size)
        return false;
    term->value = slice_sub(*rest, 0, size);
    *rest = slice_sub(*rest, size, SIZE_MAX);
    return leb128_take(rest, &term->count);
}

static bool read_indices(struct row_reader *reader, struct slice *rest, const struct row_term *term, uint64_t index)
{
    bool wanted = reader->wants(reader->context, term);
    uint64_t delta;

    for (uint64_t i = 0; i < term->count; i++) {
        if (!leb128_take(rest, &delta))
            return false;
        index += delta;
        if (wanted && !reader->add(reader->context, index)) {
            reader->out_of_memory = true;
            return false;
        }
    }
    return true;
}

static bool read_row(void *context, const struct store_visit *row)
{
    struct row_reader *reader = context;
    struct slice rest = row->value;
    uint64_t first = 0;

    for (size_t i = 1; i < row->key.size; i++)
        first = first << 8 | (unsigned char)row->key.data[i];
    while (rest.size > 0) {
        struct row_term term;

        if (row->key.size != KEY_SIZE || !read_term(&rest, &term) || !read_indices(reader, &rest, &term, first)) {
            reader->damaged = true;
            return false;
        }
    }
    return true;
}

static enum status read_rows(struct store *store, uint64_t from, uint64_t to, struct row_reader *reader, struct error *error)
{
    char first[KEY_SIZE], last[KEY_SIZE];
    enum status status =
        store->ops->scan(store, STORE_POSTINGS, row_key(from, first), row_key(to, last), false, read_row, reader, error);

    if (status == STATUS_OK && reader->out_of_memory)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK && reader->damaged)
        return error_set(error, STATUS_CORRUPT, "", "a row of the ledger's index is damaged");
    return status;
}

/* ---- one term, for a query ---- */

struct list {
    char kind;
    struct slice value;
    uint64_t *indices;
    size_t count, capacity;
};

static bool list_wants(void *context, const struct row_term *term)
{
    const struct list *list = context;

    return term->kind == list->kind && slice_equal(term->value, list->value);
}

static bool list_add(void *context, uint64_t index)
{
    struct list *list = context;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : RECENT_INDICES_INITIAL;
        uint64_t *grown = realloc(list->indices, capacity * sizeof *grown);

        if (!grown)
            return false;
        list->indices = grown;
        list->capacity = capacity;
    }
    list->indices[list->count++] = index;
    return true;
}

enum status recent_read(struct store *store, uint64_t size, char kind, struct slice value, uint64_t **out, size_t *count,
                        struct error *error)
{
    struct list list = {.kind = kind, .value = postings_cut(value)};
    struct row_reader reader = {.wants = list_wants, .add = list_add, .context = &list};
    enum status status = read_rows(store, recent_from(size), UINT64_MAX, &reader, error);

    *out = list.indices;
    *count = list.count;
    return status;
}

/* ---- merging ---- */

struct merge {
    struct postings *into;
    uint32_t term; /* the one at hand */
};

static bool merge_wants(void *context, const struct row_term *term)
{
    struct merge *merge = context;

    merge->term = postings_term(merge->into, term->kind, term->value, true);
    return true;
}

static bool merge_add(void *context, uint64_t index)
{
    struct merge *merge = context;

    if (merge->term != POSTINGS_NO_TERM)
        postings_add_index(merge->into, merge->term, index);
    return !merge->into->failed;
}

/* The group's own terms, which live as long as its transactions. */
static void merge_group(struct postings *into, const struct postings *group)
{
    for (size_t i = 0; i < group->item_count && !into->failed; i++) {
        const struct posting_term *term = &group->terms[group->items[i].term];
        uint32_t at = postings_term(into, term->kind, term->value, false);

        if (at != POSTINGS_NO_TERM)
            postings_add_index(into, at, group->items[i].index);
    }
}

static bool remove_row(void *context, const struct store_visit *row)
{
    struct store_batch *batch = context;

    batch->ops->remove(batch, STORE_POSTINGS, row->key);
    return true;
}

static enum status merge_rows(struct recent *recent, struct store *store, const struct postings *group, uint64_t first,
                              struct store_batch *batch, struct error *error)
{
    struct merge merge = {.into = &recent->merged};
    struct row_reader reader = {.wants = merge_wants, .add = merge_add, .context = &merge};
    char from[KEY_SIZE], to[KEY_SIZE];
    enum status status = read_rows(store, recent_from(first), first, &reader, error);

    if (status != STATUS_OK)
        return status;
    merge_group(&recent->merged, group);
    if (!postings_write(&recent->merged, batch))
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory while writing the index");
    return store->ops->scan(store, STORE_POSTINGS, row_key(recent_from(first), from), row_key(first, to), false, remove_row,
                            batch, error);
}

/* ---- writing ---- */

static void write_term(struct buf *row, const struct posting_term *term, const uint64_t *indices, uint64_t first)
{
    buf_add_char(row, term->kind);
    leb128_add(row, term->value.size);
    buf_add_slice(row, term->value);
    leb128_add(row, term->count);
    for (size_t i = 0; i < term->count; i++)
        leb128_add(row, indices[i] - (i == 0 ? first : indices[i - 1]));
}

static bool write_row(struct postings *postings, uint64_t first, struct store_batch *batch)
{
    char key[KEY_SIZE];
    struct buf row;
    bool ok = postings_sort(postings);

    buf_create(&row, &postings->arena);
    buf_reserve(&row, 4096);
    for (size_t t = 0; ok && t < postings->term_count; t++)
        write_term(&row, &postings->terms[t], &postings->sorted[postings->terms[t].from], first);
    if (ok && !row.failed)
        store_put(batch, STORE_POSTINGS, row_key(first, key), buf_slice(&row));
    return ok && !row.failed;
}

enum status recent_write(struct recent *recent, struct store *store, struct postings *postings, uint64_t first, uint64_t size,
                         struct store_batch *batch, struct error *error)
{
    enum status status = STATUS_OK;

    if (recent_from(first) != recent_from(size))
        status = merge_rows(recent, store, postings, first, batch, error);
    else if (!write_row(postings, first, batch))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory while writing the index");
    postings_clear(postings);
    return status;
}
