#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_COPY_BYTES = 1 << 16, FILE_PAGE = 4096 };

enum status file_path(char out[FILE_PATH_MAX], const char *folder, const char *name, struct error *error)
{
    if (snprintf(out, FILE_PATH_MAX, "%s/%s", folder, name) < FILE_PATH_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, folder, "the path is too long");
}

bool file_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* ---- one file ---- */

/* O_NONBLOCK: opening a FIFO waits for its other end, for ever where there is none. Regular files do not know the flag. */
enum status file_open(const char *path, int flags, int *fd, struct stat *info, struct error *error)
{
    const char *what = (flags & O_ACCMODE) == O_RDONLY ? "read" : "write";
    struct stat found;
    int opened = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    enum status status = STATUS_OK;

    *fd = -1;
    if (opened < 0 && errno != ENXIO) /* a FIFO that nobody reads, a socket */
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, path, "cannot %s: %m", what);
    if (opened >= 0 && fstat(opened, &found) != 0)
        status = error_set(error, STATUS_IO, path, "cannot %s: %m", what);
    else if (opened < 0 || !S_ISREG(found.st_mode))
        status = error_set(error, STATUS_CORRUPT, path, "cannot %s: not a regular file", what);
    if (status != STATUS_OK) {
        if (opened >= 0)
            close(opened);
        return status;
    }
    *fd = opened;
    if (info)
        *info = found;
    return STATUS_OK;
}

/* Where a file or its folder must be there, that it is missing is a failure like others. */
static enum status expected(enum status status, struct error *error)
{
    if (status == STATUS_NOT_FOUND && error)
        error->status = STATUS_IO;
    return status == STATUS_NOT_FOUND ? STATUS_IO : status;
}

enum status file_read(const char *path, struct arena *arena, size_t max, struct slice *out, mode_t *mode, struct error *error)
{
    struct stat info;
    char *room;
    ssize_t size = -1;
    int fd;
    enum status status = file_open(path, O_RDONLY, &fd, &info, error);

    if (status != STATUS_OK)
        return status;
    if (info.st_size >= 0 && (size_t)info.st_size <= max) {
        room = arena_alloc(arena, (size_t)info.st_size + 1);
        size = room ? read(fd, room, (size_t)info.st_size) : -1;
        *out = slice_from(room, size > 0 ? (size_t)size : 0);
    }
    close(fd);
    if (mode)
        *mode = info.st_mode;
    if ((size_t)info.st_size > max)
        return error_set(error, STATUS_TOO_LARGE, path, "larger than the %zu bytes that it may have", max);
    return size == info.st_size ? STATUS_OK : error_set(error, STATUS_IO, path, "cannot read the whole file");
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);

        if (written <= 0)
            return false;
        bytes = slice_sub(bytes, (size_t)written, SIZE_MAX);
    }
    return true;
}

static enum status create(const char *path, struct slice bytes, bool sync, struct error *error)
{
    int fd;
    enum status status = file_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, &fd, NULL, error);
    bool ok;

    if (status != STATUS_OK)
        return expected(status, error);
    ok = write_all(fd, bytes) && (!sync || fsync(fd) == 0);
    if (close(fd) != 0)
        ok = false;
    return ok ? STATUS_OK : error_set(error, STATUS_IO, path, "cannot write: %m");
}

enum status file_write(const char *path, struct slice bytes, struct error *error)
{
    return create(path, bytes, true, error);
}

enum status file_put(const char *path, struct slice bytes, struct error *error)
{
    return create(path, bytes, false, error);
}

enum status file_sync_folder(const char *folder, struct error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok ? STATUS_OK : error_set(error, STATUS_IO, folder, "cannot sync: %m");
}

enum status file_sync_parent(const char *path, struct error *error)
{
    char parent[FILE_PATH_MAX];
    char *slash;

    snprintf(parent, sizeof parent, "%s", path);
    slash = strrchr(parent, '/');
    if (!slash)
        return file_sync_folder(".", error);
    slash[slash == parent] = '\0';
    return file_sync_folder(parent, error);
}

enum status file_rename(const char *folder, const char *from, const char *to, struct error *error)
{
    char old[FILE_PATH_MAX], fresh[FILE_PATH_MAX];
    enum status status = file_path(old, folder, from, error);

    if (status == STATUS_OK)
        status = file_path(fresh, folder, to, error);
    if (status == STATUS_OK && rename(old, fresh) != 0)
        status = error_set(error, STATUS_IO, fresh, "cannot rename into place: %m");
    return status == STATUS_OK ? file_sync_folder(folder, error) : status;
}

