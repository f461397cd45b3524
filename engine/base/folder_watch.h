/*
 * Tells when files of a folder of policies change (Linux inotify): the folder itself and its sub-folders lib/, learned/ and
 * tests/, also when they come to exist later. Editors write in several steps, so a change counts once nothing more has come for
 * FOLDER_WATCH_QUIET_MS. One thread.
 */
#ifndef EDICT_BASE_FOLDER_WATCH_H
#define EDICT_BASE_FOLDER_WATCH_H

#include "base/status.h"

#include <stdbool.h>

enum { FOLDER_WATCH_QUIET_MS = 100 };

/* The descriptor, to poll for reading and to close; -1 with `error` set. */
int folder_watch_open(const char *folder, struct error *error) EDICT_MUST_USE;
/* Takes what has been told. True when a file changed that policies could be made of. Call when readable; never waits. */
bool folder_watch_take(int descriptor, const char *folder);
/* Waits for a change and the quiet after it. False when interrupted by a signal. */
bool folder_watch_wait(int descriptor, const char *folder);

#endif
