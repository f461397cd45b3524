/*
 * edict ledger archive, and what reads archives.
 */
#ifndef EDICT_CLI_LEDGER_ARCHIVE_H
#define EDICT_CLI_LEDGER_ARCHIVE_H

#include "cli/command.h"
#include "ledger/store.h"

int ledger_archive(struct command *command);
/* verify --archive DIR without --data: each by itself. */
int ledger_archive_verify(struct command *command);
/* `live` with the archives that --archive names put back; `live` itself when it names none. On OK `*out` owns `live`. */
enum status ledger_archive_put_back(struct command *command, struct store *live, struct store **out,
                                    struct error *error) EDICT_MUST_USE;
/* The same for flags alone: opens what --archive names, at most ARCHIVES_MAX. */
struct archive;
enum status ledger_archive_open_all(struct command *command, struct archive **archives, size_t *count,
                                    struct error *error) EDICT_MUST_USE;

#endif
