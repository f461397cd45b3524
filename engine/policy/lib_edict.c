#include "policy/library.h"

#include "base/clock.h"
#include "parse/cidr.h"
#include "parse/glob.h"
#include "parse/path.h"
#include "parse/re.h"
#include "parse/semver.h"
#include "policy/match.h"
#include "policy/services.h"
#include "proto/money.h"

#include <string.h>

/* Charges what a parser counted, also when it gave no result. */
static void charge_parser(lua_State *lua, uint64_t work, enum status status)
{
    sandbox_charge(lua, 1 + work);
    if (status != STATUS_OK)
        sandbox_trip(lua, SANDBOX_OVER_MEMORY);
}

static struct arena *scratch_of(lua_State *lua)
{
    struct arena *scratch = &sandbox_of(lua)->services->scratch;

    arena_reset(scratch);
    return scratch;
}

/* ---- agents ---- */

/* Pushes agent[name]; a missing agent is a mistake of the rule. */
static int push_agent_field(lua_State *lua, const char *name)
{
    if (!lua_istable(lua, 1) && !library_is_view(lua, 1))
        library_bad_argument(lua, 1, "facts.agent");
    lua_pushstring(lua, name);
    return lua_gettable(lua, 1);
}

/* An unknown agent owns nothing, and nobody owns what has no namespace. */
static int edict_owns(lua_State *lua)
{
    bool owns = false;

    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2) && lua_type(lua, 2) != LUA_TSTRING)
        library_bad_argument(lua, 2, "a namespace");
    if (push_agent_field(lua, "namespace") == LUA_TSTRING && !lua_isnil(lua, 2))
        owns = library_text(lua, 2).size != 0 && lua_rawequal(lua, 2, 3);
    lua_pushboolean(lua, owns);
    return 1;
}

static bool glob_matches(lua_State *lua, struct slice pattern, struct slice text)
{
    uint64_t work = 0;
    enum glob_result result = match_glob(pattern, text, &work);

    sandbox_charge(lua, 1 + work);
    if (result == GLOB_INVALID)
        sandbox_error(lua, "glob: \"%.*s\" is no pattern, or it or the text is too long",
                      (int)(pattern.size < 80 ? pattern.size : 80), pattern.data);
    return result == GLOB_MATCH;
}

static int edict_has_privilege(lua_State *lua)
{
    struct slice wanted = library_text(lua, 2);
    bool has = false;
    lua_Integer count, i;

    lua_settop(lua, 2);
    (void)push_agent_field(lua, "privileges");
    if (!lua_isnil(lua, 3)) {
        count = luaL_len(lua, 3);
        for (i = 1; i <= count && !has; i++) {
            (void)lua_geti(lua, 3, i);
            has = lua_type(lua, -1) == LUA_TSTRING && glob_matches(lua, library_text(lua, -1), wanted);
            lua_pop(lua, 1);
        }
    }
    lua_pushboolean(lua, has);
    return 1;
}

static int edict_glob(lua_State *lua)
{
    lua_pushboolean(lua, glob_matches(lua, library_text(lua, 1), library_text(lua, 2)));
    return 1;
}

/* ---- re ---- */

static void push_group(lua_State *lua, const struct re_match *match, size_t i)
{
    if (match->groups[i].data == NULL)
        lua_pushboolean(lua, 0); /* took no part; nil would end a list */
    else
        library_push(lua, match->groups[i]);
}

static int run_re(lua_State *lua, bool find)
{
    struct sandbox_services *services = sandbox_of(lua)->services;
    struct slice pattern = library_text(lua, 1), text = library_text(lua, 2);
    lua_Integer from = find ? library_optional_integer(lua, 3, 1) : 1;
    struct re_match match;
    uint64_t work = 0;
    enum status status;
    size_t i;

    if (from < 1 || (lua_Unsigned)from > text.size + 1)
        library_bad_argument(lua, 3, "a position in the text");
    status = re_match(services->re, pattern, text, (size_t)from - 1, scratch_of(lua), &work, &match);
    charge_parser(lua, work, status);
    if (match.outcome == RE_NO_MATCH) {
        lua_pushnil(lua);
        return 1;
    }
    if (match.outcome != RE_MATCH)
        sandbox_error(lua, "re: %.*s", (int)(match.problem.size < 200 ? match.problem.size : 200), match.problem.data);
    luaL_checkstack(lua, (int)match.group_count + 4, NULL);
    if (find) {
        lua_pushinteger(lua, (lua_Integer)match.start + 1);
        lua_pushinteger(lua, (lua_Integer)match.end);
    } else if (match.group_count == 1) {
        push_group(lua, &match, 0);
    }
    for (i = 1; i < match.group_count; i++)
        push_group(lua, &match, i);
    return (find ? 2 : match.group_count == 1) + (int)match.group_count - 1;
}

