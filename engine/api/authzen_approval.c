#include "api/authzen.h"

/* Why a re-evaluation was denied, and what makes sense next: names of the profile, section "Completion Semantics". Two states
 * that it does not name are told apart from an approval that was lost: it is not there yet, or was refused. */
struct approval_reason {
    const char *reason, *next_action;
};

enum { RETRY_AFTER_S = 5 };

void authzen_approval_read(struct api_call *call, const cJSON *context, struct slice agent, struct authzen_approval *approval)
{
    const cJSON *given = json_get(context, "approval");
    struct error error;

    *approval = (struct authzen_approval){.presented = given && !cJSON_IsNull(given)};
    if (approval->presented)
        approval->found = authzen_task_load(call, json_get_text(given, "id"), &approval->task, &error) == STATUS_OK &&
                          slice_equal(approval->task.agent, agent);
}

static bool grant_is_used_up(const struct authzen_approval *approval, struct slice now)
{
    const cJSON *grant = json_get(approval->task.document, "grant");
    int64_t uses = 0;

    /* Times of one format and zone compare as text. */
    return !json_get_i64(grant, "uses_left", &uses) || uses == 0 || slice_compare(json_get_text(grant, "expires_at"), now) <= 0;
}

static struct approval_reason reason_of(const struct authzen_approval *approval, bool denied_by_policy, struct slice now)
{
    if (!approval->found)
        return (struct approval_reason){"approval_unverifiable", "none"};
    if (authzen_task_is(&approval->task, "pending"))
        return (struct approval_reason){"approval_pending", "retry"};
    if (denied_by_policy)
        return (struct approval_reason){"policy_denied", "none"};
    if (authzen_task_is(&approval->task, "denied"))
        return (struct approval_reason){"approval_denied", "none"};
    if (!authzen_task_is(&approval->task, "approved") || grant_is_used_up(approval, now))
        return (struct approval_reason){"approval_expired", "none"};
    return (struct approval_reason){"out_of_scope", "none"};
}

static void write_used(struct json_writer *w, const struct authzen_approval *approval, const cJSON *decision)
{
    json_key(w, "approval");
    json_begin_object(w);
    json_key(w, "id");
    json_string(w, approval->task.id);
    json_key(w, "approved_until");
    json_string(w, json_get_text(decision, "valid_until"));
    json_end_object(w);
}

void authzen_approval_write(struct json_writer *w, const struct api_call *call, const struct authzen_approval *approval,
                            const cJSON *decision, bool requestable)
{
    struct slice grant = json_get_text(decision, "grant_id");
    bool permitted = slice_equal(json_get_text(decision, "decision"), SLICE("approve"));
    bool denied = slice_equal(json_get_text(decision, "decision"), SLICE("deny"));
    char now[CLOCK_TEXT_SIZE];
    struct approval_reason reason = {requestable ? "approval_required" : denied ? "policy_denied" : NULL, NULL};

    if (permitted) {
        if (approval->found && grant.size > 0 &&
            slice_equal(grant, json_get_text(json_get(approval->task.document, "grant"), "id")))
            write_used(w, approval, decision);
        return;
    }
    clock_format(clock_now_ms(&call->api->shared->clock), now);
    if (approval->presented)
        reason = reason_of(approval, denied, slice_from(now, sizeof now));
    if (reason.reason) {
        json_key(w, "reason");
        json_string(w, slice_from_str(reason.reason));
    }
    if (!reason.next_action)
        return;
    if (requestable && slice_equal_str(slice_from_str(reason.next_action), "none"))
        reason.next_action = "request"; /* with the fresh access_request beside it */
    json_key(w, "next_action");
    json_string(w, slice_from_str(reason.next_action));
    if (slice_equal_str(slice_from_str(reason.next_action), "retry")) {
        json_key(w, "retry_after");
        json_i64(w, RETRY_AFTER_S);
    }
}
