/* Checking all of an archive: what its entries are, what its tiles are, and that nothing else is in it. */
#include "ledger/archive_internal.h"
#include "proto/json.h"
#include "proto/record.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

enum { NAMED_MAX = 4 };

struct verifying {
    const struct archive *archive;
    struct arena arena, value_arena; /* of a bundle; of one entry or value */
    struct digest last_named;        /* is there, and mostly what the next entry names, too: its policies */
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

/* ---- what entries name ---- */

static const struct json_limits body_limits = {.bytes = 1 << 20, .depth = JSON_DEPTH_MAX + 4, .members = 65536};

struct named {
    struct digest hashes[NAMED_MAX];
    size_t count;
};

static void name_revision(struct named *named, struct slice revision)
{
    const struct slice prefix = SLICE("sha256:");

    if (slice_starts_with(revision, prefix) &&
        digest_parse(slice_sub(revision, prefix.size, SIZE_MAX), &named->hashes[named->count]))
        named->count++;
}

/* A member of a request with a hash in its place is always ours: what a client sends that looks so is kept apart as well. */
static void name_values(struct named *named, const cJSON *request)
{
    static const char *const members[] = {"command", "context", "justification"};

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const cJSON *member = json_get(request, members[i]);

        if (cJSON_IsObject(member) && member->child && !member->child->next &&
            digest_parse(json_get_text(member, "$sha256"), &named->hashes[named->count]))
            named->count++;
    }
}

/* The policies and large values without which an entry could not be decided again. */
static enum status read_named(struct verifying *verifying, const struct record_header *header, struct slice body,
                              struct named *named)
{
    bool decided = header->type == RECORD_DECISION;
    cJSON *json = NULL;
    enum status status;

    if (!decided && header->type != RECORD_POLICY_ACTIVATED)
        return STATUS_OK;
    arena_reset(&verifying->value_arena);
    status = json_parse(&verifying->value_arena, body, &body_limits, &json, verifying->error);
    if (status != STATUS_OK)
        return status;
    name_revision(named, json_get_text(json, decided ? "policy_revision" : "revision"));
    if (decided)
        name_values(named, json_get(json, "request"));
    return STATUS_OK;
}

static enum status check_named(struct verifying *verifying, uint64_t index, const struct digest *hash)
{
    char name[ARCHIVE_PATH_MAX];
    struct slice bytes;
    enum status status;

    if (digest_equal(hash, &verifying->last_named))
        return STATUS_OK;
    arena_reset(&verifying->value_arena);
    status = archive_blob(verifying->archive, hash, &verifying->value_arena, &bytes, verifying->error);
    verifying->last_named = *hash;
    if (status != STATUS_NOT_FOUND)
        return status;
    archive_blob_path(name, hash);
    return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder, "%s is missing, which entry %llu names",
                     name, (unsigned long long)index);
}

static enum status check_values(struct verifying *verifying, uint64_t index, const struct record_header *header,
                                struct slice body)
{
    struct named named = {.count = 0};
    enum status status = read_named(verifying, header, body, &named);

    for (size_t i = named.count; status == STATUS_OK && i > 0; i--) /* the policies last: most entries name the same */
        status = check_named(verifying, index, &named.hashes[i - 1]);
    return status;
}

/* ---- the bundles ---- */

static enum status check_records(struct verifying *verifying, uint64_t number, const struct slice *records)
{
    struct digest leaves[ARCHIVE_BUNDLE];

    for (unsigned i = 0; i < ARCHIVE_BUNDLE; i++) {
        uint64_t index = number * ARCHIVE_BUNDLE + i;
        struct record_header header;
        struct slice body;

        if (record_split(records[i], &header, &body, verifying->error) != STATUS_OK || header.time_ms < verifying->last_time_ms)
            return error_set(verifying->error, STATUS_CORRUPT, verifying->archive->folder,
                             "entry %llu is not a valid record, or older than the one before it", (unsigned long long)index);
        if (check_values(verifying, index, &header, body) != STATUS_OK)
            return verifying->error->status;
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
    arena_create(&verifying.value_arena, 65536, (size_t)ARCHIVE_BLOB_MAX * 2);
    status = check_bundles(&verifying, progress, context);
    if (status == STATUS_OK)
        status = check_levels(&verifying);
    if (status == STATUS_OK)
        status = check_blobs(&verifying);
    if (status == STATUS_OK && out->blobs != archive->info.blobs)
        status = error_set(error, STATUS_CORRUPT, archive->folder, "it holds %llu large values, and archive.json counts %llu",
                           (unsigned long long)out->blobs, (unsigned long long)archive->info.blobs);
    arena_destroy(&verifying.value_arena);
    arena_destroy(&verifying.arena);
    return status;
}
