#include "parse/sql_internal.h"

bool sql_dialect_parse(struct slice name, enum sql_dialect *out)
{
    static const struct {
        const char *name;
        enum sql_dialect dialect;
    } names[] = {{"any", SQL_DIALECT_ANY},     {"postgres", SQL_DIALECT_POSTGRES}, {"postgresql", SQL_DIALECT_POSTGRES},
                 {"mysql", SQL_DIALECT_MYSQL}, {"mariadb", SQL_DIALECT_MYSQL},     {"sqlite", SQL_DIALECT_SQLITE},
                 {"mssql", SQL_DIALECT_MSSQL}, {"sqlserver", SQL_DIALECT_MSSQL}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_equal_str(name, names[i].name)) {
            *out = names[i].dialect;
            return true;
        }
    }
    return false;
}

void sql_fail(struct sql_reading *r, const char *text, struct slice about)
{
    if (r->out->problem.size == 0)
        r->out->problem = arena_printf(r->arena, about.size > 0 ? "%s %.*s" : "%s", text,
                                       (int)(about.size < 60 ? about.size : 60), about.data);
}

const struct sql_token *sql_at(const struct sql_reading *r, size_t at)
{
    return at >= r->from && at < r->to ? &r->tokens->items[at] : NULL;
}

bool sql_is_word(const struct sql_reading *r, size_t at, const char *words)
{
    const struct sql_token *token = sql_at(r, at);

    return token != NULL && token->kind == SQL_WORD && sql_in_list(token->text, words);
}

bool sql_is_mark(const struct sql_reading *r, size_t at, char mark)
{
    const struct sql_token *token = sql_at(r, at);

    return token != NULL && token->kind == SQL_MARK && token->text.data[0] == mark;
}

static void add_once(struct sql_reading *r, struct slice *items, size_t *count, struct slice item)
{
    for (size_t i = 0; i < *count; i++) {
        if (slice_equal(items[i], item))
            return;
    }
    *r->work += *count;
    if (*count >= SQL_NAMES_MAX)
        sql_fail(r, "the statement has too many names", (struct slice){0});
    else
        items[(*count)++] = item;
}

void sql_add_verb(struct sql_reading *r, struct slice verb)
{
    add_once(r, r->verbs, &r->out->verb_count, verb);
}

void sql_add_danger(struct sql_reading *r, struct slice danger)
{
    add_once(r, r->dangers, &r->out->danger_count, danger);
}

void sql_add_function(struct sql_reading *r, struct slice function)
{
    add_once(r, r->functions, &r->out->function_count, function);
}

void sql_add_table(struct sql_reading *r, struct slice schema, struct slice name, bool written)
{
    struct sql_statement *out = r->out;

    *r->work += out->table_count;
    for (size_t i = 0; i < out->table_count; i++) {
        if (slice_equal(r->tables[i].name, name) && slice_equal(r->tables[i].schema, schema)) {
            r->tables[i].written |= written;
            return;
        }
    }
    if (out->table_count >= SQL_NAMES_MAX)
        sql_fail(r, "the statement has too many tables", (struct slice){0});
    else
        r->tables[out->table_count++] = (struct sql_table){.name = name, .schema = schema, .written = written};
}

size_t sql_skip_brackets(const struct sql_reading *r, size_t at)
{
    unsigned depth = sql_at(r, at)->depth;

    for (at++; at < r->to; at++) {
        if (r->tokens->items[at].depth == depth && sql_is_mark(r, at, ')'))
            return at + 1;
    }
    return r->to;
}

/* ---- verbs ---- */

enum effect { READS, DATA, SCHEMA, RIGHTS, SESSION, LOCKS, DANGER };

static const struct {
    const char *verbs;
    enum effect effect;
} effects[] = {
    {"select values table show describe desc", READS},
    {"insert update delete merge replace upsert copy load truncate import", DATA},
    {"create drop alter rename comment reindex refresh cluster vacuum analyze optimize", SCHEMA},
    {"grant revoke reassign deny", RIGHTS},
    {"set reset use begin start commit rollback savepoint release end abort discard pragma declare fetch close prepare "
     "deallocate listen notify unlisten checkpoint flush",
     SESSION},
    {"lock unlock", LOCKS},
    {"call exec execute do kill shutdown attach detach handler install security backup restore dbcc bulk openrowset waitfor "
     "print if while",
     DANGER},
};

static bool find_effect(struct slice verb, enum effect *effect)
{
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        if (sql_in_list(verb, effects[i].verbs)) {
            *effect = effects[i].effect;
            return true;
        }
    }
    return false;
}

