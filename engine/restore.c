#include "engine/restore.h"

#include "base/fault.h"
#include "base/file.h"
#include "engine/workbench.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTORE_FOLDER "restoring"

struct restore {
    const struct restore_options *options;
    struct restore_result *out;
    char work[FILE_PATH_MAX]; /* FOLDER/restoring */
    const char *step;
    struct error *error;
};

static void progress(void *context, uint64_t done, uint64_t all)
{
    const struct restore *restore = context;

    if (restore->options->progress)
        restore->options->progress(restore->options->context, restore->step, done, all);
}

enum status restore_check_finished(const char *folder, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, RESTORE_FOLDER, error);

    if (status == STATUS_OK && file_exists(path))
        return error_set(error, STATUS_CONFLICT, folder,
                         "a restore into this data directory was interrupted; remove what is in it, and restore again");
    return status;
}

/* ---- a copy ---- */

static enum status make_place(struct restore *restore)
{
    const char *folder = restore->options->folder;
    enum status status = file_path(restore->work, folder, RESTORE_FOLDER, restore->error);

    if (status != STATUS_OK)
        return status;
    status = restore_check_finished(folder, restore->error);
    if (status != STATUS_OK)
        return status;
    if (!file_folder_is_empty(folder))
        return error_set(restore->error, STATUS_CONFLICT, folder,
                         "a restore needs a data directory that is empty or not there; nothing is overwritten");
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) || mkdir(restore->work, 0700) != 0)
        return error_set(restore->error, STATUS_IO, restore->work, "cannot make this folder: %m");
    return STATUS_OK;
}

static enum status copy_store(struct restore *restore)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
    enum status status = file_path(from, restore->options->backup, "ledger", restore->error);

    if (status == STATUS_OK && !file_exists(from))
        status = error_set(restore->error, STATUS_NOT_FOUND, restore->options->backup, "this is no backup: it holds no ledger");
    if (status == STATUS_OK)
        status = file_path(to, restore->work, "ledger", restore->error);
    return status == STATUS_OK ? file_copy_tree(from, to, restore->error) : status;
}

/* ---- what it is worth ---- */

static bool is_linked(const struct custody *custody, const struct note_verifier *key)
{
    for (size_t i = 0; i < custody->verifier_count; i++) {
        if (note_verifier_equal(&custody->verifiers[i], key))
            return true;
    }
    return false;
}

static enum status check_signature(struct restore *restore, struct store *store)
{
    const struct restore_options *options = restore->options;
    struct custody custody;
    struct arena arena;
    struct slice bytes;
    struct checkpoint last;
    enum status status = custody_verifiers(options->backup, store, &custody, restore->error);

    if (status == STATUS_NOT_FOUND)
        return error_set(restore->error, STATUS_NOT_FOUND, options->backup,
                         "the backup names no verifier key (ledger.vkey), so nobody can say whose it is");
    if (status != STATUS_OK)
        return status;
    if (options->key && !is_linked(&custody, options->key))
        return error_set(restore->error, STATUS_CORRUPT, options->backup, "the key given is none of those of this log, \"%s\"",
                         custody.verifiers[0].name);
    restore->out->old = custody.verifiers[0];
    arena_create(&arena, 65536, 1 << 22);
    status =
        log_checkpoint_read(options->backup, custody.verifiers, custody.verifier_count, &arena, &bytes, &last, restore->error);
    arena_destroy(&arena);
    if (status == STATUS_OK) {
        restore->out->signed_size = last.size;
        status = custody_compare(&custody, store, restore->out->verified.entries, restore->error);
    }
    return status;
}

static enum status check_state(struct restore *restore, struct store *store)
{
    struct state_rebuild rebuild;
    enum status status;

    restore->step = "folding";
    status = state_rebuild_compare(store, RECORD_TENANT_DEFAULT, progress, restore, &rebuild, restore->error);
    restore->out->rows = rebuild.rows;
    if (status == STATUS_OK && rebuild.differences > 0)
        status = STATUS_CORRUPT; /* the first one is in the error */
    return status;
}

static enum status open_whole(struct restore *restore, const char *folder, struct store **out)
{
    const struct restore_options *options = restore->options;
    struct store *live = NULL;
    enum status status = store_open_rocksdb(folder, true, &live, restore->error);

    if (status == STATUS_OK && options->put_back)
        status = options->put_back(options->put_back_context, live, out, restore->error);
    else if (status == STATUS_OK)
        *out = live;
    if (status != STATUS_OK && live)
        live->ops->close(live);
    return status;
}

static enum status verify(struct restore *restore)
{
    char folder[FILE_PATH_MAX];
    struct store *store = NULL;
    enum status status = file_path(folder, restore->work, "ledger", restore->error);

    if (status == STATUS_OK)
        status = open_whole(restore, folder, &store);
    restore->step = "verifying";
    if (status == STATUS_OK)
        status = ledger_verify(store, progress, restore, &restore->out->verified, restore->error);
    if (status == STATUS_OK)
        status = check_signature(restore, store);
    if (status == STATUS_OK && !restore->options->unfolded)
        status = check_state(restore, store);
    if (store)
        store->ops->close(store);
    return status;
}

/* ---- another origin, and into place ---- */

static enum status begin_anew(struct restore *restore)
{
    struct workbench workbench;
    struct arena arena;
    struct buf old;
    enum status status = workbench_open(restore->work, restore->options->log, &workbench, restore->error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 1024, 1 << 16);
    buf_create(&old, &arena);
    note_verifier_write(&old, &restore->out->old);
    status = custody_new_origin(restore->work, workbench.ledger, buf_slice(&old), &restore->options->change,
                                &restore->out->fresh, restore->error);
    arena_destroy(&arena);
    workbench_close(&workbench);
    return status;
}

static enum status move_up(struct restore *restore)
{
    static const char *const names[] = {LOG_KEY, "ledger.vkey", "ledger.checkpoint", "ledger"};
    enum status status = file_sync_tree(restore->work, restore->error);

    for (size_t i = 0; status == STATUS_OK && i < sizeof names / sizeof *names; i++) {
        char from[FILE_PATH_MAX];

        snprintf(from, sizeof from, RESTORE_FOLDER "/%s", names[i]);
        fault_point("restore.moving");
        status = file_rename(restore->options->folder, from, names[i], restore->error);
    }
    if (status == STATUS_OK && rmdir(restore->work) != 0)
        status = error_set(restore->error, STATUS_IO, restore->work, "cannot remove this folder: %m");
    return status;
}

enum status restore_run(const struct restore_options *options, struct restore_result *out, struct error *error)
{
    struct restore restore = {.options = options, .out = out, .error = error};
    enum status status = make_place(&restore);

    *out = (struct restore_result){0};
    if (status != STATUS_OK)
        return status;
    status = copy_store(&restore);
    if (status == STATUS_OK)
        status = verify(&restore);
    if (status == STATUS_OK)
        status = begin_anew(&restore);
    if (status != STATUS_OK) {
        file_remove_tree(restore.work);
        return status;
    }
    return move_up(&restore);
}
