/*
 * Policy tests: the files of tests/ are run in a sandbox of their own to collect the cases, then each case is decided and
 * compared.
 */
#include "policy/testcase.h"

#include "policy/bundle.h"
#include "policy/folder.h"
#include "policy/load.h"
#include "policy/services.h"
#include "policy/tojson.h"

#include <stdio.h>
#include <stdlib.h>

enum { CASE_ARENA_BLOCK = 256 * 1024, CASE_ARENA_CAP = 64 * 1024 * 1024, SOURCES_CAP = 256 * 1024 * 1024 };

static struct testcase_list *list_of(lua_State *lua)
{
    return (struct testcase_list *)lua_touserdata(lua, lua_upvalueindex(1));
}

static struct testcase *add_case(lua_State *lua, struct testcase_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;

        list->items = (struct testcase *)arena_grow(list->arena, list->items, list->capacity * sizeof *list->items,
                                                    capacity * sizeof *list->items);
        if (list->items == NULL)
            sandbox_trip(lua, SANDBOX_OVER_MEMORY);
        list->capacity = capacity;
    }
    list->items[list->count] = (struct testcase){.file = list->file};
    return &list->items[list->count++];
}

static cJSON *member(lua_State *lua, int table, const char *name, struct arena *arena)
{
    cJSON *value;

    lua_getfield(lua, table, name);
    value = tojson_value(lua, -1, arena);
    if (value != NULL && !cJSON_IsObject(value))
        sandbox_error(lua, "%s: expected a table of named values", name);
    lua_pop(lua, 1);
    return value;
}

static void check_members(lua_State *lua, int table)
{
    static const char *const known[] = {"request", "facts", "expect", "cases", "name", NULL};

    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1)) {
        struct slice name = {0};
        int i = 0;

        if (lua_type(lua, -2) == LUA_TSTRING)
            name = library_text(lua, lua_gettop(lua) - 1);
        while (known[i] != NULL && !slice_equal_str(name, known[i]))
            i++;
        if (known[i] == NULL)
            sandbox_error(lua, "test: unknown field \"%.*s\"; there are request, facts, expect and cases",
                          (int)(name.size < 60 ? name.size : 60), name.data ? name.data : "");
    }
}

/* The case at `table` over the defaults of the test. */
static void take_case(lua_State *lua, struct testcase_list *list, int table, const struct testcase *defaults,
                      lua_Integer number)
{
    struct arena *arena = list->arena;
    struct testcase *item;
    struct slice label = {0};

    check_members(lua, table);
    lua_getfield(lua, table, "name");
    if (lua_type(lua, -1) == LUA_TSTRING)
        label = library_text(lua, lua_gettop(lua));
    item = add_case(lua, list);
    item->line = defaults->line;
    item->name = number == 0  ? arena_copy(arena, defaults->name)
                 : label.size ? arena_printf(arena, "%.*s: %.*s", SLICE_ARG(defaults->name), SLICE_ARG(label))
                              : arena_printf(arena, "%.*s #%lld", SLICE_ARG(defaults->name), (long long)number);
    lua_pop(lua, 1);
    item->request = tojson_merge(arena, defaults->request, member(lua, table, "request", arena));
    item->facts = tojson_merge(arena, defaults->facts, member(lua, table, "facts", arena));
    item->expect = tojson_merge(arena, defaults->expect, member(lua, table, "expect", arena));
}

/* Upvalues: the list, the name, the line. */
static int test_body(lua_State *lua)
{
    struct testcase_list *list = list_of(lua);
    struct testcase defaults = {.line = (int)lua_tointeger(lua, lua_upvalueindex(3))};
    lua_Integer count, i;

    if (!lua_istable(lua, 1))
        sandbox_error(lua, "test: a table must follow the name");
    lua_settop(lua, 1);
    defaults.name = library_text(lua, lua_upvalueindex(2));
    lua_getfield(lua, 1, "cases");
    if (lua_isnil(lua, 2)) {
        take_case(lua, list, 1, &defaults, 0);
        return 0;
    }
    if (!lua_istable(lua, 2) || lua_rawlen(lua, 2) == 0)
        sandbox_error(lua, "cases: expected a list of tables");
    check_members(lua, 1);
    defaults.request = member(lua, 1, "request", list->arena);
    defaults.facts = member(lua, 1, "facts", list->arena);
    defaults.expect = member(lua, 1, "expect", list->arena);
    count = (lua_Integer)lua_rawlen(lua, 2);
    for (i = 1; i <= count; i++) {
        if (lua_rawgeti(lua, 2, i) != LUA_TTABLE)
            sandbox_error(lua, "cases: element %lld is a %s, not a table", (long long)i, luaL_typename(lua, -1));
        take_case(lua, list, 3, &defaults, i);
        lua_settop(lua, 2);
    }
    return 0;
}

