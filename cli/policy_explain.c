/*
 * edict policy explain: one request, and what became of every rule that could have counted. Asks the server for a dry run, or
 * works on a folder of policies.
 */
#include "cli/offline.h"
#include "cli/policy.h"
#include "cli/show.h"

#include <stdio.h>

/* The request with `explain` and `dry_run` set, whatever it says itself. */
static bool as_question(struct command *command, struct slice text, struct slice *out, struct error *error)
{
    cJSON *request = NULL, *question = json_new_object(command->arena);
    const cJSON *member;
    struct buf buf;

    if (json_parse(command->arena, text, &json_limits_default, &request, error) != STATUS_OK)
        return false;
    if (!cJSON_IsObject(request)) {
        (void)error_set(error, STATUS_INVALID, "", "expected a request object");
        return false;
    }
    cJSON_ArrayForEach(member, request)
    {
        if (strcmp(member->string, "explain") != 0 && strcmp(member->string, "dry_run") != 0)
            json_put_named(command->arena, question, slice_from_str(member->string), json_copy(command->arena, member));
    }
    json_put_text(command->arena, question, "explain", SLICE("full"));
    json_put_bool(command->arena, question, "dry_run", true);
    buf_create(&buf, command->arena);
    json_write(&buf, question);
    *out = buf_slice(&buf);
    return !buf.failed;
}

int policy_explain(struct command *command)
{
    const char *path = command->args->word_count > 2 ? command->args->words[2] : "-";
    const char *policies = args_get(command->args, "policies");
    struct slice text, question;
    struct error error = {0};
    cJSON *document = NULL;
    int code;

    if (!command_no_more(command, 3) || !command_read_file(command, path, JSON_BYTES_MAX, &text))
        return COMMAND_BAD_INPUT;
    if (!as_question(command, text, &question, &error))
        return command_fail(&error);
    if (policies)
        code = offline_evaluate(command,
                                &(struct offline_question){.policies = policies,
                                                           .facts = args_get(command->args, "facts"),
                                                           .request = question,
                                                           .explain_all = args_has(command->args, "all")},
                                &document);
    else
        code = command_call_text(command, "POST", SLICE("/v1/evaluate"), question, &document);
    if (code == COMMAND_OK && !command->json)
        show_decision(command, document);
    return code;
}
