/*
 * One rule file's Lua: a state whose memory is a region, with Edict's own library in place of Lua's, and the one way into it.
 * A sandbox is one thread's. Until sandbox_seal it is loading; after it every call leaves it byte for byte as it was.
 *
 * A limit that is hit is sticky: nothing in Lua, pcall included, can go on after it.
 */
#ifndef EDICT_POLICY_SANDBOX_H
#define EDICT_POLICY_SANDBOX_H

#include "base/arena.h"
#include "policy/policy.h"
#include "policy/region.h"

#include <lauxlib.h>
#include <lua.h>

/* Bounds that policy authors meet; documented in docs/policy-language.md. */
enum {
    SANDBOX_TEXT_MAX = 64 * 1024,         /* bytes of a string made by a policy */
    SANDBOX_SOURCE_MAX = 4 * 1024 * 1024, /* bytes of a source file */
    SANDBOX_MESSAGE_MAX = 480,            /* bytes of an error message that leaves the sandbox */
    SANDBOX_STACK_MAX = 24 * 1024,        /* slots of Lua's stack: nested calls, arguments */
    SANDBOX_INTERVAL_MIN = 50,            /* instructions between two looks at what runs: see weigh.h */
    SANDBOX_INTERVAL_SPREAD = 101,
    SANDBOX_CALL_WORK = 100 /* units that entering Lua costs */
};

enum sandbox_result { SANDBOX_OK, SANDBOX_RULE_ERROR, SANDBOX_OVER_FUEL, SANDBOX_OVER_MEMORY, SANDBOX_BAD_RESULT };

struct policy_bundle;
struct weigh_lines;
struct sandbox_services; /* what library functions need of the worker: parsers, caches; services.h */
struct sandbox_source;   /* finds lib/ files; load.h */

struct sandbox {
    struct region region;
    lua_State *lua;
    struct sandbox_services *services;  /* of the worker; NULL while a bundle is checked without them */
    void *loader;                       /* the load in progress, for rule, defaults, require; NULL afterwards */
    const struct policy_bundle *bundle; /* for the weights of lines; NULL: each instruction is one unit */
    uint64_t seed, random;              /* of the intervals: the bundle's, and where the running call is */
    int interval;                       /* instructions since the last look */
    const char *source;                 /* of the last look, and its weights */
    const struct weigh_lines *lines;
    int64_t armed_fuel;
    enum sandbox_result dead; /* SANDBOX_OK, or the limit that was hit */
    bool want_traceback;
    char message[SANDBOX_MESSAGE_MAX]; /* of the last call that failed, without a traceback */
    char traceback[2048];
    uint64_t used_fuel; /* of the last call */
    size_t used_memory;
};

/* An empty state with the library. `capacity` bytes at most, of loading and calling together. `bundle` may be NULL. */
enum status sandbox_create(struct sandbox *sandbox, size_t capacity, const struct policy_bundle *bundle,
                           struct sandbox_services *services, struct error *error) EDICT_MUST_USE;
void sandbox_destroy(struct sandbox *sandbox); /* accepts a zeroed one */

/* While loading: runs `function` (lua_CFunction) protected, with `argument` as light userdata, under the fuel and memory that
 * were armed. */
enum sandbox_result sandbox_protect(struct sandbox *sandbox, lua_CFunction function, void *argument);
void sandbox_arm_load(struct sandbox *sandbox, size_t memory, uint64_t fuel);
/* Ends loading: collects, stops the collector, takes the snapshot. */
enum status sandbox_seal(struct sandbox *sandbox, struct error *error) EDICT_MUST_USE;

/*
 * The one way from C into a loaded policy: `function` runs protected with `argument`, is expected to copy what it wants out of
 * Lua, and everything it did inside is undone. `which` tells calls of one file apart, for the intervals. The result and the
 * fuel and memory used are left in `sandbox`.
 */
enum sandbox_result sandbox_call(struct sandbox *sandbox, lua_CFunction function, void *argument, uint64_t which, size_t memory,
                                 uint64_t fuel);

/* ---- for library functions, inside a call ---- */

struct sandbox *sandbox_of(lua_State *lua);
/* Counts work; raises when there is none left. */
void sandbox_charge(lua_State *lua, uint64_t work);
/* Marks the limit and raises. */
int sandbox_trip(lua_State *lua, enum sandbox_result limit) __attribute__((noreturn));
/* lua_error under a type that tells the compiler it does not return; with position. */
int sandbox_error(lua_State *lua, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

#endif
