/*
 * Reads a compiled chunk as lua_dump writes it (Lua 5.4, format 0): what the instructions tell more surely than the tokens. One
 * function at a time is shown to a visitor. Pure.
 */
#ifndef EDICT_POLICY_DUMP_H
#define EDICT_POLICY_DUMP_H

#include "base/slice.h"

#include <lua.h>

/* The instructions that somebody asks about, by Lua 5.4's numbers; test_policy_lint.c compiles texts and finds them again. */
enum dump_op {
    DUMP_GETTABUP = 11,
    DUMP_GETTABLE = 12,
    DUMP_GETFIELD = 14,
    DUMP_SETTABUP = 15,
    DUMP_SETTABLE = 16,
    DUMP_CONCAT = 53,
    DUMP_EQ = 57,
    DUMP_LT = 58,
    DUMP_LE = 59,
    DUMP_EQK = 60,
    DUMP_CALL = 68,
    DUMP_TAILCALL = 69,
    DUMP_RETURN = 70,
    DUMP_FORPREP = 74,
    DUMP_TFORCALL = 76,
    DUMP_SETLIST = 78,
    DUMP_VARARG = 80,
    DUMP_VARARGPREP = 81
};

struct dump_instruction {
    unsigned op, a, b, c; /* as of the format iABC */
    int line;
};

struct dump_function {
    size_t instruction_count, constant_count, upvalue_count;
    const struct slice *names;   /* by constant; empty for what is no text */
    const unsigned char *is_env; /* by upvalue: holds the globals */
    const unsigned char *code;
    int first_line;
    const unsigned char *deltas, *absolute; /* lines, as stored */
    size_t delta_count, absolute_count;
};

struct dump {
    unsigned char *data; /* malloc'ed */
    size_t size, capacity;
};

/* The chunk on top of the stack (which stays). False when there is no memory. */
bool dump_take(lua_State *lua, struct dump *out);
void dump_destroy(struct dump *dump);

typedef bool (*dump_visit_f)(void *context, const struct dump_function *function);
/* Shows each function, inner ones first. False when the bytes are not of this format, memory is short, or a visitor said so. */
bool dump_read(const struct dump *dump, dump_visit_f visit, void *context);

/* Steps through a function's instructions: start with a zeroed cursor; false at the end. */
struct dump_cursor {
    size_t next, absolute_used;
    const unsigned char *absolute_at;
    int line;
    struct dump_instruction now;
};
bool dump_next(const struct dump_function *function, struct dump_cursor *cursor);

#endif
