#include "parse/sql_token.h"

struct lexer {
    struct slice text;
    size_t at;
    enum sql_dialect dialect;
    struct arena *arena;
    struct sql_tokens *out;
    unsigned depth;
    bool no_memory;
};

bool sql_in_list(struct slice word, const char *list)
{
    while (*list != '\0' && word.size > 0) {
        size_t size = strcspn(list, " ");

        if (size == word.size && memcmp(list, word.data, size) == 0)
            return true;
        list += list[size] == ' ' ? size + 1 : size;
    }
    return false;
}

static void refuse(struct lexer *lexer, const char *problem)
{
    if (lexer->out->problem == NULL)
        lexer->out->problem = problem;
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.size ? lexer->text.data[lexer->at + ahead] : '\0';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word_char(char c)
{
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$' || c == '#' || c == '@';
}

static void add(struct lexer *lexer, enum sql_token_kind kind, size_t start, struct slice text)
{
    struct sql_tokens *out = lexer->out;

    if (out->count >= out->capacity) {
        size_t capacity = out->capacity > 0 ? out->capacity * 2 : 64;

        out->items = (struct sql_token *)arena_grow(lexer->arena, out->items, out->capacity * sizeof *out->items,
                                                    capacity * sizeof *out->items);
        out->capacity = capacity;
        if (out->items == NULL) {
            lexer->no_memory = true;
            return;
        }
    }
    out->items[out->count++] =
        (struct sql_token){.kind = kind, .text = text, .start = start, .end = lexer->at, .depth = lexer->depth};
}

/* ---- comments ---- */

static void skip_line(struct lexer *lexer)
{
    size_t end = slice_find(lexer->text, '\n', lexer->at);

    lexer->at = end == SIZE_MAX ? lexer->text.size : end + 1;
    lexer->out->has_comments = true;
}

/* PostgreSQL and SQL Server nest comments, MySQL and SQLite do not. */
static void skip_block(struct lexer *lexer)
{
    unsigned depth = 1;

    if (peek(lexer, 2) == '!' || (peek(lexer, 2) == 'M' && peek(lexer, 3) == '!'))
        refuse(lexer, "MySQL runs what stands in /*! */");
    lexer->out->has_comments = true;
    lexer->at += 2;
    while (depth > 0 && lexer->at < lexer->text.size) {
        if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            depth--;
            lexer->at += 2;
        } else if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
            if (lexer->dialect == SQL_DIALECT_ANY)
                refuse(lexer, "a comment inside of a comment is read differently by different databases");
            depth += lexer->dialect == SQL_DIALECT_POSTGRES || lexer->dialect == SQL_DIALECT_MSSQL ? 1 : 0;
            lexer->at += 2;
        } else {
            lexer->at++;
        }
    }
    if (depth > 0)
        refuse(lexer, "a comment is not closed");
}

static bool skip_comment(struct lexer *lexer)
{
    char c = peek(lexer, 0), next = peek(lexer, 1), after = peek(lexer, 2);
    bool blank = after == '\0' || after == ' ' || after == '\t' || after == '\n' || after == '\r';

    if (c == '/' && next == '*') {
        skip_block(lexer);
        return true;
    }
    if (c == '-' && next == '-') {
        if (!blank && lexer->dialect == SQL_DIALECT_MYSQL)
            return false;
        if (!blank && lexer->dialect == SQL_DIALECT_ANY)
            refuse(lexer, "-- without a blank after it is no comment in MySQL");
        skip_line(lexer);
        return true;
    }
    if (c == '#' && lexer->dialect == SQL_DIALECT_MYSQL) {
        skip_line(lexer);
        return true;
    }
    if (c == '#' && lexer->dialect == SQL_DIALECT_ANY)
        refuse(lexer, "# begins a comment in MySQL only");
    return false;
}

/* ---- quotes ---- */

static bool has_escapes(const struct lexer *lexer, char quote, bool prefixed)
{
    return (lexer->dialect == SQL_DIALECT_MYSQL && quote != '`') || (lexer->dialect == SQL_DIALECT_POSTGRES && prefixed);
}

/* At least as many bytes as the quoted text at the cursor has, so that many short quotes do not each take room for all the
 * rest. */
