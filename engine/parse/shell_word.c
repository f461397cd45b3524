#include "parse/shell_internal.h"

#include "base/text.h"

/* Reads one word. What the scanner sees must agree with the tree at every byte; else the word is not understood. */
struct scanner {
    struct shell_run *run;
    const struct syntax_tree *tree;
    struct slice text;
    size_t at, end;
    const uint32_t *holes;
    size_t hole_count;
    enum shell_word_mode mode;
    char *out;
    size_t size;
    struct parse_word word;
    bool expanded; /* something other than a glob is unknown */
    bool in_double;
    unsigned braces;
    bool brace_separator;
    const char *problem;
};

size_t shell_hole_start(const struct syntax_tree *tree, uint32_t node)
{
    size_t at = tree->nodes[node].start;

    while (at < tree->nodes[node].end &&
           (tree->text.data[at] == ' ' || tree->text.data[at] == '\t' || tree->text.data[at] == '\n'))
        at++;
    return at;
}

/* Quotes can keep "$(" or a backquote from running now, but arithmetic runs what it finds in a value. */
static void put(struct scanner *s, char byte)
{
    if (byte == '`' || (byte == '(' && s->size > 0 && s->out[s->size - 1] == '$'))
        s->run->has_latent_code = true;
    s->out[s->size++] = byte;
}

static void mark_unknown(struct scanner *s, bool multiple)
{
    if (!s->word.dynamic)
        s->word.literal = s->size;
    s->word.dynamic = true;
    s->word.multiple |= multiple;
}

static void mark_glob(struct scanner *s)
{
    if (s->mode == SHELL_WORD_ARGUMENT) {
        mark_unknown(s, true);
        s->word.glob = true;
    }
}

/* Copies an expansion as it is written. False when none begins here. */
static bool take_hole(struct scanner *s)
{
    uint32_t node;
    bool all;

    if (s->hole_count == 0 || shell_hole_start(s->tree, s->holes[0]) != s->at)
        return false;
    node = s->holes[0];
    s->holes++;
    s->hole_count--;
    if (s->tree->nodes[node].end > s->end) {
        s->problem = "an expansion reaches past its word";
        return true;
    }
    all = slice_find(slice_sub(s->text, s->at, s->tree->nodes[node].end), '@', 0) != SIZE_MAX;
    mark_unknown(s, (!s->in_double && s->mode == SHELL_WORD_ARGUMENT) || all);
    s->expanded = true;
    memcpy(s->out + s->size, s->tree->written.data + s->at, s->tree->nodes[node].end - s->at);
    s->size += s->tree->nodes[node].end - s->at;
    s->at = s->tree->nodes[node].end;
    return true;
}

static bool begins_expansion(char next)
{
    return (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9') ||
           (next != '\0' && strchr("_{([@*#?$!-", next) != NULL);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static uint32_t take_digits(struct scanner *s, unsigned max, unsigned base, unsigned *count)
{
    uint32_t value = 0;

    for (*count = 0; *count < max && s->at < s->end; (*count)++) {
        int digit = hex_value(s->text.data[s->at]);

        if (digit < 0 || (unsigned)digit >= base)
            break;
        value = value * base + (uint32_t)digit;
        s->at++;
    }
    return value;
}

static void put_number(struct scanner *s, uint32_t value, unsigned digits, bool code_point)
{
    char bytes[4];

    if (digits == 0 || value == 0 || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff && code_point)) {
        s->problem = "a character in $'…' is not understood";
        return;
    }
    if (!code_point) {
        put(s, (char)(unsigned char)value);
        return;
    }
    for (size_t i = 0, count = text_encode_utf8(value, bytes); i < count; i++)
        put(s, bytes[i]);
}

/* After the backslash in $'…'; bash(1), QUOTING. */
static void take_ansi_escape(struct scanner *s)
{
    static const char from[] = "abeEfnrtv\\'\"?";
    static const char to[] = "\a\b\033\033\f\n\r\t\v\\'\"?";
    char c = s->text.data[s->at];
    const char *simple = c != '\0' ? strchr(from, c) : NULL;
    unsigned digits;
    uint32_t value;

    if (simple != NULL) {
        put(s, to[simple - from]);
        s->at++;
    } else if (c >= '0' && c <= '7') {
        value = take_digits(s, 3, 8, &digits);
        put_number(s, value & 0xff, digits, false);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        s->at++;
        value = take_digits(s, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &digits);
        put_number(s, value, digits, c != 'x');
    } else if (c == 'c') {
        s->problem = "a control character in $'…' is not understood";
    } else {
        put(s, '\\');
    }
}

static void take_ansi(struct scanner *s)
{
    while (s->problem == NULL) {
        if (s->at >= s->end) {
            s->problem = "a quote is not closed";
        } else if (s->text.data[s->at] == '\'') {
            s->at++;
            return;
        } else if (s->text.data[s->at] == '\\' && s->at + 1 < s->end) {
            s->at++;
            take_ansi_escape(s);
        } else {
            put(s, s->text.data[s->at++]);
        }
    }
}

static void take_single(struct scanner *s)
{
    while (s->at < s->end && s->text.data[s->at] != '\'')
        put(s, s->text.data[s->at++]);
    if (s->at >= s->end)
        s->problem = "a quote is not closed";
    s->at++;
}

/* A '$' or backquote that the tree did not take for an expansion. */
static void take_dollar(struct scanner *s)
{
    char c = s->text.data[s->at];
    char next = s->at + 1 < s->end ? s->text.data[s->at + 1] : '\0';

    if (c == '`' || begins_expansion(next))
        s->problem = "an expansion is not understood";
    put(s, c);
    s->at++;
}

static void take_double(struct scanner *s)
{
    s->in_double = true;
    while (s->problem == NULL && !(s->at < s->end && s->text.data[s->at] == '"')) {
        char c = s->at < s->end ? s->text.data[s->at] : '\0';
        char next = s->at + 1 < s->end ? s->text.data[s->at + 1] : '\0';

        if (s->at >= s->end)
            s->problem = "a quote is not closed";
        else if (take_hole(s))
            continue;
        else if (c == '\\' && next == '\n')
            s->at += 2;
        else if (c == '\\' && next != '\0' && strchr("$`\"\\", next) != NULL) {
            put(s, next);
            s->at += 2;
        } else if (c == '$' || c == '`')
            take_dollar(s);
        else {
            put(s, c);
            s->at++;
        }
    }
    s->at++;
    s->in_double = false;
}

static void take_backslash(struct scanner *s)
{
    if (s->at + 1 >= s->end) {
        s->problem = "a backslash stands at the end";
    } else {
        if (s->text.data[s->at + 1] != '\n')
            put(s, s->text.data[s->at + 1]);
        s->at += 2;
    }
}

static void note_special(struct scanner *s, char c, bool first)
{
    char before = s->at > 0 ? s->text.data[s->at - 1] : '\0';

    if (c == '*' || c == '?' || c == '[')
        mark_glob(s);
    else if (c == '{')
        s->braces++;
    else if (s->braces > 0 && (c == ',' || (c == '.' && before == '.')))
        s->brace_separator = true;
    else if (c == '}' && s->brace_separator)
        mark_glob(s);
    else if (c == '~' && (first || (s->mode == SHELL_WORD_VALUE && before == ':'))) {
        mark_unknown(s, false);
        s->expanded = true;
    } else if (c == '#' && first && s->mode == SHELL_WORD_ARGUMENT)
        s->problem = "a comment is not understood";
}

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == ';' || c == '&' || c == '|' || c == '<' || c == '>' || c == '(' ||
           c == ')';
}

