/* The second store: sorted arrays in memory. For tests and tools; the same contract as RocksDB's. */
#include "base/file.h"
#include "ledger/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct memory_row {
    struct slice key, value; /* malloc'ed */
};

struct memory_family {
    struct memory_row *rows; /* by key */
    size_t count, capacity;
};

struct memory_store {
    struct store base;
    pthread_rwlock_t lock;
    struct memory_family families[STORE_FAMILY_COUNT];
};

struct memory_change {
    enum store_family family;
    bool remove;
    bool range; /* remove: all of [key, value) */
    struct slice key, value;
};

struct memory_batch {
    struct store_batch base;
    struct memory_change *changes;
    size_t count, capacity, bytes;
    bool failed;
};

static struct slice copy_parts(const struct slice *parts, size_t count)
{
    size_t size = 0;
    char *data;

    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    data = malloc(size + 1);
    if (!data)
        return (struct slice){0};
    size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0)
            memcpy(data + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    return slice_from(data, size);
}

static void free_slice(struct slice s)
{
    free((void *)(uintptr_t)s.data);
}

/* ---- batches ---- */

static void batch_add(struct store_batch *base, enum store_family family, bool removes, struct slice key,
                      const struct slice *parts, size_t count)
{
    struct memory_batch *batch = (struct memory_batch *)base;
    struct memory_change change = {
        .family = family, .remove = removes, .key = copy_parts(&key, 1), .value = copy_parts(parts, count)};

    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
        struct memory_change *grown = realloc(batch->changes, capacity * sizeof *grown);

        if (grown) {
            batch->changes = grown;
            batch->capacity = capacity;
        }
    }
    if (!change.key.data || !change.value.data || batch->count == batch->capacity) {
        batch->failed = true;
        free_slice(change.key);
        free_slice(change.value);
        return;
    }
    batch->bytes += change.key.size + change.value.size;
    batch->changes[batch->count++] = change;
}

static void memory_put(struct store_batch *batch, enum store_family family, struct slice key, const struct slice *value,
                       size_t count)
{
    batch_add(batch, family, false, key, value, count);
}

static void memory_remove(struct store_batch *batch, enum store_family family, struct slice key)
{
    batch_add(batch, family, true, key, NULL, 0);
}

static void memory_remove_range(struct store_batch *base, enum store_family family, struct slice from, struct slice to)
{
    struct memory_batch *batch = (struct memory_batch *)base;
    size_t count = batch->count;

    batch_add(base, family, true, from, &to, 1);
    if (batch->count > count)
        batch->changes[count].range = true;
}

static void batch_clear(struct memory_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free_slice(batch->changes[i].key);
        free_slice(batch->changes[i].value);
    }
    batch->count = batch->bytes = 0;
    batch->failed = false;
}

static struct store_batch *memory_batch_new(struct store *store)
{
    struct memory_batch *batch = calloc(1, sizeof *batch);

    if (batch)
        batch->base.ops = store->ops;
    return batch ? &batch->base : NULL;
}

static void memory_batch_delete(struct store_batch *base)
{
    struct memory_batch *batch = (struct memory_batch *)base;

    if (!batch)
        return;
    batch_clear(batch);
    free(batch->changes);
    free(batch);
}

static size_t memory_batch_bytes(const struct store_batch *base)
{
    return ((const struct memory_batch *)base)->bytes;
}

/* ---- rows ---- */

