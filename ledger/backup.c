#include "ledger/backup.h"

#include "base/file.h"
#include "ledger/ledger.h"
#include "ledger/log_key.h"
#include "ledger/private.h"
#include "ledger/proof.h"
#include "proto/json.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>

enum { BACKUP_FORMAT = 1, BACKUP_MANIFEST_MAX = 16384 };

static const char manifest_name[] = "backup.json";

/* Size and root from the head row and from the tree. Reads the last entries only. */
static enum status check_tree(struct store *store, struct backup_result *out, struct error *error)
{
    struct digest recorded;
    enum status status = ledger_store_head(store, &out->size, &recorded, error);

    if (status == STATUS_OK)
        status = proof_root(store, out->size, &out->root, error);
    if (status == STATUS_OK && !digest_equal(&recorded, &out->root))
        status = error_set(error, STATUS_CORRUPT, "", "the entries do not have the root hash that was recorded with them");
    return status;
}

/* The moment may be one at which values were erased and not out of the store's files yet. */
static enum status scrub(struct store *copy, struct error *error)
{
    struct scrub scrub;
    enum status status;

    scrub_create(&scrub);
    status = scrub_load(&scrub, copy, error);
    if (status == STATUS_OK)
        status = scrub_run(&scrub, copy, error);
    scrub_destroy(&scrub);
    return status;
}

static enum status check_copy(const char *partial, struct backup_result *out, struct error *error)
{
    char folder[FILE_PATH_MAX];
    struct store *copy = NULL;
    enum status status = file_path(folder, partial, "ledger", error);

    if (status == STATUS_OK)
        status = store_open_rocksdb(folder, false, &copy, error);
    if (status == STATUS_OK)
        status = scrub(copy, error);
    if (status == STATUS_OK)
        status = check_tree(copy, out, error);
    if (copy)
        copy->ops->close(copy);
    return status == STATUS_OK ? file_sync_tree(folder, error) : status;
}

/* ---- the manifest, read ---- */

static enum status compare_manifest(struct store *store, const struct backup_result *said, const char *path,
                                    const struct backup_result *found, struct error *error)
{
    struct digest root = found->root;
    enum status status = STATUS_OK;

    if (said->size < found->size)
        status = proof_root(store, said->size, &root, error);
    if (status == STATUS_OK && (said->size > found->size || !digest_equal(&said->root, &root)))
        status = error_set(error, STATUS_CORRUPT, path,
                           "the ledger beside it, of %llu entries, does not begin with the %llu that were backed up",
                           (unsigned long long)found->size, (unsigned long long)said->size);
    return status;
}

static enum status parse_manifest(struct arena *arena, struct slice bytes, const char *path, struct backup_result *said,
                                  struct error *error)
{
    const struct json_limits limits = {.bytes = BACKUP_MANIFEST_MAX, .depth = 4, .members = 64};
    int64_t size = -1;
    cJSON *json;

    if (json_parse(arena, bytes, &limits, &json, error) != STATUS_OK || !json_get_i64(json, "size", &size) || size < 0 ||
        !digest_parse(json_get_text(json, "root"), &said->root))
        return error_set(error, STATUS_CORRUPT, path, "it does not say validly what was backed up");
    said->size = (uint64_t)size;
    return STATUS_OK;
}

enum status backup_check_manifest(const char *folder, struct store *store, const struct backup_result *found,
                                  struct error *error)
{
    char path[FILE_PATH_MAX];
    struct arena arena;
    struct backup_result said;
    struct slice bytes;
    enum status status = file_path(path, folder, manifest_name, error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 8192, 1 << 20);
    status = file_read(path, &arena, BACKUP_MANIFEST_MAX, &bytes, NULL, error);
    if (status == STATUS_OK)
        status = parse_manifest(&arena, bytes, path, &said, error);
    if (status == STATUS_OK)
        status = compare_manifest(store, &said, path, found, error);
    arena_destroy(&arena);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- the small files ---- */

static enum status write_checkpoint(const struct backup_options *options, const char *partial, struct arena *arena,
                                    const struct backup_result *result, struct error *error)
{
    const struct checkpoint checkpoint = {
        .origin = slice_from_str(options->signers[0].verifier.name), .size = result->size, .root = result->root};
    struct buf bytes;
    enum status status;

    buf_create(&bytes, arena);
    status = checkpoint_sign(&checkpoint, options->signers, options->signer_count, &bytes, error);
    return status == STATUS_OK ? log_checkpoint_write(partial, buf_slice(&bytes), error) : status;
}

static struct slice verifier_text(struct arena *arena, const struct note_signer *signer)
{
    struct buf out;

