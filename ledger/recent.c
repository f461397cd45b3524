#include "ledger/recent.h"

#include "base/u64be.h"
#include "ledger/index_rows.h"
#include "ledger/leb128.h"

#include <assert.h>
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
    u64be_put(key + 1, first);
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
    /* An index of the term asked about last: OK, NO_MEMORY, CORRUPT, or GONE past the end. */
    enum status (*add)(void *context, uint64_t index);
    void *context;
    enum status status;
};

static bool read_term(struct slice *rest, struct row_term *term)
{
    uint64_t size;

    if (rest->size == 0 || rest->data[0] == '\0')
        return false;
    term->kind = rest->data[0];
    *rest = slice_sub(*rest, 1, SIZE_MAX);
    if (!leb128_take(rest, &size) || size > rest->size)
        return false;
    term->value = slice_sub(*rest, 0, size);
    *rest = slice_sub(*rest, size, SIZE_MAX);
    return leb128_take(rest, &term->count) && term->count > 0;
}

static enum status read_indices(struct row_reader *reader, struct slice *rest, const struct row_term *term, uint64_t index)
{
    bool wanted = reader->wants(reader->context, term);
    enum status status = STATUS_OK;
    uint64_t delta;

    for (uint64_t i = 0; i < term->count && status == STATUS_OK; i++) {
        if (!leb128_take(rest, &delta) || (i > 0 && delta == 0) || delta > UINT64_MAX - index)
            return STATUS_CORRUPT;
        index += delta;
        if (wanted)
            status = reader->add(reader->context, index);
    }
    return status;
}

static bool read_row(void *context, const struct store_visit *row)
{
    struct row_reader *reader = context;
    struct slice rest = row->value;
    bool sound = row->key.size == KEY_SIZE;
    uint64_t first = sound ? u64be_get(row->key.data + 1) : 0;

    while (rest.size > 0 && reader->status == STATUS_OK) {
        struct row_term term;

        if (sound && read_term(&rest, &term))
            reader->status = read_indices(reader, &rest, &term, first);
        else
            reader->status = STATUS_CORRUPT;
    }
    return reader->status == STATUS_OK;
}

/* All that a ledger of `size` entries has. */
static enum status read_rows(struct store *store, uint64_t size, struct row_reader *reader, struct error *error)
{
    char from[KEY_SIZE], to[KEY_SIZE];
    enum status status = store->ops->scan(store, STORE_POSTINGS, row_key(recent_from(size), from), row_key(UINT64_MAX, to),
                                          false, read_row, reader, error);

    if (status != STATUS_OK)
        return index_unreadable(error, "terms");
    if (status == STATUS_OK && reader->status == STATUS_NO_MEMORY)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK && reader->status == STATUS_GONE)
        return error_set(
            error, STATUS_CORRUPT, "",
            "the ledger's index names an entry past its end, %llu: the write-ahead log has lost what was durable. Put "
            "back its files (edict-0.wal, edict-1.wal), or restore a backup",
            (unsigned long long)size);
    if (status == STATUS_OK && reader->status == STATUS_CORRUPT)
        return error_set(error, STATUS_CORRUPT, "",
                         "a row of the ledger's index is damaged; stop edictd and run edict ledger reindex");
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

static enum status list_add(void *context, uint64_t index)
{
    struct list *list = context;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : RECENT_INDICES_INITIAL;
        uint64_t *grown = realloc(list->indices, capacity * sizeof *grown);

        if (!grown)
            return STATUS_NO_MEMORY;
        list->indices = grown;
        list->capacity = capacity;
    }
    list->indices[list->count++] = index;
    return STATUS_OK;
}

enum status recent_read(struct store *store, uint64_t size, char kind, struct slice value, uint64_t **out, size_t *count,
                        struct error *error)
{
    struct list list = {.kind = kind, .value = postings_cut(value)};
    struct row_reader reader = {.wants = list_wants, .add = list_add, .context = &list};
    enum status status = read_rows(store, size, &reader, error);

