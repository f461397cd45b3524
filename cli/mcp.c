/*
 * edict mcp: MCP over standard input and output (one JSON-RPC message a line), for clients that start a command. Each message
 * goes to the server's /mcp by a thread of its own, so that a call that waits for a human holds up no other. Speaks as one
 * agent, or with the token of a file that was named; it never looks for the admin token.
 */
#include "cli/command.h"
#include "ledger/base64.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MCP_META "io.modelcontextprotocol/"

enum { MESSAGE_MAX = 1024 * 1024, CALLS_MAX = 64, HEADER_VALUE_MAX = 2048 };

struct bridge {
    struct client client;
    char target[512];
    pthread_mutex_t mutex; /* guards standard output and `calls` */
    pthread_cond_t idle;
    unsigned calls;
};

struct message {
    struct bridge *bridge;
    struct slice line; /* malloc'ed */
};

/* ---- headers that the HTTP door asks for ---- */

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return text.size > 0 && !slice_starts_with(text, SLICE("=?"));
}

/* Text that a header cannot hold goes as base64. */
static void add_header(struct buf *out, const char *name, struct slice value)
{
    if (value.size == 0 || value.size > HEADER_VALUE_MAX)
        return;
    buf_add_str(out, name);
    if (is_plain(value)) {
        buf_add_slice(out, value);
    } else {
        buf_add_str(out, "=?base64?");
        base64_write(out, value.data, value.size);
        buf_add_str(out, "?=");
    }
    buf_add_str(out, "\r\n");
}

static struct slice headers_of(struct arena *arena, const cJSON *message)
{
    const cJSON *params = json_get(message, "params");
    struct slice method = json_get_text(message, "method");
    struct slice version = json_get_text(json_get(params, "_meta"), MCP_META "protocolVersion");
    struct buf out;

    buf_create(&out, arena);
    if (version.size > 0) {
        add_header(&out, "MCP-Protocol-Version: ", version);
        add_header(&out, "Mcp-Method: ", method);
        add_header(&out, "Mcp-Name: ",
                   slice_equal(method, SLICE("resources/read")) ? json_get_text(params, "uri") : json_get_text(params, "name"));
    }
    return buf_slice(&out);
}

/* ---- one message ---- */

static void put_line(struct bridge *bridge, struct slice line)
{
    pthread_mutex_lock(&bridge->mutex);
    fwrite(line.data, 1, line.size, stdout);
    fputc('\n', stdout);
    (void)fflush(stdout);
    pthread_mutex_unlock(&bridge->mutex);
}

/* What could not be asked is answered all the same, where it wants an answer. */
static void put_error(struct bridge *bridge, struct arena *arena, const cJSON *id, int code, struct slice text)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, arena);
    json_begin_object(&w);
    json_key(&w, "jsonrpc");
    json_string(&w, SLICE("2.0"));
    json_key(&w, "id");
    json_value(&w, arena, id);
    json_key(&w, "error");
    json_begin_object(&w);
    json_key(&w, "code");
    json_i64(&w, code);
    json_key(&w, "message");
    json_string(&w, text);
    json_end_object(&w);
    json_end_object(&w);
    if (!out.failed)
        put_line(bridge, buf_slice(&out));
}

/* A problem document, or what came instead. */
static struct slice problem_text(struct arena *arena, struct slice body)
{
    cJSON *problem = NULL;
    struct error error;

    if (json_parse(arena, body, &json_limits_default, &problem, &error) == STATUS_OK &&
        json_get_text(problem, "detail").size > 0)
        return json_get_text(problem, "detail");
    return SLICE("edictd gave no answer that could be read");
}

static bool is_jsonrpc(struct slice body)
{
    return slice_starts_with(body, SLICE("{\"jsonrpc\""));
}

static void forward(struct bridge *bridge, struct arena *arena, struct slice line)
{
    const struct json_limits limits = {.bytes = MESSAGE_MAX, .depth = 64, .members = 65536};
    struct client client = bridge->client;
    struct client_answer answer = {0};
    struct error error = {0};
    cJSON *message = NULL;
    const cJSON *id;

    if (json_parse(arena, line, &limits, &message, &error) != STATUS_OK) {
        put_error(bridge, arena, NULL, -32700, slice_from_str(error.message));
        return;
    }
    id = json_get(message, "id");
    client.headers = headers_of(arena, message);
    if (client_call(&client, arena, "POST", slice_from_str(bridge->target), line, &answer, &error) != STATUS_OK) {
        if (id)
            put_error(bridge, arena, id, -32603, arena_printf(arena, "%s: %s", error.where, error.message));
    } else if (is_jsonrpc(answer.body)) {
        put_line(bridge, answer.body);
    } else if (answer.status != 202 && id) {
        put_error(bridge, arena, id, -32603, problem_text(arena, answer.body));
    }
}

