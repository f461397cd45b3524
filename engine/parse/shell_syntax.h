/*
 * The syntax tree of a shell line as a flat array; the only door to tree-sitter. Private to the shell parser.
 */
#ifndef EDICT_PARSE_SHELL_SYNTAX_H
#define EDICT_PARSE_SHELL_SYNTAX_H

#include "parse/shell.h"

enum syntax_kind {
    SYNTAX_TOKEN, /* anonymous: an operator or a keyword, told by its text */
    SYNTAX_ERROR,
    SYNTAX_OTHER,   /* named, of no meaning of its own: parts of words and expressions */
    SYNTAX_UNKNOWN, /* a named kind that this code does not know */
    SYNTAX_PROGRAM,
    SYNTAX_COMMENT,
    SYNTAX_COMMAND,
    SYNTAX_COMMAND_NAME,
    SYNTAX_DECLARATION,
    SYNTAX_UNSET,
    SYNTAX_ASSIGNMENT,
    SYNTAX_ASSIGNMENTS,
    SYNTAX_ARRAY,
    SYNTAX_LIST,
    SYNTAX_PIPELINE,
    SYNTAX_NEGATED,
    SYNTAX_REDIRECTED,
    SYNTAX_FILE_REDIRECT,
    SYNTAX_HEREDOC_REDIRECT,
    SYNTAX_HERESTRING,
    SYNTAX_DESCRIPTOR,
    SYNTAX_SUBSHELL,
    SYNTAX_COMPOUND,
    SYNTAX_DO_GROUP,
    SYNTAX_IF,
    SYNTAX_ELIF,
    SYNTAX_ELSE,
    SYNTAX_CASE,
    SYNTAX_CASE_ITEM,
    SYNTAX_FOR,
    SYNTAX_C_FOR,
    SYNTAX_WHILE,
    SYNTAX_FUNCTION,
    SYNTAX_TEST,
    SYNTAX_COMMAND_SUBSTITUTION,
    SYNTAX_PROCESS_SUBSTITUTION,
    SYNTAX_EXPANSION,
    SYNTAX_SIMPLE_EXPANSION,
    SYNTAX_ARITHMETIC,
    SYNTAX_SUBSCRIPT,
    SYNTAX_RAW_STRING,
    SYNTAX_WORD,
};

/* Positions are indices into syntax_tree.nodes; 0 is none, 1 the root. */
struct syntax_node {
    enum syntax_kind kind;
    bool missing; /* the parser made it up to go on */
    uint32_t start, end;
    uint32_t parent, first, next;
};

struct syntax_tree {
    struct slice text;    /* without here-documents */
    struct slice written; /* of the same size, as it was given; set by the walk */
    const struct syntax_node *nodes;
    uint32_t count; /* with the unused node 0 */
    bool has_error;
    bool gave_up; /* SHELL_LEX_MAX or SYNTAX_NODES_MAX: there is no tree */
};

enum { SYNTAX_NODES_MAX = 64 * 1024 };

enum status syntax_parse(struct shell_parser *parser, struct slice text, struct arena *arena, uint64_t *work,
                         struct syntax_tree *out) EDICT_MUST_USE;

#endif
