/* Writing an archive: bundles and tiles, the values that entries name, a signature, and last of all the manifest. */
#include "ledger/archive_internal.h"
#include "ledger/ledger.h"
#include "ledger/log_key.h"
#include "ledger/proof.h"
#include "proto/json.h"
#include "proto/record.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

struct writing {
    const struct archive_options *options;
    char partial[FILE_PATH_MAX];
    struct archive_info *info;
    struct buf bundle;
    struct digest leaves[ARCHIVE_BUNDLE];
    unsigned count; /* of records in the bundle */
    int64_t first_time_ms;
    uint64_t bytes, blobs;
    struct arena arena; /* of one bundle */
    struct error *error;
};

/* ---- files ---- */

void archive_tile_path(char out[ARCHIVE_PATH_MAX], int level, uint64_t number, unsigned width)
{
    unsigned groups[7];
    int count = 0, at;

    do {
        groups[count++] = (unsigned)(number % 1000);
        number /= 1000;
    } while (number > 0 && count < 7);
    at = level < 0 ? snprintf(out, ARCHIVE_PATH_MAX, "tile/entries") : snprintf(out, ARCHIVE_PATH_MAX, "tile/%d", level);
    while (count-- > 0)
        at += snprintf(out + at, ARCHIVE_PATH_MAX - (size_t)at, "/%s%03u", count > 0 ? "x" : "", groups[count]);
    if (width < ARCHIVE_BUNDLE)
        snprintf(out + at, ARCHIVE_PATH_MAX - (size_t)at, ".p/%u", width);
}

void archive_blob_path(char out[ARCHIVE_PATH_MAX], const struct digest *hash)
{
    char hex[DIGEST_HEX_SIZE];

    digest_format(hash, hex);
    snprintf(out, ARCHIVE_PATH_MAX, "blobs/%.*s", DIGEST_HEX_SIZE, hex);
}

/* Synced with all others at the end. */
static enum status put_file(struct writing *writing, const char *name, struct slice bytes)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, writing->partial, name, writing->error);

    if (status == STATUS_OK)
        status = file_make_parents(writing->partial, name, writing->error);
    return status == STATUS_OK ? file_put(path, bytes, writing->error) : status;
}

/* ---- large values ---- */

static enum status put_blob(void *context, const struct digest *hash, struct error *error)
{
    struct writing *writing = context;
    char name[ARCHIVE_PATH_MAX], path[FILE_PATH_MAX];
    struct slice bytes;
    struct digest found;
    enum status status;

    archive_blob_path(name, hash);
    status = file_path(path, writing->partial, name, error);
    if (status != STATUS_OK || file_exists(path))
        return status;
    status =
        store_get(writing->options->store, STORE_BLOBS, slice_from(hash->bytes, DIGEST_SIZE), &writing->arena, &bytes, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK; /* a hash that somebody wrote into a request, and no value of ours */
    if (status != STATUS_OK)
        return status;
    digest_sha256(bytes, &found);
    if (!digest_equal(&found, hash))
        return error_set(error, STATUS_CORRUPT, "", "a large value does not have the hash under which it is kept");
    writing->blobs++;
    return put_file(writing, name, bytes);
}

/* ---- bundles ---- */

static enum status end_bundle(struct writing *writing, uint64_t number)
{
    char name[ARCHIVE_PATH_MAX];
    enum status status;

