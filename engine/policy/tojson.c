#include "policy/tojson.h"

#include "base/text.h"
#include "policy/jsonview.h"

#include <math.h>

static cJSON *convert(lua_State *lua, int position, struct arena *arena, int depth);

static struct slice checked_text(lua_State *lua, int position)
{
    struct slice text = library_text(lua, position);

    if (!text_is_utf8(text) || slice_find(text, '\0', 0) != SIZE_MAX)
        sandbox_error(lua, "a text that JSON cannot carry: it is not UTF-8, or has a zero byte");
    return text;
}

static cJSON *convert_number(lua_State *lua, int position, struct arena *arena)
{
    lua_Number number = lua_tonumber(lua, position);

    if (lua_isinteger(lua, position)) {
        lua_Integer value = lua_tointeger(lua, position);

        if (value > JSON_INTEGER_MAX || value < -JSON_INTEGER_MAX)
            sandbox_error(lua, "an integer beyond 2^53: write it as a text");
        return json_new_i64(arena, value);
    }
    if (!isfinite(number))
        sandbox_error(lua, "a number that is not finite");
    return json_new_number(arena, number);
}

static cJSON *convert_list(lua_State *lua, int position, struct arena *arena, int depth)
{
    cJSON *list = json_new_array(arena);
    lua_Integer count = (lua_Integer)lua_rawlen(lua, position), i;

    for (i = 1; i <= count; i++) {
        (void)lua_rawgeti(lua, position, i);
        json_append(list, convert(lua, lua_gettop(lua), arena, depth + 1));
        lua_pop(lua, 1);
    }
    return list;
}

static cJSON *convert_object(lua_State *lua, int position, struct arena *arena, int depth)
{
    cJSON *object = json_new_object(arena);

    for (lua_pushnil(lua); lua_next(lua, position); lua_pop(lua, 1)) {
        struct slice name;

        if (lua_type(lua, -2) != LUA_TSTRING)
            sandbox_error(lua, "a table with members and elements: it is either an object or a list");
        name = checked_text(lua, lua_gettop(lua) - 1);
        json_put_named(arena, object, name, convert(lua, lua_gettop(lua), arena, depth + 1));
    }
    return object;
}

static cJSON *convert(lua_State *lua, int position, struct arena *arena, int depth)
{
    sandbox_charge(lua, 1);
    luaL_checkstack(lua, 6, NULL);
    if (depth > (int)JSON_DEPTH_MAX)
        sandbox_error(lua, "tables more than %d deep", (int)JSON_DEPTH_MAX);
    switch (lua_type(lua, position)) {
    case LUA_TNIL:
        return NULL;
    case LUA_TBOOLEAN:
        return json_new_bool(arena, lua_toboolean(lua, position));
    case LUA_TNUMBER:
        return convert_number(lua, position, arena);
    case LUA_TSTRING: {
        struct slice copy = arena_copy(arena, checked_text(lua, position));

        return copy.data ? json_new_text(arena, copy) : NULL;
    }
    case LUA_TTABLE:
        return lua_rawlen(lua, position) ? convert_list(lua, position, arena, depth)
                                         : convert_object(lua, position, arena, depth);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua, position) == NULL)
            return json_new_null(arena);
        break;
    default:
        break;
    }
    sandbox_error(lua, "a %s has no place in a request, facts or expectation", luaL_typename(lua, position));
}

cJSON *tojson_value(lua_State *lua, int position, struct arena *arena)
{
    return convert(lua, lua_absindex(lua, position), arena, 0);
}

static cJSON *merged_member(struct arena *arena, const cJSON *base, const cJSON *over)
{
    if (over == NULL)
        return json_copy(arena, base);
    if (jsonview_is_object(base) && jsonview_is_object(over))
        return tojson_merge(arena, base, over);
    return json_copy(arena, over);
}

cJSON *tojson_merge(struct arena *arena, const cJSON *base, const cJSON *over)
{
    cJSON *merged = json_new_object(arena);
    const cJSON *member;

    for (member = base ? base->child : NULL; member != NULL; member = member->next) {
        const cJSON *replaced = json_get(over, member->string);

        if (replaced == NULL || (replaced->type & 0xff) != cJSON_NULL)
            json_put(merged, member->string, merged_member(arena, member, replaced));
    }
    for (member = over ? over->child : NULL; member != NULL; member = member->next)
        if (json_get(base, member->string) == NULL && (member->type & 0xff) != cJSON_NULL)
            json_put(merged, member->string, json_copy(arena, member));
    return merged;
}
