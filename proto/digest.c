#include "proto/digest.h"

/*
 * The functions that hash directly, which OpenSSL 3 keeps but marks as superseded: the same code without looking up a provider,
 * which costs as much as hashing five blocks, and a tree hashes two blocks at a time.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

static_assert(sizeof(struct digest_sha256_state) == sizeof(SHA256_CTX) &&
                  _Alignof(struct digest_sha256_state) >= _Alignof(SHA256_CTX),
              "the state is OpenSSL's");

/* A hash that cannot be computed would be a hole in every promise; OpenSSL has no reason to fail here. */
static void require(int ok)
{
    if (ok != 1)
        OPENSSL_die("SHA-256 failed", __FILE__, __LINE__);
}

void digest_sha256_begin(struct digest_sha256_state *state)
{
    require(SHA256_Init((SHA256_CTX *)(void *)state));
}

void digest_sha256_add(struct digest_sha256_state *state, struct slice bytes)
{
    if (bytes.size > 0)
        require(SHA256_Update((SHA256_CTX *)(void *)state, bytes.data, bytes.size));
}

void digest_sha256_end(struct digest_sha256_state *state, struct digest *out)
{
    require(SHA256_Final(out->bytes, (SHA256_CTX *)(void *)state));
}

void digest_sha256_many(const struct slice *parts, size_t count, struct digest *out)
{
    struct digest_sha256_state state;

    digest_sha256_begin(&state);
    for (size_t i = 0; i < count; i++)
        digest_sha256_add(&state, parts[i]);
    digest_sha256_end(&state, out);
}

void digest_sha256(struct slice bytes, struct digest *out)
{
    digest_sha256_many(&bytes, 1, out);
}

/* RFC 2104: the block size of SHA-256 is 64 bytes. */
void digest_hmac_sha256(struct slice key, const struct slice *parts, size_t count, struct digest *out)
{
    unsigned char inner[64] = {0}, outer[64];
    struct digest hash;
    struct slice pieces[8];

    require(key.size <= sizeof inner && count < sizeof pieces / sizeof *pieces);
    memcpy(inner, key.data, key.size);
    for (size_t i = 0; i < sizeof inner; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    pieces[0] = slice_from(inner, sizeof inner);
    memcpy(pieces + 1, parts, count * sizeof *parts);
    digest_sha256_many(pieces, count + 1, &hash);
    pieces[0] = slice_from(outer, sizeof outer);
    pieces[1] = slice_from(hash.bytes, sizeof hash.bytes);
    digest_sha256_many(pieces, 2, out);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

void digest_format(const struct digest *digest, char hex[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < DIGEST_SIZE; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
}

bool digest_parse(struct slice hex, struct digest *out)
{
    if (hex.size != DIGEST_HEX_SIZE)
        return false;
    for (size_t i = 0; i < DIGEST_HEX_SIZE; i++) {
        char c = hex.data[i];
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (value < 0)
            return false;
        out->bytes[i / 2] = (unsigned char)(i % 2 ? out->bytes[i / 2] | value : value << 4);
    }
    return true;
}

enum status digest_random(void *out, size_t size, struct error *error)
{
    if (RAND_bytes(out, (int)size) == 1)
        return STATUS_OK;
    return error_set(error, STATUS_IO, "", "the system gives no random bytes");
}