/* The first row at or after `key`. */
static size_t family_find(const struct memory_family *family, struct slice key)
{
    size_t low = 0, high = family->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_compare(family->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool family_has(const struct memory_family *family, size_t at, struct slice key)
{
    return at < family->count && slice_equal(family->rows[at].key, key);
}

static bool family_grow(struct memory_family *family)
{
    size_t capacity = family->capacity ? family->capacity * 2 : 64;
    struct memory_row *grown;

    if (family->count < family->capacity)
        return true;
    grown = realloc(family->rows, capacity * sizeof *grown);
    if (!grown)
        return false;
    family->rows = grown;
    family->capacity = capacity;
    return true;
}

static void family_remove_range(struct memory_family *family, struct slice from, struct slice to)
{
    size_t first = family_find(family, from), last = family_find(family, to);

    if (last <= first)
        return;
    for (size_t i = first; i < last; i++) {
        free_slice(family->rows[i].key);
        free_slice(family->rows[i].value);
    }
    memmove(&family->rows[first], &family->rows[last], (family->count - last) * sizeof *family->rows);
    family->count -= last - first;
}

/* Takes the change's memory. */
static void family_apply(struct memory_family *family, struct memory_change *change)
{
    size_t at = family_find(family, change->key);
    bool there = family_has(family, at, change->key);
    struct memory_row *row = &family->rows[at];

    if (change->range) {
        family_remove_range(family, change->key, change->value);
        return;
    }
    if (there) {
        free_slice(row->key);
        free_slice(row->value);
    }
    if (change->remove) {
        if (there)
            memmove(row, row + 1, (--family->count - at) * sizeof *row);
        return;
    }
    if (!there)
        memmove(row + 1, row, (family->count++ - at) * sizeof *row);
    *row = (struct memory_row){.key = change->key, .value = change->value};
    change->key = change->value = (struct slice){0};
}

static bool reserve_rows(struct memory_store *store, const struct memory_batch *batch)
{
    size_t puts[STORE_FAMILY_COUNT] = {0};

    for (size_t i = 0; i < batch->count; i++)
        puts[batch->changes[i].family]++;
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        struct memory_family *family = &store->families[f];
        size_t count = family->count;
        bool grown = true;

        while (grown && family->capacity < count + puts[f]) {
            family->count = family->capacity;
            grown = family_grow(family);
            family->count = count;
        }
        if (!grown)
            return false;
    }
    return true;
}

static enum status memory_commit(struct store *base, struct store_batch *base_batch, bool sync, struct error *error)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_batch *batch = (struct memory_batch *)base_batch;
    bool ok;

    (void)sync;
    pthread_rwlock_wrlock(&store->lock);
    ok = !batch->failed && reserve_rows(store, batch);
    for (size_t i = 0; ok && i < batch->count; i++)
        family_apply(&store->families[batch->changes[i].family], &batch->changes[i]);
    pthread_rwlock_unlock(&store->lock);
    batch_clear(batch);
    return ok ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

static enum status memory_get(struct store *base, enum store_family family, struct slice key, struct arena *arena,
                              struct slice *value, struct error *error)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_family *rows = &store->families[family];
    size_t at;
    enum status status = STATUS_NOT_FOUND;

    pthread_rwlock_rdlock(&store->lock);
    at = family_find(rows, key);
    if (family_has(rows, at, key)) {
        *value = arena_copy(arena, rows->rows[at].value);
        status = value->data ? STATUS_OK : STATUS_NO_MEMORY;
    }
    pthread_rwlock_unlock(&store->lock);
    return status == STATUS_OK ? STATUS_OK
                               : error_set(error, status, "", status == STATUS_NOT_FOUND ? "no such row" : "out of memory");
}

static enum status memory_scan(struct store *base, enum store_family family, struct slice from, struct slice to, bool reverse,
                               store_visit_f visit, void *context, struct error *error)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_family *rows = &store->families[family];
    size_t first, last;

    (void)error;
    pthread_rwlock_rdlock(&store->lock);
    first = family_find(rows, from);
    last = to.size > 0 ? family_find(rows, to) : rows->count;
    for (size_t i = first; i < last; i++) {
        const struct memory_row *row = &rows->rows[reverse ? last - 1 - (i - first) : i];
        const struct store_visit here = {.key = row->key, .value = row->value};

        if (!visit(context, &here))
            break;
    }
    pthread_rwlock_unlock(&store->lock);
    return STATUS_OK;
}

static enum status memory_clear(struct store *base, enum store_family family, struct error *error)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_family *rows = &store->families[family];

    (void)error;
    assert(family != STORE_META);
    pthread_rwlock_wrlock(&store->lock);
    for (size_t i = 0; i < rows->count; i++) {
        free_slice(rows->rows[i].key);
        free_slice(rows->rows[i].value);
    }
    rows->count = 0;
    pthread_rwlock_unlock(&store->lock);
    return STATUS_OK;
}

