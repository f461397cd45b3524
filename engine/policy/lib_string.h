/* The parts of the string library that have files of their own. Lua C functions. */
#ifndef EDICT_POLICY_LIB_STRING_H
#define EDICT_POLICY_LIB_STRING_H

#include <lua.h>

int lib_string_find(lua_State *lua);
int lib_string_match(lua_State *lua);
int lib_string_gmatch(lua_State *lua);
int lib_string_gsub(lua_State *lua);
int lib_string_format(lua_State *lua);

#endif
