#include "cli/command.h"

#include "cli/show.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int command_fail(const struct error *error)
{
    fprintf(stderr, "edict: %s%s%s\n", error->where, error->where[0] ? ": " : "", error->message);
    return error->status == STATUS_INVALID || error->status == STATUS_TOO_LARGE ? COMMAND_BAD_INPUT : COMMAND_FAILED;
}

const char *command_word(struct command *command, size_t position, const char *what)
{
    if (position < command->args->word_count)
        return command->args->words[position];
    fprintf(stderr, "edict: expected %s; see edict --help\n", what);
    return NULL;
}

bool command_no_more(struct command *command, size_t count)
{
    if (command->args->word_count <= count)
        return true;
    fprintf(stderr, "edict: \"%s\" is one word too many; see edict --help\n", command->args->words[count]);
    return false;
}

int command_problem(struct command *command, const struct client_answer *answer)
{
    cJSON *problem = NULL;
    struct error error = {0};
    struct slice detail = answer->body;

    if (json_parse(command->arena, answer->body, &json_limits_default, &problem, &error) == STATUS_OK &&
        json_get_text(problem, "detail").size > 0)
        detail = json_get_text(problem, "detail");
    fprintf(stderr, "edict: ");
    show_text(stderr, detail);
    fprintf(stderr, " (%d)\n", answer->status);
    return answer->status >= 400 && answer->status < 500 && answer->status != 401 && answer->status != 429 ? COMMAND_BAD_INPUT
                                                                                                           : COMMAND_FAILED;
}

static const struct client *with_patience(struct client *client, const struct command *command)
{
    client->timeout_s = command->patient ? CLIENT_PATIENCE_S : 0;
    return client;
}

int command_call_text(struct command *command, const char *method, struct slice target, struct slice body, cJSON **document)
{
    const struct json_limits limits = {.bytes = CLIENT_ANSWER_MAX, .depth = 64, .members = 1000000};
    struct client client;
    struct client_answer answer = {0};
    struct error error = {0};

    *document = NULL;
    if (client_create(&client, args_get(command->args, "server"), command->data, &error) != STATUS_OK ||
        client_call(with_patience(&client, command), command->arena, method, target, body, &answer, &error) != STATUS_OK)
        return command_fail(&error);
    if (answer.status < 200 || answer.status > 299)
        return command_problem(command, &answer);
    if (json_parse(command->arena, answer.body, &limits, document, &error) != STATUS_OK)
        return command_fail(&error);
    if (command->json) {
        fwrite(answer.body.data, 1, answer.body.size, stdout);
        fputc('\n', stdout);
    }
    return COMMAND_OK;
}

int command_call_raw(struct command *command, struct slice target, bool busy_is_ok, int *status, struct slice *body)
{
    struct client client;
    struct client_answer answer = {0};
    struct error error = {0};

    if (client_create(&client, args_get(command->args, "server"), command->data, &error) != STATUS_OK ||
        client_call(&client, command->arena, "GET", target, (struct slice){0}, &answer, &error) != STATUS_OK)
        return command_fail(&error);
    *status = answer.status;
    *body = answer.body;
    if ((answer.status >= 200 && answer.status <= 299) || (busy_is_ok && answer.status == 503))
        return COMMAND_OK;
    return command_problem(command, &answer);
}

int command_call(struct command *command, const char *method, struct slice target, const cJSON *body, cJSON **document)
{
    struct buf text;

    buf_create(&text, command->arena);
    if (body)
        json_write(&text, body);
    return command_call_text(command, method, target, buf_slice(&text), document);
}

struct slice command_target(struct command *command, const char *path, const char *const *flags)
{
    struct buf target;

    buf_create(&target, command->arena);
    buf_add_str(&target, path);
    for (size_t n = 0; *flags; flags++) {
        const char *value = args_get(command->args, *flags);

        if (!value)
            continue;
        buf_add_char(&target, n++ ? '&' : '?');
        for (const char *at = *flags; *at; at++)
            buf_add_char(&target, *at == '-' ? '_' : *at);
        buf_add_char(&target, '=');
        buf_add_slice(&target, client_escape(command->arena, slice_from_str(value)));
    }
    return buf_slice(&target);
}

bool command_read_file(struct command *command, const char *path, size_t max, struct slice *text)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct buf out;
    ssize_t size = -1;

    buf_create(&out, command->arena);
    while (fd >= 0 && out.size <= max && buf_reserve(&out, 65536)) {
        size = read(fd, out.data + out.size, 65536);
        if (size <= 0)
            break;
        out.size += (size_t)size;
    }
    if (fd >= 0 && !standard)
        close(fd);
    *text = buf_slice(&out);
    if (size == 0 && out.size <= max)
        return true;
    if (fd >= 0 && out.size > max)
        fprintf(stderr, "edict: %s: larger than %zu bytes\n", path, max);
    else
        fprintf(stderr, "edict: %s: cannot read: %m\n", path);
    return false;
}
