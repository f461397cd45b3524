/* The server, its workers, and what goes between them. */
#include "mcp/internal.h"

#include <stdlib.h>

struct mcp_server *mcp_server_new(const struct mcp_description *description, struct slice key, struct clock clock,
                                  size_t worker_count)
{
    struct mcp_server *server = calloc(1, sizeof *server);

    if (!server)
        return NULL;
    server->description = description;
    server->clock = clock;
    memcpy(server->key, key.data, key.size < sizeof server->key ? key.size : sizeof server->key);
    atomic_store(&server->serial, 1);
    server->workers = calloc(worker_count, sizeof *server->workers);
    if (sessions_create(&server->sessions) == STATUS_OK && server->workers && era_capabilities(server)) {
        server->worker_count = worker_count;
        return server;
    }
    mcp_server_delete(server);
    return NULL;
}

static void free_slice(struct slice text)
{
    struct buf buf = {.data = (char *)(uintptr_t)text.data};

    buf_destroy(&buf);
}

void mcp_server_delete(struct mcp_server *server)
{
    if (!server)
        return;
    sessions_destroy(&server->sessions);
    free_slice(server->info);
    free_slice(server->capabilities);
    free_slice(server->modern_capabilities);
    free(server->workers);
    free(server);
}

struct mcp_worker *mcp_worker_new(struct mcp_server *server, size_t index, struct http_worker *http, work_post_f post,
                                  void *post_context)
{
    struct mcp_worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    worker->server = server;
    worker->index = index;
    worker->http = http;
    worker->post = post;
    worker->post_context = post_context;
    server->workers[index] = worker;
    return worker;
}

/* Open calls went with the HTTP worker. */
void mcp_worker_delete(struct mcp_worker *worker)
{
    if (!worker)
        return;
    buf_destroy(&worker->scratch);
    free(worker);
}

struct mcp_server *mcp_server_of(const struct mcp_worker *worker)
{
    return worker->server;
}

uint64_t mcp_worker_streams(const struct mcp_worker *worker)
{
    return atomic_load(&worker->streams);
}

/* ---- between workers ---- */

static void arrived(struct work *work)
{
    struct message *message = (struct message *)work;
    struct mcp_worker *worker = message->worker;
    struct slice text = slice_from(message->text, message->size);

    switch (message->kind) {
    case MESSAGE_CHANGED:
        listen_told(worker, message->change, text);
        break;
    case MESSAGE_FLUSH:
        listen_flush(worker);
        break;
    case MESSAGE_CANCEL:
        stream_cancel(worker, message->session, text);
        break;
    case MESSAGE_GONE:
        stream_gone(worker, message->question);
        break;
    case MESSAGE_ANSWER:
        ask_deliver(worker, message->session, message->question, text);
        break;
    }
    free(message);
}

bool server_post(struct mcp_worker *worker, enum message_kind kind, enum mcp_change change, const unsigned char *session,
                 uint64_t question, struct slice text)
{
    struct message *message = malloc(sizeof *message + text.size + 1);

    if (!message)
        return false;
    *message = (struct message){
        .work.run = arrived, .worker = worker, .kind = kind, .change = change, .question = question, .size = text.size};
    if (session)
        memcpy(message->session, session, SESSION_SIZE);
    if (text.size > 0)
        memcpy(message->text, text.data, text.size);
    message->text[text.size] = '\0';
    worker->post(worker->post_context, &message->work);
    return true;
}

bool mcp_is_watched(const struct mcp_server *server)
{
    return atomic_load(&server->watchers) > 0 || atomic_load(&server->sessions.subscribed) > 0;
}

void mcp_changed(struct mcp_server *server, enum mcp_change what, struct slice name)
{
    bool is_list = what == MCP_CHANGED_TOOLS || what == MCP_CHANGED_PROMPTS;
    bool subscribed = what == MCP_CHANGED_RESOURCE && atomic_load(&server->sessions.subscribed) > 0;

    for (size_t i = 0; i < server->worker_count; i++) {
        struct mcp_worker *worker = server->workers[i];

        if (worker && (atomic_load(is_list ? &worker->listeners : &worker->watchers) > 0 || (i == 0 && subscribed)))
            (void)server_post(worker, MESSAGE_CHANGED, what, NULL, 0, name);
    }
}
