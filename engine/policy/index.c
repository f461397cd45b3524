#include "policy/index.h"

#include "policy/jsonview.h"

#include <math.h>
#include <stdlib.h>

/*
 * Rules are grouped by the operation they name (a rule that names several is in several groups, one that names none in the
 * group "any"). Inside a group each rule is filed under one further field that it compares with given values: the one that
 * fewest rules of the group share. A rule without such a field is in the group's plain list.
 */

enum { NO_FIELD = 0xffffffff, ABSENT_TYPE = 'a', ANY_GROUP = 0 };

/* A value to file under: text, number or boolean; or the field's absence. */
struct index_key {
    uint32_t group, field;
    char type; /* 't', 'n', 'b', ABSENT_TYPE, or '-' for the group's plain list */
    struct slice text;
    double number;
};

struct index_slot {
    struct index_key key;
    uint32_t count, filled; /* rules under this key */
    uint32_t *rules;        /* NULL: an empty slot of the table when count is 0, too */
    bool used;
};

struct index_group {
    struct slice operation; /* empty: any */
    uint32_t *fields;       /* the paths that rules of this group are filed under */
    size_t field_count;
};

struct index {
    struct index_slot *slots; /* open addressing; a power of two */
    size_t slot_count, used;
    struct index_group *groups; /* groups[0] is "any" */
    size_t group_count;
    uint32_t *group_table; /* operation to group, open addressing; 0 empty, else the group's number */
    size_t group_table_size;
    uint32_t operation_path; /* or NO_FIELD */
};

static uint64_t key_hash(const struct index_key *key)
{
    uint64_t seed =
        ((uint64_t)key->group << 32 | key->field) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(unsigned char)key->type;

    return key->type == 't' ? slice_hash(key->text, seed) : slice_hash(slice_from(&key->number, sizeof key->number), seed);
}

static bool key_equal(const struct index_key *a, const struct index_key *b)
{
    return a->group == b->group && a->field == b->field && a->type == b->type && a->number == b->number &&
           slice_equal(a->text, b->text);
}

/* The slot of `key`, or the empty one where it would go. */
static struct index_slot *find_slot(const struct index *index, const struct index_key *key)
{
    uint64_t hash = key_hash(key);
    size_t at = (size_t)(hash ^ hash >> 29) & (index->slot_count - 1);

    while (index->slots[at].used && !key_equal(&index->slots[at].key, key))
        at = (at + 1) & (index->slot_count - 1);
    return &index->slots[at];
}

/* ---- keys ---- */

static struct index_key plain_key(uint32_t group)
{
    return (struct index_key){.group = group, .field = NO_FIELD, .type = '-'};
}

/* Whether a value can be filed under: a scalar. */
static bool value_key(const struct match_value *value, struct index_key *key)
{
    switch (value->kind) {
    case MATCH_TEXT:
        key->type = 't';
        key->text = value->text;
        return true;
    case MATCH_NUMBER:
        key->type = 'n';
        key->number = value->number == 0 ? 0 : value->number; /* no negative zero */
        return true;
    case MATCH_BOOLEAN:
        key->type = 'b';
        key->number = value->flag ? 1 : 0;
        return true;
    default:
        return false;
    }
}

static bool key_of_json(const cJSON *json, struct index_key *key)
{
    key->text = (struct slice){0};
    key->number = 0;
    if (json == NULL) {
        key->type = ABSENT_TYPE;
    } else if (jsonview_is_text(json)) {
        key->type = 't';
        key->text = jsonview_text(json);
    } else if (jsonview_is_number(json)) {
        key->type = 'n';
        key->number = json->valuedouble == 0 ? 0 : json->valuedouble;
    } else if ((json->type & 0xff) == cJSON_True || (json->type & 0xff) == cJSON_False) {
        key->type = 'b';
        key->number = (json->type & 0xff) == cJSON_True ? 1 : 0;
    } else {
        return false;
    }
    return true;
}

static size_t value_count(const struct match_value *value)
{
    return value->kind == MATCH_ANY ? value->item_count : 1;
}

static const struct match_value *value_at(const struct match_value *value, size_t i)
{
    return value->kind == MATCH_ANY ? &value->items[i] : value;
}

