/*
 * What the log has beyond RocksDB's files, for reading without writing: batches are taken apart and laid over the files in
 * memory. The form of a batch is that of RocksDB's db/write_batch.cc: a sequence number (8 bytes), a count (4), then records of
 * a tag, a family (LEB128, where the tag says so), and one or two strings, each with its size before it (LEB128).
 */
#include "ledger/leb128.h"
#include "ledger/rocks.h"

#include <stdlib.h>

enum { BATCH_HEAD = 12, KEYS_INITIAL = 4096 };
enum tag {
    TAG_DELETE = 0x00,
    TAG_PUT = 0x01,
    TAG_FAMILY_DELETE = 0x04,
    TAG_FAMILY_PUT = 0x05,
    TAG_FAMILY_DELETE_RANGE = 0x0E,
    TAG_DELETE_RANGE = 0x0F
};

struct operation {
    int family; /* in `families`; -1: none of ours */
    unsigned char tag;
    struct slice key, value; /* value: or the end of a range */
};

rocksdb_iterator_t *rocks_iterator(struct rocks_store *store, enum store_family family)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(store->db, store->read, store->families[family]);

    return store->overlay
               ? rocksdb_writebatch_wi_create_iterator_with_base_cf(store->overlay, iterator, store->families[family])
               : iterator;
}

/* ---- taking a batch apart ---- */

static int family_of(const struct rocks_store *store, uint64_t id)
{
    for (int f = 0; f < STORE_FAMILY_COUNT; f++) {
        if (rocksdb_column_family_handle_get_id(store->families[f]) == id)
            return f;
    }
    return -1;
}

static bool take_string(struct slice *rest, struct slice *string)
{
    uint64_t size;

    if (!leb128_take(rest, &size) || size > rest->size)
        return false;
    *string = slice_sub(*rest, 0, size);
    *rest = slice_sub(*rest, size, SIZE_MAX);
    return true;
}

static bool take_operation(const struct rocks_store *store, struct slice *rest, struct operation *operation)
{
    uint64_t id = 0;
    bool named, paired;

    operation->tag = (unsigned char)rest->data[0];
    *rest = slice_sub(*rest, 1, SIZE_MAX);
    named =
        operation->tag == TAG_FAMILY_PUT || operation->tag == TAG_FAMILY_DELETE || operation->tag == TAG_FAMILY_DELETE_RANGE;
    paired = operation->tag != TAG_DELETE && operation->tag != TAG_FAMILY_DELETE;
    if (!named && operation->tag != TAG_PUT && operation->tag != TAG_DELETE && operation->tag != TAG_DELETE_RANGE)
        return false;
    if (named && !leb128_take(rest, &id))
        return false;
    operation->family = family_of(store, id);
    return operation->family >= 0 && take_string(rest, &operation->key) && (!paired || take_string(rest, &operation->value));
}

/* ---- ranges ---- */

/* Sizes and bytes of keys, one after the other. */
struct keys {
    char *bytes;
    size_t size, capacity;
};

static bool add_key(struct keys *keys, struct slice key)
{
    size_t needed = keys->size + sizeof key.size + key.size;

    if (needed > keys->capacity) {
        size_t capacity = needed > KEYS_INITIAL ? needed * 2 : KEYS_INITIAL;
        char *grown = realloc(keys->bytes, capacity);

        if (!grown)
            return false;
        keys->bytes = grown;
        keys->capacity = capacity;
    }
    memcpy(keys->bytes + keys->size, &key.size, sizeof key.size);
    memcpy(keys->bytes + keys->size + sizeof key.size, key.data, key.size);
    keys->size = needed;
    return true;
}

static enum status find_keys(struct rocks_store *store, const struct operation *range, struct keys *keys, struct error *error)
{
    rocksdb_iterator_t *iterator = rocks_iterator(store, (enum store_family)range->family);
    char *message = NULL;
    bool ok = true;

    rocksdb_iter_seek(iterator, range->key.data, range->key.size);
    for (; ok && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        struct slice key;

        key.data = rocksdb_iter_key(iterator, &key.size);
        if (slice_compare(key, range->value) >= 0)
            break;
        ok = add_key(keys, key);
    }
    rocksdb_iter_get_error(iterator, &message);
    rocksdb_iter_destroy(iterator);
    if (message)
        return rocks_failed(error, STATUS_IO, "", message);
    return ok ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

/* The overlay knows no ranges: their keys are removed one by one. */
static enum status remove_range(struct rocks_store *store, const struct operation *range, struct error *error)
{
    struct keys keys = {0};
    enum status status = find_keys(store, range, &keys, error);

    for (size_t at = 0; status == STATUS_OK && at < keys.size;) {
        size_t size;

        memcpy(&size, keys.bytes + at, sizeof size);
        rocksdb_writebatch_wi_delete_cf(store->overlay, store->families[range->family], keys.bytes + at + sizeof size, size);
        at += sizeof size + size;
    }
    free(keys.bytes);
    return status;
}

/* ---- the whole ---- */

static enum status apply(struct rocks_store *store, const struct operation *operation, struct error *error)
{
    rocksdb_column_family_handle_t *family = store->families[operation->family];

    switch ((enum tag)operation->tag) {
    case TAG_PUT:
    case TAG_FAMILY_PUT:
        rocksdb_writebatch_wi_put_cf(store->overlay, family, operation->key.data, operation->key.size, operation->value.data,
                                     operation->value.size);
        return STATUS_OK;
    case TAG_DELETE:
    case TAG_FAMILY_DELETE:
        rocksdb_writebatch_wi_delete_cf(store->overlay, family, operation->key.data, operation->key.size);
        return STATUS_OK;
    case TAG_FAMILY_DELETE_RANGE:
    case TAG_DELETE_RANGE:
        return remove_range(store, operation, error);
    }
    return error_set(error, STATUS_INTERNAL, "", "an operation of a batch that take_operation let through");
}

enum status rocks_overlay_apply(struct rocks_store *store, struct slice batch, struct error *error)
{
    struct slice rest = slice_sub(batch, BATCH_HEAD, SIZE_MAX);
    struct operation operation;
    enum status status = STATUS_OK;

    if (!store->overlay)
        store->overlay = rocksdb_writebatch_wi_create(0, 1);
    while (status == STATUS_OK && rest.size > 0) {
        if (!take_operation(store, &rest, &operation))
            return error_set(error, STATUS_CORRUPT, "", "a batch in the write-ahead log has a form that is not known here");
        status = apply(store, &operation, error);
    }
    return status;
}
