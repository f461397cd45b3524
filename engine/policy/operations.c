/* Which operations the rules of a bundle name. */
#include "policy/bundle.h"
#include "proto/request.h"

#include <stdlib.h>

struct operations {
    struct slice *names;
    size_t count, capacity;
    bool failed;
};

static void add(struct operations *operations, struct slice name)
{
    if (operations->count == operations->capacity) {
        size_t capacity = operations->capacity ? operations->capacity * 2 : 64;
        struct slice *names = (struct slice *)realloc(operations->names, capacity * sizeof *names);

        if (names == NULL) {
            operations->failed = true;
            return;
        }
        operations->names = names;
        operations->capacity = capacity;
    }
    operations->names[operations->count++] = name;
}

/* Values of a prefix, a glob or a negation are no operations. */
static void add_value(struct operations *operations, const struct match_value *value)
{
    if (value->kind == MATCH_TEXT && request_operation_is_name(value->text))
        add(operations, value->text);
    if (value->kind != MATCH_ANY && value->kind != MATCH_ALL)
        return;
    for (size_t i = 0; i < value->item_count; i++)
        add_value(operations, &value->items[i]);
}

static void add_match(struct operations *operations, const struct policy_bundle *bundle, const struct match *match)
{
    for (size_t i = 0; i < match->count; i++) {
        const struct rule_path *path = &bundle->paths[match->fields[i].path];

        if (!path->of_facts && slice_equal(path->dotted, SLICE("operation")))
            add_value(operations, &match->fields[i].value);
    }
}

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Sorted, each once, into the bundle's arena. */
static bool keep(struct policy_bundle *bundle, struct operations *operations)
{
    struct slice *kept = (struct slice *)arena_array(&bundle->arena, operations->count + 1, sizeof *kept);
    size_t count = 0;

    if (kept == NULL)
        return false;
    if (operations->count > 1)
        qsort(operations->names, operations->count, sizeof *operations->names, by_bytes);
    for (size_t i = 0; i < operations->count; i++) {
        if (count == 0 || !slice_equal(kept[count - 1], operations->names[i]))
            kept[count++] = operations->names[i];
    }
    bundle->operations = kept;
    bundle->operation_count = count;
    return true;
}

bool bundle_collect_operations(struct policy_bundle *bundle)
{
    struct operations operations = {0};
    bool kept;

    for (size_t i = 0; i < bundle->rule_count; i++) {
        add_match(&operations, bundle, &bundle->rules[i].match);
        for (size_t j = 0; j < bundle->rules[i].except_count; j++)
            add_match(&operations, bundle, &bundle->rules[i].excepts[j]);
    }
    kept = !operations.failed && keep(bundle, &operations);
    free(operations.names);
    return kept;
}

const struct slice *policy_bundle_operations(const struct policy_bundle *bundle, size_t *count)
{
    *count = bundle->operation_count;
    return bundle->operations;
}
