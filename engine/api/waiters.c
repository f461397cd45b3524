#include "api/waiters.h"

#include "api/api.h"
#include "api/reply.h"

#include <stdlib.h>

enum { WAITERS_GROWTH = 0 }; /* the number of those that wait for entries; escalations begin at 1 */

/* ---- the list ---- */

void waiters_insert(struct api_waiters *waiters, struct api_waiter *waiter, uint64_t escalation_number,
                    void (*changed)(struct api_waiter *waiter))
{
    *waiter = (struct api_waiter){.next = waiters->first, .waiters = waiters, .number = escalation_number, .changed = changed};
    if (waiters->first)
        waiters->first->previous = waiter;
    waiters->first = waiter;
    atomic_fetch_add(&waiters->count, 1);
}

void waiters_remove(struct api_waiter *waiter)
{
    struct api_waiters *waiters = waiter->waiters;

    if (!waiters)
        return;
    if (waiters->cursor == waiter)
        waiters->cursor = waiter->next;
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    waiter->waiters = NULL;
    atomic_fetch_sub(&waiters->count, 1);
}

/* ---- long polls; in the call's arena ---- */

struct poll {
    struct api_waiter waiter; /* first */
    struct api_call *call;
    struct http_timer *timer;
    void (*resume)(struct api_call *call);
};

static void poll_finish(struct poll *poll)
{
    struct http_call *http = poll->call->http;

    waiters_remove(&poll->waiter);
    http_timer_cancel(poll->timer);
    http->on_abort = NULL;
    http->on_drain = NULL;
    poll->resume(poll->call);
}

static void poll_changed(struct api_waiter *waiter)
{
    poll_finish((struct poll *)waiter);
}

static void poll_timed_out(void *context)
{
    struct poll *poll = context;

    poll->timer = NULL;
    poll_finish(poll);
}

static void poll_interrupted(struct http_call *http)
{
    const struct api_call *call = http->user;

    for (struct api_waiter *waiter = call->api->waiters.first; waiter; waiter = waiter->next) {
        if (waiter->changed != poll_changed || ((struct poll *)waiter)->call != call)
            continue;
        poll_finish((struct poll *)waiter);
        return;
    }
}

static struct poll *poll_new(struct api_call *call, uint64_t number, unsigned wait_s, void (*resume)(struct api_call *call))
{
    struct poll *poll = arena_zalloc(call->http->arena, sizeof *poll);

    if (poll)
        poll->timer = http_timer_start(call->api->http, wait_s * 1000, poll_timed_out, poll);
    if (!poll || !poll->timer) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    poll->call = call;
    poll->resume = resume;
    waiters_insert(&call->api->waiters, &poll->waiter, number, poll_changed);
    call->http->on_abort = poll_interrupted;
    call->http->on_drain = poll_interrupted;
    return poll;
}

void waiters_add(struct api_call *call, uint64_t escalation_number, unsigned wait_s, void (*resume)(struct api_call *call))
{
    (void)poll_new(call, escalation_number, wait_s, resume);
}

void waiters_add_growth(struct api_call *call, uint64_t size, unsigned wait_s, void (*resume)(struct api_call *call))
{
    struct poll *poll = poll_new(call, WAITERS_GROWTH, wait_s, resume);

    if (!poll)
        return;
    atomic_store(&call->api->waiters.growth_wanted, true);
    if (ledger_durable(call->api->shared->ledger) > size) /* it grew before the sequencer could see the wish */
        poll_finish(poll);
}

/* ---- from the sequencer's thread to a worker ---- */

struct waiters_message {
    struct work work;
    struct api *api;
    uint64_t number;
};

static void message_arrived(struct work *work)
{
    struct waiters_message *message = (struct waiters_message *)work;
    struct api_waiters *waiters = &message->api->waiters;

    for (struct api_waiter *waiter = waiters->first; waiter; waiter = waiters->cursor) {
        waiters->cursor = waiter->next;
        if (waiter->number == message->number)
            waiter->changed(waiter);
    }
    waiters->cursor = NULL;
    free(message);
}

static void send_message(struct api *api, uint64_t number)
{
    struct waiters_message *message = malloc(sizeof *message);

    if (!message)
        return; /* the poll ends at its time and shows the change then */
    *message = (struct waiters_message){.work.run = message_arrived, .api = api, .number = number};
    api_post(api, &message->work);
}

void waiters_notify(void *context, uint64_t escalation_number)
{
    const struct api_shared *shared = context;

    for (size_t w = 0; w < shared->worker_count; w++) {
        if (atomic_load(&shared->workers[w]->waiters.count) > 0)
            send_message(shared->workers[w], escalation_number);
    }
}

void waiters_notify_growth(void *context, uint64_t size)
{
    const struct api_shared *shared = context;

    (void)size;
    for (size_t w = 0; w < shared->worker_count; w++) {
        if (atomic_exchange(&shared->workers[w]->waiters.growth_wanted, false))
            send_message(shared->workers[w], WAITERS_GROWTH);
    }
}
