#include "policy/dump.h"

#include <stdlib.h>

enum { LINES_ABSOLUTE = -128, FUNCTIONS_DEPTH_MAX = 200, HEADER_SIZE = 31, VARINT_BYTES_MAX = 10 };

/* ---- taking ---- */

static int write_part(lua_State *lua, const void *data, size_t size, void *userdata)
{
    struct dump *dump = (struct dump *)userdata;

    (void)lua;
    if (size > dump->capacity - dump->size) {
        size_t capacity = (dump->capacity + size) * 2;
        unsigned char *grown = (unsigned char *)realloc(dump->data, capacity);

        if (grown == NULL)
            return 1;
        dump->data = grown;
        dump->capacity = capacity;
    }
    if (size)
        memcpy(dump->data + dump->size, data, size);
    dump->size += size;
    return 0;
}

bool dump_take(lua_State *lua, struct dump *out)
{
    *out = (struct dump){0};
    return lua_dump(lua, write_part, out, 0) == 0;
}

void dump_destroy(struct dump *dump)
{
    free(dump->data);
    *dump = (struct dump){0};
}

/* ---- reading ---- */

struct reader {
    const unsigned char *at, *end;
    bool bad; /* ended early, or is not of this format, or a visitor said so */
    int depth;
    dump_visit_f visit;
    void *context;
};

static unsigned char read_byte(struct reader *reader)
{
    if (reader->at >= reader->end) {
        reader->bad = true;
        return 0x80;
    }
    return *reader->at++;
}

static size_t read_size(struct reader *reader)
{
    size_t value = 0;
    unsigned char byte;
    int i = 0;

    do {
        byte = read_byte(reader);
        value = value << 7 | (byte & 0x7f);
        if (++i > VARINT_BYTES_MAX)
            reader->bad = true;
    } while (!(byte & 0x80) && !reader->bad);
    return value;
}

static const unsigned char *skip(struct reader *reader, size_t size)
{
    const unsigned char *from = reader->at;

    if (reader->bad || size > (size_t)(reader->end - reader->at)) {
        reader->bad = true;
        return from;
    }
    reader->at += size;
    return from;
}

static struct slice read_text(struct reader *reader)
{
    size_t size = read_size(reader);
    const unsigned char *from;

    if (size == 0)
        return (struct slice){0};
    from = skip(reader, size - 1);
    return slice_from(from, reader->bad ? 0 : size - 1);
}

/* A count of things that take at least `least` bytes each: bounded by what is left. */
static size_t read_count(struct reader *reader, size_t least)
{
    size_t count = read_size(reader);

    if (count > (size_t)(reader->end - reader->at) / least)
        reader->bad = true;
    return reader->bad ? 0 : count;
}

static void read_constants(struct reader *reader, struct slice *names, size_t count)
{
    size_t i;

    for (i = 0; i < count && !reader->bad; i++) {
        switch (read_byte(reader)) {
        case 0x00: /* nil, false, true */
        case 0x01:
        case 0x11:
            break;
        case 0x03: /* integer, float */
        case 0x13:
            (void)skip(reader, 8);
            break;
        case 0x04: /* short and long text */
        case 0x14:
            names[i] = read_text(reader);
            break;
        default:
            reader->bad = true;
        }
    }
}

static void read_upvalues(struct reader *reader, const struct dump_function *outer, unsigned char *is_env, size_t count)
{
    size_t i;

    for (i = 0; i < count && !reader->bad; i++) {
        const unsigned char *item = skip(reader, 3); /* in the outer stack, place, kind */

        if (reader->bad)
            return;
        if (outer == NULL)
            is_env[i] = i == 0;
        else
            is_env[i] = item[0] == 0 && item[1] < outer->upvalue_count && outer->is_env[item[1]];
    }
}