    if (writing->bundle.failed)
        return error_set(writing->error, STATUS_NO_MEMORY, "", "out of memory");
    archive_tile_path(name, -1, number, ARCHIVE_BUNDLE);
    status = put_file(writing, name, buf_slice(&writing->bundle));
    archive_tile_path(name, 0, number, ARCHIVE_BUNDLE);
    if (status == STATUS_OK)
        status = put_file(writing, name, slice_from(writing->leaves, sizeof writing->leaves));
    writing->bytes += writing->bundle.size;
    writing->bundle.size = 0;
    writing->count = 0;
    if (writing->options->progress)
        writing->options->progress(writing->options->context, (number + 1) * ARCHIVE_BUNDLE - writing->options->from,
                                   writing->options->to - writing->options->from);
    return status;
}

static enum status add_record(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct writing *writing = context;
    struct record_header header;
    struct slice body;
    enum status status = record_split(record, &header, &body, error);

    if (status != STATUS_OK)
        return status;
    if (index == writing->options->from)
        writing->first_time_ms = header.time_ms;
    writing->info->last_time_ms = header.time_ms;
    arena_reset(&writing->arena);
    buf_add_char(&writing->bundle, (char)(record.size >> 8));
    buf_add_char(&writing->bundle, (char)(record.size & 255));
    buf_add_slice(&writing->bundle, record);
    archive_leaf(record, &writing->leaves[writing->count++]);
    status = archive_each_hash(body, put_blob, writing, error);
    if (status != STATUS_OK || writing->count < ARCHIVE_BUNDLE)
        return status;
    return end_bundle(writing, index / ARCHIVE_BUNDLE);
}

/* ---- what is above ---- */

static enum status put_tile(struct writing *writing, unsigned level, uint64_t number, unsigned width)
{
    char name[ARCHIVE_PATH_MAX];
    struct slice hashes;
    enum status status;

    arena_reset(&writing->arena);
    status = proof_tile(writing->options->store, level, number, width, &writing->arena, &hashes, writing->error);
    archive_tile_path(name, (int)level, number, width);
    return status == STATUS_OK ? put_file(writing, name, hashes) : status;
}

static enum status put_levels(struct writing *writing)
{
    enum status status = STATUS_OK;

    for (unsigned level = 1; level < MERKLE_LEVELS && status == STATUS_OK; level++) {
        uint64_t count = writing->options->to >> (8 * level);

        for (uint64_t number = 0; number < count / 256 && status == STATUS_OK; number++)
            status = put_tile(writing, level, number, 256);
        if (count % 256 > 0 && status == STATUS_OK)
            status = put_tile(writing, level, count / 256, (unsigned)(count % 256));
    }
    return status;
}

static enum status put_checkpoint(struct writing *writing)
{
    const struct archive_options *options = writing->options;
    struct checkpoint checkpoint = {.origin = slice_from_str(options->signers[0].verifier.name), .size = options->to};
    struct buf bytes;
    enum status status = proof_root(options->store, options->to, &writing->info->root, writing->error);

    arena_reset(&writing->arena);
    buf_create(&bytes, &writing->arena);
    checkpoint.root = writing->info->root;
    if (status == STATUS_OK)
        status = checkpoint_sign(&checkpoint, options->signers, options->signer_count, &bytes, writing->error);
    if (status == STATUS_OK)
        status = put_file(writing, "checkpoint", buf_slice(&bytes));
    return status == STATUS_OK ? log_vkey_write(writing->partial, &options->signers[0].verifier, writing->error) : status;
}

/* ---- the manifest ---- */

static void put_number(struct json_writer *w, const char *name, uint64_t value)
{
    json_key(w, name);
    json_i64(w, (int64_t)value);
}

static void put_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_ms, text);
    json_key(w, name);
    json_string(w, slice_from(text, sizeof text));
}

static enum status put_manifest(struct writing *writing)
{
    const struct archive_options *options = writing->options;
    char root[DIGEST_HEX_SIZE];
    struct buf out;
    struct json_writer w = {.out = &out};

    arena_reset(&writing->arena);
    buf_create(&out, &writing->arena);
    digest_format(&writing->info->root, root);
    json_begin_object(&w);
    put_number(&w, "blobs", writing->blobs);
    put_number(&w, "bytes", writing->bytes);
    put_time(&w, "created", clock_now_ms(&options->clock));
    put_time(&w, "first_time", writing->first_time_ms);
    put_number(&w, "format", ARCHIVE_FORMAT);
    put_number(&w, "from", options->from);
    put_time(&w, "last_time", writing->info->last_time_ms);
    json_key(&w, "origin");
    json_string(&w, slice_from_str(options->signers[0].verifier.name));
    json_key(&w, "root");
    json_string(&w, slice_from(root, sizeof root));
    put_number(&w, "to", options->to);
    json_end_object(&w);
    buf_add_char(&out, '\n');
    if (out.failed)
        return error_set(writing->error, STATUS_NO_MEMORY, "", "out of memory");
    digest_sha256(buf_slice(&out), &writing->info->manifest);
    return put_file(writing, "archive.json", buf_slice(&out));
}

