/*
 * 64-bit numbers as eight bytes, the most significant first, so that keys sort as numbers do. Any thread.
 */
#ifndef EDICT_BASE_U64BE_H
#define EDICT_BASE_U64BE_H

#include <stdint.h>

enum { U64BE_SIZE = 8 };

static inline void u64be_put(void *out, uint64_t value)
{
    unsigned char *bytes = (unsigned char *)out;

    for (int i = 0; i < U64BE_SIZE; i++)
        bytes[i] = (unsigned char)(value >> (56 - 8 * i));
}

static inline uint64_t u64be_get(const void *in)
{
    const unsigned char *bytes = (const unsigned char *)in;
    uint64_t value = 0;

    for (int i = 0; i < U64BE_SIZE; i++)
        value = value << 8 | bytes[i];
    return value;
}

#endif
