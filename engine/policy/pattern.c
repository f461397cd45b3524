#include "policy/pattern.h"

#include <ctype.h>
#include <string.h>

void pattern_create(struct pattern *pattern, lua_State *lua, struct slice text, struct slice source)
{
    pattern->lua = lua;
    pattern->text = text;
    pattern->text_end = text.data + text.size;
    pattern->end = source.data + source.size;
    pattern->depth = 0;
    pattern->count = 0;
}

bool pattern_is_plain(struct slice source)
{
    size_t i;

    for (i = 0; i < source.size; i++)
        if (source.data[i] != '\0' && strchr("^$*+?.([%-", source.data[i]) != NULL)
            return false;
    return true;
}

/* The end of the single-character item that begins at `item`. */
static const char *item_end(struct pattern *pattern, const char *item)
{
    char first = *item++;

    if (first == '%') {
        if (item == pattern->end)
            sandbox_error(pattern->lua, "malformed pattern (ends with '%%')");
        return item + 1;
    }
    if (first != '[')
        return item;
    if (item < pattern->end && *item == '^')
        item++;
    do {
        if (item == pattern->end)
            sandbox_error(pattern->lua, "malformed pattern (missing ']')");
        if (*item++ == '%') {
            if (item == pattern->end)
                sandbox_error(pattern->lua, "malformed pattern (missing ']')");
            item++;
        }
        sandbox_charge(pattern->lua, 1);
    } while (item == pattern->end || *item != ']');
    return item + 1;
}

static bool in_class(unsigned char byte, unsigned char class)
{
    bool member;

    switch (tolower(class)) {
    case 'a':
        member = isalpha(byte) != 0;
        break;
    case 'c':
        member = iscntrl(byte) != 0;
        break;
    case 'd':
        member = isdigit(byte) != 0;
        break;
    case 'g':
        member = isgraph(byte) != 0;
        break;
    case 'l':
        member = islower(byte) != 0;
        break;
    case 'p':
        member = ispunct(byte) != 0;
        break;
    case 's':
        member = isspace(byte) != 0;
        break;
    case 'u':
        member = isupper(byte) != 0;
        break;
    case 'w':
        member = isalnum(byte) != 0;
        break;
    case 'x':
        member = isxdigit(byte) != 0;
        break;
    default:
        return class == byte;
    }
    return isupper(class) ? !member : member;
}

/* `set` is at '[', `close` at the ']' that ends it. */
static bool in_set(struct pattern *pattern, unsigned char byte, const char *set, const char *close)
{
    bool found = true;

    if (*++set == '^') {
        found = false;
        set++;
    }
    for (; set < close; set++) {
        sandbox_charge(pattern->lua, 1);
        if (*set == '%') {
            set++;
            if (in_class(byte, (unsigned char)*set))
                return found;
        } else if (set + 2 < close && set[1] == '-') {
            if ((unsigned char)set[0] <= byte && byte <= (unsigned char)set[2])
                return found;
            set += 2;
        } else if ((unsigned char)*set == byte) {
            return found;
        }
    }
    return !found;
}

static bool single_match(struct pattern *pattern, const char *at, const char *item, const char *end)
{
    unsigned char byte;

    sandbox_charge(pattern->lua, 1);
    if (at >= pattern->text_end)
        return false;
    byte = (unsigned char)*at;
    switch (*item) {
    case '.':
        return true;
    case '%':
        return in_class(byte, (unsigned char)item[1]);
    case '[':
        return in_set(pattern, byte, item, end - 1);
    default:
        return (unsigned char)*item == byte;
    }
}

static const char *match_balance(struct pattern *pattern, const char *at, const char *item)
{
    int nested = 1;

    if (pattern->end - item < 2)
        sandbox_error(pattern->lua, "malformed pattern (missing arguments to '%%b')");
    if (at >= pattern->text_end || *at != item[0])
        return NULL;
    while (++at < pattern->text_end) {
        sandbox_charge(pattern->lua, 1);
        if (*at == item[1]) {
            if (--nested == 0)
                return at + 1;
        } else if (*at == item[0]) {
            nested++;
        }
    }
    return NULL;
}

static const char *match_most(struct pattern *pattern, const char *at, const char *item, const char *end)
{
    ptrdiff_t i = 0;

    while (single_match(pattern, at + i, item, end))
        i++;
    for (; i >= 0; i--) {
        const char *match = pattern_match(pattern, at + i, end + 1);

        if (match != NULL)
            return match;
    }
    return NULL;
}

static const char *match_least(struct pattern *pattern, const char *at, const char *item, const char *end)
{
    for (;;) {
        const char *match = pattern_match(pattern, at, end + 1);

        if (match != NULL)
            return match;
        if (!single_match(pattern, at, item, end))
            return NULL;
        at++;
    }
}

static const char *open_capture(struct pattern *pattern, const char *at, const char *source, ptrdiff_t kind)
{
    const char *match;

    if (pattern->count >= PATTERN_CAPTURES_MAX)
        sandbox_error(pattern->lua, "too many captures (at most %d)", (int)PATTERN_CAPTURES_MAX);
    pattern->captures[pattern->count++] = (struct pattern_capture){.start = at, .size = kind};
    match = pattern_match(pattern, at, source);
    if (match == NULL)
        pattern->count--;
    return match;
}

