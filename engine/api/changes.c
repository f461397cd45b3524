#include "api/changes.h"

#include "api/reply.h"

struct change *changes_new(struct api_call *call, void (*finished)(struct change *change))
{
    struct change *change = arena_zalloc(call->http->arena, sizeof *change);

    if (!change) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    change->ledger = call->api->shared->ledger;
    change->arena = call->http->arena;
    change->finished = finished;
    change->user = call;
    change->post = api_post;
    change->post_context = call->api;
    return change;
}

bool changes_succeeded(struct change *change, const char *conflict)
{
    struct api_call *call = change->user;

    if (change->refused) {
        reply_problem(call, 503, "", "the ledger's queue is full; nothing was changed. Try again");
        return false;
    }
    switch (change->result) {
    case LEDGER_OK:
        return true;
    case LEDGER_PRECONDITION:
    case LEDGER_LIMIT:
    case LEDGER_DUPLICATE:
    case LEDGER_MISMATCH:
        reply_problem(call, 409, "", conflict);
        return false;
    default:
        reply_problem(call, 503, "", "the ledger has stopped; whether this was recorded is unknown");
        return false;
    }
}
