#include "base/slice.h"

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool slice_equal_secret(struct slice a, struct slice b)
{
    unsigned char difference = 0;
    size_t i;

    if (a.size != b.size)
        return false;
    for (i = 0; i < a.size; i++)
        difference = (unsigned char)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
    uint64_t value = 0;
    size_t i;

    if (s.size == 0)
        return false;
    for (i = 0; i < s.size; i++) {
        unsigned digit = (unsigned char)s.data[i] - (unsigned)'0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

uint64_t slice_hash(struct slice s, uint64_t seed)
{
    uint64_t hash = 14695981039346656037U ^ seed;
    size_t i;

    for (i = 0; i < s.size; i++)
        hash = (hash ^ (unsigned char)s.data[i]) * 1099511628211U;
    return hash ^ (hash >> 32);
}
