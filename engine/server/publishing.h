/*
 * Where checkpoints go, out of the configuration and the files that it names. Main thread.
 */
#ifndef EDICT_SERVER_PUBLISHING_H
#define EDICT_SERVER_PUBLISHING_H

#include "publish/settings.h"
#include "server/config.h"

/* Before anything is started: what is said wrong is said at once, also where the files cannot be read. */
enum status publishing_read(const struct config *config, struct publish_settings *out, struct error *error) EDICT_MUST_USE;

#endif
