#include "base/text.h"

#include <stdio.h>

enum { DISTANCE_TEXT_MAX = 64 };

static bool continues(struct slice text, size_t at, size_t count)
{
    if (count > text.size - at)
        return false;
    for (size_t i = 1; i < count; i++)
        if (((unsigned char)text.data[at + i] & 0xC0U) != 0x80U)
            return false;
    return true;
}

static uint32_t low6(struct slice text, size_t at)
{
    return (unsigned char)text.data[at] & 0x3FU;
}

size_t text_decode_utf8(struct slice text, size_t at, uint32_t *code_point)
{
    uint32_t first = (unsigned char)text.data[at];

    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF && continues(text, at, 2)) {
        *code_point = (first & 0x1FU) << 6 | low6(text, at + 1);
        return 2;
    }
    if ((first & 0xF0U) == 0xE0 && continues(text, at, 3)) {
        *code_point = (first & 0x0FU) << 12 | low6(text, at + 1) << 6 | low6(text, at + 2);
        return *code_point >= 0x800 && (*code_point < 0xD800 || *code_point > 0xDFFF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4 && continues(text, at, 4)) {
        *code_point = (first & 0x07U) << 18 | low6(text, at + 1) << 12 | low6(text, at + 2) << 6 | low6(text, at + 3);
        return *code_point >= 0x10000 && *code_point <= 0x10FFFF ? 4 : 0;
    }
    return 0;
}

bool text_is_utf8(struct slice text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t code_point;
        size_t length = text_decode_utf8(text, at, &code_point);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

size_t text_encode_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0U | c >> 6);
        out[1] = (char)(0x80U | (c & 0x3FU));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0U | c >> 12);
        out[1] = (char)(0x80U | (c >> 6 & 0x3FU));
        out[2] = (char)(0x80U | (c & 0x3FU));
        return 3;
    }
    out[0] = (char)(0xF0U | c >> 18);
    out[1] = (char)(0x80U | (c >> 12 & 0x3FU));
    out[2] = (char)(0x80U | (c >> 6 & 0x3FU));
    out[3] = (char)(0x80U | (c & 0x3FU));
    return 4;
}

bool text_is_unsafe(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F))
        return true;
    if (c < 0xAD)
        return false;
    return c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

static size_t put(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    return size;
}

static size_t put_hex(char *out, const char *format, uint32_t value)
{
    return (size_t)snprintf(out, TEXT_ESCAPED_MAX, format, (unsigned)value);
}

static size_t escape_json(uint32_t c, const char *bytes, size_t length, char *out)
{
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c == '\n')
        return put(out, "\\n", 2);
    if (c == '\t')
        return put(out, "\\t", 2);
    if (c == '\r')
        return put(out, "\\r", 2);
    if (!text_is_unsafe(c))
        return put(out, bytes, length);
    if (c < 0x10000)
        return put_hex(out, "\\u%04x", c);
    length = put_hex(out, "\\u%04x", 0xD800U + ((c - 0x10000U) >> 10));
    return length + (size_t)snprintf(out + length, TEXT_ESCAPED_MAX - length, "\\u%04x",
                                     (unsigned)(0xDC00U + ((c - 0x10000U) & 0x3FFU)));
}

static size_t escape_terminal(uint32_t c, const char *bytes, size_t length, bool one_line, char *out)
{
    if ((c == '\n' || c == '\t') && !one_line)
        return put(out, bytes, length);
    if (c == '\n')
        return put(out, "\\n", 2);
    if (c == '\t')
        return put(out, "\\t", 2);
    if (!text_is_unsafe(c))
        return put(out, bytes, length);
    return put_hex(out, "\\u{%x}", c);
}

size_t text_escape_next(struct slice text, size_t at, enum text_escape how, char out[TEXT_ESCAPED_MAX], size_t *out_size)
{
    uint32_t code_point;
    size_t length = text_decode_utf8(text, at, &code_point);

    if (length == 0) {
        *out_size = put(out, "\xEF\xBF\xBD", 3);
        return 1;
    }
    if (how == TEXT_ESCAPE_JSON)
        *out_size = escape_json(code_point, text.data + at, length, out);
    else
        *out_size = escape_terminal(code_point, text.data + at, length, how == TEXT_ESCAPE_LINE, out);
    return length;
}

void text_escape(struct buf *out, struct slice text, enum text_escape how)
{
    for (size_t at = 0; at < text.size;) {
        char escaped[TEXT_ESCAPED_MAX];
        size_t length;

        at += text_escape_next(text, at, how, escaped, &length);
        buf_add(out, escaped, length);
    }
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

unsigned text_distance(struct slice a, struct slice b, unsigned limit)
{
    unsigned rows[3][DISTANCE_TEXT_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    if (a.size > DISTANCE_TEXT_MAX || b.size > DISTANCE_TEXT_MAX)
        return limit + 1;
    for (size_t j = 0; j <= b.size; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.size; i++) {
        unsigned *spare = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a.data[i - 1] != b.data[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b.size] <= limit ? last[b.size] : limit + 1;
}
