/*
 * Sets: tables whose keys are the members and whose values are true, so that s[x] asks and pairs(s) lists. set{…} makes one.
 */
#include "policy/library.h"

static void check_set(lua_State *lua, int position)
{
    if (!lua_istable(lua, position))
        library_bad_argument(lua, position, "a set");
}

static void check_member(lua_State *lua, int position)
{
    int type = lua_type(lua, position);

    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        sandbox_error(lua, "set: a member is a %s; texts, numbers and booleans can be members", luaL_typename(lua, position));
}

/* Adds the elements of the list at `position` (a table, or a list of request or facts) to the set on top of the stack. */
static void add_list(lua_State *lua, int position)
{
    lua_Integer count, i;

    if (!lua_istable(lua, position) && !library_is_view(lua, position))
        library_bad_argument(lua, position, "list");
    count = luaL_len(lua, position);
    sandbox_charge(lua, (uint64_t)count);
    for (i = 1; i <= count; i++) {
        (void)lua_geti(lua, position, i);
        check_member(lua, -1);
        lua_pushboolean(lua, 1);
        lua_rawset(lua, -3);
    }
}

/* __call: the set library itself, then the list. */
static int set_call(lua_State *lua)
{
    lua_settop(lua, 2);
    lua_newtable(lua);
    add_list(lua, 2);
    return 1;
}

static int set_of(lua_State *lua)
{
    lua_settop(lua, 1);
    lua_newtable(lua);
    add_list(lua, 1);
    return 1;
}

static int set_has(lua_State *lua)
{
    lua_settop(lua, 2);
    check_set(lua, 1);
    if (lua_isnil(lua, 2)) {
        lua_pushboolean(lua, 0);
        return 1;
    }
    check_member(lua, 2);
    (void)lua_rawget(lua, 1);
    lua_pushboolean(lua, lua_toboolean(lua, -1));
    return 1;
}

/* Puts into the set on top each member of the set at `from` that is (or, with `in` false, is not) in the set at `other`; 0:
 * any. */
static void copy_members(lua_State *lua, int from, int other, bool in)
{
    int target = lua_gettop(lua);

    for (lua_pushnil(lua); lua_next(lua, from);) {
        bool take = lua_toboolean(lua, -1);

        lua_pop(lua, 1);
        sandbox_charge(lua, 2);
        if (take && other != 0) {
            lua_pushvalue(lua, -1);
            (void)lua_rawget(lua, other);
            take = lua_toboolean(lua, -1) == in;
            lua_pop(lua, 1);
        }
        if (take) {
            lua_pushvalue(lua, -1);
            lua_pushboolean(lua, 1);
            lua_rawset(lua, target);
        }
    }
}

static void start_pair(lua_State *lua)
{
    lua_settop(lua, 2);
    check_set(lua, 1);
    check_set(lua, 2);
    lua_newtable(lua);
}

static int set_union(lua_State *lua)
{
    start_pair(lua);
    copy_members(lua, 1, 0, true);
    copy_members(lua, 2, 0, true);
    return 1;
}

static int set_intersection(lua_State *lua)
{
    start_pair(lua);
    copy_members(lua, 1, 2, true);
    return 1;
}

static int set_difference(lua_State *lua)
{
    start_pair(lua);
    copy_members(lua, 1, 2, false);
    return 1;
}

static int set_size(lua_State *lua)
{
    lua_Integer count = 0;

    lua_settop(lua, 1);
    check_set(lua, 1);
    for (lua_pushnil(lua); lua_next(lua, 1); lua_pop(lua, 1)) {
        sandbox_charge(lua, 1);
        count += lua_toboolean(lua, -1);
    }
    lua_pushinteger(lua, count);
    return 1;
}

const luaL_Reg library_set_functions[] = {{"of", set_of},
                                          {"has", set_has},
                                          {"union", set_union},
                                          {"intersection", set_intersection},
                                          {"difference", set_difference},
                                          {"size", set_size},
                                          {NULL, NULL}};

void library_open_set(lua_State *lua)
{
    library_register(lua, "set", library_set_functions);
    lua_getglobal(lua, "set");
    lua_createtable(lua, 0, 1);
    lua_pushcfunction(lua, set_call);
    lua_setfield(lua, -2, "__call");
    (void)lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
}