/* A field all of whose alternatives are scalars, of a kind that compares as the index does (amounts of money do not). */
static bool is_indexable(const struct policy_bundle *bundle, const struct match_field *field)
{
    struct index_key key;
    size_t i;

    if (bundle->paths[field->path].is_money)
        return false;
    for (i = 0; i < value_count(&field->value); i++)
        if (!value_key(value_at(&field->value, i), &key))
            return false;
    return true;
}

/* ---- building ---- */

struct builder {
    struct arena *arena;
    const struct policy_bundle *bundle;
    struct index *index;
    size_t group_capacity;
};

static const struct match_field *operation_field(const struct builder *builder, const struct rule *rule)
{
    size_t i;

    for (i = 0; i < rule->match.count; i++)
        if (rule->match.fields[i].path == builder->index->operation_path && !rule->match.fields[i].required &&
            is_indexable(builder->bundle, &rule->match.fields[i]))
            return &rule->match.fields[i];
    return NULL;
}

/* Counts one more rule under `key`, making its slot. */
static bool count_key(struct builder *builder, const struct index_key *key)
{
    struct index *index = builder->index;
    struct index_slot *slot;

    if ((index->used + 1) * 2 > index->slot_count) {
        struct index_slot *old = index->slots;
        size_t old_count = index->slot_count, i;

        index->slot_count = old_count ? old_count * 2 : 256;
        index->slots = (struct index_slot *)arena_array(builder->arena, index->slot_count, sizeof *index->slots);
        if (index->slots == NULL)
            return false;
        for (i = 0; i < old_count; i++)
            if (old[i].used)
                *find_slot(index, &old[i].key) = old[i];
    }
    slot = find_slot(index, key);
    if (!slot->used) {
        slot->key = *key;
        slot->used = true;
        index->used++;
    }
    slot->count++;
    return true;
}

static uint32_t find_group(const struct index *index, struct slice operation)
{
    size_t at;

    if (index->group_table_size == 0)
        return ANY_GROUP;
    at = slice_hash(operation, 0) & (index->group_table_size - 1);
    for (; index->group_table[at] != 0; at = (at + 1) & (index->group_table_size - 1))
        if (slice_equal(index->groups[index->group_table[at]].operation, operation))
            return index->group_table[at];
    return ANY_GROUP;
}

static bool grow_groups(struct builder *builder)
{
    struct index *index = builder->index;
    size_t capacity = builder->group_capacity ? builder->group_capacity * 2 : 16, i;

    index->groups = (struct index_group *)arena_grow(
        builder->arena, index->groups, builder->group_capacity * sizeof *index->groups, capacity * sizeof *index->groups);
    index->group_table = (uint32_t *)arena_array(builder->arena, capacity * 2, sizeof *index->group_table);
    if (index->groups == NULL || index->group_table == NULL)
        return false;
    builder->group_capacity = capacity;
    index->group_table_size = capacity * 2;
    for (i = 1; i < index->group_count; i++) {
        size_t at = slice_hash(index->groups[i].operation, 0) & (index->group_table_size - 1);

        while (index->group_table[at] != 0)
            at = (at + 1) & (index->group_table_size - 1);
        index->group_table[at] = (uint32_t)i;
    }
    return true;
}

static bool add_group(struct builder *builder, struct slice operation)
{
    struct index *index = builder->index;
    size_t at;

    if (index->group_count == builder->group_capacity && !grow_groups(builder))
        return false;
    if (index->group_count != ANY_GROUP) {
        at = slice_hash(operation, 0) & (index->group_table_size - 1);
        while (index->group_table[at] != 0)
            at = (at + 1) & (index->group_table_size - 1);
        index->group_table[at] = (uint32_t)index->group_count;
    }
    index->groups[index->group_count++] = (struct index_group){.operation = operation};
    return true;
}

typedef bool (*visit_f)(struct builder *builder, uint32_t rule, uint32_t group);

