#include "policy/load.h"

#include "policy/extract.h"
#include "policy/library.h"
#include "policy/lint.h"
#include "policy/report.h"

#include <stdio.h>

static struct loader *loader_of(lua_State *lua)
{
    return (struct loader *)sandbox_of(lua)->loader;
}

/* ---- functions and their slots ---- */

int load_field(lua_State *lua, int table, const char *name)
{
    int type;

    table = lua_absindex(lua, table);
    lua_pushstring(lua, name);
    type = lua_rawget(lua, table);
    if (type != LUA_TNIL)
        return type;
    lua_pop(lua, 1);
    if (lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_DEFAULTS) != LUA_TTABLE)
        return lua_type(lua, -1);
    lua_pushstring(lua, name);
    type = lua_rawget(lua, -2);
    lua_remove(lua, -2);
    return type;
}

static int store_function(lua_State *lua, struct loader *loader, int table, const char *name)
{
    int slot = RULE_NO_SLOT;

    if (load_field(lua, table, name) == LUA_TFUNCTION) {
        slot = loader->slot_count++;
        (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_FUNCTIONS);
        lua_insert(lua, -2);
        lua_rawseti(lua, -2, slot + 1);
    }
    lua_pop(lua, 1);
    return slot;
}

void load_push_function(lua_State *lua, int slot)
{
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_FUNCTIONS);
    (void)lua_rawgeti(lua, -1, slot + 1);
    lua_remove(lua, -2);
}

/* ---- rule, defaults ---- */

struct loader *load_need_rule_file(lua_State *lua, const char *function)
{
    struct loader *loader = loader_of(lua);

    if (loader == NULL)
        sandbox_error(lua, "%s is only for the file's own level, not for functions of rules", function);
    if (loader->require_depth > 0)
        sandbox_error(lua, "%s in a library: rules belong in rule files", function);
    return loader;
}

/* Upvalues: name, line. Takes the rule's table. */
static int rule_body(lua_State *lua)
{
    struct loader *loader = load_need_rule_file(lua, "rule");
    struct slice name = {0};
    struct load_slots slots;

    name.data = lua_tolstring(lua, lua_upvalueindex(1), &name.size);
    if (!lua_istable(lua, 1))
        sandbox_error(lua, "rule \"%.*s\": a table must follow: rule \"name\" { tier = …, match = { … } }", SLICE_ARG(name));
    luaL_checkstack(lua, 20, NULL);
    load_group_apply(lua, 1);
    slots.when = store_function(lua, loader, 1, "when");
    slots.because = store_function(lua, loader, 1, "because");
    slots.next_steps = store_function(lua, loader, 1, "next_steps");
    slots.alternatives = store_function(lua, loader, 1, "alternatives");
    slots.cost = store_function(lua, loader, 1, "cost");
    if (loader->extract != NULL)
        extract_rule(loader->extract, lua, 1, name, (int)lua_tointeger(lua, lua_upvalueindex(2)), &slots);
    return 0;
}

int load_calling_line(lua_State *lua)
{
    lua_Debug frame;

    if (!lua_getstack(lua, 1, &frame) || !lua_getinfo(lua, "l", &frame))
        return 0;
    return frame.currentline > 0 ? frame.currentline : 0;
}

static int load_rule(lua_State *lua)
{
    struct slice name = load_group_name(lua, library_text(lua, 1));

    (void)load_need_rule_file(lua, "rule");
    if (!extract_name_is_valid(name))
        sandbox_error(lua,
                      "rule name \"%.*s\": use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, at most %d bytes, "
                      "not \"edict.\"",
                      (int)(name.size < 100 ? name.size : 100), name.data, (int)RULE_NAME_MAX);
    lua_pushinteger(lua, load_calling_line(lua)); /* after the whole name */
    lua_pushcclosure(lua, rule_body, 2);
    if (lua_gettop(lua) == 2)
        return 1;
    lua_pushvalue(lua, 2); /* rule("name", { … }) */
    lua_call(lua, 1, 0);
    return 0;
}

