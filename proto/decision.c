/* The body of a decision's record. Members are in canonical order; decision_read.c is the other direction. */
#include "proto/decision_redact.h"

const char *decision_outcome_name(enum decision_outcome outcome)
{
    static const char *const names[] = {"approve", "escalate", "deny"};

    return names[outcome];
}

static void write_hex(struct json_writer *w, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];

    digest_format(digest, hex);
    json_key(w, name);
    json_string(w, slice_from(hex, sizeof hex));
}

/* ---- effects ---- */

static void write_escalation_effects(struct json_writer *w, const struct decision_effects *effects)
{
    json_key(w, "covers");
    json_begin_array(w);
    for (size_t i = 0; i < effects->cover_count; i++)
        json_string(w, effects->covers[i]);
    json_end_array(w);
    json_key(w, "escalation");
    json_string(w, SLICE("open"));
    json_key(w, "escalation_expires_at_ms");
    json_i64(w, effects->escalation_expires_at_ms);
}

static void write_effects(struct json_writer *w, const struct decision_effects *effects)
{
    json_key(w, "effects");
    json_begin_object(w);
    if (effects->escalation == DECISION_ESCALATION_OPEN)
        write_escalation_effects(w, effects);
    if (effects->escalation == DECISION_ESCALATION_JOIN) {
        json_key(w, "escalation");
        json_string(w, SLICE("join"));
    }
    if (effects->grant_id.size > 0) {
        json_key(w, "grant_id");
        json_string(w, effects->grant_id);
    }
    if (effects->reserve_micro_usd > 0) {
        json_key(w, "reserve_expires_at_ms");
        json_i64(w, effects->reserve_expires_at_ms);
        json_key(w, "reserve_micro_usd");
        json_i64(w, effects->reserve_micro_usd);
    }
    json_end_object(w);
}

static void write_inputs(struct json_writer *w, const struct decision_inputs *inputs)
{
    json_key(w, "inputs");
    json_begin_object(w);
    if (inputs->ask_human) {
        json_key(w, "ask_human");
        json_bool(w, true);
    }
    if (inputs->contended) {
        json_key(w, "contended");
        json_bool(w, true);
    }
    if (inputs->elicited_count > 0) {
        json_key(w, "elicited");
        json_begin_array(w);
        for (size_t i = 0; i < inputs->elicited_count; i++)
            json_string(w, inputs->elicited[i]);
        json_end_array(w);
    }
    json_end_object(w);
}

/* ---- the request ---- */

/* A value that looks like a reference goes beside the record as well, or it would be read as one. */
static bool is_like_reference(const cJSON *value)
{
    return cJSON_IsObject(value) && value->child && !value->child->next && strcmp(value->child->string, "$sha256") == 0;
}

bool decision_is_large(const cJSON *member, size_t size, size_t inline_max)
{
    const char *name = member->string;

    return inline_max != DECISION_ALL_INLINE && (size > inline_max || is_like_reference(member)) &&
           (strcmp(name, "command") == 0 || strcmp(name, "context") == 0 || strcmp(name, "justification") == 0);
}

cJSON *decision_move_to_blob(struct arena *arena, struct slice json, struct decision *decision)
{
    struct decision_blob *blob = &decision->blobs[decision->blob_count];
    cJSON *reference = json_new_object(arena);
    char hex[DIGEST_HEX_SIZE];

    blob->bytes = arena_copy(arena, json);
    if (!blob->bytes.data)
        return NULL;
    digest_sha256(blob->bytes, &blob->hash);
    decision->blob_count++;
    digest_format(&blob->hash, hex);
    json_put_text(arena, reference, "$sha256", arena_copy(arena, slice_from(hex, sizeof hex)));
    return reference;
}

/* Takes the value written since `from` out of the text again, and leaves its hash in its place. */
static void move_to_blob(struct buf *out, size_t from, struct arena *arena, struct decision *decision)
{
    const cJSON *reference = decision_move_to_blob(arena, slice_from(out->data + from, out->size - from), decision);

    out->size = from;
    out->failed = out->failed || !reference;
    if (reference)
        json_write_canonical(out, arena, reference);
}

static void write_request(struct json_writer *w, struct arena *scratch, struct decision *decision, size_t inline_max)
{
    json_key(w, "request");
    json_begin_object(w);
    for (const cJSON *member = decision->request.view->child; member; member = member->next) {
        size_t from;

        json_key(w, member->string);
        from = w->out->size;
        json_value(w, scratch, member);
        if (!w->out->failed && decision_is_large(member, w->out->size - from, inline_max))
            move_to_blob(w->out, from, scratch, decision);
    }
    json_end_object(w);
}

static void write_text(struct json_writer *w, const char *name, struct slice text)
{
    if (text.size == 0)
        return;
    json_key(w, name);
    json_string(w, text);
}

static void write_verdict(struct json_writer *w, const struct verdict *verdict)
{
    json_key(w, "verdict");
    verdict_write(w->out, verdict);
    w->comma = true;
}

static bool depends_on_action(const struct decision *decision)
{
    return decision->effects.escalation != DECISION_ESCALATION_NONE || decision->effects.grant_id.size > 0;
}

void decision_write_plain(struct buf *out, struct arena *scratch, struct decision *decision, size_t inline_max)
{
    struct json_writer w = {.out = out};

    buf_reserve(out, 3072);
    json_begin_object(&w);
    if (depends_on_action(decision))
        write_hex(&w, "action_digest", &decision->action.digest);
    if (decision->has_idempotency_key)
        write_hex(&w, "body_digest", &decision->body_digest);
    if (decision->cost_micro_usd != 0) {
        json_key(&w, "cost_micro_usd");
        json_i64(&w, decision->cost_micro_usd);
    }
    json_key(&w, "decision");
    json_string(&w, slice_from_str(decision_outcome_name(decision->outcome)));
    write_effects(&w, &decision->effects);
    if (decision->effects.escalation == DECISION_ESCALATION_JOIN)
        write_text(&w, "escalation_id", decision->escalation_id);
    json_key(&w, "facts");
    facts_write(&w, scratch, &decision->facts);
    write_text(&w, "id", decision->id);
    if (decision->has_idempotency_key)
        write_text(&w, "idempotency_key", decision->request.idempotency_key);
    write_inputs(&w, &decision->inputs);
    if (!slice_equal(decision->next_steps, decision->verdict.next_steps))
        write_text(&w, "next_steps", decision->next_steps);
    write_text(&w, "policy_revision", decision->policy_revision);
    write_text(&w, "rationale", decision->rationale);
    write_request(&w, scratch, decision, inline_max);
    write_text(&w, "retry_of", decision->request.escalation_id);
    if (decision->valid_until_ms > 0) {
        json_key(&w, "valid_until_ms");
        json_i64(&w, decision->valid_until_ms);
    }
    write_verdict(&w, &decision->verdict);
    json_end_object(&w);
}

static void write_body(struct buf *out, struct arena *scratch, struct decision *decision, size_t inline_max)
{
    decision->blob_count = 0;
    decision->redaction = NULL;
    if (decision->redact.count > 0)
        decision_write_redacted(out, scratch, decision, inline_max);
    else
        decision_write_plain(out, scratch, decision, inline_max);
}

void decision_write_body(struct buf *out, struct arena *scratch, struct decision *decision)
{
    size_t from = out->size;

    write_body(out, scratch, decision, RECORD_INLINE_VALUE_MAX);
    if (out->failed || out->size - from + RECORD_HEADER_MAX <= RECORD_BYTES_MAX)
        return;
    out->size = from;
    write_body(out, scratch, decision, RECORD_INLINE_VALUE_MIN);
}
