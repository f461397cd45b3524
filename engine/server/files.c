#include "server/files.h"

#include "base/file.h"
#include "proto/digest.h"
#include "proto/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool token_is_valid(const char *token, ssize_t size)
{
    if (size < FILES_TOKEN_SIZE || size > FILES_TOKEN_SIZE + 1)
        return false;
    for (int i = 0; i < FILES_TOKEN_SIZE; i++) {
        if (!((token[i] >= '0' && token[i] <= '9') || (token[i] >= 'a' && token[i] <= 'f')))
            return false;
    }
    return size == FILES_TOKEN_SIZE || token[FILES_TOKEN_SIZE] == '\n';
}

static enum status read_token(int fd, const char *path, char token[FILES_TOKEN_SIZE], struct error *error)
{
    char text[FILES_TOKEN_SIZE + 2];
    struct stat info;
    ssize_t size = read(fd, text, sizeof text);

    if (size < 0 || fstat(fd, &info) != 0)
        return error_set(error, STATUS_IO, path, "cannot read: %m");
    if (info.st_mode & 077)
        return error_set(error, STATUS_DENIED, path,
                         "others can read the admin token; chmod 600 it, or remove it to get a new one");
    if (!token_is_valid(text, size))
        return error_set(error, STATUS_CORRUPT, path, "not an admin token (64 hex digits); remove the file to get a new one");
    memcpy(token, text, FILES_TOKEN_SIZE);
    return STATUS_OK;
}

static enum status make_token(const char *folder, char token[FILES_TOKEN_SIZE], struct error *error)
{
    struct digest random;
    char text[FILES_TOKEN_SIZE + 1];
    enum status status = digest_random(random.bytes, sizeof random.bytes, error);

    if (status != STATUS_OK)
        return status;
    digest_format(&random, token);
    memcpy(text, token, FILES_TOKEN_SIZE);
    text[FILES_TOKEN_SIZE] = '\n';
    return file_replace(folder, "admin.token", slice_from(text, sizeof text), error);
}

enum status files_admin_token(const char *folder, char token[FILES_TOKEN_SIZE], bool *created, struct error *error)
{
    char path[FILES_PATH_MAX];
    enum status status;
    int fd;

    snprintf(path, sizeof path, "%s/admin.token", folder);
    status = file_open(path, O_RDONLY | O_NOFOLLOW, &fd, NULL, error);
    *created = status == STATUS_NOT_FOUND;
    if (*created)
        return make_token(folder, token, error);
    if (status != STATUS_OK)
        return status;
    status = read_token(fd, path, token, error);
    close(fd);
    return status;
}

void files_warn_of_others(const char *folder, const struct log *log)
{
    struct stat info;
    char mode[8];

    if (stat(folder, &info) != 0)
        return;
    snprintf(mode, sizeof mode, "%04o", (unsigned)info.st_mode & 07777);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        log_event(log, LOG_WARN, "the data directory belongs to another user, who can replace the ledger and its key",
                  LOG_S("folder", folder), LOG_N("owner", info.st_uid), LOG_N("user", geteuid()),
                  LOG_S("advice", "chown it to the user that edictd runs as"));
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        log_event(log, LOG_WARN, "others can write to the data directory, and replace the ledger and its key",
                  LOG_S("folder", folder), LOG_S("mode", mode), LOG_S("advice", "chmod go-w it"));
}

static void write_url(struct json_writer *w, const char *name, const char *address)
{
    char url[256];

    snprintf(url, sizeof url, "http://%s", address);
    json_key(w, name);
    json_string(w, slice_from_str(url));
}

enum status files_write_endpoints(const char *folder, const struct files_endpoints *endpoints, struct error *error)
{
    struct buf text;
    struct json_writer w = {.out = &text};
    enum status status;

    buf_create(&text, NULL);
    json_begin_object(&w);
    json_key(&w, "pid");
    json_i64(&w, getpid());
    write_url(&w, "mcp", endpoints->mcp);
    write_url(&w, "rest", endpoints->rest);
    write_url(&w, "metrics", endpoints->metrics);
    json_key(&w, "unix");
    json_string(&w, slice_from_str(endpoints->unix_path));
    json_end_object(&w);
    buf_add_char(&text, '\n');
    status = text.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                         : file_replace(folder, "edictd.json", buf_slice(&text), error);
    buf_destroy(&text);
    return status;
}

void files_remove_endpoints(const char *folder)
{
    char path[FILES_PATH_MAX];

    snprintf(path, sizeof path, "%s/edictd.json", folder);
    unlink(path);
}
