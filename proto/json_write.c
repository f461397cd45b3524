/* Writing: RFC 8785, compact, indented, and streamed. */
#include "base/text.h"
#include "proto/json.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- strings ---- */

static void write_escape(struct buf *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *hit = strchr(from, c);

    buf_add_char(out, '\\');
    if (c && hit)
        buf_add_char(out, to[hit - from]);
    else
        buf_printf(out, "u%04x", c);
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Whether one of eight bytes needs an escape. In each byte: the high bit of (x - n) & ~x is set where x < n. */
static bool any_needs_escape(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t x, quote, backslash;

    memcpy(&x, at, sizeof x);
    quote = x ^ (ones * '"');
    backslash = x ^ (ones * '\\');
    return (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
}

/* The offset of the next byte that needs an escape, or the size. */
static size_t plain_until(struct slice text, size_t at)
{
    while (text.size - at >= 8 && !any_needs_escape(text.data + at))
        at += 8;
    while (at < text.size && !needs_escape((unsigned char)text.data[at]))
        at++;
    return at;
}

/*
 * Runs of plain bytes are copied at once. Text is UTF-8 by the time it gets here. An empty text may have no address, to which
 * not even zero may be added.
 */
void json_write_string(struct buf *out, struct slice text)
{
    size_t from = 0;

    buf_reserve(out, text.size + 2);
    buf_add_char(out, '"');
    while (from < text.size) {
        size_t until = plain_until(text, from);

        buf_add(out, text.data + from, until - from);
        if (until < text.size)
            write_escape(out, (unsigned char)text.data[until]);
        from = until + 1;
    }
    buf_add_char(out, '"');
}

static void write_scalar(struct buf *out, const cJSON *value)
{
    if (cJSON_IsString(value))
        json_write_string(out, json_text(value));
    else if (cJSON_IsNumber(value))
        json_write_number(out, value->valuedouble);
    else
        buf_add_str(out, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
}

/* ---- canonical ---- */

/* By UTF-16 code units (RFC 8785, 3.2.3). UTF-8 orders by code point, which differs only between U+E000…U+FFFF and what lies
 * beyond. */
static int compare_utf16(const char *a, const char *b)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;

    while (*x && *x == *y) {
        x++;
        y++;
    }
    if (*x >= 0xF0 && *y >= 0xEE && *y < 0xF0)
        return -1; /* a surrogate, D800…, comes before E000…FFFF */
    if (*y >= 0xF0 && *x >= 0xEE && *x < 0xF0)
        return 1;
    return (int)*x - (int)*y;
}

static int compare_members(const void *a, const void *b)
{
    return compare_utf16((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static bool is_sorted(const cJSON *object)
{
    for (const cJSON *member = object->child; member && member->next; member = member->next) {
        if (compare_utf16(member->string, member->next->string) > 0)
            return false;
    }
    return true;
}

static void write_member(struct buf *out, struct arena *scratch, const cJSON *member, bool comma)
{
    if (comma)
        buf_add_char(out, ',');
    json_write_string(out, slice_from_str(member->string));
    buf_add_char(out, ':');
    json_write_canonical(out, scratch, member);
}

static void write_sorted(struct buf *out, struct arena *scratch, const cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    const cJSON **members = arena_array(scratch, count, sizeof *members);

    if (!members) {
        out->failed = true;
        return;
    }
    for (const cJSON *member = object->child; member; member = member->next)
        members[i++] = member;
    qsort(members, count, sizeof *members, compare_members);
    for (i = 0; i < count; i++)
        write_member(out, scratch, members[i], i > 0);
}

void json_write_canonical(struct buf *out, struct arena *scratch, const cJSON *value)
{
    bool comma = false;

    if (cJSON_IsObject(value)) {
        buf_add_char(out, '{');
        if (is_sorted(value)) {
            for (const cJSON *member = value->child; member; member = member->next, comma = true)
                write_member(out, scratch, member, comma);
        } else {
            write_sorted(out, scratch, value);
        }
        buf_add_char(out, '}');
    } else if (cJSON_IsArray(value)) {
        buf_add_char(out, '[');
        for (const cJSON *item = value->child; item; item = item->next, comma = true) {
            if (comma)
                buf_add_char(out, ',');
            json_write_canonical(out, scratch, item);
        }
        buf_add_char(out, ']');
    } else {
        write_scalar(out, value);
    }
}

/* ---- in the tree's own order ---- */

static void new_line(struct buf *out, int indent)
{
    if (indent < 0)
        return;
    buf_add_char(out, '\n');
    for (; indent > 0; indent--)
        buf_add_str(out, "  ");
}

/* `indent` below 0: compact. */
static void write_tree(struct buf *out, const cJSON *value, int indent)
{
    bool object = cJSON_IsObject(value);
    int inner = indent < 0 ? indent : indent + 1;

    if (!object && !cJSON_IsArray(value)) {
        write_scalar(out, value);
        return;
    }
    buf_add_char(out, object ? '{' : '[');
    for (const cJSON *child = value->child; child; child = child->next) {
        new_line(out, inner);
        if (object) {
            json_write_string(out, slice_from_str(child->string));
            buf_add_str(out, indent < 0 ? ":" : ": ");
        }
        write_tree(out, child, inner);
        if (child->next)
            buf_add_char(out, ',');
    }
    if (value->child)
        new_line(out, indent);
    buf_add_char(out, object ? '}' : ']');
}

void json_write(struct buf *out, const cJSON *value)
{
    write_tree(out, value, -1);
}

void json_write_pretty(struct buf *out, const cJSON *value)
{
    write_tree(out, value, 0);
}

/* ---- streaming ---- */

static void before_value(struct json_writer *w)
{
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

void json_begin_object(struct json_writer *w)
{
    before_value(w);
    buf_add_char(w->out, '{');
    w->comma = false;
}

void json_end_object(struct json_writer *w)
{
    buf_add_char(w->out, '}');
    w->comma = true;
}

void json_begin_array(struct json_writer *w)
{
    before_value(w);
    buf_add_char(w->out, '[');
    w->comma = false;
}

void json_end_array(struct json_writer *w)
{
    buf_add_char(w->out, ']');
    w->comma = true;
}

void json_key_slice(struct json_writer *w, struct slice name)
{
    struct buf *out = w->out;
    char *to;

    if (out->capacity - out->size < name.size + 4 && !buf_reserve(out, name.size + 4))
        return;
    to = out->data + out->size;
    if (w->comma)
        *to++ = ',';
    *to++ = '"';
    memcpy(to, name.data, name.size);
    to += name.size;
    *to++ = '"';
    *to++ = ':';
    out->size = (size_t)(to - out->data);
    w->comma = false;
}

void json_string(struct json_writer *w, struct slice text)
{
    before_value(w);
    json_write_string(w->out, text);
}

void json_i64(struct json_writer *w, int64_t value)
{
    before_value(w);
    buf_add_i64(w->out, value);
}

void json_bool(struct json_writer *w, bool value)
{
    before_value(w);
    buf_add_str(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    before_value(w);
    buf_add(w->out, "null", 4);
}

void json_raw(struct json_writer *w, struct slice json)
{
    before_value(w);
    buf_add_slice(w->out, json);
}

void json_value(struct json_writer *w, struct arena *scratch, const cJSON *value)
{
    before_value(w);
    if (value)
        json_write_canonical(w->out, scratch, value);
    else
        buf_add(w->out, "null", 4);
}
