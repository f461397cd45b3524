/*
 * group "name" { match = {…}, owner = "…", rules = function() rule "x" {…} end }: what several rules share. Inside, rule names
 * begin with the group's, its fields are defaults over those of the file, and its match holds besides each rule's own.
 */
#include "policy/extract.h"
#include "policy/library.h"
#include "policy/load.h"
#include "policy/report.h"

/* Pushes field `name` of the group around, or nil. */
static void push_around(lua_State *lua, const char *name)
{
    if (lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_GROUP) == LUA_TTABLE) {
        lua_pushstring(lua, name);
        (void)lua_rawget(lua, -2);
        lua_remove(lua, -2);
    }
}

/* Sets the pairs of the table at `from` in the table at `to`; `once`: a field that is there already is a mistake. */
static void add_pairs(lua_State *lua, int from, int to, bool once)
{
    for (lua_pushnil(lua); lua_next(lua, from); lua_pop(lua, 1)) {
        sandbox_charge(lua, 1);
        lua_pushvalue(lua, -2);
        if (lua_rawget(lua, to) != LUA_TNIL && once)
            sandbox_error(lua, "match: the group already says what \"%.80s\" has to be",
                          lua_type(lua, -3) == LUA_TSTRING ? lua_tostring(lua, -3) : "?");
        lua_pop(lua, 1);
        lua_pushvalue(lua, -2);
        lua_pushvalue(lua, -2);
        lua_rawset(lua, to);
    }
}

/* Pushes a table with the pairs of the tables at `outer` and `inner`, either of which may be nil. */
static void push_joined(lua_State *lua, int outer, int inner)
{
    lua_newtable(lua);
    if (lua_istable(lua, outer))
        add_pairs(lua, outer, lua_gettop(lua), false);
    if (lua_istable(lua, inner))
        add_pairs(lua, inner, lua_gettop(lua), true);
}

struct slice load_group_name(lua_State *lua, struct slice name)
{
    push_around(lua, "prefix");
    if (lua_type(lua, -1) != LUA_TSTRING) {
        lua_pop(lua, 1);
        library_push(lua, name);
    } else {
        lua_pushliteral(lua, ".");
        library_push(lua, name);
        lua_concat(lua, 3);
    }
    name.data = lua_tolstring(lua, -1, &name.size);
    return name;
}

void load_group_apply(lua_State *lua, int table)
{
    int top = lua_gettop(lua);
    int type;

    luaL_checkstack(lua, 12, NULL);
    push_around(lua, "match");
    type = load_field(lua, table, "match");
    if (lua_istable(lua, top + 1) && (type == LUA_TTABLE || type == LUA_TNIL)) {
        lua_newtable(lua); /* the rule's table is its author's: it stays as it is */
        add_pairs(lua, table, top + 3, false);
        lua_pushliteral(lua, "match");
        push_joined(lua, top + 1, top + 2);
        lua_rawset(lua, top + 3);
        lua_replace(lua, table);
    }
    lua_settop(lua, top);
}

static void check_fields(lua_State *lua)
{
    for (lua_pushnil(lua); lua_next(lua, 1); lua_pop(lua, 1)) {
        struct slice name = {0};
        const char *nearest;

        if (lua_type(lua, -2) == LUA_TSTRING)
            name.data = lua_tolstring(lua, -2, &name.size);
        if (slice_equal_str(name, "rules") || load_is_rule_field(name))
            continue;
        nearest = report_nearest(name, extract_rule_fields);
        sandbox_error(lua, "group: unknown field \"%.*s\"%s%s%s", (int)(name.size < 60 ? name.size : 60),
                      name.size ? name.data : "", nearest ? "; did you mean \"" : "; there are rules and the fields of a rule",
                      nearest ? nearest : "", nearest ? "\"?" : "");
    }
    lua_pushliteral(lua, "match");
    if (lua_rawget(lua, 1) != LUA_TNIL && !lua_istable(lua, -1))
        sandbox_error(lua, "group: match: expected a table such as { operation = \"delete\" }");
    lua_pushliteral(lua, "rules");
    if (lua_rawget(lua, 1) != LUA_TFUNCTION)
        sandbox_error(lua, "group: a function `rules` that holds the group's rules is missing");
    lua_settop(lua, 1);
}

/* Pushes the defaults inside: those around, then the group's fields. */
static void push_defaults(lua_State *lua, int around)
{
    int inside;

    lua_newtable(lua);
    inside = lua_gettop(lua);
    if (lua_istable(lua, around))
        add_pairs(lua, around, inside, false);
    add_pairs(lua, 1, inside, false);
    lua_pushliteral(lua, "rules");
    lua_pushnil(lua);
    lua_rawset(lua, inside);
    lua_pushliteral(lua, "match");
    lua_pushnil(lua);
    lua_rawset(lua, inside);
}

/* Pushes { prefix, match } of the group at 1 inside of the one around; upvalue 1 is its name. */
static void push_group(lua_State *lua)
{
    int base = lua_gettop(lua);

    (void)load_group_name(lua, library_text(lua, lua_upvalueindex(1)));
    push_around(lua, "match");
    lua_pushliteral(lua, "match");
    (void)lua_rawget(lua, 1);
    push_joined(lua, base + 2, base + 3);
    lua_newtable(lua);
    lua_pushliteral(lua, "match");
    lua_pushvalue(lua, base + 4);
    lua_rawset(lua, base + 5);
    lua_pushliteral(lua, "prefix");
    lua_pushvalue(lua, base + 1);
    lua_rawset(lua, base + 5);
    lua_replace(lua, base + 1);
    lua_settop(lua, base + 1);
}

/* A mistake inside ends the loading of the file, also when it is caught, so only success has to put back what was. */
static int group_body(lua_State *lua)
{
    struct loader *loader = load_need_rule_file(lua, "group");

    if (!lua_istable(lua, 1))
        sandbox_error(lua, "group: a table must follow the name");
    luaL_checkstack(lua, 20, NULL);
    lua_settop(lua, 1);
    check_fields(lua);
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_DEFAULTS); /* 2 */
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_GROUP);    /* 3 */
    push_defaults(lua, 2);
    push_group(lua);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LOAD_GROUP);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LOAD_DEFAULTS);
    lua_pushliteral(lua, "rules");
    (void)lua_rawget(lua, 1);
    loader->group_depth++;
    lua_call(lua, 0, 0);
    loader->group_depth--;
    lua_pushvalue(lua, 2);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LOAD_DEFAULTS);
    lua_pushvalue(lua, 3);
    lua_rawseti(lua, LUA_REGISTRYINDEX, LOAD_GROUP);
    return 0;
}

int load_group(lua_State *lua)
{
    struct slice name = library_text(lua, 1);

    (void)load_need_rule_file(lua, "group");
    if (!extract_name_is_valid(name))
        sandbox_error(lua, "group name \"%.*s\": use a-z, 0-9, '.', '_' and '-', as for rules",
                      (int)(name.size < 100 ? name.size : 100), name.data);
    lua_pushvalue(lua, 1);
    lua_pushcclosure(lua, group_body, 1);
    if (lua_gettop(lua) == 2)
        return 1;
    lua_pushvalue(lua, 2); /* group("name", { … }) */
    lua_call(lua, 1, 0);
    return 0;
}
