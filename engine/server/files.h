/*
 * The small files of the data directory: admin.token, edictd.json. Main thread.
 */
#ifndef EDICT_SERVER_FILES_H
#define EDICT_SERVER_FILES_H

#include "base/log.h"
#include "base/slice.h"
#include "base/status.h"

enum { FILES_TOKEN_SIZE = 64, FILES_PATH_MAX = 1024 };

/* Reads FOLDER/admin.token, or makes it (0600) on the first start. Refuses a file that others can read. */
enum status files_admin_token(const char *folder, char token[FILES_TOKEN_SIZE], bool *created,
                              struct error *error) EDICT_MUST_USE;

/* Says once, as a warning, that others than this process's user and root can replace what is in the folder. */
void files_warn_of_others(const char *folder, const struct log *log);

struct files_endpoints {
    const char *mcp, *rest, *metrics; /* "127.0.0.1:8080" */
    const char *unix_path;
};
/* FOLDER/edictd.json, atomically. */
enum status files_write_endpoints(const char *folder, const struct files_endpoints *endpoints,
                                  struct error *error) EDICT_MUST_USE;
void files_remove_endpoints(const char *folder);

#endif
