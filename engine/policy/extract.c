#include "policy/extract.h"

#include "base/clock.h"
#include "policy/library.h"
#include "policy/report.h"
#include "proto/money.h"

#include <stdarg.h>
#include <stdio.h>

void extract_problem(struct extract *extract, const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    extract->failed = true;
    report_add(extract->report, POLICY_ERROR, extract->file->path, extract->line, 0, "rule \"%.*s\": %s",
               SLICE_ARG(extract->rule_name), text);
}

void extract_weigh(struct extract *extract, lua_State *lua, const struct bundle_file *file)
{
    struct bundle_file *own = &extract->bundle->files[file - extract->bundle->files];

    /* Without weights the work of a policy is not bounded: such a file is not loaded. */
    if (own->weights.lines == NULL && !weigh_chunk(lua, extract->arena, &own->weights)) {
        extract->failed = true;
        report_add(extract->report, POLICY_ERROR, file->path, 0, 0,
                   "this build of Lua compiles it to code that cannot be weighed");
    }
}

struct slice extract_copy(struct extract *extract, struct slice text)
{
    struct slice copy = arena_copy(extract->arena, text);

    if (copy.data == NULL)
        extract->failed = true;
    return copy;
}

bool extract_name_is_valid(struct slice name)
{
    size_t i;

    if (name.size == 0 || name.size > RULE_NAME_MAX || slice_starts_with(name, SLICE("edict.")))
        return false;
    for (i = 0; i < name.size; i++) {
        char byte = name.data[i];
        bool alnum = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');

        if (!alnum && (i == 0 || (byte != '.' && byte != '_' && byte != '-')))
            return false;
    }
    return true;
}

/* ---- one field at a time; the value is on top of the stack ---- */

static bool top_text(struct extract *extract, lua_State *lua, const char *field, struct slice *out)
{
    struct slice text = {0};

    if (lua_type(lua, -1) != LUA_TSTRING) {
        extract_problem(extract, "%s: expected a text, got a %s", field, luaL_typename(lua, -1));
        return false;
    }
    text.data = lua_tolstring(lua, -1, &text.size);
    if (text.size > RULE_TEXT_MAX) {
        extract_problem(extract, "%s: a text of %zu bytes; at most %d", field, text.size, (int)RULE_TEXT_MAX);
        return false;
    }
    *out = extract_copy(extract, text);
    return out->data != NULL;
}

/* A text, or a list of texts, as a list. */
static bool top_texts(struct extract *extract, lua_State *lua, const char *field, struct slice **out, size_t *count)
{
    size_t size, i;

    if (lua_type(lua, -1) == LUA_TSTRING) {
        *out = (struct slice *)arena_array(extract->arena, 1, sizeof **out);
        *count = 1;
        return *out != NULL && top_text(extract, lua, field, *out);
    }
    if (!lua_istable(lua, -1)) {
        extract_problem(extract, "%s: expected a text or a list of texts, got a %s", field, luaL_typename(lua, -1));
        return false;
    }
    size = (size_t)lua_rawlen(lua, -1);
    if (size == 0 || size > RULE_LIST_MAX) {
        extract_problem(extract, "%s: a list of %zu; expected 1 to %d texts", field, size, (int)RULE_LIST_MAX);
        return false;
    }
    *out = (struct slice *)arena_array(extract->arena, size, sizeof **out);
    *count = size;
    for (i = 0; *out != NULL && i < size; i++) {
        bool good;

        (void)lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        good = top_text(extract, lua, field, &(*out)[i]);
        lua_pop(lua, 1);
        if (!good)
            return false;
    }
    return *out != NULL;
}

static void read_text(struct extract *extract, lua_State *lua, int table, const char *field, struct slice *out)
{
    if (load_field(lua, table, field) != LUA_TNIL)
        (void)top_text(extract, lua, field, out);
    lua_pop(lua, 1);
}

static void read_texts(struct extract *extract, lua_State *lua, int table, const char *field, struct slice **out, size_t *count)
{
    if (load_field(lua, table, field) != LUA_TNIL)
        (void)top_texts(extract, lua, field, out, count);
    lua_pop(lua, 1);
}

/* Reasons and the like: a function keeps its slot, texts become templates. */
static void read_templates(struct extract *extract, lua_State *lua, int table, const char *field, int slot,
                           struct rule_texts *out)
{
    char problem[200];
    struct slice *texts = NULL;
    size_t count = 0, i;

    out->slot = slot;
    if (slot == RULE_NO_SLOT)
        read_texts(extract, lua, table, field, &texts, &count);
    if (count == 0)
        return;
    out->items = (struct template *)arena_array(extract->arena, count, sizeof *out->items);
    for (i = 0; out->items != NULL && i < count; i++)
        if (texts[i].data != NULL &&
            !template_parse(extract->arena, texts[i], extract_path, extract, &out->items[i], problem, sizeof problem))
            extract_problem(extract, "%s: %s", field, problem[0] ? problem : "no memory");
    out->count = out->items != NULL ? count : 0;
}

