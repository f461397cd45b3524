/* The statements of a line, and what they say about the commands in them. */
#include "parse/shell_internal.h"

static void walk_statement(struct shell_run *run, const struct shell_text *text, uint32_t node,
                           const struct shell_scope *scope);

static const struct syntax_node *node_of(const struct shell_text *text, uint32_t node)
{
    return &text->tree.nodes[node];
}

static struct slice text_of(const struct shell_text *text, uint32_t node)
{
    return slice_sub(text->tree.text, node_of(text, node)->start, node_of(text, node)->end);
}

static bool is_token(const struct shell_text *text, uint32_t node, const char *token)
{
    return node > 0 && node_of(text, node)->kind == SYNTAX_TOKEN && slice_equal_str(text_of(text, node), token);
}

static bool is_statement(enum syntax_kind kind)
{
    switch (kind) {
    case SYNTAX_COMMAND:
    case SYNTAX_DECLARATION:
    case SYNTAX_UNSET:
    case SYNTAX_ASSIGNMENT:
    case SYNTAX_ASSIGNMENTS:
    case SYNTAX_LIST:
    case SYNTAX_PIPELINE:
    case SYNTAX_NEGATED:
    case SYNTAX_REDIRECTED:
    case SYNTAX_SUBSHELL:
    case SYNTAX_COMPOUND:
    case SYNTAX_DO_GROUP:
    case SYNTAX_IF:
    case SYNTAX_ELIF:
    case SYNTAX_ELSE:
    case SYNTAX_CASE:
    case SYNTAX_CASE_ITEM:
    case SYNTAX_FOR:
    case SYNTAX_C_FOR:
    case SYNTAX_WHILE:
    case SYNTAX_FUNCTION:
    case SYNTAX_TEST:
        return true;
    default:
        return false;
    }
}

/* A comment runs from a word's start to the end of its line; else the grammar and bash see different things. */
static void check_comment(struct shell_run *run, const struct shell_text *text, uint32_t node)
{
    struct slice source = text->tree.text;
    size_t start = node_of(text, node)->start, end = node_of(text, node)->end;
    size_t line_end = slice_find(source, '\n', start);

    if (line_end == SIZE_MAX)
        line_end = source.size;
    if ((start > 0 && strchr(" \t\n;&|()", source.data[start - 1]) == NULL) || end != line_end || source.data[start] != '#')
        shell_fail(run, "a comment is not understood");
}

static bool is_background(const struct shell_text *text, uint32_t node)
{
    return is_token(text, node_of(text, node)->next, "&");
}

/* What separates statements and what belongs to words of a for or case is told apart by kind. */
struct series {
    struct shell_run *run;
    const struct shell_text *text;
    const struct shell_scope *scope;
    size_t end;
    bool any; /* some child was there: `end` counts */
    bool needs_separator;
};

static void check_gap(struct series *series, uint32_t node)
{
    const struct syntax_node *at = node_of(series->text, node);
    bool newline = false;

    if (series->any && !shell_is_blank_gap(series->text->tree.text, series->end, at->start, true, &newline))
        shell_fail_about(series->run, "text between commands is not understood:",
                         slice_sub(series->text->tree.text, series->end, at->start));
    if (newline)
        series->needs_separator = false;
    if (at->missing)
        shell_fail(series->run, "the line is not complete or not valid shell");
    series->any = true;
    series->end = at->end;
}

/* Introduced by a keyword or a pattern of its own. */
static bool is_clause(enum syntax_kind kind)
{
    return kind == SYNTAX_DO_GROUP || kind == SYNTAX_ELIF || kind == SYNTAX_ELSE || kind == SYNTAX_CASE_ITEM;
}

