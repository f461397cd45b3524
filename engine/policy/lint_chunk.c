/*
 * Reads a compiled chunk as lua_dump writes it (Lua 5.4, format 0), for what the instructions tell more surely than the tokens:
 * which globals are read and written, and at which line. A chunk that does not read as expected is left unchecked, never
 * refused.
 */
#include "policy/lint.h"

#include "policy/library.h"

#include <stdlib.h>

enum {
    OP_GETTABUP = 11,
    OP_GETFIELD = 14,
    OP_SETTABUP = 15,
    LINES_ABSOLUTE = -128,
    FUNCTIONS_DEPTH_MAX = 200,
    HEADER_SIZE = 31
};

struct name_list {
    struct slice *items; /* malloc'ed */
    size_t count, capacity;
};

struct chunk {
    const unsigned char *at, *end;
    bool bad; /* ended early, or is not of this format */
    struct slice path;
    struct policy_report *report;
    struct name_list written;
    bool checking; /* second pass */
    bool good;
    int depth;
};

struct function {
    const unsigned char *code, *constants, *line_deltas;
    size_t code_count, constant_count, delta_count;
    struct slice *names;   /* by constant; empty for others; malloc'ed */
    unsigned char *is_env; /* by upvalue; malloc'ed */
    size_t upvalue_count;
    int first_line;
    const unsigned char *absolute; /* pairs of varints */
    size_t absolute_count;
};

static unsigned char read_byte(struct chunk *chunk)
{
    if (chunk->at >= chunk->end) {
        chunk->bad = true;
        return 0x80;
    }
    return *chunk->at++;
}

static size_t read_size(struct chunk *chunk)
{
    size_t value = 0;
    unsigned char byte;
    int i = 0;

    do {
        byte = read_byte(chunk);
        value = value << 7 | (byte & 0x7f);
        if (++i > 9)
            chunk->bad = true;
    } while (!(byte & 0x80) && !chunk->bad);
    return value;
}

static const unsigned char *skip(struct chunk *chunk, size_t size)
{
    const unsigned char *from = chunk->at;

    if (chunk->bad || size > (size_t)(chunk->end - chunk->at)) {
        chunk->bad = true;
        return from;
    }
    chunk->at += size;
    return from;
}

static struct slice read_text(struct chunk *chunk)
{
    size_t size = read_size(chunk);

    return size == 0 ? (struct slice){0} : slice_from(skip(chunk, size - 1), chunk->bad ? 0 : size - 1);
}

/* A count of things that take at least `least` bytes each: bounded by what is left. */
static size_t read_count(struct chunk *chunk, size_t least)
{
    size_t count = read_size(chunk);

    if (count > (size_t)(chunk->end - chunk->at) / least)
        chunk->bad = true;
    return chunk->bad ? 0 : count;
}

static void read_constants(struct chunk *chunk, struct function *function)
{
    size_t i;

    function->constant_count = read_count(chunk, 1);
    function->names = (struct slice *)calloc(function->constant_count + 1, sizeof *function->names);
    if (function->names == NULL)
        chunk->bad = true;
    for (i = 0; i < function->constant_count && !chunk->bad; i++) {
        switch (read_byte(chunk)) {
        case 0x00: /* nil, false, true */
        case 0x01:
        case 0x11:
            break;
        case 0x03: /* integer, float */
        case 0x13:
            (void)skip(chunk, 8);
            break;
        case 0x04: /* short and long text */
        case 0x14:
            function->names[i] = read_text(chunk);
            break;
        default:
            chunk->bad = true;
        }
    }
}

static void read_upvalues(struct chunk *chunk, const struct function *outer, struct function *function)
{
    size_t i;

    function->upvalue_count = read_count(chunk, 3);
    function->is_env = (unsigned char *)calloc(function->upvalue_count + 1, 1);
    if (function->is_env == NULL)
        chunk->bad = true;
    for (i = 0; i < function->upvalue_count && !chunk->bad; i++) {
        const unsigned char *item = skip(chunk, 3); /* in the outer stack, place, kind */

        if (chunk->bad)
            return;
        if (outer == NULL)
            function->is_env[i] = i == 0;
        else
            function->is_env[i] = item[0] == 0 && item[1] < outer->upvalue_count && outer->is_env[item[1]];
    }
}

static bool is_written(const struct chunk *chunk, struct slice name)
{
    size_t i;

    for (i = 0; i < chunk->written.count; i++)
        if (slice_equal(chunk->written.items[i], name))
            return true;
    return false;
}

