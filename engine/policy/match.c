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

enum glob_result match_glob(struct slice pattern, struct slice text, uint64_t *work)
{
    if (pattern.size > MATCH_GLOB_PRODUCT_MAX || text.size > MATCH_GLOB_PRODUCT_MAX ||
        pattern.size * text.size > MATCH_GLOB_PRODUCT_MAX)
        return GLOB_INVALID;
    return glob_match(pattern, text, work);
}

/* What a value is asked about. */
struct question {
    struct match_input *input;
    const cJSON *json; /* NULL: absent */
    bool is_money, absent_is_not;
};

static enum match_answer answer_of(bool holds)
{
    return holds ? MATCH_YES : MATCH_NO;
}

static enum match_answer value_answer(const struct question *question, const struct match_value *value);

/* One that holds is enough. */
static enum match_answer any_answer(const struct question *question, const struct match_value *value)
{
    enum match_answer all = MATCH_NO;
    size_t i;

    for (i = 0; i < value->item_count; i++) {
        enum match_answer one = value_answer(question, &value->items[i]);

        if (one == MATCH_YES)
            return one;
        if (one == MATCH_UNKNOWN)
            all = one;
    }
    return all;
}

/* One that does not hold is enough. */
static enum match_answer all_answer(const struct question *question, const struct match_value *value)
{
    enum match_answer all = MATCH_YES;
    size_t i;

    for (i = 0; i < value->item_count; i++) {
        enum match_answer one = value_answer(question, &value->items[i]);

        if (one == MATCH_NO)
            return one;
        if (one == MATCH_UNKNOWN)
            all = one;
    }
    return all;
}

static enum match_answer not_answer(const struct question *question, const struct match_value *value)
{
    const struct match_value *inner = &value->items[0];
    enum match_answer answer;

    if (question->json == NULL && inner->kind != MATCH_EXISTS)
        return answer_of(question->absent_is_not);
    answer = value_answer(question, inner);
    return answer == MATCH_UNKNOWN ? answer : answer_of(answer == MATCH_NO);
}

static enum match_answer number_answer(const struct question *question, const struct match_value *value)
{
    double number;

    if (!number_of(question->json, question->is_money, &number))
        return MATCH_NO;
    if (value->kind == MATCH_NUMBER)
        return answer_of(number == value->number);
    return answer_of(value->kind == MATCH_MIN ? number >= value->number : number <= value->number);
}

static enum match_answer glob_answer(const struct question *question, const struct match_value *value)
{
    enum glob_result result = match_glob(value->text, jsonview_text(question->json), &question->input->work);

    return result == GLOB_INVALID ? MATCH_UNKNOWN : answer_of(result == GLOB_MATCH);
}

static enum match_answer text_answer(const struct question *question, const struct match_value *value)
{
    struct slice text;

    if (!jsonview_is_text(question->json))
        return MATCH_NO;
    text = jsonview_text(question->json);
    switch (value->kind) {
    case MATCH_PREFIX:
        return answer_of(slice_starts_with(text, value->text));
    case MATCH_SUFFIX:
        return answer_of(slice_ends_with(text, value->text));
    case MATCH_GLOB:
        return glob_answer(question, value);
    default:
        return answer_of(slice_equal(text, value->text));
    }
}

static enum match_answer scalar_answer(const struct question *question, const struct match_value *value)
{
    if (question->json == NULL)
        return MATCH_NO;
    switch (value->kind) {
    case MATCH_BOOLEAN:
        return answer_of((question->json->type & 0xff) == (value->flag ? cJSON_True : cJSON_False));
    case MATCH_NUMBER:
    case MATCH_MIN:
    case MATCH_MAX:
        return number_answer(question, value);
    default:
        return text_answer(question, value);
    }
}

static enum match_answer value_answer(const struct question *question, const struct match_value *value)
{
    question->input->work++;
    switch (value->kind) {
    case MATCH_EXISTS:
        return answer_of((question->json != NULL) == value->flag);
    case MATCH_NOT:
        return not_answer(question, value);
    case MATCH_ANY:
        return any_answer(question, value);
    case MATCH_ALL:
        return all_answer(question, value);
    default:
        return scalar_answer(question, value);
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

enum match_answer match_holds(struct match_input *input, const struct match *match, struct match_mode mode,
                              const struct match_field **failed)
{
    enum match_answer all = MATCH_YES;
    size_t i;

    input->work++;
    for (i = 0; i < match->count; i++) {
        const struct match_field *field = &match->fields[i];
        struct question question = {
            .input = input, .is_money = input->paths[field->path].is_money, .absent_is_not = mode.absent_is_not};
        enum match_answer answer;

        if (mode.skip_missing && field->required && field_is_missing(input, field))
            continue;
        question.json = match_input_value(input, field->path);
        answer = value_answer(&question, &field->value);
        if (answer != MATCH_YES && failed != NULL)
            *failed = field;
        if (answer == MATCH_NO)
            return answer;
        if (answer == MATCH_UNKNOWN)
            all = answer;
    }
    return all;
}
