#include "api/access.h"
#include "api/api.h"
#include "api/body.h"
#include "api/changes.h"
#include "api/cursor.h"
#include "api/reply.h"
#include "proto/json.h"
#include "proto/money.h"

#include <stdio.h>

/* ---- reading ---- */

void api_escalations_list(struct api_call *call)
{
    static const char *const names[] = {"state", "agent", "limit", "cursor", NULL};
    struct state_escalation_filter filter = {.before = UINT64_MAX};
    uint64_t limit = API_LIMIT_DEFAULT, next = 0;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, names) || !parameter_text(call, "state", &filter.state) ||
        !parameter_agent(call, "agent", &filter.agent) || !parameter_u64(call, "limit", 1, API_LIMIT_MAX, &limit) ||
        !cursor_read_number(call, &filter.before))
        return;
    filter.limit = limit;
    buf_create(&out, call->http->arena);
    buf_add_str(&out, "{\"escalations\":");
    if (state_escalations_list(call->api->shared->state, call->http->arena, &filter, &out, &next, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    cursor_reply_number(call, &out, next);
}

struct escalation_view {
    struct slice id, agent;
    struct buf document;
    bool pending;
    uint64_t number;
};

static bool escalation_number(struct slice id, uint64_t *number)
{
    return slice_starts_with(id, SLICE("ESC-")) && id.size <= 24 && slice_to_u64(slice_sub(id, 4, SIZE_MAX), number) &&
           *number > 0;
}

/* The escalation that the path names; answers and returns false when there is none that the caller may see. */
static bool escalation_find(struct api_call *call, struct escalation_view *view)
{
    struct error error = {0};
    enum status status;

    if (!http_path_segment(call->http, 2, &view->id) || !escalation_number(view->id, &view->number)) {
        reply_problem(call, 404, "", "the path names no escalation; ids look like ESC-456");
        return false;
    }
    if (!access_names_agent(call, "the escalation"))
        return false;
    buf_create(&view->document, call->http->arena);
    status = state_escalation_document(call->api->shared->state, call->http->arena, view->id, call->role == API_ROLE_ADMIN,
                                       &view->document, &view->agent, &view->pending, &error);
    if (status == STATUS_NOT_FOUND)
        error_set(&error, STATUS_NOT_FOUND, "", "the escalation does not exist, or belongs to another agent");
    if (status != STATUS_OK) {
        reply_error(call, &error);
        return false;
    }
    return access_owns(call, view->agent, "the escalation");
}

static void escalation_show_now(struct api_call *call)
{
    struct escalation_view view = {0};

    if (escalation_find(call, &view))
        reply_json(call, 200, &view.document);
}

static void escalation_show_or_wait(struct api_call *call, unsigned wait_s)
{
    struct escalation_view view = {0};

    if (!escalation_find(call, &view))
        return;
    if (wait_s == 0 || !view.pending || http_worker_is_draining(call->api->http))
        reply_json(call, 200, &view.document);
    else
        waiters_add(call, view.number, wait_s, escalation_show_now);
}

void api_escalations_show(struct api_call *call)
{
    static const char *const names[] = {"wait", NULL};
    struct api_waiters *waiters = &call->api->waiters;
    uint64_t wait_s = 0;

    if (!parameters_check(call, names) || !parameter_u64(call, "wait", 0, API_WAIT_S_MAX, &wait_s))
        return;
    /* Counted as waiting from before the look: of a change between the look and the wait the sequencer tells this worker, and
     * that message is read once the call is among the waiters. */
    atomic_fetch_add(&waiters->count, 1);
    escalation_show_or_wait(call, (unsigned)wait_s);
    atomic_fetch_sub(&waiters->count, 1);
}

/* ---- resolving ---- */

static void resolve_finished(struct change *change)
{
    if (changes_succeeded(change, "the escalation has been resolved already, or has expired"))
        escalation_show_now(change->user);
}

static void resolve_submit(struct change *change, const struct escalation_view *view, enum event_resolution resolution,
                           struct slice reason, struct slice by)
{
    struct event *event = &change->events[0];

    change->event_count = change->events[1].budget_raised.increase_micro_usd > 0 ? 2 : 1;
    event->type = RECORD_ESCALATION_RESOLVED;
    event->by = by;
    event->resolved.escalation_id = view->id;
    event->resolved.agent = view->agent;
    event->resolved.reason = reason;
    event->resolved.resolution = resolution;
    change->basis.kind = STATE_BASIS_RESOLVE;
    change->basis.agent = view->agent;
    changes_begin_once(change);
}

void api_escalations_deny(struct api_call *call)
{
    static const char *const names[] = {"reason", NULL};
    struct escalation_view view = {0};
    const cJSON *body = body_object(call, names, true);
    struct slice reason;
    struct change *change;

    if (!body || !body_text(call, body, "reason", EVENT_REASON_MAX, &reason) || !escalation_find(call, &view))
        return;
    if (reason.size == 0) {
        reply_problem(call, 400, "/reason", "say why; the agent and later readers see it");
        return;
    }
    if ((change = changes_new(call, resolve_finished)))
        resolve_submit(change, &view, EVENT_DENIED, reason, SLICE("admin"));
}

void api_escalations_cancel(struct api_call *call)
{
    static const char *const names[] = {"reason", "agent_identity", NULL};
    struct escalation_view view = {0};
    const cJSON *body = body_object(call, names, true);
    struct slice reason, agent, by;
    struct change *change;

    if (!body || !body_text(call, body, "reason", EVENT_REASON_MAX, &reason) ||
        !body_text(call, body, "agent_identity", REQUEST_AGENT_MAX, &agent))
        return;
    if (agent.size > 0 && call->agent.size == 0)
        call->agent = agent;
    if (!escalation_find(call, &view))
        return;
    by = call->role == API_ROLE_ADMIN ? SLICE("admin") : arena_printf(call->http->arena, "agent:%.*s", SLICE_ARG(call->agent));
    if ((change = changes_new(call, resolve_finished)))
        resolve_submit(change, &view, EVENT_CANCELLED, reason, by);
}

/* ---- approving ---- */

struct approval {
    struct slice reason;
    int64_t uses, valid_for_s;
    bool has_increase;
    int64_t increase_micro_usd;
};

static bool approval_parse(struct api_call *call, struct approval *approval)
{
    static const char *const names[] = {"reason", "uses", "valid_for_s", "budget_increase_usd", NULL};
    const cJSON *body = body_object(call, names, true);

    *approval = (struct approval){.uses = 1, .valid_for_s = 3600};
    if (!body || !body_text(call, body, "reason", EVENT_REASON_MAX, &approval->reason) ||
        !body_integer(call, body, "uses", 1, STATE_GRANT_USES_MAX, &approval->uses) ||
        !body_integer(call, body, "valid_for_s", 1, STATE_GRANT_TTL_S_MAX, &approval->valid_for_s) ||
        !body_money(call, body, "budget_increase_usd", &approval->has_increase, &approval->increase_micro_usd))
        return false;
    if (approval->reason.size > 0)
        return true;
    reply_problem(call, 400, "/reason", "say why; the agent and later readers see it");
    return false;
}

/* What the action would cost over what remains now; 0 when it fits. */
static bool approval_shortfall(struct api_call *call, const struct escalation_view *view, int64_t *shortfall, int32_t *period)
{
    const struct api_shared *shared = call->api->shared;
    struct arena *arena = call->http->arena;
    cJSON *document = NULL;
    struct decision decision = {0};
    struct facts facts = {0};
    struct state_basis basis = {0};
    struct uuid id;
    uint64_t index;
    struct error error = {0};

    if (json_parse(arena, buf_slice(&view->document), &(struct json_limits){.bytes = SIZE_MAX, .depth = 64, .members = 65536},
                   &document, &error) != STATUS_OK ||
        !uuid_parse(json_get_text(document, "decision_id"), &id) ||
        ledger_find_id(shared->ledger, id.bytes, &index, &error) != STATUS_OK ||
        decide_load(shared->ledger, index, arena, DECIDE_READ_MARKS, &decision, &error) != STATUS_OK ||
        state_gather(shared->state, arena, &decision.request, &decision.action, clock_now_ms(&shared->clock), &facts, &basis,
                     &error) != STATUS_OK) {
        reply_error(call, &error);
        return false;
    }
    *period = facts.period;
    *shortfall = decision.cost_micro_usd - facts_remaining_micro_usd(&facts);
    if (*shortfall < 0 || decision.cost_micro_usd == 0 || !facts.known)
        *shortfall = 0;
    return true;
}

/* An approval that the budget does not carry would be worth nothing: the approver has to raise this month's limit, and is told
 * by how much. */
static bool approval_check_budget(struct api_call *call, const struct escalation_view *view, const struct approval *approval,
                                  int32_t *period)
{
    int64_t shortfall = 0;
    char message[192];
    struct buf amount;

    if (!approval_shortfall(call, view, &shortfall, period))
        return false;
    if (shortfall <= (approval->has_increase ? approval->increase_micro_usd : 0))
        return true;
    buf_create(&amount, call->http->arena);
    money_write(&amount, shortfall);
    snprintf(message, sizeof message,
             "the action costs %.*s USD more than what remains of the agent's budget; approve with at least this increase of "
             "the current month's limit",
             (int)amount.size, amount.data);
    reply_problem(call, 409, "/budget_increase_usd", message);
    return false;
}

static bool approval_new_grant(struct api_call *call, struct slice *grant_id)
{
    struct uuid id;
    char *text = arena_alloc(call->http->arena, UUID_TEXT_SIZE);

    if (!text || uuid_generate(&call->api->decider.uuids, clock_now_ms(&call->api->shared->clock), &id) != STATUS_OK) {
        reply_problem(call, 503, "", "out of memory or random bytes; try again");
        return false;
    }
    uuid_format(&id, text);
    *grant_id = slice_from(text, UUID_TEXT_SIZE);
    return true;
}

static void approval_submit(struct api_call *call, const struct escalation_view *view, const struct approval *approval,
                            struct slice grant_id, int32_t period)
{
    struct change *change = changes_new(call, resolve_finished);
    struct event_resolved *resolved;

    if (!change)
        return;
    resolved = &change->events[0].resolved;
    resolved->grant_id = grant_id;
    resolved->uses = approval->uses;
    resolved->valid_for_s = approval->valid_for_s;
    if (approval->has_increase && approval->increase_micro_usd > 0) {
        change->events[1] = (struct event){.type = RECORD_BUDGET_RAISED, .by = SLICE("admin")};
        change->events[1].budget_raised = (struct event_budget_raised){.agent = view->agent,
                                                                       .escalation_id = view->id,
                                                                       .increase_micro_usd = approval->increase_micro_usd,
                                                                       .period = period};
    }
    resolve_submit(change, view, EVENT_APPROVED, approval->reason, SLICE("admin"));
}

void api_escalations_approve(struct api_call *call)
{
    struct escalation_view view = {0};
    struct approval approval;
    struct slice grant_id;
    int32_t period = 0;

    if (!approval_parse(call, &approval) || !escalation_find(call, &view))
        return;
    /* One that is resolved is the sequencer's to refuse, or the retry of what resolved it. */
    if (view.pending && !approval_check_budget(call, &view, &approval, &period))
        return;
    if (approval_new_grant(call, &grant_id))
        approval_submit(call, &view, &approval, grant_id, period);
}
