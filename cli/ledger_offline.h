/*
 * What the command line does with a ledger's files themselves: verification and rebuilding, without a server.
 */
#ifndef EDICT_CLI_LEDGER_OFFLINE_H
#define EDICT_CLI_LEDGER_OFFLINE_H

#include "cli/command.h"
#include "ledger/store.h"

/* The ledger of --data, read-only; with --archive DIR (several) its archived entries are put back. */
enum status ledger_offline_open(struct command *command, struct store **store, struct error *error) EDICT_MUST_USE;

/* The same, refused while a server writes it. */
enum status ledger_offline_open_at_rest(struct command *command, struct store **store, struct error *error) EDICT_MUST_USE;

/* Every entry, the tree over them, the tiles, the last signed checkpoint. Exit 0 when all is well, 1 when not. */
int ledger_offline_verify(struct command *command);
/* Folds all entries into fresh state in memory and compares it with the state that is kept. */
int ledger_offline_rebuild(struct command *command);
/* Writes the index of terms again from the entries; edictd must not run. */
int ledger_offline_reindex(struct command *command);

#endif
