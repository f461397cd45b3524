/*
 * The grammar reads here-documents unreliably (it loses words before them), so they are cut out before it sees the text: "<<"
 * becomes "< ", the body becomes blanks, and no offset moves. The walk demands that the tree has a redirection at each place
 * that was cut; what this scanner and the grammar see differently is therefore noticed, not lost.
 */
#include "parse/shell_internal.h"

enum { CONTEXTS_MAX = 64 };
enum context { CONTEXT_COMMANDS, CONTEXT_DOUBLE, CONTEXT_BRACE, CONTEXT_ARITHMETIC, CONTEXT_BACKQUOTE };

struct lexer {
    struct slice text;
    size_t at;
    unsigned char stack[CONTEXTS_MAX];
    unsigned depth;
    bool failed;
};

static char byte_at(const struct lexer *lexer, size_t at)
{
    return at < lexer->text.size ? lexer->text.data[at] : '\0';
}

static enum context top(const struct lexer *lexer)
{
    return (enum context)lexer->stack[lexer->depth];
}

static void push(struct lexer *lexer, enum context context, size_t bytes)
{
    lexer->at += bytes;
    if (lexer->depth + 1 >= CONTEXTS_MAX)
        lexer->failed = true;
    else
        lexer->stack[++lexer->depth] = (unsigned char)context;
}

static void pop(struct lexer *lexer, size_t bytes)
{
    lexer->at += bytes;
    if (lexer->depth > 0)
        lexer->depth--;
}

static void skip_single(struct lexer *lexer, bool ansi)
{
    while (lexer->at < lexer->text.size && byte_at(lexer, lexer->at) != '\'')
        lexer->at += ansi && byte_at(lexer, lexer->at) == '\\' ? 2 : 1;
    lexer->at++;
}

static bool step_dollar(struct lexer *lexer)
{
    char next = byte_at(lexer, lexer->at + 1);

    if (next == '(' && byte_at(lexer, lexer->at + 2) == '(')
        push(lexer, CONTEXT_ARITHMETIC, 3);
    else if (next == '(')
        push(lexer, CONTEXT_COMMANDS, 2);
    else if (next == '{')
        push(lexer, CONTEXT_BRACE, 2);
    else if (next == '\'' && top(lexer) != CONTEXT_DOUBLE) {
        lexer->at += 2;
        skip_single(lexer, true);
    } else
        return false;
    return true;
}

static bool is_word_start(const struct lexer *lexer)
{
    return lexer->at == 0 || strchr(" \t\n;&|()", lexer->text.data[lexer->at - 1]) != NULL;
}

static bool step_quote(struct lexer *lexer, char c)
{
    if (c == '\\')
        lexer->at += 2;
    else if (c == '"' && top(lexer) == CONTEXT_DOUBLE)
        pop(lexer, 1);
    else if (c == '"')
        push(lexer, CONTEXT_DOUBLE, 1);
    else if (c == '`' && top(lexer) == CONTEXT_BACKQUOTE)
        pop(lexer, 1);
    else if (c == '`')
        push(lexer, CONTEXT_BACKQUOTE, 1);
    else if (c == '\'' && top(lexer) != CONTEXT_DOUBLE) {
        lexer->at++;
        skip_single(lexer, false);
    } else
        return c == '$' && step_dollar(lexer);
    return true;
}

static void step(struct lexer *lexer)
{
    char c = byte_at(lexer, lexer->at);
    enum context context = top(lexer);

    if (step_quote(lexer, c))
        return;
    if (context == CONTEXT_BRACE && c == '}')
        pop(lexer, 1);
    else if (context == CONTEXT_ARITHMETIC && c == ')' && byte_at(lexer, lexer->at + 1) == ')')
        pop(lexer, 2);
    else if (context == CONTEXT_ARITHMETIC && c == '(')
        push(lexer, CONTEXT_COMMANDS, 1);
    else if (context == CONTEXT_COMMANDS && c == '(')
        push(lexer, byte_at(lexer, lexer->at + 1) == '(' ? CONTEXT_ARITHMETIC : CONTEXT_COMMANDS,
             byte_at(lexer, lexer->at + 1) == '(' ? 2 : 1);
    else if (context == CONTEXT_COMMANDS && c == ')')
        pop(lexer, 1);
    else if ((context == CONTEXT_COMMANDS || context == CONTEXT_BACKQUOTE) && c == '#' && is_word_start(lexer)) {
        size_t line_end = slice_find(lexer->text, '\n', lexer->at);

        lexer->at = line_end == SIZE_MAX ? lexer->text.size : line_end;
    } else
        lexer->at++;
}

size_t shell_skip_parens(struct slice text, size_t at, uint64_t *work)
{
    struct lexer lexer = {.text = text, .at = at};
    unsigned start;

    push(&lexer, CONTEXT_COMMANDS, 0);
    start = lexer.depth;
    while (lexer.at < text.size && !lexer.failed && lexer.depth >= start)
        step(&lexer);
    *work += lexer.at - at;
    return lexer.failed || lexer.depth >= start || lexer.at > text.size ? SIZE_MAX : lexer.at;
}

/* ---- cutting ---- */

struct cutting {
    struct shell_run *run;
    struct lexer lexer;
    char *out;
    struct shell_heredoc *heredocs;
    struct slice delimiters[SHELL_HEREDOCS_MAX];
    size_t count, pending; /* those from `pending` on wait for their bodies */
};

