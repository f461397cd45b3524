#include "api/changes.h"

#include "api/body.h"
#include "api/reply.h"
#include "api/retries.h"

/* In the call's arena. */
struct keyed_change {
    struct change change; /* first */
    bool keyed, repeated;
    struct digest key, body;
};

struct change *changes_new(struct api_call *call, void (*finished)(struct change *change))
{
    struct keyed_change *keyed = arena_zalloc(call->http->arena, sizeof *keyed);
    struct change *change = &keyed->change;

    if (!keyed) {
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

/* ---- once ---- */

/* Caller, resource and key; and the body as a value, so that white space makes no difference. */
static bool identify(struct keyed_change *keyed, struct api_call *call, struct slice key)
{
    const struct slice separator = slice_from("", 1);
    const struct slice parts[] = {call->role == API_ROLE_ADMIN ? SLICE("admin") : call->agent, separator, call->http->path,
                                  separator, key};
    cJSON *body = NULL;
    struct error error;
    struct buf canonical;

    buf_create(&canonical, call->http->arena);
    if (call->http->body.size > 0 &&
        json_parse(call->http->arena, call->http->body, &json_limits_default, &body, &error) == STATUS_OK)
        json_write_canonical(&canonical, call->http->arena, body);
    digest_sha256_many(parts, sizeof parts / sizeof *parts, &keyed->key);
    digest_sha256(buf_slice(&canonical), &keyed->body);
    return !canonical.failed;
}

static enum retries_answer look_up(struct keyed_change *keyed)
{
    const struct api_shared *shared = ((struct api_call *)keyed->change.user)->api->shared;
    uint64_t index = 0;
    enum retries_answer answer =
        retries_look_up(shared->retries, &keyed->key, &keyed->body, clock_now_ms(&shared->clock), &index);

    keyed->repeated = answer == RETRIES_SAME;
    if (keyed->repeated) {
        keyed->change.txn.entries[0].index = index;
        keyed->change.result = LEDGER_OK;
    }
    return answer;
}

/* One more standing header. Without it, for lack of memory, the answer is right all the same. */
static void say_repeated(struct http_call *http)
{
    struct http_header *standing = arena_array(http->arena, http->standing_count + 1, sizeof *standing);

    if (!standing)
        return;
    for (size_t i = 0; i < http->standing_count; i++)
        standing[i] = http->standing[i];
    standing[http->standing_count++] = (struct http_header){SLICE("Idempotency-Replayed"), SLICE("true")};
    http->standing = standing;
}

void changes_begin_once(struct change *change)
{
    struct keyed_change *keyed = (struct keyed_change *)change;
    struct api_call *call = change->user;
    struct slice key;

    if (!header_idempotency_key(call, &key))
        return;
    keyed->keyed = key.size > 0;
    if (!keyed->keyed) {
        change_begin(change);
        return;
    }
    if (!identify(keyed, call, key)) {
        reply_problem(call, 503, "", "the request needs more memory than one call may use");
        return;
    }
    switch (look_up(keyed)) {
    case RETRIES_NEW:
        change_begin(change);
        break;
    case RETRIES_SAME:
        change->finished(change);
        break;
    case RETRIES_OTHER:
        reply_problem(call, 422, "Idempotency-Key", "this key was used for this resource with another body");
        break;
    }
}

/* ---- the end ---- */

static void succeeded(struct keyed_change *keyed)
{
    struct api_call *call = keyed->change.user;
    const struct api_shared *shared = call->api->shared;

    if (keyed->repeated)
        say_repeated(call->http);
    else if (keyed->keyed)
        retries_remember(shared->retries, &keyed->key, &keyed->body, clock_now_ms(&shared->clock),
                         keyed->change.txn.entries[0].index);
}

bool changes_succeeded(struct change *change, const char *conflict)
{
    return changes_succeeded_or(change, 409, conflict);
}

bool changes_succeeded_or(struct change *change, int status, const char *conflict)
{
    struct keyed_change *keyed = (struct keyed_change *)change;
    struct api_call *call = change->user;

    if (change->refused) {
        reply_problem(call, 503, "", "the ledger's queue is full; nothing was changed. Try again");
        return false;
    }
    switch (change->result) {
    case LEDGER_OK:
        succeeded(keyed);
        return true;
    case LEDGER_PRECONDITION:
    case LEDGER_LIMIT:
    case LEDGER_DUPLICATE:
    case LEDGER_MISMATCH:
        if (keyed->keyed && look_up(keyed) == RETRIES_SAME) { /* done by its twin meanwhile */
            succeeded(keyed);
            return true;
        }
        reply_problem(call, status, "", conflict);
        return false;
    default:
        reply_problem(call, 503, "", "the ledger has stopped; whether this was recorded is unknown");
        return false;
    }
}
