/*
 * The workshop for policy authors: the commands behind `edict policy`. Each returns an exit code.
 */
#ifndef EDICT_CLI_POLICY_H
#define EDICT_CLI_POLICY_H

#include "cli/command.h"
#include "policy/policy.h"

/* The folder named by word 2, or ./policies. */
const char *policy_folder(const struct command *command);
int policy_check_folder(struct command *command);
int policy_test_folder(struct command *command);
int policy_explain(struct command *command);
int policy_bench(struct command *command);
int policy_backtest(struct command *command);
/* Of `edict ledger`: the same with each decision's own policies; exit 1 when anything differs. */
int ledger_replay(struct command *command);
/* Runs `once` now and whenever a file of `folder` changes, until interrupted. */
int policy_watch(struct command *command, const char *folder, int (*once)(struct command *command));

/* JUnit's XML, as CI systems read it. False (after printing an error) when the file cannot be written. */
bool junit_write(const char *path, const char *suite, const struct policy_test_run *run);

#endif
