/* The response object of a decision, fresh or from its record, and the document that GET shows. */
#include "proto/decision.h"

#include "base/clock.h"
#include "proto/money.h"

struct response {
    struct json_writer w;
    struct arena *scratch;
    const struct decision *decision;
    bool full; /* members that do not apply are null instead of left out */
};

static void put_null(struct response *r, const char *name)
{
    if (!r->full)
        return;
    json_key(&r->w, name);
    json_null(&r->w);
}

static void put_text(struct response *r, const char *name, struct slice text)
{
    if (text.size == 0) {
        put_null(r, name);
        return;
    }
    json_key(&r->w, name);
    json_string(&r->w, text);
}

static void put_time(struct response *r, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (time_ms == 0) {
        put_null(r, name);
        return;
    }
    clock_format(time_ms, text);
    json_key(&r->w, name);
    json_string(&r->w, slice_from(text, sizeof text));
}

static void put_texts(struct response *r, const char *name, const struct slice *texts, size_t count)
{
    if (count == 0 && !r->full)
        return;
    json_key(&r->w, name);
    json_begin_array(&r->w);
    for (size_t i = 0; i < count; i++)
        json_string(&r->w, texts[i]);
    json_end_array(&r->w);
}

static void put_rules(struct response *r)
{
    const struct verdict *verdict = &r->decision->verdict;

    json_key(&r->w, "rules");
    json_begin_array(&r->w);
    for (size_t i = 0; i < verdict->rule_count; i++)
        json_string(&r->w, verdict->rules[i].name);
    json_end_array(&r->w);
}

static void put_errors(struct response *r)
{
    const struct verdict *verdict = &r->decision->verdict;

    if (verdict->error_count == 0 && !r->full)
        return;
    json_key(&r->w, "errors");
    json_begin_array(&r->w);
    for (size_t i = 0; i < verdict->error_count; i++) {
        json_begin_object(&r->w);
        json_key(&r->w, "rule");
        json_string(&r->w, verdict->errors[i].rule);
        json_key(&r->w, "message");
        json_string(&r->w, verdict->errors[i].message);
        json_end_object(&r->w);
    }
    json_end_array(&r->w);
}

/* Tier 1 differs from tier 0 by an obligation. */
static void put_obligations(struct response *r)
{
    static const struct slice audit = {"audit", 5};
    const struct decision *decision = r->decision;

    put_texts(r, "obligations", &audit, decision->outcome == DECISION_APPROVE && decision->verdict.tier >= TIER_AUDIT ? 1 : 0);
}

struct slice decision_next_steps(struct arena *arena, const struct decision *decision)
{
    struct buf text;

    if (decision->outcome != DECISION_ESCALATE || decision->escalation_id.size == 0)
        return decision->next_steps;
    buf_create(&text, arena);
    buf_add_slice(&text, decision->next_steps);
    buf_add_str(&text, " Escalation ");
    buf_add_slice(&text, decision->escalation_id);
    buf_add_str(&text, " is pending; once it is approved, send {\"agent_identity\": …, \"escalation_id\": \"");
    buf_add_slice(&text, decision->escalation_id);
    buf_add_str(&text, "\"} to carry it out.");
    return text.failed ? (struct slice){0} : buf_slice(&text);
}

static void put_next_steps(struct response *r)
{
    struct slice text = decision_next_steps(r->scratch, r->decision);

    r->w.out->failed = r->w.out->failed || (text.size == 0 && r->decision->escalation_id.size > 0);
    put_text(r, "next_steps", text);
}

static void put_ids(struct response *r)
{
    const struct decision *decision = r->decision;
    struct buf audit;

    put_text(r, "decision_id", decision->sequenced ? decision->id : (struct slice){0});
    if (!decision->sequenced) {
        put_null(r, "audit_log_id");
        put_null(r, "ledger_index");
        return;
    }
    buf_create(&audit, r->scratch);
    buf_add_str(&audit, "audit-");
    buf_add_u64(&audit, decision->ledger_index);
    put_text(r, "audit_log_id", buf_slice(&audit));
    json_key(&r->w, "ledger_index");
    json_i64(&r->w, (int64_t)decision->ledger_index);
}