static void apply_effect(struct sql_reading *r, struct slice verb)
{
    enum effect effect;

    if (!find_effect(verb, &effect)) {
        sql_fail(r, "this verb is not known:", verb);
        return;
    }
    r->out->writes_data |= effect == DATA;
    r->out->changes_schema |= effect == SCHEMA;
    r->out->changes_rights |= effect == RIGHTS;
    r->out->changes_session |= effect == SESSION;
    r->out->locks |= effect == LOCKS;
    if (effect == DANGER)
        sql_add_danger(r, verb);
    if (slice_equal_str(verb, "truncate"))
        r->lacks_where = true;
}

/* ---- parts of a statement ---- */

/* EXPLAIN [ANALYZE] [VERBOSE] [(options)] statement. */
static size_t read_explain(struct sql_reading *r, size_t at)
{
    if (!sql_is_word(r, at, "explain") &&
        !(sql_is_word(r, at, "describe desc") && sql_is_word(r, at + 1, "select insert update delete analyze")))
        return at;
    r->out->explain = true;
    sql_add_verb(r, SLICE("explain"));
    for (at++; at < r->to; at++) {
        if (sql_is_word(r, at, "analyze analyse"))
            r->out->analyze = true;
        else if (sql_is_mark(r, at, '(') && !sql_is_word(r, at + 1, "select with values table")) {
            size_t end = sql_skip_brackets(r, at);

            for (size_t i = at; i < end; i++)
                r->out->analyze |= sql_is_word(r, i, "analyze analyse");
            at = end - 1;
        } else if (!sql_is_word(r, at, "verbose extended formatted query plan partitions format json tree traditional") &&
                   !sql_is_mark(r, at, '='))
            break;
    }
    return at;
}

static bool is_data_verb(const struct sql_reading *r, size_t at)
{
    return sql_is_word(r, at, "insert update delete merge replace");
}

/* WITH [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (statement), … */
static size_t read_ctes(struct sql_reading *r, size_t at)
{
    if (!sql_is_word(r, at, "with"))
        return at;
    at += sql_is_word(r, at + 1, "recursive") ? 2 : 1;
    for (;;) {
        if (sql_at(r, at) == NULL || r->cte_count >= SQL_NAMES_MAX)
            break;
        r->ctes[r->cte_count++] = sql_at(r, at++)->text;
        at = sql_is_mark(r, at, '(') ? sql_skip_brackets(r, at) : at;
        if (!sql_is_word(r, at, "as"))
            break;
        at++;
        while (sql_is_word(r, at, "not materialized"))
            at++;
        if (!sql_is_mark(r, at, '('))
            break;
        if (sql_is_word(r, at + 1, "select values table insert update delete merge"))
            sql_add_verb(r, sql_at(r, at + 1)->text);
        at = sql_skip_brackets(r, at);
        if (!sql_is_mark(r, at, ','))
            return at;
        at++;
    }
    sql_fail(r, "WITH is not understood", (struct slice){0});
    return at;
}

/* A word that would begin a statement, where none can begin: SQL Server needs no ';' between two. */
static bool is_expected(const struct sql_reading *r, size_t at, size_t main)
{
    if (at == main || sql_is_mark(r, at - 1, '.') || sql_is_word(r, at - 1, "as"))
        return true;
    if (sql_is_mark(r, at - 1, '('))
        return is_data_verb(r, at) || sql_is_mark(r, at + 1, '(') || !is_data_verb(r, at);
    if (sql_is_word(r, at, "update"))
        return sql_is_word(r, at - 1, "for do on key no then before after or instead") ||
               sql_in_list(r->out->verb, "grant revoke create");
    if (sql_is_word(r, at, "delete insert"))
        return sql_is_word(r, at - 1, "on then before after or of instead for") ||
               sql_in_list(r->out->verb, "grant revoke create") || sql_is_mark(r, at + 1, '(');
    if (sql_is_word(r, at, "execute create drop alter truncate"))
        return sql_in_list(r->out->verb, "grant revoke create alter") || sql_is_mark(r, at + 1, '(');
    return false;
}

static void check_second_statement(struct sql_reading *r, size_t main)
{
    for (size_t at = r->from; at < r->to; at++) {
        ++*r->work;
        if (at > main &&
            sql_is_word(r, at,
                        "insert update delete merge drop alter create truncate grant revoke exec execute shutdown waitfor") &&
            !is_expected(r, at, main))
            sql_fail(r, "a second statement seems to begin without a semicolon:", sql_at(r, at)->text);
        if (at > main && sql_is_mark(r, at - 1, '(') && is_data_verb(r, at) && !sql_is_mark(r, at + 1, '(')) {
            sql_add_verb(r, sql_at(r, at)->text);
            apply_effect(r, sql_at(r, at)->text);
            if (sql_is_word(r, at, "update delete"))
                sql_read_where(r, at, true);
        }
    }
}

