/*
 * One simple command: its nodes to words, assignments and redirections. Neighbouring nodes without a blank between them are
 * one word. Every gap between nodes must be blank, so nothing that the grammar skips is lost.
 */
#include "parse/shell_internal.h"

struct assembly {
    struct shell_run *run;
    const struct shell_text *text;
    const struct shell_scope *scope;
    struct shell_simple simple;
    uint32_t *holes;
    size_t hole_count, hole_capacity;
    size_t end;                              /* of the last piece */
    bool single;                             /* the node stands alone: what follows it is no part of its word */
    struct slice bodies[SHELL_HEREDOCS_MAX]; /* of here-documents with expansions, walked after the command is listed */
    size_t body_count;
};

bool shell_is_blank_gap(struct slice text, size_t from, size_t to, bool newlines, bool *newline)
{
    for (size_t at = from; at < to; at++) {
        char c = text.data[at];

        if (c == '\\' && at + 1 < to && text.data[at + 1] == '\n')
            at++;
        else if (c == '\n' && newlines)
            *newline = true;
        else if (c != ' ' && c != '\t')
            return false;
    }
    return true;
}

static const struct syntax_node *node_of(const struct shell_text *text, uint32_t node)
{
    return &text->tree.nodes[node];
}

static bool is_hole(enum syntax_kind kind)
{
    return kind == SYNTAX_COMMAND_SUBSTITUTION || kind == SYNTAX_PROCESS_SUBSTITUTION || kind == SYNTAX_EXPANSION ||
           kind == SYNTAX_SIMPLE_EXPANSION || kind == SYNTAX_ARITHMETIC;
}

/* The next node of a preorder walk below `root`, without the children of `node` when `skip`. 0 at the end. */
static uint32_t next_below(const struct shell_text *text, uint32_t root, uint32_t node, bool skip)
{
    if (!skip && node_of(text, node)->first > 0)
        return node_of(text, node)->first;
    while (node != root && node_of(text, node)->next == 0)
        node = node_of(text, node)->parent;
    return node == root ? 0 : node_of(text, node)->next;
}

static void add_hole(struct assembly *as, uint32_t node)
{
    if (shell_reserve(as->run, (void **)&as->holes, as->hole_count, &as->hole_capacity, sizeof *as->holes))
        as->holes[as->hole_count++] = node;
}

static void collect_holes(struct assembly *as, uint32_t root)
{
    uint32_t node = root;

    while (node > 0) {
        bool hole = is_hole(node_of(as->text, node)->kind);

        ++*as->run->work;
        if (hole)
            add_hole(as, node);
        if (node_of(as->text, node)->kind == SYNTAX_ERROR || node_of(as->text, node)->missing)
            shell_fail(as->run, "a word is not understood");
        node = next_below(as->text, root, node, hole);
    }
}

static bool is_word_piece(enum syntax_kind kind)
{
    return kind == SYNTAX_WORD || kind == SYNTAX_OTHER || kind == SYNTAX_RAW_STRING || kind == SYNTAX_COMMAND_NAME ||
           kind == SYNTAX_ASSIGNMENT || kind == SYNTAX_TOKEN || kind == SYNTAX_SUBSCRIPT || is_hole(kind);
}

/* A backslash and a newline between two pieces join them. */
static bool touches(struct slice text, size_t end, size_t start)
{
    while (end + 1 < start && text.data[end] == '\\' && text.data[end + 1] == '\n')
        end += 2;
    return end == start;
}

/* `node` and the pieces right after it are one word: gives its end and the next node. */
static size_t word_end(const struct shell_text *text, uint32_t node, uint32_t *next)
{
    size_t end = node_of(text, node)->end;

    *next = node_of(text, node)->next;
    while (*next > 0 && touches(text->tree.text, end, node_of(text, *next)->start) &&
           is_word_piece(node_of(text, *next)->kind)) {
        end = node_of(text, *next)->end;
        *next = node_of(text, *next)->next;
    }
    return end;
}

static size_t name_size(struct slice text)
{
    size_t at = 0;

    while (at < text.size &&
           (text.data[at] == '_' || (text.data[at] >= 'a' && text.data[at] <= 'z') ||
            (text.data[at] >= 'A' && text.data[at] <= 'Z') || (at > 0 && text.data[at] >= '0' && text.data[at] <= '9')))
        at++;
    return at;
}

