/*
 * Files that must be whole or not be there: written beside, synced, renamed into place; and folders of them, copied and synced.
 * Paths are NUL-terminated and at most FILE_PATH_MAX bytes. Any thread.
 */
#ifndef EDICT_BASE_FILE_H
#define EDICT_BASE_FILE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>
#include <sys/stat.h>

enum { FILE_PATH_MAX = 4096 };

/* "FOLDER/NAME"; INVALID when it is too long. */
enum status file_path(char out[FILE_PATH_MAX], const char *folder, const char *name, struct error *error) EDICT_MUST_USE;
/*
 * open(2) with `flags` (a new file is 0600), close-on-exec, of a regular file and nothing else: it never waits for the other
 * end of a FIFO, and never begins to read a device. NOT_FOUND, CORRUPT where it is no regular file, IO. `info` may be NULL.
 */
enum status file_open(const char *path, int flags, int *fd, struct stat *info, struct error *error) EDICT_MUST_USE;
/* The whole regular file into the arena; NOT_FOUND, TOO_LARGE past `max` bytes. `mode` may be NULL. */
enum status file_read(const char *path, struct arena *arena, size_t max, struct slice *out, mode_t *mode,
                      struct error *error) EDICT_MUST_USE;
/* Creates or overwrites (0600), and syncs the file; the folder is file_sync_folder's. */
enum status file_write(const char *path, struct slice bytes, struct error *error) EDICT_MUST_USE;
/* The same without syncing: for many files that file_sync_tree makes durable together. */
enum status file_put(const char *path, struct slice bytes, struct error *error) EDICT_MUST_USE;
/* FOLDER/NAME anew, or as it was: on the disk on return. */
enum status file_replace(const char *folder, const char *name, struct slice bytes, struct error *error) EDICT_MUST_USE;
/* Renames within a folder, and syncs it. */
enum status file_rename(const char *folder, const char *from, const char *to, struct error *error) EDICT_MUST_USE;
/* Overwrites with zeros, then removes and syncs the folder: for secrets, as far as the file system lets one. OK when it is not
 * there. */
enum status file_wipe(const char *folder, const char *name, struct error *error) EDICT_MUST_USE;
bool file_exists(const char *path);
/* Syncs the folder that holds `path`. */
enum status file_sync_parent(const char *path, struct error *error) EDICT_MUST_USE;
enum status file_sync_folder(const char *folder, struct error *error) EDICT_MUST_USE;
/* Makes a folder (0700) where it is missing, and its own name in its parent durable, where the parent may be read. */
enum status file_make_folder(const char *folder, struct error *error) EDICT_MUST_USE;
/* Makes FOLDER/NAME's missing parent folders below FOLDER (0700). */
enum status file_make_parents(const char *folder, const char *name, struct error *error) EDICT_MUST_USE;

/* A folder of this process's user, and no link to one: what may be emptied. */
bool file_is_own_folder(const char *path);
/* Is `path` (whose last name need not exist) in the folder, wherever links lead? `deep`: also below folders in it. */
bool file_lies_in(const char *path, const char *folder, bool deep);
/* Can files there be written past the page cache (O_DIRECT)? tmpfs, for one, may say no. Writes a page to a file without a
 * name. */
bool file_takes_direct_writes(const char *folder);
/* Could the file have `path`, where nothing is, for a second name? Not in another file system. */
bool file_can_link(const char *file, const char *path);
/* Does the folder hold nothing? True also when it does not exist. */
bool file_folder_is_empty(const char *folder);
/* Bytes [begin, end), or as many as there are, to the same place in `to`, which is made if it does not exist (0600). Not
 * synced. */
enum status file_copy_range(const char *from, const char *to, uint64_t begin, uint64_t end, struct error *error) EDICT_MUST_USE;
/* Regular files and folders, synced; `to` must not exist. Nothing else may be there: no links, no devices. */
enum status file_copy_tree(const char *from, const char *to, struct error *error) EDICT_MUST_USE;
enum status file_sync_tree(const char *folder, struct error *error) EDICT_MUST_USE;
void file_remove_tree(const char *folder); /* as far as it can; nothing where `folder` is a link */

#endif
