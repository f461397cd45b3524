/*
 * A slice is a view of bytes that somebody else owns: base and length, never NUL-terminated, possibly with NUL inside.
 * Past the parser all text travels as slices. Any thread; the owner of the bytes must outlive the slice.
 */
#ifndef EDICT_BASE_SLICE_H
#define EDICT_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data; /* may be NULL only when size is 0 */
    size_t size;      /* bytes */
};

/* A slice of a string literal, sized at compile time. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define SLICE_ARG(s) (int)(s).size, (s).data

static inline struct slice slice_from(const void *data, size_t size)
{
    return (struct slice){(const char *)data, size};
}

/* `text` may be NULL: then the slice is empty. */
static inline struct slice slice_from_str(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_equal_str(struct slice a, const char *text)
{
    if (a.size > 0 && a.data[0] != text[0]) /* most comparisons end here, without asking for the length */
        return false;
    return slice_equal(a, slice_from_str(text));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

static inline bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.size >= suffix.size && (suffix.size == 0 || memcmp(s.data + s.size - suffix.size, suffix.data, suffix.size) == 0);
}

/* Bytes [from, to), both clamped to the slice. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t to)
{
    if (to > s.size)
        to = s.size;
    if (from > to)
        from = to;
    return (struct slice){s.data ? s.data + from : NULL, to - from};
}

/* Index of the first `byte` at or after `from`, or SIZE_MAX. */
static inline size_t slice_find(struct slice s, char byte, size_t from)
{
    const char *hit;

    if (from >= s.size)
        return SIZE_MAX;
    hit = (const char *)memchr(s.data + from, byte, s.size - from);
    return hit ? (size_t)(hit - s.data) : SIZE_MAX;
}

/* Orders by bytes (memcmp), shorter first on a tie. <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
/* Compares without a data-dependent branch; for secrets. */
bool slice_equal_secret(struct slice a, struct slice b);
/* Decimal digits only, no sign; false on anything else or on overflow. */
bool slice_to_u64(struct slice s, uint64_t *out);
/* FNV-1a, for in-memory tables of trusted or bounded keys. */
uint64_t slice_hash(struct slice s, uint64_t seed);

#endif
