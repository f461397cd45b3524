#include "policy/implies.h"

/* Does the one value that `scalar` stands for satisfy `wide`? */
static bool scalar_satisfies(const struct match_value *scalar, const struct match_value *wide)
{
    switch (wide->kind) {
    case MATCH_TEXT:
        return scalar->kind == MATCH_TEXT && slice_equal(scalar->text, wide->text);
    case MATCH_PREFIX:
        return scalar->kind == MATCH_TEXT && slice_starts_with(scalar->text, wide->text);
    case MATCH_SUFFIX:
        return scalar->kind == MATCH_TEXT && slice_ends_with(scalar->text, wide->text);
    case MATCH_NUMBER:
        return scalar->kind == MATCH_NUMBER && scalar->number == wide->number;
    case MATCH_MIN:
        return scalar->kind == MATCH_NUMBER && scalar->number >= wide->number;
    case MATCH_MAX:
        return scalar->kind == MATCH_NUMBER && scalar->number <= wide->number;
    case MATCH_BOOLEAN:
        return scalar->kind == MATCH_BOOLEAN && scalar->flag == wide->flag;
    default:
        return false;
    }
}

static bool is_scalar(const struct match_value *value)
{
    return value->kind == MATCH_TEXT || value->kind == MATCH_NUMBER || value->kind == MATCH_BOOLEAN;
}

static bool same_operator(const struct match_value *narrow, const struct match_value *wide)
{
    if (narrow->kind != wide->kind)
        return false;
    switch (narrow->kind) {
    case MATCH_PREFIX:
        return slice_starts_with(narrow->text, wide->text);
    case MATCH_SUFFIX:
        return slice_ends_with(narrow->text, wide->text);
    case MATCH_GLOB:
        return slice_equal(narrow->text, wide->text);
    case MATCH_MIN:
        return narrow->number >= wide->number;
    case MATCH_MAX:
        return narrow->number <= wide->number;
    case MATCH_EXISTS:
        return narrow->flag == wide->flag;
    case MATCH_NOT:
        return implies_value(&wide->items[0], &narrow->items[0]);
    default:
        return false;
    }
}

bool implies_value(const struct match_value *narrow, const struct match_value *wide)
{
    size_t i;

    if (narrow->kind == MATCH_ANY) {
        for (i = 0; i < narrow->item_count; i++)
            if (!implies_value(&narrow->items[i], wide))
                return false;
        return true;
    }
    if (wide->kind == MATCH_ALL) {
        for (i = 0; i < wide->item_count; i++)
            if (!implies_value(narrow, &wide->items[i]))
                return false;
        return true;
    }
    if (wide->kind == MATCH_ANY) {
        for (i = 0; i < wide->item_count; i++)
            if (implies_value(narrow, &wide->items[i]))
                return true;
        return false;
    }
    if (narrow->kind == MATCH_ALL) {
        for (i = 0; i < narrow->item_count; i++)
            if (implies_value(&narrow->items[i], wide))
                return true;
        return false;
    }
    if (wide->kind == MATCH_EXISTS && wide->flag)
        return narrow->kind != MATCH_NOT && (narrow->kind != MATCH_EXISTS || narrow->flag);
    return is_scalar(narrow) ? scalar_satisfies(narrow, wide) : same_operator(narrow, wide);
}

bool implies_match(const struct match *narrow, const struct match *wide)
{
    size_t i, j;

    for (i = 0; i < wide->count; i++) {
        for (j = 0; j < narrow->count; j++)
            if (narrow->fields[j].path == wide->fields[i].path)
                break;
        if (j == narrow->count || !implies_value(&narrow->fields[j].value, &wide->fields[i].value))
            return false;
    }
    return true;
}

bool implies_nothing(const struct match_value *value)
{
    const struct match_value *min = NULL, *max = NULL;
    bool absent = false, present = false;
    size_t i;

    if (value->kind == MATCH_ANY) {
        for (i = 0; i < value->item_count; i++)
            if (!implies_nothing(&value->items[i]))
                return false;
        return true;
    }
    if (value->kind != MATCH_ALL)
        return false;
    for (i = 0; i < value->item_count; i++) {
        const struct match_value *item = &value->items[i];

        if (item->kind == MATCH_MIN)
            min = item;
        else if (item->kind == MATCH_MAX)
            max = item;
        if (item->kind == MATCH_EXISTS && !item->flag)
            absent = true;
        else if (item->kind != MATCH_NOT)
            present = true;
    }
    return (absent && present) || (min != NULL && max != NULL && min->number > max->number);
}