/* The size of "NAME=", "NAME[…]=" or "NAME+=" at the start, or 0. */
static size_t assignment_prefix(struct slice text, struct slice *name, bool *append)
{
    size_t at = name_size(text);

    *name = slice_sub(text, 0, at);
    if (at == 0)
        return 0;
    if (at < text.size && text.data[at] == '[') {
        size_t close = slice_find(text, ']', at);

        if (close == SIZE_MAX)
            return 0;
        at = close + 1;
    }
    *append = at < text.size && text.data[at] == '+';
    at += *append ? 1 : 0;
    return at < text.size && text.data[at] == '=' ? at + 1 : 0;
}

static void take_word(struct assembly *as, size_t start, size_t end, size_t first_hole, enum shell_word_mode mode,
                      struct parse_word *word)
{
    size_t count = as->hole_count - first_hole;

    shell_read_word(as->run, &as->text->tree, start, end, count > 0 ? &as->holes[first_hole] : NULL, count, mode, word);
}

static void take_array_value(struct assembly *as, size_t start, size_t end, struct parse_word *value)
{
    *value = (struct parse_word){.text = slice_sub(as->text->tree.text, start, end), .dynamic = true, .multiple = true};
}

static const char code_variables[] = "PATH BASH_ENV ENV PS0 PS4 PROMPT_COMMAND SHELLOPTS BASHOPTS IFS PAGER MANPAGER GIT_PAGER "
                                     "EDITOR VISUAL GIT_EDITOR KUBE_EDITOR GIT_SSH "
                                     "GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_SEQUENCE_EDITOR GIT_CONFIG GIT_CONFIG_GLOBAL "
                                     "GIT_CONFIG_COUNT GIT_DIR GIT_PROXY_COMMAND GIT_ASKPASS "
                                     "GIT_EXEC_PATH SSH_ASKPASS SUDO_ASKPASS LESSOPEN LESSCLOSE PYTHONSTARTUP PYTHONPATH "
                                     "PYTHONHOME NODE_OPTIONS NODE_PATH PERL5OPT PERL5LIB PERL5DB "
                                     "RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS _JAVA_OPTIONS BROWSER RSYNC_RSH CVS_RSH TAR_OPTIONS "
                                     "MAKEFLAGS AWKPATH HOME SHELL KUBECONFIG DOCKER_HOST";

void shell_check_variable(struct shell_run *run, struct slice name)
{
    if (shell_in_list(name, code_variables) || slice_starts_with(name, SLICE("LD_")) ||
        slice_starts_with(name, SLICE("DYLD_")) || slice_starts_with(name, SLICE("BASH_FUNC_")) ||
        slice_starts_with(name, SLICE("GIT_CONFIG_")))
        shell_fail_about(run, "this variable changes which code or which configuration the programs use:", name);
}

static void add_assignment(struct assembly *as, struct shell_assignment assignment)
{
    struct shell_simple *simple = &as->simple;

    shell_check_variable(as->run, assignment.name);
    if (shell_reserve(as->run, (void **)&simple->assignments, simple->assignment_count, &simple->assignment_capacity,
                      sizeof *simple->assignments))
        simple->assignments[simple->assignment_count++] = assignment;
}

static bool contains_kind(const struct shell_text *text, uint32_t root, enum syntax_kind kind)
{
    for (uint32_t node = root; node > 0; node = next_below(text, root, node, false)) {
        if (node_of(text, node)->kind == kind)
            return true;
    }
    return false;
}

static void take_assignment(struct assembly *as, uint32_t node, size_t end, size_t first_hole)
{
    size_t start = node_of(as->text, node)->start;
    struct slice span = slice_sub(as->text->tree.text, start, end);
    struct shell_assignment assignment = {0};
    size_t prefix = assignment_prefix(span, &assignment.name, &assignment.append);
    bool array = contains_kind(as->text, node, SYNTAX_ARRAY);

    if (prefix == 0) {
        shell_fail_about(as->run, "an assignment is not understood:", span);
        return;
    }
    if (span.data[assignment.name.size] == '[')
        as->run->evaluates_text = true;
    if (array || (first_hole < as->hole_count && shell_hole_start(&as->text->tree, as->holes[first_hole]) < start + prefix))
        take_array_value(as, start + prefix, end, &assignment.value);
    else
        take_word(as, start + prefix, end, first_hole, SHELL_WORD_VALUE, &assignment.value);
    add_assignment(as, assignment);
}