static size_t quoted_size(const struct lexer *lexer, char close, bool escapes)
{
    size_t at = lexer->at + 1;

    for (; at < lexer->text.size; at++) {
        char c = lexer->text.data[at];

        if (c == close && (at + 1 >= lexer->text.size || lexer->text.data[at + 1] != close))
            break;
        at += c == close || (c == '\\' && escapes) ? 1 : 0;
    }
    return at - lexer->at;
}

static struct slice take_quoted(struct lexer *lexer, char close, bool escapes)
{
    char *copy = (char *)arena_alloc(lexer->arena, quoted_size(lexer, close, escapes));
    size_t size = 0;

    if (copy == NULL) {
        lexer->no_memory = true;
        return (struct slice){0};
    }
    for (lexer->at++; lexer->at < lexer->text.size; lexer->at++) {
        char c = lexer->text.data[lexer->at];

        if (c == '\\' && lexer->dialect == SQL_DIALECT_ANY)
            refuse(lexer, "a backslash in quotes is read differently by different databases");
        if (c == '\\' && escapes && lexer->at + 1 < lexer->text.size) {
            lexer->at++;
            c = lexer->text.data[lexer->at];
        } else if (c == close) {
            if (peek(lexer, 1) != close)
                break;
            lexer->at++;
        }
        copy[size++] = c;
    }
    if (lexer->at >= lexer->text.size)
        refuse(lexer, "a quote is not closed");
    lexer->at += lexer->at < lexer->text.size ? 1 : 0;
    return slice_from(copy, size);
}

/* $tag$ … $tag$; false when this is no dollar quote. */
static bool take_dollar(struct lexer *lexer, size_t start)
{
    size_t end = lexer->at + 1;
    struct slice tag;

    while (end < lexer->text.size && is_word_char(lexer->text.data[end]) && lexer->text.data[end] != '$')
        end++;
    if (end >= lexer->text.size || lexer->text.data[end] != '$' ||
        (lexer->text.data[lexer->at + 1] >= '0' && lexer->text.data[lexer->at + 1] <= '9'))
        return false;
    if (lexer->dialect == SQL_DIALECT_ANY)
        refuse(lexer, "$…$ quotes in PostgreSQL only");
    if (lexer->dialect != SQL_DIALECT_POSTGRES)
        return false;
    tag = slice_sub(lexer->text, lexer->at, end + 1);
    for (size_t at = slice_find(lexer->text, '$', end + 1); at != SIZE_MAX; at = slice_find(lexer->text, '$', at + 1)) {
        if (slice_starts_with(slice_sub(lexer->text, at, lexer->text.size), tag)) {
            struct slice body = slice_sub(lexer->text, end + 1, at);

            lexer->at = at + tag.size;
            add(lexer, SQL_STRING, start, body);
            return true;
        }
    }
    refuse(lexer, "a quote is not closed");
    lexer->at = lexer->text.size;
    return true;
}

/* [name] in SQL Server and SQLite; a subscript in PostgreSQL. */
static bool take_bracket(struct lexer *lexer, size_t start)
{
    size_t close = slice_find(lexer->text, ']', lexer->at);
    struct slice inside = slice_sub(lexer->text, lexer->at + 1, close);

    if (lexer->dialect == SQL_DIALECT_POSTGRES || lexer->dialect == SQL_DIALECT_MYSQL)
        return false;
    if (close == SIZE_MAX) {
        refuse(lexer, "a [ has no ]");
        return false;
    }
    for (size_t i = 0; i < inside.size && lexer->dialect == SQL_DIALECT_ANY; i++) {
        if (strchr("'\"`;-/#[()", inside.data[i]) != NULL)
            refuse(lexer, "[…] is read differently by different databases");
    }
    lexer->at = close + 1;
    add(lexer, SQL_NAME, start, inside);
    return true;
}

/* ---- words ---- */

static struct slice lower(struct lexer *lexer, struct slice text)
{
    struct slice copy = arena_copy(lexer->arena, text);
    char *bytes = (char *)copy.data;

    if (bytes == NULL) {
        lexer->no_memory = true;
        return text;
    }
    for (size_t i = 0; i < copy.size; i++)
        bytes[i] = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] - 'A' + 'a' : bytes[i]);
    return copy;
}

