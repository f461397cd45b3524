/* edict ledger erase, of a running server. */
#ifndef EDICT_CLI_LEDGER_ERASE_H
#define EDICT_CLI_LEDGER_ERASE_H

#include "cli/command.h"

int ledger_erase(struct command *command);

#endif
