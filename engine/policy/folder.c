#include "policy/folder.h"

#include "policy/bundle.h"
#include "policy/report.h"
#include "policy/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_DEPTH_MAX = 4 };

struct reader {
    int root;             /* of the whole folder */
    char root_path[4096]; /* resolved */
    bool deep;
    struct arena *arena;
    struct folder_files *out;
    struct policy_report *report;
    struct error *error;
};

void folder_files_destroy(struct folder_files *files)
{
    free(files->items);
    *files = (struct folder_files){0};
}

static enum status refuse(struct reader *reader, const char *path, const char *message)
{
    report_add(reader->report, POLICY_ERROR, slice_from_str(path), 0, 0, "%s", message);
    return error_set(reader->error, STATUS_INVALID, path, "%s", message);
}

static enum status add_file(struct reader *reader, struct slice path, struct slice source)
{
    struct folder_files *out = reader->out;

    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 16;
        struct policy_file *items = (struct policy_file *)realloc(out->items, capacity * sizeof *items);

        if (items == NULL)
            return error_set(reader->error, STATUS_NO_MEMORY, NULL, "no memory for policy files");
        out->items = items;
        out->capacity = capacity;
    }
    out->items[out->count++] = (struct policy_file){.path = path, .source = source};
    return STATUS_OK;
}

/* Where an open file really is must be below the root: a symbolic link inside the folder is fine, one that leaves it is not. */
static bool is_inside(const struct reader *reader, int fd)
{
    char link[64], target[4096];
    ssize_t length;
    size_t root = strlen(reader->root_path);

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, target, sizeof target - 1);
    if (length <= 0)
        return false;
    target[length] = '\0';
    return strncmp(target, reader->root_path, root) == 0 && (target[root] == '/' || (root == 1 && target[0] == '/'));
}

static enum status read_whole(struct reader *reader, int fd, size_t size, const char *path)
{
    char *data = (char *)arena_alloc(reader->arena, size + 1);
    struct slice name = arena_copy(reader->arena, slice_from_str(path));
    size_t got = 0;

    if (data == NULL || name.data == NULL)
        return error_set(reader->error, STATUS_NO_MEMORY, path, "no memory for policy files");
    while (got < size) {
        ssize_t part = read(fd, data + got, size - got);

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return error_set(reader->error, STATUS_IO, path, "cannot read: %s",
                             part < 0 ? strerror(errno) : "the file shrank while it was read");
        got += (size_t)part;
    }
    return add_file(reader, name, slice_from(data, size));
}

static enum status read_file(struct reader *reader, const char *path)
{
    int fd = openat(reader->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    enum status status;

    if (fd < 0)
        return error_set(reader->error, STATUS_IO, path, "cannot open: %s", strerror(errno));
    if (fstat(fd, &info) != 0)
        status = error_set(reader->error, STATUS_IO, path, "cannot look at it: %s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = refuse(reader, path, "not a regular file");
    else if (!is_inside(reader, fd))
        status = refuse(reader, path, "a symbolic link that leaves the policy folder");
    else if (info.st_size > SANDBOX_SOURCE_MAX)
        status = refuse(reader, path, "a file of more than 4 MiB; split it");
    else
        status = read_whole(reader, fd, (size_t)info.st_size, path);
    (void)close(fd);
    return status;
}

static enum status read_sub(struct reader *reader, const char *sub, int depth);

static enum status read_entry(struct reader *reader, const char *sub, const char *name, int depth)
{
    char path[BUNDLE_PATH_MAX + 1];
    size_t length = strlen(name);
    int wrote = snprintf(path, sizeof path, "%s%s%s", sub, sub[0] ? "/" : "", name);
    struct stat info;

    if (name[0] == '.')
        return STATUS_OK;
    if (wrote < 0 || (size_t)wrote >= sizeof path)
        return refuse(reader, name, "a path longer than 200 bytes");
    if (length > 4 && strcmp(name + length - 4, ".lua") == 0)
        return read_file(reader, path);
    if (!reader->deep || fstatat(reader->root, path, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode))
        return STATUS_OK; /* notes, editors' files, the folders that are read on their own */
    if (depth == FOLDER_DEPTH_MAX)
        return refuse(reader, path, "folders more than 4 deep");
    return read_sub(reader, path, depth + 1);
}

static enum status read_sub(struct reader *reader, const char *sub, int depth)
{
    int fd = openat(reader->root, sub[0] ? sub : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream;
    struct dirent *entry;
    enum status status = STATUS_OK;

    if (fd < 0 && errno == ENOENT && sub[0])
        return STATUS_OK;
    if (fd < 0)
        return error_set(reader->error, STATUS_IO, sub, "cannot open the folder: %s", strerror(errno));
    if (sub[0] && !is_inside(reader, fd)) {
        (void)close(fd);
        return refuse(reader, sub, "a symbolic link that leaves the policy folder");
    }
    stream = fdopendir(fd);
    if (stream == NULL) {
        (void)close(fd);
        return error_set(reader->error, STATUS_NO_MEMORY, sub, "cannot read the folder");
    }
    while (status == STATUS_OK && (entry = readdir(stream)) != NULL)
        status = read_entry(reader, sub, entry->d_name, depth);
    (void)closedir(stream);
    return status;
}

enum status folder_read(const char *folder, const char *sub, bool deep, struct arena *arena, struct folder_files *out,
                        struct policy_report *report, struct error *error)
{
    struct reader reader = {.deep = deep, .arena = arena, .out = out, .report = report, .error = error};
    char *resolved = realpath(folder, NULL);
    enum status status;

    if (resolved == NULL)
        return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, folder, "cannot open the policy folder: %s",
                         strerror(errno));
    (void)snprintf(reader.root_path, sizeof reader.root_path, "%s", resolved);
    free(resolved);
    reader.root = open(reader.root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (reader.root < 0)
        return error_set(error, STATUS_IO, folder, "cannot open the policy folder: %s", strerror(errno));
    status = read_sub(&reader, sub, 1);
    (void)close(reader.root);
    return status;
}

enum status folder_read_bundle(const char *folder, struct arena *arena, struct folder_files *out, struct policy_report *report,
                               struct error *error)
{
    enum status status = folder_read(folder, "", false, arena, out, report, error);

    if (status == STATUS_OK)
        status = folder_read(folder, "lib", true, arena, out, report, error);
    if (status == STATUS_OK)
        status = folder_read(folder, "learned", false, arena, out, report, error);
    return status;
}

enum status policy_bundle_load(const char *folder, const struct policy_limits *limits, struct policy_bundle **out,
                               struct policy_report *report, struct error *error)
{
    struct folder_files files = {0};
    struct arena arena;
    enum status status;

    *out = NULL;
    arena_create(&arena, 256 * 1024, (size_t)BUNDLE_BYTES_MAX * 2);
    status = folder_read_bundle(folder, &arena, &files, report, error);
    if (status == STATUS_OK)
        status = policy_bundle_new(files.items, files.count, limits, out, report, error);
    folder_files_destroy(&files);
    arena_destroy(&arena);
    return status;
}
