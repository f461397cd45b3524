#include "api/waiters.h"

#include "api/api.h"
#include "api/reply.h"

#include <stdlib.h>

enum { WAITERS_GROWTH = 0 }; /* the number of those that wait for entries; escalations begin at 1 */

/* In the call's arena. */
struct api_waiter {
    struct api_waiter *next, *previous;
    struct api_call *call;
    uint64_t number;
    struct http_timer *timer;
    void (*resume)(struct api_call *call);
};

/* From the sequencer's thread to a worker. */
struct waiters_message {
    struct work work;
    struct api *api;
    uint64_t number;
};

static void waiter_finish(struct api_waiter *waiter)
{
    struct api_waiters *waiters = &waiter->call->api->waiters;
    struct http_call *http = waiter->call->http;

    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    atomic_fetch_sub(&waiters->count, 1);
    http_timer_cancel(waiter->timer);
    http->on_abort = NULL;
    http->on_drain = NULL;
    waiter->resume(waiter->call);
}

static void waiter_timed_out(void *context)
{
    struct api_waiter *waiter = context;

    waiter->timer = NULL;
    waiter_finish(waiter);
}

static struct api_waiter *waiter_of(struct http_call *http)
{
    const struct api_call *call = http->user;

    for (struct api_waiter *waiter = call->api->waiters.first; waiter; waiter = waiter->next) {
        if (waiter->call == call)
            return waiter;
    }
    return NULL;
}

static void waiter_interrupted(struct http_call *http)
{
    struct api_waiter *waiter = waiter_of(http);

    if (waiter)
        waiter_finish(waiter);
}

static struct api_waiter *waiter_new(struct api_call *call, uint64_t number, unsigned wait_s,
                                     void (*resume)(struct api_call *call))
{
    struct api_waiters *waiters = &call->api->waiters;
    struct api_waiter *waiter = arena_zalloc(call->http->arena, sizeof *waiter);

    if (waiter) {
        *waiter = (struct api_waiter){.next = waiters->first, .call = call, .number = number, .resume = resume};
        waiter->timer = http_timer_start(call->api->http, wait_s * 1000, waiter_timed_out, waiter);
    }
    if (!waiter || !waiter->timer) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    if (waiters->first)
        waiters->first->previous = waiter;
    waiters->first = waiter;
    atomic_fetch_add(&waiters->count, 1);
    call->http->on_abort = waiter_interrupted;
    call->http->on_drain = waiter_interrupted;
    return waiter;
}

void waiters_add(struct api_call *call, uint64_t escalation_number, unsigned wait_s, void (*resume)(struct api_call *call))
{
    (void)waiter_new(call, escalation_number, wait_s, resume);
}

void waiters_add_growth(struct api_call *call, uint64_t size, unsigned wait_s, void (*resume)(struct api_call *call))
{
    struct api_waiter *waiter = waiter_new(call, WAITERS_GROWTH, wait_s, resume);

    if (!waiter)
        return;
    atomic_store(&call->api->waiters.growth_wanted, true);
    if (ledger_durable(call->api->shared->ledger) > size) /* it grew before the sequencer could see the wish */
        waiter_finish(waiter);
}

static void message_arrived(struct work *work)
{
    struct waiters_message *message = (struct waiters_message *)work;
    struct api_waiter *waiter = message->api->waiters.first;

    while (waiter) {
        struct api_waiter *next = waiter->next;

        if (waiter->number == message->number)
            waiter_finish(waiter);
        waiter = next;
    }
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
