/*
 * Which texts of a verdict can be shown where redacted values cannot: those that a rule gives without looking at one. A text is
 * made again from the rule's templates and names alone; one that does not come out the same was made by a function, from a
 * redacted field, or by an error.
 */
#include "policy/bundle.h"
#include "policy/jsonview.h"

#include <stdlib.h>

struct plain {
    const struct policy_bundle *bundle;
    const cJSON *request, *facts;
    struct arena *arena;
};

static bool covers(struct slice outer, struct slice inner)
{
    return slice_starts_with(inner, outer) && (inner.size == outer.size || inner.data[outer.size] == '.');
}

/* A field is not plain when it is redacted, and when something in it is. */
static bool path_is_plain(const struct policy_bundle *bundle, uint32_t path)
{
    struct slice dotted = bundle->paths[path].dotted;
    size_t i;

    for (i = 0; i < bundle->redacts->count; i++)
        if (covers(bundle->redacts->items[i], dotted) || covers(dotted, bundle->redacts->items[i]))
            return false;
    return true;
}

static const cJSON *value_of(void *context, uint32_t path)
{
    const struct plain *plain = (const struct plain *)context;
    const struct rule_path *known = &plain->bundle->paths[path];
    const cJSON *value = known->of_facts ? plain->facts : plain->request;
    uint64_t work = 0;
    size_t i;

    for (i = 0; i < known->part_count; i++)
        value = jsonview_member(value, known->parts[i], &work);
    return jsonview_is_absent(value) ? NULL : value;
}

static bool template_gives(const struct plain *plain, const struct template *source, struct slice text)
{
    struct buf made;
    size_t i;

    for (i = 0; i < source->count; i++)
        if (source->parts[i].has_field && !path_is_plain(plain->bundle, source->parts[i].path))
            return false;
    buf_create(&made, plain->arena);
    template_write(source, value_of, (void *)(uintptr_t)plain, &made);
    return !made.failed && slice_equal(buf_slice(&made), text);
}

static bool texts_give(const struct plain *plain, const struct rule_texts *source, struct slice text)
{
    size_t i;

    for (i = 0; i < source->count; i++)
        if (template_gives(plain, &source->items[i], text))
            return true;
    return false;
}

static const struct rule *find_rule(const struct policy_bundle *bundle, struct slice name)
{
    size_t low = 0, high = bundle->rule_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(bundle->rules[middle].name, name);

        if (order == 0)
            return &bundle->rules[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool policy_text_is_plain(const struct policy_bundle *bundle, const cJSON *request_view, const cJSON *facts_json,
                          struct arena *arena, struct slice rule_name, struct slice text)
{
    const struct plain plain = {.bundle = bundle, .request = request_view, .facts = facts_json, .arena = arena};
    const struct rule *rule = find_rule(bundle, rule_name);
    struct slice applies;

    if (bundle->redacts == NULL)
        return true;
    if (rule == NULL)
        return false;
    if (texts_give(&plain, &rule->because, text) || texts_give(&plain, &rule->next_steps, text) ||
        texts_give(&plain, &rule->alternatives, text) || slice_equal(rule->description, text))
        return true;
    applies = arena_printf(arena, "Rule %.*s applies", SLICE_ARG(rule_name)); /* compose.c, without reasons */
    return applies.data != NULL && slice_equal(applies, text);
}