    buf_create(&out, arena);
    note_verifier_write(&out, &signer->verifier);
    return buf_slice(&out);
}

static enum status write_manifest(const struct backup_options *options, const char *partial, struct arena *arena,
                                  const struct backup_result *result, struct error *error)
{
    char time[CLOCK_TEXT_SIZE], root[DIGEST_HEX_SIZE];
    struct buf out;
    struct json_writer w = {.out = &out};

    clock_format(clock_now_ms(&options->clock), time);
    digest_format(&result->root, root);
    buf_create(&out, arena);
    json_begin_object(&w);
    json_key(&w, "created");
    json_string(&w, slice_from(time, sizeof time));
    json_key(&w, "format");
    json_i64(&w, BACKUP_FORMAT);
    json_key(&w, "origin");
    json_string(&w, slice_from_str(options->signers[0].verifier.name));
    json_key(&w, "root");
    json_string(&w, slice_from(root, sizeof root));
    json_key(&w, "size");
    json_i64(&w, (int64_t)result->size);
    json_key(&w, "verifier_key");
    json_string(&w, verifier_text(arena, &options->signers[0]));
    json_key(&w, "with_key");
    json_bool(&w, options->with_key);
    json_end_object(&w);
    buf_add_char(&out, '\n');
    return out.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                      : file_replace(partial, manifest_name, buf_slice(&out), error);
}

static enum status write_files(const struct backup_options *options, const char *partial, const struct backup_result *result,
                               struct error *error)
{
    struct arena arena;
    enum status status;

    arena_create(&arena, 8192, 1 << 20);
    status = write_checkpoint(options, partial, &arena, result, error);
    if (status == STATUS_OK)
        status = log_vkey_write(partial, &options->signers[0].verifier, error);
    if (status == STATUS_OK && options->with_key)
        status = log_key_write(partial, "ledger.key", &options->signers[0], error);
    if (status == STATUS_OK)
        status = write_manifest(options, partial, &arena, result, error);
    arena_destroy(&arena);
    return status;
}

static enum status copy_proof(const struct backup_options *options, const char *partial, const char *name, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct arena arena;
    struct slice bytes;
    enum status status = file_path(path, options->folder, name, error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 8192, 1 << 20);
    status = file_read(path, &arena, NOTE_BYTES_MAX, &bytes, NULL, error);
    if (status == STATUS_OK)
        status = file_replace(partial, name, bytes, error);
    arena_destroy(&arena);
    return status;
}

static enum status copy_proofs(const struct backup_options *options, const char *partial, struct error *error)
{
    static const char prefix[] = "ledger.handover.";
    DIR *dir = opendir(options->folder);
    struct dirent *entry;
    enum status status = dir ? STATUS_OK : error_set(error, STATUS_IO, options->folder, "cannot read this folder: %m");

    while (status == STATUS_OK && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0 && !strstr(entry->d_name, ".new"))
            status = copy_proof(options, partial, entry->d_name, error);
    }
    if (dir)
        closedir(dir);
    return status;
}

/* ---- the whole ---- */

static enum status make_partial(const char *target, char partial[FILE_PATH_MAX], struct error *error)
{
    if (file_exists(target))
        return error_set(error, STATUS_CONFLICT, target, "it is there already; a backup is a new folder");
    if (snprintf(partial, FILE_PATH_MAX, "%s.partial", target) >= FILE_PATH_MAX)
        return error_set(error, STATUS_INVALID, target, "the path is too long");
    if (mkdir(partial, 0700) == 0)
        return STATUS_OK;
    if (errno == EEXIST)
        return error_set(error, STATUS_CONFLICT, partial,
                         "a backup to this place is under way or was interrupted; if none is under way, remove this folder");
    if (errno == ENAMETOOLONG)
        return error_set(error, STATUS_INVALID, target, "the path is too long");
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(error, STATUS_INVALID, target, "the folder that it is to be made in is not there");
    return error_set(error, errno == EACCES || errno == EROFS ? STATUS_DENIED : STATUS_IO, partial,
                     "cannot make this folder: %m");
}

static enum status fill(const struct backup_options *options, const char *partial, struct backup_result *out,
                        struct error *error)
{
    char folder[FILE_PATH_MAX];
    enum status status = file_path(folder, partial, "ledger", error);

    if (status == STATUS_OK)
        status = options->store->ops->copy(options->store, folder, error);
    if (status == STATUS_OK)
        status = check_copy(partial, out, error);
    if (status == STATUS_OK)
        status = write_files(options, partial, out, error);
    if (status == STATUS_OK)
        status = copy_proofs(options, partial, error);
    if (status == STATUS_OK && rename(partial, options->target) != 0)
        status = error_set(error, STATUS_IO, options->target, "cannot rename into place: %m");
    return status == STATUS_OK ? file_sync_parent(options->target, error) : status;
}

enum status backup_write(const struct backup_options *options, struct backup_result *out, struct error *error)
{
    char partial[FILE_PATH_MAX];
    enum status status = make_partial(options->target, partial, error);

    if (status != STATUS_OK)
        return status;
    status = fill(options, partial, out, error);
    if (status != STATUS_OK)
        file_remove_tree(partial);
    return status;
}
