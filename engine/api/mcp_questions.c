#include "api/mcp_questions.h"

#include <stdlib.h>

enum { DEPTH_MAX = 8, TYPE_BITS = 0xFF /* of cJSON.type; the rest are flags of the name */ };

/* ---- what has been asked ---- */

static const struct json_limits state_limits = {.bytes = 16384, .depth = 16, .members = 256};

bool questions_read(struct arena *arena, struct slice state, struct questions *out)
{
    cJSON *document = NULL;
    struct error error;

    *out = (struct questions){json_new_array(arena), json_new_object(arena)};
    if (state.size == 0)
        return !arena->exhausted;
    if (json_parse(arena, state, &state_limits, &document, &error) != STATUS_OK)
        return false;
    out->asked = json_copy(arena, json_get(document, "asked"));
    out->answers = json_copy(arena, json_get(document, "answers"));
    return out->asked && out->answers;
}

struct slice questions_write(struct arena *arena, const struct questions *questions)
{
    struct buf out;

    buf_create(&out, arena);
    buf_add_str(&out, "{\"asked\":");
    json_write(&out, questions->asked);
    buf_add_str(&out, ",\"answers\":");
    json_write(&out, questions->answers);
    buf_add_char(&out, '}');
    return out.failed ? (struct slice){0} : buf_slice(&out);
}

static bool was_asked(const struct questions *questions, struct slice field)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, questions->asked)
    {
        if (slice_equal(json_text(one), field))
            return true;
    }
    return false;
}

/* ---- what can be asked, and how ---- */

enum kind { KIND_NONE, KIND_TEXT, KIND_NUMBER, KIND_INTEGER, KIND_YES_NO, KIND_ENVIRONMENT };

static bool ends_with_any(struct slice name, const char *const *endings)
{
    for (size_t i = 0; endings[i]; i++) {
        if (slice_ends_with(name, slice_from_str(endings[i])))
            return true;
    }
    return false;
}

static struct slice last_part(struct slice field)
{
    size_t dot = slice_find(field, '.', 0);

    return dot == SIZE_MAX ? field : last_part(slice_sub(field, dot + 1, SIZE_MAX));
}

/* Fields have no declared types; their names follow the words of the reference policies. What a rule cannot use stays missing.
 */
static enum kind kind_of(struct slice field)
{
    static const char *const numbers[] = {"_hours", "_minutes", "_seconds", "_days",  "_gb",
                                          "_mb",    "_percent", "_usd",     "_cores", NULL};
    static const char *const counts[] = {"replicas", "_count", "_port", "_rows", "_size", NULL};
    static const char *const flags[] = {"_enabled", "_allowed", "_required", "_backed_up", "_tested", NULL};
    struct slice name = last_part(field);

    if (slice_equal(field, SLICE("command")) || slice_equal(field, SLICE("justification")))
        return KIND_TEXT;
    if (slice_equal(field, SLICE("estimated_cost_usd")))
        return KIND_NUMBER;
    if (!slice_starts_with(field, SLICE("context.")) || name.size == 0)
        return KIND_NONE;
    if (slice_equal(name, SLICE("environment")))
        return KIND_ENVIRONMENT;
    if (slice_starts_with(name, SLICE("is_")) || slice_starts_with(name, SLICE("has_")) || ends_with_any(name, flags))
        return KIND_YES_NO;
    if (ends_with_any(name, counts))
        return KIND_INTEGER;
    return ends_with_any(name, numbers) ? KIND_NUMBER : KIND_TEXT;
}

size_t questions_pick(const struct questions *questions, const struct slice *missing, size_t count, struct slice *fields)
{
    size_t picked = 0;

    for (size_t i = 0; i < count && picked < QUESTIONS_FIELDS_MAX; i++) {
        if (kind_of(missing[i]) != KIND_NONE && !was_asked(questions, missing[i]))
            fields[picked++] = missing[i];
    }
    return picked;
}

/* "context.pod_age_hours": "Pod age hours". */
static struct slice title_of(struct arena *arena, struct slice field)
{
    struct slice title = arena_copy(arena, last_part(field));
    char *text = (char *)(uintptr_t)title.data;

    for (size_t i = 0; i < title.size; i++)
        text[i] = text[i] == '_' ? ' ' : text[i];
    if (title.size > 0 && text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    return title;
}

static const char *const environments[] = {"production", "staging", "development", "test"};
enum { ENVIRONMENT_COUNT = sizeof environments / sizeof *environments };

static void write_environments(struct json_writer *w)
{
    json_key(w, "enum");
    json_begin_array(w);
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++)
        json_string(w, slice_from_str(environments[i]));
    json_end_array(w);
}

