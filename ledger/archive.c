#include "ledger/archive.h"

#include "ledger/archive_internal.h"
#include "ledger/log_key.h"
#include "ledger/proof.h"
#include "proto/json.h"

#include <stdlib.h>

/* ---- hashes ---- */

void archive_leaf(struct slice record, struct digest *out)
{
    proof_leaf(record, out);
}

static void hash_pair(const struct digest *left, const struct digest *right, struct digest *out)
{
    static const char prefix = 1;
    const struct slice parts[3] = {{&prefix, 1}, slice_from(left->bytes, DIGEST_SIZE), slice_from(right->bytes, DIGEST_SIZE)};

    digest_sha256_many(parts, 3, out);
}

void archive_fold_tile(const struct digest *hashes, struct digest *out)
{
    archive_fold_all(hashes, ARCHIVE_BUNDLE, out);
}

/* As RFC 6962 joins subtrees: equal ones from the left, what is left over from the right. */
void archive_fold_all(const struct digest *hashes, uint64_t count, struct digest *out)
{
    struct digest frontier[64];
    bool first = true;

    for (uint64_t i = 0; i < count; i++) {
        struct digest hash = hashes[i];
        unsigned bit = 0;

        for (; i >> bit & 1; bit++)
            hash_pair(&frontier[bit], &hash, &hash);
        frontier[bit] = hash;
    }
    digest_sha256((struct slice){0}, out);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(count >> bit & 1))
            continue;
        if (first)
            *out = frontier[bit];
        else
            hash_pair(&frontier[bit], out, out);
        first = false;
    }
}

/* ---- hashes that a record names ---- */

enum status archive_each_hash(struct slice record, archive_hash_f visit, void *context, struct error *error)
{
    static const char mark[] = "sha256";
    const char *at = record.data, *end = record.data + record.size;
    enum status status = STATUS_OK;

    while (status == STATUS_OK && (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
        struct digest hash;

        at += sizeof mark - 1;
        while (at < end && (*at == '"' || *at == ':')) /* "$sha256":"HEX" and "sha256:HEX" */
            at++;
        if ((size_t)(end - at) >= DIGEST_HEX_SIZE && digest_parse(slice_from(at, DIGEST_HEX_SIZE), &hash))
            status = visit(context, &hash, error);
    }
    return status;
}

/* ---- opening ---- */

static enum status read_file(const struct archive *archive, const char *name, size_t max, struct arena *arena,
                             struct slice *out, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, archive->folder, name, error);

    return status == STATUS_OK ? file_read(path, arena, max, out, NULL, error) : status;
}

static bool take_manifest(struct archive *archive, const cJSON *json)
{
    int64_t format = 0, from = -1, to = -1, blobs = -1;

    json_get_i64(json, "format", &format);
    json_get_i64(json, "blobs", &blobs);
    json_get_i64(json, "bytes", &archive->bytes);
    json_get_i64(json, "from", &from);
    json_get_i64(json, "to", &to);
    archive->info.blobs = (uint64_t)blobs;
    archive->info.from = (uint64_t)from;
    archive->info.to = (uint64_t)to;
    return format == ARCHIVE_FORMAT && blobs >= 0 && from >= 0 && to > from && from % ARCHIVE_BUNDLE == 0 &&
           to % ARCHIVE_BUNDLE == 0 && digest_parse(json_get_text(json, "root"), &archive->info.root) &&
           clock_parse(json_get_text(json, "first_time"), &archive->first_time_ms) &&
           clock_parse(json_get_text(json, "last_time"), &archive->info.last_time_ms) &&
           slice_equal_str(json_get_text(json, "origin"), archive->verifier.name);
}

static enum status read_manifest(struct archive *archive, struct arena *arena, struct error *error)
{
    const struct json_limits limits = {.bytes = ARCHIVE_MANIFEST_MAX, .depth = 4, .members = 64};
    struct slice bytes;
    cJSON *json = NULL;
    enum status status = read_file(archive, "archive.json", ARCHIVE_MANIFEST_MAX, arena, &bytes, error);

    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_NOT_FOUND, archive->folder, "this is no archive: it has no archive.json");
    if (status != STATUS_OK)
        return status;
    digest_sha256(bytes, &archive->info.manifest);
    status = log_vkey_read(archive->folder, &archive->verifier, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_CORRUPT, archive->folder, "its ledger.vkey is missing, the key that has signed it");
    if (status != STATUS_OK)
        return status;
    if (json_parse(arena, bytes, &limits, &json, error) != STATUS_OK || !take_manifest(archive, json))
        return error_set(error, STATUS_CORRUPT, archive->folder, "archive.json is not one of format %d of this log",
                         ARCHIVE_FORMAT);
    return STATUS_OK;
}

static enum status read_checkpoint(struct archive *archive, struct arena *arena, struct error *error)
{
    struct checkpoint checkpoint;
    struct note note;
    struct slice bytes;
    struct error detail = {0};
    enum status status = read_file(archive, "checkpoint", NOTE_BYTES_MAX, arena, &bytes, error);

    if (status != STATUS_OK)
        return status;
    if (checkpoint_open(arena, bytes, &archive->verifier, 1, &checkpoint, &note, &detail) != STATUS_OK)
        return error_set(error, STATUS_CORRUPT, archive->folder, "its checkpoint: %.300s", detail.message);
    if (checkpoint.size != archive->info.to || !digest_equal(&checkpoint.root, &archive->info.root))
        return error_set(error, STATUS_CORRUPT, archive->folder, "its checkpoint and archive.json are not of the same tree");
    return STATUS_OK;
}

