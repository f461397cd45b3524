#include "http/internal.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool escapes_are_valid(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' && (i + 2 >= text.size || hex(text.data[i + 1]) < 0 || hex(text.data[i + 2]) < 0))
            return false;
    }
    return true;
}

struct slice target_decode(struct arena *arena, struct slice text, bool plus_is_space)
{
    char *out = arena_alloc(arena, text.size + 1);
    size_t size = 0;

    if (!out)
        return (struct slice){0};
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' && i + 2 < text.size) {
            out[size++] = (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2]));
            i += 2;
        } else {
            out[size++] = plus_is_space && text.data[i] == '+' ? ' ' : text.data[i];
        }
    }
    out[size] = '\0';
    return slice_from(out, size);
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7F)
            return true;
    }
    return false;
}

/* "http://host/path": the form for proxies, which servers must take (RFC 9112, 3.2.2). What it names as the host is checked
 * like the header. */
static const char *strip_authority(struct slice *target)
{
    static const struct slice schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        if (slice_starts_with(*target, schemes[i])) {
            size_t slash = slice_find(*target, '/', schemes[i].size);

            *target = slash == SIZE_MAX ? SLICE("/") : slice_sub(*target, slash, SIZE_MAX);
            return NULL;
        }
    }
    return "the target must begin with a slash";
}

const char *target_parse(struct call *call)
{
    struct slice target = call->public.target;
    const char *fault;
    size_t query;

    if (slice_equal(target, SLICE("*")) && call->public.method == HTTP_METHOD_OPTIONS) {
        call->public.path = call->public.raw_path = target;
        return NULL;
    }
    if (target.size == 0 || target.data[0] != '/') {
        fault = strip_authority(&target);
        if (fault)
            return fault;
    }
    if (slice_find(target, '#', 0) != SIZE_MAX || !escapes_are_valid(target))
        return "the target holds an invalid percent escape or a fragment";
    query = slice_find(target, '?', 0);
    call->public.raw_path = slice_sub(target, 0, query);
    call->public.query = query == SIZE_MAX ? (struct slice){0} : slice_sub(target, query + 1, SIZE_MAX);
    call->public.path = target_decode(&call->arena, call->public.raw_path, false);
    return has_control(call->public.path) ? "the path holds a control character" : NULL;
}
