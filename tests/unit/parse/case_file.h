/* Tables of cases as text: input, a line "=>", what is expected, a line "%%" between cases. */
#ifndef EDICT_TESTS_CASE_FILE_H
#define EDICT_TESTS_CASE_FILE_H

#include "base/buf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct slice (*case_render_f)(void *context, struct slice input, struct arena *arena);

static inline struct slice case_read_file(const char *path)
{
    struct buf text;
    char chunk[4096];
    size_t size;
    FILE *file = fopen(path, "rb");

    ck_assert_msg(file != NULL, "%s cannot be read; run the tests from the root of the sources", path);
    buf_create(&text, NULL);
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_add(&text, chunk, size);
    fclose(file);
    ck_assert(!text.failed);
    return buf_slice(&text);
}

static inline size_t case_find(struct slice text, struct slice part, size_t from)
{
    const char *hit = from < text.size ? (const char *)memmem(text.data + from, text.size - from, part.data, part.size) : NULL;

    return hit != NULL ? (size_t)(hit - text.data) : SIZE_MAX;
}

/* The tables hold no white space at the end of a line; what has no value at its end is rendered with some. */
static inline struct slice case_trim(struct slice text)
{
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Runs them all, tells each that differs, and returns how many ran. */
static inline size_t case_run_file(const char *path, case_render_f render, void *context)
{
    struct slice text = case_read_file(path);
    struct arena arena;
    size_t count = 0, failed = 0;

    arena_create(&arena, 64 * 1024, 8 * 1024 * 1024);
    for (size_t at = 0; at < text.size; count++) {
        size_t arrow = case_find(text, SLICE("\n=>\n"), at);
        size_t end = case_find(text, SLICE("\n%%\n"), at);
        struct slice input = slice_sub(text, at, arrow), expected = slice_sub(text, arrow + 4, end), got;

        ck_assert_msg(arrow != SIZE_MAX && end != SIZE_MAX, "%s: a case is not complete near byte %zu", path, at);
        arena_reset(&arena);
        got = case_trim(render(context, input, &arena));
        if (!slice_equal(got, expected)) {
            fprintf(stderr, "%s\n  expected: %.*s\n  got:      %.*s\n", path, SLICE_ARG(expected), SLICE_ARG(got));
            fprintf(stderr, "  input:    %.*s\n", SLICE_ARG(input));
            failed++;
        }
        at = end + 4;
    }
    arena_destroy(&arena);
    free((void *)text.data);
    ck_assert_msg(failed == 0, "%zu of %zu cases of %s differ", failed, count, path);
    return count;
}

#endif