static void *run_message(void *context)
{
    struct message *message = context;
    struct bridge *bridge = message->bridge;
    struct arena arena;

    arena_create(&arena, 65536, (size_t)CLIENT_ANSWER_MAX * 4);
    forward(bridge, &arena, message->line);
    arena_destroy(&arena);
    free((void *)(uintptr_t)message->line.data);
    free(message);
    pthread_mutex_lock(&bridge->mutex);
    bridge->calls--;
    pthread_cond_signal(&bridge->idle);
    pthread_mutex_unlock(&bridge->mutex);
    return NULL;
}

/* Owns the line. */
static bool start(struct bridge *bridge, char *line, size_t size)
{
    struct message *message = malloc(sizeof *message);
    pthread_attr_t detached;
    pthread_t thread;
    bool ok;

    pthread_mutex_lock(&bridge->mutex);
    while (bridge->calls >= CALLS_MAX)
        pthread_cond_wait(&bridge->idle, &bridge->mutex);
    bridge->calls++;
    pthread_mutex_unlock(&bridge->mutex);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (message)
        *message = (struct message){.bridge = bridge, .line = slice_from(line, size)};
    ok = message && pthread_create(&thread, &detached, run_message, message) == 0;
    pthread_attr_destroy(&detached);
    if (!ok) {
        free(message);
        free(line);
        fprintf(stderr, "edict: mcp: out of threads or memory\n");
    }
    return ok;
}

static int serve(struct bridge *bridge)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool ok = true;

    while (ok && (size = getline(&line, &room, stdin)) >= 0) {
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
            size--;
        if (size == 0)
            continue;
        ok = start(bridge, line, (size_t)size);
        line = NULL;
        room = 0;
    }
    free(line);
    pthread_mutex_lock(&bridge->mutex);
    while (ok && bridge->calls > 0)
        pthread_cond_wait(&bridge->idle, &bridge->mutex);
    pthread_mutex_unlock(&bridge->mutex);
    return ok ? COMMAND_OK : COMMAND_FAILED;
}

/* ---- who speaks ---- */

static bool take_token(struct command *command, struct bridge *bridge, const char *path)
{
    struct slice text;

    if (!command_read_file(command, path, CLIENT_TOKEN_MAX - 1, &text))
        return false;
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == ' '))
        text.size--;
    if (!is_plain(text)) {
        fprintf(stderr, "edict: %s: holds no token\n", path);
        return false;
    }
    memcpy(bridge->client.token, text.data, text.size);
    return true;
}

int command_mcp(struct command *command)
{
    const char *agent = args_get(command->args, "agent"), *token = args_get(command->args, "token-file");
    struct bridge bridge = {.mutex = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};
    struct error error = {0};
    struct slice escaped;

    if (!command_no_more(command, 1))
        return COMMAND_BAD_INPUT;
    if (!agent && !token) {
        fprintf(stderr, "edict: mcp: say who speaks: --agent NAME, or --token-file FILE\n");
        return COMMAND_BAD_INPUT;
    }
    if (client_create_plain(&bridge.client, args_get(command->args, "server"), command->data, &error) != STATUS_OK)
        return command_fail(&error);
    if (token && !take_token(command, &bridge, token))
        return COMMAND_BAD_INPUT;
    escaped = agent ? client_escape(command->arena, slice_from_str(agent)) : (struct slice){0};
    if (escaped.size + sizeof "/mcp?agent_identity=" > sizeof bridge.target) {
        fprintf(stderr, "edict: --agent: not an agent's name\n");
        return COMMAND_BAD_INPUT;
    }
    snprintf(bridge.target, sizeof bridge.target, agent ? "/mcp?agent_identity=%.*s" : "/mcp%.*s", SLICE_ARG(escaped));
    return serve(&bridge);
}
