#include "policy/lint.h"

#include <stdbool.h>
#include <stdio.h>

/* Just enough of a scanner to tell operators from texts and comments. What does not scan is left to the compiler to refuse. */
struct scanner {
    struct slice source, path;
    size_t at, line_start;
    int line;
    struct policy_report *report;
    bool good;
    struct {
        char closer;
        bool is_index; /* of '[': an index or a constructor's key */
    } nesting[256];
    int depth;
    struct slice previous; /* the last token */
};

static char peek(const struct scanner *scanner, size_t ahead)
{
    return scanner->at + ahead < scanner->source.size ? scanner->source.data[scanner->at + ahead] : '\0';
}

static void step(struct scanner *scanner)
{
    if (peek(scanner, 0) == '\n') {
        scanner->line++;
        scanner->line_start = scanner->at + 1;
    }
    scanner->at++;
}

static void refuse(struct scanner *scanner, const char *message)
{
    report_add(scanner->report, POLICY_ERROR, scanner->path, scanner->line, (int)(scanner->at - scanner->line_start) + 1, "%s",
               message);
    scanner->good = false;
}

/* "[==[ … ]==]" when one begins here; returns whether it did. */
static bool skip_long(struct scanner *scanner)
{
    size_t level = 0, i;

    while (peek(scanner, 1 + level) == '=')
        level++;
    if (peek(scanner, 0) != '[' || peek(scanner, 1 + level) != '[')
        return false;
    for (i = 0; i < level + 2; i++)
        step(scanner);
    while (scanner->at < scanner->source.size) {
        if (peek(scanner, 0) == ']') {
            size_t same = 0;

            while (same < level && peek(scanner, 1 + same) == '=')
                same++;
            if (same == level && peek(scanner, 1 + level) == ']') {
                scanner->at += level + 2;
                return true;
            }
        }
        step(scanner);
    }
    return true;
}

static void skip_text(struct scanner *scanner)
{
    char quote = peek(scanner, 0);

    step(scanner);
    while (scanner->at < scanner->source.size && peek(scanner, 0) != quote && peek(scanner, 0) != '\n') {
        if (peek(scanner, 0) == '\\' && peek(scanner, 1) == 'z') {
            scanner->at += 2;
            while (scanner->at < scanner->source.size && strchr(" \t\r\n\f\v", peek(scanner, 0)) != NULL)
                step(scanner);
            continue;
        }
        if (peek(scanner, 0) == '\\')
            step(scanner);
        step(scanner);
    }
    if (scanner->at < scanner->source.size)
        step(scanner);
}

static void skip_comment(struct scanner *scanner)
{
    scanner->at += 2;
    if (peek(scanner, 0) == '[' && skip_long(scanner))
        return;
    while (scanner->at < scanner->source.size && peek(scanner, 0) != '\n')
        scanner->at++;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_';
}

/* A name or number; "1e-3" and "0x1p+2" take their sign along. */
static void skip_word(struct scanner *scanner)
{
    bool number = peek(scanner, 0) >= '0' && peek(scanner, 0) <= '9';
    size_t from = scanner->at;

    while (is_name_byte(peek(scanner, 0)) || (number && peek(scanner, 0) == '.')) {
        char byte = peek(scanner, 0), next = peek(scanner, 1);

        scanner->at++;
        if (number && (byte == 'e' || byte == 'E' || byte == 'p' || byte == 'P') && (next == '+' || next == '-'))
            scanner->at++;
    }
    scanner->previous = slice_sub(scanner->source, from, scanner->at);
}

static bool inside_index(const struct scanner *scanner)
{
    int i;

    for (i = 0; i < scanner->depth && i < 256; i++)
        if (scanner->nesting[i].is_index)
            return true;
    return false;
}

static void open_bracket(struct scanner *scanner, char closer, bool is_index)
{
    if (scanner->depth < 256) {
        scanner->nesting[scanner->depth].closer = closer;
        scanner->nesting[scanner->depth].is_index = is_index;
    }
    scanner->depth++;
}

static void check_bitwise(struct scanner *scanner, size_t length)
{
    char text[160];

    (void)snprintf(text, sizeof text,
                   "the operator \"%.*s\" is not allowed: Lua 5.4.4 compiles bitwise operators wrongly in large files",
                   (int)length, scanner->source.data + scanner->at);
    refuse(scanner, text);
}

/* One operator; returns its length. */
static size_t operator_at(struct scanner *scanner)
{
    char byte = peek(scanner, 0), next = peek(scanner, 1);

    switch (byte) {
    case '&':
    case '|':
        check_bitwise(scanner, 1);
        return 1;
    case '~':
        if (next != '=') {
            check_bitwise(scanner, 1);
            return 1;
        }
        break;
    case '^':
        refuse(scanner, "the operator \"^\" is not allowed: its result may differ between machines; multiply instead");
        return 1;
    case '/':
        return next == '/' ? 2 : 1;
    case '<':
    case '>':
        if (next == byte) {
            check_bitwise(scanner, 2);
            return 2;
        }
        break;
    case '=':
        if (next != '=')
            return 1;
        break;
    default:
        return 1;
    }
    if (inside_index(scanner))
        refuse(scanner,
               "a comparison inside [ ] is not allowed: Lua 5.4.4 compiles some of them wrongly; compare into a local first");
    return next == '=' ? 2 : 1;
}

static void check_close(struct scanner *scanner)
{
    struct slice rest = slice_sub(scanner->source, scanner->at, scanner->at + 64);
    size_t i = 1;

    while (i < rest.size && (rest.data[i] == ' ' || rest.data[i] == '\t'))
        i++;
    rest = slice_sub(rest, i, rest.size);
    if (!slice_starts_with(rest, SLICE("close")) || (rest.size > 5 && is_name_byte(rest.data[5])))
        return;
    for (i = 5; i < rest.size && (rest.data[i] == ' ' || rest.data[i] == '\t'); i++)
        continue;
    if (i < rest.size && rest.data[i] == '>')
        refuse(scanner, "<close> variables are not allowed: nothing in a policy needs closing");
}

static void symbol(struct scanner *scanner)
{
    size_t from = scanner->at, length = 1;

    switch (peek(scanner, 0)) {
    case '[':
        open_bracket(scanner, ']', true);
        break;
    case '(':
        open_bracket(scanner, ')', false);
        break;
    case '{':
        open_bracket(scanner, '}', false);
        break;
    case ']':
    case ')':
    case '}':
        if (scanner->depth > 0)
            scanner->depth--;
        break;
    case '<':
        check_close(scanner);
        length = operator_at(scanner);
        break;
    default:
        length = operator_at(scanner);
    }
    scanner->at += length;
    scanner->previous = slice_sub(scanner->source, from, scanner->at);
}

static void next_token(struct scanner *scanner)
{
    char byte = peek(scanner, 0);

    if (strchr(" \t\r\n\f\v", byte) != NULL) /* NUL, too */
        step(scanner);
    else if (byte == '-' && peek(scanner, 1) == '-')
        skip_comment(scanner);
    else if (byte == '"' || byte == '\'')
        skip_text(scanner);
    else if (is_name_byte(byte))
        skip_word(scanner);
    else if (byte != '[' || !skip_long(scanner))
        symbol(scanner);
}

bool lint_source(struct slice path, struct slice source, struct policy_report *report)
{
    struct scanner scanner = {.source = source, .path = path, .line = 1, .report = report, .good = true};

    while (scanner.at < source.size)
        next_token(&scanner);
    return scanner.good;
}