static void read_data_ctes(struct sql_reading *r, size_t main)
{
    for (size_t at = r->from; at < main && at < r->to; at++) {
        if (at > r->from && sql_is_mark(r, at - 1, '(') && is_data_verb(r, at)) {
            apply_effect(r, sql_at(r, at)->text);
            if (sql_is_word(r, at, "update delete"))
                sql_read_where(r, at, true);
        }
    }
}

static void read_copy(struct sql_reading *r)
{
    for (size_t at = r->from; at < r->to; at++) {
        if (!sql_is_word(r, at, "to from"))
            continue;
        if (sql_is_word(r, at + 1, "program"))
            sql_add_danger(r, SLICE("copy program"));
        else if (sql_at(r, at + 1) != NULL && sql_at(r, at + 1)->kind == SQL_STRING)
            sql_add_danger(r, SLICE("copy file"));
        r->out->writes_data = sql_is_word(r, at, "from");
        for (size_t i = 0; i < r->out->table_count && sql_is_word(r, at, "to"); i++)
            r->tables[i].written = false;
    }
}

static void read_words(struct sql_reading *r)
{
    struct sql_statement *out = r->out;

    for (size_t at = r->from; at < r->to; at++) {
        ++*r->work;
        if (sql_is_word(r, at, "into") && sql_is_word(r, at + 1, "outfile dumpfile"))
            sql_add_danger(r, SLICE("into outfile"));
        else if (sql_is_word(r, at, "into") && slice_equal_str(out->verb, "select"))
            out->into = true;
        else if (sql_is_word(r, at, "for") && sql_is_word(r, at + 1, "update share no key"))
            out->locks = true;
        out->returning |= sql_is_word(r, at, "returning");
        out->cascade |= sql_is_word(r, at, "cascade");
        out->if_exists |= sql_is_word(r, at, "if") && sql_is_word(r, at + 1, "exists");
        out->has_limit |=
            sql_is_word(r, at, "limit top") || (sql_is_word(r, at, "fetch") && sql_is_word(r, at + 1, "first next"));
        if (sql_is_word(r, at, "xp_cmdshell") ||
            (sql_at(r, at)->kind == SQL_NAME && slice_equal_str(sql_at(r, at)->text, "xp_cmdshell")))
            sql_add_danger(r, SLICE("xp_cmdshell"));
    }
    out->writes_data |= out->into;
}

static void read_object(struct sql_reading *r, size_t main)
{
    static const char modifiers[] = "or replace temp temporary unlogged global local unique materialized foreign if not exists "
                                    "recursive external public concurrently "
                                    "definer invoker sql security trusted procedural clustered nonclustered fulltext spatial "
                                    "online virtual event aggregate constraint default";
    size_t at = main + 1;

    if (!sql_in_list(r->out->verb, "create drop alter rename truncate comment"))
        return;
    while (sql_is_word(r, at, modifiers) && at < r->to)
        at++;
    if (sql_at(r, at) != NULL && sql_at(r, at)->kind == SQL_WORD)
        r->out->object = slice_equal_str(r->out->verb, "truncate") ? SLICE("table") : sql_at(r, at)->text;
    if (sql_in_list(r->out->object, "function procedure extension trigger language event server assembly") &&
        slice_equal_str(r->out->verb, "create"))
        sql_add_danger(r, arena_printf(r->arena, "create %.*s", SLICE_ARG(r->out->object)));
    if (sql_in_list(r->out->object, "role user login group"))
        r->out->changes_rights = true;
    if (sql_in_list(r->out->object, "system"))
        sql_add_danger(r, SLICE("alter system"));
}

static void finish_statement(struct sql_reading *r)
{
    struct sql_statement *out = r->out;

    out->has_where = r->needs_where && !r->lacks_where;
    out->verbs = r->verbs;
    out->tables = r->tables;
    out->functions = r->functions;
    out->dangers = r->dangers;
    if (out->explain && !out->analyze) {
        out->writes_data = out->changes_schema = out->changes_rights = out->changes_session = out->locks = false;
        for (size_t i = 0; i < out->table_count; i++)
            r->tables[i].written = false;
    }
    out->ok = out->problem.size == 0;
    out->reads_only = out->ok && !out->writes_data && !out->changes_schema && !out->changes_rights && !out->changes_session &&
                      !out->locks && out->danger_count == 0 && !r->unknown_function;
}

