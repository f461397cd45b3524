/*
 * The validator of RFC 8259. One pass over the bytes, with an explicit bound on depth, no allocation for ordinary documents.
 * Duplicate member names are found by hash when their object ends: pairwise for few, by sorting for many.
 */
#include "base/text.h"
#include "proto/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SCAN_NAMES_LOCAL = 96,  /* names of open objects kept without an allocation */
    SCAN_PAIRWISE_MAX = 12, /* members up to which comparing each with each is cheaper than sorting */
    SCAN_NUMBER_MAX = 60    /* characters of a number: cJSON reads at most 63 */
};

const struct json_limits json_limits_default = {.bytes = JSON_BYTES_MAX, .depth = JSON_DEPTH_MAX, .members = JSON_MEMBERS_MAX};

struct scan_name {
    uint64_t hash;
    size_t at, size; /* between the quotes, as written */
};

struct scanner {
    struct slice text;
    size_t at;
    const struct json_limits *limits;
    struct error *error;
    struct scan_name *names;
    size_t name_count, name_capacity;
    struct scan_name local[SCAN_NAMES_LOCAL];
};

static enum status scan_value(struct scanner *s, unsigned depth);

static enum status scan_fail(struct scanner *s, size_t at, enum status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum status scan_fail(struct scanner *s, size_t at, enum status status, const char *format, ...)
{
    char where[64];
    unsigned long line = 1, column = 1;
    va_list arguments;

    for (size_t i = 0; i < at && i < s->text.size; i++) {
        column = s->text.data[i] == '\n' ? 1 : column + 1;
        line += s->text.data[i] == '\n';
    }
    snprintf(where, sizeof where, "line %lu column %lu", line, column);
    va_start(arguments, format);
    error_set_v(s->error, status, where, format, arguments);
    va_end(arguments);
    return status;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->text.size) {
        char c = s->text.data[s->at];

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        s->at++;
    }
}

static int peek(const struct scanner *s)
{
    return s->at < s->text.size ? (unsigned char)s->text.data[s->at] : -1;
}

/* ---- strings ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at `at`; -1 when they are not. */
static int32_t read_hex4(struct slice text, size_t at)
{
    int32_t unit = 0;

    for (size_t i = at; i < at + 4; i++) {
        int digit = i < text.size ? hex_value(text.data[i]) : -1;

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The code point of a \u escape whose 'u' is at `*at`; moves past it (and past the second half of a pair). */
static enum status scan_unicode(struct scanner *s, size_t *at, uint32_t *code_point)
{
    int32_t high = read_hex4(s->text, *at + 1), low;

    if (high < 0)
        return scan_fail(s, *at - 1, STATUS_INVALID, "\\u needs four hexadecimal digits");
    if (high == 0)
        return scan_fail(s, *at - 1, STATUS_INVALID, "the character U+0000 is not accepted");
    *at += 5;
    *code_point = (uint32_t)high;
    if (high < 0xD800 || high > 0xDFFF)
        return STATUS_OK;
    low =
        *at + 1 < s->text.size && s->text.data[*at] == '\\' && s->text.data[*at + 1] == 'u' ? read_hex4(s->text, *at + 2) : -1;
    if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
        return scan_fail(s, *at - 6, STATUS_INVALID, "an unpaired surrogate is no character");
    *code_point = 0x10000u + (((uint32_t)high - 0xD800u) << 10) + ((uint32_t)low - 0xDC00u);
    *at += 6;
    return STATUS_OK;
}

static int simple_escape(char c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *hit = c ? strchr(from, c) : NULL;

    return hit ? to[hit - from] : -1;
}

static uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * UINT64_C(1099511628211);
}

static enum status scan_escape(struct scanner *s, uint64_t *hash)
{
    uint32_t code_point = 0;
    char bytes[4];
    int simple;
    size_t size;
    enum status status;

    s->at++;
    if (peek(s) < 0)
        return scan_fail(s, s->at, STATUS_INVALID, "the text ends inside a string");
    simple = simple_escape(s->text.data[s->at]);
    if (simple >= 0) {
        s->at++;
        *hash = hash_byte(*hash, (unsigned char)simple);
        return STATUS_OK;
    }
    if (s->text.data[s->at] != 'u')
        return scan_fail(s, s->at - 1, STATUS_INVALID, "unknown escape sequence in a string");
    status = scan_unicode(s, &s->at, &code_point);
    if (status != STATUS_OK)
        return status;
    size = text_encode_utf8(code_point, bytes);
    for (size_t i = 0; i < size; i++)
        *hash = hash_byte(*hash, (unsigned char)bytes[i]);
    return STATUS_OK;
}

static enum status scan_wide(struct scanner *s, uint64_t *hash)
{
    uint32_t code_point;
    size_t size = text_decode_utf8(s->text, s->at, &code_point);

    if (size == 0)
        return scan_fail(s, s->at, STATUS_INVALID, "the text is not valid UTF-8 here");
    for (size_t i = 0; i < size; i++)
        *hash = hash_byte(*hash, (unsigned char)s->text.data[s->at + i]);
    s->at += size;
    return STATUS_OK;
}

/* At the opening quote; ends past the closing one. The hash is over the decoded characters. */
static enum status scan_string(struct scanner *s, uint64_t *out_hash)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    enum status status = STATUS_OK;

    s->at++;
    while (status == STATUS_OK) {
        int c = peek(s);

        if (c < 0)
            return scan_fail(s, s->at, STATUS_INVALID, "the text ends inside a string");
        if (c == '"')
            break;
        if (c < 0x20)
            return scan_fail(s, s->at, STATUS_INVALID, "a control character in a string must be escaped");
        if (c == '\\') {
            status = scan_escape(s, &hash);
        } else if (c >= 0x80) {
            status = scan_wide(s, &hash);
        } else {
            hash = hash_byte(hash, (unsigned char)c);
            s->at++;
        }
    }
    s->at++;
    *out_hash = hash;
    return status;
}

