/*
 * The functions a policy can reach: own versions that count their work, and nothing of Lua's standard library. Each file
 * opens its part into a sandbox that is being set up. docs/policy-language.md is the reference for authors.
 */
#ifndef EDICT_POLICY_LIBRARY_H
#define EDICT_POLICY_LIBRARY_H

#include "base/slice.h"
#include "policy/sandbox.h"

/* Everything, into the globals of a fresh state. */
void library_open(lua_State *lua);

void library_open_base(lua_State *lua);   /* type, tostring, tonumber, select, ipairs, pairs, assert, error, pcall */
void library_open_string(lua_State *lua); /* string, and the metatable of texts */
void library_open_table(lua_State *lua);
void library_open_math(lua_State *lua);
void library_open_edict(lua_State *lua); /* owns, has_privilege, glob, re, cidr, semver, path, url, set, time, money */
void library_open_parse(lua_State *lua); /* shell, kubectl, helm, sql, url */
void library_open_set(lua_State *lua);

/* Names of the globals a policy may read, sorted; for "did you mean". NULL ends the list. */
const char *const *library_global_names(void);
/* Members of a library table ("string"), or NULL for a global that is no table. NULL ends the list. */
const luaL_Reg *library_members(const char *global);

/* The members of each library table, in their own files. */
extern const luaL_Reg library_string_functions[], library_table_functions[], library_math_functions[], library_re_functions[],
    library_cidr_functions[], library_semver_functions[], library_path_functions[], library_time_functions[],
    library_money_functions[], library_set_functions[], library_shell_functions[], library_sql_functions[],
    library_url_functions[], library_kubectl_functions[], library_helm_functions[];

/* Registers `functions` as the global table `name`. */
void library_register(lua_State *lua, const char *name, const luaL_Reg *functions);

/* ---- arguments: exact types, no conversion of texts to numbers, which would cost without counting ---- */
struct slice library_text(lua_State *lua, int position);
lua_Integer library_integer(lua_State *lua, int position);
lua_Integer library_optional_integer(lua_State *lua, int position, lua_Integer otherwise);
void library_push(lua_State *lua, struct slice text);
int library_bad_argument(lua_State *lua, int position, const char *expected) __attribute__((noreturn));

/* ---- a text being built, in Lua's memory, at a stack slot of its own ---- */
struct library_builder {
    lua_State *lua;
    int slot;
    size_t size, capacity;
    char *data;
    char first[256];
};
/* Pushes one value that stays until library_builder_push. */
void library_builder_create(struct library_builder *builder, lua_State *lua);
void library_builder_add(struct library_builder *builder, const char *data, size_t size);
/* Adds a text, number or boolean at `position` as tostring shows it; false for other types. */
bool library_builder_add_value(struct library_builder *builder, int position);
/* Pushes the text. */
void library_builder_push(struct library_builder *builder);

/* A number as tostring shows it; returns the length. */
enum { LIBRARY_NUMBER_MAX = 48 };
size_t library_format_number(lua_State *lua, int position, char out[LIBRARY_NUMBER_MAX]);

/* ---- request and facts: light userdata over JSON trees ---- */
struct cJSON;
void library_open_view(lua_State *lua);
/* The Lua value of a JSON value; absent and null are nil. */
void library_push_json(lua_State *lua, const struct cJSON *value);
bool library_is_view(lua_State *lua, int position);
int library_view_pairs(lua_State *lua); /* the bodies of pairs, ipairs for views at position 1 */
int library_view_ipairs(lua_State *lua);

#endif