static void take_unquoted(struct scanner *s, size_t start)
{
    char c = s->text.data[s->at];
    char next = s->at + 1 < s->end ? s->text.data[s->at + 1] : '\0';

    if (take_hole(s))
        return;
    if (c == '\\') {
        take_backslash(s);
    } else if (c == '\'') {
        s->at++;
        take_single(s);
    } else if (c == '"' || (c == '$' && next == '"')) {
        s->at += c == '"' ? 1 : 2;
        take_double(s);
    } else if (c == '$' && next == '\'') {
        s->at += 2;
        take_ansi(s);
    } else if (c == '$' || c == '`') {
        take_dollar(s);
    } else if (ends_word(c)) {
        s->problem = "a word is not understood";
    } else {
        note_special(s, c, s->at == start);
        put(s, c);
        s->at++;
    }
}

static bool is_plain(struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c <= ' ' || strchr("\\'\"$`*?[]{}~#;&|<>()", c) != NULL)
            return false;
    }
    return true;
}

static bool finish(struct scanner *s)
{
    if (s->problem == NULL && (s->hole_count > 0 || s->at != s->end))
        s->problem = "an expansion is not understood";
    if (s->problem != NULL) {
        shell_fail_about(s->run, s->problem, slice_sub(s->text, s->at > 16 ? s->at - 16 : 0, s->at + 16));
        s->word.dynamic = true;
    }
    s->word.text = slice_from(s->out, s->size);
    if (!s->word.dynamic)
        s->word.literal = s->size;
    s->word.glob = s->word.glob && !s->expanded;
    return s->problem == NULL;
}

bool shell_read_word(struct shell_run *run, const struct syntax_tree *tree, size_t start, size_t end, const uint32_t *holes,
                     size_t hole_count, enum shell_word_mode mode, struct parse_word *out)
{
    struct scanner s = {.run = run,
                        .tree = tree,
                        .text = tree->text,
                        .at = start,
                        .end = end,
                        .holes = holes,
                        .hole_count = hole_count,
                        .mode = mode};
    bool fine;

    *run->work += end - start;
    if (hole_count == 0 && is_plain(slice_sub(tree->text, start, end))) {
        *out = parse_word_static(slice_sub(tree->text, start, end));
        return true;
    }
    s.out = (char *)arena_alloc(run->arena, end - start + 1);
    if (s.out == NULL) {
        run->no_memory = true;
        *out = (struct parse_word){.dynamic = true};
        return false;
    }
    while (s.problem == NULL && s.at < s.end)
        take_unquoted(&s, start);
    fine = finish(&s);
    *out = s.word;
    return fine;
}

struct slice shell_quote(struct slice text, struct arena *arena, uint64_t *work)
{
    struct buf out;

    *work += text.size + 1;
    if (text.size > 0 && is_plain(text) && memchr(text.data, '=', text.size) == NULL &&
        memchr(text.data, '!', text.size) == NULL)
        return arena_copy(arena, text);
    buf_create(&out, arena);
    buf_add_char(&out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buf_add_str(&out, "'\\''");
        else
            buf_add_char(&out, text.data[i]);
    }
    buf_add_char(&out, '\'');
    return out.failed ? (struct slice){0} : buf_slice(&out);
}
