/* What the library's parser functions share. */
#ifndef EDICT_POLICY_LIB_PARSE_H
#define EDICT_POLICY_LIB_PARSE_H

#include "policy/library.h"

struct shell_script;

/* The worker's scratch arena, emptied. */
struct arena *lib_parse_scratch(lua_State *lua);
/* Counts a parser's work; a parser that ran out of scratch memory is a rule over its memory. */
void lib_parse_charge(lua_State *lua, uint64_t work, enum status status);
/* Counted; valid until the end of the call. */
const struct shell_script *lib_parse_shell(lua_State *lua, struct slice line);
void lib_parse_open_kubectl(lua_State *lua);

#endif