/* One word or assignment from `node` on; gives the next node. */
static uint32_t take_piece(struct assembly *as, uint32_t node, bool declares)
{
    size_t first_hole = as->hole_count;
    size_t start = node_of(as->text, node)->start;
    struct parse_word word = {0};
    struct slice name;
    bool append = false;
    uint32_t next;
    size_t end;

    end = as->single ? node_of(as->text, node)->end : word_end(as->text, node, &next);
    if (as->single)
        next = node_of(as->text, node)->next;
    for (uint32_t piece = node; piece != next; piece = node_of(as->text, piece)->next)
        collect_holes(as, piece);
    if (first_hole < as->hole_count && node_of(as->text, as->holes[first_hole])->start == start)
        start = shell_hole_start(&as->text->tree, as->holes[first_hole]);
    if (node_of(as->text, node)->kind == SYNTAX_ASSIGNMENT && (as->simple.words.count == 0 || declares))
        take_assignment(as, node, end, first_hole);
    if (node_of(as->text, node)->kind == SYNTAX_ASSIGNMENT && as->simple.words.count == 0) {
        as->end = end;
        return next;
    }
    if (as->simple.words.count == 0 && assignment_prefix(slice_sub(as->text->tree.text, start, end), &name, &append) > 0)
        shell_fail(as->run, "an assignment is not understood");
    if (declares && contains_kind(as->text, node, SYNTAX_ARRAY))
        take_array_value(as, start, end, &word);
    else
        take_word(as, start, end, first_hole, declares ? SHELL_WORD_VALUE : SHELL_WORD_ARGUMENT, &word);
    shell_add_word(as->run, &as->simple.words, word);
    as->end = end;
    return next;
}

/* ---- redirections ---- */

static void add_redirection(struct assembly *as, struct shell_redirection redirection)
{
    struct shell_simple *simple = &as->simple;

    if (shell_reserve(as->run, (void **)&simple->redirections, simple->redirection_count, &simple->redirection_capacity,
                      sizeof *simple->redirections))
        simple->redirections[simple->redirection_count++] = redirection;
}

static struct shell_heredoc *heredoc_at(const struct shell_text *text, size_t op)
{
    for (size_t i = 0; i < text->heredoc_count; i++) {
        if (text->heredocs[i].op == op)
            return &text->heredocs[i];
    }
    return NULL;
}

static bool is_descriptor(struct slice text)
{
    uint64_t number;

    return slice_equal_str(text, "-") || slice_to_u64(text, &number) ||
           (text.size > 1 && slice_ends_with(text, SLICE("-")) && slice_to_u64(slice_sub(text, 0, text.size - 1), &number));
}

static void describe(struct shell_redirection *redirection, bool has_fd)
{
    struct slice op = redirection->op;
    bool input = op.data[0] == '<';

    if (!has_fd)
        redirection->fd = input ? 0 : 1;
    redirection->writes =
        (!input || slice_equal_str(op, "<>")) &&
        !(slice_equal_str(op, ">&") && !redirection->target.dynamic && is_descriptor(redirection->target.text));
}

static void take_heredoc(struct assembly *as, struct shell_heredoc *heredoc, struct shell_redirection *redirection)
{
    redirection->op = heredoc->strip ? SLICE("<<-") : SLICE("<<");
    redirection->target = parse_word_static(heredoc->body);
    heredoc->op = SIZE_MAX; /* claimed */
    if (!heredoc->quoted && (slice_find(heredoc->body, '$', 0) != SIZE_MAX || slice_find(heredoc->body, '`', 0) != SIZE_MAX)) {
        as->bodies[as->body_count++] = heredoc->body;
        redirection->target.dynamic = true;
        redirection->target.literal = 0;
    }
}

