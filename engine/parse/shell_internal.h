/*
 * What the files of the shell parser share: one run over one line, and the scope that a command is found in.
 */
#ifndef EDICT_PARSE_SHELL_INTERNAL_H
#define EDICT_PARSE_SHELL_INTERNAL_H

#include "base/buf.h"
#include "parse/shell_syntax.h"

enum {
    SHELL_WRAPPERS_MAX = 16, /* sudo env nice timeout … on one command */
    SHELL_HEREDOCS_MAX = 32,
};

/* A here-document cut out of the text; the tree sees "< word" in its place. */
struct shell_heredoc {
    size_t op;         /* offset of << */
    struct slice body; /* with leading tabs removed for <<- */
    bool quoted;       /* the delimiter was: no expansion */
    bool strip;
};

struct shell_text {
    struct syntax_tree tree;
    struct shell_heredoc *heredocs;
    size_t heredoc_count;
};

/* Where a command stands. Copied on the way down. */
struct shell_scope {
    const struct shell_redirection *redirections; /* of the groups around */
    size_t redirection_count;
    const struct shell_wrapper *wrappers;
    size_t wrapper_count;
    enum shell_via via;
    int outer;
    int depth;
    int nested; /* texts parsed inside of texts */
    bool reads_pipe, writes_pipe, background, in_substitution, in_function, in_loop, conditional, elevated;
    bool more_arguments;
    struct slice replacement; /* what xargs -I, parallel or find replace by data in the words; empty: nothing */
    const struct shell_assignment *assignments; /* of the wrappers around a text of shell */
    size_t assignment_count;
};

struct shell_words {
    struct parse_word *items;
    size_t count, capacity;
};

/* A command as it is written, before wrappers are seen through. */
struct shell_simple {
    struct shell_words words;
    struct shell_assignment *assignments;
    size_t assignment_count, assignment_capacity;
    struct shell_redirection *redirections;
    size_t redirection_count, redirection_capacity;
};

struct shell_run {
    struct shell_parser *parser;
    struct arena *arena;
    uint64_t *work;
    bool no_memory;
    struct slice problem;
    bool syntax_error;
    struct shell_command *commands;
    size_t command_count, command_capacity;
    struct slice *functions;
    size_t function_count, function_capacity;
    size_t words_left;    /* of SHELL_WORDS_MAX */
    bool has_latent_code; /* literal text holds what arithmetic would run: $( or a backquote inside quotes */
    bool evaluates_text;  /* arithmetic, ${x@P} and the like: runs such text */
};

/* Remembers the first problem; `text` is a constant. */
void shell_fail(struct shell_run *run, const char *text);
/* With what it is about appended, cut to a short length. */
void shell_fail_about(struct shell_run *run, const char *text, struct slice about);
/* Room for one more element of `size` bytes in an array that starts with {items, count, capacity}; false when exhausted. */
bool shell_reserve(struct shell_run *run, void **items, size_t count, size_t *capacity, size_t size);
bool shell_add_word(struct shell_run *run, struct shell_words *words, struct parse_word word);

/* ---- shell_heredoc.c: cuts here-documents out ---- */
/* `text` becomes a copy without them when there are any. False on a problem (reported) or exhaustion. */
bool shell_cut_heredocs(struct shell_run *run, struct slice *text, struct shell_heredoc **heredocs, size_t *count);
/* The offset just past the ')' that closes what opened before `at`; SIZE_MAX when it is not closed. Stack of quotes inside. */
size_t shell_skip_parens(struct slice text, size_t at, uint64_t *work);

/* ---- shell_word.c: quote removal ---- */
enum shell_word_mode { SHELL_WORD_ARGUMENT, SHELL_WORD_VALUE };
/* Bytes [start, end) of the text; `holes` are the nodes of the expansions inside, in order. False on a problem. */
bool shell_read_word(struct shell_run *run, const struct syntax_tree *tree, size_t start, size_t end, const uint32_t *holes,
                     size_t hole_count, enum shell_word_mode mode, struct parse_word *out);
/* The start of an expansion without the blanks that the grammar counts in. */
size_t shell_hole_start(const struct syntax_tree *tree, uint32_t node);

/* ---- shell_walk.c: from the tree to simple commands ---- */
/* A text inside of the text: sh -c, eval, here-documents of shells, backquotes with escapes. */
void shell_walk_text(struct shell_run *run, struct slice text, const struct shell_scope *scope);
/* The substitutions in the body of an unquoted here-document. */
void shell_walk_heredoc(struct shell_run *run, struct slice body, const struct shell_scope *scope);

/* ---- shell_simple.c: one simple command from its nodes ---- */
int shell_walk_simple(struct shell_run *run, const struct shell_text *text, uint32_t node, uint32_t redirected,
                      const struct shell_scope *scope);
/* Adds the redirections of a redirected statement that is no simple command to `scope`. */
void shell_scope_redirect(struct shell_run *run, const struct shell_text *text, uint32_t redirected, struct shell_scope *scope);
/* Substitutions anywhere below `node`. */
void shell_walk_inside(struct shell_run *run, const struct shell_text *text, uint32_t node, const struct shell_scope *scope);
void shell_walk_substitution(struct shell_run *run, const struct shell_text *text, uint32_t node,
                             const struct shell_scope *scope);
/* Reports a variable that changes which code programs run. */
void shell_check_variable(struct shell_run *run, struct slice name);
bool shell_is_blank_gap(struct slice text, size_t from, size_t to, bool newlines, bool *newline);

/* ---- shell_wrap.c: sees through sudo, env, sh -c … ---- */
/* Index of the first command emitted, or -1. */
int shell_resolve(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple);

/* ---- shell_emit.c: lists a command ---- */
/* The command's own with those of the scope around; NULL when there are none, or on exhaustion. */
const struct shell_redirection *shell_join_redirections(struct shell_run *run, const struct shell_scope *scope,
                                                        const struct shell_simple *simple);
const struct shell_assignment *shell_join_assignments(struct shell_run *run, const struct shell_scope *scope,
                                                      const struct shell_simple *simple);
int shell_emit(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple);
void shell_mark_opaque(struct shell_run *run, int command, const char *why);

/* ---- shell_run.c: programs that are listed and run another one: find, ssh, docker exec, kubectl exec ---- */
void shell_run_inner(struct shell_run *run, const struct shell_scope *scope, const struct shell_simple *simple, int command);

/* ---- shell_code.c: programs that run code of other languages ---- */
/* Why the command runs code that cannot be seen; NULL when it does not. */
const char *shell_hidden_code(const struct shell_command *command, uint64_t *work);

/* Whether `text` holds `part`, which may be empty: then no. */
static inline bool shell_contains(struct slice text, struct slice part)
{
    return part.size > 0 && text.size >= part.size && memmem(text.data, text.size, part.data, part.size) != NULL;
}

static inline struct slice shell_base_name(struct slice path)
{
    size_t at = path.size;

    while (at > 0 && path.data[at - 1] != '/')
        at--;
    return slice_sub(path, at, path.size);
}

/* Whether `name` is one of the words of `list`, which are separated by single spaces. */
bool shell_in_list(struct slice name, const char *list);

#endif
