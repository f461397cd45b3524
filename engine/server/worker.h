/*
 * One worker: a thread, its HTTP worker with every listener, its decider with a Lua vm. Made and deleted by the main thread.
 */
#ifndef EDICT_SERVER_WORKER_H
#define EDICT_SERVER_WORKER_H

#include "api/api.h"

#include <pthread.h>

struct worker {
    struct api api;
    struct http_worker *http;
    pthread_t thread;
    bool started;
};

/* `fds` by listener tag (API_LISTENER_MCP …); owned by the worker from here on. The vm of the active bundle is taken from the
 * activation. */
enum status worker_create(struct worker *worker, const struct api_shared *shared, size_t position,
                          const struct decide_settings *settings, const int fds[API_LISTENER_UNIX + 1],
                          struct error *error) EDICT_MUST_USE;
enum status worker_start(struct worker *worker, struct error *error) EDICT_MUST_USE;
void worker_drain(struct worker *worker, uint32_t deadline_ms);
void worker_join(struct worker *worker);
void worker_destroy(struct worker *worker); /* not running; accepts a zeroed one */

#endif
