/*
 * edict ledger backup, restore, new-origin, rotate-key: what an operator does with a ledger. And how such work is done with and
 * without a server.
 */
#ifndef EDICT_CLI_LEDGER_UPKEEP_H
#define EDICT_CLI_LEDGER_UPKEEP_H

#include "cli/command.h"
#include "engine/upkeep.h"

int ledger_backup(struct command *command);
int ledger_restore(struct command *command);
int ledger_new_origin(struct command *command);
int ledger_rotate_key(struct command *command);
/* On the files in --data, which must be nobody else's. Prints what went wrong. */
int upkeep_offline(struct command *command, struct upkeep_request *request);
/* By a running server, however long it takes. */
int upkeep_online(struct command *command, const char *target, const cJSON *body, cJSON **answer);
/* What a path of this process is for the server, without slashes at its end. */
bool upkeep_absolute_path(const char *text, char out[FILE_PATH_MAX]);

#endif
