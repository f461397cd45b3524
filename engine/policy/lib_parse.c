/* shell, sql and url: the parsers' results as tables. docs/policy-language.md lists the members. */
#include "policy/lib_parse.h"
#include "parse/shell.h"
#include "parse/sql.h"
#include "parse/url.h"
#include "policy/push.h"
#include "policy/services.h"

static const struct push_field assignment_fields[] = {
    PUSH_FIELD(struct shell_assignment, name, PUSH_TEXT),
    PUSH_FIELD(struct shell_assignment, value, PUSH_WORD),
    PUSH_FIELD(struct shell_assignment, append, PUSH_BOOL),
    {0},
};
static const struct push_field redirection_fields[] = {
    PUSH_FIELD(struct shell_redirection, op, PUSH_TEXT),
    PUSH_FIELD(struct shell_redirection, fd, PUSH_INT),
    PUSH_FIELD(struct shell_redirection, target, PUSH_WORD),
    PUSH_FIELD(struct shell_redirection, writes, PUSH_BOOL),
    {0},
};
static const struct push_field wrapper_fields[] = {
    PUSH_FIELD(struct shell_wrapper, name, PUSH_TEXT),
    PUSH_LIST(struct shell_wrapper, "argv", argv, argc, PUSH_WORDS),
    {0},
};
static const char *const via_names[] = {"line", "wrapper", "remote"};
static const struct push_field command_fields[] = {
    PUSH_FIELD(struct shell_command, name, PUSH_TEXT),
    PUSH_LIST(struct shell_command, "argv", argv, argc, PUSH_WORDS),
    {.name = "assignments",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct shell_command, assignments),
     .count_at = offsetof(struct shell_command, assignment_count),
     .members = assignment_fields,
     .size = sizeof(struct shell_assignment)},
    {.name = "redirections",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct shell_command, redirections),
     .count_at = offsetof(struct shell_command, redirection_count),
     .members = redirection_fields,
     .size = sizeof(struct shell_redirection)},
    {.name = "wrappers",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct shell_command, wrappers),
     .count_at = offsetof(struct shell_command, wrapper_count),
     .members = wrapper_fields,
     .size = sizeof(struct shell_wrapper)},
    {.name = "via", .kind = PUSH_NAME, .at = offsetof(struct shell_command, via), .names = via_names},
    PUSH_FIELD(struct shell_command, outer, PUSH_INT),
    PUSH_FIELD(struct shell_command, dynamic, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, dynamic_program, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, more_arguments, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, opaque, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, opaque_why, PUSH_TEXT),
    PUSH_FIELD(struct shell_command, reads_pipe, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, writes_pipe, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, background, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, in_substitution, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, in_function, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, in_loop, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, conditional, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, is_function, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, is_builtin, PUSH_BOOL),
    PUSH_FIELD(struct shell_command, elevated, PUSH_BOOL),
    {0},
};
static const struct push_field script_fields[] = {
    PUSH_FIELD(struct shell_script, ok, PUSH_BOOL),
    PUSH_FIELD(struct shell_script, problem, PUSH_TEXT),
    PUSH_FIELD(struct shell_script, dynamic, PUSH_BOOL),
    PUSH_FIELD(struct shell_script, opaque, PUSH_BOOL),
    PUSH_FIELD(struct shell_script, has_syntax_error, PUSH_BOOL),
    {.name = "commands",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct shell_script, commands),
     .count_at = offsetof(struct shell_script, command_count),
     .members = command_fields,
     .size = sizeof(struct shell_command)},
    PUSH_LIST(struct shell_script, "functions", functions, function_count, PUSH_TEXTS),
    {0},
};

static const struct push_field table_fields[] = {
    PUSH_FIELD(struct sql_table, name, PUSH_TEXT),
    PUSH_FIELD(struct sql_table, schema, PUSH_TEXT),
    PUSH_FIELD(struct sql_table, written, PUSH_BOOL),
    {0},
};
static const struct push_field statement_fields[] = {
    PUSH_FIELD(struct sql_statement, ok, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, problem, PUSH_TEXT),
    PUSH_FIELD(struct sql_statement, text, PUSH_TEXT),
    PUSH_FIELD(struct sql_statement, verb, PUSH_TEXT),
    PUSH_LIST(struct sql_statement, "verbs", verbs, verb_count, PUSH_TEXTS),
    PUSH_FIELD(struct sql_statement, object, PUSH_TEXT),
    {.name = "tables",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct sql_statement, tables),
     .count_at = offsetof(struct sql_statement, table_count),
     .members = table_fields,
     .size = sizeof(struct sql_table)},
    PUSH_LIST(struct sql_statement, "functions", functions, function_count, PUSH_TEXTS),
    PUSH_LIST(struct sql_statement, "dangers", dangers, danger_count, PUSH_TEXTS),
    PUSH_FIELD(struct sql_statement, reads_only, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, writes_data, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, changes_schema, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, changes_rights, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, changes_session, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, locks, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, has_where, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, where_constant, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, has_limit, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, explain, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, analyze, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, into, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, returning, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, cascade, PUSH_BOOL),
    PUSH_FIELD(struct sql_statement, if_exists, PUSH_BOOL),
    {0},
};
static const struct push_field sql_fields[] = {
    PUSH_FIELD(struct sql_script, ok, PUSH_BOOL),
    PUSH_FIELD(struct sql_script, problem, PUSH_TEXT),
    PUSH_FIELD(struct sql_script, multiple, PUSH_BOOL),
    PUSH_FIELD(struct sql_script, has_comments, PUSH_BOOL),
    PUSH_FIELD(struct sql_script, reads_only, PUSH_BOOL),
    {.name = "statements",
     .kind = PUSH_STRUCTS,
     .at = offsetof(struct sql_script, statements),
     .count_at = offsetof(struct sql_script, statement_count),
     .members = statement_fields,
     .size = sizeof(struct sql_statement)},
    {0},
};