static void put_cost(struct response *r)
{
    json_key(&r->w, "estimated_cost");
    if (r->decision->cost_micro_usd == 0) {
        json_raw(&r->w, SLICE("0.0"));
        return;
    }
    r->w.comma = false;
    money_write_number(r->w.out, r->decision->cost_micro_usd);
    r->w.comma = true;
}

/* When an approval may be expected: the shortest service level of the rules that escalate, or nothing. */
static void put_approval_time(struct response *r)
{
    const struct decision *decision = r->decision;
    bool waits = decision->outcome == DECISION_ESCALATE && decision->verdict.sla_s > 0 && decision->sequenced;

    put_time(r, "estimated_approval_time", waits ? decision->time_ms + decision->verdict.sla_s * 1000 : 0);
}

static void put_undecided(struct response *r)
{
    if (!r->full && !r->decision->verdict.undecided)
        return;
    json_key(&r->w, "undecided");
    json_bool(&r->w, r->decision->verdict.undecided);
}

static void put_members(struct response *r)
{
    const struct decision *decision = r->decision;
    const struct verdict *verdict = &decision->verdict;

    json_key(&r->w, "decision");
    json_string(&r->w, slice_from_str(decision_outcome_name(decision->outcome)));
    json_key(&r->w, "tier");
    json_i64(&r->w, verdict->tier);
    put_text(r, "rationale", decision->rationale);
    put_next_steps(r);
    put_ids(r);
    put_rules(r);
    put_text(r, "policy_revision", decision->policy_revision);
    put_undecided(r);
    put_cost(r);
    put_texts(r, "alternatives", verdict->alternatives, verdict->alternative_count);
    put_texts(r, "missing", verdict->missing, verdict->missing_count);
    put_errors(r);
    put_obligations(r);
    put_text(r, "grant_id", decision->effects.grant_id);
    put_time(r, "valid_until", decision->valid_until_ms);
    put_null(r, "did_you_mean");
    put_text(r, "escalation_id", decision->escalation_id);
    put_null(r, "approval_url");
    put_approval_time(r);
    if (decision->request.dry_run) {
        json_key(&r->w, "dry_run");
        json_bool(&r->w, true);
    }
}

void decision_write_response(struct buf *out, struct arena *scratch, const struct decision *decision, enum decision_form form,
                             struct slice explanation)
{
    struct response r = {.w = {.out = out}, .scratch = scratch, .decision = decision, .full = form == DECISION_FORM_FULL};

    json_begin_object(&r.w);
    put_members(&r);
    if (explanation.size > 0) {
        json_key(&r.w, "explanation");
        json_raw(&r.w, explanation);
    } else {
        put_null(&r, "explanation");
    }
    json_end_object(&r.w);
}

void decision_write_document(struct buf *out, struct arena *scratch, const struct decision *decision)
{
    struct response r = {.w = {.out = out}, .scratch = scratch, .decision = decision, .full = true};

    json_begin_object(&r.w);
    put_members(&r);
    put_time(&r, "time", decision->time_ms);
    put_text(&r, "agent_identity", decision->request.agent_identity);
    put_text(&r, "operation", decision->request.operation);
    put_texts(&r, "elicited", decision->inputs.elicited, decision->inputs.elicited_count);
    json_key(&r.w, "request");
    json_value(&r.w, scratch, decision->redaction ? decision->redaction->request : decision->request.view);
    json_key(&r.w, "redacted");
    json_value(&r.w, scratch, decision->redaction ? decision->redaction->pointers : NULL);
    json_key(&r.w, "facts");
    json_value(&r.w, scratch, decision->facts_json);
    json_end_object(&r.w);
}