static void walk_child(struct series *series, uint32_t node)
{
    const struct syntax_node *at = node_of(series->text, node);
    struct shell_scope scope = *series->scope;

    check_gap(series, node);
    if (at->kind == SYNTAX_TOKEN) {
        if (at->end - at->start == 2 && is_token(series->text, node, ";;") &&
            node_of(series->text, at->parent)->kind != SYNTAX_CASE_ITEM)
            shell_fail(series->run, "there is a ;; outside of case");
        series->needs_separator = false;
    } else if (at->kind == SYNTAX_COMMENT) {
        check_comment(series->run, series->text, node);
    } else if (is_statement(at->kind)) {
        if (series->needs_separator && !is_clause(at->kind))
            shell_fail(series->run, "two commands without a separator are not understood");
        scope.background |= is_background(series->text, node);
        walk_statement(series->run, series->text, node, &scope);
        series->needs_separator = true;
    } else if (at->kind == SYNTAX_FILE_REDIRECT && node_of(series->text, at->parent)->kind == SYNTAX_COMMAND_SUBSTITUTION) {
        shell_walk_simple(series->run, series->text, 0, node, &scope); /* $(< file) */
    } else if (at->kind == SYNTAX_ERROR || at->kind == SYNTAX_UNKNOWN || at->kind == SYNTAX_HEREDOC_REDIRECT) {
        shell_fail_about(series->run, "not understood as shell:", text_of(series->text, node));
        shell_walk_inside(series->run, series->text, node, series->scope);
    } else if (at->kind == SYNTAX_COMMAND_SUBSTITUTION || at->kind == SYNTAX_PROCESS_SUBSTITUTION) {
        shell_walk_substitution(series->run, series->text, node, series->scope);
    } else {
        shell_walk_inside(series->run, series->text, node, series->scope);
    }
}

static void walk_series(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope)
{
    struct series series = {.run = run, .text = text, .scope = scope};

    for (uint32_t child = node_of(text, node)->first; child > 0 && !run->no_memory; child = node_of(text, child)->next) {
        ++*run->work;
        walk_child(&series, child);
    }
}

/* a && b || c nests to the left, as deep as it is long: walked without recursion. */
static void walk_list(struct shell_run *run, const struct shell_text *text, uint32_t list, const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;
    uint32_t node = list;

    while (node_of(text, node_of(text, node)->first)->kind == SYNTAX_LIST)
        node = node_of(text, node)->first;
    for (;;) {
        struct series series = {.run = run, .text = text, .scope = &inner};
        uint32_t child = node_of(text, node)->first;

        if (node_of(text, child)->kind == SYNTAX_LIST) {
            series.any = true;
            series.end = node_of(text, child)->end;
            child = node_of(text, child)->next;
        }
        for (; child > 0 && !run->no_memory; child = node_of(text, child)->next) {
            if (is_token(text, child, "&&") || is_token(text, child, "||"))
                inner.conditional = true;
            ++*run->work;
            walk_child(&series, child);
        }
        if (node == list)
            return;
        node = node_of(text, node)->parent;
    }
}

static void walk_pipeline(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;
    struct series series = {.run = run, .text = text, .scope = &inner};

    for (uint32_t child = node_of(text, node)->first; child > 0 && !run->no_memory; child = node_of(text, child)->next) {
        if (node_of(text, child)->kind == SYNTAX_TOKEN)
            inner.reads_pipe = true;
        inner.writes_pipe = scope->writes_pipe || node_of(text, child)->next > 0;
        walk_child(&series, child);
    }
}

static void add_function(struct shell_run *run, struct slice name)
{
    if (shell_reserve(run, (void **)&run->functions, run->function_count, &run->function_capacity, sizeof *run->functions))
        run->functions[run->function_count++] = name;
}

