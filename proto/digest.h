/*
 * SHA-256 and HMAC-SHA-256 by OpenSSL, and the names they are written under. Any thread.
 */
#ifndef EDICT_PROTO_DIGEST_H
#define EDICT_PROTO_DIGEST_H

#include "base/slice.h"
#include "base/status.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 64 };

struct digest {
    unsigned char bytes[DIGEST_SIZE];
};

/* A hash in the making: begin, add any number of times, end. On the caller's stack; nothing to free. */
struct digest_sha256_state {
    uint64_t opaque[14]; /* libcrypto's SHA256_CTX */
};
void digest_sha256_begin(struct digest_sha256_state *state);
void digest_sha256_add(struct digest_sha256_state *state, struct slice bytes);
void digest_sha256_end(struct digest_sha256_state *state, struct digest *out);

void digest_sha256(struct slice bytes, struct digest *out);
/* The hash of the concatenation of `count` slices. */
void digest_sha256_many(const struct slice *parts, size_t count, struct digest *out);
void digest_hmac_sha256(struct slice key, const struct slice *parts, size_t count, struct digest *out);
void digest_format(const struct digest *digest, char hex[DIGEST_HEX_SIZE]); /* lower case */
bool digest_parse(struct slice hex, struct digest *out);
static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}
/* Bytes from the system's generator, for keys and tokens. */
enum status digest_random(void *out, size_t size, struct error *error) EDICT_MUST_USE;

#endif
