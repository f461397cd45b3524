#include "ledger/private.h"

#include "base/u64be.h"

#include <stdlib.h>

enum { INDEX_SIZE = 8, RANGE_SIZE = 2 * INDEX_SIZE };

static const struct slice scrub_key = {"scrub", 5};

struct private_key {
    char data[INDEX_SIZE + LEDGER_PRIVATE_PATH_MAX];
    size_t size;
};

static bool make_key(uint64_t index, struct slice path, struct private_key *key)
{
    if (path.size == 0 || path.size > LEDGER_PRIVATE_PATH_MAX)
        return false;
    u64be_put(key->data, index);
    memcpy(key->data + INDEX_SIZE, path.data, path.size);
    key->size = INDEX_SIZE + path.size;
    return true;
}

/* ---- reading ---- */

enum status private_read(struct store *store, uint64_t index, struct slice path, struct arena *arena, struct slice *value,
                         struct error *error)
{
    struct private_key key;

    if (!make_key(index, path, &key))
        return error_set(error, STATUS_NOT_FOUND, "", "no such value");
    return store_get(store, STORE_PRIVATE, slice_from(key.data, key.size), arena, value, error);
}

struct each {
    private_visit_f visit;
    void *context;
    bool damaged;
};

static bool each_row(void *context, const struct store_visit *visit)
{
    struct each *each = context;
    struct private_row row = {.value = visit->value};

    if (visit->key.size <= INDEX_SIZE) {
        each->damaged = true;
        return false;
    }
    row.index = u64be_get(visit->key.data);
    row.path = slice_sub(visit->key, INDEX_SIZE, SIZE_MAX);
    return each->visit(each->context, &row);
}

enum status private_each(struct store *store, uint64_t from, uint64_t to, private_visit_f visit, void *context,
                         struct error *error)
{
    struct each each = {.visit = visit, .context = context};
    char first[INDEX_SIZE], last[INDEX_SIZE];
    enum status status;

    u64be_put(first, from);
    u64be_put(last, to);
    status =
        store->ops->scan(store, STORE_PRIVATE, slice_from(first, INDEX_SIZE),
                         to == UINT64_MAX ? (struct slice){0} : slice_from(last, INDEX_SIZE), false, each_row, &each, error);
    if (status == STATUS_OK && each.damaged)
        status = error_set(error, STATUS_CORRUPT, "", "a row beside the records has no valid key");
    return status;
}

/* ---- ranges ---- */

static bool is_empty(struct scrub_range range)
{
    return range.from == range.to;
}

static struct scrub_range join(struct scrub_range a, struct scrub_range b)
{
    if (is_empty(a) || is_empty(b))
        return is_empty(a) ? b : a;
    return (struct scrub_range){.from = a.from < b.from ? a.from : b.from, .to = a.to > b.to ? a.to : b.to};
}

void scrub_create(struct scrub *scrub)
{
    *scrub = (struct scrub){0};
    pthread_mutex_init(&scrub->mutex, NULL);
}

void scrub_destroy(struct scrub *scrub)
{
    pthread_mutex_destroy(&scrub->mutex);
}

enum status scrub_load(struct scrub *scrub, struct store *store, struct error *error)
{
    struct arena arena;
    struct slice row;
    enum status status;

    arena_create(&arena, 128, 1024);
    status = store_get(store, STORE_META, scrub_key, &arena, &row, error);
    if (status == STATUS_OK && row.size != RANGE_SIZE)
        status = error_set(error, STATUS_CORRUPT, "", "the row that names what is to be scrubbed is damaged");
    if (status == STATUS_OK) {
        scrub->row = true;
        scrub->wanted = (struct scrub_range){.from = u64be_get(row.data), .to = u64be_get(row.data + INDEX_SIZE)};
    }
    arena_destroy(&arena);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- writing: the sequencer's thread ---- */

bool private_write(struct scrub *scrub, struct store_batch *batch, const struct ledger_txn *txn)
{
    struct private_key key;

    for (size_t i = 0; i < txn->private_count; i++) {
        if (!make_key(txn->entries[0].index, txn->privates[i].path, &key))
            return false;
        store_put(batch, STORE_PRIVATE, slice_from(key.data, key.size), txn->privates[i].value);
    }
    for (size_t i = 0; i < txn->erasure_count; i++) {
        const struct ledger_erasure *erasure = &txn->erasures[i];

        if (!make_key(erasure->index, erasure->path, &key))
            return false;
        batch->ops->remove(batch, STORE_PRIVATE, slice_from(key.data, key.size));
        scrub->group = join(scrub->group, (struct scrub_range){erasure->index, erasure->index + 1});
    }
    return true;
}

void private_erase_range(struct scrub *scrub, struct store_batch *batch, uint64_t from, uint64_t to)
{
    char first[INDEX_SIZE], last[INDEX_SIZE];

    u64be_put(first, from);
    u64be_put(last, to);
    batch->ops->remove_range(batch, STORE_PRIVATE, slice_from(first, INDEX_SIZE), slice_from(last, INDEX_SIZE));
    scrub->group = join(scrub->group, (struct scrub_range){from, to});
}

/* The row goes with the next group after a scrub; until then a restart would only do it once more. */
void scrub_write(struct scrub *scrub, struct store_batch *batch)
{
    char row[RANGE_SIZE];
    struct scrub_range range;
    bool done;

    if (is_empty(scrub->group) && !scrub->row)
        return;
    pthread_mutex_lock(&scrub->mutex);
    range = join(scrub->wanted, scrub->group);
    done = scrub->done;
    scrub->done = false;
    pthread_mutex_unlock(&scrub->mutex);
    if (!is_empty(scrub->group)) {
        u64be_put(row, range.from);
        u64be_put(row + INDEX_SIZE, range.to);
        store_put(batch, STORE_META, scrub_key, slice_from(row, sizeof row));
        scrub->row = true;
    } else if (done) {
        batch->ops->remove(batch, STORE_META, scrub_key);
        scrub->row = false;
    }
}

void scrub_committed(struct scrub *scrub)
{
    if (is_empty(scrub->group))
        return;
    pthread_mutex_lock(&scrub->mutex);
    scrub->wanted = join(scrub->wanted, scrub->group);
    scrub->commits++;
    pthread_mutex_unlock(&scrub->mutex);
    scrub->group = (struct scrub_range){0};
}

/* ---- scrubbing ---- */

bool scrub_is_wanted(struct scrub *scrub)
{
    bool wanted;

    pthread_mutex_lock(&scrub->mutex);
    wanted = !is_empty(scrub->wanted);
    pthread_mutex_unlock(&scrub->mutex);
    return wanted;
}

enum status scrub_run(struct scrub *scrub, struct store *store, struct error *error)
{
    char from[INDEX_SIZE], to[INDEX_SIZE];
    struct scrub_range range;
    uint64_t commits;
    enum status status;

    pthread_mutex_lock(&scrub->mutex);
    range = scrub->wanted;
    commits = scrub->commits;
    pthread_mutex_unlock(&scrub->mutex);
    if (is_empty(range))
        return STATUS_OK;
    u64be_put(from, range.from);
    u64be_put(to, range.to);
    status = store->ops->scrub(store, STORE_PRIVATE, slice_from(from, sizeof from), slice_from(to, sizeof to), error);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&scrub->mutex);
    if (scrub->commits == commits) { /* else more was erased meanwhile, and this has to be done again */
        scrub->wanted = (struct scrub_range){0};
        scrub->done = true;
    }
    pthread_mutex_unlock(&scrub->mutex);
    return STATUS_OK;
}