/* Calls `visit` for each group that each rule belongs to, in order of the rules. */
static bool for_each_membership(struct builder *builder, visit_f visit)
{
    uint32_t i;
    size_t j;

    for (i = 0; i < builder->bundle->rule_count; i++) {
        const struct match_field *field = operation_field(builder, &builder->bundle->rules[i]);

        if (field == NULL) {
            if (!visit(builder, i, ANY_GROUP))
                return false;
            continue;
        }
        for (j = 0; j < value_count(&field->value); j++) {
            const struct match_value *value = value_at(&field->value, j);
            size_t k;

            for (k = 0; k < j; k++) /* a value listed twice is one membership */
                if (value_at(&field->value, k)->kind == value->kind &&
                    slice_equal(value_at(&field->value, k)->text, value->text))
                    break;
            /* A number or boolean is never an operation. */
            if (k == j && value->kind == MATCH_TEXT && !visit(builder, i, find_group(builder->index, value->text)))
                return false;
        }
    }
    return true;
}

static bool make_groups(struct builder *builder)
{
    size_t i, j;

    if (!add_group(builder, (struct slice){0}))
        return false;
    for (i = 0; i < builder->bundle->rule_count; i++) {
        const struct match_field *field = operation_field(builder, &builder->bundle->rules[i]);

        for (j = 0; field != NULL && j < value_count(&field->value); j++) {
            const struct match_value *value = value_at(&field->value, j);

            if (value->kind == MATCH_TEXT && find_group(builder->index, value->text) == ANY_GROUP &&
                !add_group(builder, value->text))
                return false;
        }
    }
    return true;
}

typedef bool (*key_f)(struct builder *builder, const struct index_key *key, uint32_t rule);

/* Calls `visit` for each key that `rule` would have in `group` under `field`. */
static bool for_each_key(struct builder *builder, uint32_t rule, uint32_t group, const struct match_field *field, key_f visit)
{
    struct index_key key = {.group = group, .field = field->path};
    size_t i, k;

    for (i = 0; i < value_count(&field->value); i++) {
        struct index_key earlier = key;

        (void)value_key(value_at(&field->value, i), &key);
        for (k = 0; k < i; k++) {
            earlier = (struct index_key){.group = group, .field = field->path};
            (void)value_key(value_at(&field->value, k), &earlier);
            if (key_equal(&earlier, &key))
                break;
        }
        if (k == i && !visit(builder, &key, rule))
            return false;
        key = (struct index_key){.group = group, .field = field->path};
    }
    if (!field->required)
        return true;
    key.type = ABSENT_TYPE; /* the rule counts, or asks, when the field is absent */
    return visit(builder, &key, rule);
}

static bool count_visit(struct builder *builder, const struct index_key *key, uint32_t rule)
{
    (void)rule;
    return count_key(builder, key);
}

static bool can_file_under(const struct builder *builder, const struct match_field *field)
{
    return field->path != builder->index->operation_path && is_indexable(builder->bundle, field);
}

/* First pass: how many rules share each possible key. */
static bool count_all(struct builder *builder, uint32_t rule, uint32_t group)
{
    const struct match *match = &builder->bundle->rules[rule].match;
    size_t i;

    for (i = 0; i < match->count; i++)
        if (can_file_under(builder, &match->fields[i]) && !for_each_key(builder, rule, group, &match->fields[i], count_visit))
            return false;
    return true;
}

/* The rules that share a key with this one, over all keys of the field. */
static size_t shared_by(struct builder *builder, uint32_t group, const struct match_field *field)
{
    size_t sum = 0, i;

    for (i = 0; i < value_count(&field->value); i++) {
        struct index_key key = {.group = group, .field = field->path};

        (void)value_key(value_at(&field->value, i), &key);
        sum += find_slot(builder->index, &key)->count;
    }
    return sum;
}

static const struct match_field *best_field(struct builder *builder, uint32_t rule, uint32_t group)
{
    const struct match *match = &builder->bundle->rules[rule].match;
    const struct match_field *best = NULL;
    size_t best_sum = SIZE_MAX, i;

    for (i = 0; i < match->count; i++) {
        size_t sum;

        if (!can_file_under(builder, &match->fields[i]))
            continue;
        sum = shared_by(builder, group, &match->fields[i]);
        if (sum < best_sum) {
            best_sum = sum;
            best = &match->fields[i];
        }
    }
    return best;
}