static const struct push_field url_fields[] = {
    PUSH_FIELD(struct url, ok, PUSH_BOOL),
    PUSH_FIELD(struct url, problem, PUSH_TEXT),
    PUSH_FIELD(struct url, scheme, PUSH_TEXT),
    PUSH_FIELD(struct url, host, PUSH_TEXT),
    PUSH_FIELD(struct url, host_is_address, PUSH_BOOL),
    PUSH_FIELD(struct url, host_obscured, PUSH_BOOL),
    PUSH_FIELD(struct url, host_non_ascii, PUSH_BOOL),
    PUSH_FIELD(struct url, port, PUSH_INT),
    PUSH_FIELD(struct url, has_port, PUSH_BOOL),
    PUSH_FIELD(struct url, userinfo, PUSH_BOOL),
    PUSH_FIELD(struct url, path, PUSH_TEXT),
    PUSH_FIELD(struct url, query, PUSH_TEXT),
    PUSH_FIELD(struct url, has_query, PUSH_BOOL),
    PUSH_FIELD(struct url, fragment, PUSH_TEXT),
    PUSH_FIELD(struct url, has_fragment, PUSH_BOOL),
    {0},
};

struct arena *lib_parse_scratch(lua_State *lua)
{
    struct arena *scratch = &sandbox_of(lua)->services->scratch;

    arena_reset(scratch);
    return scratch;
}

void lib_parse_charge(lua_State *lua, uint64_t work, enum status status)
{
    sandbox_charge(lua, 1 + work);
    if (status != STATUS_OK)
        sandbox_trip(lua, SANDBOX_OVER_MEMORY);
}

const struct shell_script *lib_parse_shell(lua_State *lua, struct slice line)
{
    const struct shell_script *script = NULL;
    uint64_t work = 0;
    enum status status = services_parse_shell(sandbox_of(lua)->services, line, &work, &script);

    lib_parse_charge(lua, work, status);
    return script;
}

static int shell_lib_parse(lua_State *lua)
{
    push_struct(lua, lib_parse_shell(lua, library_text(lua, 1)), script_fields);
    return 1;
}

static int shell_lib_quote(lua_State *lua)
{
    uint64_t work = 0;
    struct slice quoted = shell_quote(library_text(lua, 1), lib_parse_scratch(lua), &work);

    lib_parse_charge(lua, work, quoted.data ? STATUS_OK : STATUS_NO_MEMORY);
    library_push(lua, quoted);
    return 1;
}

static struct sql_script run_sql(lua_State *lua)
{
    struct sql_script script;
    enum sql_dialect dialect = SQL_DIALECT_ANY;
    struct slice text = library_text(lua, 1);
    uint64_t work = 0;
    enum status status;

    if (!lua_isnoneornil(lua, 2) && !sql_dialect_parse(library_text(lua, 2), &dialect))
        sandbox_error(lua, "sql: unknown dialect; there are any, postgres, mysql, sqlite and mssql");
    status = sql_parse(text, dialect, lib_parse_scratch(lua), &work, &script);
    lib_parse_charge(lua, work, status);
    return script;
}

static int sql_lib_parse(lua_State *lua)
{
    struct sql_script script = run_sql(lua);

    push_struct(lua, &script, sql_fields);
    return 1;
}

/* The verb of the only statement; nil when there are several, or when it is not understood. */
static int sql_lib_verb(lua_State *lua)
{
    struct sql_script script = run_sql(lua);

    if (script.ok && script.statement_count == 1)
        library_push(lua, script.statements[0].verb);
    else
        lua_pushnil(lua);
    return 1;
}

static int url_lib_parse(lua_State *lua)
{
    struct url url;
    uint64_t work = 0;
    struct slice text = library_text(lua, 1);
    enum status status = url_parse(text, lib_parse_scratch(lua), &work, &url);

    lib_parse_charge(lua, work, status);
    push_struct(lua, &url, url_fields);
    if (url.ok && url.host_is_address) {
        lua_pushstring(lua, cidr_kind_name(cidr_address_kind(&url.address)));
        lua_setfield(lua, -2, "address_kind");
    }
    return 1;
}

static int url_lib_host_matches(lua_State *lua)
{
    struct slice host = library_text(lua, 1), domain = library_text(lua, 2);
    uint64_t work = 0;
    bool matches = url_host_matches(host, domain, &work);

    sandbox_charge(lua, 1 + work);
    lua_pushboolean(lua, matches);
    return 1;
}

const luaL_Reg library_shell_functions[] = {{"parse", shell_lib_parse}, {"quote", shell_lib_quote}, {NULL, NULL}};
const luaL_Reg library_sql_functions[] = {{"parse", sql_lib_parse}, {"verb", sql_lib_verb}, {NULL, NULL}};
const luaL_Reg library_url_functions[] = {{"parse", url_lib_parse}, {"host_matches", url_lib_host_matches}, {NULL, NULL}};

void library_open_parse(lua_State *lua)
{
    library_register(lua, "shell", library_shell_functions);
    library_register(lua, "sql", library_sql_functions);
    library_register(lua, "url", library_url_functions);
    lib_parse_open_kubectl(lua);
}
