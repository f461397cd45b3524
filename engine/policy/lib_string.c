#include "policy/lib_string.h"

#include "policy/library.h"

#include <ctype.h>
#include <string.h>

static int string_len(lua_State *lua)
{
    lua_pushinteger(lua, (lua_Integer)library_text(lua, 1).size);
    return 1;
}

/* From and to as Lua's positions; clamps to the text. Empty when from > to. */
static struct slice part(struct slice text, lua_Integer from, lua_Integer to)
{
    lua_Integer size = (lua_Integer)text.size;

    if (from < 0)
        from = from < -size ? 1 : size + from + 1;
    else if (from == 0)
        from = 1;
    if (to < 0)
        to = to < -size ? 0 : size + to + 1;
    else if (to > size)
        to = size;
    return from > to ? slice_from(text.data, 0) : slice_sub(text, (size_t)from - 1, (size_t)to);
}

static int string_sub(lua_State *lua)
{
    struct slice found = part(library_text(lua, 1), library_integer(lua, 2), library_optional_integer(lua, 3, -1));

    sandbox_charge(lua, 1 + found.size / REGION_BYTES_PER_FUEL);
    library_push(lua, found);
    return 1;
}

static int string_byte(lua_State *lua)
{
    struct slice text = library_text(lua, 1), found;
    lua_Integer from = library_optional_integer(lua, 2, 1);
    size_t i;

    found = part(text, from, library_optional_integer(lua, 3, from));
    sandbox_charge(lua, found.size);
    if (found.size > SANDBOX_TEXT_MAX)
        sandbox_error(lua, "byte: more than %d values", (int)SANDBOX_TEXT_MAX);
    luaL_checkstack(lua, (int)found.size, "too many bytes");
    for (i = 0; i < found.size; i++)
        lua_pushinteger(lua, (unsigned char)found.data[i]);
    return (int)found.size;
}

static int string_char(lua_State *lua)
{
    int count = lua_gettop(lua), i;
    struct library_builder builder;

    library_builder_create(&builder, lua);
    for (i = 1; i <= count; i++) {
        lua_Integer value = library_integer(lua, i);
        char byte = (char)value;

        if (value < 0 || value > 255)
            library_bad_argument(lua, i, "a value from 0 to 255");
        library_builder_add(&builder, &byte, 1);
    }
    library_builder_push(&builder);
    return 1;
}

static int mapped(lua_State *lua, int (*map)(int))
{
    struct slice text = library_text(lua, 1);
    struct library_builder builder;
    size_t i;

    sandbox_charge(lua, text.size);
    library_builder_create(&builder, lua);
    library_builder_add(&builder, text.data, text.size);
    for (i = 0; i < text.size; i++)
        builder.data[i] = (char)map((unsigned char)builder.data[i]);
    library_builder_push(&builder);
    return 1;
}

static int string_lower(lua_State *lua)
{
    return mapped(lua, tolower);
}

static int string_upper(lua_State *lua)
{
    return mapped(lua, toupper);
}

static int string_reverse(lua_State *lua)
{
    struct slice text = library_text(lua, 1);
    struct library_builder builder;
    size_t i;

    sandbox_charge(lua, text.size);
    library_builder_create(&builder, lua);
    library_builder_add(&builder, text.data, text.size);
    for (i = 0; i < text.size; i++)
        builder.data[i] = text.data[text.size - 1 - i];
    library_builder_push(&builder);
    return 1;
}

static int string_rep(lua_State *lua)
{
    struct slice text = library_text(lua, 1), separator = {0};
    lua_Integer count = library_integer(lua, 2), i;
    struct library_builder builder;

    if (!lua_isnoneornil(lua, 3))
        separator = library_text(lua, 3);
    if (count > 0 && (lua_Unsigned)count > SANDBOX_TEXT_MAX) /* even of an empty text: the work is in the count */
        sandbox_error(lua, "rep: more than %d repetitions", (int)SANDBOX_TEXT_MAX);
    library_builder_create(&builder, lua);
    for (i = 0; i < count; i++) {
        sandbox_charge(lua, 1);
        if (i > 0)
            library_builder_add(&builder, separator.data, separator.size);
        library_builder_add(&builder, text.data, text.size);
    }
    library_builder_push(&builder);
    return 1;
}

const luaL_Reg library_string_functions[] = {
    {"byte", string_byte},         {"char", string_char},
    {"find", lib_string_find},     {"format", lib_string_format},
    {"gmatch", lib_string_gmatch}, {"gsub", lib_string_gsub},
    {"len", string_len},           {"lower", string_lower},
    {"match", lib_string_match},   {"rep", string_rep},
    {"reverse", string_reverse},   {"sub", string_sub},
    {"upper", string_upper},       {NULL, NULL},
};

/* Methods of texts come from a table of their own: a policy that changes `string` changes no ("x"):upper(). */
static void open_methods(lua_State *lua)
{
    lua_pushliteral(lua, "");
    lua_createtable(lua, 0, 1);
    lua_newtable(lua);
    luaL_setfuncs(lua, library_string_functions, 0);
    lua_setfield(lua, -2, "__index");
    (void)lua_setmetatable(lua, -2);
    lua_pop(lua, 1);
}

void library_open_string(lua_State *lua)
{
    library_register(lua, "string", library_string_functions);
    open_methods(lua);
}