/* ---- the whole ---- */

static enum status fill(struct writing *writing)
{
    const struct archive_options *options = writing->options;
    enum status status = ledger_each(options->store, options->from, options->to, add_record, writing, writing->error);

    if (status == STATUS_OK)
        status = put_levels(writing);
    if (status == STATUS_OK)
        status = put_checkpoint(writing);
    if (status == STATUS_OK)
        status = put_manifest(writing);
    if (status == STATUS_OK)
        status = file_sync_tree(writing->partial, writing->error);
    if (status == STATUS_OK && rename(writing->partial, options->folder) != 0)
        status = error_set(writing->error, STATUS_IO, options->folder, "cannot rename into place: %m");
    return status == STATUS_OK ? file_sync_parent(options->folder, writing->error) : status;
}

/* An attempt that was interrupted begins anew: its files may be torn. False when the folder is somebody else's, or a link,
 * which whoever can write beside it may have put there. */
static bool remove_left_over(const char *partial)
{
    char tiles[FILE_PATH_MAX];
    struct error none;

    if (!file_exists(partial))
        return true;
    if (!file_is_own_folder(partial))
        return false;
    if (!file_folder_is_empty(partial) && (file_path(tiles, partial, "tile", &none) != STATUS_OK || !file_exists(tiles)))
        return false;
    file_remove_tree(partial);
    return !file_exists(partial);
}

static enum status make_partial(struct writing *writing)
{
    const struct archive_options *options = writing->options;

    if (options->from % ARCHIVE_BUNDLE != 0 || options->to % ARCHIVE_BUNDLE != 0 || options->from >= options->to)
        return error_set(writing->error, STATUS_INTERNAL, "", "an archive is of whole bundles");
    if (file_exists(options->folder))
        return error_set(writing->error, STATUS_CONFLICT, options->folder, "it is there already; an archive is a new folder");
    if (snprintf(writing->partial, FILE_PATH_MAX, "%s.partial", options->folder) >= FILE_PATH_MAX)
        return error_set(writing->error, STATUS_INVALID, options->folder, "the path is too long");
    if (!remove_left_over(writing->partial))
        return error_set(writing->error, STATUS_CONFLICT, writing->partial,
                         "this folder is in the way, and it is nothing that an archive left behind; remove it");
    if (mkdir(writing->partial, 0700) == 0)
        return STATUS_OK;
    if (errno == ENAMETOOLONG)
        return error_set(writing->error, STATUS_INVALID, options->folder, "the path is too long");
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(writing->error, STATUS_INVALID, options->folder, "the folder that it is to be made in is not there");
    return error_set(writing->error, errno == EACCES || errno == EROFS ? STATUS_DENIED : STATUS_IO, writing->partial,
                     "cannot make this folder: %m");
}

enum status archive_write(const struct archive_options *options, struct archive_info *out, struct error *error)
{
    struct writing writing = {.options = options, .info = out, .error = error};
    enum status status = make_partial(&writing);

    if (status != STATUS_OK)
        return status;
    *out = (struct archive_info){.from = options->from, .to = options->to};
    arena_create(&writing.arena, 1 << 16, (size_t)ARCHIVE_BLOB_MAX * 2);
    buf_create(&writing.bundle, NULL);
    status = fill(&writing);
    if (status != STATUS_OK) /* the next attempt would not go on with it, and it may be what fills the disk */
        file_remove_tree(writing.partial);
    buf_destroy(&writing.bundle);
    arena_destroy(&writing.arena);
    return status;
}
