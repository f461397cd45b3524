#include "policy/extract.h"

#include "parse/glob.h"
#include "policy/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- field names ---- */

static bool known_request_field(struct slice first)
{
    const char *const *known;

    for (known = extract_request_fields; *known != NULL; known++)
        if (slice_equal_str(first, *known))
            return true;
    return false;
}

static bool name_problem(char *problem, size_t size, struct slice dotted, const char *nearest)
{
    (void)snprintf(
        problem, size, "unknown field \"%.*s\"%s%s%s", (int)(dotted.size < 80 ? dotted.size : 80),
        dotted.data ? dotted.data : "",
        nearest ? "; did you mean \""
                : "; fields are operation, agent_identity, command, justification, estimated_cost_usd, context.… and facts.…",
        nearest ? nearest : "", nearest ? "\"?" : "");
    return false;
}

static bool check_dotted(struct slice dotted, char *problem, size_t problem_size)
{
    size_t dot = slice_find(dotted, '.', 0);
    struct slice first = slice_sub(dotted, 0, dot);

    if (slice_equal(first, SLICE("facts")))
        return extract_fact_exists(dotted) ||
               name_problem(problem, problem_size, dotted, report_nearest(dotted, extract_fact_fields));
    if (!known_request_field(first)) {
        static const char *const roots[] = {"facts", NULL};
        const char *nearest = report_nearest(first, extract_request_fields);

        return name_problem(problem, problem_size, dotted, nearest ? nearest : report_nearest(first, roots));
    }
    if (dot != SIZE_MAX && !slice_equal(first, SLICE("context")))
        return name_problem(problem, problem_size, dotted, NULL);
    return true;
}

static bool split(struct extract *extract, struct rule_path *path, char *problem, size_t problem_size)
{
    size_t from = 0, count = 0;
    struct slice parts[RULE_PATH_PARTS_MAX];

    for (;;) {
        size_t dot = slice_find(path->dotted, '.', from);
        struct slice part = slice_sub(path->dotted, from, dot);

        if (part.size == 0 || count == RULE_PATH_PARTS_MAX) {
            (void)snprintf(problem, problem_size, "field \"%.80s\": %s", path->dotted.data,
                           part.size == 0 ? "an empty part between dots" : "more than 8 parts");
            return false;
        }
        if (!(count == 0 && from == 0 && slice_equal(part, SLICE("facts"))))
            parts[count++] = part;
        if (dot == SIZE_MAX)
            break;
        from = dot + 1;
    }
    path->parts = (struct slice *)arena_array(extract->arena, count ? count : 1, sizeof *path->parts);
    if (path->parts == NULL)
        return false;
    memcpy(path->parts, parts, count * sizeof *parts);
    path->part_count = count;
    return true;
}

static bool grow_paths(struct extract *extract)
{
    struct policy_bundle *bundle = extract->bundle;
    size_t capacity = extract->path_capacity ? extract->path_capacity * 2 : 64, i;
    uint32_t *table;

    bundle->paths = (struct rule_path *)arena_grow(
        extract->arena, bundle->paths, extract->path_capacity * sizeof *bundle->paths, capacity * sizeof *bundle->paths);
    table = (uint32_t *)arena_array(extract->arena, capacity * 2, sizeof *table);
    if (bundle->paths == NULL || table == NULL) {
        bundle->path_count = bundle->paths != NULL ? bundle->path_count : 0;
        extract->failed = true;
        return false;
    }
    for (i = 0; i < bundle->path_count; i++) {
        size_t at = slice_hash(bundle->paths[i].dotted, 0) & (capacity * 2 - 1);

        while (table[at] != 0)
            at = (at + 1) & (capacity * 2 - 1);
        table[at] = (uint32_t)i + 1;
    }
    extract->path_capacity = capacity;
    extract->path_table = table;
    extract->path_table_size = capacity * 2;
    return true;
}

bool extract_path(void *context, struct slice dotted, uint32_t *path, char *problem, size_t problem_size)
{
    struct extract *extract = (struct extract *)context;
    struct policy_bundle *bundle = extract->bundle;
    struct rule_path *added;
    size_t at;

    problem[0] = '\0';
    if (bundle->path_count == extract->path_capacity && !grow_paths(extract))
        return false;
    at = slice_hash(dotted, 0) & (extract->path_table_size - 1);
    for (; extract->path_table[at] != 0; at = (at + 1) & (extract->path_table_size - 1)) {
        if (slice_equal(bundle->paths[extract->path_table[at] - 1].dotted, dotted)) {
            *path = extract->path_table[at] - 1;
            return true;
        }
    }
    if (!check_dotted(dotted, problem, problem_size))
        return false;
    if (bundle->path_count == BUNDLE_PATHS_MAX) {
        (void)snprintf(problem, problem_size, "more than %d different fields in a bundle", (int)BUNDLE_PATHS_MAX);
        return false;
    }
    added = &bundle->paths[bundle->path_count];
    *added = (struct rule_path){.dotted = extract_copy(extract, dotted),
                                .of_facts = slice_equal(slice_sub(dotted, 0, slice_find(dotted, '.', 0)), SLICE("facts")),
                                .is_money = slice_equal(dotted, SLICE("estimated_cost_usd"))};
    if (added->dotted.data == NULL || !split(extract, added, problem, problem_size))
        return false;
    *path = (uint32_t)bundle->path_count++;
    extract->path_table[at] = *path + 1;
    return true;
}

