#include "policy/sandbox.h"

#include "policy/library.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct sandbox *sandbox_of(lua_State *lua)
{
    struct sandbox *sandbox;

    memcpy(&sandbox, lua_getextraspace(lua), sizeof(struct sandbox *));
    return sandbox;
}

static void on_count(lua_State *lua, lua_Debug *record);

int sandbox_trip(lua_State *lua, enum sandbox_result limit)
{
    struct sandbox *sandbox = sandbox_of(lua);

    if (sandbox->dead == SANDBOX_OK)
        sandbox->dead = limit;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, 1); /* whatever still runs ends at its next instruction */
    lua_pushnil(lua);                             /* a text might need memory */
    (void)lua_error(lua);
    __builtin_unreachable();
}

/* Equality, order and conversion of long strings are single instructions whose cost grows with the text. */
static int64_t instruction_weight(const struct region *region)
{
    if (region->text_longest <= SANDBOX_TEXT_FREE)
        return 1;
    return 1 + (int64_t)(region->text_longest / SANDBOX_TEXT_PER_WEIGHT);
}

static void on_count(lua_State *lua, lua_Debug *record)
{
    struct sandbox *sandbox = sandbox_of(lua);

    (void)record;
    if (sandbox->dead != SANDBOX_OK)
        sandbox_trip(lua, sandbox->dead);
    sandbox->region.fuel -= SANDBOX_HOOK_COUNT * instruction_weight(&sandbox->region);
    if (sandbox->region.fuel < 0)
        sandbox_trip(lua, SANDBOX_OVER_FUEL);
}

void sandbox_charge(lua_State *lua, uint64_t work)
{
    struct sandbox *sandbox = sandbox_of(lua);

    if (work >= (uint64_t)INT64_MAX || sandbox->region.fuel < (int64_t)work) {
        sandbox->region.fuel = -1;
        sandbox_trip(lua, SANDBOX_OVER_FUEL);
    }
    sandbox->region.fuel -= (int64_t)work;
}

int sandbox_error(lua_State *lua, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    luaL_where(lua, 1);
    lua_pushstring(lua, text);
    lua_concat(lua, 2);
    (void)lua_error(lua);
    __builtin_unreachable();
}

/* Written into the sandbox's own buffer: a traceback in Lua's memory could hit a limit, and asking for one must not change a
 * verdict. */
static int write_traceback(lua_State *lua)
{
    struct sandbox *sandbox = sandbox_of(lua);
    size_t used = 0;
    lua_Debug frame;
    int level;

    sandbox->traceback[0] = '\0';
    for (level = 1; level < 24 && lua_getstack(lua, level, &frame); level++) {
        int wrote;

        if (!lua_getinfo(lua, "Sln", &frame) || frame.currentline <= 0)
            continue;
        wrote =
            snprintf(sandbox->traceback + used, sizeof sandbox->traceback - used, "%s%s:%d: in %s%s", used ? "\n" : "",
                     frame.short_src, frame.currentline, frame.name ? "function " : frame.what, frame.name ? frame.name : "");
        if (wrote < 0 || (size_t)wrote >= sizeof sandbox->traceback - used)
            break;
        used += (size_t)wrote;
    }
    return 1;
}

static void keep_message(struct sandbox *sandbox)
{
    size_t size = 0;
    const char *text;

    if (lua_type(sandbox->lua, -1) != LUA_TSTRING) {
        (void)snprintf(sandbox->message, sizeof sandbox->message, "raised an error that is not a text but %s",
                       lua_isnil(sandbox->lua, -1) ? "nil" : "a value");
        return;
    }
    text = lua_tolstring(sandbox->lua, -1, &size);
    if (size >= sizeof sandbox->message)
        size = sizeof sandbox->message - 1;
    memcpy(sandbox->message, text, size);
    sandbox->message[size] = '\0';
}

