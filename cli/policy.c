#include "cli/policy.h"

#include "cli/show.h"

const char *policy_folder(const struct command *command)
{
    return command->args->word_count > 2 ? command->args->words[2] : "./policies";
}

/* ---- list, reload: of a running server ---- */

static int policy_list(struct command *command)
{
    cJSON *document;
    const cJSON *rule, *field;
    int code = command_no_more(command, 2) ? COMMAND_OK : COMMAND_BAD_INPUT;

    if (code == COMMAND_OK)
        code = command_call(command, "GET", SLICE("/v1/policies"), NULL, &document);

    if (code != COMMAND_OK || command->json)
        return code;
    show_text(stdout, json_get_text(document, "policy_revision"));
    putchar('\n');
    cJSON_ArrayForEach(rule, json_get(document, "rules"))
    {
        int64_t tier = 0, line = 0;

        json_get_i64(rule, "tier", &tier);
        json_get_i64(rule, "line", &line);
        printf("%lld ", (long long)tier);
        show_cell(stdout, json_get_text(rule, "name"), 44);
        printf(" %.*s:%lld\n", SLICE_ARG(json_get_text(rule, "file")), (long long)line);
    }
    cJSON_ArrayForEach(field, json_get(document, "redacts"))
    {
        fputs("redacts ", stdout);
        show_text(stdout, json_text(field));
        putchar('\n');
    }
    return COMMAND_OK;
}

static int policy_reload(struct command *command)
{
    cJSON *document;
    bool changed = false;
    int64_t rules = 0;
    int code = command_no_more(command, 2) ? COMMAND_OK : COMMAND_BAD_INPUT;

    if (code == COMMAND_OK)
        code = command_call(command, "POST", SLICE("/v1/policies/reload"), NULL, &document);

    if (code != COMMAND_OK || command->json)
        return code;
    json_get_bool(document, "changed", &changed);
    json_get_i64(document, "rules", &rules);
    printf("%s: %.*s, %lld rules\n", changed ? "activated" : "unchanged", SLICE_ARG(json_get_text(document, "policy_revision")),
           (long long)rules);
    return COMMAND_OK;
}

int command_policy(struct command *command)
{
    static const struct {
        const char *name;
        int (*run)(struct command *command);
    } verbs[] = {{"check", policy_check_folder}, {"test", policy_test_folder},  {"explain", policy_explain},
                 {"bench", policy_bench},        {"backtest", policy_backtest}, {"list", policy_list},
                 {"reload", policy_reload}};
    const char *verb = command_word(command, 1, "check, test, explain, bench, backtest, list or reload");

    if (!verb)
        return COMMAND_BAD_INPUT;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(command);
    }
    fprintf(stderr,
            "edict: policy: \"%s\" is no command here; there are check, test, explain, bench, backtest, list and reload\n",
            verb);
    return COMMAND_BAD_INPUT;
}