static enum status read_level_1(struct archive *archive, struct arena *arena, struct error *error)
{
    uint64_t count = archive->info.to / ARCHIVE_BUNDLE;
    struct digest root;

    archive->level_1 = malloc(count * sizeof *archive->level_1);
    if (!archive->level_1)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    for (uint64_t at = 0; at < count; at += MERKLE_TILE_HASHES) {
        unsigned width = count - at < MERKLE_TILE_HASHES ? (unsigned)(count - at) : MERKLE_TILE_HASHES;
        char name[ARCHIVE_PATH_MAX];
        struct slice bytes;
        enum status status;

        arena_reset(arena);
        archive_tile_path(name, 1, at / MERKLE_TILE_HASHES, width);
        status = read_file(archive, name, MERKLE_TILE_HASHES * DIGEST_SIZE, arena, &bytes, error);
        if (status != STATUS_OK || bytes.size != (size_t)width * DIGEST_SIZE)
            return error_set(error, STATUS_CORRUPT, archive->folder, "%s is missing or damaged", name);
        memcpy(&archive->level_1[at], bytes.data, bytes.size);
    }
    archive->level_1_count = count;
    archive_fold_all(archive->level_1, count, &root);
    if (!digest_equal(&root, &archive->info.root))
        return error_set(error, STATUS_CORRUPT, archive->folder, "its tiles of level 1 do not have the root that was signed");
    return STATUS_OK;
}

enum status archive_open(const char *folder, struct archive **out, struct error *error)
{
    struct archive *archive = calloc(1, sizeof *archive);
    struct arena arena;
    enum status status;

    if (!archive)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    arena_create(&arena, 1 << 16, 8 << 20);
    status =
        strlen(folder) < sizeof archive->folder ? STATUS_OK : error_set(error, STATUS_INVALID, folder, "the path is too long");
    if (status == STATUS_OK) {
        strcpy(archive->folder, folder);
        status = read_manifest(archive, &arena, error);
    }
    if (status == STATUS_OK)
        status = read_checkpoint(archive, &arena, error);
    if (status == STATUS_OK)
        status = read_level_1(archive, &arena, error);
    arena_destroy(&arena);
    if (status == STATUS_OK)
        *out = archive;
    else
        archive_close(archive);
    return status;
}

void archive_close(struct archive *archive)
{
    if (!archive)
        return;
    free(archive->level_1);
    free(archive);
}

const struct archive_info *archive_get_info(const struct archive *archive)
{
    return &archive->info;
}

const struct note_verifier *archive_get_verifier(const struct archive *archive)
{
    return &archive->verifier;
}

const char *archive_get_folder(const struct archive *archive)
{
    return archive->folder;
}

/* ---- reading ---- */

static bool split_bundle(struct slice bytes, struct slice records[ARCHIVE_BUNDLE])
{
    for (unsigned i = 0; i < ARCHIVE_BUNDLE; i++) {
        size_t size;

        if (bytes.size < 2)
            return false;
        size = (size_t)((unsigned char)bytes.data[0] << 8 | (unsigned char)bytes.data[1]);
        if (size > bytes.size - 2)
            return false;
        records[i] = slice_sub(bytes, 2, 2 + size);
        bytes = slice_sub(bytes, 2 + size, SIZE_MAX);
    }
    return bytes.size == 0;
}

enum status archive_bundle(const struct archive *archive, uint64_t number, struct arena *arena,
                           struct slice records[ARCHIVE_BUNDLE], struct error *error)
{
    struct digest leaves[ARCHIVE_BUNDLE], root;
    char name[ARCHIVE_PATH_MAX];
    struct slice bytes;
    enum status status;

    archive_tile_path(name, -1, number, ARCHIVE_BUNDLE);
    status = read_file(archive, name, ARCHIVE_BUNDLE_BYTES_MAX, arena, &bytes, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? error_set(error, STATUS_CORRUPT, archive->folder, "%s is missing", name) : status;
    if (!split_bundle(bytes, records))
        return error_set(error, STATUS_CORRUPT, archive->folder, "%s is no bundle of 256 entries", name);
    for (unsigned i = 0; i < ARCHIVE_BUNDLE; i++)
        archive_leaf(records[i], &leaves[i]);
    archive_fold_tile(leaves, &root);
    if (number >= archive->level_1_count || !digest_equal(&root, &archive->level_1[number]))
        return error_set(error, STATUS_CORRUPT, archive->folder, "%s: its entries are not those of the log", name);
    return STATUS_OK;
}

enum status archive_blob(const struct archive *archive, const struct digest *hash, struct arena *arena, struct slice *bytes,
                         struct error *error)
{
    char name[ARCHIVE_PATH_MAX];
    struct digest found;
    enum status status;

    archive_blob_path(name, hash);
    status = read_file(archive, name, ARCHIVE_BLOB_MAX, arena, bytes, error);
    if (status != STATUS_OK)
        return status;
    digest_sha256(*bytes, &found);
    return digest_equal(&found, hash) ? STATUS_OK
                                      : error_set(error, STATUS_CORRUPT, archive->folder, "%s does not have this hash", name);
}
