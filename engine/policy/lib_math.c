#include "policy/library.h"

#include <math.h>

/* No sin, exp, sqrt or random: their last digit may differ between machines. */

static void check_number(lua_State *lua, int position)
{
    if (lua_type(lua, position) != LUA_TNUMBER)
        library_bad_argument(lua, position, "number");
}

static int math_abs(lua_State *lua)
{
    check_number(lua, 1);
    if (lua_isinteger(lua, 1)) {
        lua_Integer value = lua_tointeger(lua, 1);

        lua_pushinteger(lua, value < 0 ? (lua_Integer)(0 - (lua_Unsigned)value) : value);
    } else {
        lua_pushnumber(lua, fabs(lua_tonumber(lua, 1)));
    }
    return 1;
}

static int push_rounded(lua_State *lua, lua_Number value)
{
    lua_Integer integer;

    if (lua_numbertointeger(value, &integer))
        lua_pushinteger(lua, integer);
    else
        lua_pushnumber(lua, value);
    return 1;
}

static int math_floor(lua_State *lua)
{
    check_number(lua, 1);
    if (!lua_isinteger(lua, 1))
        return push_rounded(lua, floor(lua_tonumber(lua, 1)));
    lua_settop(lua, 1);
    return 1;
}

static int math_ceil(lua_State *lua)
{
    check_number(lua, 1);
    if (!lua_isinteger(lua, 1))
        return push_rounded(lua, ceil(lua_tonumber(lua, 1)));
    lua_settop(lua, 1);
    return 1;
}

static int extreme(lua_State *lua, bool largest)
{
    int count = lua_gettop(lua), best = 1, i;

    check_number(lua, 1);
    sandbox_charge(lua, (uint64_t)count);
    for (i = 2; i <= count; i++) {
        check_number(lua, i);
        if (largest ? lua_compare(lua, best, i, LUA_OPLT) : lua_compare(lua, i, best, LUA_OPLT))
            best = i;
    }
    lua_pushvalue(lua, best);
    return 1;
}

static int math_max(lua_State *lua)
{
    return extreme(lua, true);
}

static int math_min(lua_State *lua)
{
    return extreme(lua, false);
}

static int math_tointeger(lua_State *lua)
{
    int exact = 0;
    lua_Integer value = 0;

    luaL_checkany(lua, 1);
    if (lua_type(lua, 1) == LUA_TNUMBER)
        value = lua_tointegerx(lua, 1, &exact);
    if (exact)
        lua_pushinteger(lua, value);
    else
        lua_pushnil(lua);
    return 1;
}

static int math_type(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_type(lua, 1) != LUA_TNUMBER)
        lua_pushnil(lua);
    else
        lua_pushstring(lua, lua_isinteger(lua, 1) ? "integer" : "float");
    return 1;
}

const luaL_Reg library_math_functions[] = {
    {"abs", math_abs},   {"ceil", math_ceil},           {"floor", math_floor}, {"max", math_max},    {"min", math_min},
    {"type", math_type}, {"tointeger", math_tointeger}, {"huge", NULL},        {"maxinteger", NULL}, {"mininteger", NULL},
    {NULL, NULL}, /* the last three are numbers, set below */
};

void library_open_math(lua_State *lua)
{
    library_register(lua, "math", library_math_functions);
    lua_getglobal(lua, "math");
    lua_pushinteger(lua, LUA_MAXINTEGER);
    lua_setfield(lua, -2, "maxinteger");
    lua_pushinteger(lua, LUA_MININTEGER);
    lua_setfield(lua, -2, "mininteger");
    lua_pushnumber(lua, HUGE_VAL);
    lua_setfield(lua, -2, "huge");
    lua_pop(lua, 1);
}