/* [descriptor] operator word …: words after the first are arguments that the grammar put here. */
static void take_redirect(struct assembly *as, uint32_t redirect, bool allow_words)
{
    struct slice source = as->text->tree.text;
    struct shell_redirection redirection = {0};
    struct shell_heredoc *heredoc = NULL;
    bool has_fd = false, newline = false;
    uint64_t fd = 0;
    uint32_t node = node_of(as->text, redirect)->first;
    struct shell_words words;

    if (node > 0 && node_of(as->text, node)->kind == SYNTAX_DESCRIPTOR) {
        has_fd = slice_to_u64(slice_sub(source, node_of(as->text, node)->start, node_of(as->text, node)->end), &fd) &&
                 fd <= INT32_MAX;
        if (!has_fd || node_of(as->text, node)->end != node_of(as->text, node_of(as->text, node)->next)->start)
            shell_fail(as->run, "a redirection is not understood");
        redirection.fd = (int)fd;
        node = node_of(as->text, node)->next;
    }
    if (as->end == node_of(as->text, redirect)->start && as->end > 0 && as->simple.words.count > 0)
        shell_fail(as->run, "a redirection next to a word is not understood; put a blank before it");
    if (node == 0 || node_of(as->text, node)->kind != SYNTAX_TOKEN) {
        shell_fail(as->run, "a redirection is not understood");
        return;
    }
    redirection.op = slice_sub(source, node_of(as->text, node)->start, node_of(as->text, node)->end);
    heredoc = heredoc_at(as->text, node_of(as->text, node)->start);
    as->end = node_of(as->text, node)->end;
    node = node_of(as->text, node)->next;
    if (redirection.op.size == 3 && redirection.op.data[2] == '-') { /* >&- and <&- are one token */
        redirection.op.size = 2;
        redirection.target = parse_word_static(SLICE("-"));
        describe(&redirection, has_fd);
        add_redirection(as, redirection);
    } else if (node == 0) {
        shell_fail(as->run, "a redirection has no target");
    } else {
        words = as->simple.words;
        as->simple.words = (struct shell_words){.count = 0};
        if (!shell_is_blank_gap(source, as->end, node_of(as->text, node)->start, false, &newline))
            shell_fail(as->run, "a redirection is not understood");
        if (node_of(as->text, node)->kind == SYNTAX_ASSIGNMENT)
            shell_fail(as->run, "a redirection is not understood");
        node = take_piece(as, node, true);
        if (as->simple.words.count > 0)
            redirection.target = as->simple.words.items[0];
        as->simple.words = words;
        if (heredoc != NULL)
            take_heredoc(as, heredoc, &redirection);
        describe(&redirection, has_fd);
        add_redirection(as, redirection);
    }
    for (; node > 0;) {
        if (!allow_words || !shell_is_blank_gap(source, as->end, node_of(as->text, node)->start, false, &newline) ||
            !is_word_piece(node_of(as->text, node)->kind)) {
            shell_fail(as->run, "words after a redirection are not understood");
            return;
        }
        node = take_piece(as, node, false);
    }
}

/* ---- commands ---- */

static void take_children(struct assembly *as, uint32_t first, bool declares)
{
    bool newline = false;

    for (uint32_t node = first; node > 0;) {
        enum syntax_kind kind = node_of(as->text, node)->kind;
        size_t start = node_of(as->text, node)->start;

        ++*as->run->work;
        if (as->end > 0 && !shell_is_blank_gap(as->text->tree.text, as->end, start, false, &newline))
            shell_fail_about(as->run, "text between words is not understood:", slice_sub(as->text->tree.text, as->end, start));
        if (kind == SYNTAX_FILE_REDIRECT || kind == SYNTAX_HERESTRING) {
            take_redirect(as, node, true);
            node = node_of(as->text, node)->next;
        } else if (is_word_piece(kind) && !node_of(as->text, node)->missing) {
            node = take_piece(as, node, declares && as->simple.words.count > 0);
        } else {
            shell_fail(as->run, "a part of a command is not understood");
            shell_walk_inside(as->run, as->text, node, as->scope);
            as->end = node_of(as->text, node)->end;
            node = node_of(as->text, node)->next;
        }
    }
}

static const char reserved_words[] =
    "{ } if then elif else fi for while until do done case esac in select function coproc ! [[ ]]";

static void check_name(struct assembly *as, uint32_t node)
{
    struct shell_simple *simple = &as->simple;
    struct slice source = slice_sub(as->text->tree.text, node_of(as->text, node)->start, node_of(as->text, node)->end);
    struct slice name = simple->words.count > 0 ? simple->words.items[0].text : (struct slice){0};

    if (name.size > 0 && !simple->words.items[0].dynamic && slice_starts_with(source, name) &&
        shell_in_list(name, reserved_words))
        shell_fail_about(as->run, "a reserved word stands where a command should:", name);
}

static void walk_holes(struct assembly *as, int outer)
{
    struct shell_scope scope = *as->scope;

    if (outer >= 0)
        scope.outer = outer;
    for (size_t i = 0; i < as->hole_count; i++) {
        if (node_of(as->text, as->holes[i])->kind != SYNTAX_SIMPLE_EXPANSION)
            shell_walk_substitution(as->run, as->text, as->holes[i], &scope);
    }
    scope.in_substitution = true;
    scope.writes_pipe = false;
    for (size_t i = 0; i < as->body_count; i++)
        shell_walk_heredoc(as->run, as->bodies[i], &scope);
}

