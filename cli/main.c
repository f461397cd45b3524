/* edict: the command line. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "edict: ask, inspect and steer an Edict server\n"
    "\n"
    "  edict evaluate [FILE or -]                 one decision; exit 0 approve, 10 escalate, 11 deny, 2 bad input, 1 failure\n"
    "      --policies DIR [--facts FILE]          offline, by a folder of policies\n"
    "  edict agents list | show NAME | set FILE   manifests, budget, usage, autonomy\n"
    "  edict decisions list | show ID             --limit --cursor, and the filters below\n"
    "  edict escalations list | show ID           --all, --state, --agent; show: --wait SECONDS\n"
    "  edict escalations approve ID --reason TEXT [--uses N] [--valid-for-s N] [--budget-increase-usd USD]\n"
    "  edict escalations deny ID --reason TEXT | cancel ID\n"
    "  edict policy check [DIR]                   what is wrong or doubtful; --watch: again whenever a file changes\n"
    "  edict policy test [DIR]                    --coverage, --coverage-min PERCENT, --junit FILE, --watch\n"
    "  edict policy explain [FILE or -]           every candidate rule for a request, and what stopped it\n"
    "      --policies DIR [--facts FILE] [--all]  offline; --all: also rules that the index rules out\n"
    "  edict policy bench [DIR] [--rounds N]      what each rule costs on the tests' requests\n"
    "  edict policy backtest [DIR] [--since TIME] what would change in --data's decisions; --fail-if-looser\n"
    "  edict policy list | reload                 of a running server\n"
    "  edict mcp --agent NAME | --token-file F    an MCP server on standard input and output, for clients that start commands\n"
    "  edict ledger tail [--lines N] [--follow]   the newest entries; filters below\n"
    "  edict ledger show                          size and root\n"
    "  edict ledger checkpoint                    the verifier key and the last signed checkpoint, and where it went; "
    "--offline: of --data\n"
    "  edict ledger prove INDEX [--out FILE]      a C2SP tlog-proof that the entry is in the log; --offline\n"
    "      --cosigned                             both: of the newest checkpoint with its quorum of cosignatures\n"
    "  edict ledger export [--format jsonl or csv] [--out FILE] [--progress]\n"
    "                                             every entry, or those that the filters below leave; exit 1 when incomplete\n"
    "      [--from INDEX] [--to INDEX] [--append] a part; --append goes on with a FILE that was cut; --offline: of --data\n"
    "  edict ledger replay [--since TIME]         every decision again by its own policies; exit 1 when one differs\n"
    "  edict ledger erase ID... --reason TEXT     redacted values of decisions, for good; --fields NAME,NAME\n"
    "      --agent NAME [--before TIME]           of all of an agent's decisions, instead of ids\n"
    "  edict ledger verify [--key VERIFIER-KEY]   the files in --data, without a server; and that this key has signed them\n"
    "  edict ledger rebuild                       folds the entries in --data anew and compares the state with it\n"
    "  edict ledger reindex [--check]             both indexes anew from the entries in --data; edictd must not run. --check: "
    "only\n"
    "                                             says whether every entry is under its terms, and under no others\n"
    "  edict ledger backup DIR [--with-key]       a running server's ledger into a new folder; --offline: of --data\n"
    "  edict ledger restore BACKUP --reason TEXT  verifies it, makes --data of it, and goes on under a new origin and key\n"
    "      [--origin NAME] [--key VERIFIER-KEY] [--archive DIR | --unfolded]\n"
    "  edict ledger new-origin --reason TEXT      for a --data that is deliberately not what was signed; [--origin NAME]\n"
    "  edict ledger rotate-key [--overlap-s N]    another signing key, same origin; [--reason TEXT]; --offline\n"
    "  edict ledger archive --to DIR              older entries into files that verify by themselves; --offline\n"
    "      --until INDEX | --before TIME [--erase-redacted]\n"
    "  edict ledger verify --archive DIR          an archive by itself; [--key VERIFIER-KEY]. With --data, and with rebuild,\n"
    "                                             replay, backtest and restore: puts archived entries back; several are "
    "allowed\n"
    "  edict ledger verify --proof FILE --key VERIFIER-KEY --entry FILE\n"
    "      [--witness FILE [--witness-quorum N]]  and that N of these witnesses (1) have cosigned it\n"
    "\n"
    "  filters: --agent --tier --operation --rule --escalation --command-prefix \"kubectl delete\" --since --until; of entries "
    "--type\n"
    "\n"
    "  --server URL    http://HOST:PORT or unix:PATH; default: the socket in --data\n"
    "  --data DIR      the server's data directory [./data, or EDICT_DATA]; its admin.token is used where it can be read, or "
    "EDICT_TOKEN\n"
    "  --json          the server's document as it is\n"
    "  --help, --version\n";

static const char *const valued_flags[] = {"server",
                                           "data",
                                           "policies",
                                           "facts",
                                           "agent",
                                           "tier",
                                           "operation",
                                           "rule",
                                           "escalation",
                                           "command-prefix",
                                           "type",
                                           "format",
                                           "from",
                                           "to",
                                           "since",
                                           "until",
                                           "before",
                                           "fields",
                                           "limit",
                                           "cursor",
                                           "state",
                                           "reason",
                                           "uses",
                                           "valid-for-s",
                                           "wait",
                                           "budget-increase-usd",
                                           "lines",
                                           "junit",
                                           "coverage-min",
                                           "rounds",
                                           "out",
                                           "proof",
                                           "token-file",
                                           "key",
                                           "entry",
                                           "origin",
                                           "overlap-s",
                                           "archive",
                                           "to",
                                           "before",
                                           "witness",
                                           "witness-quorum",
                                           NULL};
static const char *const plain_flags[] = {"json",     "help",     "version",        "all",      "coverage", "follow",
                                          "watch",    "offline",  "fail-if-looser", "with-key", "append",   "progress",
                                          "cosigned", "unfolded", "erase-redacted", "check",    NULL};

enum { ARENA_CAP = 512 * 1024 * 1024 };

static int dispatch(struct command *command)
{
    static const struct {
        const char *name;
        int (*run)(struct command *command);
    } commands[] = {{"evaluate", command_evaluate},
                    {"agents", command_agents},
                    {"decisions", command_decisions},
                    {"escalations", command_escalations},
                    {"policy", command_policy},
                    {"ledger", command_ledger},
                    {"mcp", command_mcp}};
    const char *name = command->args->words[0];

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(command);
    }
    fprintf(stderr, "edict: \"%s\" is no command; see edict --help\n", name);
    return COMMAND_BAD_INPUT;
}

static int run(const struct args *args)
{
    struct arena arena;
    const char *data = args_get(args, "data");
    struct command command = {.args = args, .arena = &arena, .json = args_has(args, "json")};
    int code;

    if (!data)
        data = getenv("EDICT_DATA");
    command.data = data ? data : "./data";
    command.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    arena_create(&arena, 65536, ARENA_CAP);
    code = dispatch(&command);
    arena_destroy(&arena);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (code == COMMAND_OK && errno != EPIPE)
            fprintf(stderr, "edict: standard output: cannot write: %m\n");
        return COMMAND_FAILED;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct args args;
    struct error error = {0};

    json_setup();
    if (args_parse(argc, argv, valued_flags, plain_flags, &args, &error) != STATUS_OK)
        return command_fail(&error);
    if (args_has(&args, "help")) {
        fputs(help, stdout);
        return COMMAND_OK;
    }
    if (args_has(&args, "version")) {
        printf("edict %s\n", EDICT_VERSION);
        return COMMAND_OK;
    }
    if (args.word_count == 0) {
        fputs(help, stderr);
        return COMMAND_BAD_INPUT;
    }
    return run(&args);
}
