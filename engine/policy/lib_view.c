/*
 * request and facts as Lua sees them: light userdata that point at JSON values. Reading allocates nothing but texts, and
 * writing is impossible. Members are found by name; a list's elements by number. null and absent are nil.
 */
#include "policy/library.h"

#include "policy/jsonview.h"

#include <stdlib.h>
#include <string.h>

enum { CACHED_TEXT_MIN = 128 /* longer texts are made once a call, however often they are read */ };

bool library_is_view(lua_State *lua, int position)
{
    return lua_type(lua, position) == LUA_TLIGHTUSERDATA;
}

static const cJSON *to_view(lua_State *lua, int position)
{
    return (const cJSON *)lua_touserdata(lua, position);
}

static void push_text(lua_State *lua, const cJSON *value)
{
    size_t size = strlen(value->valuestring);

    sandbox_charge(lua, 1 + size / REGION_BYTES_PER_FUEL);
    if (size < CACHED_TEXT_MIN) {
        lua_pushlstring(lua, value->valuestring, size);
        return;
    }
    if (lua_rawgetp(lua, LUA_REGISTRYINDEX, value) == LUA_TSTRING)
        return;
    lua_pop(lua, 1);
    lua_pushlstring(lua, value->valuestring, size);
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, value);
}

void library_push_json(lua_State *lua, const cJSON *value)
{
    double number;

    switch (value ? value->type & 0xff : cJSON_NULL) {
    case cJSON_True:
    case cJSON_False:
        lua_pushboolean(lua, (value->type & 0xff) == cJSON_True);
        return;
    case cJSON_Number:
        number = value->valuedouble;
        if (number >= -9007199254740992.0 && number <= 9007199254740992.0 && number == (double)(lua_Integer)number)
            lua_pushinteger(lua, (lua_Integer)number);
        else
            lua_pushnumber(lua, number);
        return;
    case cJSON_String:
        push_text(lua, value);
        return;
    case cJSON_Array:
    case cJSON_Object:
        lua_pushlightuserdata(lua, (void *)(uintptr_t)value);
        return;
    default:
        lua_pushnil(lua);
    }
}

static const cJSON *element_at(lua_State *lua, const cJSON *list, lua_Integer position)
{
    const cJSON *element = list->child;
    lua_Integer i;

    for (i = 1; element != NULL && i < position; i++)
        element = element->next;
    sandbox_charge(lua, (uint64_t)i);
    return position >= 1 ? element : NULL;
}

static int view_index(lua_State *lua)
{
    const cJSON *value = to_view(lua, 1);
    uint64_t work = 1;
    const cJSON *found = NULL;

    if (jsonview_is_object(value) && lua_type(lua, 2) == LUA_TSTRING) {
        found = jsonview_member(value, library_text(lua, 2), &work);
        sandbox_charge(lua, work);
    } else if (jsonview_is_array(value) && lua_isinteger(lua, 2)) {
        found = element_at(lua, value, lua_tointeger(lua, 2));
    }
    library_push_json(lua, found);
    return 1;
}

static int view_newindex(lua_State *lua)
{
    sandbox_error(lua, "request and facts are read-only");
}

static int view_length(lua_State *lua)
{
    const cJSON *value = to_view(lua, 1), *element;
    lua_Integer count = 0;

    if (jsonview_is_array(value))
        for (element = value->child; element != NULL; element = element->next)
            count++;
    sandbox_charge(lua, (uint64_t)count);
    lua_pushinteger(lua, count);
    return 1;
}

/* Upvalue: the element to give next, or nil at the end. */
static int view_ipairs_step(lua_State *lua)
{
    const cJSON *element = (const cJSON *)lua_touserdata(lua, lua_upvalueindex(1));
    lua_Integer position = library_integer(lua, 2) + 1;

    if (element == NULL || (element->type & 0xff) == cJSON_NULL) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushlightuserdata(lua, element->next);
    lua_replace(lua, lua_upvalueindex(1));
    lua_pushinteger(lua, position);
    library_push_json(lua, element);
    return 2;
}

int library_view_ipairs(lua_State *lua)
{
    const cJSON *value = to_view(lua, 1);

    lua_pushlightuserdata(lua, jsonview_is_array(value) ? value->child : NULL);
    lua_pushcclosure(lua, view_ipairs_step, 1);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* Upvalues: userdata of members in order of name, how many, how many are done. */
static int view_pairs_step(lua_State *lua)
{
    const cJSON *const *members = (const cJSON *const *)lua_touserdata(lua, lua_upvalueindex(1));
    lua_Integer count = lua_tointeger(lua, lua_upvalueindex(2));
    lua_Integer done = lua_tointeger(lua, lua_upvalueindex(3));

    while (done < count && (members[done]->type & 0xff) == cJSON_NULL)
        done++;
    if (done >= count) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, done + 1);
    lua_replace(lua, lua_upvalueindex(3));
    lua_pushstring(lua, members[done]->string);
    library_push_json(lua, members[done]);
    return 2;
}

int library_view_pairs(lua_State *lua)
{
    const cJSON *value = to_view(lua, 1), *member;
    const cJSON **members;
    size_t count = 0, i = 0;

    if (!jsonview_is_object(value))
        return library_view_ipairs(lua);
    for (member = value->child; member != NULL; member = member->next)
        count++;
    sandbox_charge(lua, 1 + count * 16);
    members = (const cJSON **)lua_newuserdatauv(lua, count * sizeof *members + 1, 0);
    for (member = value->child; member != NULL; member = member->next)
        members[i++] = member;
    qsort(members, count, sizeof *members, by_name);
    lua_pushinteger(lua, (lua_Integer)count);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, view_pairs_step, 3);
    return 1;
}

void library_open_view(lua_State *lua)
{
    static const luaL_Reg methods[] = {
        {"__index", view_index}, {"__newindex", view_newindex}, {"__len", view_length}, {NULL, NULL}};

    lua_pushlightuserdata(lua, lua); /* one metatable serves all light userdata of a state */
    lua_newtable(lua);
    luaL_setfuncs(lua, methods, 0);
    (void)lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
}
