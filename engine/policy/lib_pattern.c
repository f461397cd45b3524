#include "policy/lib_string.h"
#include "policy/pattern.h"

#include <string.h>

/* The byte offset that a position argument (from 1, negative from the end) means; SIZE_MAX past the end. */
static size_t start_offset(lua_Integer position, size_t size)
{
    if (position > 0)
        return (lua_Unsigned)position - 1 <= size ? (size_t)position - 1 : SIZE_MAX;
    if (position == 0 || (lua_Unsigned)0 - (lua_Unsigned)position > size)
        return 0;
    return size - (size_t)(-position);
}

static int find_plain(lua_State *lua, struct slice text, struct slice wanted, size_t from)
{
    const char *hit;

    /* memmem is linear; both lengths are counted before it runs. */
    sandbox_charge(lua, 1 + text.size - from + wanted.size);
    hit = wanted.size == 0 ? text.data + from
                           : (const char *)memmem(text.data + from, text.size - from, wanted.data, wanted.size);
    if (hit == NULL) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, hit - text.data + 1);
    lua_pushinteger(lua, hit - text.data + (lua_Integer)wanted.size);
    return 2;
}

static int find_or_match(lua_State *lua, bool find)
{
    struct slice text = library_text(lua, 1), source = library_text(lua, 2);
    size_t from = start_offset(library_optional_integer(lua, 3, 1), text.size);
    bool anchored = source.size != 0 && source.data[0] == '^';
    struct pattern pattern;
    const char *at, *end;

    if (from == SIZE_MAX) {
        lua_pushnil(lua);
        return 1;
    }
    if (find && (lua_toboolean(lua, 4) || pattern_is_plain(source)))
        return find_plain(lua, text, source, from);
    pattern_create(&pattern, lua, text, source);
    for (at = text.data + from; at <= pattern.text_end; at++) {
        pattern.count = 0;
        end = pattern_match(&pattern, at, source.data + anchored);
        if (end != NULL && find) {
            lua_pushinteger(lua, at - text.data + 1);
            lua_pushinteger(lua, end - text.data);
            return 2 + pattern_push_captures(&pattern, NULL, NULL);
        }
        if (end != NULL)
            return pattern_push_captures(&pattern, at, end);
        if (anchored)
            break;
    }
    lua_pushnil(lua);
    return 1;
}

int lib_string_find(lua_State *lua)
{
    return find_or_match(lua, true);
}

int lib_string_match(lua_State *lua)
{
    return find_or_match(lua, false);
}

/* Upvalues: text, pattern, offset to go on from, end of the last match (or -1): an empty match there would repeat. */
static int gmatch_step(lua_State *lua)
{
    struct pattern pattern;
    struct slice text = {0}, source = {0};
    lua_Integer from = lua_tointeger(lua, lua_upvalueindex(3)), last = lua_tointeger(lua, lua_upvalueindex(4));
    const char *at, *end;

    text.data = lua_tolstring(lua, lua_upvalueindex(1), &text.size);
    source.data = lua_tolstring(lua, lua_upvalueindex(2), &source.size);
    pattern_create(&pattern, lua, text, source);
    for (at = text.data + from; at <= pattern.text_end; at++) {
        pattern.count = 0;
        end = pattern_match(&pattern, at, source.data);
        if (end != NULL && end - text.data != last) {
            lua_pushinteger(lua, end - text.data);
            lua_copy(lua, -1, lua_upvalueindex(3));
            lua_replace(lua, lua_upvalueindex(4));
            return pattern_push_captures(&pattern, at, end);
        }
    }
    lua_pushinteger(lua, (lua_Integer)text.size + 1);
    lua_replace(lua, lua_upvalueindex(3));
    return 0;
}

int lib_string_gmatch(lua_State *lua)
{
    struct slice text = library_text(lua, 1);
    size_t from = start_offset(library_optional_integer(lua, 3, 1), text.size);

    (void)library_text(lua, 2);
    lua_settop(lua, 2);
    lua_pushinteger(lua, from == SIZE_MAX ? (lua_Integer)text.size + 1 : (lua_Integer)from);
    lua_pushinteger(lua, -1);
    lua_pushcclosure(lua, gmatch_step, 4);
    return 1;
}

static void add_template(struct library_builder *builder, struct pattern *pattern, const char *start, const char *end)
{
    struct slice text = library_text(builder->lua, 3);
    size_t i;

    for (i = 0; i < text.size; i++) {
        char escaped;

        if (text.data[i] != '%') {
            library_builder_add(builder, text.data + i, 1);
            continue;
        }
        escaped = ++i < text.size ? text.data[i] : '\0';
        if (escaped == '%') {
            library_builder_add(builder, "%", 1);
        } else if (escaped == '0') {
            library_builder_add(builder, start, (size_t)(end - start));
        } else if (escaped >= '1' && escaped <= '9') {
            pattern_push_capture(pattern, escaped - '1', start, end);
            (void)library_builder_add_value(builder, lua_gettop(builder->lua));
            lua_pop(builder->lua, 1);
        } else {
            sandbox_error(builder->lua, "invalid use of '%%' in the replacement");
        }
    }
}

/* The replacement of one match; nil and false keep the original. */
static void add_replacement(struct library_builder *builder, struct pattern *pattern, const char *start, const char *end,
                            int kind)
{
    lua_State *lua = builder->lua;

    if (kind == LUA_TSTRING || kind == LUA_TNUMBER) {
        add_template(builder, pattern, start, end);
        return;
    }
    if (kind == LUA_TFUNCTION) {
        lua_pushvalue(lua, 3);
        lua_call(lua, pattern_push_captures(pattern, start, end), 1);
    } else {
        pattern_push_capture(pattern, 0, start, end);
        (void)lua_gettable(lua, 3);
    }
    if (!lua_toboolean(lua, -1))
        library_builder_add(builder, start, (size_t)(end - start));
    else if (lua_type(lua, -1) == LUA_TBOOLEAN || !library_builder_add_value(builder, lua_gettop(lua)))
        sandbox_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    lua_pop(lua, 1);
}

int lib_string_gsub(lua_State *lua)
{
    struct slice text = library_text(lua, 1), source = library_text(lua, 2);
    int kind = lua_type(lua, 3);
    lua_Integer most = library_optional_integer(lua, 4, (lua_Integer)text.size + 1), count = 0;
    bool anchored = source.size != 0 && source.data[0] == '^';
    const char *at = text.data, *end, *last = NULL;
    struct library_builder builder;
    struct pattern pattern;

    if (kind != LUA_TSTRING && kind != LUA_TFUNCTION && kind != LUA_TTABLE)
        library_bad_argument(lua, 3, "string, function or table");
    lua_settop(lua, 4);
    library_builder_create(&builder, lua);
    pattern_create(&pattern, lua, text, source);
    while (count < most) {
        pattern.count = 0;
        end = pattern_match(&pattern, at, source.data + anchored);
        if (end != NULL && end != last) {
            count++;
            add_replacement(&builder, &pattern, at, end, kind);
            at = last = end;
        } else if (at < pattern.text_end) {
            library_builder_add(&builder, at++, 1);
        } else {
            break;
        }
        if (anchored)
            break;
    }
    if (at < pattern.text_end)
        library_builder_add(&builder, at, (size_t)(pattern.text_end - at));
    library_builder_push(&builder);
    lua_pushinteger(lua, count);
    return 2;
}
