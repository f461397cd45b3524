#include "api/cursor.h"

#include "api/body.h"
#include "api/reply.h"
#include "proto/json.h"

#include <stdio.h>

enum { CURSOR_LAST_MAX = 512, CURSOR_BINDING_DIGITS = 8 };

/* ---- text ---- */

struct slice cursor_format(struct arena *arena, uint64_t binding, struct slice last)
{
    struct buf out;

    buf_create(&out, arena);
    buf_printf(&out, "%08x", (unsigned)(uint32_t)binding);
    for (size_t i = 0; i < last.size; i++)
        buf_printf(&out, "%02x", (unsigned)(unsigned char)last.data[i]);
    return out.failed ? (struct slice){0} : buf_slice(&out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cursor_parse(struct arena *arena, uint64_t binding, struct slice cursor, struct slice *last)
{
    char expected[CURSOR_BINDING_DIGITS + 1];
    char *bytes = arena_alloc(arena, CURSOR_LAST_MAX);
    struct slice hex = slice_sub(cursor, CURSOR_BINDING_DIGITS, cursor.size);

    snprintf(expected, sizeof expected, "%08x", (unsigned)(uint32_t)binding);
    if (!bytes || !slice_starts_with(cursor, slice_from(expected, CURSOR_BINDING_DIGITS)) || hex.size == 0 ||
        hex.size % 2 != 0 || hex.size / 2 > CURSOR_LAST_MAX)
        return false;
    for (size_t i = 0; i < hex.size / 2; i++) {
        int high = hex_digit(hex.data[2 * i]), low = hex_digit(hex.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high * 16 + low);
    }
    *last = slice_from(bytes, hex.size / 2);
    return true;
}

/* ---- of a call ---- */

static bool is_of_the_page(struct slice pair)
{
    struct slice name = slice_sub(pair, 0, slice_find(pair, '=', 0));

    return name.size == 0 || slice_equal(name, SLICE("cursor")) || slice_equal(name, SLICE("limit")) ||
           slice_equal(name, SLICE("agent_identity"));
}

static struct slice next_pair(struct slice *rest)
{
    size_t end = slice_find(*rest, '&', 0);
    struct slice pair = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, end + 1, SIZE_MAX);
    return pair;
}

/* The list and its filter, whatever the order of its parameters. */
static uint64_t binding_of(const struct api_call *call)
{
    struct slice rest = call->http->query;
    uint64_t sum = slice_hash(call->http->path, 0);

    while (rest.size > 0) {
        struct slice pair = next_pair(&rest);

        if (!is_of_the_page(pair))
            sum += slice_hash(pair, 1);
    }
    return sum ^ sum >> 32;
}

static bool refuse(struct api_call *call)
{
    reply_problem(call, 400, "?cursor", "not a next_cursor of this list with this filter; begin without one");
    return false;
}

bool cursor_read(struct api_call *call, struct slice *after)
{
    struct slice cursor;

    *after = (struct slice){0};
    if (!parameter_text(call, "cursor", &cursor))
        return false;
    if (http_query_get(call->http, "cursor", NULL) == 0)
        return true;
    return cursor_parse(call->http->arena, binding_of(call), cursor, after) || refuse(call);
}

bool cursor_read_number(struct api_call *call, uint64_t *before)
{
    struct slice after;

    *before = UINT64_MAX;
    if (!cursor_read(call, &after))
        return false;
    return after.size == 0 || (slice_to_u64(after, before) && *before > 0) || refuse(call);
}

/* This list's address with the cursor of its next page. */
static struct slice link_of(const struct api_call *call, struct slice cursor)
{
    struct slice rest = call->http->query;
    struct buf out;

    buf_create(&out, call->http->arena);
    buf_add_char(&out, '<');
    buf_add_slice(&out, call->http->raw_path);
    buf_add_str(&out, "?cursor=");
    buf_add_slice(&out, cursor);
    while (rest.size > 0) {
        struct slice pair = next_pair(&rest);

        if (pair.size > 0 && !slice_starts_with(pair, SLICE("cursor="))) {
            buf_add_char(&out, '&');
            buf_add_slice(&out, pair);
        }
    }
    buf_add_str(&out, ">; rel=\"next\"");
    return out.failed ? (struct slice){0} : buf_slice(&out);
}

void cursor_reply(struct api_call *call, struct buf *out, struct slice last)
{
    struct http_header link = {SLICE("Link"), {0}};
    struct slice cursor = {0};

    if (last.size > 0) {
        cursor = cursor_format(call->http->arena, binding_of(call), last);
        link.value = link_of(call, cursor);
        out->failed = out->failed || link.value.size == 0;
    }
    buf_add_str(out, ",\"next_cursor\":");
    if (cursor.size > 0)
        json_write_string(out, cursor);
    else
        buf_add_str(out, "null");
    buf_add_char(out, '}');
    reply_json_with(call, 200, out, &link, link.value.size > 0 ? 1 : 0);
}

void cursor_reply_number(struct api_call *call, struct buf *out, uint64_t last)
{
    struct slice text = {0};

    if (last > 0) {
        text = arena_printf(call->http->arena, "%llu", (unsigned long long)last);
        out->failed = out->failed || text.size == 0;
    }
    cursor_reply(call, out, text);
}