static int test_function(lua_State *lua)
{
    lua_Debug frame;
    int line = lua_getstack(lua, 1, &frame) && lua_getinfo(lua, "l", &frame) ? frame.currentline : 0;

    (void)library_text(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, line);
    lua_pushcclosure(lua, test_body, 3);
    if (lua_gettop(lua) == 2)
        return 1;
    lua_pushvalue(lua, 2);
    lua_call(lua, 1, 0);
    return 0;
}

static int run_test_file(lua_State *lua)
{
    struct testcase_list *list = (struct testcase_list *)lua_touserdata(lua, 1);
    char chunk[BUNDLE_PATH_MAX + 2];

    load_open_test(lua);
    lua_pushlightuserdata(lua, list);
    lua_pushcclosure(lua, test_function, 1);
    lua_setglobal(lua, "test");
    lua_pushlightuserdata(lua, NULL);
    lua_setglobal(lua, "null");
    (void)snprintf(chunk, sizeof chunk, "@%.*s", SLICE_ARG(list->file));
    if (luaL_loadbufferx(lua, list->source.data, list->source.size, chunk, "t") != LUA_OK)
        return lua_error(lua);
    lua_call(lua, 0, 0);
    return 0;
}

/* Runs one file; a file that fails is one failed test of its own. */
static enum status collect(struct testcase_list *list, struct policy_bundle *bundle, struct sandbox_services *services,
                           struct error *error)
{
    struct loader loader = {.bundle = bundle};
    struct sandbox sandbox;
    enum sandbox_result result;
    enum status status = sandbox_create(&sandbox, bundle->limits.load_memory, bundle, services, error);

    if (status != STATUS_OK)
        return status;
    loader.sandbox = &sandbox;
    sandbox.loader = &loader;
    sandbox_arm_load(&sandbox, bundle->limits.load_memory, bundle->limits.load_fuel);
    result = sandbox_protect(&sandbox, run_test_file, list);
    if (result != SANDBOX_OK) {
        list->broken = arena_copy(list->arena, slice_from_str(result == SANDBOX_OVER_FUEL     ? "the file takes too much work"
                                                              : result == SANDBOX_OVER_MEMORY ? "the file takes too much memory"
                                                                                              : sandbox.message));
        if (list->broken.data == NULL)
            status = error_set(error, STATUS_NO_MEMORY, NULL, "no memory for policy tests");
    }
    sandbox_destroy(&sandbox);
    return status;
}

struct run {
    struct policy_bundle *bundle;
    struct policy_vm *vm;
    struct sandbox_services services;
    struct testcase_context context;
    struct policy_test_run *out;
    struct arena *arena; /* the caller's: results */
    size_t capacity;
    bool *covered; /* by rule */
};

static enum status add_result(struct run *run, struct policy_test_result result, struct error *error)
{
    struct policy_test_run *out = run->out;

    if (out->count == run->capacity) {
        size_t capacity = run->capacity ? run->capacity * 2 : 64;

        out->results = (struct policy_test_result *)arena_grow(run->arena, out->results, run->capacity * sizeof *out->results,
                                                               capacity * sizeof *out->results);
        if (out->results == NULL)
            return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for test results");
        run->capacity = capacity;
    }
    result.name = arena_copy(run->arena, result.name);
    result.file = arena_copy(run->arena, result.file);
    result.detail = arena_copy(run->arena, result.detail);
    out->results[out->count++] = result;
    out->failed += !result.passed;
    return STATUS_OK;
}

