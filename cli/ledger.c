#include "cli/command.h"
#include "cli/ledger_erase.h"
#include "cli/ledger_offline.h"
#include "cli/ledger_proof.h"
#include "cli/ledger_upkeep.h"
#include "cli/policy.h"
#include "cli/show.h"

#include <time.h>
#include <unistd.h>

enum { TAIL_PAUSE_MS = 250, TAIL_DEFAULT = 10 };

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

static int tail_page(struct command *command, int64_t *next, int64_t *size)
{
    cJSON *page;
    const cJSON *entry;
    int code = command_call(
        command, "GET", arena_printf(command->arena, "/v1/ledger/entries?from=%lld&limit=500", (long long)*next), NULL, &page);

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

/* Where the last `lines` entries begin. */
static int tail_start(struct command *command, int64_t lines, int64_t *from)
{
    struct command quiet = *command;
    cJSON *ledger;
    int64_t size = 0;
    int code;

    quiet.json = false;
    code = command_call(&quiet, "GET", SLICE("/v1/ledger"), NULL, &ledger);
    if (code == COMMAND_OK)
        json_get_i64(ledger, "size", &size);
    *from = size > lines ? size - lines : 0;
    return code;
}

static int ledger_tail(struct command *command)
{
    const char *lines = args_get(command->args, "lines");
    const struct timespec pause = {.tv_nsec = TAIL_PAUSE_MS * 1000000L};
    uint64_t count = TAIL_DEFAULT;
    int64_t next = 0, size = 0;
    int code;

    if (!command_no_more(command, 2))
        return COMMAND_BAD_INPUT;
    if (lines && !slice_to_u64(slice_from_str(lines), &count)) {
        fprintf(stderr, "edict: --lines: expected a whole number\n");
        return COMMAND_BAD_INPUT;
    }
    code = tail_start(command, (int64_t)(count < 1000000 ? count : 1000000), &next);
    while (code == COMMAND_OK) {
        code = tail_page(command, &next, &size);
        arena_reset(command->arena);
        if (code == COMMAND_OK && next >= size) {
            if (!args_has(command->args, "follow"))
                break;
            nanosleep(&pause, NULL);
        }
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
    return args_get(command->args, "proof") ? ledger_verify_proof(command) : ledger_offline_verify(command);
}

static int ledger_rebuild(struct command *command)
{
    return command_no_more(command, 2) ? ledger_offline_rebuild(command) : COMMAND_BAD_INPUT;
}

/* One JSON object a line, whole and in order. */
static int export_page(struct command *command, FILE *out, int64_t *next, int64_t *size)
{
    struct command quiet = *command;
    cJSON *page;
    const cJSON *entry;
    int code;

    quiet.json = false;
    code = command_call(&quiet, "GET", arena_printf(command->arena, "/v1/ledger/entries?from=%lld&limit=500", (long long)*next),
                        NULL, &page);
    if (code != COMMAND_OK)
        return code;
    cJSON_ArrayForEach(entry, json_get(page, "entries"))
    {
        struct buf line;

        buf_create(&line, command->arena);
        json_write(&line, entry);
        buf_add_char(&line, '\n');
        if (line.failed || fwrite(line.data, 1, line.size, out) != line.size)
            return COMMAND_FAILED;
    }
    json_get_i64(page, "next", next);
    json_get_i64(page, "size", size);
    return COMMAND_OK;
}

static int ledger_export(struct command *command)
{
    const char *path = args_get(command->args, "out");
    FILE *out = path ? fopen(path, "w") : stdout;
    int64_t next = 0, size = 1;
    int code = out && command_no_more(command, 2) ? COMMAND_OK : COMMAND_BAD_INPUT;

    if (!out)
        fprintf(stderr, "edict: %s: cannot write: %m\n", path);
    while (code == COMMAND_OK && next < size) {
        code = export_page(command, out, &next, &size);
        arena_reset(command->arena);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r%lld of %lld entries%s", (long long)next, (long long)size, next >= size ? "\n" : "");
    }
    if (out && (ferror(out) || (path && fclose(out) != 0))) {
        fprintf(stderr, "edict: %s: cannot write: %m\n", path ? path : "standard output");
        code = COMMAND_FAILED;
    }
    return code;
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
                 {"replay", ledger_replay},
                 {"erase", ledger_erase},
                 {"backup", ledger_backup},
                 {"restore", ledger_restore},
                 {"new-origin", ledger_new_origin},
                 {"rotate-key", ledger_rotate_key}};
    const char *verb = command_word(command, 1, "a command of the ledger, such as tail, verify or backup");

    if (!verb)
        return COMMAND_BAD_INPUT;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(command);
    }
    fprintf(
        stderr,
        "edict: ledger: \"%s\" is no command here; there are tail, show, checkpoint, prove, export, verify, rebuild, replay, "
        "erase, backup, restore, new-origin and rotate-key\n",
        verb);
    return COMMAND_BAD_INPUT;
}
