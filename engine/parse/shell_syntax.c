#include "parse/shell_syntax.h"

#include <stdlib.h>
#include <tree_sitter/api.h>

enum { READ_CHUNK = 512 };

const TSLanguage *tree_sitter_bash(void);

struct shell_parser {
    TSParser *parser;
    uint8_t *kinds; /* by symbol */
    uint32_t kind_count;
};

static const struct {
    const char *name;
    enum syntax_kind kind;
} named_kinds[] = {
    {"program", SYNTAX_PROGRAM},
    {"comment", SYNTAX_COMMENT},
    {"command", SYNTAX_COMMAND},
    {"command_name", SYNTAX_COMMAND_NAME},
    {"declaration_command", SYNTAX_DECLARATION},
    {"unset_command", SYNTAX_UNSET},
    {"variable_assignment", SYNTAX_ASSIGNMENT},
    {"variable_assignments", SYNTAX_ASSIGNMENTS},
    {"array", SYNTAX_ARRAY},
    {"list", SYNTAX_LIST},
    {"pipeline", SYNTAX_PIPELINE},
    {"negated_command", SYNTAX_NEGATED},
    {"redirected_statement", SYNTAX_REDIRECTED},
    {"file_redirect", SYNTAX_FILE_REDIRECT},
    {"heredoc_redirect", SYNTAX_HEREDOC_REDIRECT},
    {"herestring_redirect", SYNTAX_HERESTRING},
    {"file_descriptor", SYNTAX_DESCRIPTOR},
    {"subshell", SYNTAX_SUBSHELL},
    {"compound_statement", SYNTAX_COMPOUND},
    {"do_group", SYNTAX_DO_GROUP},
    {"if_statement", SYNTAX_IF},
    {"elif_clause", SYNTAX_ELIF},
    {"else_clause", SYNTAX_ELSE},
    {"case_statement", SYNTAX_CASE},
    {"case_item", SYNTAX_CASE_ITEM},
    {"for_statement", SYNTAX_FOR},
    {"c_style_for_statement", SYNTAX_C_FOR},
    {"while_statement", SYNTAX_WHILE},
    {"function_definition", SYNTAX_FUNCTION},
    {"test_command", SYNTAX_TEST},
    {"command_substitution", SYNTAX_COMMAND_SUBSTITUTION},
    {"process_substitution", SYNTAX_PROCESS_SUBSTITUTION},
    {"expansion", SYNTAX_EXPANSION},
    {"simple_expansion", SYNTAX_SIMPLE_EXPANSION},
    {"arithmetic_expansion", SYNTAX_ARITHMETIC},
    {"subscript", SYNTAX_SUBSCRIPT},
    {"raw_string", SYNTAX_RAW_STRING},
    {"ansi_c_string", SYNTAX_RAW_STRING},
    {"word", SYNTAX_WORD},
    {"ERROR", SYNTAX_ERROR},
    {"binary_expression", SYNTAX_OTHER},
    {"brace_expression", SYNTAX_OTHER},
    {"concatenation", SYNTAX_OTHER},
    {"extglob_pattern", SYNTAX_OTHER},
    {"number", SYNTAX_OTHER},
    {"parenthesized_expression", SYNTAX_OTHER},
    {"postfix_expression", SYNTAX_OTHER},
    {"regex", SYNTAX_OTHER},
    {"special_variable_name", SYNTAX_OTHER},
    {"string", SYNTAX_OTHER},
    {"string_content", SYNTAX_OTHER},
    {"ternary_expression", SYNTAX_OTHER},
    {"test_operator", SYNTAX_OTHER},
    {"translated_string", SYNTAX_OTHER},
    {"unary_expression", SYNTAX_OTHER},
    {"variable_name", SYNTAX_OTHER},
};

static enum syntax_kind kind_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof named_kinds / sizeof named_kinds[0]; i++) {
        if (strcmp(named_kinds[i].name, name) == 0)
            return named_kinds[i].kind;
    }
    return SYNTAX_UNKNOWN;
}

static void fill_kinds(struct shell_parser *parser, const TSLanguage *language)
{
    for (uint32_t i = 0; i < parser->kind_count; i++) {
        bool named = ts_language_symbol_type(language, (TSSymbol)i) == TSSymbolTypeRegular;

        parser->kinds[i] = (uint8_t)(named ? kind_of_name(ts_language_symbol_name(language, (TSSymbol)i)) : SYNTAX_TOKEN);
    }
}

enum status shell_parser_new(struct shell_parser **out, struct error *error)
{
    const TSLanguage *language = tree_sitter_bash();
    struct shell_parser *parser = (struct shell_parser *)calloc(1, sizeof *parser);

    *out = NULL;
    if (parser != NULL) {
        parser->parser = ts_parser_new();
        parser->kind_count = ts_language_symbol_count(language);
        parser->kinds = (uint8_t *)calloc(parser->kind_count, 1);
    }
    if (parser == NULL || parser->parser == NULL || parser->kinds == NULL) {
        shell_parser_delete(parser);
        return error_set(error, STATUS_NO_MEMORY, "", "no memory for a shell parser");
    }
    if (!ts_parser_set_language(parser->parser, language)) {
        shell_parser_delete(parser);
        return error_set(error, STATUS_INTERNAL, "", "the shell grammar does not fit the installed tree-sitter library");
    }
    fill_kinds(parser, language);
    *out = parser;
    return STATUS_OK;
}

