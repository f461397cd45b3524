#include "ledger/log_key.h"

#include "ledger/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, KEY_BYTES_MAX = 1024, ORIGIN_RANDOM = 8 };

#define ADVICE                                                                                                                 \
    "If entries were lost, restore them. To go on without them on purpose, move ledger.key and ledger.checkpoint away: that "  \
    "starts a log with a new key and origin, and whoever kept the old checkpoint can see that it is another one"

static void path_of(const char *folder, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", folder, name);
}

/* ---- small files ---- */

static enum status read_whole(const char *path, struct arena *arena, size_t max, struct slice *out, mode_t *mode,
                              struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *room = arena_alloc(arena, max + 1);
    struct stat info;
    ssize_t size;

    if (fd < 0)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, path, "cannot read: %m");
    size = room && fstat(fd, &info) == 0 ? read(fd, room, max + 1) : -1;
    close(fd);
    if (size < 0 || (size_t)size > max)
        return error_set(error, STATUS_IO, path, size < 0 ? "cannot read" : "too large");
    *mode = info.st_mode;
    *out = slice_from(room, (size_t)size);
    return STATUS_OK;
}

static enum status sync_folder(const char *folder, struct error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok ? STATUS_OK : error_set(error, STATUS_IO, folder, "cannot sync: %m");
}

/* A new file beside, then in its place. */
static enum status write_whole(const char *folder, const char *name, struct slice bytes, struct error *error)
{
    char path[PATH_SIZE], fresh[PATH_SIZE + 8];
    bool ok;
    int fd;

    path_of(folder, name, path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ok = fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    if (!ok || rename(fresh, path) != 0)
        return error_set(error, STATUS_IO, path, "cannot write: %m");
    return sync_folder(folder, error);
}

/* ---- the key ---- */

enum status log_key_read(const char *folder, struct note_signer *out, struct error *error)
{
    char path[PATH_SIZE];
    struct arena arena;
    struct slice text = {0};
    mode_t mode = 0;
    enum status status;

    path_of(folder, "ledger.key", path);
    arena_create(&arena, 2048, 1 << 16);
    status = read_whole(path, &arena, KEY_BYTES_MAX, &text, &mode, error);
    if (status == STATUS_OK && (mode & 077))
        status = error_set(error, STATUS_DENIED, path, "others can read the ledger's private key; chmod 600 it");
    if (status == STATUS_OK) {
        if (slice_ends_with(text, SLICE("\n")))
            text.size--;
        status = note_signer_parse(text, out, error);
        if (status == STATUS_INVALID)
            status = error_set(error, STATUS_CORRUPT, path, "%s", "this is not the ledger's private key");
    }
    if (text.size > 0)
        OPENSSL_cleanse((void *)(uintptr_t)text.data, text.size);
    arena_destroy(&arena);
    return status;
}

static enum status make_key(const char *folder, struct slice origin, struct note_signer *out, struct error *error)
{
    unsigned char bytes[ORIGIN_RANDOM];
    char name[32] = "edict.local/";
    struct arena arena;
    struct buf text;
    enum status status = digest_random(bytes, sizeof bytes, error);

    for (int i = 0; i < ORIGIN_RANDOM; i++)
        snprintf(name + 12 + 2 * i, 3, "%02x", bytes[i]);
    if (status == STATUS_OK)
        status = note_signer_generate(origin.size > 0 ? origin : slice_from_str(name), NOTE_ED25519, out, error);
    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 2048, 1 << 16);
    buf_create(&text, &arena);
    note_signer_write(&text, out);
    buf_add_char(&text, '\n');
    status = text.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                         : write_whole(folder, "ledger.key", buf_slice(&text), error);
    if (!text.failed)
        OPENSSL_cleanse(text.data, text.size);
    arena_destroy(&arena);
    return status;
}

enum status log_key_open(const char *folder, struct slice origin, struct note_signer *out, bool *created, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = log_key_read(folder, out, error);

    *created = status == STATUS_NOT_FOUND;
    if (*created) {
        path_of(folder, "ledger.checkpoint", path);
        if (access(path, F_OK) == 0)
            return error_set(error, STATUS_CORRUPT, path,
                             "the key that signed this checkpoint, ledger.key, is missing. " ADVICE);
        return make_key(folder, origin, out, error);
    }
    if (status == STATUS_OK && origin.size > 0 && !slice_equal_str(origin, out->verifier.name))
        return error_set(
            error, STATUS_CONFLICT, "origin",
            "the ledger's key is of origin \"%.100s\"; leave `origin` out, or move ledger.key and ledger.checkpoint "
            "away to start a log under another name",
            out->verifier.name);
    return status;
}

/* ---- the last checkpoint ---- */

enum status log_checkpoint_read(const char *folder, const struct note_signer *signer, struct arena *arena, struct slice *bytes,
                                struct checkpoint *out, struct error *error)
{
    char path[PATH_SIZE];
    struct error detail = {0};
    struct note note;
    mode_t mode;
    enum status status;

    path_of(folder, "ledger.checkpoint", path);
    status = read_whole(path, arena, NOTE_BYTES_MAX, bytes, &mode, error);
    if (status != STATUS_OK)
        return status;
    if (checkpoint_open(arena, *bytes, &signer->verifier, 1, out, &note, &detail) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, path, "%.300s", detail.message);
    return STATUS_OK;
}

enum status log_checkpoint_write(const char *folder, struct slice bytes, struct error *error)
{
    return write_whole(folder, "ledger.checkpoint", bytes, error);
}

enum status log_checkpoint_compare(const char *folder, const struct note_signer *signer, struct store *store, uint64_t size,
                                   struct error *error)
{
    struct arena arena;
    struct checkpoint last;
    struct slice bytes;
    struct digest root;
    enum status status;

    arena_create(&arena, 65536, 1 << 22);
    status = log_checkpoint_read(folder, signer, &arena, &bytes, &last, error);
    if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    } else if (status == STATUS_OK && last.size > size) {
        status =
            error_set(error, STATUS_CORRUPT, folder,
                      "the ledger has %llu entries, but a checkpoint over %llu was signed: it is shorter than it was. " ADVICE,
                      (unsigned long long)size, (unsigned long long)last.size);
    } else if (status == STATUS_OK) {
        status = proof_root(store, last.size, &root, error);
        if (status == STATUS_OK && !digest_equal(&root, &last.root))
            status = error_set(error, STATUS_CORRUPT, folder,
                               "the ledger's first %llu entries are not those that were signed for. " ADVICE,
                               (unsigned long long)last.size);
    }
    arena_destroy(&arena);
    return status;
}
