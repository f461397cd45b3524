/*
 * edict ledger backup, restore, new-origin, rotate-key: what an operator does with a ledger.
 */
#ifndef EDICT_CLI_LEDGER_UPKEEP_H
#define EDICT_CLI_LEDGER_UPKEEP_H

#include "cli/command.h"

int ledger_backup(struct command *command);
int ledger_restore(struct command *command);
int ledger_new_origin(struct command *command);
int ledger_rotate_key(struct command *command);

#endif