static void read_debug(struct reader *reader, struct dump_function *function)
{
    size_t count, i;

    function->delta_count = read_count(reader, 1);
    function->deltas = skip(reader, function->delta_count);
    function->absolute_count = read_count(reader, 2);
    function->absolute = reader->at;
    for (i = 0; i < function->absolute_count; i++) {
        (void)read_size(reader);
        (void)read_size(reader);
    }
    count = read_count(reader, 3);
    for (i = 0; i < count && !reader->bad; i++) {
        (void)read_text(reader);
        (void)read_size(reader);
        (void)read_size(reader);
    }
    count = read_count(reader, 1);
    for (i = 0; i < count && !reader->bad; i++)
        (void)read_text(reader);
}

static void read_function(struct reader *reader, const struct dump_function *outer)
{
    struct dump_function function = {0};
    struct slice *names;
    unsigned char *is_env;
    size_t count, i;

    if (++reader->depth > FUNCTIONS_DEPTH_MAX)
        reader->bad = true;
    (void)read_text(reader); /* source */
    function.first_line = (int)read_size(reader);
    (void)read_size(reader); /* last line */
    (void)skip(reader, 3);   /* parameters, variadic, stack */
    function.instruction_count = read_count(reader, 4);
    function.code = skip(reader, function.instruction_count * 4);
    function.constant_count = read_count(reader, 1);
    names = (struct slice *)calloc(function.constant_count + 1, sizeof *names);
    reader->bad = reader->bad || names == NULL;
    read_constants(reader, names, function.constant_count);
    function.upvalue_count = read_count(reader, 3);
    is_env = (unsigned char *)calloc(function.upvalue_count + 1, 1);
    reader->bad = reader->bad || is_env == NULL;
    read_upvalues(reader, outer, is_env, function.upvalue_count);
    function.names = names;
    function.is_env = is_env;
    count = read_count(reader, 4);
    for (i = 0; i < count && !reader->bad; i++)
        read_function(reader, &function);
    read_debug(reader, &function);
    if (!reader->bad && !reader->visit(reader->context, &function))
        reader->bad = true;
    free(names);
    free(is_env);
    reader->depth--;
}

bool dump_read(const struct dump *dump, dump_visit_f visit, void *context)
{
    static const unsigned char header[] = {0x1b, 'L', 'u', 'a', 0x54, 0, 0x19, 0x93, '\r', '\n', 0x1a, '\n', 4, 8, 8};
    struct reader reader = {.visit = visit, .context = context};

    if (dump->size < HEADER_SIZE + 1 || memcmp(dump->data, header, sizeof header) != 0)
        return false;
    reader.at = dump->data + HEADER_SIZE + 1; /* and the count of upvalues */
    reader.end = dump->data + dump->size;
    read_function(&reader, NULL);
    return !reader.bad;
}

/* A varint that read_debug has already read once. */
static size_t again(const unsigned char **at)
{
    size_t value = 0;

    while (!(**at & 0x80))
        value = value << 7 | *(*at)++;
    return value << 7 | (*(*at)++ & 0x7f);
}

bool dump_next(const struct dump_function *function, struct dump_cursor *cursor)
{
    uint32_t code;
    int delta;

    if (cursor->next == 0) {
        cursor->line = function->first_line;
        cursor->absolute_at = function->absolute;
    }
    if (cursor->next >= function->instruction_count)
        return false;
    delta = cursor->next < function->delta_count ? (signed char)function->deltas[cursor->next] : 0;
    if (delta != LINES_ABSOLUTE) {
        cursor->line += delta;
    } else if (cursor->absolute_used++ < function->absolute_count) {
        (void)again(&cursor->absolute_at);
        cursor->line = (int)again(&cursor->absolute_at);
    }
    memcpy(&code, function->code + cursor->next * 4, sizeof code);
    cursor->now = (struct dump_instruction){
        .op = code & 0x7f, .a = code >> 7 & 0xff, .b = code >> 16 & 0xff, .c = code >> 24, .line = cursor->line};
    cursor->next++;
    return true;
}