static int re_lib_match(lua_State *lua)
{
    return run_re(lua, false);
}

static int re_lib_find(lua_State *lua)
{
    return run_re(lua, true);
}

/* ---- cidr ---- */

static struct cidr to_network(lua_State *lua, int position)
{
    struct slice text = library_text(lua, position);
    struct cidr network;
    uint64_t work = 0;
    bool good = cidr_parse(text, &network, &work);

    sandbox_charge(lua, 1 + work);
    if (!good)
        sandbox_error(lua, "cidr: \"%.*s\" is no address or network", (int)(text.size < 64 ? text.size : 64), text.data);
    return network;
}

static int cidr_lib_contains(lua_State *lua)
{
    struct cidr network = to_network(lua, 1), inner = to_network(lua, 2);

    lua_pushboolean(lua, cidr_contains_cidr(&network, &inner));
    return 1;
}

static int cidr_lib_kind(lua_State *lua)
{
    struct cidr network = to_network(lua, 1);

    lua_pushstring(lua, cidr_kind_name(cidr_address_kind(&network.address)));
    return 1;
}

static int cidr_lib_valid(lua_State *lua)
{
    struct cidr network;
    uint64_t work = 0;
    bool good = lua_type(lua, 1) == LUA_TSTRING && cidr_parse(library_text(lua, 1), &network, &work);

    sandbox_charge(lua, 1 + work);
    lua_pushboolean(lua, good);
    return 1;
}

/* ---- semver ---- */

static struct semver to_version(lua_State *lua, int position)
{
    struct slice text = library_text(lua, position);
    struct semver version;
    uint64_t work = 0;
    bool good = semver_parse(text, &version, &work);

    sandbox_charge(lua, 1 + work);
    if (!good)
        sandbox_error(lua, "semver: \"%.*s\" is no version such as 1.2.3", (int)(text.size < 64 ? text.size : 64), text.data);
    return version;
}

static int semver_lib_compare(lua_State *lua)
{
    struct semver a = to_version(lua, 1), b = to_version(lua, 2);
    uint64_t work = 0;
    int order = semver_compare(&a, &b, &work);

    sandbox_charge(lua, 1 + work);
    lua_pushinteger(lua, order < 0 ? -1 : order > 0);
    return 1;
}

static int semver_lib_satisfies(lua_State *lua)
{
    struct semver version = to_version(lua, 1);
    struct slice range = library_text(lua, 2);
    uint64_t work = 0;
    bool valid = false, satisfied = semver_satisfies(&version, range, &valid, &work);

    sandbox_charge(lua, 1 + work);
    if (!valid)
        sandbox_error(lua, "semver: \"%.*s\" is no range such as \">=1.2 <2\"", (int)(range.size < 64 ? range.size : 64),
                      range.data);
    lua_pushboolean(lua, satisfied);
    return 1;
}

static int semver_lib_valid(lua_State *lua)
{
    struct semver version;
    uint64_t work = 0;
    bool good = lua_type(lua, 1) == LUA_TSTRING && semver_parse(library_text(lua, 1), &version, &work);

    sandbox_charge(lua, 1 + work);
    lua_pushboolean(lua, good);
    return 1;
}

/* ---- path ---- */

static int path_lib_normalize(lua_State *lua)
{
    struct path_result path;
    uint64_t work = 0;
    struct slice text = library_text(lua, 1);
    enum status status = path_parse(text, scratch_of(lua), &work, &path);

    charge_parser(lua, work, status);
    if (!path.ok) {
        lua_pushnil(lua);
        library_push(lua, path.problem);
        return 2;
    }
    library_push(lua, path.path);
    return 1;
}

static int path_lib_inside(lua_State *lua)
{
    struct slice base = library_text(lua, 1), text = library_text(lua, 2);
    bool inside = false;
    uint64_t work = 0;
    enum status status = path_inside(base, text, scratch_of(lua), &work, &inside);

    charge_parser(lua, work, status);
    lua_pushboolean(lua, inside);
    return 1;
}

static int path_lib_base_name(lua_State *lua)
{
    library_push(lua, path_base_name(library_text(lua, 1)));
    return 1;
}

static int path_lib_directory(lua_State *lua)
{
    library_push(lua, path_directory(library_text(lua, 1)));
    return 1;
}

/* ---- time ---- */

