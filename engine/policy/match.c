#include "policy/match.h"

#include "parse/glob.h"
#include "policy/jsonview.h"
#include "proto/money.h"

static const cJSON *look_up(const struct rule_path *path, const cJSON *from)
{
    uint64_t work = 0;
    size_t i;

    for (i = 0; i < path->part_count && from != NULL; i++)
        from = jsonview_member(from, path->parts[i], &work);
    return jsonview_is_absent(from) ? NULL : from;
}

const cJSON *match_input_value(struct match_input *input, uint32_t path)
{
    if (input->stamps[path] != input->stamp) {
        const struct rule_path *source = &input->paths[path];

        input->values[path] = look_up(source, source->of_facts ? input->facts : input->request);
        input->stamps[path] = input->stamp;
    }
    return input->values[path];
}

/* The number a range compares: a number, or an amount of money in its text form. */
static bool number_of(const cJSON *json, bool is_money, double *out)
{
    int64_t micro;

    if (jsonview_is_number(json)) {
        *out = json->valuedouble;
        return true;
    }
    if (!is_money || !jsonview_is_text(json) || money_parse(jsonview_text(json), true, &micro, NULL) != STATUS_OK)
        return false;
    *out = (double)micro / (double)MONEY_MICRO_PER_USD;
    return true;
}

static bool any_holds(const struct match_value *value, const cJSON *json, bool is_money, bool absent_is_not)
{
    size_t i;

    for (i = 0; i < value->item_count; i++)
        if (match_value_holds(&value->items[i], json, is_money, absent_is_not))
            return true;
    return false;
}

static bool all_hold(const struct match_value *value, const cJSON *json, bool is_money, bool absent_is_not)
{
    size_t i;

    for (i = 0; i < value->item_count; i++)
        if (!match_value_holds(&value->items[i], json, is_money, absent_is_not))
            return false;
    return true;
}

static bool glob_holds(struct slice pattern, struct slice text)
{
    uint64_t work = 0;

    return glob_match(pattern, text, &work) == GLOB_MATCH;
}

static bool number_holds(const struct match_value *value, const cJSON *json, bool is_money)
{
    double number;

    if (!number_of(json, is_money, &number))
        return false;
    if (value->kind == MATCH_NUMBER)
        return number == value->number;
    return value->kind == MATCH_MIN ? number >= value->number : number <= value->number;
}

static bool text_holds(const struct match_value *value, const cJSON *json)
{
    struct slice text;

    if (!jsonview_is_text(json))
        return false;
    text = jsonview_text(json);
    switch (value->kind) {
    case MATCH_PREFIX:
        return slice_starts_with(text, value->text);
    case MATCH_SUFFIX:
        return slice_ends_with(text, value->text);
    case MATCH_GLOB:
        return glob_holds(value->text, text);
    default:
        return slice_equal(text, value->text);
    }
}

static bool not_holds(const struct match_value *value, const cJSON *json, bool is_money, bool absent_is_not)
{
    const struct match_value *inner = &value->items[0];

    if (json == NULL && inner->kind != MATCH_EXISTS)
        return absent_is_not;
    return !match_value_holds(inner, json, is_money, absent_is_not);
}

bool match_value_holds(const struct match_value *value, const cJSON *json, bool is_money, bool absent_is_not)
{
    switch (value->kind) {
    case MATCH_EXISTS:
        return (json != NULL) == value->flag;
    case MATCH_NOT:
        return not_holds(value, json, is_money, absent_is_not);
    case MATCH_ANY:
        return any_holds(value, json, is_money, absent_is_not);
    case MATCH_ALL:
        return all_hold(value, json, is_money, absent_is_not);
    default:
        break;
    }
    if (json == NULL)
        return false;
    switch (value->kind) {
    case MATCH_BOOLEAN:
        return (json->type & 0xff) == (value->flag ? cJSON_True : cJSON_False);
    case MATCH_NUMBER:
    case MATCH_MIN:
    case MATCH_MAX:
        return number_holds(value, json, is_money);
    default:
        return text_holds(value, json);
    }
}

static bool needs_number(const struct match_value *value)
{
    size_t i;

    if (value->kind == MATCH_MIN || value->kind == MATCH_MAX)
        return true;
    for (i = 0; value->kind == MATCH_ALL && i < value->item_count; i++)
        if (needs_number(&value->items[i]))
            return true;
    return false;
}

static bool field_is_missing(struct match_input *input, const struct match_field *field)
{
    const cJSON *json = match_input_value(input, field->path);
    double number;

    return json == NULL || (needs_number(&field->value) && !number_of(json, input->paths[field->path].is_money, &number));
}

bool match_is_missing(struct match_input *input, const struct match *match, uint32_t path)
{
    size_t i;

    for (i = 0; i < match->count; i++)
        if (match->fields[i].path == path && field_is_missing(input, &match->fields[i]))
            return true;
    return match_input_value(input, path) == NULL;
}

bool match_holds(struct match_input *input, const struct match *match, struct match_mode mode,
                 const struct match_field **failed)
{
    size_t i;

    for (i = 0; i < match->count; i++) {
        const struct match_field *field = &match->fields[i];

        if (mode.skip_missing && field->required && field_is_missing(input, field))
            continue;
        if (!match_value_holds(&field->value, match_input_value(input, field->path), input->paths[field->path].is_money,
                               mode.absent_is_not)) {
            if (failed != NULL)
                *failed = field;
            return false;
        }
    }
    return true;
}
