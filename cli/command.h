/*
 * What every command of `edict` shares: the call to the server, output for people and for machines, exit codes.
 */
#ifndef EDICT_CLI_COMMAND_H
#define EDICT_CLI_COMMAND_H

#include "cli/args.h"
#include "cli/client.h"
#include "proto/json.h"

enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1,    /* the server could not be reached or could not do it */
    COMMAND_BAD_INPUT = 2, /* flags, files or requests that are wrong */
    COMMAND_ESCALATE = 10, /* of evaluate */
    COMMAND_DENY = 11
};

struct command {
    const struct args *args;
    struct arena *arena;
    const char *data;
    bool patient; /* calls may take as long as they take */
    bool json;    /* --json: the server's document as it is */
    bool colour;  /* stdout is a terminal and NO_COLOR is not set */
};

/* Prints "edict: where: message" to stderr; returns the exit code for the status. */
int command_fail(const struct error *error);
/* The word at `position`, or NULL after printing what is expected there. */
const char *command_word(struct command *command, size_t position, const char *what);
/* True when there are no words past `count`; else prints an error. */
bool command_no_more(struct command *command, size_t count);
/*
 * One call; `body` may be NULL. COMMAND_OK with the parsed answer, which is printed already when --json was given (then
 * *document is still set). Problems are printed with their detail: 4xx give COMMAND_BAD_INPUT, the rest COMMAND_FAILED.
 */
int command_call(struct command *command, const char *method, struct slice target, const cJSON *body, cJSON **document);
int command_call_text(struct command *command, const char *method, struct slice target, struct slice body, cJSON **document);
/* A GET whose answer is no JSON. With `busy_is_ok` a 503 is given back in *status without a word. */
int command_call_raw(struct command *command, struct slice target, bool busy_is_ok, int *status, struct slice *body);
/* Prints the detail of an answer that is no success; returns the exit code. */
int command_problem(struct command *command, const struct client_answer *answer);
/* `path` with a parameter for each of the named flags that was given; "command-prefix" is the parameter command_prefix. */
struct slice command_target(struct command *command, const char *path, const char *const *flags);
/* FILE or "-" for standard input; at most `max` bytes. Prints an error and returns false when it cannot be read. */
bool command_read_file(struct command *command, const char *path, size_t max, struct slice *text);

/* The commands; each returns an exit code. words[0] is the command's own name. */
int command_evaluate(struct command *command);
int command_agents(struct command *command);
int command_decisions(struct command *command);
int command_escalations(struct command *command);
int command_policy(struct command *command);
int command_ledger(struct command *command);
int command_mcp(struct command *command);

#endif
