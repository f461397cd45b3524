#include "ledger/note.h"

#include "base/text.h"
#include "base/u64be.h"
#include "proto/base64.h"
#include "proto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#define NOTE_DASH "\xe2\x80\x94 " /* U+2014 and a space */
#define NOTE_PRIVATE "PRIVATE+KEY+"

enum { NOTE_COSIGNED_TEXT_MAX = 16384, NOTE_TIME_SIZE = 8 };

bool note_name_is_valid(struct slice name)
{
    if (name.size == 0 || name.size > NOTE_NAME_MAX)
        return false;
    for (size_t at = 0; at < name.size;) {
        uint32_t c;
        size_t size = text_decode_utf8(name, at, &c);

        if (size == 0 || c <= ' ' || c == '+' || c == 0xa0 || c == 0x1680 || c == 0x3000 || (c >= 0x2000 && c <= 0x200a) ||
            c == 0x202f || c == 0x205f || text_is_unsafe(c))
            return false;
        at += size;
    }
    return true;
}

/* ---- keys ---- */

static void key_id(struct note_verifier *verifier)
{
    const char middle[2] = {'\n', (char)verifier->type};
    const struct slice parts[3] = {
        slice_from_str(verifier->name), {middle, 2}, slice_from(verifier->public_key, NOTE_KEY_SIZE)};
    struct digest digest;

    digest_sha256_many(parts, 3, &digest);
    memcpy(verifier->id, digest.bytes, NOTE_KEY_ID_SIZE);
}

static void write_key(struct buf *out, const struct note_verifier *verifier, const unsigned char key[NOTE_KEY_SIZE])
{
    unsigned char typed[1 + NOTE_KEY_SIZE] = {(unsigned char)verifier->type};

    memcpy(typed + 1, key, NOTE_KEY_SIZE);
    buf_printf(out, "%s+%02x%02x%02x%02x+", verifier->name, verifier->id[0], verifier->id[1], verifier->id[2], verifier->id[3]);
    base64_write(out, typed, sizeof typed);
    OPENSSL_cleanse(typed, sizeof typed);
}

static bool read_key_id(struct slice hex, unsigned char id[NOTE_KEY_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    if (hex.size != 2 * NOTE_KEY_ID_SIZE)
        return false;
    for (size_t i = 0; i < hex.size; i++) {
        const char *at = hex.data[i] ? strchr(digits, hex.data[i]) : NULL;

        if (!at)
            return false;
        id[i / 2] = (unsigned char)(i % 2 ? id[i / 2] | (at - digits) : (at - digits) << 4);
    }
    return true;
}

/* NAME+KEYID+BASE64; the key id is not compared yet. */
static bool read_key(struct slice text, struct note_verifier *out, unsigned char key[NOTE_KEY_SIZE])
{
    unsigned char typed[1 + NOTE_KEY_SIZE];
    size_t first = slice_find(text, '+', 0), second = first == SIZE_MAX ? SIZE_MAX : slice_find(text, '+', first + 1);
    struct slice name = slice_sub(text, 0, first);
    bool ok;

    *out = (struct note_verifier){0};
    if (second == SIZE_MAX || !note_name_is_valid(name) || !read_key_id(slice_sub(text, first + 1, second), out->id) ||
        !base64_read_exact(slice_sub(text, second + 1, SIZE_MAX), typed, sizeof typed))
        return false;
    memcpy(out->name, name.data, name.size);
    memcpy(key, typed + 1, NOTE_KEY_SIZE);
    out->type = typed[0];
    ok = out->type == NOTE_ED25519 || out->type == NOTE_COSIGNATURE;
    OPENSSL_cleanse(typed, sizeof typed);
    return ok;
}

enum status note_verifier_parse(struct slice text, struct note_verifier *out, struct error *error)
{
    unsigned char id[NOTE_KEY_ID_SIZE];

    if (!read_key(text, out, out->public_key))
        return error_set(error, STATUS_INVALID, "", "not a verifier key (NAME+KEYID+BASE64 of an Ed25519 key, type 01 or 04)");
    /* read_key clears *out first, and fills public_key after that. */
    memcpy(id, out->id, sizeof id);
    key_id(out);
    if (memcmp(id, out->id, sizeof id) != 0)
        return error_set(error, STATUS_INVALID, "",
                         "the verifier key of \"%.100s\" is damaged: its key id is not that of the key", out->name);
    return STATUS_OK;
}

void note_verifier_write(struct buf *out, const struct note_verifier *verifier)
{
    write_key(out, verifier, verifier->public_key);
}

bool note_verifier_equal(const struct note_verifier *a, const struct note_verifier *b)
{
    return a->type == b->type && strcmp(a->name, b->name) == 0 && memcmp(a->public_key, b->public_key, NOTE_KEY_SIZE) == 0;
}

static enum status derive_public(struct note_signer *signer, struct error *error)
{
    size_t size = NOTE_KEY_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, signer->seed, NOTE_KEY_SIZE);
    bool ok = key && EVP_PKEY_get_raw_public_key(key, signer->verifier.public_key, &size) == 1 && size == NOTE_KEY_SIZE;

    EVP_PKEY_free(key);
    return ok ? STATUS_OK : error_set(error, STATUS_INTERNAL, "", "OpenSSL makes no Ed25519 key");
}