enum status file_replace(const char *folder, const char *name, struct slice bytes, struct error *error)
{
    char path[FILE_PATH_MAX], fresh[256];
    enum status status;

    snprintf(fresh, sizeof fresh, "%s.new", name);
    status = file_path(path, folder, fresh, error);
    if (status == STATUS_OK)
        status = file_write(path, bytes, error);
    return status == STATUS_OK ? file_rename(folder, fresh, name, error) : status;
}

enum status file_wipe(const char *folder, const char *name, struct error *error)
{
    static const char zeros[4096];
    char path[FILE_PATH_MAX];
    struct stat info;
    int fd;
    bool ok = true;
    enum status status = file_path(path, folder, name, error);

    if (status == STATUS_OK)
        status = file_open(path, O_WRONLY | O_NOFOLLOW, &fd, &info, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    for (off_t at = 0; ok && at < info.st_size; at += (off_t)sizeof zeros)
        ok = pwrite(fd, zeros, sizeof zeros, at) > 0;
    ok = ok && fsync(fd) == 0;
    close(fd);
    if (!ok || unlink(path) != 0)
        return error_set(error, STATUS_IO, path, "cannot wipe: %m");
    return file_sync_folder(folder, error);
}

enum status file_make_parents(const char *folder, const char *name, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, name, error);

    for (char *at = path + strlen(folder) + 1; status == STATUS_OK && (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            status = error_set(error, STATUS_IO, path, "cannot make this folder: %m");
    }
    return status;
}

/* ---- folders ---- */

static enum status sync_parent(const char *folder, struct error *error)
{
    struct slice path = slice_from_str(folder);
    char parent[FILE_PATH_MAX];

    while (path.size > 1 && path.data[path.size - 1] == '/')
        path.size--;
    while (path.size > 0 && path.data[path.size - 1] != '/')
        path.size--;
    if (path.size >= sizeof parent)
        return error_set(error, STATUS_INVALID, folder, "the path is too long");
    snprintf(parent, sizeof parent, "%.*s", path.size > 0 ? (int)path.size : 1, path.size > 0 ? path.data : ".");
    if (access(parent, R_OK) != 0 && errno == EACCES)
        return STATUS_OK;
    return file_sync_folder(parent, error);
}

/* The parent is synced even where the folder is there already: an earlier process may have died before it could. */
enum status file_make_folder(const char *folder, struct error *error)
{
    struct stat info;

    if (mkdir(folder, 0700) != 0 && (errno != EEXIST || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)))
        return error_set(error, STATUS_IO, folder, "cannot make the folder: %m");
    return sync_parent(folder, error);
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool file_is_own_folder(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid();
}

bool file_takes_direct_writes(const char *folder)
{
    static _Alignas(FILE_PAGE) const char page[FILE_PAGE]; /* what direct writes ask for */
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
    bool taken = fd >= 0 && write(fd, page, sizeof page) == (ssize_t)sizeof page;

    if (fd >= 0)
        close(fd);
    return taken;
}

bool file_can_link(const char *file, const char *path)
{
    return link(file, path) == 0 && unlink(path) == 0;
}

bool file_lies_in(const char *path, const char *folder, bool deep)
{
    const char *slash = strrchr(path, '/');
    char parent[FILE_PATH_MAX];
    char *there, *here;
    size_t size;
    bool inside;

    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    there = realpath(parent, NULL);
    here = realpath(folder, NULL);
    size = here ? strlen(here) : 0;
    inside = there && here && strncmp(there, here, size) == 0 && (there[size] == '\0' || (deep && there[size] == '/'));
    free(there);
    free(here);
    return inside;
}

bool file_folder_is_empty(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool empty = true;

    if (!dir)
        return errno == ENOENT;
    while (empty && (entry = readdir(dir)))
        empty = is_dot(entry->d_name);
    closedir(dir);
    return empty;
}

/* What is done with each file and folder inside; folders come before what they hold. */
typedef enum status (*tree_f)(const char *path, const char *name, const struct stat *info, const char *to, struct error *error);

/* `flags`: O_NOFOLLOW where `folder` must not be a link. */
static enum status each_inside(const char *folder, int flags, const char *to, tree_f visit, struct error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    char path[FILE_PATH_MAX];
    struct stat info;
    enum status status = dir ? STATUS_OK : error_set(error, STATUS_IO, folder, "cannot read this folder: %m");

    while (status == STATUS_OK && (entry = readdir(dir))) {
        if (is_dot(entry->d_name))
            continue;
        status = file_path(path, folder, entry->d_name, error);
        if (status == STATUS_OK && lstat(path, &info) != 0)
            status = error_set(error, STATUS_IO, path, "cannot look at it: %m");
        if (status == STATUS_OK)
            status = visit(path, entry->d_name, &info, to, error);
    }
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return status;
}

static enum status copy_file(const char *from, const char *to, struct error *error)
{
    char bytes[FILE_COPY_BYTES];
    ssize_t size;
    bool ok;
    int in, out;
    enum status status = file_open(from, O_RDONLY | O_NOFOLLOW, &in, NULL, error);