    *out = list.indices;
    *count = list.count;
    return status;
}

/* ---- all terms, for the writer ---- */

struct load {
    struct recent *recent;
    uint32_t term; /* the one at hand */
};

static bool load_wants(void *context, const struct row_term *term)
{
    struct load *load = context;

    load->term = postings_term(&load->recent->merged, term->kind, term->value, true);
    return true;
}

static enum status load_add(void *context, uint64_t index)
{
    struct load *load = context;
    struct postings *merged = &load->recent->merged;
    const struct posting_term *term;

    if (load->term == POSTINGS_NO_TERM)
        return STATUS_NO_MEMORY;
    term = &merged->terms[load->term];
    if (index >= load->recent->size)
        return STATUS_GONE;
    if (term->count > 0 && term->last >= index)
        return STATUS_CORRUPT;
    postings_add_index(merged, load->term, index);
    return merged->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status recent_load(struct recent *recent, struct store *store, uint64_t size, struct error *error)
{
    struct load load = {.recent = recent};
    struct row_reader reader = {.wants = load_wants, .add = load_add, .context = &load};

    postings_clear(&recent->merged);
    recent->size = size;
    return read_rows(store, size, &reader, error);
}

/* ---- all terms of one row ---- */

struct each {
    recent_visit_f visit;
    void *context;
    const struct row_term *term; /* the one at hand */
};

static bool each_wants(void *context, const struct row_term *term)
{
    struct each *each = context;

    each->term = term;
    return true;
}

static enum status each_add(void *context, uint64_t index)
{
    struct each *each = context;

    each->visit(each->context, each->term->kind, each->term->value, index);
    return STATUS_OK;
}

enum status recent_each(const struct store_visit *row, recent_visit_f visit, void *context)
{
    struct each each = {.visit = visit, .context = context};
    struct row_reader reader = {.wants = each_wants, .add = each_add, .context = &each};

    return row->value.size > 0 && read_row(&reader, row) ? STATUS_OK : STATUS_CORRUPT;
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

/* `postings` are sorted. */
static bool write_row(struct postings *postings, uint64_t first, struct store_batch *batch)
{
    char key[KEY_SIZE];
    struct buf row;

    buf_create(&row, &postings->arena);
    buf_reserve(&row, 4096);
    for (size_t t = 0; t < postings->term_count; t++)
        write_term(&row, &postings->terms[t], &postings->sorted[postings->terms[t].from], first);
    if (!row.failed)
        store_put(batch, STORE_POSTINGS, row_key(first, key), buf_slice(&row));
    return !row.failed;
}

bool recent_put_row(struct postings *postings, uint64_t first, struct store_batch *batch)
{
    bool ok = postings_sort(postings) && write_row(postings, first, batch);

    postings_clear(postings);
    return ok;
}

/* What is merged are all rows of groups before `first`. As a range: a row each would cost the store more than all the rest. */
static void remove_rows(uint64_t first, struct store_batch *batch)
{
    char from[KEY_SIZE], to[KEY_SIZE];

    batch->ops->remove_range(batch, STORE_POSTINGS, row_key(recent_from(first), from), row_key(first, to));
}

static bool write_group(struct recent *recent, struct postings *postings, uint64_t first, uint64_t size,
                        struct store_batch *batch)
{
    bool merges = recent_from(first) != recent_from(size);

    if (!postings_sort(postings) || !postings_append(&recent->merged, postings, !merges))
        return false;
    if (!merges)
        return write_row(postings, first, batch);
    remove_rows(first, batch);
    return postings_write(&recent->merged, batch);
}

enum status recent_write(struct recent *recent, struct postings *postings, uint64_t first, uint64_t size,
                         struct store_batch *batch, struct error *error)
{
    bool ok;

    assert(first == recent->size && size > first);
    ok = write_group(recent, postings, first, size, batch);
    recent->size = size;
    postings_clear(postings);
    return ok ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory while writing the index");
}
