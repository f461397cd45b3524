/* Which globals and members of library tables a chunk reads, and at which line. What does not read as expected is left
 * unchecked. */
#include "policy/dump.h"
#include "policy/library.h"
#include "policy/lint.h"

#include <stdlib.h>

struct names {
    struct slice *items; /* malloc'ed; point into the dump */
    size_t count, capacity;
};

struct check {
    struct slice path;
    struct policy_report *report;
    struct names written; /* globals that the chunk itself sets */
    bool good;
};

static bool is_written(const struct check *check, struct slice name)
{
    size_t i;

    for (i = 0; i < check->written.count; i++)
        if (slice_equal(check->written.items[i], name))
            return true;
    return false;
}

static bool note_written(struct check *check, struct slice name)
{
    struct names *list = &check->written;

    if (is_written(check, name))
        return true;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct slice *items = (struct slice *)realloc(list->items, capacity * sizeof *items);

        if (items == NULL)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = name;
    return true;
}

static bool visit_writes(void *context, const struct dump_function *function)
{
    struct dump_cursor cursor = {0};

    while (dump_next(function, &cursor)) {
        const struct dump_instruction *now = &cursor.now;

        if (now->op == DUMP_SETTABUP && now->a < function->upvalue_count && function->is_env[now->a] &&
            now->b < function->constant_count && !note_written((struct check *)context, function->names[now->b]))
            return false;
    }
    return true;
}

static bool is_known(const struct check *check, struct slice name)
{
    const char *const *known;

    for (known = library_global_names(); *known != NULL; known++)
        if (slice_equal_str(name, *known))
            return true;
    return is_written(check, name);
}

static void report_unknown(struct check *check, int line, struct slice name)
{
    const char *nearest = report_nearest(name, library_global_names());

    check->good = false;
    report_add(check->report, POLICY_ERROR, check->path, line, 0, "unknown global \"%.*s\"%s%s%s",
               (int)(name.size < 80 ? name.size : 80), name.data, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
               nearest ? "\"?" : "");
}

/* string.fromat: the member that the next instruction takes of what `now` fetched. */
static void check_member(struct check *check, const struct dump_function *function, struct slice global,
                         const struct dump_instruction *now, struct dump_cursor ahead)
{
    char text[64];
    const luaL_Reg *members;
    const char *names[64];
    const char *nearest;
    struct slice member;
    size_t i;

    if (global.size >= sizeof text || !dump_next(function, &ahead) || ahead.now.op != DUMP_GETFIELD || ahead.now.b != now->a ||
        ahead.now.c >= function->constant_count)
        return;
    memcpy(text, global.data, global.size);
    text[global.size] = '\0';
    members = library_members(text);
    member = function->names[ahead.now.c];
    if (members == NULL || member.size == 0)
        return;
    for (i = 0; members[i].name != NULL && i < 63; i++) {
        if (slice_equal_str(member, members[i].name))
            return;
        names[i] = members[i].name;
    }
    names[i] = NULL;
    nearest = report_nearest(member, names);
    check->good = false;
    report_add(check->report, POLICY_ERROR, check->path, ahead.now.line, 0, "there is no %s.%.*s%s%s%s%s%s", text,
               (int)(member.size < 60 ? member.size : 60), member.data, nearest ? "; did you mean \"" : "", nearest ? text : "",
               nearest ? "." : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool visit_reads(void *context, const struct dump_function *function)
{
    struct check *check = (struct check *)context;
    struct dump_cursor cursor = {0};

    while (dump_next(function, &cursor)) {
        const struct dump_instruction *now = &cursor.now;
        struct slice name;

        if (now->op != DUMP_GETTABUP || now->b >= function->upvalue_count || !function->is_env[now->b] ||
            now->c >= function->constant_count)
            continue;
        name = function->names[now->c];
        if (name.size == 0)
            continue;
        if (!is_known(check, name))
            report_unknown(check, now->line, name);
        else if (!is_written(check, name))
            check_member(check, function, name, now, cursor);
    }
    return true;
}

bool lint_chunk(lua_State *lua, struct slice path, struct policy_report *report)
{
    struct dump dump;
    struct check check = {.path = path, .report = report, .good = true};

    if (dump_take(lua, &dump) && dump_read(&dump, visit_writes, &check))
        (void)dump_read(&dump, visit_reads, &check);
    free(check.written.items);
    dump_destroy(&dump);
    return check.good;
}
