/*
 * A growing run of bytes for building text: JSON, headers, records. Grows in an arena, or on the heap when made without one.
 * Failure is sticky: append freely, check `failed` once at the end. One thread at a time.
 */
#ifndef EDICT_BASE_BUF_H
#define EDICT_BASE_BUF_H

#include "base/arena.h"

#include <stdint.h>

struct buf {
    char *data;
    size_t size;
    size_t capacity;
    struct arena *arena; /* NULL: the heap, freed by buf_destroy */
    bool failed;         /* an allocation failed: the content is incomplete and must not be used */
};

static inline void buf_create(struct buf *buf, struct arena *arena)
{
    *buf = (struct buf){.arena = arena};
}

/* Frees a heap buffer; an arena's goes with its arena. Accepts a zeroed buf. */
void buf_destroy(struct buf *buf);
/* Makes room for `more` bytes past the end. False (and failed) when there is none. */
bool buf_reserve(struct buf *buf, size_t more);
void buf_add_i64(struct buf *buf, int64_t value);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_add(struct buf *buf, const void *data, size_t size)
{
    if (size > 0 && (size <= buf->capacity - buf->size || buf_reserve(buf, size))) {
        memcpy(buf->data + buf->size, data, size);
        buf->size += size;
    }
}

/* Inline so that the length of a literal is known to the compiler. */
static inline void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

static inline void buf_add_slice(struct buf *buf, struct slice bytes)
{
    buf_add(buf, bytes.data, bytes.size);
}

static inline void buf_add_char(struct buf *buf, char byte)
{
    if (buf->size < buf->capacity || buf_reserve(buf, 1))
        buf->data[buf->size++] = byte;
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_from(buf->data, buf->size);
}

#endif
