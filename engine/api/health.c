#include "api/api.h"
#include "api/reply.h"

void api_health(struct api_call *call)
{
    http_reply_body(call->http, 200, "application/json", SLICE("{\"status\":\"ok\"}\n"));
}

/* Ready: a bundle is in force, the ledger takes entries, and no drain has begun. */
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
    http_reply_body(call->http, 200, "application/json", SLICE("{\"status\":\"ready\"}\n"));
}