/* ---- values ---- */

struct value_reader {
    struct extract *extract;
    lua_State *lua;
    const char *field;   /* "match" or "except" */
    struct slice dotted; /* of the value being read */
    int depth;
};

static bool read_value(struct value_reader *reader, struct match_value *out);

static bool value_problem(struct value_reader *reader, const char *text)
{
    extract_problem(reader->extract, "%s[\"%.*s\"]: %s", reader->field,
                    (int)(reader->dotted.size < 80 ? reader->dotted.size : 80), reader->dotted.data, text);
    return false;
}

static bool read_text_value(struct value_reader *reader, struct match_value *out)
{
    struct slice text = {0};

    if (lua_type(reader->lua, -1) != LUA_TSTRING)
        return value_problem(reader, "prefix, suffix and glob take a text");
    text.data = lua_tolstring(reader->lua, -1, &text.size);
    if (text.size > RULE_TEXT_MAX)
        return value_problem(reader, "a text longer than 2048 bytes");
    out->text = extract_copy(reader->extract, text);
    return out->text.data != NULL;
}

static bool read_number_value(struct value_reader *reader, struct match_value *out)
{
    if (lua_type(reader->lua, -1) != LUA_TNUMBER)
        return value_problem(reader, "min and max take a number");
    out->number = lua_tonumber(reader->lua, -1);
    return !isnan(out->number) || value_problem(reader, "not a number (NaN)");
}

static bool read_glob(struct value_reader *reader, struct match_value *out)
{
    uint64_t work = 0;
    const char *problem;

    out->kind = MATCH_GLOB;
    if (!read_text_value(reader, out))
        return false;
    problem = glob_check(out->text, &work);
    return problem == NULL || value_problem(reader, problem);
}

static bool read_not(struct value_reader *reader, struct match_value *out)
{
    out->kind = MATCH_NOT;
    out->item_count = 1;
    out->items = (struct match_value *)arena_array(reader->extract->arena, 1, sizeof *out->items);
    return out->items != NULL && read_value(reader, out->items);
}

/* The operand is on top of the stack. */
static bool read_operator(struct value_reader *reader, struct slice name, struct match_value *out)
{
    const char *nearest;
    char text[200];

    if (slice_equal(name, SLICE("prefix")) || slice_equal(name, SLICE("suffix"))) {
        out->kind = name.data[0] == 'p' ? MATCH_PREFIX : MATCH_SUFFIX;
        return read_text_value(reader, out);
    }
    if (slice_equal(name, SLICE("glob")))
        return read_glob(reader, out);
    if (slice_equal(name, SLICE("min")) || slice_equal(name, SLICE("max"))) {
        out->kind = name.data[1] == 'i' ? MATCH_MIN : MATCH_MAX;
        return read_number_value(reader, out);
    }
    if (slice_equal(name, SLICE("exists"))) {
        out->kind = MATCH_EXISTS;
        out->flag = lua_toboolean(reader->lua, -1);
        return lua_isboolean(reader->lua, -1) || value_problem(reader, "exists takes true or false");
    }
    if (slice_equal(name, SLICE("is_not")))
        return read_not(reader, out);
    nearest = report_nearest(name, extract_match_operators);
    (void)snprintf(text, sizeof text, "unknown operator \"%.*s\"%s%s%s", (int)(name.size < 40 ? name.size : 40), name.data,
                   nearest ? "; did you mean \"" : "; there are prefix, suffix, glob, min, max, exists and is_not",
                   nearest ? nearest : "", nearest ? "\"?" : "");
    return value_problem(reader, text);
}

static int operator_order(const void *a, const void *b)
{
    return (int)((const struct match_value *)a)->kind - (int)((const struct match_value *)b)->kind;
}

/* { prefix = "a", suffix = "b" }: all must hold. */
static bool read_operators(struct value_reader *reader, struct match_value *out)
{
    lua_State *lua = reader->lua;
    struct match_value found[8];
    size_t count = 0;

    for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1)) {
        struct slice name = {0};

        if (lua_type(lua, -2) == LUA_TSTRING)
            name.data = lua_tolstring(lua, -2, &name.size);
        if (count == 8 || name.size == 0) {
            lua_pop(lua, 2);
            return value_problem(reader, "a table is either a list of values or operators such as prefix = \"a\", not both");
        }
        found[count] = (struct match_value){0};
        if (!read_operator(reader, name, &found[count])) {
            lua_pop(lua, 2);
            return false;
        }
        count++;
    }
    if (count == 0)
        return value_problem(reader, "an empty table matches nothing; give a value, a list or an operator");
    qsort(found, count, sizeof *found, operator_order); /* the order of a Lua table is no order */
    if (count == 1) {
        *out = found[0];
        return true;
    }
    out->kind = MATCH_ALL;
    out->item_count = count;
    out->items = (struct match_value *)arena_array(reader->extract->arena, count, sizeof *out->items);
    if (out->items == NULL)
        return false;
    memcpy(out->items, found, count * sizeof *found);
    return true;
}

