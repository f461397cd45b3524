#include "proto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

void digest_sha256(struct slice bytes, struct digest *out)
{
    SHA256((const unsigned char *)(bytes.data ? bytes.data : ""), bytes.size, out->bytes);
}

/* A hash that cannot be computed would be a hole in every promise: OpenSSL fails here only when memory is gone. */
static void require(int ok)
{
    if (ok != 1)
        OPENSSL_die("SHA-256 failed", __FILE__, __LINE__);
}

void digest_sha256_many(const struct slice *parts, size_t count, struct digest *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    require(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    for (size_t i = 0; i < count; i++)
        require(EVP_DigestUpdate(context, parts[i].data, parts[i].size));
    require(EVP_DigestFinal_ex(context, out->bytes, NULL));
    EVP_MD_CTX_free(context);
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
