#include "cli/command.h"
#include "cli/show.h"

#include <stdlib.h>

static void show_escalation_line(const cJSON *escalation)
{
    show_cell(stdout, json_get_text(escalation, "id"), 10);
    printf(" %-10.*s ", SLICE_ARG(json_get_text(escalation, "state")));
    show_cell(stdout, json_get_text(escalation, "created_at"), 24);
    putchar(' ');
    show_cell(stdout, json_get_text(escalation, "agent_identity"), 28);
    putchar(' ');
    show_cell(stdout, json_get_text(json_get(escalation, "request"), "operation"), 14);
    putchar(' ');
    show_cell(stdout, json_get_text(json_get(escalation, "request"), "command"), 60);
    putchar('\n');
}

static int escalations_list(struct command *command)
{
    const char *state = args_get(command->args, "state"), *agent = args_get(command->args, "agent");
    const char *limit = args_get(command->args, "limit"), *cursor = args_get(command->args, "cursor");
    struct buf target;
    cJSON *page;
    const cJSON *escalation;
    int code;

    buf_create(&target, command->arena);
    buf_printf(&target, "/v1/escalations?limit=%s", limit ? limit : "50");
    buf_add_str(&target, "&state=");
    buf_add_slice(&target, client_escape(command->arena, slice_from_str(state                            ? state
                                                                        : args_has(command->args, "all") ? ""
                                                                                                         : "pending")));
    if (agent) {
        buf_add_str(&target, "&agent=");
        buf_add_slice(&target, client_escape(command->arena, slice_from_str(agent)));
    }
    if (cursor)
        buf_printf(&target, "&cursor=%s", cursor);
    code = command_call(command, "GET", buf_slice(&target), NULL, &page);
    if (code != COMMAND_OK || command->json)
        return code;
    cJSON_ArrayForEach(escalation, json_get(page, "escalations")) show_escalation_line(escalation);
    if (json_get_text(page, "next_cursor").size > 0)
        printf("more: --cursor %.*s\n", SLICE_ARG(json_get_text(page, "next_cursor")));
    return COMMAND_OK;
}

/* What a reviewer reads before deciding: the rationale first, then everything. */
static void show_escalation(const cJSON *escalation)
{
    show_cell(stdout, json_get_text(escalation, "id"), 0);
    printf(" is %.*s\n\n", SLICE_ARG(json_get_text(escalation, "state")));
    show_text(stdout, json_get_text(escalation, "rationale"));
    printf("\n\n");
    show_object(stdout, escalation, 0);
}

static int escalations_show(struct command *command, const char *id)
{
    const char *wait = args_get(command->args, "wait");
    struct slice escaped = client_escape(command->arena, slice_from_str(id));
    cJSON *escalation;
    int code = command_call(command, "GET",
                            arena_printf(command->arena, "/v1/escalations/%.*s?wait=%s", SLICE_ARG(escaped), wait ? wait : "0"),
                            NULL, &escalation);

    if (code == COMMAND_OK && !command->json)
        show_escalation(escalation);
    return code;
}

static bool add_integer(struct command *command, cJSON *body, const char *flag, const char *name)
{
    const char *text = args_get(command->args, flag);
    uint64_t number;

    if (!text)
        return true;
    if (slice_to_u64(slice_from_str(text), &number) && number <= JSON_INTEGER_MAX) {
        json_put_i64(command->arena, body, name, (int64_t)number);
        return true;
    }
    fprintf(stderr, "edict: --%s: expected a whole number\n", flag);
    return false;
}

static int escalations_resolve(struct command *command, const char *id, const char *verb)
{
    struct slice escaped = client_escape(command->arena, slice_from_str(id));
    const char *reason = args_get(command->args, "reason"), *increase = args_get(command->args, "budget-increase-usd");
    cJSON *body = json_new_object(command->arena), *escalation;
    int code;

    if (!reason && strcmp(verb, "cancel") != 0) {
        fprintf(stderr, "edict: say why with --reason TEXT; the agent and later readers see it\n");
        return COMMAND_BAD_INPUT;
    }
    if (reason)
        json_put_text(command->arena, body, "reason", slice_from_str(reason));
    if (!add_integer(command, body, "uses", "uses") || !add_integer(command, body, "valid-for-s", "valid_for_s"))
        return COMMAND_BAD_INPUT;
    if (increase)
        json_put_text(command->arena, body, "budget_increase_usd", slice_from_str(increase));
    code = command_call(command, "POST", arena_printf(command->arena, "/v1/escalations/%.*s/%s", SLICE_ARG(escaped), verb),
                        body, &escalation);
    if (code != COMMAND_OK || command->json)
        return code;
    show_cell(stdout, json_get_text(escalation, "id"), 0);
    printf(" is %.*s\n", SLICE_ARG(json_get_text(escalation, "state")));
    return COMMAND_OK;
}

int command_escalations(struct command *command)
{
    static const char *const verbs[] = {"approve", "deny", "cancel"};
    const char *verb = command_word(command, 1, "list, show, approve, deny or cancel"), *id;

    if (!verb)
        return COMMAND_BAD_INPUT;
    if (strcmp(verb, "list") == 0)
        return command_no_more(command, 2) ? escalations_list(command) : COMMAND_BAD_INPUT;
    id = command_word(command, 2, "an escalation's id such as ESC-456");
    if (!id || !command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (strcmp(verb, "show") == 0)
        return escalations_show(command, id);
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(verb, verbs[i]) == 0)
            return escalations_resolve(command, id, verb);
    }
    fprintf(stderr, "edict: escalations: \"%s\" is no command here; there are list, show, approve, deny and cancel\n", verb);
    return COMMAND_BAD_INPUT;
}
