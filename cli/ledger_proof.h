/*
 * Checkpoints and proofs on the command line; formats of C2SP. Each returns an exit code.
 */
#ifndef EDICT_CLI_LEDGER_PROOF_H
#define EDICT_CLI_LEDGER_PROOF_H

#include "cli/command.h"

int ledger_checkpoint(struct command *command);
int ledger_prove(struct command *command);
int ledger_verify_proof(struct command *command); /* --proof FILE --key KEY --entry FILE */

#endif
