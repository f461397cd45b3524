#include "engine/workbench.h"

#include "base/file.h"

static enum status open_parts(const char *ledger, const struct log *log, struct workbench *out, struct error *error)
{
    struct ledger_options options = {.sync = true, .clock = clock_system(), .log = log};
    enum status status = store_open_rocksdb(ledger, false, &out->store, error);

    if (status == STATUS_OK)
        status = state_open(out->store, RECORD_TENANT_DEFAULT, &out->state, error);
    if (status != STATUS_OK)
        return status;
    options.fold = state_fold(out->state);
    status = ledger_open(out->store, &options, &out->ledger, error);
    return status == STATUS_OK ? ledger_start(out->ledger, error) : status;
}

enum status workbench_open(const char *folder, const struct log *log, struct workbench *out, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, "ledger", error);

    *out = (struct workbench){0};
    if (status == STATUS_OK && store_look_rocksdb(path) == STORE_ABSENT)
        status =
            error_set(error, STATUS_NOT_FOUND, folder, "there is no ledger in this data directory; name it with --data DIR");
    if (status == STATUS_OK)
        status = open_parts(path, log, out, error);
    if (status != STATUS_OK)
        workbench_close(out);
    return status;
}

void workbench_close(struct workbench *workbench)
{
    ledger_close(workbench->ledger);
    state_close(workbench->state);
    if (workbench->store)
        workbench->store->ops->close(workbench->store);
    *workbench = (struct workbench){0};
}
