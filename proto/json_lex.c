#include "proto/json_lex.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEX_NUMBER_MAX = 60 }; /* characters of a number: what cJSON reads is at most 63 */

enum status json_lex_fail(struct json_lex *s, size_t at, enum status status, const char *format, ...)
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
static enum status scan_unicode(struct json_lex *s, size_t *at, uint32_t *code_point)
{
    int32_t high = read_hex4(s->text, *at + 1), low;

    if (high < 0)
        return json_lex_fail(s, *at - 1, STATUS_INVALID, "\\u needs four hexadecimal digits");
    if (high == 0)
        return json_lex_fail(s, *at - 1, STATUS_INVALID, "the character U+0000 is not accepted");
    *at += 5;
    *code_point = (uint32_t)high;
    if (high < 0xD800 || high > 0xDFFF)
        return STATUS_OK;
    low =
        *at + 1 < s->text.size && s->text.data[*at] == '\\' && s->text.data[*at + 1] == 'u' ? read_hex4(s->text, *at + 2) : -1;
    if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
        return json_lex_fail(s, *at - 6, STATUS_INVALID, "an unpaired surrogate is no character");
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

static enum status scan_escape(struct json_lex *s, uint64_t *hash)
{
    uint32_t code_point = 0;
    char bytes[4];
    int simple;
    size_t size;
    enum status status;

    s->at++;
    if (json_lex_peek(s) < 0)
        return json_lex_fail(s, s->at, STATUS_INVALID, "the text ends inside a string");
    simple = simple_escape(s->text.data[s->at]);
    if (simple >= 0) {
        s->at++;
        *hash = hash_byte(*hash, (unsigned char)simple);
        return STATUS_OK;
    }
    if (s->text.data[s->at] != 'u')
        return json_lex_fail(s, s->at - 1, STATUS_INVALID, "unknown escape sequence in a string");
    status = scan_unicode(s, &s->at, &code_point);
    if (status != STATUS_OK)
        return status;
    size = text_encode_utf8(code_point, bytes);
    for (size_t i = 0; i < size; i++)
        *hash = hash_byte(*hash, (unsigned char)bytes[i]);
    return STATUS_OK;
}

static enum status scan_wide(struct json_lex *s, uint64_t *hash)
{
    uint32_t code_point;
    size_t size = text_decode_utf8(s->text, s->at, &code_point);

    if (size == 0)
        return json_lex_fail(s, s->at, STATUS_INVALID, "the text is not valid UTF-8 here");
    for (size_t i = 0; i < size; i++)
        *hash = hash_byte(*hash, (unsigned char)s->text.data[s->at + i]);
    s->at += size;
    return STATUS_OK;
}

/* Eight bytes at once: is one of them a quote, a backslash, a control character, or not ASCII? */
static bool is_plain(const char *bytes)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
    uint64_t x, quote, backslash;

    memcpy(&x, bytes, sizeof x);
    quote = x ^ ones * '"';
    backslash = x ^ ones * '\\';
    return ((x | ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops) == 0;
}

static void skip_plain(struct json_lex *s)
{
    while (s->text.size - s->at >= 8 && is_plain(s->text.data + s->at))
        s->at += 8;
}

enum status json_lex_string(struct json_lex *s, bool hashed, struct json_lex_text *out)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    enum status status = STATUS_OK;

    *out = (struct json_lex_text){.at = ++s->at};
    while (status == STATUS_OK) {
        int c;

        if (!hashed)
            skip_plain(s);
        c = json_lex_peek(s);
        if (c < 0)
            return json_lex_fail(s, s->at, STATUS_INVALID, "the text ends inside a string");
        if (c == '"')
            break;
        if (c < 0x20)
            return json_lex_fail(s, s->at, STATUS_INVALID, "a control character in a string must be escaped");
        if (c == '\\') {
            out->escaped = true;
            status = scan_escape(s, &hash);
        } else if (c >= 0x80) {
            status = scan_wide(s, &hash);
        } else {
            hash = hash_byte(hash, (unsigned char)c);
            s->at++;
        }
    }
    out->size = s->at++ - out->at;
    out->hash = hash;
    return status;
}

