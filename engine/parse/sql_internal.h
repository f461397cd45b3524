/* What the files of the SQL parser share. Private. */
#ifndef EDICT_PARSE_SQL_INTERNAL_H
#define EDICT_PARSE_SQL_INTERNAL_H

#include "parse/sql_token.h"

/* One statement being read: tokens [from, to). */
struct sql_reading {
    const struct sql_tokens *tokens;
    size_t from, to;
    enum sql_dialect dialect;
    struct arena *arena;
    uint64_t *work;
    struct sql_statement *out;
    struct slice *verbs, *functions, *dangers, *ctes;
    size_t cte_count;
    struct sql_table *tables;
    bool no_memory;
    bool unknown_function;
    bool needs_where, lacks_where;
};

void sql_fail(struct sql_reading *reading, const char *text, struct slice about);
const struct sql_token *sql_at(const struct sql_reading *reading, size_t at);      /* NULL past the end */
bool sql_is_word(const struct sql_reading *reading, size_t at, const char *words); /* any of a blank-separated list */
bool sql_is_mark(const struct sql_reading *reading, size_t at, char mark);
/* Each once; constants or arena text. */
void sql_add_verb(struct sql_reading *reading, struct slice verb);
void sql_add_danger(struct sql_reading *reading, struct slice danger);
void sql_add_function(struct sql_reading *reading, struct slice function);
void sql_add_table(struct sql_reading *reading, struct slice schema, struct slice name, bool written);
/* The offset past the bracket that closes the one at `at`. */
size_t sql_skip_brackets(const struct sql_reading *reading, size_t at);

/* ---- sql_names.c ---- */
bool sql_is_harmless_function(struct slice name);
const char *sql_dangerous_function(struct slice name); /* NULL: not known as one */
bool sql_is_keyword(struct slice word);                /* never an alias or a name without quotes */

/* ---- sql_tables.c: tables, functions and conditions of the whole statement ---- */
void sql_read_tables(struct sql_reading *reading);
void sql_read_functions(struct sql_reading *reading);
/* The WHERE of the verb at `at`. */
void sql_read_where(struct sql_reading *reading, size_t at, bool required);

#endif