static void write_field(struct json_writer *w, struct arena *arena, struct slice field)
{
    static const char *const types[] = {"", "string", "number", "integer", "boolean", "string"};
    enum kind kind = kind_of(field);

    json_string(w, field); /* a name may hold anything */
    buf_add_char(w->out, ':');
    w->comma = false;
    json_begin_object(w);
    json_key(w, "type");
    json_string(w, slice_from_str(types[kind]));
    json_key(w, "title");
    json_string(w, title_of(arena, field));
    json_key(w, "description");
    json_string(w, arena_printf(arena, "A policy needs %.*s", SLICE_ARG(field)));
    if (kind == KIND_ENVIRONMENT)
        write_environments(w);
    if (kind == KIND_TEXT) {
        json_key(w, "maxLength");
        json_i64(w, QUESTIONS_TEXT_MAX);
    }
    json_end_object(w);
}

struct slice questions_form(struct arena *arena, struct questions *questions, const struct slice *fields, size_t count)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, arena);
    json_begin_object(&w);
    json_key(&w, "message");
    json_string(&w,
                SLICE("The policy cannot decide this yet: something about the action is not known. What you say is recorded as "
                      "your statement; it approves nothing. Leave out what you do not know."));
    json_key(&w, "requestedSchema");
    json_begin_object(&w);
    json_key(&w, "type");
    json_string(&w, SLICE("object"));
    json_key(&w, "properties");
    json_begin_object(&w);
    for (size_t i = 0; i < count; i++) {
        write_field(&w, arena, fields[i]);
        json_append(questions->asked, json_new_text(arena, arena_copy(arena, fields[i])));
    }
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    return out.failed || arena->exhausted ? (struct slice){0} : buf_slice(&out);
}

/* ---- answers ---- */

/* One of those that were offered: a misspelt "production" would pass for harmless. */
static bool is_environment(struct slice text)
{
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++) {
        if (slice_equal_str(text, environments[i]))
            return true;
    }
    return false;
}

static bool fits(enum kind kind, const cJSON *value)
{
    int64_t number;

    switch (kind) {
    case KIND_TEXT:
        return cJSON_IsString(value) && json_text(value).size > 0 && json_text(value).size <= QUESTIONS_TEXT_MAX;
    case KIND_ENVIRONMENT:
        return is_environment(json_text(value));
    case KIND_NUMBER:
        return cJSON_IsNumber(value);
    case KIND_INTEGER:
        return json_is_integer(value, &number);
    case KIND_YES_NO:
        return cJSON_IsBool(value);
    default:
        return false;
    }
}

void questions_take(struct arena *arena, struct questions *questions, const cJSON *content)
{
    const cJSON *value;

    cJSON_ArrayForEach(value, content)
    {
        struct slice field = slice_from_str(value->string);

        if (was_asked(questions, field) && fits(kind_of(field), value) && !json_get_slice(questions->answers, field))
            json_put_named(arena, questions->answers, field, json_copy(arena, value));
    }
}

/* ---- back into the request ---- */

/* A null says nothing, as for the rules: its place is an empty one. */
static cJSON *put_in_place(struct arena *arena, cJSON *object, struct slice name, cJSON *there, cJSON *value)
{
    if (!there || !value) {
        json_put_named(arena, object, name, value);
        return value;
    }
    there->type = (there->type & ~TYPE_BITS) | (value->type & TYPE_BITS);
    there->valuestring = value->valuestring;
    there->valueint = value->valueint;
    there->valuedouble = value->valuedouble;
    there->child = value->child;
    return there;
}

/* Puts a value at a dotted place, making objects on the way; false where something is there already, or in the way. */
static bool put_at(struct arena *arena, cJSON *object, struct slice field, const cJSON *value, unsigned depth)
{
    size_t dot = slice_find(field, '.', 0);
    struct slice name = slice_sub(field, 0, dot);
    cJSON *there = (cJSON *)(uintptr_t)json_get_slice(object, name);
    bool empty = !there || cJSON_IsNull(there);

    if (dot == SIZE_MAX)
        return empty && put_in_place(arena, object, name, there, json_copy(arena, value));
    if (!empty && !cJSON_IsObject(there))
        return false;
    if (empty)
        there = put_in_place(arena, object, name, there, json_new_object(arena));
    return there && depth < DEPTH_MAX && put_at(arena, there, slice_sub(field, dot + 1, SIZE_MAX), value, depth + 1);
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

cJSON *questions_fill(struct arena *arena, const struct questions *questions, const cJSON *arguments, struct slice **elicited,
                      size_t *count)
{
    cJSON *filled = json_copy(arena, arguments);
    size_t room = (size_t)cJSON_GetArraySize(questions->answers);
    const cJSON *answer;

    *count = 0;
    *elicited = arena_array(arena, room + 1, sizeof **elicited);
    if (!filled || !*elicited)
        return NULL;
    cJSON_ArrayForEach(answer, questions->answers)
    {
        struct slice field = slice_from_str(answer->string);

        if (put_at(arena, filled, field, answer, 0))
            (*elicited)[(*count)++] = field;
    }
    qsort(*elicited, *count, sizeof **elicited, by_name);
    return arena->exhausted ? NULL : filled;
}
