/*
 * Decisions without a server: the same pipeline on a folder of policies and a file of facts. Nothing is recorded.
 */
#ifndef EDICT_CLI_OFFLINE_H
#define EDICT_CLI_OFFLINE_H

#include "cli/command.h"
#include "policy/policy.h"

/* The response as the server would give to a dry run; `facts` is a file in the form of facts (proto/facts.h) or NULL. Prints
 * with --json. */
int offline_evaluate(struct command *command, const char *policies, const char *facts, struct slice request_text,
                     cJSON **document);
/* policy_test_complete_f: the whole decision, for policy tests; `context` is a policy_vm. */
enum status offline_complete(void *context, struct arena *arena, const struct request *request, const struct facts *facts,
                             struct verdict *verdict);
/* Prints what a load or check found, as file:line: message, to stdout. */
void offline_print_report(const struct policy_report *report, bool json);

#endif
