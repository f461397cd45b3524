/*
 * Matches with two restart points, one for the last * and one for the last **: both only ever move forward, so the work is at
 * most pattern * text for each part, without recursion. When a * inside of a part fails, the last ** takes one more character.
 */
#include "parse/glob.h"

#include "base/text.h"

struct matcher {
    struct slice pattern, text;
    uint64_t *work;
};

/* A character of the text or of a class; a byte that is no UTF-8 counts as one. */
static size_t next_character(struct slice text, size_t at, uint32_t *character)
{
    size_t size = text_decode_utf8(text, at, character);

    if (size == 0) {
        *character = 0x110000u + (unsigned char)text.data[at];
        return 1;
    }
    return size;
}

/* The offset past a class that opens at `at`, or SIZE_MAX. */
static size_t class_end(struct slice pattern, size_t at)
{
    size_t i = at + 1;

    if (i < pattern.size && (pattern.data[i] == '!' || pattern.data[i] == '^'))
        i++;
    if (i < pattern.size && pattern.data[i] == ']')
        i++;
    while (i < pattern.size && pattern.data[i] != ']')
        i += pattern.data[i] == '\\' ? 2 : 1;
    return i < pattern.size ? i + 1 : SIZE_MAX;
}

static size_t class_character(struct slice pattern, size_t at, uint32_t *character)
{
    size_t skip = pattern.data[at] == '\\' && at + 1 < pattern.size ? 1 : 0;

    return skip + next_character(pattern, at + skip, character);
}

static bool class_matches(struct slice pattern, size_t from, size_t to, uint32_t character, uint64_t *work)
{
    size_t i = from + 1;
    bool negated = pattern.data[i] == '!' || pattern.data[i] == '^';
    bool hit = false;

    *work += to - from;
    for (i += negated ? 1 : 0; i + 1 < to;) {
        uint32_t low, high;

        i += class_character(pattern, i, &low);
        high = low;
        if (i + 2 < to && pattern.data[i] == '-') {
            i++;
            i += class_character(pattern, i, &high);
        }
        hit |= character >= low && character <= high;
    }
    return hit != negated && character != '/';
}

const char *glob_check(struct slice pattern, uint64_t *work)
{
    *work += (pattern.size < GLOB_PATTERN_MAX ? pattern.size : GLOB_PATTERN_MAX) + 1;
    if (pattern.size > GLOB_PATTERN_MAX)
        return "the pattern is longer than 512 bytes";
    for (size_t at = 0; at < pattern.size;) {
        if (pattern.data[at] == '\\' && at + 1 >= pattern.size)
            return "the pattern ends in a backslash";
        if (pattern.data[at] == '[') {
            at = class_end(pattern, at);
            if (at == SIZE_MAX)
                return "a [ has no ]";
        } else {
            at += pattern.data[at] == '\\' ? 2 : 1;
        }
    }
    return NULL;
}

/* One pattern element other than * against one character. False on a mismatch. */
static bool step(struct matcher *m, size_t *p, size_t *t)
{
    uint32_t character;
    size_t size;

    ++*m->work;
    if (*p >= m->pattern.size || *t >= m->text.size)
        return false;
    size = next_character(m->text, *t, &character);
    if (m->pattern.data[*p] == '?') {
        if (character == '/')
            return false;
        ++*p;
    } else if (m->pattern.data[*p] == '[') {
        size_t end = class_end(m->pattern, *p);

        if (!class_matches(m->pattern, *p, end, character, m->work))
            return false;
        *p = end;
    } else {
        size_t skip = m->pattern.data[*p] == '\\' ? 1 : 0;

        if (m->pattern.data[*p + skip] != m->text.data[*t])
            return false;
        *p += 1 + skip;
        size = 1;
    }
    *t += size;
    return true;
}

/* Where the last * or ** stands, and up to where it has taken text. */
struct restart {
    size_t pattern, text;
    bool whole_parts; /* of **: takes only whole parts with their '/' */
};

static bool is_at_part(struct slice text, size_t at)
{
    return at == 0 || text.data[at - 1] == '/';
}

static void take_stars(struct matcher *m, size_t *p, size_t t, struct restart *star, struct restart *stars)
{
    size_t start = *p;

    while (*p < m->pattern.size && m->pattern.data[*p] == '*')
        ++*p;
    if (*p - start == 1) {
        *star = (struct restart){.pattern = *p, .text = t};
        return;
    }
    *stars = (struct restart){.pattern = *p, .text = t};
    if (is_at_part(m->pattern, start) && *p < m->pattern.size && m->pattern.data[*p] == '/' && is_at_part(m->text, t)) {
        ++*p; /* x, "**", y: the slash belongs to the parts that ** takes */
        stars->pattern = *p;
        stars->whole_parts = true;
    }
    *star = (struct restart){.pattern = SIZE_MAX};
}

static bool advance_star(struct matcher *m, struct restart *star, size_t *p, size_t *t)
{
    uint32_t character;

    if (star->pattern == SIZE_MAX || star->text >= m->text.size || m->text.data[star->text] == '/')
        return false;
    star->text += next_character(m->text, star->text, &character);
    *p = star->pattern;
    *t = star->text;
    return true;
}

static bool advance_stars(struct matcher *m, struct restart *stars, struct restart *star, size_t *p, size_t *t)
{
    if (stars->pattern == SIZE_MAX || stars->text >= m->text.size)
        return false;
    if (stars->whole_parts) {
        size_t slash = slice_find(m->text, '/', stars->text);

        if (slash == SIZE_MAX)
            return false;
        *m->work += slash - stars->text;
        stars->text = slash + 1;
    } else {
        uint32_t character;

        stars->text += next_character(m->text, stars->text, &character);
    }
    star->pattern = SIZE_MAX;
    *p = stars->pattern;
    *t = stars->text;
    return true;
}

static bool match(struct matcher *m)
{
    struct restart star = {.pattern = SIZE_MAX}, stars = {.pattern = SIZE_MAX};
    size_t p = 0, t = 0;

    for (;;) {
        if (p < m->pattern.size && m->pattern.data[p] == '*') {
            take_stars(m, &p, t, &star, &stars);
            continue;
        }
        if (p >= m->pattern.size && t >= m->text.size)
            return true;
        if (step(m, &p, &t))
            continue;
        if (!advance_star(m, &star, &p, &t) && !advance_stars(m, &stars, &star, &p, &t))
            return false;
    }
}

enum glob_result glob_match(struct slice pattern, struct slice text, uint64_t *work)
{
    struct matcher m = {.pattern = pattern, .text = text, .work = work};

    if (text.size > GLOB_TEXT_MAX || glob_check(pattern, work) != NULL)
        return GLOB_INVALID;
    return match(&m) ? GLOB_MATCH : GLOB_NO_MATCH;
}
