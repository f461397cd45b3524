#include "cli/ledger_offline.h"

#include "base/file.h"
#include "cli/ledger_archive.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "engine/custody.h"
#include "engine/index_check.h"
#include "engine/reindex.h"
#include "ledger/backup.h"
#include "ledger/verify.h"
#include "state/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum status ledger_offline_open(struct command *command, struct store **store, struct error *error)
{
    char folder[CLIENT_ADDRESS_MAX + 16];
    struct store *live = NULL;
    enum status status;

    snprintf(folder, sizeof folder, "%s/ledger", command->data);
    status = store_open_rocksdb(folder, true, &live, error);
    if (status == STATUS_OK)
        status = ledger_archive_put_back(command, live, store, error);
    if (status != STATUS_OK && live)
        live->ops->close(live);
    return status;
}

/* Whoever has the store open holds a lock on its file LOCK. */
static long lock_holder(const char *folder)
{
    char path[FILE_PATH_MAX];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct error error;
    int fd = file_path(path, folder, "ledger/LOCK", &error) == STATUS_OK ? open(path, O_RDWR | O_CLOEXEC) : -1;
    bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    if (fd >= 0)
        close(fd);
    return held ? (long)lock.l_pid : 0;
}

enum status ledger_offline_open_at_rest(struct command *command, struct store **store, struct error *error)
{
    long holder = lock_holder(command->data);

    if (holder > 0)
        return error_set(
            error, STATUS_CONFLICT, command->data,
            "process %ld writes this ledger, and what is looked at here must not change. Take a backup with `edict "
            "ledger backup DIR` and look at that with --data DIR, or stop edictd first",
            holder);
    return ledger_offline_open(command, store, error);
}

static void print_signature(const struct command *command, const struct custody_signature *signature, uint64_t entries)
{
    struct buf key;

    buf_create(&key, command->arena);
    note_verifier_write(&key, &signature->by);
    if (command->json && signature->size > 0)
        printf(",\"signed\":{\"key\":%.*s,\"size\":%llu}", SLICE_ARG(show_quoted(command->arena, buf_slice(&key))),
               (unsigned long long)signature->size);
    else if (command->json)
        printf(",\"signed\":null");
    else if (signature->size > 0)
        printf("the first %llu of them are what the last checkpoint says, signed by %.*s%s\n",
               (unsigned long long)signature->size, SLICE_ARG(buf_slice(&key)),
               signature->size < entries ? "; nobody has signed for those after" : "");
    else
        printf(
            "no signature was checked: here is no checkpoint and no key. Whoever wrote these files can have written others\n");
}

static void print_verified(const struct command *command, const struct verify_result *result,
                           const struct custody_signature *signature)
{
    char root[DIGEST_HEX_SIZE];

    digest_format(&result->root, root);
    if (command->json) {
        printf("{\"entries\":%llu,\"archived\":%llu,\"bytes\":%llu,\"root\":\"%.*s\",\"redacted\":%llu,\"erased\":%llu",
               (unsigned long long)result->entries, (unsigned long long)result->archived, (unsigned long long)result->bytes,
               DIGEST_HEX_SIZE, root, (unsigned long long)result->redacted, (unsigned long long)result->erased);
        print_signature(command, signature, result->entries);
        puts(",\"valid\":true}");
        return;
    }
    printf("%llu entries, %llu bytes, root %.*s: valid\n", (unsigned long long)result->entries,
           (unsigned long long)result->bytes, DIGEST_HEX_SIZE, root);
    print_signature(command, signature, result->entries);
    if (result->archived > 0)
        printf("%llu of them are archived: their hashes are what the root says; with --archive DIR they are looked at, too\n",
               (unsigned long long)result->archived);
    if (result->redacted + result->erased > 0)
        printf("%llu redacted values are what the entries commit to; %llu were erased\n", (unsigned long long)result->redacted,
               (unsigned long long)result->erased);
}

/* A copy without any key has nothing to compare with, unless a key was asked for. */
static enum status check_signature(struct command *command, struct store *store, const struct verify_result *result,
                                   const struct note_verifier *key, struct custody_signature *signature, struct error *error)
{
    const struct backup_result found = {.size = result->entries, .root = result->root};
    enum status status = custody_check(command->data, store, result->entries, key, signature, error);

    if (status == STATUS_NOT_FOUND && key)
        return error_set(error, STATUS_CORRUPT, command->data,
                         "it has no ledger.vkey and no ledger.checkpoint, so nothing in it is signed by the key given");
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = backup_check_manifest(command->data, store, &found, error);
    return status;
}

