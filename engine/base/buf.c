#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_CAPACITY = 256, DECIMAL_DIGITS_MAX = 20 };

void buf_destroy(struct buf *buf)
{
    if (buf->arena == NULL)
        free(buf->data);
    *buf = (struct buf){0};
}

bool buf_reserve(struct buf *buf, size_t more)
{
    size_t wanted = buf->capacity ? buf->capacity : BUF_FIRST_CAPACITY;
    char *grown;

    if (buf->failed)
        return false;
    if (more <= buf->capacity - buf->size)
        return true;
    while (wanted - buf->size < more) {
        if (wanted > SIZE_MAX / 2) {
            buf->failed = true;
            return false;
        }
        wanted *= 2;
    }
    if (buf->arena != NULL)
        grown = (char *)arena_grow(buf->arena, buf->data, buf->capacity, wanted);
    else
        grown = (char *)realloc(buf->data, wanted);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = grown;
    buf->capacity = wanted;
    return true;
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[DECIMAL_DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_add(buf, digits + at, sizeof digits - at);
}

void buf_add_i64(struct buf *buf, int64_t value)
{
    if (value < 0)
        buf_add_char(buf, '-');
    buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !buf_reserve(buf, (size_t)length + 1)) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(buf->data + buf->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)length;
}
