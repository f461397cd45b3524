#include "policy/library.h"

#include <string.h>

enum {
    NUMBER_TEXT_MAX = 200, /* bytes of a text that tonumber looks at */
    PCALL_WORK = 40        /* what catching an error costs, in instructions */
};

static int base_type(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_pushstring(lua, library_is_view(lua, 1) ? "table" : luaL_typename(lua, 1));
    return 1;
}

static int base_tostring(lua_State *lua)
{
    struct library_builder builder;

    luaL_checkany(lua, 1);
    if (lua_type(lua, 1) == LUA_TSTRING) {
        lua_settop(lua, 1);
        return 1;
    }
    library_builder_create(&builder, lua);
    if (library_builder_add_value(&builder, 1))
        library_builder_push(&builder);
    else /* an address would differ from run to run */
        lua_pushstring(lua, library_is_view(lua, 1) ? "table" : luaL_typename(lua, 1));
    return 1;
}

static int digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A' + 10;
    return 99;
}

static struct slice trimmed(struct slice text)
{
    while (text.size && strchr(" \t\n\r\f\v", text.data[0]))
        text = slice_sub(text, 1, text.size);
    while (text.size && strchr(" \t\n\r\f\v", text.data[text.size - 1]))
        text.size--;
    return text;
}

static int push_in_base(lua_State *lua, struct slice text, lua_Integer base)
{
    lua_Unsigned value = 0;
    bool negative = false;
    size_t i = 0;

    text = trimmed(text);
    if (text.size && text.data[0] == '-') {
        negative = true;
        i = 1;
    }
    if (i == text.size)
        return 0;
    for (; i < text.size; i++) {
        int digit = digit_value(text.data[i]);

        if (digit >= base)
            return 0;
        value = value * (lua_Unsigned)base + (lua_Unsigned)digit;
    }
    lua_pushinteger(lua, (lua_Integer)(negative ? 0 - value : value));
    return 1;
}

static int base_tonumber(lua_State *lua)
{
    lua_Integer base = library_optional_integer(lua, 2, 10);
    struct slice text;

    luaL_checkany(lua, 1);
    if (base < 2 || base > 36)
        library_bad_argument(lua, 2, "a base from 2 to 36");
    if (lua_type(lua, 1) == LUA_TNUMBER && lua_isnoneornil(lua, 2)) {
        lua_settop(lua, 1);
        return 1;
    }
    if (lua_type(lua, 1) == LUA_TSTRING) {
        text = library_text(lua, 1);
        sandbox_charge(lua, 1 + (text.size <= NUMBER_TEXT_MAX ? text.size : 0));
        if (text.size <= NUMBER_TEXT_MAX && lua_isnoneornil(lua, 2) && lua_stringtonumber(lua, text.data) == text.size + 1)
            return 1;
        if (text.size <= NUMBER_TEXT_MAX && !lua_isnoneornil(lua, 2) && push_in_base(lua, text, base))
            return 1;
    }
    lua_pushnil(lua);
    return 1;
}

static int base_select(lua_State *lua)
{
    int count = lua_gettop(lua);
    lua_Integer from;

    if (lua_type(lua, 1) == LUA_TSTRING && slice_equal(library_text(lua, 1), SLICE("#"))) {
        lua_pushinteger(lua, count - 1);
        return 1;
    }
    from = library_integer(lua, 1);
    if (from < 0)
        from = count + from;
    else if (from > count)
        from = count;
    if (from < 1)
        library_bad_argument(lua, 1, "an index in range");
    sandbox_charge(lua, (uint64_t)(count - from));
    return count - (int)from;
}

static int base_assert(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (lua_toboolean(lua, 1))
        return lua_gettop(lua);
    if (lua_isnoneornil(lua, 2))
        sandbox_error(lua, "assertion failed");
    lua_settop(lua, 2);
    return lua_error(lua);
}

static int base_error(lua_State *lua)
{
    lua_Integer level = library_optional_integer(lua, 2, 1);

    lua_settop(lua, 1);
    if (lua_type(lua, 1) == LUA_TSTRING && level > 0 && level < 100) {
        luaL_where(lua, (int)level);
        lua_pushvalue(lua, 1);
        lua_concat(lua, 2);
    }
    return lua_error(lua);
}

/* Limits do not come this way: they leave the whole call. */
static int base_pcall(lua_State *lua)
{
    int status;

    luaL_checkany(lua, 1);
    sandbox_charge(lua, PCALL_WORK + (uint64_t)lua_gettop(lua));
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    status = lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0);
    if (status == LUA_OK)
        return lua_gettop(lua);
    lua_pushboolean(lua, 0);
    lua_insert(lua, -2);
    return 2;
}