uint32_t json_lex_character(struct slice source, size_t *at)
{
    uint32_t code_point = (unsigned char)source.data[*at];

    if (code_point == '\\' && source.data[*at + 1] == 'u') {
        code_point = (uint32_t)read_hex4(source, *at + 2);
        *at += 6;
        if (code_point >= 0xD800 && code_point <= 0xDBFF) {
            code_point = 0x10000u + ((code_point - 0xD800u) << 10) + ((uint32_t)read_hex4(source, *at + 2) - 0xDC00u);
            *at += 6;
        }
    } else if (code_point == '\\') {
        code_point = (uint32_t)simple_escape(source.data[*at + 1]);
        *at += 2;
    } else {
        *at += text_decode_utf8(source, *at, &code_point);
    }
    return code_point;
}

/* ---- numbers ---- */

static size_t skip_digits(struct json_lex *s)
{
    size_t from = s->at;

    while (json_lex_peek(s) >= '0' && json_lex_peek(s) <= '9')
        s->at++;
    return s->at - from;
}

static enum status check_magnitude(struct json_lex *s, size_t from, double *value)
{
    char copy[LEX_NUMBER_MAX + 1];

    memcpy(copy, s->text.data + from, s->at - from);
    copy[s->at - from] = '\0';
    *value = strtod(copy, NULL);
    if (!isfinite(*value))
        return json_lex_fail(s, from, STATUS_INVALID, "the number is too large for a double");
    if (fabs(*value) > (double)JSON_INTEGER_MAX)
        return json_lex_fail(s, from, STATUS_INVALID, "a number beyond 2^53-1 loses digits; send a string");
    return STATUS_OK;
}

/* An integer of at most 15 digits, which a double holds exactly. */
static double read_integer(const struct json_lex *s, size_t from)
{
    bool negative = s->text.data[from] == '-';
    int64_t value = 0;

    for (size_t i = from + negative; i < s->at; i++)
        value = value * 10 + (s->text.data[i] - '0');
    return negative ? -(double)value : (double)value; /* -0 stays what it is */
}

enum status json_lex_number(struct json_lex *s, double *value)
{
    size_t from = s->at, digits;
    bool plain = true;

    if (json_lex_peek(s) == '-')
        s->at++;
    if (json_lex_peek(s) == '0' && s->at + 1 < s->text.size && s->text.data[s->at + 1] >= '0' && s->text.data[s->at + 1] <= '9')
        return json_lex_fail(s, s->at, STATUS_INVALID, "a number must not begin with 0");
    digits = skip_digits(s);
    if (digits == 0)
        return json_lex_fail(s, from, STATUS_INVALID, "expected a value");
    if (json_lex_peek(s) == '.') {
        s->at++;
        plain = false;
        if (skip_digits(s) == 0)
            return json_lex_fail(s, s->at, STATUS_INVALID, "expected a digit after the decimal point");
    }
    if (json_lex_peek(s) == 'e' || json_lex_peek(s) == 'E') {
        s->at++;
        plain = false;
        if (json_lex_peek(s) == '+' || json_lex_peek(s) == '-')
            s->at++;
        if (skip_digits(s) == 0)
            return json_lex_fail(s, s->at, STATUS_INVALID, "expected a digit in the exponent");
    }
    if (s->at - from > LEX_NUMBER_MAX)
        return json_lex_fail(s, from, STATUS_INVALID, "a number has at most %d characters; send a string", LEX_NUMBER_MAX);
    if (!plain || digits >= 16)
        return check_magnitude(s, from, value);
    *value = read_integer(s, from);
    return STATUS_OK;
}
