#include "parse/path.h"

bool path_is_absolute(struct slice path)
{
    return path.size > 0 && path.data[0] == '/';
}

struct slice path_base_name(struct slice path)
{
    size_t at = path.size;

    while (at > 0 && path.data[at - 1] != '/')
        at--;
    return slice_sub(path, at, path.size);
}

struct slice path_directory(struct slice path)
{
    size_t at = path.size;

    while (at > 0 && path.data[at - 1] != '/')
        at--;
    while (at > 1 && path.data[at - 1] == '/')
        at--;
    return slice_sub(path, 0, at);
}

static const char *problem_of(struct slice path)
{
    if (path.size == 0)
        return "the path is empty";
    if (path.size > PATH_INPUT_MAX)
        return "the path is longer than 4096 bytes";
    if (memchr(path.data, '\0', path.size) != NULL)
        return "the path holds a NUL";
    if (path.data[0] == '~' || memchr(path.data, '$', path.size) != NULL || memchr(path.data, '`', path.size) != NULL)
        return "the path holds ~, $ or a backquote, which a shell would replace";
    return NULL;
}

struct building {
    char *text;
    size_t size;
    size_t floor; /* what ".." must not take away: the leading "/" or "../.." */
    bool absolute, escapes;
};

static void add_part(struct building *b, struct slice part)
{
    if (b->size > (b->absolute ? 1u : 0u))
        b->text[b->size++] = '/';
    memcpy(b->text + b->size, part.data, part.size);
    b->size += part.size;
}

static void go_up(struct building *b)
{
    if (b->size > b->floor) {
        while (b->size > b->floor && b->text[b->size - 1] != '/')
            b->size--;
        if (b->size > b->floor)
            b->size--;
        return;
    }
    b->escapes = true;
    if (!b->absolute) {
        add_part(b, SLICE(".."));
        b->floor = b->size;
    }
}

static void normalize(struct slice path, struct building *b)
{
    b->absolute = path_is_absolute(path);
    if (b->absolute)
        b->text[b->size++] = '/';
    b->floor = b->size;
    for (size_t at = 0; at < path.size;) {
        size_t slash = slice_find(path, '/', at);
        size_t end = slash == SIZE_MAX ? path.size : slash;
        struct slice part = slice_sub(path, at, end);

        if (slice_equal_str(part, ".."))
            go_up(b);
        else if (part.size > 0 && !slice_equal_str(part, "."))
            add_part(b, part);
        at = end + 1;
    }
    if (b->size == 0)
        b->text[b->size++] = '.';
}

enum status path_parse(struct slice path, struct arena *arena, uint64_t *work, struct path_result *out)
{
    struct building b = {0};
    const char *problem = problem_of(path);

    *out = (struct path_result){.absolute = path_is_absolute(path)};
    *work += (path.size < PATH_INPUT_MAX ? path.size : PATH_INPUT_MAX) + 1;
    if (problem != NULL) {
        out->problem = slice_from_str(problem);
        out->dynamic = path.size > 0 && path.size <= PATH_INPUT_MAX && memchr(path.data, '\0', path.size) == NULL;
        return STATUS_OK;
    }
    b.text = (char *)arena_alloc(arena, path.size + 2);
    if (b.text == NULL)
        return STATUS_NO_MEMORY;
    normalize(path, &b);
    out->ok = true;
    out->path = slice_from(b.text, b.size);
    out->escapes = b.escapes;
    return STATUS_OK;
}

/* Both normalized. */
static bool is_below(struct slice base, struct slice path)
{
    if (slice_equal_str(base, ".") || slice_equal_str(base, "/"))
        return true;
    return slice_starts_with(path, base) && (path.size == base.size || path.data[base.size] == '/');
}

enum status path_inside(struct slice base, struct slice path, struct arena *arena, uint64_t *work, bool *inside)
{
    struct path_result root, leaf;

    *inside = false;
    if (path_parse(base, arena, work, &root) != STATUS_OK || path_parse(path, arena, work, &leaf) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (!root.ok || !leaf.ok || root.escapes || leaf.escapes)
        return STATUS_OK;
    if (!leaf.absolute)
        *inside = true; /* relative to the base, and without a ".." that leads out of it */
    else if (root.absolute)
        *inside = is_below(root.path, leaf.path);
    return STATUS_OK;
}
