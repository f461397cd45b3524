/* edict policy check: what is wrong or doubtful in a folder of policies. Works without a server. */
#include "cli/offline.h"
#include "cli/policy.h"

#include <stdio.h>

static int check_once(struct command *command)
{
    struct policy_report report = {0};
    struct error error = {0};
    size_t errors = 0;
    int code = COMMAND_OK;

    if (policy_check(policy_folder(command), &policy_limits_default, &report, &error) != STATUS_OK)
        code = command_fail(&error);
    offline_print_report(&report, command->json);
    for (size_t i = 0; i < report.count; i++)
        errors += report.items[i].severity == POLICY_ERROR;
    if (code == COMMAND_OK && !command->json)
        printf("%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", report.count - errors,
               report.count - errors == 1 ? "" : "s");
    policy_report_destroy(&report);
    return errors > 0 ? COMMAND_BAD_INPUT : code;
}

int policy_check_folder(struct command *command)
{
    if (!command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    if (args_has(command->args, "watch"))
        return policy_watch(command, policy_folder(command), check_once);
    return check_once(command);
}
