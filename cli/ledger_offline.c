#include "cli/ledger_offline.h"

#include "ledger/log_key.h"
#include "ledger/verify.h"
#include "state/state.h"

#include <stdio.h>
#include <unistd.h>

enum status ledger_offline_open(struct command *command, struct store **store, struct error *error)
{
    char folder[CLIENT_ADDRESS_MAX + 16];

    snprintf(folder, sizeof folder, "%s/ledger", command->data);
    return store_open_rocksdb(folder, true, store, error);
}

/* On a terminal only, and on stderr. */
static void show_progress(void *context, uint64_t done, uint64_t all)
{
    (void)context;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu of %llu entries%s", (unsigned long long)done, (unsigned long long)all, done == all ? "\n" : "");
}

static void print_verified(const struct command *command, const struct verify_result *result)
{
    char root[DIGEST_HEX_SIZE];

    digest_format(&result->root, root);
    if (command->json)
        printf("{\"entries\":%llu,\"bytes\":%llu,\"root\":\"%.*s\",\"valid\":true}\n", (unsigned long long)result->entries,
               (unsigned long long)result->bytes, DIGEST_HEX_SIZE, root);
    else
        printf("%llu entries, %llu bytes, root %.*s: valid\n", (unsigned long long)result->entries,
               (unsigned long long)result->bytes, DIGEST_HEX_SIZE, root);
}

/* A copy without the key has nothing to compare with. */
static enum status compare_checkpoint(struct command *command, struct store *store, uint64_t entries, struct error *error)
{
    struct note_signer signer = {0};
    struct error none;
    enum status status = log_key_read(command->data, &signer, &none);

    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = log_checkpoint_compare(command->data, &signer, store, entries, error);
    else
        *error = none;
    note_signer_destroy(&signer);
    return status;
}

int ledger_offline_verify(struct command *command)
{
    struct store *store = NULL;
    struct verify_result result;
    struct error error = {0};
    enum status status = ledger_offline_open(command, &store, &error);

    if (status == STATUS_OK)
        status = ledger_verify(store, show_progress, NULL, &result, &error);
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
    uint64_t entries = 0, rows = 0, differences = 0;
    struct error error = {0};
    enum status status = ledger_offline_open(command, &store, &error);

    if (status == STATUS_OK)
        status = state_rebuild_compare(store, RECORD_TENANT_DEFAULT, &entries, &rows, &differences, &error);
    if (store)
        store->ops->close(store);
    if (status == STATUS_OK && command->json)
        printf("{\"entries\":%llu,\"rows\":%llu,\"differences\":%llu}\n", (unsigned long long)entries, (unsigned long long)rows,
               (unsigned long long)differences);
    else if (status == STATUS_OK)
        printf("%llu entries folded; %llu rows kept, %llu differ\n", (unsigned long long)entries, (unsigned long long)rows,
               (unsigned long long)differences);
    if (status != STATUS_OK || differences > 0)
        command_fail(&error);
    return status == STATUS_OK && differences == 0 ? COMMAND_OK : COMMAND_FAILED;
}
