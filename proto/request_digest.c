/* What a request is the same as: by action (for grants) and by body (for idempotency keys). */
#include "proto/request.h"

#include <stdio.h>

bool request_action_learn(struct arena *arena, const struct request *request, struct slice tenant, struct slice key,
                          struct request_action *action)
{
    struct buf text;
    struct json_writer w = {.out = &text};
    char cost[24];
    struct slice parts[2];

    if (action->known)
        return true;
    buf_create(&text, arena);
    buf_reserve(&text, 512);
    snprintf(cost, sizeof cost, "%lld", (long long)request->estimated_cost_micro_usd);
    json_begin_object(&w);
    json_key(&w, "agent_identity");
    json_string(&w, request->agent_identity);
    json_key(&w, "command");
    json_string(&w, request->command);
    json_key(&w, "context");
    json_value(&w, arena, request->context);
    json_key(&w, "cost_micro_usd");
    json_string(&w, slice_from_str(cost));
    json_key(&w, "operation");
    json_string(&w, request->operation);
    json_key(&w, "tenant");
    json_string(&w, tenant);
    json_end_object(&w);
    parts[0] = SLICE("edict-action-v1\n");
    parts[1] = buf_slice(&text);
    if (!text.failed)
        digest_hmac_sha256(key, parts, 2, &action->digest);
    action->known = !text.failed;
    return action->known;
}

bool request_body_digest(struct arena *arena, const struct request *request, struct slice key, struct digest *out)
{
    struct slice parts[2] = {SLICE("edict-body-v1\n")};
    struct buf text;

    buf_create(&text, arena);
    buf_reserve(&text, 512);
    json_write_canonical(&text, arena, request->view);
    buf_printf(&text, "\nescalation_id=%.*s\nexplain=%d\ndry_run=%d\n", SLICE_ARG(request->escalation_id),
               (int)request->explain, request->dry_run);
    parts[1] = buf_slice(&text);
    if (!text.failed)
        digest_hmac_sha256(key, parts, 2, out);
    return !text.failed;
}