static bool allocate(struct sql_reading *r)
{
    size_t count = r->to - r->from + 2;

    count = count < SQL_NAMES_MAX ? count : SQL_NAMES_MAX;
    r->verbs = (struct slice *)arena_array(r->arena, count, sizeof *r->verbs);
    r->functions = (struct slice *)arena_array(r->arena, count, sizeof *r->functions);
    r->dangers = (struct slice *)arena_array(r->arena, count, sizeof *r->dangers);
    r->ctes = (struct slice *)arena_array(r->arena, count, sizeof *r->ctes);
    r->tables = (struct sql_table *)arena_array(r->arena, count, sizeof *r->tables);
    return r->verbs != NULL && r->functions != NULL && r->dangers != NULL && r->ctes != NULL && r->tables != NULL;
}

static void read_statement(struct sql_reading *r)
{
    size_t main = read_ctes(r, read_explain(r, r->from));

    while (sql_is_mark(r, main, '('))
        main++;
    if (sql_at(r, main) == NULL || sql_at(r, main)->kind != SQL_WORD) {
        sql_fail(r, "the statement has no verb", (struct slice){0});
        return;
    }
    r->out->verb = sql_at(r, main)->text;
    sql_add_verb(r, r->out->verb);
    apply_effect(r, r->out->verb);
    read_data_ctes(r, main);
    read_object(r, main);
    check_second_statement(r, main);
    sql_read_where(r, main, sql_is_word(r, main, "update delete"));
    sql_read_tables(r);
    sql_read_functions(r);
    read_words(r);
    if (slice_equal_str(r->out->verb, "copy"))
        read_copy(r);
    if (slice_equal_str(r->out->verb, "load"))
        sql_add_danger(r, SLICE("load data"));
}

/* ---- the script ---- */

static enum status read_script(struct sql_tokens *tokens, struct slice text, enum sql_dialect dialect, struct arena *arena,
                               uint64_t *work, struct sql_script *out)
{
    struct sql_statement *statements = NULL;
    size_t capacity = 0;

    for (size_t from = 0; from < tokens->count;) {
        struct sql_reading r = {.tokens = tokens, .from = from, .dialect = dialect, .arena = arena, .work = work};
        size_t to = from;

        while (to < tokens->count && !(tokens->items[to].kind == SQL_MARK && tokens->items[to].text.data[0] == ';'))
            to++;
        if (to > from && out->statement_count >= SQL_STATEMENTS_MAX) {
            out->problem = SLICE("the text has too many statements");
            break;
        }
        if (to > from) {
            if (out->statement_count == capacity) {
                size_t wanted = capacity > 0 ? capacity * 2 : 2;

                statements = (struct sql_statement *)arena_grow(arena, statements, capacity * sizeof *statements,
                                                                wanted * sizeof *statements);
                capacity = wanted;
                if (statements == NULL)
                    return STATUS_NO_MEMORY;
            }
            r.to = to;
            r.out = &statements[out->statement_count++];
            *r.out = (struct sql_statement){.text = slice_sub(text, tokens->items[from].start, tokens->items[to - 1].end)};
            if (!allocate(&r))
                return STATUS_NO_MEMORY;
            read_statement(&r);
            finish_statement(&r);
            if (r.no_memory)
                return STATUS_NO_MEMORY;
        }
        from = to + 1;
    }
    out->statements = statements;
    return STATUS_OK;
}

static void finish_script(struct sql_script *out, const struct sql_tokens *tokens)
{
    if (out->problem.size == 0 && tokens->problem != NULL)
        out->problem = slice_from_str(tokens->problem);
    if (out->problem.size == 0 && out->statement_count == 0)
        out->problem = SLICE("there is no statement");
    for (size_t i = 0; i < out->statement_count && out->problem.size == 0; i++)
        out->problem = out->statements[i].problem;
    out->multiple = out->statement_count > 1;
    out->has_comments = tokens->has_comments;
    out->ok = out->problem.size == 0;
    out->reads_only = out->ok;
    for (size_t i = 0; i < out->statement_count; i++)
        out->reads_only = out->reads_only && out->statements[i].reads_only;
}

enum status sql_parse(struct slice text, enum sql_dialect dialect, struct arena *arena, uint64_t *work, struct sql_script *out)
{
    struct sql_tokens tokens = {0};
    enum status status;

    *out = (struct sql_script){0};
    *work += 1;
    if (text.size > SQL_INPUT_MAX) {
        out->problem = SLICE("the text is longer than 65536 bytes");
        return STATUS_OK;
    }
    if (!sql_tokenize(text, dialect, arena, work, &tokens))
        return STATUS_NO_MEMORY;
    status = read_script(&tokens, text, dialect, arena, work, out);
    if (status != STATUS_OK)
        return status;
    finish_script(out, &tokens);
    return arena->exhausted ? STATUS_NO_MEMORY : STATUS_OK;
}