static enum status verify_files(struct command *command, const struct note_verifier *key, struct verify_result *result,
                                struct custody_signature *signature, struct error *error)
{
    struct store *store = NULL;
    struct progress progress;
    enum status status = ledger_offline_open_at_rest(command, &store, error);

    progress_begin(&progress, "verifying");
    if (status == STATUS_OK)
        status = ledger_verify(store, progress_show, &progress, result, error);
    progress_end(&progress);
    if (status == STATUS_OK)
        status = check_signature(command, store, result, key, signature, error);
    if (store)
        store->ops->close(store);
    return status;
}

int ledger_offline_verify(struct command *command)
{
    const char *text = args_get(command->args, "key");
    struct note_verifier key;
    struct verify_result result;
    struct custody_signature signature = {0};
    struct error error = {0};

    if (text && note_verifier_parse(slice_from_str(text), &key, &error) != STATUS_OK)
        return command_fail(&error);
    if (verify_files(command, text ? &key : NULL, &result, &signature, &error) != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    print_verified(command, &result, &signature);
    return COMMAND_OK;
}

int ledger_offline_rebuild(struct command *command)
{
    struct store *store = NULL;
    struct state_rebuild rebuild = {0};
    struct progress progress;
    struct error error = {0};
    enum status status = ledger_offline_open_at_rest(command, &store, &error);

    progress_begin(&progress, "folding");
    if (status == STATUS_OK)
        status = state_rebuild_compare(store, RECORD_TENANT_DEFAULT, progress_show, &progress, &rebuild, &error);
    progress_end(&progress);
    if (store)
        store->ops->close(store);
    if (status == STATUS_OK && command->json)
        printf("{\"entries\":%llu,\"rows\":%llu,\"differences\":%llu}\n", (unsigned long long)rebuild.entries,
               (unsigned long long)rebuild.rows, (unsigned long long)rebuild.differences);
    else if (status == STATUS_OK)
        printf("%llu entries folded; %llu rows kept, %llu differ\n", (unsigned long long)rebuild.entries,
               (unsigned long long)rebuild.rows, (unsigned long long)rebuild.differences);
    if (status != STATUS_OK || rebuild.differences > 0)
        command_fail(&error);
    return status == STATUS_OK && rebuild.differences == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int check_index(struct command *command)
{
    struct progress progress;
    struct index_check check = {.progress = progress_show, .context = &progress};
    struct error error = {0};
    uint64_t entries = 0, rows = 0;
    enum status status = ledger_offline_open_at_rest(command, &check.store, &error);

    progress_begin(&progress, "comparing");
    if (status == STATUS_OK)
        status = index_check_run(&check, &entries, &rows, &error);
    progress_end(&progress);
    if (check.store)
        check.store->ops->close(check.store);
    if (status != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    if (command->json)
        printf("{\"entries\":%llu,\"rows\":%llu,\"valid\":true}\n", (unsigned long long)entries, (unsigned long long)rows);
    else
        printf("%llu entries are under their terms in the index, %llu in all, and under no others\n",
               (unsigned long long)entries, (unsigned long long)rows);
    return COMMAND_OK;
}

int ledger_offline_reindex(struct command *command)
{
    char folder[CLIENT_ADDRESS_MAX + 16];
    struct progress progress;
    struct reindex_options options = {.progress = progress_show, .context = &progress};
    struct error error = {0};
    uint64_t entries = 0;
    enum status status;

    if (args_has(command->args, "check"))
        return check_index(command);
    snprintf(folder, sizeof folder, "%s/ledger", command->data);
    status = store_open_rocksdb_to_repair(folder, &options.store, &error);
    progress_begin(&progress, "indexing");
    if (status == STATUS_OK)
        status = reindex_run(&options, &entries, &error);
    progress_end(&progress);
    if (options.store)
        options.store->ops->close(options.store);
    if (status != STATUS_OK)
        return command_fail(&error);
    if (command->json)
        printf("{\"entries\":%llu}\n", (unsigned long long)entries);
    else
        printf("%llu entries indexed\n", (unsigned long long)entries);
    return COMMAND_OK;
}
