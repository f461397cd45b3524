/* A file at a path that outlives the machine: a mounted disk, a synchronised folder. */
#include "base/file.h"
#include "publish/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_MODE = 0644 }; /* checkpoints are for everybody */

struct target_file {
    struct target base;
    char path[PUBLISH_TEXT_MAX], folder[PUBLISH_TEXT_MAX];
    const char *name; /* in `path` */
};

/* A place without its folder is one that cannot be asked: a disk that is not mounted may hold anything. */
static enum status find_folder(const struct target_file *file, struct error *error)
{
    struct stat info;

    if (stat(file->folder, &info) == 0 && S_ISDIR(info.st_mode))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "", "the folder %.400s is not there; mount its disk, or make the folder",
                     file->folder);
}

/* What is there must be an older checkpoint of this ledger, or nothing (NOT_FOUND): anything else is evidence, or somebody's
 * file. */
static enum status look(const struct target_file *file, const struct publish_checkpoint *now, struct arena *arena,
                        uint64_t *published, struct error *error)
{
    struct slice bytes;
    enum status status = file_read(file->path, arena, NOTE_BYTES_MAX, &bytes, NULL, error);

    *published = 0;
    if (status == STATUS_NOT_FOUND)
        return find_folder(file, error) == STATUS_OK ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE;
    if (status == STATUS_TOO_LARGE)
        return error_set(error, STATUS_INVALID, "", "the file is no checkpoint; name another path");
    if (status == STATUS_CORRUPT)
        return error_set(error, STATUS_INVALID, "", "not a regular file; name another path");
    if (status != STATUS_OK)
        return status;
    status = publish_compare(&now->ledger, bytes, published, error);
    if (status == STATUS_INVALID)
        return error_set(error, STATUS_INVALID, "", "the file is no checkpoint and will not be replaced; name another path");
    if (status == STATUS_NOT_FOUND) {
        struct error detail = *error;

        return error_set(error, STATUS_CONFLICT, "",
                         "%.400s. If the ledger was started anew on purpose, move the file away; else restore its data "
                         "directory",
                         detail.message);
    }
    return status;
}

static enum status file_check(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                              uint64_t *published, struct error *error)
{
    enum status status = look((struct target_file *)base, now, arena, published, error);

    return status == STATUS_NOT_FOUND ? target_holds_nothing(now, "there is no such file", error) : status;
}

static enum status file_publish(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                                struct error *error)
{
    struct target_file *file = (struct target_file *)base;
    char fresh[PUBLISH_TEXT_MAX + 8];
    uint64_t published;
    enum status status = look(file, now, arena, &published, error);

    snprintf(fresh, sizeof fresh, "%s.new", file->path);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = file_write(fresh, now->note, error);
    if (status == STATUS_OK && chmod(fresh, FILE_MODE) != 0)
        status = error_set(error, STATUS_IO, fresh, "cannot let others read it: %m");
    return status == STATUS_OK ? file_rename(file->folder, fresh + (file->name - file->path), file->name, error) : status;
}

static void file_interrupt(struct target *base)
{
    (void)base;
}

static void file_destroy(struct target *base)
{
    free(base);
}

enum status target_file_new(const struct publish_place *place, struct target **out, struct error *error)
{
    static const struct target_ops ops = {file_check, file_publish, file_interrupt, file_destroy};
    struct target_file *file = calloc(1, sizeof *file);
    const char *slash;

    if (!file)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    file->base = (struct target){&ops};
    snprintf(file->path, sizeof file->path, "%s", place->path);
    slash = strrchr(file->path, '/');
    file->name = slash ? slash + 1 : file->path;
    snprintf(file->folder, sizeof file->folder, "%.*s", slash ? (int)(slash - file->path) + 1 : 1, slash ? file->path : ".");
    *out = &file->base;
    return STATUS_OK;
}
