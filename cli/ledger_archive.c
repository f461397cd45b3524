#include "cli/ledger_archive.h"

#include "cli/ledger_upkeep.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "ledger/archive.h"

#include <stdio.h>

/* ---- archive ---- */

static bool read_extent(struct command *command, uint64_t *until, int64_t *before_ms)
{
    const char *index = args_get(command->args, "until"), *time = args_get(command->args, "before");

    if ((index != NULL) == (time != NULL)) {
        fprintf(stderr, "edict: say how far to archive: --until INDEX or --before TIME\n");
        return false;
    }
    if (index && (!slice_to_u64(slice_from_str(index), until) || *until == 0 || *until > INT64_MAX)) {
        fprintf(stderr, "edict: --until: expected the index of an entry; those before it are archived\n");
        return false;
    }
    if (time && !clock_parse(slice_from_str(time), before_ms)) {
        fprintf(stderr, "edict: --before: expected a time such as 2026-07-28T12:34:56Z\n");
        return false;
    }
    return true;
}

static void print_archived(const char *path, uint64_t from, uint64_t to, struct slice manifest)
{
    printf("entries %llu to %llu are in %s, and no longer in the ledger\nmanifest  %.*s\n", (unsigned long long)from,
           (unsigned long long)to - 1, path, SLICE_ARG(manifest));
}

static int archive_offline(struct command *command, const char *path, uint64_t until, int64_t before_ms)
{
    struct progress progress;
    struct upkeep_request request = {.task = UPKEEP_ARCHIVE,
                                     .by = "operator",
                                     .until = until,
                                     .erases = args_has(command->args, "erase-redacted"),
                                     .before_ms = before_ms,
                                     .progress = progress_show,
                                     .progress_context = &progress};
    char root[DIGEST_HEX_SIZE], manifest[DIGEST_HEX_SIZE];
    int code;

    snprintf(request.path, sizeof request.path, "%s", path);
    progress_begin(&progress, "archiving");
    code = upkeep_offline(command, &request);
    progress_end(&progress);
    if (code != COMMAND_OK)
        return code;
    digest_format(&request.archived.root, root);
    digest_format(&request.archived.manifest, manifest);
    if (command->json)
        printf("{\"from\":%llu,\"to\":%llu,\"root\":\"%.*s\",\"manifest\":\"%.*s\"}\n",
               (unsigned long long)request.archived.from, (unsigned long long)request.archived.to, DIGEST_HEX_SIZE, root,
               DIGEST_HEX_SIZE, manifest);
    else
        print_archived(path, request.archived.from, request.archived.to, slice_from(manifest, sizeof manifest));
    return COMMAND_OK;
}

static int archive_online(struct command *command, const char *path, uint64_t until)
{
    cJSON *body = json_new_object(command->arena), *answer = NULL;
    int64_t from = 0, to = 0;
    int code;

    json_put_text(command->arena, body, "to", slice_from_str(path));
    if (until > 0)
        json_put_i64(command->arena, body, "until", (int64_t)until);
    else
        json_put_text(command->arena, body, "before", slice_from_str(args_get(command->args, "before")));
    if (args_has(command->args, "erase-redacted"))
        json_put(body, "erase_redacted", json_new_bool(command->arena, true));
    code = upkeep_online(command, "/v1/ledger/archive", body, &answer);
    if (code != COMMAND_OK || command->json)
        return code;
    json_get_i64(answer, "from", &from);
    json_get_i64(answer, "to", &to);
    print_archived(path, (uint64_t)from, (uint64_t)to, json_get_text(answer, "manifest"));
    return COMMAND_OK;
}

int ledger_archive(struct command *command)
{
    const char *to = args_get(command->args, "to");
    char path[FILE_PATH_MAX];
    uint64_t until = 0;
    int64_t before_ms = 0;

    if (!to) {
        fprintf(stderr, "edict: --to DIR: the folder to make\n");
        return COMMAND_BAD_INPUT;
    }
    if (!command_no_more(command, 2) || !read_extent(command, &until, &before_ms) || !upkeep_absolute_path(to, path))
        return COMMAND_BAD_INPUT;
    return args_has(command->args, "offline") ? archive_offline(command, path, until, before_ms)
                                              : archive_online(command, path, until);
}

/* ---- verify --archive ---- */

