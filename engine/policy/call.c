#include "policy/call.h"

#include "base/text.h"
#include "policy/library.h"
#include "policy/load.h"
#include "proto/money.h"

#include <stdio.h>

struct call_job {
    struct call_context *context;
    struct sandbox *sandbox;
    int slot;
    bool single;
    bool holds;
    int64_t micro_usd;
    struct call_texts texts;
    char problem[200]; /* of a wrong result */
};

struct slice call_clean_text(struct arena *arena, struct slice text)
{
    struct buf out;
    size_t at = 0;

    if (text_is_utf8(text) && slice_find(text, '\0', 0) == SIZE_MAX)
        return arena_copy(arena, text);
    buf_create(&out, arena);
    while (at < text.size) {
        uint32_t code_point = 0;
        size_t length = text_decode_utf8(text, at, &code_point);

        if (length == 0 || code_point == 0)
            buf_add_str(&out, "\xef\xbf\xbd");
        else
            buf_add(&out, text.data + at, length);
        at += length ? length : 1;
    }
    return out.failed ? (struct slice){0} : arena_copy(arena, buf_slice(&out));
}

static void call_function(lua_State *lua, const struct call_job *job)
{
    load_push_function(lua, job->slot);
    library_push_json(lua, job->context->request);
    library_push_json(lua, job->context->facts);
    lua_call(lua, 2, 1);
}

static void wrong_result(lua_State *lua, struct call_job *job, const char *expected)
{
    (void)snprintf(job->problem, sizeof job->problem, "expected %s, got a %s", expected,
                   library_is_view(lua, -1) ? "table" : luaL_typename(lua, -1));
    sandbox_trip(lua, SANDBOX_BAD_RESULT);
}

static int run_when(lua_State *lua)
{
    struct call_job *job = (struct call_job *)lua_touserdata(lua, 1);

    call_function(lua, job);
    if (!lua_isboolean(lua, -1) && !lua_isnil(lua, -1))
        wrong_result(lua, job, "true, false or nil from `when`");
    job->holds = lua_toboolean(lua, -1);
    return 0;
}

/* The text on top of the stack. */
static void take_text(lua_State *lua, struct call_job *job)
{
    struct slice copy, text = {0};

    if (lua_type(lua, -1) != LUA_TSTRING)
        wrong_result(lua, job, job->single ? "a text" : "a text or a list of texts");
    text.data = lua_tolstring(lua, -1, &text.size);
    if (text.size > job->context->limits->output) {
        (void)snprintf(job->problem, sizeof job->problem, "a text of %zu bytes; all texts of a decision have %zu", text.size,
                       job->context->limits->output);
        sandbox_trip(lua, SANDBOX_BAD_RESULT);
    }
    copy = call_clean_text(job->context->arena, text);
    if (copy.data == NULL)
        job->context->exhausted = true;
    else
        job->texts.items[job->texts.count++] = copy;
}

static int run_texts(lua_State *lua)
{
    struct call_job *job = (struct call_job *)lua_touserdata(lua, 1);
    bool is_list;
    size_t count, i;

    call_function(lua, job);
    if (lua_isnil(lua, -1))
        return 0;
    is_list = !job->single && (lua_istable(lua, -1) || library_is_view(lua, -1));
    count = is_list ? (size_t)luaL_len(lua, -1) : 1;
    if (count > RULE_LIST_MAX) {
        (void)snprintf(job->problem, sizeof job->problem, "a list of %zu texts; at most %d", count, (int)RULE_LIST_MAX);
        sandbox_trip(lua, SANDBOX_BAD_RESULT);
    }
    job->texts.items = (struct slice *)arena_array(job->context->arena, count ? count : 1, sizeof *job->texts.items);
    if (job->texts.items == NULL) {
        job->context->exhausted = true;
        return 0;
    }
    if (!is_list) {
        take_text(lua, job);
        return 0;
    }
    for (i = 0; i < count; i++) {
        (void)lua_geti(lua, -1, (lua_Integer)i + 1);
        take_text(lua, job);
        lua_pop(lua, 1);
    }
    return 0;
}

static int run_cost(lua_State *lua)
{
    struct call_job *job = (struct call_job *)lua_touserdata(lua, 1);
    char number[LIBRARY_NUMBER_MAX];
    struct slice text = {0};
    struct error error = {0};

    call_function(lua, job);
    if (lua_isnil(lua, -1))
        return 0;
    if (lua_type(lua, -1) == LUA_TNUMBER)
        text = slice_from(number, library_format_number(lua, -1, number));
    else if (lua_type(lua, -1) == LUA_TSTRING)
        text.data = lua_tolstring(lua, -1, &text.size);
    else
        wrong_result(lua, job, "US dollars as a number or a text from `cost`");
    if (money_parse(text, false, &job->micro_usd, &error) != STATUS_OK) {
        (void)snprintf(job->problem, sizeof job->problem, "cost: %.180s", error.message);
        sandbox_trip(lua, SANDBOX_BAD_RESULT);
    }
    return 0;
}

static enum sandbox_result run(struct call_job *job, lua_CFunction function)
{
    struct call_context *context = job->context;
    const struct policy_limits *limits = context->limits;
    struct sandbox *sandbox = job->sandbox;
    uint64_t fuel = context->fuel_left < limits->fuel_per_rule ? context->fuel_left : limits->fuel_per_rule;
    enum sandbox_result result = sandbox_call(sandbox, function, job, (uint64_t)job->slot, limits->memory, fuel);

    context->fuel_left -= sandbox->used_fuel < context->fuel_left ? sandbox->used_fuel : context->fuel_left;
    switch (result) {
    case SANDBOX_OVER_FUEL:
        (void)snprintf(sandbox->message, sizeof sandbox->message,
                       "more work than is allowed (%llu units for a rule, %llu for all rules)",
                       (unsigned long long)limits->fuel_per_rule, (unsigned long long)limits->fuel_total);
        break;
    case SANDBOX_OVER_MEMORY:
        (void)snprintf(sandbox->message, sizeof sandbox->message,
                       "more memory than is allowed (%zu bytes for a rule, %d for a text)", limits->memory,
                       (int)SANDBOX_TEXT_MAX);
        break;
    case SANDBOX_BAD_RESULT:
        (void)snprintf(sandbox->message, sizeof sandbox->message, "%s", job->problem);
        break;
    default:
        break;
    }
    return result;
}

enum sandbox_result call_when(struct call_context *context, struct sandbox *sandbox, int slot, bool *holds)
{
    struct call_job job = {.context = context, .sandbox = sandbox, .slot = slot};
    enum sandbox_result result = run(&job, run_when);

    *holds = job.holds;
    return result;
}

enum sandbox_result call_for_texts(struct call_context *context, struct sandbox *sandbox, int slot, bool single,
                                   struct call_texts *out)
{
    struct call_job job = {.context = context, .sandbox = sandbox, .slot = slot, .single = single};
    enum sandbox_result result = run(&job, run_texts);

    *out = job.texts;
    return result;
}

enum sandbox_result call_cost(struct call_context *context, struct sandbox *sandbox, int slot, int64_t *micro_usd)
{
    struct call_job job = {.context = context, .sandbox = sandbox, .slot = slot};
    enum sandbox_result result = run(&job, run_cost);

    *micro_usd = job.micro_usd;
    return result;
}