int shell_walk_simple(struct shell_run *run, const struct shell_text *text, uint32_t node, uint32_t redirected,
                      const struct shell_scope *scope)
{
    struct assembly as = {.run = run, .text = text, .scope = scope};
    enum syntax_kind kind = node > 0 ? node_of(text, node)->kind : SYNTAX_OTHER;
    int index;

    as.single = kind == SYNTAX_ASSIGNMENT;
    if (as.single)
        take_piece(&as, node, false);
    else if (node > 0)
        take_children(&as, node_of(text, node)->first, kind == SYNTAX_DECLARATION);
    if (redirected > 0 && node_of(text, redirected)->kind == SYNTAX_FILE_REDIRECT)
        take_redirect(&as, redirected, false);
    else if (redirected > 0)
        take_children(&as, node > 0 ? node_of(text, node)->next : node_of(text, redirected)->first, false);
    if (run->no_memory)
        return -1;
    if (node > 0)
        check_name(&as, node);
    index = shell_resolve(run, scope, &as.simple);
    walk_holes(&as, index);
    return index;
}

void shell_scope_redirect(struct shell_run *run, const struct shell_text *text, uint32_t redirected, struct shell_scope *scope)
{
    struct assembly as = {.run = run, .text = text, .scope = scope};
    uint32_t body = node_of(text, redirected)->first;
    struct shell_redirection *all;
    size_t count;

    as.end = node_of(text, body)->end;
    for (uint32_t node = node_of(text, body)->next; node > 0; node = node_of(text, node)->next) {
        bool newline = false;

        if (!shell_is_blank_gap(text->tree.text, as.end, node_of(text, node)->start, false, &newline) ||
            (node_of(text, node)->kind != SYNTAX_FILE_REDIRECT && node_of(text, node)->kind != SYNTAX_HERESTRING)) {
            shell_fail(run, "text after a group of commands is not understood");
            shell_walk_inside(run, text, node, scope);
            continue;
        }
        as.simple.words.count = 0;
        take_redirect(&as, node, false);
    }
    count = scope->redirection_count + as.simple.redirection_count;
    all = (struct shell_redirection *)arena_array(run->arena, count, sizeof *all);
    if (all == NULL) {
        run->no_memory = true;
        return;
    }
    if (as.simple.redirection_count > 0)
        memcpy(all, as.simple.redirections, as.simple.redirection_count * sizeof *all);
    if (scope->redirection_count > 0)
        memcpy(all + as.simple.redirection_count, scope->redirections, scope->redirection_count * sizeof *all);
    walk_holes(&as, -1);
    scope->redirections = all;
    scope->redirection_count = count;
}

/* Text of an expression must not hold what would run but is no node. */
static void check_leaf(struct shell_run *run, const struct shell_text *text, uint32_t node, bool in_expansion)
{
    struct slice leaf = slice_sub(text->tree.text, node_of(text, node)->start, node_of(text, node)->end);
    bool raw = node_of(text, node)->kind == SYNTAX_RAW_STRING;

    if (node_of(text, node)->kind == SYNTAX_TOKEN)
        return;
    if (slice_find(leaf, '`', 0) != SIZE_MAX ||
        (slice_find(leaf, '$', 0) != SIZE_MAX && slice_find(leaf, '(', 0) != SIZE_MAX)) {
        run->has_latent_code = true;
        if (!raw || in_expansion) /* in "${x:-'…'}" the quotes quote nothing */
            shell_fail(run, "an expression is not understood");
    }
}

void shell_walk_inside(struct shell_run *run, const struct shell_text *text, uint32_t root, const struct shell_scope *scope)
{
    uint32_t node = root;

    while (node > 0 && !run->no_memory) {
        enum syntax_kind kind = node_of(text, node)->kind;
        bool substitution = kind == SYNTAX_COMMAND_SUBSTITUTION || kind == SYNTAX_PROCESS_SUBSTITUTION;
        bool statement = kind == SYNTAX_COMMAND || kind == SYNTAX_DECLARATION;

        ++*run->work;
        if (node_of(text, node)->missing || kind == SYNTAX_ERROR || kind == SYNTAX_UNKNOWN || kind == SYNTAX_FILE_REDIRECT)
            shell_fail(run, "an expression is not understood");
        if (kind == SYNTAX_ARITHMETIC || kind == SYNTAX_SUBSCRIPT || kind == SYNTAX_EXPANSION)
            run->evaluates_text = true;
        if (substitution && node != root)
            shell_walk_substitution(run, text, node, scope);
        else if (statement)
            shell_walk_simple(run, text, node, 0, scope);
        else if (node_of(text, node)->first == 0)
            check_leaf(run, text, node, node_of(text, root)->kind == SYNTAX_EXPANSION);
        node = next_below(text, root, node, (substitution && node != root) || statement);
    }
}