static enum status check_key(const struct archive *archive, const struct note_verifier *key, struct error *error)
{
    if (!key || note_verifier_equal(key, archive_get_verifier(archive)))
        return STATUS_OK;
    return error_set(error, STATUS_CORRUPT, archive_get_folder(archive), "it is signed by another key than the one given");
}

static int print_verified(const struct command *command, const struct archive *archive, const struct archive_verified *verified)
{
    const struct archive_info *info = archive_get_info(archive);
    struct slice folder = show_quoted(command->arena, slice_from_str(archive_get_folder(archive))),
                 origin = show_quoted(command->arena, slice_from_str(archive_get_verifier(archive)->name));
    char root[DIGEST_HEX_SIZE], manifest[DIGEST_HEX_SIZE];

    digest_format(&info->root, root);
    digest_format(&info->manifest, manifest);
    if (command->json)
        printf("{\"folder\":%.*s,\"origin\":%.*s,\"from\":%llu,\"to\":%llu,\"bytes\":%llu,\"blobs\":%llu,\"root\":\"%.*s\","
               "\"manifest\":\"%.*s\",\"valid\":true}\n",
               SLICE_ARG(folder), SLICE_ARG(origin), (unsigned long long)info->from, (unsigned long long)info->to,
               (unsigned long long)verified->bytes, (unsigned long long)verified->blobs, DIGEST_HEX_SIZE, root, DIGEST_HEX_SIZE,
               manifest);
    else
        printf("%s: entries %llu to %llu of %s, %llu bytes, %llu large values, root of all %llu entries %.*s: valid. Its "
               "archive.json has SHA-256 %.*s\n",
               archive_get_folder(archive), (unsigned long long)info->from, (unsigned long long)info->to - 1,
               archive_get_verifier(archive)->name, (unsigned long long)verified->bytes, (unsigned long long)verified->blobs,
               (unsigned long long)info->to, DIGEST_HEX_SIZE, root, DIGEST_HEX_SIZE, manifest);
    return COMMAND_OK;
}

static int verify_one(struct command *command, const char *folder, const struct note_verifier *key)
{
    struct archive *archive = NULL;
    struct archive_verified verified;
    struct progress progress;
    struct error error = {0};
    enum status status = archive_open(folder, &archive, &error);

    if (status == STATUS_OK)
        status = check_key(archive, key, &error);
    progress_begin(&progress, "verifying");
    if (status == STATUS_OK)
        status = archive_verify(archive, progress_show, &progress, &verified, &error);
    progress_end(&progress);
    if (status == STATUS_OK)
        print_verified(command, archive, &verified);
    else
        command_fail(&error);
    archive_close(archive);
    return status == STATUS_OK ? COMMAND_OK : COMMAND_FAILED;
}

int ledger_archive_verify(struct command *command)
{
    const char *text = args_get(command->args, "key"), *folder;
    struct note_verifier key;
    struct error error = {0};
    int code = COMMAND_OK;

    if (text && note_verifier_parse(slice_from_str(text), &key, &error) != STATUS_OK)
        return command_fail(&error);
    for (size_t i = 0; code == COMMAND_OK && (folder = args_get_each(command->args, "archive", i)); i++)
        code = verify_one(command, folder, text ? &key : NULL);
    return code;
}

/* ---- putting back ---- */

static void close_all(struct archive *const *archives, size_t count)
{
    for (size_t i = 0; i < count; i++)
        archive_close(archives[i]);
}

enum status ledger_archive_open_all(struct command *command, struct archive **archives, size_t *count, struct error *error)
{
    const char *folder;
    enum status status = STATUS_OK;

    *count = 0;
    for (size_t i = 0; status == STATUS_OK && (folder = args_get_each(command->args, "archive", i)); i++) {
        status = *count < ARCHIVES_MAX ? archive_open(folder, &archives[*count], error)
                                       : error_set(error, STATUS_INVALID, "--archive", "at most %d archives", ARCHIVES_MAX);
        *count += status == STATUS_OK;
    }
    if (status != STATUS_OK)
        close_all(archives, *count);
    return status;
}

enum status ledger_archive_put_back(struct command *command, struct store *live, struct store **out, struct error *error)
{
    struct archive *archives[ARCHIVES_MAX];
    size_t count;
    enum status status = ledger_archive_open_all(command, archives, &count, error);

    if (status != STATUS_OK)
        return status;
    if (count == 0) {
        *out = live;
        return STATUS_OK;
    }
    status = store_open_whole(live, archives, count, out, error);
    if (status != STATUS_OK)
        close_all(archives, count);
    return status;
}
