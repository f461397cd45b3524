#include "cli/tally.h"

#include "cli/show.h"

#include <stdlib.h>

void tally_create(struct tally *tally, struct arena *arena)
{
    *tally = (struct tally){.arena = arena};
}

static struct tally_row *find(struct tally *tally, struct slice name)
{
    struct slice copy;

    for (size_t i = 0; i < tally->count; i++) {
        if (slice_equal(tally->rows[i].name, name))
            return &tally->rows[i];
    }
    if (tally->count == tally->capacity) {
        size_t capacity = tally->capacity ? 2 * tally->capacity : 64;
        struct tally_row *grown =
            arena_grow(tally->arena, tally->rows, tally->capacity * sizeof *grown, capacity * sizeof *grown);

        if (!grown)
            return NULL;
        tally->rows = grown;
        tally->capacity = capacity;
    }
    copy = arena_copy(tally->arena, name);
    if (!copy.data)
        return NULL;
    tally->rows[tally->count] = (struct tally_row){.name = copy};
    return &tally->rows[tally->count++];
}

void tally_add(struct tally *tally, struct slice name, bool loosens)
{
    struct tally_row *row = find(tally, name);

    if (row) {
        row->count++;
        row->loosened += loosens;
    }
}

static int most_first(const void *a, const void *b)
{
    const struct tally_row *left = a, *right = b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return slice_compare(left->name, right->name);
}

void tally_sort(struct tally *tally)
{
    if (tally->count > 1)
        qsort(tally->rows, tally->count, sizeof *tally->rows, most_first);
}

void tally_write(struct json_writer *w, const struct tally *tally)
{
    json_begin_array(w);
    for (size_t i = 0; i < tally->count; i++) {
        json_begin_object(w);
        json_key(w, "name");
        json_string(w, tally->rows[i].name);
        json_key(w, "changed");
        json_i64(w, (int64_t)tally->rows[i].count);
        json_key(w, "loosened");
        json_i64(w, (int64_t)tally->rows[i].loosened);
        json_end_object(w);
    }
    json_end_array(w);
}

void tally_print(const char *title, const struct tally *tally, size_t max)
{
    if (tally->count == 0)
        return;
    printf("\n%-44s %8s %8s\n", title, "changed", "looser");
    for (size_t i = 0; i < tally->count && i < max; i++) {
        show_cell(stdout, tally->rows[i].name, 44);
        printf(" %8llu %8llu\n", (unsigned long long)tally->rows[i].count, (unsigned long long)tally->rows[i].loosened);
    }
    if (tally->count > max)
        printf("and %zu more\n", tally->count - max);
}