static void read_tier(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    int type = load_field(lua, table, "tier");
    int exact = 0;
    lua_Integer tier = type == LUA_TNUMBER ? lua_tointegerx(lua, -1, &exact) : -1;

    if (type == LUA_TNIL)
        extract_problem(extract, "tier is missing: 0 approve, 1 approve with audit, 2 ask a human, 3 deny");
    else if (!exact || tier < 0 || tier > 3)
        extract_problem(extract, "tier: expected 0, 1, 2 or 3");
    rule->tier = exact && tier >= 0 && tier <= 3 ? (int)tier : 3;
    lua_pop(lua, 1);
}

static void read_required(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    char problem[200];
    struct slice *names = NULL;
    size_t count = 0, i, j;

    read_texts(extract, lua, table, "requires", &names, &count);
    if (count == 0)
        return;
    rule->required = (uint32_t *)arena_array(extract->arena, count, sizeof *rule->required);
    for (i = 0; rule->required != NULL && i < count; i++) {
        if (names[i].data == NULL)
            continue;
        if (!extract_path(extract, names[i], &rule->required[rule->required_count], problem, sizeof problem)) {
            extract_problem(extract, "requires: %s", problem);
            continue;
        }
        for (j = 0; j < rule->match.count; j++)
            if (rule->match.fields[j].path == rule->required[rule->required_count])
                rule->match.fields[j].required = true;
        rule->required_count++;
    }
}

static void read_match(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    if (load_field(lua, table, "match") != LUA_TNIL)
        (void)extract_match(extract, lua, "match", &rule->match);
    lua_pop(lua, 1);
}

static void read_excepts(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    size_t count, i;

    if (load_field(lua, table, "except") == LUA_TNIL) {
        lua_pop(lua, 1);
        return;
    }
    if (rule->tier == 3)
        extract_problem(extract, "except: a tier 3 rule has no exceptions; narrow its match instead");
    count = lua_istable(lua, -1) ? (size_t)lua_rawlen(lua, -1) : 0;
    if (count > RULE_EXCEPTS_MAX) {
        extract_problem(extract, "except: %zu exceptions; at most %d", count, (int)RULE_EXCEPTS_MAX);
        count = 0;
    }
    rule->excepts = (struct match *)arena_array(extract->arena, count ? count : 1, sizeof *rule->excepts);
    if (rule->excepts != NULL && count == 0) {
        rule->except_count = extract_match(extract, lua, "except", &rule->excepts[0]) ? 1 : 0;
    } else if (rule->excepts != NULL) {
        for (i = 0; i < count; i++) {
            (void)lua_rawgeti(lua, -1, (lua_Integer)i + 1);
            if (extract_match(extract, lua, "except", &rule->excepts[rule->except_count]))
                rule->except_count++;
            lua_pop(lua, 1);
        }
    }
    lua_pop(lua, 1);
}

static void read_cost(struct extract *extract, lua_State *lua, int table, int slot, struct rule *rule)
{
    struct error error = {0};
    char number[LIBRARY_NUMBER_MAX];
    struct slice text = {0};

    rule->cost_slot = slot;
    if (slot != RULE_NO_SLOT)
        return;
    switch (load_field(lua, table, "cost")) {
    case LUA_TNIL:
        break;
    case LUA_TNUMBER:
        text = slice_from(number, library_format_number(lua, -1, number));
        break;
    case LUA_TSTRING:
        text.data = lua_tolstring(lua, -1, &text.size);
        break;
    default:
        extract_problem(extract, "cost: expected US dollars as a number or a text such as \"12.50\", or a function");
    }
    if (text.size != 0 && money_parse(text, false, &rule->cost_micro_usd, &error) != STATUS_OK)
        extract_problem(extract, "cost: %.300s", error.message);
    lua_pop(lua, 1);
}

/* "90s", "30m", "4h", "2d", or a number of seconds. */
static bool duration_of(lua_State *lua, int64_t *seconds)
{
    struct slice text = {0};
    uint64_t count, unit;
    int exact = 0;

    if (lua_type(lua, -1) == LUA_TNUMBER) {
        *seconds = lua_tointegerx(lua, -1, &exact);
        return exact && *seconds > 0 && *seconds <= 366 * 86400;
    }
    if (lua_type(lua, -1) == LUA_TSTRING)
        text.data = lua_tolstring(lua, -1, &text.size);
    if (text.size < 2 || !slice_to_u64(slice_sub(text, 0, text.size - 1), &count) || count == 0 || count > 366 * 86400)
        return false;
    switch (text.data[text.size - 1]) {
    case 's':
        unit = 1;
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    case 'd':
        unit = 86400;
        break;
    default:
        return false;
    }
    *seconds = (int64_t)(count * unit);
    return *seconds <= 366 * 86400;
}

