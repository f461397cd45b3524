#include "policy/library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Units of turning a number into text. */
enum { INTEGER_WORK = 12, FLOAT_WORK = 120 };

void library_open(lua_State *lua)
{
    library_open_base(lua);
    library_open_string(lua);
    library_open_table(lua);
    library_open_math(lua);
    library_open_view(lua);
    library_open_edict(lua);
    library_open_parse(lua);
}

static const struct {
    const char *global;
    const luaL_Reg *members;
} library_tables[] = {
    {"cidr", library_cidr_functions},   {"helm", library_helm_functions},     {"kubectl", library_kubectl_functions},
    {"math", library_math_functions},   {"money", library_money_functions},   {"path", library_path_functions},
    {"re", library_re_functions},       {"semver", library_semver_functions}, {"set", library_set_functions},
    {"shell", library_shell_functions}, {"sql", library_sql_functions},       {"string", library_string_functions},
    {"table", library_table_functions}, {"time", library_time_functions},     {"url", library_url_functions},
};

const luaL_Reg *library_members(const char *global)
{
    size_t i;

    for (i = 0; i < sizeof library_tables / sizeof *library_tables; i++)
        if (strcmp(library_tables[i].global, global) == 0)
            return library_tables[i].members;
    return NULL;
}

const char *const *library_global_names(void)
{
    static const char *const names[] = {
        "assert", "cidr",  "defaults", "error",  "glob",  "group", "has_privilege", "helm",     "ipairs", "kubectl", "math",
        "money",  "owns",  "pairs",    "path",   "pcall", "re",    "redact",        "require",  "rule",   "select",  "semver",
        "set",    "shell", "sql",      "string", "table", "time",  "tonumber",      "tostring", "type",   "url",     NULL};

    return names;
}

void library_register(lua_State *lua, const char *name, const luaL_Reg *functions)
{
    lua_newtable(lua);
    luaL_setfuncs(lua, functions, 0);
    lua_setglobal(lua, name);
}

int library_bad_argument(lua_State *lua, int position, const char *expected)
{
    lua_Debug frame;
    const char *name = NULL;

    if (lua_getstack(lua, 0, &frame) && lua_getinfo(lua, "n", &frame))
        name = frame.name;
    sandbox_error(lua, "bad argument #%d to '%s' (%s expected, got %s)", position, name ? name : "?", expected,
                  lua_isnone(lua, position)        ? "nothing"
                  : library_is_view(lua, position) ? "table"
                                                   : luaL_typename(lua, position));
}

struct slice library_text(lua_State *lua, int position)
{
    size_t size;
    const char *text;

    if (lua_type(lua, position) != LUA_TSTRING)
        library_bad_argument(lua, position, "string");
    text = lua_tolstring(lua, position, &size);
    return slice_from(text, size);
}

lua_Integer library_integer(lua_State *lua, int position)
{
    int exact = 0;
    lua_Integer value = 0;

    if (lua_type(lua, position) == LUA_TNUMBER)
        value = lua_tointegerx(lua, position, &exact);
    if (!exact)
        library_bad_argument(lua, position, "integer");
    return value;
}

lua_Integer library_optional_integer(lua_State *lua, int position, lua_Integer otherwise)
{
    return lua_isnoneornil(lua, position) ? otherwise : library_integer(lua, position);
}

void library_push(lua_State *lua, struct slice text)
{
    lua_pushlstring(lua, text.size ? text.data : "", text.size);
}

size_t library_format_number(lua_State *lua, int position, char out[LIBRARY_NUMBER_MAX])
{
    double value;
    int length;

    if (lua_isinteger(lua, position))
        return (size_t)snprintf(out, LIBRARY_NUMBER_MAX, "%lld", (long long)lua_tointeger(lua, position));
    value = lua_tonumber(lua, position);
    if (isnan(value)) /* the sign of a NaN differs between machines */
        return (size_t)snprintf(out, LIBRARY_NUMBER_MAX, "nan");
    length = snprintf(out, LIBRARY_NUMBER_MAX, "%.14g", value);
    if (out[strspn(out, "-0123456789")] == '\0' && length + 2 < LIBRARY_NUMBER_MAX)
        length += snprintf(out + length, 3, ".0");
    return (size_t)length;
}

void library_builder_create(struct library_builder *builder, lua_State *lua)
{
    luaL_checkstack(lua, 4, NULL);
    lua_pushnil(lua);
    builder->lua = lua;
    builder->slot = lua_gettop(lua);
    builder->size = 0;
    builder->capacity = sizeof builder->first;
    builder->data = builder->first;
}

static void builder_grow(struct library_builder *builder, size_t more)
{
    size_t wanted = builder->capacity * 2;
    char *data;

    if (more > SANDBOX_TEXT_MAX || builder->size + more > SANDBOX_TEXT_MAX)
        sandbox_error(builder->lua, "the text would be longer than %d bytes", (int)SANDBOX_TEXT_MAX);
    while (wanted < builder->size + more)
        wanted *= 2;
    data = (char *)lua_newuserdatauv(builder->lua, wanted, 0);
    memcpy(data, builder->data, builder->size);
    lua_replace(builder->lua, builder->slot);
    builder->data = data;
    builder->capacity = wanted;
}

void library_builder_add(struct library_builder *builder, const char *data, size_t size)
{
    if (size == 0)
        return;
    sandbox_charge(builder->lua, 1 + size / REGION_BYTES_PER_FUEL);
    if (size > builder->capacity - builder->size)
        builder_grow(builder, size);
    memcpy(builder->data + builder->size, data, size);
    builder->size += size;
}

bool library_builder_add_value(struct library_builder *builder, int position)
{
    char number[LIBRARY_NUMBER_MAX];
    size_t size;
    const char *text;

    switch (lua_type(builder->lua, position)) {
    case LUA_TSTRING:
        text = lua_tolstring(builder->lua, position, &size);
        library_builder_add(builder, text, size);
        return true;
    case LUA_TNUMBER:
        sandbox_charge(builder->lua, lua_isinteger(builder->lua, position) ? INTEGER_WORK : FLOAT_WORK);
        library_builder_add(builder, number, library_format_number(builder->lua, position, number));
        return true;
    case LUA_TBOOLEAN:
        text = lua_toboolean(builder->lua, position) ? "true" : "false";
        library_builder_add(builder, text, strlen(text));
        return true;
    default:
        return false;
    }
}

void library_builder_push(struct library_builder *builder)
{
    if (builder->size > SANDBOX_TEXT_MAX)
        sandbox_error(builder->lua, "the text would be longer than %d bytes", (int)SANDBOX_TEXT_MAX);
    lua_pushlstring(builder->lua, builder->data, builder->size);
}
