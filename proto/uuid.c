#include "proto/uuid.h"

#include <openssl/rand.h>

void uuid_generator_create(struct uuid_generator *generator)
{
    *generator = (struct uuid_generator){0};
}

static bool take_random(struct uuid_generator *generator, unsigned char *out, size_t size)
{
    if (generator->pool_left < size) {
        if (RAND_bytes(generator->pool, sizeof generator->pool) != 1)
            return false;
        generator->pool_left = sizeof generator->pool;
    }
    generator->pool_left -= size;
    memcpy(out, generator->pool + generator->pool_left, size);
    memset(generator->pool + generator->pool_left, 0, size);
    return true;
}

/* RFC 9562, 5.7 with method 1 of 6.2: 12 bits count within a millisecond; where they overflow, or the clock goes back, time is
 * borrowed. */
static void advance(struct uuid_generator *generator, int64_t now_ms)
{
    if (now_ms > generator->last_ms) {
        generator->last_ms = now_ms;
        generator->sequence = 0;
    } else if (++generator->sequence > 0xFFF) {
        generator->last_ms++;
        generator->sequence = 0;
    }
}

enum status uuid_generate(struct uuid_generator *generator, int64_t now_ms, struct uuid *out)
{
    uint64_t ms;

    if (!take_random(generator, out->bytes + 8, 8))
        return STATUS_IO;
    advance(generator, now_ms);
    ms = (uint64_t)generator->last_ms;
    for (int i = 0; i < 6; i++)
        out->bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    out->bytes[6] = (unsigned char)(0x70 | generator->sequence >> 8);
    out->bytes[7] = (unsigned char)generator->sequence;
    out->bytes[8] = (unsigned char)(0x80 | (out->bytes[8] & 0x3F));
    return STATUS_OK;
}

static bool is_hyphen_place(int at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    int nibble = 0;

    for (int i = 0; i < UUID_TEXT_SIZE; i++) {
        if (is_hyphen_place(i)) {
            text[i] = '-';
            continue;
        }
        text[i] = digits[nibble % 2 ? uuid->bytes[nibble / 2] & 15 : uuid->bytes[nibble / 2] >> 4];
        nibble++;
    }
}

static int nibble_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(struct slice text, struct uuid *out)
{
    int nibble = 0;

    if (text.size != UUID_TEXT_SIZE)
        return false;
    *out = (struct uuid){0};
    for (int i = 0; i < UUID_TEXT_SIZE; i++) {
        int value = nibble_value(text.data[i]);

        if (is_hyphen_place(i)) {
            if (text.data[i] != '-')
                return false;
            continue;
        }
        if (value < 0)
            return false;
        out->bytes[nibble / 2] = (unsigned char)(out->bytes[nibble / 2] << 4 | value);
        nibble++;
    }
    return true;
}
