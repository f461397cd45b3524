#include "ledger/walk.h"

#include "base/u64be.h"
#include "ledger/index_rows.h"
#include "ledger/leb128.h"

#include <stdlib.h>

enum { WALK_ROW_INDICES = 256 };

void walk_create(struct walk *walk, struct store *store, uint64_t size, const struct ledger_term *term)
{
    *walk = (struct walk){.store = store, .size = size, .term = *term};
    walk->prefix_size = postings_key(term->kind, term->value, NULL, walk->prefix);
}

void walk_destroy(struct walk *walk)
{
    free(walk->indices);
    free(walk->recent);
}

/* ---- one row ---- */

static bool walk_push(struct walk *walk, uint64_t index)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? walk->capacity * 2 : WALK_ROW_INDICES;
        uint64_t *grown = realloc(walk->indices, capacity * sizeof *grown);

        if (!grown) {
            walk->out_of_memory = true;
            return false;
        }
        walk->indices = grown;
        walk->capacity = capacity;
    }
    walk->indices[walk->count++] = index;
    return true;
}

static void walk_read_deltas(struct walk *walk, uint64_t index, struct slice value)
{
    uint64_t delta;

    while (value.size > 0) {
        if (!leb128_take(&value, &delta)) {
            walk->damaged = true;
            return;
        }
        index += delta;
        if (!walk_push(walk, index))
            return;
    }
}

static bool walk_take_row(void *context, const struct store_visit *row)
{
    struct walk *walk = context;
    uint64_t first;

    walk->reads++;
    walk->count = 0;
    if (row->key.size != walk->prefix_size + 8) {
        walk->damaged = true;
        return false;
    }
    first = u64be_get(row->key.data + walk->prefix_size);
    if (walk_push(walk, first))
        walk_read_deltas(walk, first, row->value);
    return false; /* one row at a time */
}

/* The first row whose key's index is in [from, to], or the last one with `down`. Without one the walk has no row. */
static enum status walk_load(struct walk *walk, uint64_t from, uint64_t to, bool down, struct error *error)
{
    char first[POSTINGS_KEY_MAX], past[POSTINGS_KEY_MAX + 1];
    enum status status;

    memcpy(first, walk->prefix, walk->prefix_size);
    memcpy(past, walk->prefix, walk->prefix_size);
    u64be_put(first + walk->prefix_size, from);
    u64be_put(past + walk->prefix_size, to);
    past[walk->prefix_size + 8] = '\0'; /* the scan ends before its bound: just past `to` */
    walk->count = 0;
    status = walk->store->ops->scan(walk->store, STORE_POSTINGS, slice_from(first, walk->prefix_size + 8),
                                    slice_from(past, walk->prefix_size + 9), down, walk_take_row, walk, error);
    if (status != STATUS_OK)
        return index_unreadable(error, "terms");
    if (walk->out_of_memory)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK && walk->damaged)
        status = error_set(error, STATUS_CORRUPT, "",
                           "a row of the ledger's index is damaged; stop edictd and run edict ledger reindex");
    return status;
}

/* ---- rows by term ---- */

/* How many of the ascending indices lie below `at`. */
static size_t rank(const uint64_t *indices, size_t count, uint64_t at)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (indices[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The index nearest to `at` in its direction; false: none. */
static bool nearest(const uint64_t *indices, size_t count, uint64_t at, bool down, uint64_t *index)
{
    size_t place = rank(indices, count, at);

    if (down && (place == count || indices[place] != at)) {
        if (place == 0)
            return false;
        place--;
    }
    if (place == count)
        return false;
    *index = indices[place];
    return true;
}

static bool walk_covers(const struct walk *walk, uint64_t at)
{
    return walk->count > 0 && walk->indices[0] <= at && at <= walk->indices[walk->count - 1];
}

static enum status rows_seek(struct walk *walk, uint64_t at, bool down, uint64_t *index, bool *found, struct error *error)
{
    /* Just past the row at hand: the next row begins at or after `at`. */
    bool follows = !down && walk->count > 0 && walk->indices[walk->count - 1] + 1 == at;
    enum status status = STATUS_OK;

    if (!walk_covers(walk, at) && !follows)
        status = walk_load(walk, 0, at, true, error);
    if (status == STATUS_OK && !down && !walk_covers(walk, at))
        status = walk_load(walk, at, UINT64_MAX, false, error);
    *found = status == STATUS_OK && nearest(walk->indices, walk->count, at, down, index);
    return status;
}

/* ---- both kinds ---- */

/*
 * Groups are merged into rows by term while a query runs. What was merged before the groups are read here is in rows that are
 * read from here on, so the row at hand is forgotten; what is merged after that is in both.
 */
static enum status read_recent(struct walk *walk, struct error *error)
{
    walk->recent_read = true;
    walk->count = 0;
    return recent_read(walk->store, walk->size, walk->term.kind, walk->term.value, &walk->recent, &walk->recent_count, error);
}

/* Rows by term hold nothing newer than the oldest of the groups' that is not among these, too. */
static enum status seek_down(struct walk *walk, uint64_t at, uint64_t *index, bool *found, struct error *error)
{
    enum status status = STATUS_OK;

    if (!walk->recent_read && at >= recent_from(walk->size))
        status = read_recent(walk, error);
    *found = nearest(walk->recent, walk->recent_count, at, true, index);
    return status == STATUS_OK && !*found ? rows_seek(walk, at, true, index, found, error) : status;
}

static enum status seek_up(struct walk *walk, uint64_t at, uint64_t *index, bool *found, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t recent;

    *found = false;
    if (!walk->recent_read && at < recent_from(walk->size)) {
        status = rows_seek(walk, at, false, index, found, error);
        if (status != STATUS_OK || (*found && *index < recent_from(walk->size)))
            return status;
    }
    if (!walk->recent_read)
        status = read_recent(walk, error);
    if (status != STATUS_OK)
        return status;
    if (walk->recent_count == 0 || at < walk->recent[0])
        status = rows_seek(walk, at, false, index, found, error);
    if (status == STATUS_OK && nearest(walk->recent, walk->recent_count, at, false, &recent) && (!*found || recent < *index)) {
        *index = recent;
        *found = true;
    }
    return status;
}

enum status walk_seek(struct walk *walk, uint64_t at, bool down, uint64_t *index, bool *found, struct error *error)
{
    *found = false;
    return down ? seek_down(walk, at, index, found, error) : seek_up(walk, at, index, found, error);
}