static void note_written(struct chunk *chunk, struct slice name)
{
    struct name_list *list = &chunk->written;

    if (is_written(chunk, name))
        return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct slice *items = (struct slice *)realloc(list->items, capacity * sizeof *items);

        if (items == NULL) {
            chunk->bad = true;
            return;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = name;
}

static int line_of(const struct function *function, size_t instruction)
{
    struct chunk absolute = {.at = function->absolute, .end = function->absolute + function->absolute_count * 20};
    int line = function->first_line;
    size_t i, used = 0;

    for (i = 0; i <= instruction && i < function->delta_count; i++) {
        int delta = (signed char)function->line_deltas[i];

        if (delta != LINES_ABSOLUTE) {
            line += delta;
        } else if (used++ < function->absolute_count) {
            (void)read_size(&absolute);
            line = (int)read_size(&absolute);
        }
    }
    return line;
}

static bool is_known(const struct chunk *chunk, struct slice name)
{
    const char *const *known;

    for (known = library_global_names(); *known != NULL; known++)
        if (slice_equal_str(name, *known))
            return true;
    return is_written(chunk, name);
}

static void report_unknown(struct chunk *chunk, const struct function *function, size_t instruction, struct slice name)
{
    const char *nearest = report_nearest(name, library_global_names());

    chunk->good = false;
    report_add(chunk->report, POLICY_ERROR, chunk->path, line_of(function, instruction), 0, "unknown global \"%.*s\"%s%s%s",
               (int)(name.size < 80 ? name.size : 80), name.data, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
               nearest ? "\"?" : "");
}

/* string.fromat: the instruction after the one that fetched `global` takes a member of it. */
static void check_member(struct chunk *chunk, const struct function *function, size_t instruction, struct slice global,
                         uint32_t target)
{
    char text[64];
    const luaL_Reg *members;
    const char *names[64];
    const char *nearest;
    struct slice member;
    uint32_t next;
    size_t i;

    if (instruction + 1 >= function->code_count || global.size >= sizeof text)
        return;
    memcpy(&next, function->code + (instruction + 1) * 4, 4);
    if ((next & 0x7f) != OP_GETFIELD || (next >> 16 & 0xff) != target || (next >> 24) >= function->constant_count)
        return;
    memcpy(text, global.data, global.size);
    text[global.size] = '\0';
    members = library_members(text);
    member = function->names[next >> 24];
    if (members == NULL || member.size == 0)
        return;
    for (i = 0; members[i].name != NULL && i < 63; i++) {
        if (slice_equal_str(member, members[i].name))
            return;
        names[i] = members[i].name;
    }
    names[i] = NULL;
    nearest = report_nearest(member, names);
    chunk->good = false;
    report_add(chunk->report, POLICY_ERROR, chunk->path, line_of(function, instruction + 1), 0, "there is no %s.%.*s%s%s%s%s%s",
               text, (int)(member.size < 60 ? member.size : 60), member.data, nearest ? "; did you mean \"" : "",
               nearest ? text : "", nearest ? "." : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static void visit_code(struct chunk *chunk, const struct function *function)
{
    size_t i;

    for (i = 0; i < function->code_count && !chunk->bad; i++) {
        uint32_t code, a, b, c;

        memcpy(&code, function->code + i * 4, 4);
        a = code >> 7 & 0xff;
        b = code >> 16 & 0xff;
        c = code >> 24;
        if ((code & 0x7f) == OP_SETTABUP && !chunk->checking && a < function->upvalue_count && function->is_env[a] &&
            b < function->constant_count)
            note_written(chunk, function->names[b]);
        if ((code & 0x7f) != OP_GETTABUP || !chunk->checking || b >= function->upvalue_count || !function->is_env[b] ||
            c >= function->constant_count || function->names[c].size == 0)
            continue;
        if (!is_known(chunk, function->names[c]))
            report_unknown(chunk, function, i, function->names[c]);
        else if (!is_written(chunk, function->names[c]))
            check_member(chunk, function, i, function->names[c], a);
    }
}

static void read_function(struct chunk *chunk, const struct function *outer);

static void read_debug(struct chunk *chunk, struct function *function)
{
    size_t count, i;

    function->delta_count = read_count(chunk, 1);
    function->line_deltas = skip(chunk, function->delta_count);
    function->absolute_count = read_count(chunk, 2);
    function->absolute = chunk->at;
    for (i = 0; i < function->absolute_count; i++) {
        (void)read_size(chunk);
        (void)read_size(chunk);
    }
    count = read_count(chunk, 3);
    for (i = 0; i < count && !chunk->bad; i++) {
        (void)read_text(chunk);
        (void)read_size(chunk);
        (void)read_size(chunk);
    }
    count = read_count(chunk, 1);
    for (i = 0; i < count && !chunk->bad; i++)
        (void)read_text(chunk);
}

static void read_function(struct chunk *chunk, const struct function *outer)
{
    struct function function = {0};
    size_t count, i;

    if (++chunk->depth > FUNCTIONS_DEPTH_MAX)
        chunk->bad = true;
    (void)read_text(chunk); /* source */
    function.first_line = (int)read_size(chunk);
    (void)read_size(chunk); /* last line */
    (void)skip(chunk, 3);   /* parameters, variadic, stack */
    function.code_count = read_count(chunk, 4);
    function.code = skip(chunk, function.code_count * 4);
    read_constants(chunk, &function);
    read_upvalues(chunk, outer, &function);
    count = read_count(chunk, 4);
    for (i = 0; i < count && !chunk->bad; i++)
        read_function(chunk, &function);
    read_debug(chunk, &function);
    if (!chunk->bad)
        visit_code(chunk, &function);
    free(function.names);
    free(function.is_env);
    chunk->depth--;
}

struct dump {
    unsigned char *data; /* malloc'ed */
    size_t size, capacity;
};

static int write_dump(lua_State *lua, const void *data, size_t size, void *userdata)
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

static void read_chunk(struct chunk *chunk, const struct dump *dump)
{
    static const unsigned char header[] = {0x1b, 'L', 'u', 'a', 0x54, 0, 0x19, 0x93, '\r', '\n', 0x1a, '\n', 4, 8, 8};

    if (dump->size < HEADER_SIZE + 1 || memcmp(dump->data, header, sizeof header) != 0)
        return;
    chunk->at = dump->data + HEADER_SIZE + 1; /* and the count of upvalues */
    chunk->end = dump->data + dump->size;
    read_function(chunk, NULL);
}

bool lint_chunk(lua_State *lua, struct slice path, struct policy_report *report)
{
    struct dump dump = {0};
    struct chunk chunk = {.path = path, .report = report, .good = true};

    if (lua_dump(lua, write_dump, &dump, 0) == 0) {
        read_chunk(&chunk, &dump);
        chunk.checking = true;
        if (!chunk.bad)
            read_chunk(&chunk, &dump);
    }
    free(chunk.written.items);
    free(dump.data);
    return chunk.good;
}
