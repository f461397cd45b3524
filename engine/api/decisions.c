#include "api/decisions.h"
#include "api/access.h"
#include "api/api.h"
#include "api/body.h"
#include "api/changes.h"
#include "api/cursor.h"
#include "api/reply.h"
#include "api/search.h"
#include "proto/json.h"

#include <stdio.h>

/* ---- GET /v1/decisions ---- */

enum { DECISIONS_PAGE_BYTES_MAX = 512 * 1024, DECISIONS_RECORD_ARENA_MAX = 4 << 20 };

struct decisions_page {
    struct api_call *call;
    struct buf out;
    struct json_writer w;
    struct arena arena; /* of one decision */
};

static enum status decisions_visit(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct decisions_page *page = context;
    struct decision decision = {0};
    enum status status;

    arena_reset(&page->arena);
    status =
        decide_read_record(page->call->api->shared->ledger, index, record, &page->arena, DECIDE_READ_ALL, &decision, error);
    if (status != STATUS_OK)
        return status;
    if (page->w.comma)
        buf_add_char(&page->out, ',');
    page->w.comma = true;
    decision_write_document(&page->out, &page->arena, &decision);
    return STATUS_OK;
}

static enum status decisions_write_page(struct api_call *call, const struct ledger_query *query, struct decisions_page *page,
                                        uint64_t *next, struct error *error)
{
    struct ledger *ledger = call->api->shared->ledger;
    enum status status;

    arena_create(&page->arena, 65536, DECISIONS_RECORD_ARENA_MAX);
    buf_create(&page->out, call->http->arena);
    buf_add_str(&page->out, "{\"decisions\":[");
    status = ledger_query(ledger_store(ledger), ledger_durable(ledger), query, decisions_visit, page, next, error);
    buf_printf(&page->out, "],\"archived\":%llu", (unsigned long long)ledger_first(ledger, NULL));
    arena_destroy(&page->arena);
    return status;
}

void api_decisions_list(struct api_call *call)
{
    static const char *const names[] = {SEARCH_NAMES, "limit", "cursor", NULL};
    struct decisions_page page = {.call = call};
    struct search search;
    struct error error = {0};
    uint64_t limit = API_LIMIT_DEFAULT, before = UINT64_MAX, next = 0;
    enum status status;

    if (!parameters_check(call, names) || !parameter_u64(call, "limit", 1, API_LIMIT_MAX, &limit) ||
        !cursor_read_number(call, &before) || !search_parse(call, &search, slice_from_str(record_type_name(RECORD_DECISION))))
        return;
    search.query.limit = limit;
    search.query.before = before;
    search.query.bytes_max = DECISIONS_PAGE_BYTES_MAX;
    search.query.bytes = &page.out.size; /* values that are kept beside their records count, too */
    status = decisions_write_page(call, &search.query, &page, &next, &error);
    search_end(&search);
    if (status != STATUS_OK)
        reply_error(call, &error);
    else
        cursor_reply_number(call, &page.out, next);
}

/* ---- one decision ---- */

/* An agent may have sent what is redacted, or another program under its name: only an administrator is shown it. */
static enum decide_reading reading_of(const struct api_call *call)
{
    return call->role == API_ROLE_ADMIN ? DECIDE_READ_ALL : DECIDE_READ_MARKS;
}

/* To whoever may not see it, an archived one is like one that never was. */
static void reply_no_decision(struct api_call *call, struct error *error)
{
    int64_t time_ms = 0;
    uint64_t archived = ledger_first(call->api->shared->ledger, &time_ms);
    char until[CLOCK_TEXT_SIZE];

    if (error->status == STATUS_NOT_FOUND || (error->status == STATUS_GONE && call->role != API_ROLE_ADMIN)) {
        clock_format(time_ms, until);
        error_set(error, STATUS_NOT_FOUND, "", "the decision does not exist, or belongs to another agent");
        if (archived > 0)
            error_set(error, STATUS_NOT_FOUND, "",
                      "the decision does not exist, belongs to another agent, or is archived, as everything until %.*s is",
                      CLOCK_TEXT_SIZE, until);
    }
    reply_error(call, error);
}

bool decisions_find(struct api_call *call, enum decide_reading reading, struct decision *decision)
{
    struct slice text = {0};
    struct uuid id;
    uint64_t index;
    struct error error = {0};

    if (!http_path_segment(call->http, 2, &text) || !uuid_parse(text, &id)) {
        reply_problem(call, 404, "", "the path names no decision id (a UUID)");
        return false;
    }
    if (!access_names_agent(call, "the decision"))
        return false;
    if (ledger_find_id(call->api->shared->ledger, id.bytes, &index, &error) != STATUS_OK ||
        decide_load(call->api->shared->ledger, index, call->http->arena, reading, decision, &error) != STATUS_OK) {
        reply_no_decision(call, &error);
        return false;
    }
    return access_owns(call, decision->request.agent_identity, "the decision");
}