static void note_covered(struct run *run, const struct verdict *verdict)
{
    size_t i, low, high;

    for (i = 0; i < verdict->rule_count; i++) {
        for (low = 0, high = run->bundle->rule_count; low < high;) {
            size_t middle = (low + high) / 2;
            int order = slice_compare(run->bundle->rules[middle].name, verdict->rules[i].name);

            if (order == 0) {
                run->covered[middle] = run->covered[middle] || !verdict->rules[i].because_missing;
                break;
            }
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
    }
}

static enum status run_case(struct run *run, const struct testcase *item, struct error *error)
{
    struct arena scratch;
    struct verdict verdict = {0};
    struct policy_test_result result = {.name = item->name, .file = item->file, .line = item->line};
    enum status status;

    arena_create(&scratch, CASE_ARENA_BLOCK, CASE_ARENA_CAP);
    status = testcase_run(&run->context, &scratch, item, &verdict, &result.detail, error);
    result.passed = result.detail.size == 0;
    if (status == STATUS_OK) {
        note_covered(run, &verdict);
        status = add_result(run, result, error);
    }
    arena_destroy(&scratch);
    return status;
}

static enum status run_file(struct run *run, const struct policy_file *file, struct error *error)
{
    struct arena arena;
    struct testcase_list list = {.arena = &arena, .file = file->path, .source = file->source};
    enum status status;
    size_t i;

    arena_create(&arena, CASE_ARENA_BLOCK, SOURCES_CAP);
    status = collect(&list, run->bundle, &run->services, error);
    for (i = 0; status == STATUS_OK && i < list.count; i++)
        status = run_case(run, &list.items[i], error);
    if (status == STATUS_OK && list.broken.size != 0)
        status =
            add_result(run, (struct policy_test_result){.name = file->path, .file = file->path, .detail = list.broken}, error);
    arena_destroy(&arena);
    return status;
}

static enum status note_uncovered(struct run *run, struct error *error)
{
    struct policy_test_run *out = run->out;
    size_t i;

    out->rule_count = run->bundle->rule_count;
    out->uncovered = (struct slice *)arena_array(run->arena, out->rule_count + 1, sizeof *out->uncovered);
    if (out->uncovered == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for test results");
    for (i = 0; i < out->rule_count; i++) {
        if (run->covered[i])
            out->rules_covered++;
        else
            out->uncovered[out->uncovered_count++] = arena_copy(run->arena, run->bundle->rules[i].name);
    }
    return run->arena->exhausted ? error_set(error, STATUS_NO_MEMORY, NULL, "no memory for test results") : STATUS_OK;
}

static int by_path(const void *a, const void *b)
{
    return slice_compare(((const struct policy_file *)a)->path, ((const struct policy_file *)b)->path);
}

enum status policy_test_run_folder(const char *folder, struct policy_bundle *bundle, policy_test_complete_f complete,
                                   void *context, struct arena *arena, struct policy_test_run *out, struct error *error)
{
    struct run run = {.bundle = bundle, .out = out, .arena = arena};
    struct folder_files files = {0};
    struct arena sources;
    enum status status;
    size_t i;

    *out = (struct policy_test_run){0};
    arena_create(&sources, CASE_ARENA_BLOCK, SOURCES_CAP);
    run.covered = (bool *)calloc(bundle->rule_count + 1, sizeof *run.covered);
    status = run.covered ? services_create(&run.services, error)
                         : error_set(error, STATUS_NO_MEMORY, NULL, "no memory for policy tests");
    if (status == STATUS_OK)
        status = policy_vm_new(bundle, &run.vm, error);
    run.context = (struct testcase_context){.vm = run.vm, .complete = complete, .complete_context = context};
    if (status == STATUS_OK)
        status = folder_read(folder, "tests", true, &sources, &files, NULL, error);
    if (files.count > 1)
        qsort(files.items, files.count, sizeof *files.items, by_path);
    for (i = 0; status == STATUS_OK && i < files.count; i++)
        status = run_file(&run, &files.items[i], error);
    if (status == STATUS_OK)
        status = note_uncovered(&run, error);
    folder_files_destroy(&files);
    policy_vm_delete(run.vm);
    services_destroy(&run.services);
    free(run.covered);
    arena_destroy(&sources);
    return status;
}
