#include "policy/lib_string.h"
#include "policy/library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SPEC_MAX = 16,
    ITEM_MAX = 512, /* a double in %.99f is at most 310 + 1 + 99 bytes */
    DIGIT_WORK = 6  /* exact digits of large numbers are long arithmetic */
};

/* Copies flags, width (2 digits) and precision (2 digits) into `spec`, checked; returns the conversion letter's place. */
static const char *read_spec(lua_State *lua, const char *at, const char *end, char spec[SPEC_MAX])
{
    const char *start = at;
    int digits;

    while (at < end && *at != '\0' && strchr("-+ #0", *at) != NULL)
        at++;
    for (digits = 0; at < end && *at >= '0' && *at <= '9'; at++)
        digits++;
    if (digits > 2)
        sandbox_error(lua, "format: a width has at most two digits");
    if (at < end && *at == '.')
        for (digits = 0, at++; at < end && *at >= '0' && *at <= '9'; at++)
            digits++;
    if (digits > 2 || at - start > 8)
        sandbox_error(lua, "format: a precision has at most two digits");
    if (at == end)
        sandbox_error(lua, "format: '%%' at the end of the text");
    spec[0] = '%';
    memcpy(spec + 1, start, (size_t)(at - start));
    spec[1 + (at - start)] = '\0';
    return at;
}

static void add_number(struct library_builder *builder, int position, const char *spec, char letter)
{
    char format[SPEC_MAX + 4], item[ITEM_MAX];
    lua_Number value;
    int length;

    if (lua_type(builder->lua, position) != LUA_TNUMBER)
        library_bad_argument(builder->lua, position, "number");
    value = lua_tonumber(builder->lua, position);
    (void)snprintf(format, sizeof format, "%s%c", spec, isnan(value) ? 's' : letter);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (isnan(value))
        length = snprintf(item, sizeof item, "%s", "nan");
    else
        length = snprintf(item, sizeof item, format, value);
#pragma GCC diagnostic pop
    sandbox_charge(builder->lua, length < 0 ? 0 : DIGIT_WORK * (uint64_t)length);
    library_builder_add(builder, item, length < 0 ? 0 : (size_t)length);
}

static void add_integer(struct library_builder *builder, int position, const char *spec, char letter)
{
    char format[SPEC_MAX + 4], item[ITEM_MAX];
    int length;

    (void)snprintf(format, sizeof format, "%sll%c", spec, letter);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    length = snprintf(item, sizeof item, format, (long long)library_integer(builder->lua, position));
#pragma GCC diagnostic pop
    library_builder_add(builder, item, length < 0 ? 0 : (size_t)length);
}

static void pad(struct library_builder *builder, int count)
{
    while (count-- > 0)
        library_builder_add(builder, " ", 1);
}

/* %s with width and precision; any value that tostring shows. */
static void add_text(struct library_builder *builder, int position, const char *spec)
{
    struct library_builder value;
    const char *dot = strchr(spec, '.');
    int width = 0, precision = -1, fill;
    bool left = strchr(spec, '-') != NULL;

    (void)sscanf(spec + strspn(spec, "%-+ #0"), "%d", &width);
    if (dot != NULL) {
        precision = 0;
        (void)sscanf(dot + 1, "%d", &precision);
    }
    library_builder_create(&value, builder->lua);
    if (!library_builder_add_value(&value, position)) {
        const char *name = library_is_view(builder->lua, position) ? "table" : luaL_typename(builder->lua, position);

        library_builder_add(&value, name, strlen(name));
    }
    if (precision >= 0 && value.size > (size_t)precision)
        value.size = (size_t)precision;
    fill = (size_t)width > value.size ? width - (int)value.size : 0;
    if (!left)
        pad(builder, fill);
    library_builder_add(builder, value.data, value.size);
    if (left)
        pad(builder, fill);
    lua_settop(builder->lua, value.slot - 1);
}

static void add_item(struct library_builder *builder, int position, const char *spec, char letter)
{
    char byte;

    if (lua_isnone(builder->lua, position))
        library_bad_argument(builder->lua, position, "a value");
    switch (letter) {
    case 'd':
    case 'i':
    case 'x':
    case 'X':
    case 'o':
        add_integer(builder, position, spec, letter);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        add_number(builder, position, spec, letter);
        break;
    case 'c':
        byte = (char)library_integer(builder->lua, position);
        library_builder_add(builder, &byte, 1);
        break;
    case 's':
        add_text(builder, position, spec);
        break;
    default:
        sandbox_error(builder->lua, "format: '%%%c' is not supported; use d i x X o e f g c s or %%%%", letter);
    }
}

int lib_string_format(lua_State *lua)
{
    struct slice format = library_text(lua, 1);
    const char *at = format.data, *end = at + format.size;
    int position = 1, given = lua_gettop(lua);
    struct library_builder builder;
    char spec[SPEC_MAX];

    library_builder_create(&builder, lua);
    for (; at < end; at++) {
        if (*at != '%') {
            library_builder_add(&builder, at, 1);
        } else if (at + 1 < end && at[1] == '%') {
            library_builder_add(&builder, at++, 1);
        } else {
            if (++position > given)
                sandbox_error(lua, "format: value #%d is missing", position - 1);
            at = read_spec(lua, at + 1, end, spec);
            add_item(&builder, position, spec, *at);
        }
    }
    library_builder_push(&builder);
    return 1;
}
