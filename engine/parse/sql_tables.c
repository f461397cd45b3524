/* Which tables, functions and conditions a statement has, from the words before them. */
#include "parse/sql_internal.h"

static bool is_name(const struct sql_reading *r, size_t at)
{
    const struct sql_token *token = sql_at(r, at);

    return token != NULL && (token->kind == SQL_NAME || (token->kind == SQL_WORD && !sql_is_keyword(token->text)));
}

static bool is_cte(const struct sql_reading *r, struct slice name)
{
    for (size_t i = 0; i < r->cte_count; i++) {
        if (slice_equal(r->ctes[i], name))
            return true;
    }
    return false;
}

/* a.b.c from `at` on: gives the last part, what is before it, and the position past it. */
static size_t read_name(struct sql_reading *r, size_t at, struct slice *schema, struct slice *name)
{
    struct slice before = {0};

    *name = sql_at(r, at++)->text;
    while (sql_is_mark(r, at, '.') && sql_at(r, at + 1) != NULL) {
        before = before.size == 0 ? *name : arena_printf(r->arena, "%.*s.%.*s", SLICE_ARG(before), SLICE_ARG(*name));
        r->no_memory |= before.data == NULL && before.size == 0 && name->size > 0;
        *name = sql_at(r, at + 1)->text;
        at += 2;
    }
    *schema = before;
    return at;
}

/* A table at `at`; gives the position past it, or `at` when there is none. */
static size_t read_table(struct sql_reading *r, size_t at, bool written)
{
    struct slice schema, name;

    while (sql_is_word(r, at, "only lateral if not exists ignore low_priority delayed concurrently"))
        at++;
    if (sql_is_mark(r, at, '(') || !is_name(r, at)) {
        const struct sql_token *token = sql_at(r, at);

        if (token != NULL && token->kind == SQL_STRING)
            sql_add_table(r, (struct slice){0}, token->text, written);
        return at;
    }
    at = read_name(r, at, &schema, &name);
    if (sql_is_mark(r, at, '(') && !written)
        return at; /* a function in FROM */
    if (schema.size > 0 || !is_cte(r, name))
        sql_add_table(r, schema, name, written);
    return at;
}

/* FROM belongs to extract(… FROM …) and the like, or to IS DISTINCT FROM. */
static bool is_function_from(const struct sql_reading *r, size_t at)
{
    unsigned depth = sql_at(r, at)->depth;

    if (at > r->from && sql_is_word(r, at - 1, "distinct") && at > r->from + 1 && sql_is_word(r, at - 2, "is not"))
        return true;
    for (size_t i = at; i > r->from; i--) {
        const struct sql_token *token = sql_at(r, i - 1);

        if (token->depth < depth)
            return sql_is_mark(r, i - 1, '(') && i - 1 > r->from &&
                   sql_is_word(r, i - 2, "extract substring trim overlay position ltrim rtrim btrim");
        if (token->depth == depth && sql_is_word(r, i - 1, "select delete"))
            return false;
    }
    return false;
}

/* The comma list after FROM or USING, up to the next clause on the same level. */
static void read_from_list(struct sql_reading *r, size_t at, bool written)
{
    const struct sql_token *first = sql_at(r, at);
    unsigned depth = first != NULL ? first->depth : 0;
    bool expects = true;

    for (; sql_at(r, at) != NULL && sql_at(r, at)->depth >= depth; ++*r->work) {
        if (sql_at(r, at)->depth > depth) {
            at++;
            continue;
        }
        if (sql_is_word(r, at,
                        "where group order having limit union intersect except set returning join inner left right cross "
                        "natural full on using window for offset values when fetch"))
            return;
        if (sql_is_mark(r, at, ')'))
            return;
        if (sql_is_mark(r, at, ',')) {
            expects = true;
            at++;
        } else if (expects) {
            size_t next = read_table(r, at, written);

            expects = false;
            at = next > at ? next : at + 1;
        } else {
            at++;
        }
    }
}

static bool statement_writes_from(const struct sql_reading *r, size_t at)
{
    return at > r->from && (sql_is_word(r, at - 1, "delete") || (at > r->from + 1 && sql_is_word(r, at - 2, "delete")));
}

static bool is_ddl(const struct sql_reading *r)
{
    return sql_in_list(r->out->verb, "create drop alter truncate lock rename comment analyze vacuum reindex cluster refresh");
}

static void read_name_list(struct sql_reading *r, size_t at, bool written)
{
    size_t next;

    for (;;) {
        next = read_table(r, at, written);
        if (next == at || !sql_is_mark(r, next, ','))
            return;
        at = next + 1;
    }
}

static void read_word(struct sql_reading *r, size_t at)
{
    bool first = at == r->from;

    if (sql_is_word(r, at, "from") && !is_function_from(r, at)) {
        read_from_list(r, at + 1, statement_writes_from(r, at));
    } else if (sql_is_word(r, at, "join")) {
        read_table(r, at + 1, false);
    } else if (sql_is_word(r, at, "into") && !sql_is_word(r, at + 1, "outfile dumpfile")) {
        size_t skip = sql_is_word(r, at + 1, "temporary temp unlogged table") ? 2 : 1;

        read_table(r, at + (sql_is_word(r, at + skip, "table") ? skip + 1 : skip), true);
    } else if (sql_is_word(r, at, "update") && (first || !sql_is_word(r, at - 1, "for do on key no"))) {
        read_name_list(r, at + 1, true);
    } else if (sql_is_word(r, at, "using") && !sql_is_mark(r, at + 1, '(') && (sql_in_list(r->out->verb, "delete merge"))) {
        read_from_list(r, at + 1, false);
    } else if (sql_is_word(r, at, "table") && !first) {
        read_name_list(r, at + 1, is_ddl(r) && !sql_in_list(r->out->verb, "analyze comment lock"));
    } else if (sql_is_word(r, at, "table") && first) {
        read_table(r, at + 1, false);
    } else if (sql_is_word(r, at, "truncate copy vacuum analyze") && first && is_name(r, at + 1)) {
        read_name_list(r, at + 1, sql_is_word(r, at, "truncate copy"));
    } else if (sql_is_word(r, at, "view sequence index") && first == false && is_ddl(r) && at <= r->from + 5) {
        read_name_list(r, at + 1, true);
    } else if (sql_is_word(r, at, "on") && is_ddl(r) && sql_in_list(r->out->object, "index trigger policy rule")) {
        read_table(r, at + 1, true);
    } else if (sql_is_word(r, at, "on") && sql_in_list(r->out->verb, "grant revoke") &&
               !sql_is_word(r, at + 1, "table schema database function sequence all")) {
        read_name_list(r, at + 1, false);
    }
}

