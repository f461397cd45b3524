/* Is the state the fold of the entries? Folds them anew, into memory, and compares row by row. */
#include "state/internal.h"

enum { REBUILD_FLUSH_EVERY = 1024 };

struct rebuild {
    struct state *state;
    struct store *rows;
    struct store_batch *batch;
    uint64_t entries, all;
    state_progress_f progress;
    void *context;
};

static enum status flush(struct rebuild *rebuild, struct error *error)
{
    struct ledger_fold fold = state_fold(rebuild->state);

    fold.flush(fold.context, rebuild->batch);
    if (rebuild->rows->ops->commit(rebuild->rows, rebuild->batch, false, error) != STATUS_OK)
        return error->status;
    fold.durable(fold.context, rebuild->entries);
    return STATUS_OK;
}

static enum status fold_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct rebuild *rebuild = context;
    enum status status = load_apply_entry(rebuild->state, index, record, error);

    rebuild->entries++;
    if (status != STATUS_OK || rebuild->entries % REBUILD_FLUSH_EVERY != 0)
        return status;
    if (rebuild->progress)
        rebuild->progress(rebuild->context, rebuild->entries, rebuild->all);
    return flush(rebuild, error);
}

/* ---- comparing ---- */

struct compare {
    struct store *folded;
    struct arena arena;
    uint64_t rows, found, differences;
    struct error *error;
};

static void note_difference(struct compare *compare, const struct store_visit *row, bool there, struct slice value)
{
    if (compare->differences++ > 0)
        return;
    error_set(compare->error, STATUS_CORRUPT, "", "row '%c' %.*s: kept %.*s, folded %.*s", row->key.data[0],
              (int)(row->key.size > 40 ? 40 : row->key.size - 1), row->key.data + 1,
              (int)(row->value.size > 200 ? 200 : row->value.size), row->value.data, (int)(value.size > 200 ? 200 : value.size),
              there ? value.data : "(none)");
}

static bool compare_row(void *context, const struct store_visit *row)
{
    struct compare *compare = context;
    struct slice value = {0};
    struct error error;
    bool there;

    arena_reset(&compare->arena);
    there = store_get(compare->folded, STORE_STATE, row->key, &compare->arena, &value, &error) == STATUS_OK;
    compare->rows++;
    compare->found += there;
    if (!there || !slice_equal(value, row->value))
        note_difference(compare, row, there, value);
    return true;
}

static bool count_row(void *context, const struct store_visit *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return true;
}

/* Row by row what is kept; and every row that the fold has and the state lacks counts, too. */
static enum status compare_stores(struct store *kept, struct store *folded, uint64_t *rows, uint64_t *differences,
                                  struct error *error)
{
    struct compare compare = {.folded = folded, .error = error};
    const struct slice all = {0};
    uint64_t folded_rows = 0;
    enum status status;

    arena_create(&compare.arena, 16384, 16u << 20);
    status = kept->ops->scan(kept, STORE_STATE, all, all, false, compare_row, &compare, error);
    if (status == STATUS_OK)
        status = folded->ops->scan(folded, STORE_STATE, all, all, false, count_row, &folded_rows, error);
    arena_destroy(&compare.arena);
    *rows = compare.rows;
    *differences = compare.differences + (folded_rows - compare.found);
    return status;
}

static enum status run(struct rebuild *rebuild, struct store *store, struct error *error)
{
    enum status status = state_open_split(rebuild->rows, store, &rebuild->state, error);

    if (status == STATUS_OK)
        status = ledger_store_head(store, &rebuild->all, NULL, error);
    if (status == STATUS_OK)
        status = ledger_each(store, 0, UINT64_MAX, fold_entry, rebuild, error);
    return status == STATUS_OK ? flush(rebuild, error) : status;
}

enum status state_rebuild_compare(struct store *store, struct slice tenant, state_progress_f progress, void *context,
                                  struct state_rebuild *out, struct error *error)
{
    struct rebuild rebuild = {.progress = progress, .context = context};
    enum status status = store_open_memory(&rebuild.rows, error);

    (void)tenant;
    if (status != STATUS_OK)
        return status;
    rebuild.batch = rebuild.rows->ops->batch_new(rebuild.rows);
    status = rebuild.batch ? run(&rebuild, store, error) : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    *out = (struct state_rebuild){.entries = rebuild.entries};
    if (progress && status == STATUS_OK)
        progress(context, rebuild.entries, rebuild.all);
    if (status == STATUS_OK)
        status = compare_stores(store, rebuild.rows, &out->rows, &out->differences, error);
    state_close(rebuild.state);
    if (rebuild.batch)
        rebuild.rows->ops->batch_delete(rebuild.batch);
    rebuild.rows->ops->close(rebuild.rows);
    return status;
}
