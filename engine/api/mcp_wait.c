/*
 * wait_for_approval: looks at the escalation, and again when it has changed, until it is resolved or the time is up. On a
 * stream it says meanwhile that it is still waiting. It changes nothing, so it may be asked again at any time, and who goes
 * away in between leaves nothing behind.
 */
#include "api/mcp.h"
#include "api/waiters.h"

enum { WAIT_DEFAULT_S = 30, WAIT_MAX_S = 45, WAIT_TICK_S = 5 };

struct wait {
    struct api_waiter waiter; /* first */
    struct mcp_call *mcp;
    struct slice id, path;
    int64_t waited_s, wait_s;
    struct http_timer *timer;
    bool begun, last; /* last: answer with whatever there is */
};

static void look(struct wait *wait);

static void release(struct wait *wait)
{
    waiters_remove(&wait->waiter);
    http_timer_cancel(wait->timer);
    wait->timer = NULL;
}

static void look_for_the_last_time(struct wait *wait)
{
    release(wait);
    wait->last = true;
    look(wait);
}

static void changed(struct api_waiter *waiter)
{
    look((struct wait *)waiter);
}

static void ended(struct mcp_call *mcp, enum mcp_end why)
{
    if (why == MCP_END_DRAIN)
        look_for_the_last_time(mcp->own);
    else
        release(mcp->own);
}

/* ---- saying that it goes on ---- */

static void say_so(struct wait *wait)
{
    struct slice text = arena_printf(wait->mcp->http->arena, "%.*s waits for a human, for %lld s now", SLICE_ARG(wait->id),
                                     (long long)wait->waited_s);

    (void)mcp_progress(wait->mcp, (double)wait->waited_s, (double)wait->wait_s, text);
}

static int64_t step(const struct wait *wait)
{
    int64_t left = wait->wait_s - wait->waited_s;

    return left < WAIT_TICK_S ? left : WAIT_TICK_S;
}

static void tick(void *context);

static void start_timer(struct wait *wait)
{
    wait->timer = http_timer_start(api_mcp_caller(wait->mcp)->api->http, (uint32_t)step(wait) * 1000, tick, wait);
}

static void tick(void *context)
{
    struct wait *wait = context;

    wait->timer = NULL;
    wait->waited_s += step(wait);
    if (wait->waited_s < wait->wait_s)
        start_timer(wait);
    if (wait->timer)
        say_so(wait);
    else
        look_for_the_last_time(wait);
}

static void start_waiting(struct wait *wait)
{
    wait->begun = true;
    start_timer(wait);
    if (!wait->timer) {
        look_for_the_last_time(wait);
        return;
    }
    (void)mcp_stream_open(wait->mcp); /* so that nothing between here and the client takes the connection for a dead one */
    mcp_park(wait->mcp, ended);
    say_so(wait);
}

/* ---- looking ---- */

static bool is_pending(struct arena *arena, int status, struct slice answer)
{
    const struct json_limits limits = {.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX};
    cJSON *document = NULL;
    struct error error;

    return status < 400 && json_parse(arena, answer, &limits, &document, &error) == STATUS_OK &&
           slice_equal(json_get_text(document, "state"), SLICE("pending"));
}

/* Nothing of the wait is left then. */
static bool become_task(struct wait *wait)
{
    struct api_waiter *waiter = &wait->waiter;
    uint64_t number = waiter->number;
    struct api *api = api_mcp_caller(wait->mcp)->api;

    if (!(mcp_can(wait->mcp) & MCP_CAN_TASKS))
        return false;
    waiters_remove(waiter);
    if (api_mcp_become_task(wait->mcp, API_MCP_TASK_WAIT, wait->id, api_mcp_caller(wait->mcp)->agent))
        return true;
    waiters_insert(&api->waiters, waiter, number, changed);
    return false;
}

static void looked(struct api_call *call, int status, struct slice answer)
{
    struct wait *wait = api_mcp_of(call)->own;

    if (is_pending(call->http->arena, status, answer) && !wait->last && !http_worker_is_draining(call->api->http)) {
        if (!wait->begun && !become_task(wait))
            start_waiting(wait);
        return;
    }
    release(wait);
    mcp_resume(wait->mcp);
    api_mcp_answered(call, status, answer);
}

static void look(struct wait *wait)
{
    api_mcp_ask(wait->mcp, HTTP_METHOD_GET, wait->path, (struct slice){0}, (struct slice){0}, api_escalations_show, looked);
}

void api_mcp_wait(struct mcp_call *mcp, const cJSON *arguments)
{
    struct wait *wait = arena_zalloc(mcp->http->arena, sizeof *wait);
    struct slice id = json_get_text(arguments, "escalation_id");
    int64_t wait_s = WAIT_DEFAULT_S;
    uint64_t number = 0;

    json_get_i64(arguments, "timeout_s", &wait_s);
    if (wait_s < 1 || wait_s > WAIT_MAX_S) {
        api_mcp_fail_tool(mcp, SLICE("timeout_s: at least 1 and at most 45; call again while the state is pending"));
        return;
    }
    if (!wait) {
        api_mcp_fail_tool(mcp, SLICE("out of memory; try again"));
        return;
    }
    if (!api_mcp_take_agent(mcp, arguments))
        return;
    mcp->own = wait;
    *wait = (struct wait){.mcp = mcp, .id = id, .wait_s = wait_s};
    wait->path = arena_printf(mcp->http->arena, "/v1/escalations/%.*s", SLICE_ARG(api_mcp_escape(mcp, id)));
    if (slice_to_u64(slice_sub(id, 4, SIZE_MAX), &number)) /* before the look, so that no change falls in between */
        waiters_insert(&api_mcp_caller(mcp)->api->waiters, &wait->waiter, number, changed);
    look(wait);
}
