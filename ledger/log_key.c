#include "ledger/log_key.h"

#include "base/file.h"
#include "ledger/proof.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { KEY_BYTES_MAX = 1024, ORIGIN_RANDOM = 8 };

/* ---- private keys ---- */

static enum status parse_key(const char *path, struct slice text, struct note_signer *out, struct error *error)
{
    enum status status;

    if (slice_ends_with(text, SLICE("\n")))
        text.size--;
    status = note_signer_parse(text, out, error);
    return status == STATUS_INVALID ? error_set(error, STATUS_CORRUPT, path, "%s", "this is not the ledger's private key")
                                    : status;
}

enum status log_key_read(const char *folder, const char *name, struct note_signer *out, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct arena arena;
    struct slice text = {0};
    mode_t mode = 0;
    enum status status = file_path(path, folder, name, error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 2048, 1 << 16);
    status = file_read(path, &arena, KEY_BYTES_MAX, &text, &mode, error);
    if (status == STATUS_OK && (mode & 077))
        status = error_set(error, STATUS_DENIED, path, "others can read the ledger's private key; chmod 600 it");
    if (status == STATUS_OK)
        status = parse_key(path, text, out, error);
    if (text.size > 0)
        OPENSSL_cleanse((void *)(uintptr_t)text.data, text.size);
    arena_destroy(&arena);
    return status;
}

enum status log_key_write(const char *folder, const char *name, const struct note_signer *signer, struct error *error)
{
    struct arena arena;
    struct buf text;
    enum status status;

    arena_create(&arena, 2048, 1 << 16);
    buf_create(&text, &arena);
    buf_reserve(&text, KEY_BYTES_MAX); /* so that it does not move, and one place is wiped */
    note_signer_write(&text, signer);
    buf_add_char(&text, '\n');
    status = text.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                         : file_replace(folder, name, buf_slice(&text), error);
    if (text.data)
        OPENSSL_cleanse(text.data, text.size);
    arena_destroy(&arena);
    return status;
}

enum status log_key_generate(struct slice origin, struct note_signer *out, struct error *error)
{
    unsigned char bytes[ORIGIN_RANDOM];
    char name[32] = "edict.local/";
    enum status status = digest_random(bytes, sizeof bytes, error);

    for (int i = 0; i < ORIGIN_RANDOM; i++)
        snprintf(name + 12 + 2 * i, 3, "%02x", bytes[i]);
    if (status != STATUS_OK)
        return status;
    return note_signer_generate(origin.size > 0 ? origin : slice_from_str(name), NOTE_ED25519, out, error);
}

/* ---- the verifier key ---- */

enum status log_vkey_write(const char *folder, const struct note_verifier *verifier, struct error *error)
{
    struct arena arena;
    struct buf text;
    enum status status;

    arena_create(&arena, 1024, 1 << 16);
    buf_create(&text, &arena);
    note_verifier_write(&text, verifier);
    buf_add_char(&text, '\n');
    status = text.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                         : file_replace(folder, "ledger.vkey", buf_slice(&text), error);
    arena_destroy(&arena);
    return status;
}

static enum status vkey_of_key(const char *folder, struct note_verifier *out, struct error *error)
{
    struct note_signer signer;
    enum status status = log_key_read(folder, LOG_KEY, &signer, error);

    if (status != STATUS_OK)
        return status;
    *out = signer.verifier;
    note_signer_destroy(&signer);
    return STATUS_OK;
}

enum status log_vkey_read(const char *folder, struct note_verifier *out, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct arena arena;
    struct slice text;
    enum status status = file_path(path, folder, "ledger.vkey", error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 1024, 1 << 16);
    status = file_read(path, &arena, KEY_BYTES_MAX, &text, NULL, error);
    if (status == STATUS_OK) {
        if (slice_ends_with(text, SLICE("\n")))
            text.size--;
        if (note_verifier_parse(text, out, error) != STATUS_OK)
            status = error_set(error, STATUS_CORRUPT, path, "%s", "this is no verifier key");
    }
    arena_destroy(&arena);
    return status == STATUS_NOT_FOUND ? vkey_of_key(folder, out, error) : status;
}

/* ---- the last checkpoint ---- */

enum status log_checkpoint_read(const char *folder, const struct note_verifier *verifiers, size_t count, struct arena *arena,
                                struct slice *bytes, struct checkpoint *out, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct error detail = {0};
    struct note note;
    enum status status = file_path(path, folder, "ledger.checkpoint", error);

    if (status == STATUS_OK)
        status = file_read(path, arena, NOTE_BYTES_MAX, bytes, NULL, error);
    if (status != STATUS_OK)
        return status;
    if (checkpoint_open(arena, *bytes, verifiers, count, out, &note, &detail) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, path, "%.300s. Bring the right one back. " LOG_KEY_ADVICE, detail.message);
    return STATUS_OK;
}

enum status log_checkpoint_write(const char *folder, struct slice bytes, struct error *error)
{
    return file_replace(folder, "ledger.checkpoint", bytes, error);
}

/* Is the checkpoint that is kept one of the origin that the log has left? */
static bool is_former(const char *folder, struct slice former, struct arena *arena)
{
    char path[FILE_PATH_MAX];
    struct slice bytes;
    struct checkpoint checkpoint;
    struct note note;
    struct error error;

    return former.size > 0 && file_path(path, folder, "ledger.checkpoint", &error) == STATUS_OK &&
           file_read(path, arena, NOTE_BYTES_MAX, &bytes, NULL, &error) == STATUS_OK &&
           checkpoint_read(arena, bytes, &checkpoint, &note, &error) == STATUS_OK && slice_equal(checkpoint.origin, former);
}

static enum status compare(const char *folder, const struct checkpoint *last, struct store *store, uint64_t size,
                           struct error *error)
{
    struct digest root;
    enum status status;

    if (last->size > size)
        return error_set(
            error, STATUS_CORRUPT, folder,
            "the ledger has %llu entries, but a checkpoint over %llu was signed: it is shorter than it was. " LOG_KEY_ADVICE,
            (unsigned long long)size, (unsigned long long)last->size);
    status = proof_root(store, last->size, &root, error);
    if (status == STATUS_OK && !digest_equal(&root, &last->root))
        status = error_set(error, STATUS_CORRUPT, folder,
                           "the ledger's first %llu entries are not those that were signed for. " LOG_KEY_ADVICE,
                           (unsigned long long)last->size);
    return status;
}

/* One is signed before there is a second entry. */
static enum status missing(const char *folder, uint64_t size, struct error *error)
{
    if (size <= 1)
        return STATUS_OK;
    return error_set(
        error, STATUS_CORRUPT, folder,
        "ledger.checkpoint is missing, the last checkpoint that was signed: nobody can tell without it whether the "
        "ledger, of %llu entries, has lost any. Bring it back. " LOG_KEY_ADVICE,
        (unsigned long long)size);
}

enum status log_checkpoint_compare(const char *folder, const struct note_verifier *verifiers, size_t count, struct slice former,
                                   struct store *store, uint64_t size, struct error *error)
{
    struct arena arena;
    struct checkpoint last;
    struct slice bytes;
    enum status status;

    arena_create(&arena, 65536, 1 << 22);
    status = log_checkpoint_read(folder, verifiers, count, &arena, &bytes, &last, error);
    if (status == STATUS_OK)
        status = compare(folder, &last, store, size, error);
    else if (status == STATUS_NOT_FOUND)
        status = missing(folder, size, error);
    else if (is_former(folder, former, &arena))
        status = STATUS_OK;
    arena_destroy(&arena);
    return status;
}
