#include "policy/push.h"

#include "parse/word.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64, WORDS_MAX = 8192 };

static void push_words(lua_State *lua, const char *name, const struct parse_word *words, size_t count)
{
    char dynamic_name[NAME_MAX_BYTES];
    bool any = false;
    size_t i;

    sandbox_charge(lua, 1 + 2 * count);
    lua_createtable(lua, (int)count, 0);
    for (i = 0; i < count; i++) {
        library_push(lua, words[i].text);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
        any = any || words[i].dynamic;
    }
    lua_setfield(lua, -2, name);
    if (!any)
        return;
    lua_newtable(lua);
    for (i = 0; i < count; i++) {
        if (!words[i].dynamic)
            continue;
        lua_createtable(lua, 0, 3);
        library_push(lua, slice_sub(words[i].text, 0, words[i].literal));
        lua_setfield(lua, -2, "literal");
        lua_pushboolean(lua, words[i].glob);
        lua_setfield(lua, -2, "glob");
        lua_pushboolean(lua, words[i].multiple);
        lua_setfield(lua, -2, "multiple");
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    (void)snprintf(dynamic_name, sizeof dynamic_name, "%s_dynamic", name);
    lua_setfield(lua, -2, dynamic_name);
}

static void push_word(lua_State *lua, const char *name, const struct parse_word *word)
{
    char dynamic_name[NAME_MAX_BYTES];

    library_push(lua, word->text);
    lua_setfield(lua, -2, name);
    if (!word->dynamic)
        return;
    (void)snprintf(dynamic_name, sizeof dynamic_name, "%s_dynamic", name);
    lua_pushboolean(lua, 1);
    lua_setfield(lua, -2, dynamic_name);
}

static void push_texts(lua_State *lua, const char *name, const struct slice *texts, size_t count)
{
    size_t i;

    sandbox_charge(lua, 1 + count);
    lua_createtable(lua, (int)count, 0);
    for (i = 0; i < count; i++) {
        library_push(lua, texts[i]);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    lua_setfield(lua, -2, name);
}

static void push_structs(lua_State *lua, const struct push_field *field, const char *items, size_t count)
{
    size_t i;

    lua_createtable(lua, (int)count, 0);
    for (i = 0; i < count; i++) {
        push_struct(lua, items + i * field->size, field->members);
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    lua_setfield(lua, -2, field->name);
}

/* Reads a member of type T at its offset; the structs are read through bytes, so alignment is the compiler's. */
#define MEMBER(type) (*(type const *)(const void *)at)
#define COUNT (*(const size_t *)(const void *)(data + field->count_at))

static void push_field(lua_State *lua, const char *data, const struct push_field *field)
{
    const char *at = data + field->at;

    switch (field->kind) {
    case PUSH_BOOL:
        if (!MEMBER(bool))
            return;
        lua_pushboolean(lua, 1);
        break;
    case PUSH_TEXT:
        if (MEMBER(struct slice).size == 0)
            return;
        library_push(lua, MEMBER(struct slice));
        break;
    case PUSH_INT:
        lua_pushinteger(lua, MEMBER(int));
        break;
    case PUSH_I64:
        lua_pushinteger(lua, MEMBER(int64_t));
        break;
    case PUSH_NAME:
        lua_pushstring(lua, field->names[MEMBER(int)]);
        break;
    case PUSH_WORD:
        push_word(lua, field->name, &MEMBER(struct parse_word));
        return;
    case PUSH_TEXTS:
        push_texts(lua, field->name, MEMBER(const struct slice *), COUNT);
        return;
    case PUSH_WORDS:
        push_words(lua, field->name, MEMBER(const struct parse_word *), COUNT);
        return;
    case PUSH_STRUCTS:
        push_structs(lua, field, MEMBER(const char *), COUNT);
        return;
    default:
        return;
    }
    lua_setfield(lua, -2, field->name);
}

void push_struct(lua_State *lua, const void *data, const struct push_field *fields)
{
    luaL_checkstack(lua, 8, NULL);
    lua_newtable(lua);
    for (; fields->kind != PUSH_END; fields++) {
        sandbox_charge(lua, 1);
        push_field(lua, (const char *)data, fields);
    }
}

/* Whether word `i` of the table at `position` is dynamic, from its argv_dynamic; fills `word`. */
static void read_dynamic(lua_State *lua, int dynamic, lua_Integer i, struct parse_word *word)
{
    if (!lua_istable(lua, dynamic) || lua_rawgeti(lua, dynamic, i) != LUA_TTABLE)
        return;
    word->dynamic = true;
    lua_getfield(lua, -1, "literal");
    word->literal = lua_type(lua, -1) == LUA_TSTRING ? library_text(lua, -1).size : 0;
    if (word->literal > word->text.size)
        word->literal = 0;
    lua_getfield(lua, -2, "glob");
    word->glob = lua_toboolean(lua, -1);
    lua_getfield(lua, -3, "multiple");
    word->multiple = lua_toboolean(lua, -1);
}

const struct parse_word *push_read_words(lua_State *lua, int position, struct arena *arena, size_t *count)
{
    int list = position, dynamic, top;
    struct parse_word *words;
    lua_Integer length, i;

    position = lua_absindex(lua, position);
    luaL_checkstack(lua, 12, NULL);
    lua_pushnil(lua);
    list = position;
    if (lua_istable(lua, position)) {
        lua_getfield(lua, position, "argv_dynamic");
        lua_getfield(lua, position, "argv");
        if (!lua_isnil(lua, -1))
            list = lua_gettop(lua);
    } else {
        lua_pushnil(lua);
        lua_pushnil(lua);
    }
    dynamic = lua_gettop(lua) - 1;
    length = luaL_len(lua, list);
    if (length < 0 || length > WORDS_MAX)
        sandbox_error(lua, "a list of more than %d words", (int)WORDS_MAX);
    sandbox_charge(lua, (uint64_t)length * 2);
    words = (struct parse_word *)arena_array(arena, (size_t)length + 1, sizeof *words);
    if (words == NULL)
        sandbox_trip(lua, SANDBOX_OVER_MEMORY);
    top = lua_gettop(lua);
    for (i = 1; i <= length; i++) {
        if (lua_geti(lua, list, i) != LUA_TSTRING)
            sandbox_error(lua, "word %lld is a %s, not a text", (long long)i, luaL_typename(lua, -1));
        words[i - 1] = parse_word_static(library_text(lua, -1)); /* kept alive by the list, or by the view's cache */
        read_dynamic(lua, dynamic, i, &words[i - 1]);
        lua_settop(lua, top);
    }
    *count = (size_t)length;
    return words;
}