/* Quote removal of the delimiter; expansions in it are refused. */
static bool read_delimiter(struct cutting *cut, size_t *at, struct slice *delimiter, bool *quoted)
{
    struct slice text = cut->lexer.text;
    char *out = (char *)arena_alloc(cut->run->arena, text.size - *at + 1);
    size_t size = 0;
    char quote = '\0';

    if (out == NULL) {
        cut->run->no_memory = true;
        return false;
    }
    for (; *at < text.size; (*at)++) {
        char c = text.data[*at];

        if (quote != '\0' ? c == quote : c == '\'' || c == '"') {
            quote = quote != '\0' ? '\0' : c;
            *quoted = true;
        } else if (c == '\n' || c == '`' || c == '$' || (c == '\\' && (quote == '"' || *at + 1 >= text.size))) {
            break;
        } else if (c == '\\' && quote == '\0') {
            out[size++] = text.data[++*at];
            *quoted = true;
        } else if (quote == '\0' && strchr(" \t;&|<>()", c) != NULL) {
            break;
        } else {
            out[size++] = c;
        }
    }
    *delimiter = slice_from(out, size);
    return quote == '\0' && size > 0 && memchr(out, '\n', size) == NULL &&
           (*at >= text.size || strchr(" \t\n;&|<>()", text.data[*at]) != NULL);
}

static bool begin_heredoc(struct cutting *cut)
{
    struct shell_heredoc heredoc = {.op = cut->lexer.at};
    size_t at = heredoc.op + 2;
    struct slice delimiter;

    if (cut->count >= SHELL_HEREDOCS_MAX)
        return false;
    cut->out[at - 1] = ' ';
    heredoc.strip = byte_at(&cut->lexer, at) == '-';
    if (heredoc.strip)
        cut->out[at++] = ' ';
    while (byte_at(&cut->lexer, at) == ' ' || byte_at(&cut->lexer, at) == '\t')
        at++;
    if (!read_delimiter(cut, &at, &delimiter, &heredoc.quoted))
        return false;
    cut->delimiters[cut->count] = delimiter;
    cut->heredocs[cut->count++] = heredoc;
    cut->lexer.at = at;
    return true;
}

/* One line of a body; false at the delimiter. A line that continues by a backslash is refused: it can hide the delimiter. */
static bool read_body_line(struct cutting *cut, struct shell_heredoc *heredoc, struct slice delimiter, struct buf *body,
                           bool *refused)
{
    struct slice text = cut->lexer.text;
    size_t line_end = slice_find(text, '\n', cut->lexer.at);
    size_t start = cut->lexer.at;
    struct slice line;

    if (start >= text.size) {
        *refused = true;
        return false;
    }
    line_end = line_end == SIZE_MAX ? text.size : line_end;
    while (heredoc->strip && start < line_end && text.data[start] == '\t')
        start++;
    line = slice_sub(text, start, line_end);
    memset(cut->out + cut->lexer.at, ' ', line_end - cut->lexer.at);
    cut->lexer.at = line_end < text.size ? line_end + 1 : line_end;
    if (slice_equal(line, delimiter))
        return false;
    if (line_end < text.size)
        cut->out[line_end] = ' ';
    *refused = !heredoc->quoted && slice_ends_with(line, SLICE("\\"));
    buf_add_slice(body, line);
    buf_add_char(body, '\n');
    return !*refused;
}

static bool read_bodies(struct cutting *cut)
{
    cut->lexer.at++;
    for (; cut->pending < cut->count; cut->pending++) {
        struct shell_heredoc *heredoc = &cut->heredocs[cut->pending];
        struct buf body;
        bool refused = false;

        buf_create(&body, cut->run->arena);
        while (read_body_line(cut, heredoc, cut->delimiters[cut->pending], &body, &refused)) {
        }
        if (body.failed)
            cut->run->no_memory = true;
        if (refused || body.failed)
            return false;
        heredoc->body = buf_slice(&body);
    }
    return true;
}

static bool cut_next(struct cutting *cut)
{
    struct lexer *lexer = &cut->lexer;
    char c = byte_at(lexer, lexer->at);
    bool commands = top(lexer) == CONTEXT_COMMANDS;

    if (commands && c == '\n' && cut->pending < cut->count)
        return read_bodies(cut);
    if (commands && c == '<' && byte_at(lexer, lexer->at + 1) == '<') {
        if (byte_at(lexer, lexer->at + 2) != '<')
            return begin_heredoc(cut);
        lexer->at += 3;
        return true;
    }
    step(lexer);
    return !lexer->failed;
}

static bool has_operator(struct slice text)
{
    size_t at = slice_find(text, '<', 0);

    while (at != SIZE_MAX && at + 1 < text.size && text.data[at + 1] != '<')
        at = slice_find(text, '<', at + 1);
    return at != SIZE_MAX && at + 1 < text.size;
}

bool shell_cut_heredocs(struct shell_run *run, struct slice *text, struct shell_heredoc **heredocs, size_t *count)
{
    struct cutting cut = {.run = run, .lexer = {.text = *text}};
    bool fine = true;

    *count = 0;
    *heredocs = NULL;
    if (!has_operator(*text))
        return true;
    *run->work += text->size;
    cut.out = (char *)arena_copy(run->arena, *text).data;
    cut.heredocs = (struct shell_heredoc *)arena_array(run->arena, SHELL_HEREDOCS_MAX, sizeof *cut.heredocs);
    if (cut.out == NULL || cut.heredocs == NULL) {
        run->no_memory = true;
        return false;
    }
    while (fine && cut.lexer.at < text->size)
        fine = cut_next(&cut);
    if (!fine || cut.pending < cut.count) {
        shell_fail(run, "a here-document is not understood or not closed");
        return false;
    }
    *text = slice_from(cut.out, text->size);
    *heredocs = cut.heredocs;
    *count = cut.count;
    return true;
}
