/*
 * edict mcp: MCP over standard input and output (one JSON-RPC message a line), for clients that start a command. Speaks as one
 * agent, or with the token of a file that was named; it never looks for the admin token.
 */
#include "cli/command.h"
#include "cli/mcp_bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static const struct json_limits line_limits = {.bytes = BRIDGE_MESSAGE_MAX, .depth = 64, .members = 65536};

/* ---- calls in work ---- */

static void call_delete(struct bridge_call *call)
{
    arena_destroy(&call->arena);
    free(call);
}

static struct bridge_call *call_new(struct bridge *bridge)
{
    struct bridge_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->bridge = bridge;
    call->fd = -1;
    arena_create(&call->arena, 16384, (size_t)CLIENT_ANSWER_MAX * 4);
    return call;
}

static void call_begun(struct bridge_call *call)
{
    struct bridge *bridge = call->bridge;

    pthread_mutex_lock(&bridge->mutex);
    while (bridge->count >= BRIDGE_CALLS_MAX && !call->endless)
        pthread_cond_wait(&bridge->changed, &bridge->mutex);
    bridge->count++;
    call->next = bridge->calls;
    bridge->calls = call;
    pthread_mutex_unlock(&bridge->mutex);
}

static void call_ended(struct bridge_call *call)
{
    struct bridge *bridge = call->bridge;

    pthread_mutex_lock(&bridge->mutex);
    for (struct bridge_call **at = &bridge->calls; *at; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            break;
        }
    }
    bridge->count--;
    pthread_cond_broadcast(&bridge->changed);
    pthread_mutex_unlock(&bridge->mutex);
    call_delete(call);
}

/* Under the mutex. */
static void call_cut(struct bridge_call *call)
{
    call->cancelled = true;
    if (call->fd >= 0)
        shutdown(call->fd, SHUT_RDWR);
}

static bool start_thread(struct bridge_call *call, void *(*run)(void *call))
{
    pthread_attr_t detached;
    pthread_t thread;
    bool ok;

    call_begun(call);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    ok = pthread_create(&thread, &detached, run, call) == 0;
    pthread_attr_destroy(&detached);
    if (!ok)
        call_ended(call);
    return ok;
}

/* ---- the stream of the server's own messages ---- */

static void *run_listening(void *context)
{
    struct bridge_call *call = context;

    bridge_listen(call);
    call_ended(call);
    return NULL;
}

/* Once the older era's handshake is over. */
static void start_listening(struct bridge *bridge)
{
    struct bridge_call *call = call_new(bridge);

    if (!call)
        return;
    call->endless = true;
    (void)start_thread(call, run_listening); /* without it only notifications are missed */
}

/* ---- one line ---- */

static void *run_message(void *context)
{
    struct bridge_call *call = context;
    bool handshake_ends = !call->modern && slice_equal(bridge_method(call), SLICE("notifications/initialized"));

    bridge_forward(call);
    if (handshake_ends)
        start_listening(call->bridge);
    call_ended(call);
    return NULL;
}

static void read_message(struct bridge_call *call, struct slice line)
{
    cJSON *message = NULL;
    struct error error;
    struct buf id;
    const cJSON *meta;

    call->line = arena_copy(&call->arena, line);
    if (json_parse(&call->arena, call->line, &line_limits, &message, &error) != STATUS_OK) {
        call->fault = arena_copy(&call->arena, slice_from_str(error.message));
        return;
    }
    call->message = message;
    meta = json_get(json_get(message, "params"), "_meta");
    call->modern = json_get(meta, "io.modelcontextprotocol/protocolVersion") != NULL;
    call->endless = slice_equal(bridge_method(call), SLICE("subscriptions/listen"));
    if (!json_get(message, "id") || !json_get(message, "method"))
        return;
    buf_create(&id, &call->arena);
    json_write(&id, json_get(message, "id"));
    call->id = id.failed ? (struct slice){0} : buf_slice(&id);
}

/* Over HTTP the newest era cancels by closing the exchange. In the older one the server is told, too; but what it is told may
 * overtake the call, which is why it is closed all the same. */
static void cancel(struct bridge_call *notification)
{
    struct bridge *bridge = notification->bridge;
    struct buf id;

    buf_create(&id, &notification->arena);
    json_write(&id, json_get(json_get(notification->message, "params"), "requestId"));
    pthread_mutex_lock(&bridge->mutex);
    for (struct bridge_call *call = bridge->calls; call; call = call->next) {
        if (call->id.size > 0 && !id.failed && slice_equal(call->id, buf_slice(&id))) {
            notification->modern = call->modern;
            call_cut(call);
        }
    }
    pthread_mutex_unlock(&bridge->mutex);
}

static bool take_line(struct bridge *bridge, struct slice line)
{
    struct bridge_call *call = call_new(bridge);
    bool ok = call != NULL;

    if (ok) {
        read_message(call, line);
        if (slice_equal(bridge_method(call), SLICE("notifications/cancelled"))) {
            cancel(call);
            if (call->modern) {
                call_delete(call);
                return true;
            }
        }
        ok = start_thread(call, run_message);
    }
    if (!ok)
        fprintf(stderr, "edict: mcp: out of threads or memory\n");
    return ok;
}

/* Input has ended: what waits for nothing but more of it is cut, what was asked is answered. */
static void finish(struct bridge *bridge)
{
    struct arena arena;

    pthread_mutex_lock(&bridge->mutex);
    while (bridge->count > 0) {
        for (struct bridge_call *call = bridge->calls; call; call = call->next) {
            if (call->endless)
                call_cut(call);
        }
        pthread_cond_wait(&bridge->changed, &bridge->mutex);
    }
    pthread_mutex_unlock(&bridge->mutex);
    arena_create(&arena, 4096, 1024 * 1024);
    bridge_end_session(bridge, &arena);
    arena_destroy(&arena);
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
        if (size > 0)
            ok = take_line(bridge, slice_from(line, (size_t)size));
    }
    free(line);
    if (ok)
        finish(bridge);
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
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            text.size = 0;
    }
    if (text.size == 0) {
        fprintf(stderr, "edict: %s: holds no token\n", path);
        return false;
    }
    memcpy(bridge->client.token, text.data, text.size);
    return true;
}

int command_mcp(struct command *command)
{
    const char *agent = args_get(command->args, "agent"), *token = args_get(command->args, "token-file");
    struct bridge bridge = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
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
