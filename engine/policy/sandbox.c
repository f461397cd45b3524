#include "policy/sandbox.h"

#include "policy/bundle.h"
#include "policy/library.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { LUA_SLOT_BYTES = 16 };

struct sandbox *sandbox_of(lua_State *lua)
{
    struct sandbox *sandbox;

    memcpy(&sandbox, lua_getextraspace(lua), sizeof(struct sandbox *));
    return sandbox;
}

int sandbox_trip(lua_State *lua, enum sandbox_result limit)
{
    struct sandbox *sandbox = sandbox_of(lua);

    assert(sandbox->region.escape != NULL);
    sandbox->dead = limit;
    longjmp(*sandbox->region.escape, 1); /* past every pcall; what is left half done is undone with the region */
}

/* xorshift64*: every interval from SANDBOX_INTERVAL_MIN on is as likely as the others. */
static int next_interval(struct sandbox *sandbox)
{
    uint64_t x = sandbox->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sandbox->random = x;
    return SANDBOX_INTERVAL_MIN + (int)((x * UINT64_C(0x2545f4914f6cdd1d) >> 33) % SANDBOX_INTERVAL_SPREAD);
}

static const struct weigh_lines *weights_of(struct sandbox *sandbox, const char *source)
{
    const struct bundle_file *file;

    if (source == sandbox->source)
        return sandbox->lines;
    file = sandbox->bundle && source[0] == '@' ? bundle_find_file(sandbox->bundle, slice_from_str(source + 1)) : NULL;
    sandbox->source = source;
    sandbox->lines = file ? &file->weights : NULL;
    return sandbox->lines;
}

static void on_count(lua_State *lua, lua_Debug *record)
{
    struct sandbox *sandbox = sandbox_of(lua);
    struct region *region = &sandbox->region;
    int64_t weight = 1;

    if (lua_getinfo(lua, "Sl", record))
        weight = weigh_instruction(weights_of(sandbox, record->source), record->currentline, region->text_longest,
                                   region->stack_bytes / LUA_SLOT_BYTES);
    region->fuel -= sandbox->interval * weight;
    if (region->fuel < 0)
        sandbox_trip(lua, SANDBOX_OVER_FUEL);
    sandbox->interval = next_interval(sandbox);
    lua_sethook(lua, on_count, LUA_MASKCOUNT, sandbox->interval);
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

static int call_protected(struct sandbox *sandbox, lua_CFunction function, void *argument)
{
    lua_State *lua = sandbox->lua;
    int handler = 0;

    if (sandbox->want_traceback) {
        lua_pushcfunction(lua, write_traceback);
        handler = lua_gettop(lua);
    }
    lua_pushcfunction(lua, function);
    lua_pushlightuserdata(lua, argument);
    return lua_pcall(lua, 1, 0, handler);
}

/* A sandbox that hit a limit while loading is not fit for use: destroy it. */
enum sandbox_result sandbox_protect(struct sandbox *sandbox, lua_CFunction function, void *argument)
{
    jmp_buf escape;
    enum sandbox_result result;

    sandbox->dead = SANDBOX_OK;
    sandbox->message[0] = '\0';
    sandbox->traceback[0] = '\0';
    sandbox->region.escape = &escape;
    if (_setjmp(escape) == 0)
        result = finish(sandbox, call_protected(sandbox, function, argument));
    else
        result = finish(sandbox, LUA_ERRMEM);
    sandbox->region.escape = NULL;
    if (sandbox->dead == SANDBOX_OK)
        lua_settop(sandbox->lua, 0);
    return result;
}

void sandbox_arm_load(struct sandbox *sandbox, size_t memory, uint64_t fuel)
{
    sandbox->region.limit = memory < sandbox->region.reserved ? memory : sandbox->region.reserved;
    sandbox->region.text_max = SANDBOX_TEXT_MAX + 64;
    sandbox->region.fuel = sandbox->armed_fuel = fuel > INT64_MAX ? INT64_MAX : (int64_t)fuel;
}

/* The first interval of a call is any of 1 to SANDBOX_INTERVAL_SPREAD: short calls are looked at as often as they are long. */
static void start_intervals(struct sandbox *sandbox, uint64_t which)
{
    sandbox->random = (sandbox->seed ^ (which + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    sandbox->interval = next_interval(sandbox) - SANDBOX_INTERVAL_MIN + 1;
    lua_sethook(sandbox->lua, on_count, LUA_MASKCOUNT, sandbox->interval);
}

enum sandbox_result sandbox_call(struct sandbox *sandbox, lua_CFunction function, void *argument, uint64_t which, size_t memory,
                                 uint64_t fuel)
{
    enum sandbox_result result;

    assert(sandbox->region.sealed != 0);
    sandbox->armed_fuel = fuel > INT64_MAX ? INT64_MAX : (int64_t)fuel;
    region_arm(&sandbox->region, memory, sandbox->armed_fuel - SANDBOX_CALL_WORK);
    start_intervals(sandbox, which);
    result = sandbox_protect(sandbox, function, argument);
    region_restore(&sandbox->region);
    return result;
}

static int set_up(lua_State *lua)
{
    library_open(lua);
    return 0;
}

/* The stack's limit rests on finding it among all blocks: if this Lua asks for it in another way, that must not go unnoticed.
 */
static bool stack_is_known(struct sandbox *sandbox)
{
    const int wanted = 1000; /* more than setting up has needed */

    return lua_checkstack(sandbox->lua, wanted) && sandbox->region.stack_bytes >= (size_t)wanted * LUA_SLOT_BYTES;
}

enum status sandbox_create(struct sandbox *sandbox, size_t capacity, const struct policy_bundle *bundle,
                           struct sandbox_services *services, struct error *error)
{
    enum status status;

    *sandbox = (struct sandbox){.services = services, .bundle = bundle, .seed = bundle ? slice_hash(bundle->revision, 0) : 1};
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
    if (!stack_is_known(sandbox)) {
        sandbox_destroy(sandbox);
        return error_set(error, STATUS_INTERNAL, NULL, "this build of Lua keeps its stack in an unexpected way");
    }
    sandbox->region.stack_max = (size_t)SANDBOX_STACK_MAX * LUA_SLOT_BYTES;
    start_intervals(sandbox, 0);
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
    return region_seal(&sandbox->region, error);
}
