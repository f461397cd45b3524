/*
 * Decisions without a server: the same pipeline on a folder of policies and a file of facts. Nothing is recorded.
 */
#ifndef EDICT_CLI_OFFLINE_H
#define EDICT_CLI_OFFLINE_H

#include "cli/command.h"
#include "policy/policy.h"

/* Loads a folder; prints what is wrong with it, to stdout as diagnostics and to stderr. Both are NULL on failure. */
int offline_load(const char *folder, struct policy_bundle **bundle, struct policy_vm **vm);

struct offline_question {
    const char *policies; /* folder */
    const char *facts;    /* file in the form of facts (proto/facts.h), or NULL */
    struct slice request; /* JSON */
    bool explain_all;     /* explain every rule in full, also those that the index rules out */
};
/* The response as the server would give to a dry run. Prints with --json. */
int offline_evaluate(struct command *command, const struct offline_question *question, cJSON **document);
/* policy_test_complete_f: the whole decision, for policy tests; `context` is a struct offline_case. */
struct offline_case {
    struct policy_vm *vm;
    /* Called with the trace of every case; may be NULL: then none is made. */
    void (*traced)(void *user, const struct policy_trace *trace, uint64_t elapsed_ns);
    void *user;
};
enum status offline_complete(void *context, struct arena *arena, const struct request *request, const struct facts *facts,
                             struct verdict *verdict);
/* Prints what a load or check found to stdout: as file:line:column: severity: message, or as a JSON array. */
void offline_print_report(const struct policy_report *report, bool json);

#endif
