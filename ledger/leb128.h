/*
 * Unsigned numbers in as few bytes as they need: seven bits a byte, lowest first, the high bit on all but the last (LEB128, as
 * in DWARF).
 */
#ifndef EDICT_LEDGER_LEB128_H
#define EDICT_LEDGER_LEB128_H

#include "base/buf.h"

static inline void leb128_add(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_add_char(out, (char)(value | 0x80));
    buf_add_char(out, (char)value);
}

/* Takes one number off the front of `rest`. False when there is none, or more than 64 bits of it. */
static inline bool leb128_take(struct slice *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < rest->size && i < 10; i++) {
        unsigned char byte = (unsigned char)rest->data[i];

        if (i == 9 && byte > 1)
            return false;
        *value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (!(byte & 0x80)) {
            *rest = slice_sub(*rest, i + 1, SIZE_MAX);
            return true;
        }
    }
    return false;
}

#endif
