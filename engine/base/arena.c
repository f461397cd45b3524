#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    size_t used;
    size_t padding; /* keeps data aligned to ARENA_ALIGNMENT */
    char data[];
};

void arena_create(struct arena *arena, size_t block_size, size_t cap)
{
    *arena = (struct arena){.block_size = block_size, .cap = cap};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_destroy(struct arena *arena)
{
    free_blocks(arena->first);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    if (arena->first != NULL) {
        free_blocks(arena->first->next);
        arena->first->next = NULL;
        arena->first->used = 0;
    }
    arena->current = arena->first;
    arena->used = 0;
    arena->exhausted = false;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t room = size > arena->block_size ? size : arena->block_size;
    struct arena_block *block;

    if (room > SIZE_MAX - sizeof *block)
        return NULL;
    block = (struct arena_block *)malloc(sizeof *block + room);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->size = room;
    block->used = 0;
    if (arena->current != NULL)
        arena->current->next = block;
    else
        arena->first = block;
    arena->current = block;
    return block;
}

static void *refuse(struct arena *arena)
{
    arena->exhausted = true;
    return NULL;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->current;
    size_t rounded = (size + (ARENA_ALIGNMENT - 1)) & ~(size_t)(ARENA_ALIGNMENT - 1);
    void *data;

    if (arena->exhausted || rounded < size || rounded > arena->cap - arena->used)
        return refuse(arena);
    if (block == NULL || block->size - block->used < rounded) {
        block = add_block(arena, rounded);
        if (block == NULL)
            return refuse(arena);
    }
    data = block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    return data;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *data = arena_alloc(arena, size);

    if (data != NULL)
        memset(data, 0, size);
    return data;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return refuse(arena);
    return arena_zalloc(arena, count * size);
}

void *arena_grow(struct arena *arena, void *data, size_t old_size, size_t new_size)
{
    struct arena_block *block = arena->current;
    size_t old_rounded = (old_size + (ARENA_ALIGNMENT - 1)) & ~(size_t)(ARENA_ALIGNMENT - 1);
    size_t new_rounded = (new_size + (ARENA_ALIGNMENT - 1)) & ~(size_t)(ARENA_ALIGNMENT - 1);
    void *moved;

    assert(new_size >= old_size);
    if (new_rounded < new_size)
        return refuse(arena);
    if (data != NULL && new_rounded == old_rounded)
        return data;
    if (data != NULL && block != NULL && (char *)data + old_rounded == block->data + block->used && !arena->exhausted &&
        new_rounded - old_rounded <= block->size - block->used && new_rounded - old_rounded <= arena->cap - arena->used) {
        block->used += new_rounded - old_rounded;
        arena->used += new_rounded - old_rounded;
        return data;
    }
    moved = arena_alloc(arena, new_size);
    if (moved != NULL && old_size != 0)
        memcpy(moved, data, old_size);
    return moved;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = bytes.size < SIZE_MAX ? (char *)arena_alloc(arena, bytes.size + 1) : NULL;

    if (copy == NULL)
        return (struct slice){0};
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return slice_from(copy, bytes.size);
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    int length;
    char *text;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return (struct slice){0};
    text = (char *)arena_alloc(arena, (size_t)length + 1);
    if (text == NULL)
        return (struct slice){0};
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return slice_from(text, (size_t)length);
}