    if (status != STATUS_OK)
        return expected(status, error);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size = out >= 0 ? 1 : -1;
    while (size > 0) {
        size = read(in, bytes, sizeof bytes);
        if (size > 0 && !write_all(out, slice_from(bytes, (size_t)size)))
            size = -1;
    }
    ok = size == 0 && fsync(out) == 0;
    close(in);
    if (out >= 0 && close(out) != 0)
        ok = false;
    return ok ? STATUS_OK : error_set(error, STATUS_IO, to, "cannot copy %s here: %m", from);
}

enum status file_copy_range(const char *from, const char *to, uint64_t begin, uint64_t end, struct error *error)
{
    int in = -1, out = -1;
    char bytes[FILE_COPY_BYTES];
    bool ok;
    enum status status = file_open(from, O_RDONLY | O_NOFOLLOW, &in, NULL, error);

    if (status == STATUS_OK)
        status = file_open(to, O_WRONLY | O_CREAT | O_NOFOLLOW, &out, NULL, error);
    ok = status == STATUS_OK && lseek(in, (off_t)begin, SEEK_SET) >= 0 && lseek(out, (off_t)begin, SEEK_SET) >= 0;
    while (ok && begin < end) {
        ssize_t size = read(in, bytes, end - begin < sizeof bytes ? (size_t)(end - begin) : sizeof bytes);

        if (size == 0)
            break;
        ok = size > 0 && write_all(out, slice_from(bytes, (size_t)size));
        begin += size > 0 ? (uint64_t)size : 0;
    }
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0)
        ok = false;
    if (status != STATUS_OK)
        return expected(status, error);
    return ok ? STATUS_OK : error_set(error, STATUS_IO, to, "cannot copy %s here: %m", from);
}

static enum status copy_one(const char *path, const char *name, const struct stat *info, const char *to, struct error *error)
{
    char target[FILE_PATH_MAX];
    enum status status = file_path(target, to, name, error);

    if (status != STATUS_OK)
        return status;
    if (S_ISDIR(info->st_mode))
        return file_copy_tree(path, target, error);
    if (S_ISREG(info->st_mode))
        return copy_file(path, target, error);
    return error_set(error, STATUS_INVALID, path, "neither a file nor a folder; this does not belong here");
}

enum status file_copy_tree(const char *from, const char *to, struct error *error)
{
    enum status status = mkdir(to, 0700) == 0 ? STATUS_OK : error_set(error, STATUS_IO, to, "cannot make this folder: %m");

    if (status == STATUS_OK)
        status = each_inside(from, 0, to, copy_one, error);
    return status == STATUS_OK ? file_sync_folder(to, error) : status;
}

static enum status sync_one(const char *path, const char *name, const struct stat *info, const char *to, struct error *error)
{
    int fd;
    bool ok;
    enum status status;

    (void)name;
    (void)to;
    if (S_ISDIR(info->st_mode))
        return file_sync_tree(path, error);
    status = file_open(path, O_RDONLY | O_NOFOLLOW, &fd, NULL, error);
    if (status != STATUS_OK)
        return expected(status, error);
    ok = fsync(fd) == 0;
    close(fd);
    return ok ? STATUS_OK : error_set(error, STATUS_IO, path, "cannot sync: %m");
}

enum status file_sync_tree(const char *folder, struct error *error)
{
    enum status status = each_inside(folder, 0, NULL, sync_one, error);

    return status == STATUS_OK ? file_sync_folder(folder, error) : status;
}

static enum status remove_one(const char *path, const char *name, const struct stat *info, const char *to, struct error *error)
{
    (void)name;
    (void)to;
    (void)error;
    if (S_ISDIR(info->st_mode))
        file_remove_tree(path);
    else
        (void)unlink(path);
    return STATUS_OK;
}

void file_remove_tree(const char *folder)
{
    struct error error;

    if (each_inside(folder, O_NOFOLLOW, NULL, remove_one, &error) == STATUS_OK)
        (void)rmdir(folder);
}
