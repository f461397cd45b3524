#include "policy/library.h"

enum { UNPACK_MAX = 8000 /* values; Lua's own stack ends near 1,000,000, a C call's near this */ };

static lua_Integer length_of(lua_State *lua, int position)
{
    if (library_is_view(lua, position)) {
        lua_Integer length;

        lua_len(lua, position);
        length = lua_tointeger(lua, -1);
        lua_pop(lua, 1);
        return length;
    }
    if (!lua_istable(lua, position))
        library_bad_argument(lua, position, "table");
    return (lua_Integer)lua_rawlen(lua, position);
}

static void check_table(lua_State *lua, int position)
{
    if (!lua_istable(lua, position))
        library_bad_argument(lua, position, "table");
}

static int table_concat(lua_State *lua)
{
    lua_Integer last = length_of(lua, 1), i;
    struct slice separator = {0};
    struct library_builder builder;

    if (!lua_isnoneornil(lua, 2))
        separator = library_text(lua, 2);
    i = library_optional_integer(lua, 3, 1);
    last = library_optional_integer(lua, 4, last);
    lua_settop(lua, 4);
    library_builder_create(&builder, lua);
    for (; i <= last; i++) {
        sandbox_charge(lua, 1);
        (void)lua_geti(lua, 1, i);
        if (lua_type(lua, -1) == LUA_TBOOLEAN || !library_builder_add_value(&builder, lua_gettop(lua)))
            sandbox_error(lua, "concat: element %lld is a %s, not a string", (long long)i, luaL_typename(lua, -1));
        lua_pop(lua, 1);
        if (i == last) /* before i++ could overflow */
            break;
        library_builder_add(&builder, separator.data, separator.size);
    }
    library_builder_push(&builder);
    return 1;
}

static int table_insert(lua_State *lua)
{
    lua_Integer end, at, i;

    check_table(lua, 1);
    end = length_of(lua, 1) + 1;
    if (lua_gettop(lua) == 2) {
        lua_rawseti(lua, 1, end);
        return 0;
    }
    if (lua_gettop(lua) != 3)
        sandbox_error(lua, "insert: expected (table, value) or (table, position, value)");
    at = library_integer(lua, 2);
    if (at < 1 || at > end)
        library_bad_argument(lua, 2, "a position in the list");
    sandbox_charge(lua, (uint64_t)(end - at));
    for (i = end; i > at; i--) {
        (void)lua_rawgeti(lua, 1, i - 1);
        lua_rawseti(lua, 1, i);
    }
    lua_rawseti(lua, 1, at);
    return 0;
}

static int table_remove(lua_State *lua)
{
    lua_Integer size, at;

    check_table(lua, 1);
    size = length_of(lua, 1);
    at = library_optional_integer(lua, 2, size);
    if (!lua_isnoneornil(lua, 2) && (at < 1 || at > size + 1) && !(size == 0 && at == 0))
        library_bad_argument(lua, 2, "a position in the list");
    (void)lua_rawgeti(lua, 1, at);
    if (at <= size)
        sandbox_charge(lua, (uint64_t)(size - at));
    for (; at < size; at++) {
        (void)lua_rawgeti(lua, 1, at + 1);
        lua_rawseti(lua, 1, at);
    }
    lua_pushnil(lua);
    lua_rawseti(lua, 1, at);
    return 1;
}

static int table_move(lua_State *lua)
{
    lua_Integer from = library_integer(lua, 2), last = library_integer(lua, 3), to = library_integer(lua, 4), count, i;
    int target = lua_isnoneornil(lua, 5) ? 1 : 5;

    (void)length_of(lua, 1);
    check_table(lua, target);
    if (last >= from) {
        if (from <= 0 && last >= LUA_MAXINTEGER + from)
            library_bad_argument(lua, 3, "fewer elements");
        count = last - from + 1;
        if (to > LUA_MAXINTEGER - count + 1)
            library_bad_argument(lua, 4, "a smaller position");
        sandbox_charge(lua, (uint64_t)count);
        if (to > last || to <= from || target != 1) {
            for (i = 0; i < count; i++) {
                (void)lua_geti(lua, 1, from + i);
                lua_rawseti(lua, target, to + i);
            }
        } else {
            for (i = count - 1; i >= 0; i--) {
                (void)lua_geti(lua, 1, from + i);
                lua_rawseti(lua, target, to + i);
            }
        }
    }
    lua_pushvalue(lua, target);
    return 1;
}

