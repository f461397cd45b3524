#include "cli/command.h"
#include "cli/show.h"

static struct slice agent_target(struct command *command, struct slice agent, const char *suffix)
{
    struct slice escaped = client_escape(command->arena, agent);

    return arena_printf(command->arena, "/v1/agents/%.*s%s", SLICE_ARG(escaped), suffix);
}

/* ---- list ---- */

static void show_agent_line(const cJSON *agent)
{
    show_cell(stdout, json_get_text(agent, "agent_identity"), 36);
    putchar(' ');
    show_cell(stdout, json_get_text(agent, "namespace"), 20);
    putchar(' ');
    show_cell(stdout, json_get_text(agent, "owner"), 0);
    putchar('\n');
}

static int agents_list(struct command *command)
{
    struct slice cursor = {0};
    bool first = true;

    do {
        struct slice escaped = client_escape(command->arena, cursor);
        cJSON *page;
        const cJSON *agent;
        int code = command_call(
            command, "GET", arena_printf(command->arena, "/v1/agents?limit=500&cursor=%.*s", SLICE_ARG(escaped)), NULL, &page);

        if (code != COMMAND_OK)
            return code;
        if (first && !command->json)
            printf("%-36s %-20s %s\n", "AGENT", "NAMESPACE", "OWNER");
        first = false;
        cJSON_ArrayForEach(agent, json_get(page, "agents"))
        {
            if (!command->json)
                show_agent_line(agent);
        }
        cursor = json_get_text(page, "next_cursor");
    } while (cursor.size > 0);
    return COMMAND_OK;
}

/* ---- show ---- */

static int agents_show(struct command *command)
{
    static const char *const parts[] = {"", "/budget", "/quota", "/autonomy"};
    static const char *const titles[] = {"agent", "budget", "quota", "autonomy"};
    const char *name = command_word(command, 2, "an agent's name");

    if (!name || !command_no_more(command, 3))
        return COMMAND_BAD_INPUT;
    for (size_t i = 0; i < 4; i++) {
        cJSON *document;
        int code = command_call(command, "GET", agent_target(command, slice_from_str(name), parts[i]), NULL, &document);

        if (code != COMMAND_OK)
            return code;
        if (command->json)
            return COMMAND_OK; /* one document: the agent */
        printf("%s%s\n", i ? "\n" : "", titles[i]);
        show_object(stdout, document, 2);
    }
    return COMMAND_OK;
}

/* ---- set FILE: {"agents": {"<id>": {"manifest": {…}, "usage": {…}}}} ---- */

static int set_one(struct command *command, const cJSON *agent)
{
    struct slice name = slice_from_str(agent->string);
    cJSON *answer;
    int code = COMMAND_OK;

    if (json_get(agent, "manifest"))
        code = command_call(command, "PUT", agent_target(command, name, ""), json_get(agent, "manifest"), &answer);
    if (code == COMMAND_OK && json_get(agent, "usage"))
        code = command_call(command, "PUT", agent_target(command, name, "/usage"), json_get(agent, "usage"), &answer);
    if (!command->json || code != COMMAND_OK) {
        fprintf(code == COMMAND_OK ? stdout : stderr, "%s ", code == COMMAND_OK ? "set" : "edict: not set:");
        show_cell(code == COMMAND_OK ? stdout : stderr, name, 0);
        fputc('\n', code == COMMAND_OK ? stdout : stderr);
    }
    return code;
}

static int agents_set(struct command *command)
{
    const struct json_limits limits = {.bytes = 16u << 20, .depth = JSON_DEPTH_MAX, .members = 100000};
    const char *path = command_word(command, 2, "a file, or - for standard input");
    struct slice text;
    cJSON *file = NULL;
    const cJSON *agent;
    struct error error = {0};
    int code = COMMAND_OK;

    if (!path || !command_no_more(command, 3) || !command_read_file(command, path, limits.bytes, &text))
        return COMMAND_BAD_INPUT;
    if (json_parse(command->arena, text, &limits, &file, &error) != STATUS_OK)
        return command_fail(&error);
    if (!cJSON_IsObject(json_get(file, "agents"))) {
        error_set(&error, STATUS_INVALID, path, "expected {\"agents\": {\"<name>\": {\"manifest\": {…}, \"usage\": {…}}}}");
        return command_fail(&error);
    }
    cJSON_ArrayForEach(agent, json_get(file, "agents"))
    {
        code = set_one(command, agent);
        if (code != COMMAND_OK)
            return code;
    }
    return code;
}

int command_agents(struct command *command)
{
    const char *verb = command_word(command, 1, "list, show or set");

    if (!verb)
        return COMMAND_BAD_INPUT;
    if (strcmp(verb, "list") == 0)
        return command_no_more(command, 2) ? agents_list(command) : COMMAND_BAD_INPUT;
    if (strcmp(verb, "show") == 0)
        return agents_show(command);
    if (strcmp(verb, "set") == 0)
        return agents_set(command);
    fprintf(stderr, "edict: agents: \"%s\" is no command here; there are list, show and set\n", verb);
    return COMMAND_BAD_INPUT;
}