void sql_read_tables(struct sql_reading *r)
{
    for (size_t at = r->from; at < r->to && !r->no_memory; at++) {
        ++*r->work;
        if (sql_at(r, at)->kind == SQL_WORD && !(at > r->from && sql_is_mark(r, at - 1, '.')))
            read_word(r, at);
    }
}

/* ---- functions ---- */

static bool may_be_function(const struct sql_reading *r, size_t at)
{
    const struct sql_token *token = sql_at(r, at);

    if (!sql_is_mark(r, at + 1, '(') || (token->kind != SQL_WORD && token->kind != SQL_NAME))
        return false;
    if (token->kind == SQL_WORD && sql_is_keyword(token->text) && !sql_in_list(token->text, "left right if"))
        return false;
    if (token->kind == SQL_WORD &&
        sql_in_list(token->text, "over filter within partition materialized key unique check references primary foreign index "
                                 "sets rollup cube recursive distinct"))
        return false;
    return !(at > r->from &&
             sql_is_word(r, at - 1, "into table join index view references exists as recursive update on type"));
}

void sql_read_functions(struct sql_reading *r)
{
    for (size_t at = r->from; at < r->to && !r->no_memory; at++) {
        struct slice name, full;
        const char *danger;
        size_t start = at;

        ++*r->work;
        if (!may_be_function(r, at) || is_cte(r, sql_at(r, at)->text))
            continue;
        name = full = sql_at(r, at)->text;
        while (start > r->from + 1 && sql_is_mark(r, start - 1, '.'))
            start -= 2;
        if (start > r->from && sql_is_word(r, start - 1, "into table join index view references exists update on type"))
            continue;
        for (size_t i = at; i > start; i -= 2)
            full = arena_printf(r->arena, "%.*s.%.*s", SLICE_ARG(sql_at(r, i - 2)->text), SLICE_ARG(full));
        r->no_memory |= full.data == NULL;
        sql_add_function(r, full);
        danger = sql_dangerous_function(name);
        if (danger != NULL)
            sql_add_danger(r, slice_from_str(danger));
        else if (!sql_is_harmless_function(name) || (start < at && !slice_equal_str(sql_at(r, start)->text, "pg_catalog")))
            r->unknown_function = true;
    }
}

/* ---- conditions ---- */

static bool is_column(const struct sql_reading *r, size_t at)
{
    return is_name(r, at) && !sql_is_mark(r, at + 1, '(') &&
           !sql_is_word(r, at, "true false current_date current_timestamp current_user unknown escape interval date now");
}

/* One part between ORs: a restriction needs a column that is not compared to itself. */
static bool part_is_constant(const struct sql_reading *r, size_t from, size_t to)
{
    while (from < to && sql_is_mark(r, from, '('))
        from++;
    while (to > from && sql_is_mark(r, to - 1, ')'))
        to--;
    if (to == from + 3 && sql_is_mark(r, from + 1, '=') && slice_equal(sql_at(r, from)->text, sql_at(r, from + 2)->text))
        return true;
    for (size_t at = from; at < to; at++) {
        if (is_column(r, at))
            return false;
    }
    return true;
}

static size_t where_end(const struct sql_reading *r, size_t where)
{
    unsigned depth = sql_at(r, where)->depth;
    size_t at = where + 1;

    for (; at < r->to && sql_at(r, at)->depth >= depth; at++) {
        if (sql_at(r, at)->depth == depth &&
            (sql_is_word(r, at, "group order limit returning having union intersect except window for offset fetch option") ||
             sql_is_mark(r, at, ')')))
            break;
    }
    return at;
}

static bool where_is_constant(const struct sql_reading *r, size_t where)
{
    size_t end = where_end(r, where), from = where + 1;

    *r->work += end - where;
    for (size_t at = from; at <= end; at++) {
        if (at < end && !sql_is_word(r, at, "or") &&
            !(sql_is_mark(r, at, '|') && sql_is_mark(r, at + 1, '|') && r->dialect == SQL_DIALECT_MYSQL))
            continue;
        if (part_is_constant(r, from, at))
            return true;
        from = at + 1;
    }
    return false;
}

void sql_read_where(struct sql_reading *r, size_t verb, bool required)
{
    unsigned depth = sql_at(r, verb)->depth;

    for (size_t at = verb + 1; at < r->to && sql_at(r, at)->depth >= depth; at++) {
        ++*r->work;
        if (sql_at(r, at)->depth == depth && sql_is_mark(r, at, ')'))
            break;
        if (sql_at(r, at)->depth == depth && sql_is_word(r, at, "where")) {
            r->needs_where = true;
            r->out->where_constant |= where_is_constant(r, at);
            return;
        }
    }
    if (required)
        r->lacks_where = true;
}
