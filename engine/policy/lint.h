/*
 * What the compiler accepts and Edict does not: constructs that Lua 5.4.4 is known to miscompile, that give different results
 * on different machines, or that read a global nobody defines.
 */
#ifndef EDICT_POLICY_LINT_H
#define EDICT_POLICY_LINT_H

#include "policy/report.h"

#include <lua.h>

/* By tokens. False when the source must be refused; the report says why. */
bool lint_source(struct slice path, struct slice source, struct policy_report *report);
/* By instructions: globals that the chunk on top of the stack (which stays) reads and nobody sets. */
bool lint_chunk(lua_State *lua, struct slice path, struct policy_report *report);

#endif