static void walk_function(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;
    struct series series = {.run = run, .text = text, .scope = &inner};

    inner.in_function = true;
    for (uint32_t child = node_of(text, node)->first; child > 0; child = node_of(text, child)->next) {
        if (node_of(text, child)->kind == SYNTAX_WORD) {
            add_function(run, text_of(text, child));
            if (memchr(text->tree.text.data + node_of(text, child)->start, '\\', text_of(text, child).size) != NULL)
                shell_fail(run, "a function's name is not understood");
        } else if (node_of(text, child)->kind == SYNTAX_FILE_REDIRECT || node_of(text, child)->kind == SYNTAX_HERESTRING) {
            shell_fail(run, "redirections of a whole function are not understood");
        }
        series.needs_separator = false;
        walk_child(&series, child);
    }
}

/* (( … )) comes as a command whose name is an expression. */
static bool is_arithmetic(const struct shell_text *text, uint32_t node)
{
    return slice_starts_with(text_of(text, node), SLICE("(("));
}

static void walk_arithmetic(struct shell_run *run, const struct shell_text *text, uint32_t node,
                            const struct shell_scope *scope)
{
    struct shell_simple simple = {0};

    if (!slice_ends_with(text_of(text, node), SLICE("))")))
        shell_fail(run, "(( )) is not understood");
    run->evaluates_text = true;
    if (shell_add_word(run, &simple.words, parse_word_static(SLICE("(("))))
        shell_emit(run, scope, &simple);
    for (uint32_t child = node_of(text, node)->first; child > 0; child = node_of(text, child)->next)
        shell_walk_inside(run, text, child, scope);
}

static void walk_redirected(struct shell_run *run, const struct shell_text *text, uint32_t node,
                            const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;
    uint32_t body = node_of(text, node)->first;
    enum syntax_kind kind = body > 0 ? node_of(text, body)->kind : SYNTAX_ERROR;

    if (kind == SYNTAX_COMMAND && is_arithmetic(text, body)) {
        shell_fail(run, "redirections of (( )) are not understood");
        walk_arithmetic(run, text, body, scope);
    } else if (kind == SYNTAX_COMMAND || kind == SYNTAX_DECLARATION || kind == SYNTAX_UNSET) {
        shell_walk_simple(run, text, body, node, scope);
    } else if (kind == SYNTAX_FILE_REDIRECT || kind == SYNTAX_HERESTRING) {
        shell_walk_simple(run, text, 0, node, scope);
    } else if (is_statement(kind)) {
        shell_scope_redirect(run, text, node, &inner);
        walk_statement(run, text, body, &inner);
    } else {
        shell_fail(run, "a redirection is not understood");
        shell_walk_inside(run, text, node, scope);
    }
}

/* [ … ], [[ … ]] and (( … )) are listed by their opening alone; what they substitute is walked. */
static void walk_test(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope)
{
    struct shell_simple simple = {0};
    struct shell_scope inner = *scope;
    uint32_t opening = node_of(text, node)->first;
    int index;

    if (opening == 0 || !shell_add_word(run, &simple.words, parse_word_static(text_of(text, opening))))
        return;
    if (!is_token(text, opening, "["))
        run->evaluates_text = true;
    index = shell_emit(run, scope, &simple);
    if (index >= 0)
        inner.outer = index;
    walk_series(run, text, node, &inner);
}

static void walk_kind(struct shell_run *run, const struct shell_text *text, uint32_t node, struct shell_scope *scope)
{
    enum syntax_kind kind = node_of(text, node)->kind;

    switch (kind) {
    case SYNTAX_COMMAND:
    case SYNTAX_DECLARATION:
    case SYNTAX_UNSET:
    case SYNTAX_ASSIGNMENT:
        if (is_arithmetic(text, node))
            walk_arithmetic(run, text, node, scope);
        else
            shell_walk_simple(run, text, node, 0, scope);
        break;
    case SYNTAX_LIST:
        walk_list(run, text, node, scope);
        break;
    case SYNTAX_PIPELINE:
        walk_pipeline(run, text, node, scope);
        break;
    case SYNTAX_REDIRECTED:
        walk_redirected(run, text, node, scope);
        break;
    case SYNTAX_FUNCTION:
        walk_function(run, text, node, scope);
        break;
    case SYNTAX_TEST:
        walk_test(run, text, node, scope);
        break;
    case SYNTAX_ASSIGNMENTS: {
        for (uint32_t child = node_of(text, node)->first; child > 0; child = node_of(text, child)->next)
            walk_statement(run, text, child, scope);
        break;
    }
    default:
        scope->in_loop |= kind == SYNTAX_FOR || kind == SYNTAX_C_FOR || kind == SYNTAX_WHILE;
        scope->conditional |= kind == SYNTAX_IF || kind == SYNTAX_CASE || scope->in_loop;
        run->evaluates_text |= kind == SYNTAX_C_FOR;
        walk_series(run, text, node, scope);
    }
}