static bool read_list(struct value_reader *reader, size_t count, struct match_value *out)
{
    size_t i;

    if (count > RULE_VALUES_MAX)
        return value_problem(reader, "a list of more than 1024 values");
    out->kind = MATCH_ANY;
    out->item_count = count;
    out->items = (struct match_value *)arena_array(reader->extract->arena, count, sizeof *out->items);
    for (i = 0; out->items != NULL && i < count; i++) {
        bool good;

        (void)lua_rawgeti(reader->lua, -1, (lua_Integer)i + 1);
        good = read_value(reader, &out->items[i]);
        lua_pop(reader->lua, 1);
        if (!good)
            return false;
    }
    return out->items != NULL;
}

static size_t count_entries(lua_State *lua)
{
    size_t count = 0;

    for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1))
        count++;
    return count;
}

static bool read_table(struct value_reader *reader, struct match_value *out)
{
    size_t length = (size_t)lua_rawlen(reader->lua, -1);
    bool good;

    if (++reader->depth > RULE_MATCH_DEPTH_MAX)
        return value_problem(reader, "lists and operators more than 8 deep");
    if (length == 0)
        good = read_operators(reader, out);
    else if (count_entries(reader->lua) == length)
        good = read_list(reader, length, out);
    else
        good = value_problem(reader, "a table is either a list of values or operators such as prefix = \"a\", not both");
    reader->depth--;
    return good;
}

/* The value is on top of the stack. */
static bool read_value(struct value_reader *reader, struct match_value *out)
{
    luaL_checkstack(reader->lua, 8, NULL);
    switch (lua_type(reader->lua, -1)) {
    case LUA_TSTRING:
        out->kind = MATCH_TEXT;
        return read_text_value(reader, out);
    case LUA_TNUMBER:
        out->kind = MATCH_NUMBER;
        return read_number_value(reader, out);
    case LUA_TBOOLEAN:
        out->kind = MATCH_BOOLEAN;
        out->flag = lua_toboolean(reader->lua, -1);
        return true;
    case LUA_TTABLE:
        return read_table(reader, out);
    default:
        return value_problem(reader,
                             "expected a text, number, boolean, list or operator table; conditions in Lua belong in `when`");
    }
}

/* Fields in order of name, whatever order the Lua table gave them. */
static int field_order(const void *a, const void *b, void *context)
{
    const struct rule_path *paths = ((struct extract *)context)->bundle->paths;

    return slice_compare(paths[((const struct match_field *)a)->path].dotted,
                         paths[((const struct match_field *)b)->path].dotted);
}

static bool read_field(struct value_reader *reader, struct match_field *out)
{
    char problem[300];

    *out = (struct match_field){0};
    if (lua_type(reader->lua, -2) != LUA_TSTRING) {
        extract_problem(reader->extract, "%s: a value without a field name: { operation = \"delete\" }", reader->field);
        return false;
    }
    reader->dotted.data = lua_tolstring(reader->lua, -2, &reader->dotted.size);
    if (!extract_path(reader->extract, reader->dotted, &out->path, problem, sizeof problem)) {
        extract_problem(reader->extract, "%s: %s", reader->field, problem);
        return false;
    }
    return read_value(reader, &out->value);
}

bool extract_match(struct extract *extract, lua_State *lua, const char *field, struct match *out)
{
    struct value_reader reader = {.extract = extract, .lua = lua, .field = field};
    size_t count;
    bool good = true;

    *out = (struct match){0};
    luaL_checkstack(lua, 16, NULL);
    if (!lua_istable(lua, -1)) {
        extract_problem(extract, "%s: expected a table such as { operation = \"delete\" }, got a %s", field,
                        luaL_typename(lua, -1));
        return false;
    }
    count = count_entries(lua);
    if (count > RULE_FIELDS_MAX || (count == 0 && field[0] == 'e')) {
        extract_problem(extract, count ? "%s: more than 64 fields" : "%s: an empty exception would except everything", field);
        return false;
    }
    out->fields = (struct match_field *)arena_array(extract->arena, count ? count : 1, sizeof *out->fields);
    if (out->fields == NULL) {
        extract->failed = true;
        return false;
    }
    for (lua_pushnil(lua); lua_next(lua, -2); lua_pop(lua, 1)) {
        if (read_field(&reader, &out->fields[out->count]))
            out->count++;
        else
            good = false;
    }
    qsort_r(out->fields, out->count, sizeof *out->fields, field_order, extract);
    return good;
}