/* Milliseconds, or a time in RFC 3339. */
static int64_t to_time(lua_State *lua)
{
    int64_t time_ms;
    struct slice text;

    if (lua_type(lua, 1) == LUA_TNUMBER) {
        time_ms = library_integer(lua, 1);
        if (time_ms < INT64_C(-62135596800000) || time_ms > INT64_C(253402300799999))
            library_bad_argument(lua, 1, "milliseconds of a year from 1 to 9999");
        return time_ms;
    }
    text = library_text(lua, 1);
    sandbox_charge(lua, 1 + (text.size < 64 ? text.size : 64));
    if (!clock_parse(text, &time_ms))
        sandbox_error(lua, "time: \"%.*s\" is no time such as 2026-07-28T12:34:56Z", (int)(text.size < 64 ? text.size : 64),
                      text.data);
    return time_ms;
}

static void set_integer(lua_State *lua, const char *name, lua_Integer value)
{
    lua_pushinteger(lua, value);
    lua_setfield(lua, -2, name);
}

static int time_lib_parts(lua_State *lua)
{
    struct clock_parts parts;

    clock_split(to_time(lua), &parts);
    lua_createtable(lua, 0, 7);
    set_integer(lua, "year", parts.year);
    set_integer(lua, "month", parts.month);
    set_integer(lua, "day", parts.day);
    set_integer(lua, "hour", parts.hour);
    set_integer(lua, "minute", parts.minute);
    set_integer(lua, "second", parts.second);
    set_integer(lua, "weekday", parts.weekday);
    return 1;
}

static int time_lib_ms(lua_State *lua)
{
    lua_pushinteger(lua, to_time(lua));
    return 1;
}

static int time_lib_text(lua_State *lua)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(to_time(lua), text);
    lua_pushlstring(lua, text, sizeof text);
    return 1;
}

/* ---- money ---- */

static int money_lib_micro(lua_State *lua)
{
    char number[LIBRARY_NUMBER_MAX];
    struct slice text;
    struct error error = {0};
    int64_t micro = 0;

    if (lua_type(lua, 1) == LUA_TNUMBER)
        text = slice_from(number, library_format_number(lua, 1, number));
    else
        text = library_text(lua, 1);
    sandbox_charge(lua, 1 + (text.size < 64 ? text.size : 64));
    if (text.size > 64 || money_parse(text, true, &micro, &error) != STATUS_OK)
        sandbox_error(lua, "money: \"%.*s\" is no amount such as 12.50", (int)(text.size < 64 ? text.size : 64), text.data);
    lua_pushinteger(lua, micro);
    return 1;
}

static int money_lib_text(lua_State *lua)
{
    lua_Integer micro = library_integer(lua, 1);
    struct buf text;

    if (micro < -MONEY_MICRO_MAX || micro > MONEY_MICRO_MAX)
        library_bad_argument(lua, 1, "at most a thousand million USD in micro-USD");
    buf_create(&text, scratch_of(lua));
    money_write_sentence(&text, micro);
    sandbox_charge(lua, 1 + text.size);
    library_push(lua, buf_slice(&text));
    return 1;
}

/* ---- registration ---- */

const luaL_Reg library_re_functions[] = {{"match", re_lib_match}, {"find", re_lib_find}, {NULL, NULL}};
const luaL_Reg library_cidr_functions[] = {
    {"contains", cidr_lib_contains}, {"kind", cidr_lib_kind}, {"valid", cidr_lib_valid}, {NULL, NULL}};
const luaL_Reg library_semver_functions[] = {
    {"compare", semver_lib_compare}, {"satisfies", semver_lib_satisfies}, {"valid", semver_lib_valid}, {NULL, NULL}};
const luaL_Reg library_path_functions[] = {{"normalize", path_lib_normalize},
                                           {"inside", path_lib_inside},
                                           {"base_name", path_lib_base_name},
                                           {"directory", path_lib_directory},
                                           {NULL, NULL}};
const luaL_Reg library_time_functions[] = {
    {"parts", time_lib_parts}, {"ms", time_lib_ms}, {"text", time_lib_text}, {NULL, NULL}};
const luaL_Reg library_money_functions[] = {{"micro", money_lib_micro}, {"text", money_lib_text}, {NULL, NULL}};
static const luaL_Reg global_functions[] = {
    {"owns", edict_owns}, {"has_privilege", edict_has_privilege}, {"glob", edict_glob}, {NULL, NULL}};

void library_open_edict(lua_State *lua)
{
    lua_pushglobaltable(lua);
    luaL_setfuncs(lua, global_functions, 0);
    lua_pop(lua, 1);
    library_register(lua, "re", library_re_functions);
    library_register(lua, "cidr", library_cidr_functions);
    library_register(lua, "semver", library_semver_functions);
    library_register(lua, "path", library_path_functions);
    library_register(lua, "time", library_time_functions);
    library_register(lua, "money", library_money_functions);
    library_open_set(lua);
}
