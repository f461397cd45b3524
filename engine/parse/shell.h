/*
 * Takes a command line apart the way bash would, without running anything: every command that could run is listed, with its
 * words after quote removal. Grammar: tree-sitter-bash (pinned by scripts/fetch-grammar). Fails closed: whatever is not fully
 * understood makes `ok` false and says why in `problem`; nothing is left out silently.
 *
 * A shell_parser is one worker's and is used by one thread at a time; parsing leaves no trace in it. Memory of the syntax
 * tree comes from malloc, bounded by SHELL_INPUT_MAX and SHELL_LEX_MAX, and is freed before the call returns.
 */
#ifndef EDICT_PARSE_SHELL_H
#define EDICT_PARSE_SHELL_H

#include "parse/word.h"

enum {
    SHELL_INPUT_MAX = 16 * 1024,    /* bytes of a command line; longer ones are not understood */
    SHELL_DEPTH_MAX = 48,           /* nested constructs, counted through sh -c and the like */
    SHELL_NESTED_PARSE_MAX = 8,     /* sh -c inside sh -c … */
    SHELL_COMMANDS_MAX = 512,       /* commands listed */
    SHELL_WORDS_MAX = 8192,         /* words listed, of all commands */
    SHELL_LEX_MAX = 4 * 1024 * 1024 /* bytes the parser may look at, backtracking included, before it gives up */
};

struct shell_parser;
enum status shell_parser_new(struct shell_parser **out, struct error *error) EDICT_MUST_USE;
void shell_parser_delete(struct shell_parser *parser); /* NULL accepted */

/* NAME=value before a command, or given to env, export, declare, local, readonly, or standing alone. */
struct shell_assignment {
    struct slice name;
    struct parse_word value;
    bool append; /* NAME+=value */
};

struct shell_redirection {
    struct slice op;          /* "<" ">" ">>" ">|" "&>" "&>>" "<&" ">&" "<>" "<<" "<<-" "<<<" */
    int fd;                   /* as written, or the default of op (0 or 1; &> is 1); -1 for {name}> */
    struct parse_word target; /* file, descriptor ("1", "-"), here-string; the body of a here-document */
    bool writes;              /* can create or change a file: > >> >| &> &>> <>, and >& with a file */
};

/* A program that only starts another one: sudo, env, timeout, xargs, sh -c … Outermost first. */
struct shell_wrapper {
    struct slice name;             /* basename, as in shell_command.name */
    const struct parse_word *argv; /* its own words: name, options and their arguments; without the inner command */
    size_t argc;
};

enum shell_via {
    SHELL_VIA_LINE,    /* written as a command of the line */
    SHELL_VIA_WRAPPER, /* started by another program: sudo x, xargs x, sh -c 'x', find -exec x */
    SHELL_VIA_REMOTE   /* runs elsewhere: ssh host x, docker exec c x, kubectl exec p -- x */
};

struct shell_command {
    struct slice
        name; /* basename of argv[0] after quote removal; empty for bare assignments or redirections, or when dynamic */
    const struct parse_word *argv; /* argv[0] is the program as written after quote removal */
    size_t argc;                   /* 0 for bare assignments or redirections */
    const struct shell_assignment *assignments;
    size_t assignment_count;
    const struct shell_redirection *redirections; /* also those of enclosing groups, loops and subshells */
    size_t redirection_count;
    const struct shell_wrapper *wrappers;
    size_t wrapper_count;
    enum shell_via via;
    int outer; /* index of the command that holds this one in a substitution, or runs it and is listed itself (find, ssh); -1 */
    bool dynamic;            /* some word, assignment or redirection is dynamic */
    bool dynamic_program;    /* argv[0] cannot be known */
    bool more_arguments;     /* words are added from data that is not visible: xargs, find -exec {}, parallel */
    bool opaque;             /* runs code that is not visible here or is not shell: python -c, … | sh, source x */
    struct slice opaque_why; /* one sentence when opaque */
    bool reads_pipe, writes_pipe;
    bool background;      /* & or coproc, or inside of such a group */
    bool in_substitution; /* $(…), `…`, <(…), >(…) */
    bool in_function;     /* body of a function definition: runs when the function is called */
    bool in_loop;
    bool conditional; /* may not run: right of && or ||, if, case, while, trap */
    bool is_function; /* name is a function that the line defines (also when defined later) */
    bool is_builtin;  /* a builtin of bash that starts no program: cd, export, [ … */
    bool elevated;    /* under sudo, doas, su, pkexec, run0 */
};

struct shell_script {
    bool ok;              /* everything was understood: no problem, no opaque command, no dynamic program */
    struct slice problem; /* the first thing that was not; empty when ok */
    bool dynamic;         /* some command is dynamic */
    bool opaque;          /* some command is opaque */
    bool has_syntax_error;
    const struct shell_command *commands; /* in the order of the text; inner commands follow the one that holds them */
    size_t command_count;
    const struct slice *functions; /* names that the line defines */
    size_t function_count;
};

/* `out` is always fully set on STATUS_OK. `line` must outlive the result. */
enum status shell_parse(struct shell_parser *parser, struct slice line, struct arena *arena, uint64_t *work,
                        struct shell_script *out) EDICT_MUST_USE;

/* One word quoted so that any POSIX shell reads it back as `text`; shell_parse does too. `.data` is NULL when exhausted. */
struct slice shell_quote(struct slice text, struct arena *arena, uint64_t *work);

#endif