static void walk_statement(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;

    ++*run->work;
    if (run->no_memory)
        return;
    if (++inner.depth > SHELL_DEPTH_MAX) {
        shell_fail(run, "the line is nested too deeply");
        return;
    }
    walk_kind(run, text, node, &inner);
}

/* ---- substitutions ---- */

/* Backquotes with backslashes inside: their content is another text, with one level of backslashes removed. */
static void walk_backquotes(struct shell_run *run, struct slice content, const struct shell_scope *scope)
{
    char *plain = (char *)arena_alloc(run->arena, content.size + 1);
    size_t size = 0;

    if (plain == NULL) {
        run->no_memory = true;
        return;
    }
    for (size_t i = 0; i < content.size; i++) {
        if (content.data[i] == '`') {
            shell_fail(run, "backquotes are not understood");
            return;
        }
        if (content.data[i] == '\\' && i + 1 < content.size && strchr("\\`$\"", content.data[i + 1]) != NULL)
            i++;
        plain[size++] = content.data[i];
    }
    *run->work += content.size;
    shell_walk_text(run, slice_from(plain, size), scope);
}

void shell_walk_substitution(struct shell_run *run, const struct shell_text *text, uint32_t node,
                             const struct shell_scope *scope)
{
    size_t start = shell_hole_start(&text->tree, node), end = node_of(text, node)->end;
    struct slice source = slice_sub(text->tree.text, start, end);
    struct shell_scope inner = *scope;
    enum syntax_kind kind = node_of(text, node)->kind;

    inner.in_substitution = true;
    inner.writes_pipe = false;
    inner.wrappers = NULL;
    inner.wrapper_count = 0;
    inner.more_arguments = inner.elevated = false;
    inner.replacement = (struct slice){0};
    inner.assignments = NULL;
    inner.assignment_count = 0;
    if (++inner.depth > SHELL_DEPTH_MAX) {
        shell_fail(run, "the line is nested too deeply");
    } else if (kind == SYNTAX_EXPANSION || kind == SYNTAX_ARITHMETIC) {
        inner.in_substitution = scope->in_substitution;
        run->evaluates_text |= kind == SYNTAX_ARITHMETIC || slice_find(source, '[', 0) != SIZE_MAX ||
                               slice_find(source, '@', 0) != SIZE_MAX || slice_find(source, ':', 0) != SIZE_MAX;
        shell_walk_inside(run, text, node, &inner);
    } else if (source.size >= 2 && source.data[0] == '`' && slice_find(source, '\\', 0) != SIZE_MAX) {
        walk_backquotes(run, slice_sub(source, 1, source.size - 1), &inner);
    } else {
        inner.reads_pipe |= source.data[0] == '>';
        inner.writes_pipe = kind == SYNTAX_PROCESS_SUBSTITUTION && source.data[0] == '<';
        walk_series(run, text, node, &inner);
    }
}

/* ---- texts ---- */

static void check_claimed(struct shell_run *run, const struct shell_text *text)
{
    for (size_t i = 0; i < text->heredoc_count; i++) {
        if (text->heredocs[i].op != SIZE_MAX)
            shell_fail(run, "a here-document is not understood");
    }
}

