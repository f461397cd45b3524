/*
 * edict ledger export: rows from a running server, or with --offline from the files in --data.
 */
#ifndef EDICT_CLI_LEDGER_EXPORT_H
#define EDICT_CLI_LEDGER_EXPORT_H

#include "cli/command.h"

int ledger_export(struct command *command);

#endif