static const char *close_capture(struct pattern *pattern, const char *at, const char *source)
{
    int i = pattern->count;
    const char *match;

    while (i-- > 0)
        if (pattern->captures[i].size == PATTERN_CAPTURE_OPEN)
            break;
    if (i < 0)
        sandbox_error(pattern->lua, "invalid pattern capture");
    pattern->captures[i].size = at - pattern->captures[i].start;
    match = pattern_match(pattern, at, source);
    if (match == NULL)
        pattern->captures[i].size = PATTERN_CAPTURE_OPEN;
    return match;
}

static const char *match_again(struct pattern *pattern, const char *at, char digit)
{
    int i = digit - '1';
    size_t size;

    if (i < 0 || i >= pattern->count || pattern->captures[i].size < 0)
        sandbox_error(pattern->lua, "invalid capture index %%%d in the pattern", i + 1);
    size = (size_t)pattern->captures[i].size;
    sandbox_charge(pattern->lua, 1 + size);
    if ((size_t)(pattern->text_end - at) < size || (size && memcmp(pattern->captures[i].start, at, size) != 0))
        return NULL;
    return at + size;
}

static bool at_frontier(struct pattern *pattern, const char *at, const char *set, const char *end)
{
    unsigned char before = at == pattern->text.data ? 0 : (unsigned char)at[-1];
    unsigned char here = at < pattern->text_end ? (unsigned char)*at : 0;

    return !in_set(pattern, before, set, end - 1) && in_set(pattern, here, set, end - 1);
}

/* One item and its repetition. Sets `*next` and returns where the text goes on, to continue without recursion; or `*next` NULL:
 * the result is final. */
static const char *match_item(struct pattern *pattern, const char *at, const char *source, const char **next)
{
    const char *end = item_end(pattern, source), *match;
    char suffix = end < pattern->end ? *end : '\0';

    *next = NULL;
    switch (suffix) {
    case '?':
        if (single_match(pattern, at, source, end) && (match = pattern_match(pattern, at + 1, end + 1)) != NULL)
            return match;
        *next = end + 1;
        return at;
    case '+':
        return single_match(pattern, at, source, end) ? match_most(pattern, at + 1, source, end) : NULL;
    case '*':
        return match_most(pattern, at, source, end);
    case '-':
        return match_least(pattern, at, source, end);
    default:
        if (!single_match(pattern, at, source, end))
            return NULL;
        *next = end;
        return at + 1;
    }
}

/* What begins with '%' and is no class: %b, %f, %1. The same convention as match_item; false when it is a class after all. */
static bool match_special(struct pattern *pattern, const char **at, const char *source, const char **next)
{
    const char *end;

    if (source + 1 >= pattern->end)
        return false;
    switch (source[1]) {
    case 'b':
        *at = match_balance(pattern, *at, source + 2);
        *next = source + 4;
        return true;
    case 'f':
        if (source + 2 >= pattern->end || source[2] != '[')
            sandbox_error(pattern->lua, "malformed pattern (missing '[' after '%%f')");
        end = item_end(pattern, source + 2);
        if (!at_frontier(pattern, *at, source + 2, end))
            *at = NULL;
        *next = end;
        return true;
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        *at = match_again(pattern, *at, source[1]);
        *next = source + 2;
        return true;
    default:
        return false;
    }
}

const char *pattern_match(struct pattern *pattern, const char *at, const char *source)
{
    if (++pattern->depth > PATTERN_DEPTH_MAX)
        sandbox_error(pattern->lua, "pattern too complex");
    while (at != NULL && source != pattern->end) {
        const char *next = NULL;

        sandbox_charge(pattern->lua, 1);
        if (*source == '(') {
            bool position = source + 1 < pattern->end && source[1] == ')';

            at = open_capture(pattern, at, source + (position ? 2 : 1),
                              position ? PATTERN_CAPTURE_POSITION : PATTERN_CAPTURE_OPEN);
            break;
        }
        if (*source == ')') {
            at = close_capture(pattern, at, source + 1);
            break;
        }
        if (*source == '$' && source + 1 == pattern->end) {
            at = at == pattern->text_end ? at : NULL;
            break;
        }
        if (*source != '%' || !match_special(pattern, &at, source, &next))
            at = match_item(pattern, at, source, &next);
        if (next == NULL)
            break;
        source = next;
    }
    pattern->depth--;
    return at;
}

void pattern_push_capture(struct pattern *pattern, int i, const char *start, const char *end)
{
    const struct pattern_capture *capture = &pattern->captures[i];

    if (i >= pattern->count) {
        if (i != 0)
            sandbox_error(pattern->lua, "invalid capture index %%%d", i + 1);
        library_push(pattern->lua, slice_from(start, (size_t)(end - start)));
    } else if (capture->size == PATTERN_CAPTURE_POSITION) {
        lua_pushinteger(pattern->lua, capture->start - pattern->text.data + 1);
    } else if (capture->size == PATTERN_CAPTURE_OPEN) {
        sandbox_error(pattern->lua, "unfinished capture");
    } else {
        library_push(pattern->lua, slice_from(capture->start, (size_t)capture->size));
    }
}

int pattern_push_captures(struct pattern *pattern, const char *start, const char *end)
{
    int count = pattern->count == 0 && start != NULL ? 1 : pattern->count, i;

    luaL_checkstack(pattern->lua, count + 2, "too many captures");
    for (i = 0; i < count; i++)
        pattern_push_capture(pattern, i, start, end);
    return count;
}
