/*
 * 64-bit numbers as eight bytes, the least significant first. Any thread.
 */
#ifndef EDICT_BASE_U64LE_H
#define EDICT_BASE_U64LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { U64LE_SIZE = 8 };

static inline void u64le_put(void *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof value);
}

static inline uint64_t u64le_get(const void *in)
{
    uint64_t value;

    memcpy(&value, in, sizeof value);
    return le64toh(value);
}

#endif