/* A copy, so that changing the table afterwards changes nothing; {} ends the defaults. */
static int load_defaults(lua_State *lua)
{
    struct loader *loader = load_need_rule_file(lua, "defaults");

    if (!lua_istable(lua, 1))
        sandbox_error(lua, "defaults: a table must follow");
    lua_settop(lua, 1);
    lua_newtable(lua);
    for (lua_pushnil(lua); lua_next(lua, 1);) {
        struct slice name = {0};

        if (lua_type(lua, -2) == LUA_TSTRING)
            name.data = lua_tolstring(lua, -2, &name.size);
        if (loader->extract != NULL && !load_is_rule_field(name)) {
            const char *nearest = report_nearest(name, extract_rule_fields);

            sandbox_error(lua, "defaults: unknown field \"%.*s\"%s%s%s", (int)(name.size < 60 ? name.size : 60),
                          name.size ? name.data : "", nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                          nearest ? "\"?" : "");
        }
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, 2);
    }
    lua_rawseti(lua, LUA_REGISTRYINDEX, LOAD_DEFAULTS);
    return 0;
}

bool load_is_rule_field(struct slice name)
{
    const char *const *known;

    for (known = extract_rule_fields; *known != NULL; known++)
        if (slice_equal_str(name, *known))
            return true;
    return false;
}

/* ---- require ---- */

static const struct bundle_file *find_library(lua_State *lua, const struct loader *loader, struct slice name)
{
    char path[BUNDLE_PATH_MAX + 8];
    const struct bundle_file *file = NULL;
    int length, i;

    if (slice_starts_with(name, SLICE("lib.")) && name.size > 4 && name.size < BUNDLE_PATH_MAX) {
        length = snprintf(path, sizeof path, "lib/%.*s", (int)name.size - 4, name.data + 4);
        for (i = 4; i < length; i++)
            if (path[i] == '.')
                path[i] = '/';
        length += snprintf(path + length, 5, ".lua");
        file = bundle_find_file(loader->bundle, slice_from(path, (size_t)length));
    }
    if (file == NULL)
        sandbox_error(lua, "require \"%.*s\": there is no such library; require \"lib.name\" loads lib/name.lua of the bundle",
                      (int)(name.size < 100 ? name.size : 100), name.data);
    return file;
}

static void compile(lua_State *lua, struct slice path, struct slice source)
{
    char chunk[BUNDLE_PATH_MAX + 2];

    (void)snprintf(chunk, sizeof chunk, "@%.*s", SLICE_ARG(path));
    if (luaL_loadbufferx(lua, source.data ? source.data : "", source.size, chunk, "t") != LUA_OK)
        (void)lua_error(lua);
}

/* Checks what the compiler accepts and we do not; the chunk is on top of the stack. */
static void check_chunk(lua_State *lua, struct loader *loader, const struct bundle_file *file)
{
    if (loader->extract == NULL)
        return; /* the bundle was built: its files have been checked */
    if (!lint_source(file->path, file->source, loader->report))
        loader->extract->failed = true;
    if (!lint_chunk(lua, file->path, loader->report)) /* also when the first has failed: all that is wrong is said at once */
        loader->extract->failed = true;
    extract_weigh(loader->extract, lua, file);
}

static int load_require(lua_State *lua)
{
    struct slice name = library_text(lua, 1);
    struct loader *loader = loader_of(lua);
    const struct bundle_file *file;

    lua_settop(lua, 1);
    (void)lua_rawgeti(lua, LUA_REGISTRYINDEX, LOAD_MODULES);
    lua_pushvalue(lua, 1);
    if (lua_rawget(lua, 2) != LUA_TNIL) {
        if (lua_islightuserdata(lua, -1))
            sandbox_error(lua, "require \"%.*s\": libraries that require each other", SLICE_ARG(name));
        return 1;
    }
    if (loader == NULL)
        sandbox_error(lua, "require \"%.*s\": libraries are loaded at the file's own level, not in functions of rules",
                      (int)(name.size < 100 ? name.size : 100), name.data);
    if (loader->require_depth >= LOAD_REQUIRE_DEPTH_MAX)
        sandbox_error(lua, "require: more than %d libraries in one another", (int)LOAD_REQUIRE_DEPTH_MAX);
    file = find_library(lua, loader, name);
    lua_pushvalue(lua, 1);
    lua_pushlightuserdata(lua, NULL); /* loading */
    lua_rawset(lua, 2);
    compile(lua, file->path, file->source);
    check_chunk(lua, loader, file);
    loader->require_depth++;
    lua_call(lua, 0, 1);
    loader->require_depth--;
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        lua_pushboolean(lua, 1);
    }
    lua_pushvalue(lua, 1);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, 2);
    return 1;
}

