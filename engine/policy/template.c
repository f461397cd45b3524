#include "policy/template.h"

#include "base/text.h"
#include "policy/jsonview.h"
#include "proto/json.h"
#include "proto/money.h"

#include <math.h>
#include <stdio.h>

enum { LIST_SHOWN_MAX = 16 };

struct template_reader {
    struct arena *arena;
    template_path_f resolve;
    void *context;
    struct template *out;
    size_t capacity;
    char *problem;
    size_t problem_size;
};

static bool add_part(struct template_reader *reader, struct template_part part)
{
    struct template *out = reader->out;

    if (out->count == reader->capacity) {
        size_t capacity = reader->capacity ? reader->capacity * 2 : 2;

        out->parts = (struct template_part *)arena_grow(reader->arena, out->parts, reader->capacity * sizeof part,
                                                        capacity * sizeof part);
        if (out->parts == NULL)
            return false;
        reader->capacity = capacity;
    }
    out->parts[out->count++] = part;
    return true;
}

static bool refuse(struct template_reader *reader, const char *message)
{
    (void)snprintf(reader->problem, reader->problem_size, "%s", message);
    return false;
}

static bool add_field(struct template_reader *reader, struct slice literal, struct slice field)
{
    struct template_part part = {.literal = literal, .has_field = true};

    if (slice_ends_with(field, SLICE("|money"))) {
        part.money = true;
        field.size -= 6;
    }
    if (!reader->resolve(reader->context, field, &part.path, reader->problem, reader->problem_size))
        return false;
    return add_part(reader, part);
}

bool template_parse(struct arena *arena, struct slice text, template_path_f resolve, void *context, struct template *out,
                    char *problem, size_t problem_size)
{
    struct template_reader reader = {arena, resolve, context, out, 0, problem, problem_size};
    size_t from = 0, at = 0;

    *out = (struct template){0};
    problem[0] = '\0';
    while (at < text.size) {
        size_t close;

        if (text.data[at] == '{' && at + 1 < text.size && text.data[at + 1] == '{') {
            if (!add_part(&reader, (struct template_part){.literal = slice_sub(text, from, at + 1)}))
                return false;
            from = at += 2;
            continue;
        }
        if (text.data[at] == '}' && at + 1 < text.size && text.data[at + 1] == '}') {
            if (!add_part(&reader, (struct template_part){.literal = slice_sub(text, from, at + 1)}))
                return false;
            from = at += 2;
            continue;
        }
        if (text.data[at++] != '{')
            continue;
        close = slice_find(text, '}', at);
        if (close == SIZE_MAX)
            return refuse(&reader, "a '{' without its '}'; write '{{' for a brace");
        if (!add_field(&reader, slice_sub(text, from, at - 1), slice_sub(text, at, close)))
            return false;
        from = at = close + 1;
    }
    return from == text.size || add_part(&reader, (struct template_part){.literal = slice_sub(text, from, text.size)});
}

/* At most TEMPLATE_VALUE_MAX bytes, cut between characters. */
static void write_cut(struct buf *out, struct slice text)
{
    size_t at = 0, length;
    uint32_t code_point;

    if (text.size <= TEMPLATE_VALUE_MAX) {
        buf_add_slice(out, text);
        return;
    }
    while (at < text.size && (length = text_decode_utf8(text, at, &code_point)) != 0 && at + length <= TEMPLATE_VALUE_MAX)
        at += length;
    buf_add(out, text.data, at);
    buf_add_str(out, "…");
}

static void write_scalar(struct buf *out, const cJSON *value)
{
    switch (value->type & 0xff) {
    case cJSON_String:
        write_cut(out, jsonview_text(value));
        break;
    case cJSON_Number:
        json_write_number(out, value->valuedouble);
        break;
    case cJSON_True:
        buf_add_str(out, "true");
        break;
    case cJSON_False:
        buf_add_str(out, "false");
        break;
    default:
        buf_add_str(out, jsonview_is_object(value) ? "(object)" : jsonview_is_array(value) ? "(list)" : "unknown");
    }
}

static void write_value(struct buf *out, const cJSON *value)
{
    const cJSON *element;
    size_t shown = 0;

    if (!jsonview_is_array(value)) {
        write_scalar(out, value);
        return;
    }
    for (element = value->child; element != NULL && shown < LIST_SHOWN_MAX; element = element->next, shown++) {
        if (shown > 0)
            buf_add_str(out, ", ");
        write_scalar(out, element);
    }
    if (element != NULL)
        buf_add_str(out, ", …");
}

static void write_field(struct buf *out, const cJSON *value, bool money)
{
    if (jsonview_is_absent(value))
        buf_add_str(out, "unknown");
    else if (money && jsonview_is_number(value) && fabs(value->valuedouble) <= (double)JSON_INTEGER_MAX)
        money_write_sentence(out, (int64_t)value->valuedouble);
    else
        write_value(out, value);
}

void template_write(const struct template *source, template_value_f value, void *context, struct buf *out)
{
    size_t i;

    for (i = 0; i < source->count; i++) {
        const struct template_part *part = &source->parts[i];

        buf_add_slice(out, part->literal);
        if (part->has_field)
            write_field(out, value(context, part->path), part->money);
    }
}