void api_decisions_show(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct decision decision = {0};
    struct buf out, outcome;
    struct error error = {0};
    enum status status;

    if (!parameters_check(call, names) || !decisions_find(call, reading_of(call), &decision))
        return;
    buf_create(&out, call->http->arena);
    buf_create(&outcome, call->http->arena);
    decision_write_document(&out, call->http->arena, &decision);
    status = state_outcome_document(call->api->shared->state, call->http->arena, decision.id, &outcome, &error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        reply_error(call, &error);
        return;
    }
    if (out.failed || outcome.failed || out.size == 0) {
        reply_problem(call, 503, "", "the answer needs more memory than one call may use");
        return;
    }
    out.size--; /* its closing brace: one more member */
    buf_add_str(&out, ",\"outcome\":");
    buf_add_slice(&out, status == STATUS_OK ? buf_slice(&outcome) : SLICE("null"));
    buf_add_char(&out, '}');
    reply_json(call, 200, &out);
}

/* ---- POST /v1/decisions/{id}/outcome ---- */

static bool status_is_known(struct slice status)
{
    return slice_equal(status, SLICE("succeeded")) || slice_equal(status, SLICE("failed")) ||
           slice_equal(status, SLICE("cancelled"));
}

static bool outcome_parse(struct api_call *call, struct event_outcome *outcome)
{
    static const char *const names[] = {"status", "actual_cost_usd", "rating", "agent_identity", NULL};
    const cJSON *body = body_object(call, names, false);
    struct slice agent;

    if (!body || !body_text(call, body, "status", 32, &outcome->status) ||
        !body_text(call, body, "agent_identity", REQUEST_AGENT_MAX, &agent) ||
        !body_integer(call, body, "rating", 1, 5, &outcome->rating) ||
        !body_money(call, body, "actual_cost_usd", &outcome->has_actual_cost, &outcome->actual_cost_micro_usd))
        return false;
    if (!status_is_known(outcome->status)) {
        reply_problem(call, 400, "/status", "expected \"succeeded\", \"failed\" or \"cancelled\"");
        return false;
    }
    if (agent.size > 0 && call->agent.size == 0)
        call->agent = agent;
    if (agent.size > 0 && !slice_equal(agent, call->agent)) {
        reply_problem(call, 400, "/agent_identity", "differs from the agent that the header or the parameter names");
        return false;
    }
    return true;
}

static void outcome_finished(struct change *change)
{
    struct api_call *call = change->user;
    struct buf out;

    if (!changes_succeeded(change,
                           "an outcome of this decision was reported before, or it is not an approval that can have one"))
        return;
    buf_create(&out, call->http->arena);
    buf_printf(&out, "{\"decision_id\":\"%.*s\",\"ledger_index\":%llu,\"status\":\"%.*s\"}",
               SLICE_ARG(change->events[0].outcome.decision_id), (unsigned long long)change->txn.entries[0].index,
               SLICE_ARG(change->events[0].outcome.status));
    reply_json(call, 200, &out);
}

static struct slice caller_text(struct api_call *call)
{
    return call->role == API_ROLE_ADMIN ? SLICE("admin")
                                        : arena_printf(call->http->arena, "agent:%.*s", SLICE_ARG(call->agent));
}

void api_decisions_outcome(struct api_call *call)
{
    struct event_outcome outcome = {0};
    struct decision decision = {0};
    struct change *change;

    if (!outcome_parse(call, &outcome) || !decisions_find(call, DECIDE_READ_MARKS, &decision))
        return;
    if (decision.outcome != DECISION_APPROVE) {
        reply_problem(call, 409, "", "the decision was not an approval, so there is nothing to report");
        return;
    }
    change = changes_new(call, outcome_finished);
    if (!change)
        return;
    outcome.decision_id = decision.id;
    outcome.agent = decision.request.agent_identity;
    outcome.by_meter = call->role == API_ROLE_ADMIN;
    change->events[0] = (struct event){.type = RECORD_OUTCOME, .by = caller_text(call), .outcome = outcome};
    change->event_count = 1;
    change->basis = (struct state_basis){.kind = STATE_BASIS_OUTCOME, .agent = outcome.agent};
    changes_begin_once(change);
}
