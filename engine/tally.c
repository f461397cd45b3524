#include "engine/tally.h"

#include <stdlib.h>

enum { TALLY_ROWS_INITIAL = 64 };

void tally_create(struct tally *tally, struct arena *arena)
{
    *tally = (struct tally){.arena = arena};
}

void tally_destroy(struct tally *tally)
{
    table_destroy(&tally->table);
}

static bool grow(struct tally *tally)
{
    size_t capacity = tally->capacity ? 2 * tally->capacity : TALLY_ROWS_INITIAL;
    struct tally_row **grown =
        arena_grow(tally->arena, tally->rows, tally->capacity * sizeof(void *), capacity * sizeof(void *));

    if (!grown)
        return false;
    tally->rows = grown;
    tally->capacity = capacity;
    return true;
}

static struct tally_row *add_row(struct tally *tally, struct slice name)
{
    struct tally_row *row = arena_zalloc(tally->arena, sizeof *row);
    struct slice copy = arena_copy(tally->arena, name);

    if (!row || !copy.data || (tally->count == tally->capacity && !grow(tally)))
        return NULL;
    row->node.key = copy;
    if (!table_insert(&tally->table, &row->node))
        return NULL;
    tally->rows[tally->count++] = row;
    return row;
}

void tally_add(struct tally *tally, struct slice name, bool loosens)
{
    struct table_node *node = table_find(&tally->table, name);
    struct tally_row *row = node ? TABLE_ENTRY(node, struct tally_row, node) : add_row(tally, name);

    if (!row) {
        tally->failed = true;
        return;
    }
    row->count++;
    row->loosened += loosens;
}

static int most_first(const void *a, const void *b)
{
    const struct tally_row *left = *(const struct tally_row *const *)a, *right = *(const struct tally_row *const *)b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return slice_compare(left->node.key, right->node.key);
}

void tally_sort(struct tally *tally)
{
    if (tally->count > 1)
        qsort(tally->rows, tally->count, sizeof(void *), most_first);
}

void tally_write(struct json_writer *w, const struct tally *tally)
{
    json_begin_array(w);
    for (size_t i = 0; i < tally->count; i++) {
        json_begin_object(w);
        json_key(w, "name");
        json_string(w, tally->rows[i]->node.key);
        json_key(w, "changed");
        json_i64(w, (int64_t)tally->rows[i]->count);
        json_key(w, "loosened");
        json_i64(w, (int64_t)tally->rows[i]->loosened);
        json_end_object(w);
    }
    json_end_array(w);
}
