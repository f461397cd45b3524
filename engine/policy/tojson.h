/* Lua tables as JSON, for tests. Inside a call: what JSON cannot carry is raised as an error. */
#ifndef EDICT_POLICY_TOJSON_H
#define EDICT_POLICY_TOJSON_H

#include "policy/library.h"
#include "proto/json.h"

/* The value at `position`; NULL for nil. A table with elements is a list, one without is an object; light userdata NULL is
 * null. */
cJSON *tojson_value(lua_State *lua, int position, struct arena *arena);
/* Members of `over` replace or, for objects, are merged into those of `base`; null removes one. Both may be NULL. */
cJSON *tojson_merge(struct arena *arena, const cJSON *base, const cJSON *over);

#endif
