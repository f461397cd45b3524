#include "cli/ledger_offline.h"

#include "base/file.h"
#include "cli/ledger_archive.h"
#include "cli/progress.h"
#include "engine/custody.h"
#include "engine/reindex.h"
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

static void print_verified(const struct command *command, const struct verify_result *result)
{
    char root[DIGEST_HEX_SIZE];

    digest_format(&result->root, root);
    if (command->json) {
        printf("{\"entries\":%llu,\"archived\":%llu,\"bytes\":%llu,\"root\":\"%.*s\",\"redacted\":%llu,\"erased\":%llu,"
               "\"valid\":true}\n",
               (unsigned long long)result->entries, (unsigned long long)result->archived, (unsigned long long)result->bytes,
               DIGEST_HEX_SIZE, root, (unsigned long long)result->redacted, (unsigned long long)result->erased);
        return;
    }
    printf("%llu entries, %llu bytes, root %.*s: valid\n", (unsigned long long)result->entries,
           (unsigned long long)result->bytes, DIGEST_HEX_SIZE, root);
    if (result->archived > 0)
        printf("%llu of them are archived: their hashes are what the root says; with --archive DIR they are looked at, too\n",
               (unsigned long long)result->archived);
    if (result->redacted + result->erased > 0)
        printf("%llu redacted values are what the entries commit to; %llu were erased\n", (unsigned long long)result->redacted,
               (unsigned long long)result->erased);
}

/* A copy without any key has nothing to compare with. */
static enum status compare_checkpoint(struct command *command, struct store *store, uint64_t entries, struct error *error)
{
    struct custody custody;
    enum status status = custody_verifiers(command->data, store, &custody, error);

    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    return status == STATUS_OK ? custody_compare(&custody, store, entries, error) : status;
}

int ledger_offline_verify(struct command *command)
{
    struct store *store = NULL;
    struct verify_result result;
    struct progress progress;
    struct error error = {0};
    enum status status = ledger_offline_open_at_rest(command, &store, &error);

    progress_begin(&progress, "verifying");
    if (status == STATUS_OK)
        status = ledger_verify(store, progress_show, &progress, &result, &error);
    progress_end(&progress);
    if (status == STATUS_OK)
        status = compare_checkpoint(command, store, result.entries, &error);
    if (store)
        store->ops->close(store);
    if (status != STATUS_OK) {
        command_fail(&error);
        return COMMAND_FAILED;
    }
    print_verified(command, &result);
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

int ledger_offline_reindex(struct command *command)
{
    char folder[CLIENT_ADDRESS_MAX + 16];
    struct progress progress;
    struct reindex_options options = {.progress = progress_show, .context = &progress};
    struct error error = {0};
    uint64_t entries = 0;
    enum status status;

    snprintf(folder, sizeof folder, "%s/ledger", command->data);
    if (access(folder, F_OK) != 0) { /* opening would make one */
        error_set(&error, STATUS_NOT_FOUND, folder, "no ledger here; name its folder with --data DIR");
        return command_fail(&error);
    }
    status = store_open_rocksdb(folder, false, &options.store, &error);
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
