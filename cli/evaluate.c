#include "cli/command.h"
#include "cli/offline.h"
#include "cli/show.h"

static int exit_code(const cJSON *decision)
{
    struct slice outcome = json_get_text(decision, "decision");

    if (slice_equal(outcome, SLICE("approve")))
        return COMMAND_OK;
    return slice_equal(outcome, SLICE("deny")) ? COMMAND_DENY : COMMAND_ESCALATE;
}

int command_evaluate(struct command *command)
{
    const char *path = command->args->word_count > 1 ? command->args->words[1] : "-";
    const char *policies = args_get(command->args, "policies");
    struct slice text;
    cJSON *decision = NULL;
    int code;

    if (!command_no_more(command, 2) || !command_read_file(command, path, JSON_BYTES_MAX, &text))
        return COMMAND_BAD_INPUT;
    if (policies)
        code = offline_evaluate(
            command,
            &(struct offline_question){.policies = policies, .facts = args_get(command->args, "facts"), .request = text},
            &decision);
    else
        code = command_call_text(command, "POST", SLICE("/v1/evaluate"), text, &decision);
    if (code != COMMAND_OK)
        return code;
    if (!command->json)
        show_decision(command, decision);
    return exit_code(decision);
}