/* Removed rows are freed at once. */
static enum status memory_scrub(struct store *store, enum store_family family, struct slice from, struct slice to,
                                struct error *error)
{
    (void)store;
    (void)family;
    (void)from;
    (void)to;
    (void)error;
    return STATUS_OK;
}

static enum status fill_copy(struct memory_store *store, struct store *copy, struct error *error)
{
    struct store_batch *batch = copy->ops->batch_new(copy);
    enum status status;

    if (!batch)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    pthread_rwlock_rdlock(&store->lock);
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        for (size_t i = 0; i < store->families[f].count; i++)
            store_put(batch, (enum store_family)f, store->families[f].rows[i].key, store->families[f].rows[i].value);
    }
    pthread_rwlock_unlock(&store->lock);
    status = copy->ops->commit(copy, batch, true, error);
    copy->ops->batch_delete(batch);
    return status;
}

static enum status memory_copy(struct store *base, const char *folder, struct error *error)
{
    struct store *copy = NULL;
    enum status status;

    if (file_exists(folder))
        return error_set(error, STATUS_CONFLICT, folder, "it is there already");
    status = store_open_rocksdb(folder, false, &copy, error);
    if (status != STATUS_OK)
        return status;
    status = fill_copy((struct memory_store *)base, copy, error);
    copy->ops->close(copy);
    return status == STATUS_OK ? file_sync_tree(folder, error) : status;
}

static void memory_close(struct store *base)
{
    struct memory_store *store = (struct memory_store *)base;

    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        for (size_t i = 0; i < store->families[f].count; i++) {
            free_slice(store->families[f].rows[i].key);
            free_slice(store->families[f].rows[i].value);
        }
        free(store->families[f].rows);
    }
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

static enum status memory_health(struct store *base, struct error *error)
{
    (void)base;
    (void)error;
    return STATUS_OK;
}

static const struct store_ops memory_ops = {.put = memory_put,
                                            .remove = memory_remove,
                                            .remove_range = memory_remove_range,
                                            .commit = memory_commit,
                                            .get = memory_get,
                                            .scan = memory_scan,
                                            .scrub = memory_scrub,
                                            .clear = memory_clear,
                                            .copy = memory_copy,
                                            .health = memory_health,
                                            .batch_new = memory_batch_new,
                                            .batch_delete = memory_batch_delete,
                                            .batch_bytes = memory_batch_bytes,
                                            .close = memory_close};

enum status store_open_memory(struct store **out, struct error *error)
{
    struct memory_store *store = calloc(1, sizeof *store);

    if (!store)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    store->base.ops = &memory_ops;
    pthread_rwlock_init(&store->lock, NULL);
    *out = &store->base;
    return STATUS_OK;
}

static bool copy_family(const struct memory_family *from, struct memory_family *to)
{
    to->rows = calloc(from->count + 1, sizeof *to->rows);
    if (!to->rows)
        return false;
    to->capacity = from->count + 1;
    for (; to->count < from->count; to->count++) {
        struct memory_row *row = &to->rows[to->count];

        row->key = copy_parts(&from->rows[to->count].key, 1);
        row->value = copy_parts(&from->rows[to->count].value, 1);
        if (!row->key.data || !row->value.data) {
            free_slice(row->key);
            free_slice(row->value);
            return false;
        }
    }
    return true;
}

enum status store_memory_copy(struct store *base, struct store **out, struct error *error)
{
    struct memory_store *store = (struct memory_store *)base;
    struct store *copy = NULL;
    enum status status = store_open_memory(&copy, error);
    bool ok = status == STATUS_OK;

    pthread_rwlock_rdlock(&store->lock);
    for (int f = 0; f < STORE_FAMILY_COUNT && ok; f++)
        ok = copy_family(&store->families[f], &((struct memory_store *)copy)->families[f]);
    pthread_rwlock_unlock(&store->lock);
    if (ok) {
        *out = copy;
        return STATUS_OK;
    }
    if (copy)
        copy->ops->close(copy);
    return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}
