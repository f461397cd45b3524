/*
 * Results of the parsers as Lua tables, by descriptions of their structs: a member for each field, under the field's name.
 * Empty texts and false are left out, so that `if command.dynamic` and `command.namespace == nil` read naturally.
 */
#ifndef EDICT_POLICY_PUSH_H
#define EDICT_POLICY_PUSH_H

#include "policy/library.h"

#include <stddef.h>

enum push_kind {
    PUSH_END,
    PUSH_BOOL,
    PUSH_TEXT,    /* struct slice */
    PUSH_INT,     /* int */
    PUSH_I64,     /* int64_t */
    PUSH_TEXTS,   /* const struct slice *, and a size_t at `count_at` */
    PUSH_WORD,    /* struct parse_word, as a text; a dynamic one also sets <name>_dynamic */
    PUSH_WORDS,   /* const struct parse_word *, as texts; dynamic ones are described in <name>_dynamic by position */
    PUSH_STRUCTS, /* const T *, described by `members`, of `size` bytes each */
    PUSH_NAME     /* an enum, named by `names` */
};

struct push_field {
    const char *name;
    enum push_kind kind;
    size_t at, count_at;
    const struct push_field *members;
    size_t size;
    const char *const *names;
};

/* A member under its own name; a list under `label`, whose length is another member. */
#define PUSH_FIELD(type, member, what)                                                                                         \
    {                                                                                                                          \
        .name = #member, .kind = (what), .at = offsetof(type, member)                                                          \
    }
#define PUSH_LIST(type, label, member, count, what)                                                                            \
    {                                                                                                                          \
        .name = (label), .kind = (what), .at = offsetof(type, member), .count_at = offsetof(type, count)                       \
    }

/* Pushes one table. Each value is counted as work. */
void push_struct(lua_State *lua, const void *data, const struct push_field *fields);

struct parse_word;
/*
 * The list of words at `position`: a list of texts, or a table as push_struct makes it, with argv and argv_dynamic. Memory:
 * `arena`.
 */
const struct parse_word *push_read_words(lua_State *lua, int position, struct arena *arena, size_t *count);

#endif