/* ---- numbers ---- */

static size_t skip_digits(struct scanner *s)
{
    size_t from = s->at;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - from;
}

static enum status check_magnitude(struct scanner *s, size_t from)
{
    char copy[SCAN_NUMBER_MAX + 1];
    double value;

    memcpy(copy, s->text.data + from, s->at - from);
    copy[s->at - from] = '\0';
    value = strtod(copy, NULL);
    if (!isfinite(value))
        return scan_fail(s, from, STATUS_INVALID, "the number is too large for a double");
    if (fabs(value) > (double)JSON_INTEGER_MAX)
        return scan_fail(s, from, STATUS_INVALID, "a number beyond 2^53-1 loses digits; send a string");
    return STATUS_OK;
}

static enum status scan_number(struct scanner *s)
{
    size_t from = s->at, digits;
    bool plain = true;

    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0' && s->at + 1 < s->text.size && s->text.data[s->at + 1] >= '0' && s->text.data[s->at + 1] <= '9')
        return scan_fail(s, s->at, STATUS_INVALID, "a number must not begin with 0");
    digits = skip_digits(s);
    if (digits == 0)
        return scan_fail(s, from, STATUS_INVALID, "expected a value");
    if (peek(s) == '.') {
        s->at++;
        plain = false;
        if (skip_digits(s) == 0)
            return scan_fail(s, s->at, STATUS_INVALID, "expected a digit after the decimal point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        plain = false;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (skip_digits(s) == 0)
            return scan_fail(s, s->at, STATUS_INVALID, "expected a digit in the exponent");
    }
    if (s->at - from > SCAN_NUMBER_MAX)
        return scan_fail(s, from, STATUS_INVALID, "a number has at most %d characters; send a string", SCAN_NUMBER_MAX);
    return plain && digits < 16 ? STATUS_OK : check_magnitude(s, from);
}

/* ---- names ---- */

static bool push_name(struct scanner *s, const struct scan_name *name)
{
    if (s->name_count == s->name_capacity) {
        size_t capacity = s->name_capacity * 2;
        struct scan_name *grown = malloc(capacity * sizeof *grown);

        if (!grown)
            return false;
        memcpy(grown, s->names, s->name_count * sizeof *grown);
        if (s->names != s->local)
            free(s->names);
        s->names = grown;
        s->name_capacity = capacity;
    }
    s->names[s->name_count++] = *name;
    return true;
}

/* One decoded character of a name that has been validated; moves past it. */
static uint32_t next_character(struct slice name, size_t *at)
{
    uint32_t code_point = (unsigned char)name.data[*at];

    if (code_point == '\\' && name.data[*at + 1] == 'u') {
        code_point = (uint32_t)read_hex4(name, *at + 2);
        *at += 6;
        if (code_point >= 0xD800 && code_point <= 0xDBFF) {
            code_point = 0x10000u + ((code_point - 0xD800u) << 10) + ((uint32_t)read_hex4(name, *at + 2) - 0xDC00u);
            *at += 6;
        }
    } else if (code_point == '\\') {
        code_point = (uint32_t)simple_escape(name.data[*at + 1]);
        *at += 2;
    } else {
        *at += text_decode_utf8(name, *at, &code_point);
    }
    return code_point;
}

static bool same_name(const struct scanner *s, const struct scan_name *a, const struct scan_name *b)
{
    struct slice x = slice_sub(s->text, a->at, a->at + a->size), y = slice_sub(s->text, b->at, b->at + b->size);
    size_t i = 0, j = 0;

    if (a->hash != b->hash)
        return false;
    while (i < x.size && j < y.size) {
        if (next_character(x, &i) != next_character(y, &j))
            return false;
    }
    return i == x.size && j == y.size;
}

static int compare_names(const void *a, const void *b)
{
    const struct scan_name *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static enum status duplicate_name(struct scanner *s, const struct scan_name *name)
{
    return scan_fail(s, name->at - 1, STATUS_INVALID, "the member \"%.*s\" is given twice",
                     (int)(name->size > 64 ? 64 : name->size), s->text.data + name->at);
}

static enum status check_duplicates(struct scanner *s, size_t from)
{
    struct scan_name *names = s->names + from;
    size_t count = s->name_count - from;

    if (count <= SCAN_PAIRWISE_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (same_name(s, &names[i], &names[j]))
                    return duplicate_name(s, &names[i]);
            }
        }
        return STATUS_OK;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (same_name(s, &names[i - 1], &names[i]))
            return duplicate_name(s, &names[i]);
    }
    return STATUS_OK;
}