static void take_word(struct lexer *lexer)
{
    size_t start = lexer->at;
    struct slice word;

    while (lexer->at < lexer->text.size && is_word_char(lexer->text.data[lexer->at]))
        lexer->at++;
    word = lower(lexer, slice_sub(lexer->text, start, lexer->at));
    if (peek(lexer, 0) == '\'' && sql_in_list(word, "e n x b r _utf8 _utf8mb4 _binary _latin1")) {
        add(lexer, SQL_STRING, start, take_quoted(lexer, '\'', has_escapes(lexer, '\'', slice_equal_str(word, "e"))));
        return;
    }
    if (memchr(word.data, '#', word.size) != NULL && lexer->dialect != SQL_DIALECT_MSSQL)
        refuse(lexer, "# in a word is read differently by different databases");
    add(lexer, SQL_WORD, start, word);
}

static void take_number(struct lexer *lexer)
{
    size_t start = lexer->at;

    while (lexer->at < lexer->text.size && (is_word_char(lexer->text.data[lexer->at]) || lexer->text.data[lexer->at] == '.'))
        lexer->at++;
    add(lexer, SQL_NUMBER, start, slice_sub(lexer->text, start, lexer->at));
}

static void take_mark(struct lexer *lexer, size_t start, char c)
{
    lexer->at++;
    if (c == ')' && lexer->depth == 0)
        refuse(lexer, "a ) has no (");
    lexer->depth -= c == ')' && lexer->depth > 0 ? 1 : 0;
    add(lexer, SQL_MARK, start, slice_sub(lexer->text, start, lexer->at));
    lexer->depth += c == '(' ? 1 : 0;
    if (lexer->depth > SQL_DEPTH_MAX)
        refuse(lexer, "the statement is nested too deeply");
    if (c == '\\')
        refuse(lexer, "a backslash outside of quotes is a command of a client");
}

static void take_token(struct lexer *lexer)
{
    size_t start = lexer->at;
    char c = peek(lexer, 0), next = peek(lexer, 1);

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        lexer->at++;
    } else if (skip_comment(lexer)) {
        return;
    } else if (c == '\'') {
        add(lexer, SQL_STRING, start, take_quoted(lexer, c, has_escapes(lexer, c, false)));
    } else if (c == '"' || c == '`') {
        bool string = c == '"' && lexer->dialect == SQL_DIALECT_MYSQL;

        add(lexer, string ? SQL_STRING : SQL_NAME, start, lower(lexer, take_quoted(lexer, c, has_escapes(lexer, c, false))));
    } else if (c == '$' && take_dollar(lexer, start)) {
        return;
    } else if (c == '[' && take_bracket(lexer, start)) {
        return;
    } else if (is_word_start(c) || ((c == '@' || c == '#') && (is_word_char(next)))) {
        lexer->at += c == '@' || c == '#' ? 1 : 0;
        take_word(lexer);
        if (c == '@' || c == '$')
            lexer->out->items[lexer->out->count - 1].kind = SQL_PARAMETER;
    } else if (c >= '0' && c <= '9') {
        take_number(lexer);
    } else if (c == '?' || ((c == '$' || c == ':') && next >= '0' && next <= '9')) {
        lexer->at++;
        while (peek(lexer, 0) >= '0' && peek(lexer, 0) <= '9')
            lexer->at++;
        add(lexer, SQL_PARAMETER, start, slice_sub(lexer->text, start, lexer->at));
    } else if ((unsigned char)c < ' ' || c == 0x7f) {
        refuse(lexer, "the text holds a control character");
        lexer->at++;
    } else {
        take_mark(lexer, start, c);
    }
}

bool sql_tokenize(struct slice text, enum sql_dialect dialect, struct arena *arena, uint64_t *work, struct sql_tokens *out)
{
    struct lexer lexer = {.text = text, .dialect = dialect, .arena = arena, .out = out};

    *out = (struct sql_tokens){0};
    while (lexer.at < text.size && !lexer.no_memory)
        take_token(&lexer);
    if (lexer.depth > 0)
        refuse(&lexer, "a ( has no )");
    *work += text.size + out->count;
    return !lexer.no_memory;
}
