/*
 * What an SQL text does: its statements, verbs, tables and conditions, without a full grammar of any one dialect. Fails
 * closed: an unknown verb, unbalanced quotes or brackets, or text that databases read differently (SQL_DIALECT_ANY) makes
 * `ok` false.
 */
#ifndef EDICT_PARSE_SQL_H
#define EDICT_PARSE_SQL_H

#include "parse/word.h"

enum { SQL_INPUT_MAX = 64 * 1024, SQL_STATEMENTS_MAX = 256, SQL_NAMES_MAX = 1024, SQL_DEPTH_MAX = 64 };

/* Which rules for quotes and comments hold. ANY: only text that all of them read alike is understood. */
enum sql_dialect { SQL_DIALECT_ANY, SQL_DIALECT_POSTGRES, SQL_DIALECT_MYSQL, SQL_DIALECT_SQLITE, SQL_DIALECT_MSSQL };
/* "any", "postgres", "postgresql", "mysql", "mariadb", "sqlite", "mssql", "sqlserver"; false for others. */
bool sql_dialect_parse(struct slice name, enum sql_dialect *out);

struct sql_table {
    struct slice name;   /* without quotes; lower case */
    struct slice schema; /* all that stands before the last dot; may be empty */
    bool written;        /* inserted into, updated, deleted from, created, altered, dropped, truncated */
};

/* Lower-case texts unless said otherwise. */
struct sql_statement {
    bool ok;
    struct slice problem;
    struct slice text; /* of the statement, as written, trimmed */
    struct slice verb; /* the main one: "select", "insert", "create", … ; that of the explained statement for EXPLAIN */
    const struct slice *verbs; /* with those of CTEs and of EXPLAIN ("explain"), each once */
    size_t verb_count;
    struct slice object;            /* what DDL is about: "table", "index", "database", "role"…; empty otherwise */
    const struct sql_table *tables; /* each once; CTE names are not tables */
    size_t table_count;
    const struct slice *functions; /* names that are called, with their schema */
    size_t function_count;
    const struct slice
        *dangers; /* "copy program", "xp_cmdshell", "into outfile", "load_file", "pg_read_file", "create function"… */
    size_t danger_count;
    bool reads_only; /* changes nothing: no data, no schema, no rights, no session, no lock, no danger */
    bool writes_data, changes_schema, changes_rights, changes_session;
    bool locks;          /* FOR UPDATE, FOR SHARE, LOCK TABLE */
    bool has_where;      /* the modifying (or outermost) statement, and every modifying CTE, has WHERE */
    bool where_constant; /* such a WHERE is no restriction that can be seen: no column in it (true, 1=1), or OR with such a part
                          */
    bool has_limit;
    bool explain; /* EXPLAIN: nothing is executed unless analyze */
    bool analyze; /* EXPLAIN ANALYZE: executes */
    bool into;    /* SELECT … INTO */
    bool returning;
    bool cascade;
    bool if_exists;
};

struct sql_script {
    bool ok; /* all statements are, and there is at least one */
    struct slice problem;
    bool multiple; /* more than one statement */
    bool has_comments;
    bool reads_only; /* ok and all statements read only */
    const struct sql_statement *statements;
    size_t statement_count;
};

enum status sql_parse(struct slice text, enum sql_dialect dialect, struct arena *arena, uint64_t *work,
                      struct sql_script *out) EDICT_MUST_USE;

#endif