static enum sandbox_result finish(struct sandbox *sandbox, int status)
{
    sandbox->used_fuel = (uint64_t)(sandbox->armed_fuel - (sandbox->region.fuel > 0 ? sandbox->region.fuel : 0));
    sandbox->used_memory = region_growth(&sandbox->region);
    if (sandbox->dead == SANDBOX_OK && sandbox->region.trip == REGION_OVER_FUEL)
        sandbox->dead = SANDBOX_OVER_FUEL;
    if (sandbox->dead == SANDBOX_OK && (sandbox->region.trip == REGION_OVER_MEMORY || status == LUA_ERRMEM))
        sandbox->dead = SANDBOX_OVER_MEMORY;
    if (sandbox->dead != SANDBOX_OK)
        return sandbox->dead;
    if (status == LUA_OK)
        return SANDBOX_OK;
    keep_message(sandbox);
    return SANDBOX_RULE_ERROR;
}

enum sandbox_result sandbox_protect(struct sandbox *sandbox, lua_CFunction function, void *argument)
{
    lua_State *lua = sandbox->lua;
    int top = lua_gettop(lua), handler = 0, status;
    enum sandbox_result result;

    sandbox->dead = SANDBOX_OK;
    sandbox->message[0] = '\0';
    sandbox->traceback[0] = '\0';
    if (sandbox->want_traceback) {
        lua_pushcfunction(lua, write_traceback);
        handler = lua_gettop(lua);
    }
    lua_pushcfunction(lua, function);
    lua_pushlightuserdata(lua, argument);
    status = lua_pcall(lua, 1, 0, handler);
    result = finish(sandbox, status);
    lua_settop(lua, top);
    return result;
}

void sandbox_arm_load(struct sandbox *sandbox, size_t memory, uint64_t fuel)
{
    sandbox->region.limit = memory < sandbox->region.reserved ? memory : sandbox->region.reserved;
    sandbox->region.text_max = SANDBOX_TEXT_MAX + 64;
    sandbox->region.fuel = sandbox->armed_fuel = fuel > INT64_MAX ? INT64_MAX : (int64_t)fuel;
}

enum sandbox_result sandbox_call(struct sandbox *sandbox, lua_CFunction function, void *argument, size_t memory, uint64_t fuel)
{
    enum sandbox_result result;

    assert(sandbox->region.sealed != 0);
    sandbox->armed_fuel = fuel > INT64_MAX ? INT64_MAX : (int64_t)fuel;
    region_arm(&sandbox->region, memory, sandbox->armed_fuel);
    result = sandbox_protect(sandbox, function, argument);
    region_restore(&sandbox->region);
    return result;
}

static int set_up(lua_State *lua)
{
    library_open(lua);
    return 0;
}

enum status sandbox_create(struct sandbox *sandbox, size_t capacity, struct sandbox_services *services, struct error *error)
{
    enum status status;

    *sandbox = (struct sandbox){.services = services};
    status = region_create(&sandbox->region, capacity, error);
    if (status != STATUS_OK)
        return status;
    sandbox->lua = lua_newstate(region_alloc, &sandbox->region);
    if (sandbox->lua == NULL) {
        sandbox_destroy(sandbox);
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a Lua state");
    }
    memcpy(lua_getextraspace(sandbox->lua), &sandbox, sizeof(struct sandbox *));
    sandbox->armed_fuel = INT64_MAX;
    if (sandbox_protect(sandbox, set_up, NULL) != SANDBOX_OK) {
        sandbox_destroy(sandbox);
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for the policy library");
    }
    /* Kept by the snapshot: every call starts with a full count. */
    lua_sethook(sandbox->lua, on_count, LUA_MASKCOUNT, SANDBOX_HOOK_COUNT);
    return STATUS_OK;
}

void sandbox_destroy(struct sandbox *sandbox)
{
    /* No finalizer can exist, so the state is dropped with its memory instead of being taken apart. */
    region_destroy(&sandbox->region);
    *sandbox = (struct sandbox){0};
}

enum status sandbox_seal(struct sandbox *sandbox, struct error *error)
{
    lua_settop(sandbox->lua, 0);
    sandbox->region.fuel = INT64_MAX;
    (void)lua_gc(sandbox->lua, LUA_GCCOLLECT);
    (void)lua_gc(sandbox->lua, LUA_GCSTOP);
    /* Put back whatever the collection counted down, so that the first call starts like all others. */
    lua_sethook(sandbox->lua, on_count, LUA_MASKCOUNT, SANDBOX_HOOK_COUNT);
    return region_seal(&sandbox->region, error);
}
