#include "cli/command.h"
#include "cli/ledger_archive.h"
#include "cli/ledger_erase.h"
#include "cli/ledger_export.h"
#include "cli/ledger_offline.h"
#include "cli/ledger_proof.h"
#include "cli/ledger_upkeep.h"
#include "cli/policy.h"
#include "cli/show.h"

enum { TAIL_DEFAULT = 10, TAIL_MAX = 500 };
static const int64_t TAIL_PAST_ALL = INT64_C(1) << 52;

static void show_entry(struct command *command, const cJSON *entry)
{
    int64_t index = 0;
    struct buf body;

    buf_create(&body, command->arena);
    json_write(&body, json_get(entry, "body"));
    json_get_i64(entry, "index", &index);
    printf("%8lld  ", (long long)index);
    show_cell(stdout, json_get_text(entry, "time"), 24);
    fputs("  ", stdout);
    show_cell(stdout, json_get_text(entry, "type"), 20);
    fputs("  ", stdout);
    show_cell(stdout, buf_slice(&body), command->json ? 0 : 160);
    putchar('\n');
}

static const char *const tail_flags[] = {"agent",          "tier", "operation", "rule",  "escalation",
                                         "command-prefix", "type", "since",     "until", NULL};

/* One page, shown; `parameters` follow those of the filters. */
static int tail_page(struct command *command, const char *parameters, int64_t number, int64_t *next, int64_t *size)
{
    struct slice path = command_target(command, "/v1/ledger/entries", tail_flags);
    char mark = slice_find(path, '?', 0) == SIZE_MAX ? '?' : '&';
    struct slice target = arena_printf(command->arena, "%.*s%c%s%lld", SLICE_ARG(path), mark, parameters, (long long)number);
    cJSON *page;
    const cJSON *entry;
    int code = command_call(command, "GET", target, NULL, &page);

    if (code != COMMAND_OK)
        return code;
    cJSON_ArrayForEach(entry, json_get(page, "entries"))
    {
        if (!command->json)
            show_entry(command, entry);
    }
    json_get_i64(page, "next", next);
    json_get_i64(page, "size", size);
    fflush(stdout);
    return COMMAND_OK;
}

static bool tail_lines(struct command *command, uint64_t *count)
{
    const char *lines = args_get(command->args, "lines");

    *count = TAIL_DEFAULT;
    if (!lines || (slice_to_u64(slice_from_str(lines), count) && *count <= TAIL_MAX))
        return true;
    fprintf(stderr, "edict: --lines: expected a whole number from 0 to %d; edict ledger export gives all\n", TAIL_MAX);
    return false;
}

/* --follow waits at the server until there is more. */
static int ledger_tail(struct command *command)
{
    bool follow = args_has(command->args, "follow");
    uint64_t lines;
    int64_t next = 0, size = 0;
    int code;

    if (!command_no_more(command, 2) || !tail_lines(command, &lines))
        return COMMAND_BAD_INPUT;
    code = lines > 0 ? tail_page(command, "last=", (int64_t)lines, &next, &size)
                     : tail_page(command, "limit=1&from=", TAIL_PAST_ALL, &next, &size);
    next = size;
    while (code == COMMAND_OK && follow && !ferror(stdout)) {
        arena_reset(command->arena);
        code = tail_page(command, "wait=60&limit=500&from=", next, &next, &size);
    }
    return code;
}

static int ledger_show(struct command *command)
{
    cJSON *ledger;
    int code =
        command_no_more(command, 2) ? command_call(command, "GET", SLICE("/v1/ledger"), NULL, &ledger) : COMMAND_BAD_INPUT;

    if (code == COMMAND_OK && !command->json)
        show_object(stdout, ledger, 0);
    return code;
}

static int ledger_verify_command(struct command *command)
{
    if (!command_no_more(command, 2))
        return COMMAND_BAD_INPUT;
    if (args_has(command->args, "archive") && !args_has(command->args, "data"))
        return ledger_archive_verify(command);
    return args_get(command->args, "proof") ? ledger_verify_proof(command) : ledger_offline_verify(command);
}

static int ledger_rebuild(struct command *command)
{
    return command_no_more(command, 2) ? ledger_offline_rebuild(command) : COMMAND_BAD_INPUT;
}

static int ledger_reindex(struct command *command)
{
    return command_no_more(command, 2) ? ledger_offline_reindex(command) : COMMAND_BAD_INPUT;
}

int command_ledger(struct command *command)
{
    static const struct {
        const char *name;
        int (*run)(struct command *command);
    } verbs[] = {{"tail", ledger_tail},
                 {"show", ledger_show},
                 {"checkpoint", ledger_checkpoint},
                 {"prove", ledger_prove},
                 {"export", ledger_export},
                 {"verify", ledger_verify_command},
                 {"rebuild", ledger_rebuild},
                 {"reindex", ledger_reindex},
                 {"replay", ledger_replay},
                 {"erase", ledger_erase},
                 {"backup", ledger_backup},
                 {"restore", ledger_restore},
                 {"new-origin", ledger_new_origin},
                 {"rotate-key", ledger_rotate_key},
                 {"archive", ledger_archive}};
    const char *verb = command_word(command, 1, "a command of the ledger, such as tail, verify or backup");

    if (!verb)
        return COMMAND_BAD_INPUT;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(command);
    }
    fprintf(stderr,
            "edict: ledger: \"%s\" is no command here; there are tail, show, checkpoint, prove, export, verify, rebuild, "
            "reindex, replay, "
            "erase, backup, restore, new-origin, rotate-key and archive\n",
            verb);
    return COMMAND_BAD_INPUT;
}
