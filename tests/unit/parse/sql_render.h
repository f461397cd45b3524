/* An SQL text as one line: each statement with its verb, tables ('!' written), functions (), dangers <> and flags. */
#ifndef EDICT_TESTS_SQL_RENDER_H
#define EDICT_TESTS_SQL_RENDER_H

#include "base/buf.h"
#include "parse/sql.h"

static inline void render_sql_flag(struct buf *out, const char *name, bool set)
{
    if (set)
        buf_printf(out, " %s", name);
}

static inline void render_sql_statement(struct buf *out, const struct sql_statement *s)
{
    buf_printf(out, "%s%.*s", s->ok ? "" : "?", SLICE_ARG(s->verb));
    if (s->object.size > 0)
        buf_printf(out, ":%.*s", SLICE_ARG(s->object));
    for (size_t i = 0; i < s->table_count; i++)
        buf_printf(out, " %.*s%s%.*s%s", SLICE_ARG(s->tables[i].schema), s->tables[i].schema.size > 0 ? "." : "",
                   SLICE_ARG(s->tables[i].name), s->tables[i].written ? "!" : "");
    for (size_t i = 0; i < s->function_count; i++)
        buf_printf(out, " %.*s()", SLICE_ARG(s->functions[i]));
    for (size_t i = 0; i < s->danger_count; i++)
        buf_printf(out, " <%.*s>", SLICE_ARG(s->dangers[i]));
    for (size_t i = 0; i < s->verb_count && s->verb_count > 1; i++)
        buf_printf(out, "%s%.*s", i == 0 ? " verbs=" : ",", SLICE_ARG(s->verbs[i]));
    render_sql_flag(out, "READS", s->reads_only);
    render_sql_flag(out, "DATA", s->writes_data);
    render_sql_flag(out, "SCHEMA", s->changes_schema);
    render_sql_flag(out, "RIGHTS", s->changes_rights);
    render_sql_flag(out, "SESSION", s->changes_session);
    render_sql_flag(out, "LOCKS", s->locks);
    render_sql_flag(out, "where", s->has_where);
    render_sql_flag(out, "constant", s->where_constant);
    render_sql_flag(out, "limit", s->has_limit);
    render_sql_flag(out, "explain", s->explain);
    render_sql_flag(out, "analyze", s->analyze);
    render_sql_flag(out, "into", s->into);
    render_sql_flag(out, "returning", s->returning);
    render_sql_flag(out, "cascade", s->cascade);
    render_sql_flag(out, "if-exists", s->if_exists);
}

static inline struct slice render_sql(const struct sql_script *script, struct arena *arena)
{
    struct buf out;

    buf_create(&out, arena);
    buf_printf(&out, "%s%s%s", script->ok ? "ok" : "no", script->reads_only ? " reads" : "",
               script->has_comments ? " comments" : "");
    for (size_t i = 0; i < script->statement_count; i++) {
        buf_add_str(&out, i == 0 ? ": " : "; ");
        render_sql_statement(&out, &script->statements[i]);
    }
    return buf_slice(&out);
}

#endif