/* ---- values ---- */

static enum status scan_member(struct scanner *s, unsigned depth)
{
    struct scan_name name = {.at = s->at + 1};
    enum status status;

    if (peek(s) != '"')
        return scan_fail(s, s->at, STATUS_INVALID,
                         peek(s) < 0 ? "the text ends too early" : "expected a member name in double quotes");
    status = scan_string(s, &name.hash);
    if (status != STATUS_OK)
        return status;
    name.size = s->at - 1 - name.at;
    if (!push_name(s, &name))
        return error_set(s->error, STATUS_NO_MEMORY, "", "out of memory");
    skip_space(s);
    if (peek(s) != ':')
        return scan_fail(s, s->at, STATUS_INVALID, "expected ':' after a member name");
    s->at++;
    skip_space(s);
    return scan_value(s, depth);
}

/* The inside of an object or array, from the opening bracket to past the closing one. */
static enum status scan_items(struct scanner *s, unsigned depth, char close)
{
    unsigned count = 0;
    enum status status = STATUS_OK;

    if (depth > s->limits->depth)
        return scan_fail(s, s->at, STATUS_TOO_LARGE, "nested deeper than %u", s->limits->depth);
    s->at++;
    skip_space(s);
    if (peek(s) == close) {
        s->at++;
        return STATUS_OK;
    }
    while (status == STATUS_OK) {
        if (++count > s->limits->members)
            return scan_fail(s, s->at, STATUS_TOO_LARGE, "more than %u members or elements", s->limits->members);
        status = close == '}' ? scan_member(s, depth) : scan_value(s, depth);
        if (status != STATUS_OK)
            break;
        skip_space(s);
        if (peek(s) == close) {
            s->at++;
            break;
        }
        if (peek(s) != ',')
            return scan_fail(s, s->at, STATUS_INVALID, peek(s) < 0 ? "the text ends too early" : "expected ',' or '%c'", close);
        s->at++;
        skip_space(s);
    }
    return status;
}

static enum status scan_object(struct scanner *s, unsigned depth)
{
    size_t names = s->name_count;
    enum status status = scan_items(s, depth, '}');

    if (status == STATUS_OK)
        status = check_duplicates(s, names);
    s->name_count = names;
    return status;
}

static enum status scan_word(struct scanner *s, const char *word)
{
    if (!slice_starts_with(slice_sub(s->text, s->at, SIZE_MAX), slice_from_str(word)))
        return scan_fail(s, s->at, STATUS_INVALID, "expected a value");
    s->at += strlen(word);
    return STATUS_OK;
}

static enum status scan_value(struct scanner *s, unsigned depth)
{
    uint64_t hash;

    switch (peek(s)) {
    case -1:
        return scan_fail(s, s->at, STATUS_INVALID, "the text ends where a value is expected");
    case '{':
        return scan_object(s, depth + 1);
    case '[':
        return scan_items(s, depth + 1, ']');
    case '"':
        return scan_string(s, &hash);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

enum status json_scan(struct slice text, const struct json_limits *limits, struct error *error)
{
    struct scanner s;
    enum status status;

    s.text = text;
    s.at = 0;
    s.limits = limits;
    s.error = error;
    s.names = s.local;
    s.name_count = 0;
    s.name_capacity = SCAN_NAMES_LOCAL;
    if (text.size > limits->bytes)
        return error_set(error, STATUS_TOO_LARGE, "", "the JSON text is larger than %zu bytes", limits->bytes);
    if (slice_starts_with(text, SLICE("\xEF\xBB\xBF")))
        return scan_fail(&s, 0, STATUS_INVALID, "the text begins with a byte order mark; send it without");
    skip_space(&s);
    status = scan_value(&s, 0);
    skip_space(&s);
    if (status == STATUS_OK && s.at < text.size)
        status = scan_fail(&s, s.at, STATUS_INVALID, "text after the end of the JSON value");
    if (s.names != s.local)
        free(s.names);
    return status;
}