static bool use_field(struct builder *builder, struct index_group *group, uint32_t path)
{
    size_t i;

    for (i = 0; i < group->field_count; i++)
        if (group->fields[i] == path)
            return true;
    group->fields = (uint32_t *)arena_grow(builder->arena, group->fields, group->field_count * sizeof(uint32_t),
                                           (group->field_count + 1) * sizeof(uint32_t));
    if (group->fields == NULL)
        return false;
    group->fields[group->field_count++] = path;
    return true;
}

/* Second pass: choose, and count only what is chosen. */
static bool choose(struct builder *builder, uint32_t rule, uint32_t group)
{
    const struct match_field *best = best_field(builder, rule, group);
    struct index_key key;

    if (best != NULL)
        return use_field(builder, &builder->index->groups[group], best->path);
    key = plain_key(group);
    return count_key(builder, &key);
}

static bool file_visit(struct builder *builder, const struct index_key *key, uint32_t rule)
{
    struct index_slot *slot = find_slot(builder->index, key);

    if (slot->rules == NULL)
        slot->rules = (uint32_t *)arena_array(builder->arena, slot->count, sizeof *slot->rules);
    if (slot->rules == NULL)
        return false;
    slot->rules[slot->filled++] = rule;
    return true;
}

/* Third pass: file each rule; the counts of the first pass are upper bounds. */
static bool file_rule(struct builder *builder, uint32_t rule, uint32_t group)
{
    const struct match_field *best = best_field(builder, rule, group);
    struct index_key key;

    if (best != NULL)
        return for_each_key(builder, rule, group, best, file_visit);
    key = plain_key(group);
    return file_visit(builder, &key, rule);
}

struct index *index_new(struct arena *arena, const struct policy_bundle *bundle)
{
    struct index *index = (struct index *)arena_zalloc(arena, sizeof *index);
    struct builder builder = {.arena = arena, .bundle = bundle, .index = index};
    uint32_t i;

    if (index == NULL)
        return NULL;
    index->operation_path = NO_FIELD;
    for (i = 0; i < bundle->path_count; i++)
        if (slice_equal(bundle->paths[i].dotted, SLICE("operation")))
            index->operation_path = i;
    if (!make_groups(&builder) || !for_each_membership(&builder, count_all) || !for_each_membership(&builder, choose) ||
        !for_each_membership(&builder, file_rule))
        return NULL;
    return index;
}

/* ---- looking up ---- */

static size_t take_key(const struct index *index, const struct index_key *key, uint32_t *out, size_t count)
{
    const struct index_slot *slot;

    if (index->slot_count == 0)
        return count;
    slot = find_slot(index, key);
    if (!slot->used || slot->filled == 0)
        return count;
    memcpy(out + count, slot->rules, slot->filled * sizeof *out);
    return count + slot->filled;
}

static size_t take_group(const struct index *index, uint32_t number, struct match_input *input, uint32_t *out, size_t count)
{
    const struct index_group *group = &index->groups[number];
    struct index_key key = plain_key(number);
    size_t i;

    count = take_key(index, &key, out, count);
    for (i = 0; i < group->field_count; i++) {
        key = (struct index_key){.group = number, .field = group->fields[i]};
        if (key_of_json(match_input_value(input, group->fields[i]), &key))
            count = take_key(index, &key, out, count);
    }
    return count;
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static void sort_ascending(uint32_t *numbers, size_t count)
{
    size_t i, j;

    if (count > 64) {
        qsort(numbers, count, sizeof *numbers, ascending);
        return;
    }
    for (i = 1; i < count; i++) {
        uint32_t number = numbers[i];

        for (j = i; j > 0 && numbers[j - 1] > number; j--)
            numbers[j] = numbers[j - 1];
        numbers[j] = number;
    }
}

size_t index_candidates(const struct index *index, struct match_input *input, uint32_t *out)
{
    size_t count = take_group(index, ANY_GROUP, input, out, 0);
    uint32_t group = ANY_GROUP;

    if (index->operation_path != NO_FIELD) {
        const cJSON *operation = match_input_value(input, index->operation_path);

        if (jsonview_is_text(operation))
            group = find_group(index, jsonview_text(operation));
    }
    if (group != ANY_GROUP)
        count = take_group(index, group, input, out, count);
    sort_ascending(out, count);
    return count;
}
