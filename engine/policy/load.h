/*
 * Running a rule file: `rule`, `group`, `defaults`, `redact` and `require` as Lua sees them. A file is loaded once when its
 * bundle is built, to extract its rules into C, and once for each worker, to have its functions; both give the same slots.
 */
#ifndef EDICT_POLICY_LOAD_H
#define EDICT_POLICY_LOAD_H

#include "policy/bundle.h"
#include "policy/sandbox.h"

/* Places in Lua's registry that are ours. */
enum { LOAD_FUNCTIONS = 16, LOAD_MODULES, LOAD_DEFAULTS, LOAD_GROUP };
enum { LOAD_REQUIRE_DEPTH_MAX = 16 };

struct extract; /* extract.h */

struct loader {
    const struct policy_bundle *bundle; /* its files */
    const struct bundle_file *file;     /* the rule file being loaded */
    struct sandbox *sandbox;
    struct extract *extract;      /* NULL: only functions are wanted */
    struct policy_report *report; /* NULL: none */
    int slot_count;
    int require_depth;
    int group_depth; /* groups that have begun and not ended */
};

/* Creates `sandbox`, runs the file, and seals it; with `extract` only the rules are wanted, and the sandbox is gone afterwards.
 * STATUS_INVALID with diagnostics in the report (and in `error`) when the file is at fault. */
enum status load_file(struct loader *loader, struct sandbox *sandbox, struct sandbox_services *services,
                      struct error *error) EDICT_MUST_USE;

/* The slots of a rule's functions, stored from the rule table and the defaults on top of the stack. */
struct load_slots {
    int when, because, next_steps, alternatives, cost;
};
/* Pushes field `name` of the rule at `table`, or of the file's defaults. Returns its type. */
int load_field(lua_State *lua, int table, const char *name);
/* Pushes the function in `slot`. */
void load_push_function(lua_State *lua, int slot);

bool load_is_rule_field(struct slice name);

/* The loader of the rule file that is being loaded; a Lua error anywhere else. */
struct loader *load_need_rule_file(lua_State *lua, const char *function);

/* The line of the call to the function that is running; 0 unknown. */
int load_calling_line(lua_State *lua);

/* ---- load_group.c ---- */
int load_group(lua_State *lua);
int load_redact(lua_State *lua); /* load_redact.c */
/* Pushes `name` after the names of the groups around. */
struct slice load_group_name(lua_State *lua, struct slice name);
/* Replaces the rule's table at `table` by one whose match is joined with that of the groups around; nothing outside of one. */
void load_group_apply(lua_State *lua, int table);

/* Opens rule, group, defaults, redact and require into the globals. */
void load_open(lua_State *lua);
/* For a test file: require alone, and the registry places it needs. */
void load_open_test(lua_State *lua);

#endif
