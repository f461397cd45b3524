/*
 * A bump allocator whose blocks are all freed together. One arena serves one request: everything that is built for the
 * request lives in it and is freed after the reply. Capped: past its cap it returns NULL, and so does every later call until
 * the next reset, so a request cannot go on with half of what it needed. One thread at a time.
 */
#ifndef EDICT_BASE_ARENA_H
#define EDICT_BASE_ARENA_H

#include "base/slice.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first; /* kept across resets, so a warm arena allocates nothing */
    struct arena_block *current;
    size_t block_size; /* bytes of each ordinary block */
    size_t cap;        /* bytes handed out at most between two resets */
    size_t used;       /* bytes handed out since the last reset */
    bool exhausted;    /* the cap or malloc said no since the last reset */
};

/* In place; allocates nothing yet. */
void arena_create(struct arena *arena, size_t block_size, size_t cap);
/* Frees all blocks. Accepts a zeroed arena. */
void arena_destroy(struct arena *arena);
/* Forgets everything handed out; keeps the first block for reuse and frees the rest. */
void arena_reset(struct arena *arena);

/* 16-byte aligned, uninitialised; NULL when exhausted. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, zeroed. */
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* `count` elements of `size` bytes, zeroed; NULL on overflow too. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((malloc, alloc_size(2, 3)));
/* Grows in place if `data` is the newest allocation, else copies. `data` may be NULL. */
void *arena_grow(struct arena *arena, void *data, size_t old_size, size_t new_size);
/* A copy of the bytes, NUL-terminated past the end. `.data` is NULL when exhausted. */
struct slice arena_copy(struct arena *arena, struct slice bytes);
/* printf into the arena; `.data` is NULL when exhausted. */
struct slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