static int table_pack(lua_State *lua)
{
    int count = lua_gettop(lua), i;

    sandbox_charge(lua, (uint64_t)count);
    lua_createtable(lua, count, 1);
    lua_insert(lua, 1);
    for (i = count; i >= 1; i--)
        lua_rawseti(lua, 1, i);
    lua_pushinteger(lua, count);
    lua_setfield(lua, 1, "n");
    return 1;
}

static int table_unpack(lua_State *lua)
{
    lua_Integer from = library_optional_integer(lua, 2, 1), last;
    lua_Unsigned count, i;

    last = lua_isnoneornil(lua, 3) ? length_of(lua, 1) : library_integer(lua, 3);
    (void)length_of(lua, 1);
    if (from > last)
        return 0;
    count = (lua_Unsigned)last - (lua_Unsigned)from;
    if (count >= UNPACK_MAX || !lua_checkstack(lua, (int)count + 2))
        sandbox_error(lua, "unpack: more than %d values", (int)UNPACK_MAX);
    sandbox_charge(lua, count + 1);
    for (i = 0; i <= count; i++)
        (void)lua_geti(lua, 1, from + (lua_Integer)i);
    return (int)count + 1;
}

/* ---- sort: a merge sort, so that equal elements keep their order and a bad comparator only gives a bad order ---- */

/* Stack: 1 list, 2 comparator or nil, 3 and 4 the two halves of the work: the list being read, the list being written. */
enum { SORT_READ = 3, SORT_WRITE = 4 };

/* Is element `b` of the list being read strictly before `a`? */
static bool comes_before(lua_State *lua, lua_Integer b, lua_Integer a)
{
    bool before;

    sandbox_charge(lua, 4);
    if (lua_isnil(lua, 2)) {
        (void)lua_rawgeti(lua, SORT_READ, b);
        (void)lua_rawgeti(lua, SORT_READ, a);
        before = lua_compare(lua, -2, -1, LUA_OPLT);
        lua_pop(lua, 2);
        return before;
    }
    lua_pushvalue(lua, 2);
    (void)lua_rawgeti(lua, SORT_READ, b);
    (void)lua_rawgeti(lua, SORT_READ, a);
    lua_call(lua, 2, 1);
    before = lua_toboolean(lua, -1);
    lua_pop(lua, 1);
    return before;
}

static void put_from(lua_State *lua, lua_Integer from, lua_Integer to)
{
    (void)lua_rawgeti(lua, SORT_READ, from);
    lua_rawseti(lua, SORT_WRITE, to);
}

/* Merges [from, middle) and [middle, end) of the list being read into the list being written. */
static void merge(lua_State *lua, lua_Integer from, lua_Integer middle, lua_Integer end)
{
    lua_Integer left = from, right = middle, to;

    for (to = from; to < end; to++) {
        if (left < middle && (right >= end || !comes_before(lua, right, left)))
            put_from(lua, left++, to);
        else
            put_from(lua, right++, to);
    }
}

static void copy_list(lua_State *lua, int from, int to, lua_Integer size)
{
    lua_Integer i;

    for (i = 1; i <= size; i++) {
        (void)lua_rawgeti(lua, from, i);
        lua_rawseti(lua, to, i);
    }
}

static int table_sort(lua_State *lua)
{
    lua_Integer size, width, from;

    check_table(lua, 1);
    size = length_of(lua, 1);
    if (!lua_isnoneornil(lua, 2) && !lua_isfunction(lua, 2))
        library_bad_argument(lua, 2, "function");
    lua_settop(lua, 2);
    luaL_checkstack(lua, 8, NULL);
    sandbox_charge(lua, 3 * (uint64_t)size);
    lua_createtable(lua, (int)(size < 1 << 20 ? size : 1 << 20), 0);
    lua_createtable(lua, (int)(size < 1 << 20 ? size : 1 << 20), 0);
    copy_list(lua, 1, SORT_READ, size);
    for (width = 1; width < size; width *= 2) {
        for (from = 1; from <= size; from += 2 * width) {
            lua_Integer middle = from + width <= size + 1 ? from + width : size + 1;
            lua_Integer end = from + 2 * width <= size + 1 ? from + 2 * width : size + 1;

            sandbox_charge(lua, (uint64_t)(end - from));
            merge(lua, from, middle, end);
        }
        lua_insert(lua, SORT_READ); /* what was written is read next */
    }
    copy_list(lua, SORT_READ, 1, size);
    return 0;
}

const luaL_Reg library_table_functions[] = {
    {"concat", table_concat}, {"insert", table_insert}, {"move", table_move},     {"pack", table_pack},
    {"remove", table_remove}, {"sort", table_sort},     {"unpack", table_unpack}, {NULL, NULL},
};

void library_open_table(lua_State *lua)
{
    library_register(lua, "table", library_table_functions);
}