static int ipairs_step(lua_State *lua)
{
    lua_Integer i = library_integer(lua, 2) + 1;

    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushinteger(lua, i);
    return lua_rawgeti(lua, 1, i) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *lua)
{
    if (library_is_view(lua, 1))
        return library_view_ipairs(lua);
    if (!lua_istable(lua, 1))
        library_bad_argument(lua, 1, "table");
    lua_pushcfunction(lua, ipairs_step);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

/* ---- pairs: numbers by value, then texts by bytes, then false, true ---- */

struct pair_key {
    int type;          /* LUA_T…, made to order by KEY_RANK */
    uint32_t position; /* in the table of keys */
    union {
        lua_Integer integer;
        lua_Number number;
        struct slice text;
    };
    bool is_integer;
};

static int key_rank(int type)
{
    return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2;
}

static bool number_before(const struct pair_key *a, const struct pair_key *b)
{
    if (a->is_integer && b->is_integer)
        return a->integer < b->integer;
    return (a->is_integer ? (lua_Number)a->integer : a->number) < (b->is_integer ? (lua_Number)b->integer : b->number);
}

static bool key_before(const struct pair_key *a, const struct pair_key *b)
{
    if (key_rank(a->type) != key_rank(b->type))
        return key_rank(a->type) < key_rank(b->type);
    if (a->type == LUA_TNUMBER)
        return number_before(a, b);
    if (a->type == LUA_TSTRING)
        return slice_compare(a->text, b->text) < 0;
    return a->integer < b->integer;
}

static void sift_down(struct pair_key *keys, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        struct pair_key swap = keys[root];

        if (child >= count)
            return;
        if (child + 1 < count && key_before(&keys[child], &keys[child + 1]))
            child++;
        if (!key_before(&keys[root], &keys[child]))
            return;
        keys[root] = keys[child];
        keys[child] = swap;
        root = child;
    }
}

static void sort_keys(struct pair_key *keys, size_t count)
{
    size_t i;

    for (i = count / 2; i-- > 0;)
        sift_down(keys, i, count);
    for (i = count; i-- > 1;) {
        struct pair_key swap = keys[0];

        keys[0] = keys[i];
        keys[i] = swap;
        sift_down(keys, 0, i);
    }
}

/* The key on top of the stack, into `out`; returns the bytes that comparing it may touch. */
static uint64_t read_key(lua_State *lua, struct pair_key *out)
{
    out->type = lua_type(lua, -1);
    switch (out->type) {
    case LUA_TNUMBER:
        out->is_integer = lua_isinteger(lua, -1);
        if (out->is_integer)
            out->integer = lua_tointeger(lua, -1);
        else
            out->number = lua_tonumber(lua, -1);
        return 1;
    case LUA_TSTRING:
        out->text = library_text(lua, -1);
        return 1 + out->text.size / 8;
    case LUA_TBOOLEAN:
        out->integer = lua_toboolean(lua, -1);
        return 1;
    default:
        sandbox_error(lua, "pairs: a key is a %s; only texts, numbers and booleans have an order", luaL_typename(lua, -1));
    }
}

static size_t count_keys(lua_State *lua)
{
    size_t count = 0;

    lua_pushnil(lua);
    while (lua_next(lua, 1)) {
        count++;
        lua_pop(lua, 1);
    }
    return count;
}

/* Upvalues: table, its keys, their order (userdata of uint32_t), how many, how many are done. */
static int pairs_step(lua_State *lua)
{
    lua_Integer count = lua_tointeger(lua, lua_upvalueindex(4));
    lua_Integer done = lua_tointeger(lua, lua_upvalueindex(5));
    const uint32_t *order = (const uint32_t *)lua_touserdata(lua, lua_upvalueindex(3));

    while (done < count) {
        (void)lua_rawgeti(lua, lua_upvalueindex(2), (lua_Integer)order[done++] + 1);
        lua_pushvalue(lua, -1);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(lua, done);
            lua_replace(lua, lua_upvalueindex(5));
            return 2;
        }
        lua_pop(lua, 2);
        sandbox_charge(lua, 1);
    }
    lua_pushnil(lua);
    return 1;
}

static uint64_t log2_of(size_t count)
{
    uint64_t log = 1;

    while (count >>= 1)
        log++;
    return log;
}

static int base_pairs(lua_State *lua)
{
    size_t count, i = 0;
    uint64_t weight = 0;
    struct pair_key *keys;
    uint32_t *order;

    if (library_is_view(lua, 1))
        return library_view_pairs(lua);
    if (!lua_istable(lua, 1))
        library_bad_argument(lua, 1, "table");
    lua_settop(lua, 1);
    count = count_keys(lua);
    sandbox_charge(lua, count);
    keys = (struct pair_key *)lua_newuserdatauv(lua, count * sizeof *keys + 1, 0); /* 2 */
    order = (uint32_t *)lua_newuserdatauv(lua, count * sizeof *order + 1, 0);      /* 3 */
    lua_createtable(lua, (int)count, 0);                                           /* 4 */
    for (lua_pushnil(lua); lua_next(lua, 1); i++) {
        lua_pop(lua, 1);
        keys[i].position = (uint32_t)i;
        weight += read_key(lua, &keys[i]);
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, 4, (lua_Integer)i + 1);
    }
    sandbox_charge(lua, 2 * weight * log2_of(count));
    sort_keys(keys, count);
    for (i = 0; i < count; i++)
        order[i] = keys[i].position;
    lua_pushvalue(lua, 1);
    lua_pushvalue(lua, 4);
    lua_pushvalue(lua, 3);
    lua_pushinteger(lua, (lua_Integer)count);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, pairs_step, 5);
    return 1;
}

static const luaL_Reg base_functions[] = {
    {"type", base_type},         {"tostring", base_tostring},
    {"tonumber", base_tonumber}, {"select", base_select},
    {"ipairs", base_ipairs},     {"pairs", base_pairs},
    {"assert", base_assert},     {"error", base_error},
    {"pcall", base_pcall},       {NULL, NULL},
};

void library_open_base(lua_State *lua)
{
    lua_pushglobaltable(lua);
    luaL_setfuncs(lua, base_functions, 0);
    lua_pop(lua, 1);
}
