/*
 * From a rule's Lua table to a struct rule: every field checked, every mistake reported with its line and a suggestion. Runs
 * inside the loading sandbox; results live in the bundle's arena.
 */
#ifndef EDICT_POLICY_EXTRACT_H
#define EDICT_POLICY_EXTRACT_H

#include "policy/load.h"

struct extract {
    struct policy_bundle *bundle; /* being built */
    struct arena *arena;
    struct policy_report *report;
    size_t rule_capacity, path_capacity;
    uint32_t *path_table; /* open addressing over paths; 0 is empty, else position + 1 */
    size_t path_table_size;
    bool failed; /* some rule is wrong, or the arena is exhausted */
    const struct bundle_file *file;
    int line; /* of the rule being read */
    struct slice rule_name;
};

/* `table` is the rule's table on the stack. Problems go to the report. */
void extract_rule(struct extract *extract, lua_State *lua, int table, struct slice name, int line,
                  const struct load_slots *slots);
/* Keeps the weights of a file's lines; its chunk is on top of the stack. */
void extract_weigh(struct extract *extract, lua_State *lua, const struct bundle_file *file);
bool extract_name_is_valid(struct slice name);
/* A problem of the rule being read. */
void extract_problem(struct extract *extract, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* extract_match.c: `match` and each of `except`. The value is on top of the stack and stays. */
bool extract_match(struct extract *extract, lua_State *lua, const char *field, struct match *out);
/* The number of a dotted field name; false with a problem filled in. */
bool extract_path(void *context, struct slice dotted, uint32_t *path, char *problem, size_t problem_size);
/* A copy in the bundle's arena; `.data` NULL when exhausted, which sets `failed`. */
struct slice extract_copy(struct extract *extract, struct slice text);

/* fields.c: names that exist, for checks and suggestions. */
extern const char *const extract_rule_fields[], *const extract_match_operators[], *const extract_request_fields[],
                                                                                      *const extract_fact_fields[];
/* Is this a facts path the schema has (anything below quota and usage)? */
bool extract_fact_exists(struct slice dotted);

#endif