static void walk_root(struct shell_run *run, const struct shell_text *text, const struct shell_scope *scope)
{
    const struct syntax_node *root = node_of(text, 1);
    bool newline = false;
    size_t end = root->start;

    for (uint32_t child = root->first; child > 0; child = node_of(text, child)->next)
        end = node_of(text, child)->end;
    if (!shell_is_blank_gap(text->tree.text, 0, root->first > 0 ? node_of(text, root->first)->start : 0, true, &newline) ||
        !shell_is_blank_gap(text->tree.text, end, text->tree.text.size, true, &newline))
        shell_fail(run, "text around the commands is not understood");
    if (root->kind == SYNTAX_ERROR)
        shell_walk_inside(run, text, 1, scope);
    else
        walk_series(run, text, 1, scope);
}

void shell_walk_text(struct shell_run *run, struct slice line, const struct shell_scope *scope)
{
    struct shell_scope inner = *scope;
    struct shell_text text = {0};
    struct slice cut = line;

    if (++inner.nested > SHELL_NESTED_PARSE_MAX || inner.depth > SHELL_DEPTH_MAX) {
        shell_fail(run, "too many texts of shell inside of one another");
        return;
    }
    if (*run->work > SHELL_LEX_MAX) {
        shell_fail(run, "the line takes too much work to understand");
        return;
    }
    shell_cut_heredocs(run, &cut, &text.heredocs, &text.heredoc_count);
    if (run->no_memory)
        return;
    if (syntax_parse(run->parser, cut, run->arena, run->work, &text.tree) != STATUS_OK) {
        run->no_memory = true;
        return;
    }
    text.tree.written = line;
    if (text.tree.gave_up) {
        shell_fail(run, "the line takes too much work to understand");
        return;
    }
    if (text.tree.has_error) {
        run->syntax_error = true;
        shell_fail(run, "this is not complete, valid shell");
    }
    if (text.tree.count > 1)
        walk_root(run, &text, &inner);
    check_claimed(run, &text);
}

static size_t walk_dollar(struct shell_run *run, struct slice body, size_t at, const struct shell_scope *scope)
{
    size_t end;

    if (at + 2 < body.size && body.data[at + 1] == '(' && body.data[at + 2] != '(') {
        end = shell_skip_parens(body, at + 2, run->work);
        if (end == SIZE_MAX) {
            shell_fail(run, "a substitution in a here-document is not closed");
            return body.size;
        }
        shell_walk_text(run, slice_sub(body, at + 2, end - 1), scope);
        return end;
    }
    if (at + 1 < body.size && (body.data[at + 1] == '{' || body.data[at + 1] == '(' || body.data[at + 1] == '[')) {
        size_t close = slice_find(body, body.data[at + 1] == '{' ? '}' : body.data[at + 1] == '(' ? ')' : ']', at);
        struct slice inside = slice_sub(body, at + 2, close);

        if (close == SIZE_MAX || memchr(inside.data, '$', inside.size) != NULL || memchr(inside.data, '`', inside.size) != NULL)
            shell_fail(run, "an expansion in a here-document is not understood");
        run->evaluates_text = true;
    }
    return at + 1;
}

void shell_walk_heredoc(struct shell_run *run, struct slice body, const struct shell_scope *scope)
{
    for (size_t at = 0; at < body.size && !run->no_memory;) {
        char c = body.data[at];

        ++*run->work;
        if (c == '\\') {
            at += 2;
        } else if (c == '$') {
            at = walk_dollar(run, body, at, scope);
        } else if (c == '`') {
            size_t end = at + 1;

            while (end < body.size && body.data[end] != '`')
                end += body.data[end] == '\\' ? 2 : 1;
            if (end >= body.size)
                shell_fail(run, "backquotes in a here-document are not closed");
            else
                walk_backquotes(run, slice_sub(body, at + 1, end), scope);
            at = end + 1;
        } else {
            at++;
        }
    }
}
