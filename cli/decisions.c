#include "cli/command.h"
#include "cli/show.h"

static void show_decision_line(const cJSON *decision)
{
    int64_t tier = 0, index = 0;

    json_get_i64(decision, "tier", &tier);
    json_get_i64(decision, "ledger_index", &index);
    printf("%8lld  ", (long long)index);
    show_cell(stdout, json_get_text(decision, "time"), 24);
    printf("  %lld %-8.*s  ", (long long)tier, SLICE_ARG(json_get_text(decision, "decision")));
    show_cell(stdout, json_get_text(decision, "agent_identity"), 28);
    fputs("  ", stdout);
    show_cell(stdout, json_get_text(decision, "operation"), 14);
    fputs("  ", stdout);
    show_cell(stdout, json_get_text(decision, "decision_id"), 36);
    putchar('\n');
}

static const char *const decisions_flags[] = {"agent", "tier",  "operation", "rule",   "escalation", "command-prefix",
                                              "since", "until", "limit",     "cursor", NULL};

static int decisions_list(struct command *command)
{
    cJSON *page;
    const cJSON *decision;
    int code = command_call(command, "GET", command_target(command, "/v1/decisions", decisions_flags), NULL, &page);

    if (code != COMMAND_OK || command->json)
        return code;
    cJSON_ArrayForEach(decision, json_get(page, "decisions")) show_decision_line(decision);
    if (json_get_text(page, "next_cursor").size > 0)
        printf("more: --cursor %.*s\n", SLICE_ARG(json_get_text(page, "next_cursor")));
    return COMMAND_OK;
}

static int decisions_show(struct command *command)
{
    const char *id = command_word(command, 2, "a decision id");
    struct slice escaped;
    cJSON *decision;
    int code;

    if (!id || !command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    escaped = client_escape(command->arena, slice_from_str(id));
    code =
        command_call(command, "GET", arena_printf(command->arena, "/v1/decisions/%.*s", SLICE_ARG(escaped)), NULL, &decision);
    if (code != COMMAND_OK || command->json)
        return code;
    show_decision(command, decision);
    printf("\nrequest\n");
    show_object(stdout, json_get(decision, "request"), 2);
    printf("\nfacts\n");
    show_object(stdout, json_get(decision, "facts"), 2);
    if (cJSON_IsObject(json_get(decision, "outcome"))) {
        printf("\noutcome\n");
        show_object(stdout, json_get(decision, "outcome"), 2);
    }
    return COMMAND_OK;
}

int command_decisions(struct command *command)
{
    const char *verb = command_word(command, 1, "list or show");

    if (!verb)
        return COMMAND_BAD_INPUT;
    if (strcmp(verb, "list") == 0)
        return command_no_more(command, 2) ? decisions_list(command) : COMMAND_BAD_INPUT;
    if (strcmp(verb, "show") == 0)
        return decisions_show(command);
    fprintf(stderr, "edict: decisions: \"%s\" is no command here; there are list and show\n", verb);
    return COMMAND_BAD_INPUT;
}
