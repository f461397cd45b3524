#include "engine/restore.h"

#include "base/fault.h"
#include "base/file.h"
#include "engine/workbench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char work_name[] = "restoring";
/* As they move up; the store is the last. */
static const char *const parts[] = {LOG_KEY, "ledger.vkey", "ledger.checkpoint", "ledger"};
enum { PARTS = sizeof parts / sizeof *parts };

struct restore {
    const struct restore_options *options;
    struct restore_result *out;
    char work[FILE_PATH_MAX]; /* FOLDER/restoring */
    int lock;                 /* the folder, locked: one restore at a time */
    const char *step;
    struct error *error;
};

static void progress(void *context, uint64_t done, uint64_t all)
{
    const struct restore *restore = context;

    if (restore->options->progress)
        restore->options->progress(restore->options->context, restore->step, done, all);
}

/* ---- what an interrupted one left ---- */

static bool is_left_over(const char *name)
{
    bool known = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, work_name) == 0;

    for (size_t i = 0; i < PARTS - 1; i++)
        known = known || strcmp(name, parts[i]) == 0;
    return known;
}

/* The work folder, and at most what moves up before the store does: nobody has used these files yet. */
static bool holds_left_over(const struct restore *restore)
{
    DIR *dir = opendir(restore->options->folder);
    const struct dirent *entry;
    bool only = dir && file_is_own_folder(restore->work);

    while (only && (entry = readdir(dir)))
        only = is_left_over(entry->d_name);
    if (dir)
        closedir(dir);
    return only;
}

static enum status remove_left_over(struct restore *restore)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < PARTS - 1 && status == STATUS_OK; i++)
        status = file_wipe(restore->options->folder, parts[i], restore->error);
    if (status == STATUS_OK)
        file_remove_tree(restore->work);
    return status;
}

enum status restore_check_finished(const char *folder, struct error *error)
{
    char work[FILE_PATH_MAX], store[FILE_PATH_MAX];
    enum status status = file_path(work, folder, work_name, error);

    if (status == STATUS_OK)
        status = file_path(store, folder, "ledger", error);
    if (status != STATUS_OK || !file_exists(work))
        return status;
    if (store_look_rocksdb(store) == STORE_PRESENT) { /* everything is in place but its last step */
        (void)rmdir(work);
        return STATUS_OK;
    }
    return error_set(
        error, STATUS_CONFLICT, work,
        "a restore into this data directory is under way or was interrupted, and there is no ledger to go on with. "
        "Run edict ledger restore again");
}

/* ---- a copy ---- */

static enum status lock_place(struct restore *restore)
{
    const char *folder = restore->options->folder;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return error_set(restore->error, STATUS_IO, folder, "cannot make this folder: %m");
    restore->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (restore->lock < 0)
        return error_set(restore->error, STATUS_IO, folder, "cannot read this folder: %m");
    if (flock(restore->lock, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    return error_set(restore->error, STATUS_CONFLICT, folder, "another restore into this folder is under way");
}

static enum status make_place(struct restore *restore)
{
    const char *folder = restore->options->folder;
    enum status status = file_path(restore->work, folder, work_name, restore->error);

    if (status == STATUS_OK && file_lies_in(folder, restore->options->backup, true))
        return error_set(restore->error, STATUS_INVALID, folder,
                         "it lies in the backup, which is to stay as it is; name another place");
    if (status == STATUS_OK)
        status = lock_place(restore);
    if (status == STATUS_OK && holds_left_over(restore))
        status = remove_left_over(restore);
    if (status != STATUS_OK)
        return status;
    if (!file_folder_is_empty(folder))
        return error_set(restore->error, STATUS_CONFLICT, folder,
                         "a restore needs a data directory that is empty or not there; nothing is overwritten");
    if (mkdir(restore->work, 0700) != 0)
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

static enum status check_signature(struct restore *restore, struct store *store)
{
    const struct restore_options *options = restore->options;
    struct custody_signature signature;
    enum status status =
        custody_check(options->backup, store, restore->out->verified.entries, options->key, &signature, restore->error);

    if (status == STATUS_NOT_FOUND)
        return error_set(restore->error, STATUS_NOT_FOUND, options->backup,
                         "the backup names no verifier key (ledger.vkey), so nobody can say whose it is");
    if (status == STATUS_OK && signature.size != restore->out->verified.entries)
        status = error_set(
            restore->error, STATUS_CORRUPT, options->backup,
            "its checkpoint is over %llu entries, and it has %llu: a backup is signed over all that is in it. If this is "
            "a copy of a data directory, start edictd on it, or take a backup of it with --offline",
            (unsigned long long)signature.size, (unsigned long long)restore->out->verified.entries);
    restore->out->old = signature.by;
    restore->out->signed_size = signature.size;
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
    enum status status = file_sync_tree(restore->work, restore->error);

    for (size_t i = 0; status == STATUS_OK && i < PARTS; i++) {
        char from[FILE_PATH_MAX];

        snprintf(from, sizeof from, "%s/%s", work_name, parts[i]);
        status = file_rename(restore->options->folder, from, parts[i], restore->error);
        fault_point(i + 1 < PARTS ? "restore.moving" : "restore.moved");
    }
    if (status == STATUS_OK && rmdir(restore->work) != 0)
        status = error_set(restore->error, STATUS_IO, restore->work, "cannot remove this folder: %m");
    return status;
}

static enum status restore_all(struct restore *restore)
{
    enum status status = make_place(restore);

    if (status != STATUS_OK)
        return status;
    status = copy_store(restore);
    fault_point("restore.copied");
    if (status == STATUS_OK)
        status = verify(restore);
    if (status == STATUS_OK)
        status = begin_anew(restore);
    fault_point("restore.begun");
    if (status != STATUS_OK) {
        file_remove_tree(restore->work);
        return status;
    }
    return move_up(restore);
}

enum status restore_run(const struct restore_options *options, struct restore_result *out, struct error *error)
{
    struct restore restore = {.options = options, .out = out, .lock = -1, .error = error};
    enum status status;

    *out = (struct restore_result){0};
    status = restore_all(&restore);
    if (restore.lock >= 0)
        close(restore.lock);
    return status;
}
