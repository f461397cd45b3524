/*
 * UUIDv7 (RFC 9562): decision ids and the like. The generator is one thread's own; ids from it never repeat and never decrease.
 */
#ifndef EDICT_PROTO_UUID_H
#define EDICT_PROTO_UUID_H

#include "base/slice.h"
#include "base/status.h"

enum { UUID_TEXT_SIZE = 36, UUID_SIZE = 16 };

struct uuid {
    unsigned char bytes[UUID_SIZE];
};

struct uuid_generator {
    unsigned char pool[4096]; /* random bytes, refilled from the system's generator */
    size_t pool_left;
    int64_t last_ms;
    uint16_t sequence;
};

void uuid_generator_create(struct uuid_generator *generator);
/* STATUS_IO when the system has no randomness to give. */
enum status uuid_generate(struct uuid_generator *generator, int64_t now_ms, struct uuid *out) EDICT_MUST_USE;
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE]);
/* Lower or upper case, with hyphens, any version; false otherwise. */
bool uuid_parse(struct slice text, struct uuid *out);

#endif
