#include "engine/reindex.h"

#include "base/u64be.h"
#include "engine/terms.h"
#include "ledger/index_version.h"
#include "ledger/recent.h"

enum { REINDEX_RECORD_MAX = 64 << 20, REINDEX_VALUES_MAX = 64 << 20 /* of at most RECENT_SPAN entries */ };

struct reindex {
    const struct reindex_options *options;
    struct store *store;
    struct store_batch *batch;
    struct postings postings;
    struct arena arena;  /* of one record */
    struct arena values; /* of a group's terms */
};

static enum status commit(struct reindex *reindex, bool sync, struct error *error)
{
    return reindex->store->ops->commit(reindex->store, reindex->batch, sync, error);
}

/* The row is what says afterwards whether the index is whole. */
static enum status put_version(struct reindex *reindex, bool whole, struct error *error)
{
    index_version_put(reindex->batch, whole, 0);
    return commit(reindex, true, error);
}

/* None of it is read: it may be damaged. */
static enum status clear_all(struct store *store, struct error *error)
{
    enum status status = store->ops->clear(store, STORE_IDS, error);

    return status == STATUS_OK ? store->ops->clear(store, STORE_POSTINGS, error) : status;
}

static void put_id(struct reindex *reindex, const struct terms_record *found)
{
    struct uuid id;
    char index[U64BE_SIZE];

    u64be_put(index, found->entry.index);
    if (found->entry.type == RECORD_DECISION && uuid_parse(found->decision.id, &id))
        store_put(reindex->batch, STORE_IDS, slice_from(id.bytes, UUID_SIZE), slice_from(index, sizeof index));
}

/* Until the group is written; as much of them as the index has. */
static bool keep_terms(struct reindex *reindex, struct ledger_entry *entry)
{
    bool ok = true;

    for (size_t i = 0; i < entry->term_count; i++) {
        struct ledger_term *term = &entry->terms[i];
        struct slice cut = postings_cut(term->value);

        term->value = arena_copy(&reindex->values, cut);
        ok = ok && (term->value.data || cut.size == 0);
    }
    return ok;
}

static enum status add_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct reindex *reindex = context;
    struct terms_record found;
    enum status status;

    arena_reset(&reindex->arena);
    status = terms_of_record(reindex->store, index, record, &reindex->arena, &found, error);
    if (status == STATUS_OK && !(keep_terms(reindex, &found.entry) && postings_add(&reindex->postings, &found.entry)))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK)
        put_id(reindex, &found);
    return status;
}

/* A whole span of entries as rows by term; the last, partial one as if it were one group. */
static enum status write_group(struct reindex *reindex, uint64_t from, uint64_t to, struct error *error)
{
    bool ok = to % RECENT_SPAN == 0 ? postings_write(&reindex->postings, reindex->batch)
                                    : recent_put_row(&reindex->postings, from, reindex->batch);

    return ok ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

static enum status add_group(struct reindex *reindex, uint64_t from, uint64_t to, struct error *error)
{
    enum status status;

    arena_reset(&reindex->values);
    status = ledger_each(reindex->store, from, to, add_entry, reindex, error);
    if (status == STATUS_OK)
        status = write_group(reindex, from, to, error);
    return status == STATUS_OK ? commit(reindex, false, error) : status;
}

static enum status add_all(struct reindex *reindex, uint64_t *entries, struct error *error)
{
    uint64_t size = 0, first = 0, to;
    enum status status = ledger_store_head(reindex->store, &size, NULL, error);

    if (status == STATUS_OK)
        status = ledger_store_first(reindex->store, &first, error);
    *entries = first < size ? size - first : 0;
    for (uint64_t from = first; from < size && status == STATUS_OK; from = to) {
        to = recent_from(from) + RECENT_SPAN;
        to = to < size ? to : size;
        status = add_group(reindex, from, to, error);
        if (reindex->options->progress)
            reindex->options->progress(reindex->options->context, to, size);
    }
    return status;
}

static enum status read_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct reindex *reindex = context;
    struct terms_record found;

    arena_reset(&reindex->arena);
    return terms_of_record(reindex->store, index, record, &reindex->arena, &found, error);
}

/* Before what there is goes: can the terms of every entry be read? */
static enum status read_all(struct reindex *reindex, struct error *error)
{
    uint64_t first = 0;
    enum status status = ledger_store_first(reindex->store, &first, error);

    return status == STATUS_OK ? ledger_each(reindex->store, first, UINT64_MAX, read_entry, reindex, error) : status;
}

enum status reindex_run(const struct reindex_options *options, uint64_t *entries, struct error *error)
{
    struct reindex reindex = {.options = options, .store = options->store};
    enum status status;

    reindex.batch = options->store->ops->batch_new(options->store);
    if (!reindex.batch)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    postings_create(&reindex.postings);
    arena_create(&reindex.arena, 65536, REINDEX_RECORD_MAX);
    arena_create(&reindex.values, 1 << 20, REINDEX_VALUES_MAX);
    status = read_all(&reindex, error);
    if (status == STATUS_OK)
        status = put_version(&reindex, false, error);
    if (status == STATUS_OK)
        status = clear_all(options->store, error);
    if (status == STATUS_OK)
        status = add_all(&reindex, entries, error);
    if (status == STATUS_OK)
        status = put_version(&reindex, true, error);
    arena_destroy(&reindex.values);
    arena_destroy(&reindex.arena);
    postings_destroy(&reindex.postings);
    options->store->ops->batch_delete(reindex.batch);
    return status;
}