void shell_parser_delete(struct shell_parser *parser)
{
    if (parser == NULL)
        return;
    if (parser->parser != NULL)
        ts_parser_delete(parser->parser);
    free(parser->kinds);
    free(parser);
}

/* Counts what the parser looks at, and stops it past the bound: unlike a time-out, the same everywhere. */
struct reader {
    struct slice text;
    uint64_t read;
    size_t cancel;
};

static const char *read_chunk(void *payload, uint32_t offset, TSPoint position, uint32_t *size)
{
    struct reader *reader = (struct reader *)payload;
    size_t left = offset < reader->text.size ? reader->text.size - offset : 0;

    (void)position;
    *size = (uint32_t)(left < READ_CHUNK ? left : READ_CHUNK);
    reader->read += *size + 1;
    if (reader->read > SHELL_LEX_MAX)
        reader->cancel = 1;
    return *size > 0 ? reader->text.data + offset : "";
}

struct flattening {
    struct shell_parser *parser;
    struct arena *arena;
    struct syntax_node *nodes;
    uint32_t count, capacity;
    bool failed;
};

static bool reserve_node(struct flattening *flat)
{
    uint32_t capacity = flat->capacity > 0 ? flat->capacity * 2 : 128;

    if (flat->count < flat->capacity)
        return true;
    flat->nodes = (struct syntax_node *)arena_grow(flat->arena, flat->nodes, flat->capacity * sizeof *flat->nodes,
                                                   capacity * sizeof *flat->nodes);
    flat->capacity = capacity;
    flat->failed = flat->nodes == NULL;
    return !flat->failed;
}

static uint32_t add_node(struct flattening *flat, TSNode from, uint32_t parent, uint32_t before)
{
    TSSymbol symbol = ts_node_symbol(from);
    uint32_t index = flat->count;

    if (!reserve_node(flat))
        return 0;
    flat->nodes[index] = (struct syntax_node){
        .kind = symbol < flat->parser->kind_count ? (enum syntax_kind)flat->parser->kinds[symbol] : SYNTAX_ERROR,
        .missing = ts_node_is_missing(from),
        .start = ts_node_start_byte(from),
        .end = ts_node_end_byte(from),
        .parent = parent,
    };
    if (before > 0)
        flat->nodes[before].next = index;
    else if (parent > 0)
        flat->nodes[parent].first = index;
    flat->count++;
    return index;
}

/* In preorder, without recursion. */
static void flatten(struct flattening *flat, TSNode root)
{
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    uint32_t current;

    flat->count = 1;
    flat->capacity = 0;
    if (reserve_node(flat))
        flat->nodes[0] = (struct syntax_node){0};
    current = flat->failed ? 0 : add_node(flat, root, 0, 0);
    while (current > 0 && flat->count < SYNTAX_NODES_MAX) {
        if (ts_tree_cursor_goto_first_child(&cursor)) {
            current = add_node(flat, ts_tree_cursor_current_node(&cursor), current, 0);
            continue;
        }
        while (current > 0 && !ts_tree_cursor_goto_next_sibling(&cursor)) {
            current = flat->nodes[current].parent;
            if (!ts_tree_cursor_goto_parent(&cursor))
                current = 0;
        }
        if (current > 0)
            current = add_node(flat, ts_tree_cursor_current_node(&cursor), flat->nodes[current].parent, current);
    }
    ts_tree_cursor_delete(&cursor);
}

enum status syntax_parse(struct shell_parser *parser, struct slice text, struct arena *arena, uint64_t *work,
                         struct syntax_tree *out)
{
    struct reader reader = {.text = text};
    struct flattening flat = {.parser = parser, .arena = arena};
    TSTree *tree;

    *out = (struct syntax_tree){.text = text};
    ts_parser_reset(parser->parser);
    ts_parser_set_cancellation_flag(parser->parser, &reader.cancel);
    tree = ts_parser_parse(parser->parser, NULL,
                           (TSInput){.payload = &reader, .read = read_chunk, .encoding = TSInputEncodingUTF8});
    ts_parser_set_cancellation_flag(parser->parser, NULL);
    *work += reader.read < SHELL_LEX_MAX ? reader.read : SHELL_LEX_MAX;
    if (tree == NULL) {
        ts_parser_reset(parser->parser);
        out->gave_up = true;
        return STATUS_OK;
    }
    out->has_error = ts_node_has_error(ts_tree_root_node(tree));
    flatten(&flat, ts_tree_root_node(tree));
    ts_tree_delete(tree);
    *work += flat.count;
    if (flat.failed)
        return STATUS_NO_MEMORY;
    out->nodes = flat.nodes;
    out->count = flat.count;
    out->gave_up = flat.count >= SYNTAX_NODES_MAX;
    return STATUS_OK;
}
