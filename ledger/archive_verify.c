/* Checking all of an archive: what its entries are, what its tiles are, and that nothing else is in it. */
#include "ledger/archive_internal.h"
#include "proto/record.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

struct verifying {
    const struct archive *archive;
    struct arena arena;
    int64_t first_time_ms, last_time_ms;
    struct archive_verified *out;
    struct error *error;
};

static enum status check_tile(struct verifying *verifying, unsigned level, uint64_t number, const struct digest *hashes,
                              unsigned width)
{
    const char *folder = verifying->archive->folder;
    char name[ARCHIVE_PATH_MAX], path[FILE_PATH_MAX];
    struct slice bytes;
    enum status status;

    archive_tile_path(name, (int)level, number, width);
    status = file_path(path, folder, name, verifying->error);
    if (status == STATUS_OK)
        status = file_read(path, &verifying->arena, MERKLE_TILE_HASHES * DIGEST_SIZE, &bytes, NULL, verifying->error);
    if (status != STATUS_OK || bytes.size != (size_t)width * DIGEST_SIZE || memcmp(bytes.data, hashes, bytes.size) != 0)
        return error_set(verifying->error, STATUS_CORRUPT, folder, "%s is missing, or not that of the log", name);
    return STATUS_OK;
}

/* ---- the bundles ---- */

static enum status check_records(struct verifying *verifying, uint64_t number, const struct slice *records)
{
    struct digest leaves[ARCHIVE_BUNDLE];

    for (unsigned i = 0; i < ARCHIVE_BUNDLE; i++) {
        struct record_header header;
        struct slice body;

        if (record_split(records[i], &header, &body, verifying->error) != STATUS_OK || header.time_ms < verifying->last_time_ms)
            return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder,
                             "entry %llu is not a valid record, or older than the one before it",
                             (unsigned long long)(number * ARCHIVE_BUNDLE + i));
        if (verifying->out->entries + i == 0)
            verifying->first_time_ms = header.time_ms;
        verifying->last_time_ms = header.time_ms;
        verifying->out->bytes += records[i].size;
        archive_leaf(records[i], &leaves[i]);
    }
    verifying->out->entries += ARCHIVE_BUNDLE;
    return check_tile(verifying, 0, number, leaves, ARCHIVE_BUNDLE);
}

static enum status check_bundles(struct verifying *verifying, archive_progress_f progress, void *context)
{
    const struct archive_info *info = &verifying->archive->info;
    enum status status = STATUS_OK;

    for (uint64_t number = info->from / ARCHIVE_BUNDLE; number < info->to / ARCHIVE_BUNDLE && status == STATUS_OK; number++) {
        struct slice records[ARCHIVE_BUNDLE];

        arena_reset(&verifying->arena);
        status = archive_bundle(verifying->archive, number, &verifying->arena, records, verifying->error);
        if (status == STATUS_OK)
            status = check_records(verifying, number, records);
        if (progress)
            progress(context, verifying->out->entries, info->to - info->from);
    }
    if (status != STATUS_OK)
        return status;
    if (verifying->first_time_ms != verifying->archive->first_time_ms || verifying->last_time_ms != info->last_time_ms)
        return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder,
                         "archive.json names other times of the first and last entry");
    /* In a bundle two bytes before each entry say its size. */
    if (verifying->out->bytes + 2 * verifying->out->entries != (uint64_t)verifying->archive->bytes)
        return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder,
                         "its bundles have %llu bytes, and archive.json counts %lld",
                         (unsigned long long)(verifying->out->bytes + 2 * verifying->out->entries),
                         (long long)verifying->archive->bytes);
    return STATUS_OK;
}

/* ---- the levels above: each tile's root is a hash of the level over it ---- */

static enum status check_level(struct verifying *verifying, unsigned level, const struct digest *hashes, uint64_t count)
{
    enum status status = STATUS_OK;

    for (uint64_t at = 0; at < count && status == STATUS_OK; at += MERKLE_TILE_HASHES) {
        unsigned width = count - at < MERKLE_TILE_HASHES ? (unsigned)(count - at) : MERKLE_TILE_HASHES;

        arena_reset(&verifying->arena);
        status = check_tile(verifying, level, at / MERKLE_TILE_HASHES, &hashes[at], width);
    }
    return status;
}

static enum status check_levels(struct verifying *verifying)
{
    uint64_t count = verifying->archive->level_1_count;
    struct digest *hashes = malloc(count * sizeof *hashes);
    enum status status = hashes ? STATUS_OK : error_set(verifying->error, STATUS_NO_MEMORY, "", "out of memory");

    if (hashes)
        memcpy(hashes, verifying->archive->level_1, count * sizeof *hashes);
    for (unsigned level = 1; level < MERKLE_LEVELS && count > 0 && status == STATUS_OK; level++) {
        status = check_level(verifying, level, hashes, count);
        for (uint64_t i = 0; i < count / MERKLE_TILE_HASHES; i++)
            archive_fold_tile(&hashes[i * MERKLE_TILE_HASHES], &hashes[i]);
        count /= MERKLE_TILE_HASHES;
    }
    free(hashes);
    return status;
}

/* ---- large values ---- */

static enum status check_blob(struct verifying *verifying, const char *name)
{
    struct digest hash;
    struct slice bytes;

    arena_reset(&verifying->arena);
    if (strlen(name) != DIGEST_HEX_SIZE || !digest_parse(slice_from(name, DIGEST_HEX_SIZE), &hash))
        return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder, "blobs/%.80s does not belong there",
                         name);
    verifying->out->blobs++;
    return archive_blob(verifying->archive, &hash, &verifying->arena, &bytes, verifying->error);
}

static enum status check_blobs(struct verifying *verifying)
{
    char path[FILE_PATH_MAX];
    struct dirent *entry;
    DIR *dir;
    enum status status = file_path(path, verifying->archive->folder, "blobs", verifying->error);

    if (status != STATUS_OK)
        return status;
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? STATUS_OK : error_set(verifying->error, STATUS_IO, path, "cannot read this folder: %m");
    while (status == STATUS_OK && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = check_blob(verifying, entry->d_name);
    }
    closedir(dir);
    return status;
}

enum status archive_verify(const struct archive *archive, archive_progress_f progress, void *context,
                           struct archive_verified *out, struct error *error)
{
    struct verifying verifying = {.archive = archive, .out = out, .error = error};
    enum status status;

    *out = (struct archive_verified){0};
    arena_create(&verifying.arena, 1 << 20, (size_t)ARCHIVE_BLOB_MAX * 2);
    status = check_bundles(&verifying, progress, context);
    if (status == STATUS_OK)
        status = check_levels(&verifying);
    if (status == STATUS_OK)
        status = check_blobs(&verifying);
    if (status == STATUS_OK && out->blobs != archive->info.blobs)
        status = error_set(error, STATUS_CORRUPT, archive->folder, "it holds %llu large values, and archive.json counts %llu",
                           (unsigned long long)out->blobs, (unsigned long long)archive->info.blobs);
    arena_destroy(&verifying.arena);
    return status;
}