enum status note_signer_generate(struct slice name, enum note_type type, struct note_signer *out, struct error *error)
{
    enum status status;

    *out = (struct note_signer){.verifier.type = type};
    if (!note_name_is_valid(name))
        return error_set(error, STATUS_INVALID, "",
                         "\"%.*s\" cannot name a key: 1 to %d bytes without white space, '+' or control characters",
                         (int)(name.size > 100 ? 100 : name.size), name.data, NOTE_NAME_MAX);
    memcpy(out->verifier.name, name.data, name.size);
    status = digest_random(out->seed, sizeof out->seed, error);
    if (status == STATUS_OK)
        status = derive_public(out, error);
    if (status == STATUS_OK)
        key_id(&out->verifier);
    return status;
}

enum status note_signer_parse(struct slice text, struct note_signer *out, struct error *error)
{
    unsigned char id[NOTE_KEY_ID_SIZE];
    enum status status;

    if (!slice_starts_with(text, SLICE(NOTE_PRIVATE)) ||
        !read_key(slice_sub(text, strlen(NOTE_PRIVATE), SIZE_MAX), &out->verifier, out->seed))
        return error_set(error, STATUS_INVALID, "", "not a private key of the form PRIVATE+KEY+NAME+KEYID+BASE64");
    status = derive_public(out, error);
    if (status != STATUS_OK)
        return status;
    memcpy(id, out->verifier.id, sizeof id);
    key_id(&out->verifier);
    if (memcmp(id, out->verifier.id, sizeof id) != 0)
        return error_set(error, STATUS_INVALID, "", "the private key is damaged: its key id is not that of the key");
    return STATUS_OK;
}

void note_signer_write(struct buf *out, const struct note_signer *signer)
{
    buf_add_str(out, NOTE_PRIVATE);
    write_key(out, &signer->verifier, signer->seed);
}

void note_signer_destroy(struct note_signer *signer)
{
    OPENSSL_cleanse(signer, sizeof *signer);
}

/* ---- signing ---- */

/* What the signature is over: the text, or the cosigned message of tlog-cosignature. False when it does not fit. */
static bool signed_message(enum note_type type, struct slice text, uint64_t time_s, char room[NOTE_COSIGNED_TEXT_MAX],
                           struct slice *out)
{
    int head;

