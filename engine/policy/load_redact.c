/*
 * redact { "justification", "context.patient" }: fields of requests whose values records only commit to. Several declarations
 * add up; they belong to the bundle, not to the file.
 */
#include "policy/extract.h"
#include "policy/library.h"
#include "policy/load.h"
#include "policy/report.h"
#include "proto/redact.h"

#include <stdarg.h>
#include <stdio.h>

/* A mistake refuses the bundle also when a pcall is around: a field that was meant to be redacted must not become plain. */
static void __attribute__((format(printf, 3, 4))) refuse(struct loader *loader, int line, const char *format, ...)
{
    char text[300];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    loader->extract->failed = true;
    report_add(loader->report, POLICY_ERROR, loader->file->path, line, 0, "redact: %s", text);
}

static struct redact_paths *paths_of(struct policy_bundle *bundle)
{
    struct redact_paths *paths = bundle->redacts;

    if (paths)
        return paths;
    paths = (struct redact_paths *)arena_zalloc(&bundle->arena, sizeof *paths);
    if (paths)
        paths->items = (struct slice *)arena_array(&bundle->arena, REDACT_PATHS_MAX, sizeof *paths->items);
    return bundle->redacts = paths && paths->items ? paths : NULL;
}

static void add_path(struct loader *loader, int line, struct slice dotted)
{
    struct redact_paths *paths = paths_of(loader->extract->bundle);
    char problem[200];

    if (!redact_path_is_valid(dotted, problem, sizeof problem)) {
        refuse(loader, line, "\"%.*s\": %s", (int)(dotted.size < 80 ? dotted.size : 80), dotted.size ? dotted.data : "",
               problem);
        return;
    }
    if (paths && (paths->count == REDACT_PATHS_MAX || (paths->bytes += dotted.size) > REDACT_BYTES_MAX)) {
        refuse(loader, line, "more than %d fields, or %d bytes of names, in a bundle; name the table that they are in",
               (int)REDACT_PATHS_MAX, (int)REDACT_BYTES_MAX);
        return;
    }
    dotted = extract_copy(loader->extract, dotted);
    if (!paths || !dotted.data)
        loader->extract->failed = true;
    else
        paths->items[paths->count++] = dotted;
}

/* Is the table at 1 a list, and nothing but one? */
static bool is_list(lua_State *lua, lua_Integer count)
{
    bool good = count > 0;

    for (lua_pushnil(lua); lua_next(lua, 1); lua_pop(lua, 1)) {
        sandbox_charge(lua, 1);
        good = good && lua_isinteger(lua, -2) && lua_tointeger(lua, -2) >= 1 && lua_tointeger(lua, -2) <= count;
    }
    return good;
}

int load_redact(lua_State *lua)
{
    struct loader *loader = (struct loader *)sandbox_of(lua)->loader;
    int line = load_calling_line(lua);
    lua_Integer count, i;

    if (loader == NULL || loader->extract == NULL)
        return 0; /* the bundle was built */
    if (loader->require_depth > 0)
        refuse(loader, line, "it stands in a rule file, not in a library");
    if (lua_type(lua, 1) != LUA_TTABLE || lua_gettop(lua) != 1) {
        refuse(loader, line, "a list of fields must follow: redact { \"justification\", \"context.patient\" }");
        return 0;
    }
    count = (lua_Integer)lua_rawlen(lua, 1);
    if (!is_list(lua, count))
        refuse(loader, line,
               count == 0 ? "the list is empty" : "expected a plain list of fields, without names and without gaps");
    for (i = 1; i <= count; i++) {
        struct slice dotted = {0};

        sandbox_charge(lua, 1);
        if (lua_rawgeti(lua, 1, i) == LUA_TSTRING)
            dotted.data = lua_tolstring(lua, -1, &dotted.size);
        if (dotted.data)
            add_path(loader, line, dotted);
        else
            refuse(loader, line, "field %d: expected a text, got a %s", (int)i, luaL_typename(lua, -1));
        lua_pop(lua, 1);
    }
    return 0;
}
