#include "api/api.h"
#include "api/reply.h"
#include "publish/publisher.h"

void api_health(struct api_call *call)
{
    http_reply_body(call->http, 200, "application/json", SLICE("{\"status\":\"ok\"}\n"));
}

/* A place that was out of reach at the start may turn out later to hold another history of this log. */
static bool contradicts_itself(const struct api_shared *shared)
{
    struct publish_status status;

    for (size_t i = 0; publisher_status(shared->publisher, i, &status); i++) {
        if (status.state == PUBLISH_CONFLICTS)
            return true;
    }
    return false;
}

/* Ready: a bundle is in force, the ledger takes entries and contradicts nothing that was published, and no drain has begun. */
void api_ready(struct api_call *call)
{
    const struct api_shared *shared = call->api->shared;
    struct policy_bundle *bundle;

    if (atomic_load(shared->draining)) {
        reply_problem(call, 503, "", "the server is stopping");
        return;
    }
    bundle = activation_bundle(shared->activation);
    if (!bundle) {
        reply_problem(call, 503, "", "no policies are active yet");
        return;
    }
    policy_bundle_release(bundle);
    if (contradicts_itself(shared)) {
        reply_problem(call, 503, "", "what was published is not this ledger's past; see `edict ledger checkpoint`");
        return;
    }
    http_reply_body(call->http, 200, "application/json", SLICE("{\"status\":\"ready\"}\n"));
}
