#include "ledger/index_rows.h"

#include "base/u64be.h"
#include "ledger/leb128.h"

#include <stdio.h>
#include <string.h>

enum { DETAIL_MAX = 480, GROUP_KEY_SIZE = 1 + U64BE_SIZE, SHOWN_VALUE_MAX = 80 };

/* ---- what to say ---- */

enum status index_damaged(struct error *error, const char *what, const char *format, ...)
{
    char detail[DETAIL_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return error_set(error, STATUS_CORRUPT, "",
                     "the index of %s is damaged: %s. The entries are not concerned: stop edictd, and `edict ledger reindex "
                     "--data DIR` makes the index anew from them",
                     what, detail);
}

enum status index_unreadable(struct error *error, const char *what)
{
    struct error said = *error;

    if (said.status != STATUS_IO && said.status != STATUS_CORRUPT)
        return said.status;
    return error_set(error, said.status, said.where,
                     "the index of %s cannot be read: %.*s. `edict ledger verify` of a backup says whether it is damaged; with "
                     "edictd stopped, `edict ledger reindex` makes it anew from the entries",
                     what, DETAIL_MAX, said.message);
}

/* ---- ids ---- */

struct ids {
    uint64_t size;
    index_id_f visit;
    void *context;
    struct error *error;
    enum status status;
};

static bool take_id(void *context, const struct store_visit *row)
{
    struct ids *ids = context;
    uint64_t index;

    if (row->key.size != INDEX_ID_SIZE || row->value.size != U64BE_SIZE) {
        ids->status = index_damaged(ids->error, "ids", "a row has the wrong size");
        return false;
    }
    index = u64be_get(row->value.data);
    if (index >= ids->size)
        ids->status = index_damaged(ids->error, "ids", "a row names entry %llu, and there are %llu", (unsigned long long)index,
                                    (unsigned long long)ids->size);
    else
        ids->visit(ids->context, row->key, index);
    return ids->status == STATUS_OK;
}

enum status index_rows_ids(struct store *store, uint64_t size, index_id_f visit, void *context, struct error *error)
{
    struct ids ids = {.size = size, .visit = visit, .context = context, .error = error};
    const struct slice all = {0};
    struct error said = {0};

    if (store->ops->scan(store, STORE_IDS, all, all, false, take_id, &ids, &said) != STATUS_OK)
        return index_damaged(error, "ids", "%s", said.message);
    return ids.status;
}

/* ---- terms ---- */

struct terms {
    uint64_t size;
    recent_visit_f visit;
    void *context;
    char prefix[POSTINGS_KEY_MAX]; /* of the row by term before: kind, value, 00 */
    size_t prefix_size;
    uint64_t last; /* its last index, or that of the last row of a group */
    bool any_group, past_size;
    const char *fault; /* of a row */
};

static void take_posting(void *context, char kind, struct slice value, uint64_t index)
{
    struct terms *terms = context;

    terms->past_size = terms->past_size || index >= terms->size;
    terms->last = index > terms->last ? index : terms->last;
    terms->visit(terms->context, kind, value, index);
}

static const char *check_group(struct terms *terms, const struct store_visit *row)
{
    uint64_t first;

    if (row->key.size != GROUP_KEY_SIZE)
        return "the row of a group has a key of the wrong size";
    first = u64be_get(row->key.data + 1);
    if (first < recent_from(terms->size))
        return "there is the row of a group that has been merged";
    if (terms->any_group && first <= terms->last)
        return "the rows of two groups overlap";
    terms->any_group = true;
    terms->last = first;
    return recent_each(row, take_posting, terms) == STATUS_OK ? NULL : "the row of a group has no valid form";
}

static const char *take_deltas(struct terms *terms, char kind, struct slice value, struct slice deltas)
{
    uint64_t delta;

    while (deltas.size > 0) {
        if (!leb128_take(&deltas, &delta) || delta == 0 || delta > UINT64_MAX - terms->last)
            return "a row has no valid form";
        take_posting(terms, kind, value, terms->last + delta);
    }
    return NULL;
}

static bool is_kind(char kind)
{
    return memchr("atoreyc", kind, 7) != NULL;
}

static const char *check_term(struct terms *terms, const struct store_visit *row)
{
    size_t prefix_size = row->key.size - U64BE_SIZE;
    struct slice value;
    uint64_t first;
    bool follows;

    if (row->key.size < 2 + U64BE_SIZE || row->key.size > POSTINGS_KEY_MAX || !is_kind(row->key.data[0]) ||
        row->key.data[prefix_size - 1] != '\0')
        return "a row has a key of no valid form";
    value = slice_sub(row->key, 1, prefix_size - 1);
    first = u64be_get(row->key.data + prefix_size);
    follows = prefix_size == terms->prefix_size && memcmp(terms->prefix, row->key.data, prefix_size) == 0;
    if (follows && first <= terms->last)
        return "two rows of a term overlap";
    memcpy(terms->prefix, row->key.data, prefix_size);
    terms->prefix_size = prefix_size;
    terms->last = first;
    take_posting(terms, row->key.data[0], value, first);
    return take_deltas(terms, row->key.data[0], value, row->value);
}

static bool take_row(void *context, const struct store_visit *row)
{
    struct terms *terms = context;

    if (row->key.size > 0 && row->key.data[0] == '\0')
        terms->fault = check_group(terms, row);
    else
        terms->fault = check_term(terms, row);
    if (!terms->fault && terms->past_size)
        terms->fault = "a row names an entry that is not there";
    return !terms->fault;
}

enum status index_rows_terms(struct store *store, uint64_t size, recent_visit_f visit, void *context, struct error *error)
{
    struct terms terms = {.size = size, .visit = visit, .context = context};
    const struct slice all = {0};
    struct error said = {0};

    if (store->ops->scan(store, STORE_POSTINGS, all, all, false, take_row, &terms, &said) != STATUS_OK)
        return index_damaged(error, "terms", "%s", said.message);
    return terms.fault ? index_damaged(error, "terms", "%s", terms.fault) : STATUS_OK;
}