void load_open(lua_State *lua)
{
    lua_pushcfunction(lua, load_rule);
    lua_setglobal(lua, "rule");
    lua_pushcfunction(lua, load_group);
    lua_setglobal(lua, "group");
    lua_pushcfunction(lua, load_defaults);
    lua_setglobal(lua, "defaults");
    lua_pushcfunction(lua, load_redact);
    lua_setglobal(lua, "redact");
    lua_pushcfunction(lua, load_require);
    lua_setglobal(lua, "require");
}

/* ---- a file ---- */

static void new_registry_table(lua_State *lua, int key)
{
    lua_newtable(lua);
    lua_rawseti(lua, LUA_REGISTRYINDEX, key);
}

void load_open_test(lua_State *lua)
{
    new_registry_table(lua, LOAD_MODULES);
    lua_pushcfunction(lua, load_require);
    lua_setglobal(lua, "require");
}

static int run_file(lua_State *lua)
{
    struct loader *loader = (struct loader *)lua_touserdata(lua, 1);

    load_open(lua);
    new_registry_table(lua, LOAD_FUNCTIONS);
    new_registry_table(lua, LOAD_MODULES);
    new_registry_table(lua, LOAD_DEFAULTS);
    compile(lua, loader->file->path, loader->file->source);
    check_chunk(lua, loader, loader->file);
    lua_call(lua, 0, 0);
    if (loader->group_depth != 0) /* a pcall around it: what came later would belong to the group */
        sandbox_error(lua, "a group ended with an error");
    /* What only loading needs is garbage from here on. `redact` goes with it: a function that looks at all names finds the ones
     * that it found before there was any. */
    new_registry_table(lua, LOAD_DEFAULTS);
    lua_pushnil(lua);
    lua_setglobal(lua, "redact");
    return 0;
}

static enum status file_failed(struct loader *loader, enum sandbox_result result, struct error *error)
{
    const struct policy_limits *limits = &loader->bundle->limits;
    struct sandbox *sandbox = loader->sandbox;
    char name[BUNDLE_PATH_MAX + 1];

    if (sandbox->region.starved)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory to load a policy file");
    (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(loader->file->path));
    if (result == SANDBOX_OVER_FUEL)
        (void)snprintf(sandbox->message, sizeof sandbox->message, "loading it takes more than %llu units of work",
                       (unsigned long long)limits->load_fuel);
    else if (result == SANDBOX_OVER_MEMORY)
        (void)snprintf(sandbox->message, sizeof sandbox->message,
                       "loading it takes more than %zu bytes, or a text longer than %d bytes", limits->load_memory,
                       (int)SANDBOX_TEXT_MAX);
    report_message(loader->report, loader->file->path, sandbox->message);
    return error_set(error, STATUS_INVALID, name, "%s", sandbox->message);
}

enum status load_file(struct loader *loader, struct sandbox *sandbox, struct sandbox_services *services, struct error *error)
{
    const struct policy_limits *limits = &loader->bundle->limits;
    enum sandbox_result result;
    enum status status = sandbox_create(sandbox, limits->load_memory + limits->memory, loader->bundle, services, error);

    if (status != STATUS_OK)
        return status;
    loader->sandbox = sandbox;
    loader->slot_count = 0;
    loader->require_depth = 0;
    loader->group_depth = 0;
    sandbox->loader = loader;
    sandbox_arm_load(sandbox, limits->load_memory, limits->load_fuel);
    result = sandbox_protect(sandbox, run_file, loader);
    sandbox->loader = NULL;
    if (result == SANDBOX_OK && loader->extract == NULL)
        status = sandbox_seal(sandbox, error);
    else if (result != SANDBOX_OK)
        status = file_failed(loader, result, error);
    if (status != STATUS_OK || loader->extract != NULL)
        sandbox_destroy(sandbox);
    return status;
}