    *out = text;
    if (type == NOTE_ED25519)
        return true;
    head = snprintf(room, NOTE_COSIGNED_TEXT_MAX, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    if (text.size > NOTE_COSIGNED_TEXT_MAX - (size_t)head)
        return false;
    memcpy(room + head, text.data, text.size);
    *out = slice_from(room, (size_t)head + text.size);
    return true;
}

static bool sign_bytes(const unsigned char seed[NOTE_KEY_SIZE], struct slice message, unsigned char out[NOTE_SIGNATURE_SIZE])
{
    size_t size = NOTE_SIGNATURE_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, NOTE_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, out, &size, (const unsigned char *)message.data, message.size) == 1 &&
              size == NOTE_SIGNATURE_SIZE;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

static bool verify_bytes(const unsigned char public_key[NOTE_KEY_SIZE], struct slice message, const unsigned char *signature)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, NOTE_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(context, signature, NOTE_SIGNATURE_SIZE, (const unsigned char *)message.data, message.size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

enum status note_sign(const struct note_signer *signer, struct slice text, uint64_t time_s, struct buf *out,
                      struct error *error)
{
    unsigned char blob[NOTE_KEY_ID_SIZE + NOTE_TIME_SIZE + NOTE_SIGNATURE_SIZE];
    char room[NOTE_COSIGNED_TEXT_MAX];
    struct slice message;
    size_t at = NOTE_KEY_ID_SIZE;

    memcpy(blob, signer->verifier.id, NOTE_KEY_ID_SIZE);
    if (signer->verifier.type == NOTE_COSIGNATURE) {
        u64be_put(blob + at, time_s);
        at += NOTE_TIME_SIZE;
    }
    if (!signed_message(signer->verifier.type, text, time_s, room, &message) || !sign_bytes(signer->seed, message, blob + at))
        return error_set(error, STATUS_INTERNAL, "", "the text cannot be signed");
    buf_add_str(out, NOTE_DASH);
    buf_add_str(out, signer->verifier.name);
    buf_add_char(out, ' ');
    base64_write(out, blob, at + NOTE_SIGNATURE_SIZE);
    buf_add_char(out, '\n');
    return out->failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : STATUS_OK;
}

/* ---- reading ---- */

/* `line` without its newline. */
static bool read_signature(struct arena *arena, struct slice line, struct note_signature *out)
{
    struct slice rest = slice_sub(line, strlen(NOTE_DASH), SIZE_MAX), text;
    size_t space = slice_find(rest, ' ', 0), size = 0;
    unsigned char *blob;

    if (!slice_starts_with(line, SLICE(NOTE_DASH)) || space == SIZE_MAX)
        return false;
    out->name = slice_sub(rest, 0, space);
    text = slice_sub(rest, space + 1, SIZE_MAX);
    if (!note_name_is_valid(out->name) || text.size / 4 * 3 > NOTE_BLOB_MAX)
        return false;
    blob = arena_alloc(arena, text.size + 1);
    if (!blob || !base64_read(text, blob, text.size, &size) || size <= NOTE_KEY_ID_SIZE)
        return false;
    memcpy(out->id, blob, NOTE_KEY_ID_SIZE);
    out->blob = slice_from(blob + NOTE_KEY_ID_SIZE, size - NOTE_KEY_ID_SIZE);
    return true;
}

enum status note_parse_signatures(struct arena *arena, struct slice bytes, struct note *out, struct error *error)
{
    *out = (struct note){.signatures = arena_array(arena, NOTE_SIGNATURES_MAX, sizeof *out->signatures)};
    if (!out->signatures)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    while (bytes.size > 0) {
        size_t end = slice_find(bytes, '\n', 0);
        struct note_signature *signature = &out->signatures[out->count];

        if (end == SIZE_MAX || out->count == NOTE_SIGNATURES_MAX || !read_signature(arena, slice_sub(bytes, 0, end), signature))
            return error_set(error, STATUS_INVALID, "", "line %zu of the signatures is no signature line", out->count + 1);
        signature->line = slice_sub(bytes, 0, end + 1);
        out->count++;
        bytes = slice_sub(bytes, end + 1, SIZE_MAX);
    }
    return STATUS_OK;
}

static bool text_is_clean(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' && text.data[i] != '\n')
            return false;
    }
    return text_is_utf8(text);
}

/* Index of the last "\n\n", or SIZE_MAX. */
static size_t last_blank_line(struct slice bytes)
{
    for (size_t i = bytes.size; i >= 2; i--) {
        if (bytes.data[i - 1] == '\n' && bytes.data[i - 2] == '\n')
            return i - 2;
    }
    return SIZE_MAX;
}

enum status note_parse(struct arena *arena, struct slice bytes, struct note *out, struct error *error)
{
    size_t split = bytes.size <= NOTE_BYTES_MAX && text_is_clean(bytes) ? last_blank_line(bytes) : SIZE_MAX;
    enum status status;

    if (split == SIZE_MAX || split + 2 == bytes.size)
        return error_set(error, STATUS_INVALID, "", "not a signed note: a text, an empty line, signatures");
    status = note_parse_signatures(arena, slice_sub(bytes, split + 2, SIZE_MAX), out, error);
    out->text = slice_sub(bytes, 0, split + 1);
    return status;
}

bool note_is_by(const struct note_signature *signature, const struct note_verifier *verifier)
{
    return memcmp(signature->id, verifier->id, NOTE_KEY_ID_SIZE) == 0 && slice_equal_str(signature->name, verifier->name);
}

bool note_signature_is_valid(const struct note_signature *signature, const struct note_verifier *verifier, struct slice text,
                             uint64_t *time_s)
{
    size_t head = verifier->type == NOTE_COSIGNATURE ? NOTE_TIME_SIZE : 0;
    char room[NOTE_COSIGNED_TEXT_MAX];
    struct slice message;
    uint64_t time;

    if (signature->blob.size != head + NOTE_SIGNATURE_SIZE)
        return false;
    time = head > 0 ? u64be_get(signature->blob.data) : 0;
    if (time_s)
        *time_s = time;
    return signed_message(verifier->type, text, time, room, &message) &&
           verify_bytes(verifier->public_key, message, (const unsigned char *)signature->blob.data + head);
}

enum status note_verify(const struct note *note, const struct note_verifier *verifiers, size_t count, struct error *error)
{
    size_t valid = 0;

    for (size_t s = 0; s < note->count; s++) {
        for (size_t v = 0; v < count; v++) {
            if (!note_is_by(&note->signatures[s], &verifiers[v]))
                continue;
            if (!note_signature_is_valid(&note->signatures[s], &verifiers[v], note->text, NULL))
                return error_set(error, STATUS_CORRUPT, "",
                                 "the signature of %.100s does not fit: the text or the signature was changed",
                                 verifiers[v].name);
            valid++;
        }
    }
    return valid > 0 ? STATUS_OK : error_set(error, STATUS_CORRUPT, "", "no signature is by a known key");
}