static void read_sla(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    if (load_field(lua, table, "sla") != LUA_TNIL && !duration_of(lua, &rule->sla_s))
        extract_problem(extract, "sla: expected a time such as \"30m\", \"4h\" or \"2d\", at most a year");
    lua_pop(lua, 1);
}

static void read_expires(struct extract *extract, lua_State *lua, int table, struct rule *rule)
{
    char with_time[40];
    struct slice text = {0};

    rule->expires_ms = INT64_MAX;
    if (load_field(lua, table, "expires") != LUA_TNIL) {
        if (lua_type(lua, -1) == LUA_TSTRING)
            text.data = lua_tolstring(lua, -1, &text.size);
        if (text.size == 10) {
            (void)snprintf(with_time, sizeof with_time, "%.*sT00:00:00Z", SLICE_ARG(text));
            text = slice_from_str(with_time);
        }
        if (!clock_parse(text, &rule->expires_ms))
            extract_problem(extract, "expires: expected a day \"2026-12-31\" or a time \"2026-12-31T18:00:00Z\"");
    }
    lua_pop(lua, 1);
}

static void check_fields(struct extract *extract, lua_State *lua, int table)
{
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
        struct slice name = {0};
        const char *nearest;

        if (lua_type(lua, -2) != LUA_TSTRING) {
            extract_problem(extract, "a value without a name: every field is name = value");
            continue;
        }
        name.data = lua_tolstring(lua, -2, &name.size);
        if (load_is_rule_field(name))
            continue;
        nearest = report_nearest(name, extract_rule_fields);
        extract_problem(extract, "unknown field \"%.*s\"%s%s%s", (int)(name.size < 60 ? name.size : 60), name.data,
                        nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
}

static void check_function_fields(struct extract *extract, lua_State *lua, int table)
{
    int type = load_field(lua, table, "when");

    if (type != LUA_TNIL && type != LUA_TFUNCTION)
        extract_problem(extract, "when: expected function(request, facts) … end, got a %s", lua_typename(lua, type));
    lua_pop(lua, 1);
}

static struct rule *new_rule(struct extract *extract)
{
    struct policy_bundle *bundle = extract->bundle;

    if (bundle->rule_count == BUNDLE_RULES_MAX) {
        extract_problem(extract, "more than %d rules in a bundle", (int)BUNDLE_RULES_MAX);
        return NULL;
    }
    if (bundle->rule_count == extract->rule_capacity) {
        size_t capacity = extract->rule_capacity ? extract->rule_capacity * 2 : 64;

        bundle->rules = (struct rule *)arena_grow(extract->arena, bundle->rules, extract->rule_capacity * sizeof(struct rule),
                                                  capacity * sizeof(struct rule));
        if (bundle->rules == NULL) {
            bundle->rule_count = 0;
            extract->failed = true;
            return NULL;
        }
        extract->rule_capacity = capacity;
    }
    bundle->rules[bundle->rule_count] = (struct rule){0};
    return &bundle->rules[bundle->rule_count++];
}

void extract_rule(struct extract *extract, lua_State *lua, int table, struct slice name, int line,
                  const struct load_slots *slots)
{
    struct rule *rule;

    extract->line = line;
    extract->rule_name = extract_copy(extract, name);
    rule = extract->failed && extract->rule_name.data == NULL ? NULL : new_rule(extract);
    if (rule == NULL)
        return;
    rule->name = extract->rule_name;
    rule->line = line;
    rule->file = (uint32_t)(extract->file - extract->bundle->files);
    rule->when_slot = slots->when;
    check_fields(extract, lua, table);
    check_function_fields(extract, lua, table);
    read_tier(extract, lua, table, rule);
    read_match(extract, lua, table, rule);
    read_required(extract, lua, table, rule);
    read_excepts(extract, lua, table, rule);
    read_templates(extract, lua, table, "because", slots->because, &rule->because);
    read_templates(extract, lua, table, "next_steps", slots->next_steps, &rule->next_steps);
    read_templates(extract, lua, table, "alternatives", slots->alternatives, &rule->alternatives);
    read_cost(extract, lua, table, slots->cost, rule);
    read_sla(extract, lua, table, rule);
    read_expires(extract, lua, table, rule);
    read_texts(extract, lua, table, "approvers", &rule->approvers, &rule->approver_count);
    read_texts(extract, lua, table, "references", &rule->references, &rule->reference_count);
    read_text(extract, lua, table, "owner", &rule->owner);
    read_text(extract, lua, table, "description", &rule->description);
}
