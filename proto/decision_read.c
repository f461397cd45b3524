/* A decision back from its record. */
#include "proto/decision_redact.h"

#include <stdio.h>

/* Bodies were written by this program, from values within their own bounds. */
static const struct json_limits record_limits = {.bytes = RECORD_BYTES_MAX, .depth = JSON_DEPTH_MAX + 4, .members = 65536};
static const struct json_limits blob_limits = {.bytes = 16u << 20, .depth = JSON_DEPTH_MAX + 4, .members = 65536};

static enum status corrupt(const char *where, struct error *error)
{
    return error_set(error, STATUS_CORRUPT, where, "not a decision's record");
}

/* ---- large values ---- */

static enum status load_value(struct arena *arena, const cJSON *reference, const struct decision_loader *loader, cJSON **value,
                              struct error *error)
{
    struct digest hash, found;
    struct slice bytes;
    enum status status;

    if (!digest_parse(json_get_text(reference, "$sha256"), &hash))
        return corrupt("/request", error);
    if (!loader)
        return error_set(error, STATUS_CORRUPT, "/request",
                         "a large value is kept apart, and there is nowhere to load it from");
    status = loader->load(loader->context, &hash, arena, &bytes, error);
    if (status != STATUS_OK)
        return status;
    digest_sha256(bytes, &found);
    if (!digest_equal(&found, &hash))
        return error_set(error, STATUS_CORRUPT, "/request", "a large value does not have the hash that the record names");
    return json_parse(arena, bytes, &blob_limits, value, error);
}

static bool is_reference(const cJSON *member)
{
    return cJSON_IsObject(member) && member->child && !member->child->next && strcmp(member->child->string, "$sha256") == 0 &&
           (strcmp(member->string, "command") == 0 || strcmp(member->string, "context") == 0 ||
            strcmp(member->string, "justification") == 0);
}

static enum status restore_view(struct arena *arena, cJSON *view, const struct decision_loader *loader, struct error *error)
{
    enum status status = STATUS_OK;

    for (cJSON *member = view->child; status == STATUS_OK && member; member = member->next) {
        cJSON *value = NULL;

        if (!is_reference(member))
            continue;
        status = load_value(arena, member, loader, &value, error);
        if (status != STATUS_OK)
            break;
        member->type = value->type;
        member->child = value->child;
        member->valuestring = value->valuestring;
        member->valuedouble = value->valuedouble;
    }
    return status;
}

/* ---- parts ---- */

static enum status read_covers(struct arena *arena, const cJSON *json, struct decision_effects *out, struct error *error)
{
    const cJSON *covers = json_get(json, "covers"), *item;

    out->covers = arena_array(arena, (size_t)cJSON_GetArraySize(covers) + 1, sizeof *out->covers);
    if (!out->covers)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    cJSON_ArrayForEach(item, covers) out->covers[out->cover_count++] = json_text(item);
    return STATUS_OK;
}

static enum status read_effects(struct arena *arena, const cJSON *json, struct decision_effects *out, struct error *error)
{
    struct slice escalation = json_get_text(json, "escalation");

    if (!cJSON_IsObject(json))
        return corrupt("/effects", error);
    json_get_i64(json, "reserve_micro_usd", &out->reserve_micro_usd);
    json_get_i64(json, "reserve_expires_at_ms", &out->reserve_expires_at_ms);
    json_get_i64(json, "escalation_expires_at_ms", &out->escalation_expires_at_ms);
    out->grant_id = json_get_text(json, "grant_id");
    if (slice_equal(escalation, SLICE("open")))
        out->escalation = DECISION_ESCALATION_OPEN;
    else if (slice_equal(escalation, SLICE("join")))
        out->escalation = DECISION_ESCALATION_JOIN;
    return read_covers(arena, json, out, error);
}

static bool read_outcome(struct slice name, enum decision_outcome *out)
{
    for (int i = DECISION_APPROVE; i <= DECISION_DENY; i++) {
        if (slice_equal_str(name, decision_outcome_name((enum decision_outcome)i))) {
            *out = (enum decision_outcome)i;
            return true;
        }
    }
    return false;
}

static enum status read_request(struct arena *arena, cJSON *json, const struct decision_loader *loader, struct decision *out,
                                struct error *error)
{
    /* Large values first: a redacted one may be in them. */
    cJSON *view = (cJSON *)(uintptr_t)json_get(json, "request");
    enum status status;

    if (!cJSON_IsObject(view))
        return corrupt("/request", error);
    status = restore_view(arena, view, loader, error);
    if (status == STATUS_OK)
        status = decision_read_redaction(arena, json, out->ledger_index, loader, out, error);
    if (status == STATUS_OK)
        status = request_from_view(arena, view, &out->request, error);
    out->request.idempotency_key = json_get_text(json, "idempotency_key");
    out->request.escalation_id = json_get_text(json, "retry_of");
    return status;
}

static enum status read_digests(const cJSON *json, struct decision *out, struct error *error)
{
    out->has_idempotency_key = out->request.idempotency_key.size > 0;
    out->action.known = json_get(json, "action_digest") != NULL;
    if (out->action.known && !digest_parse(json_get_text(json, "action_digest"), &out->action.digest))
        return corrupt("/action_digest", error);
    if (out->has_idempotency_key && !digest_parse(json_get_text(json, "body_digest"), &out->body_digest))
        return corrupt("/body_digest", error);
    return STATUS_OK;
}

/* The record leaves out what the request says already. */
static enum status read_facts(struct arena *arena, const cJSON *json, struct decision *out, struct error *error)
{
    enum status status = facts_from_json(arena, json, &out->facts, error);

    if (status != STATUS_OK)
        return status;
    out->facts.agent_id = out->request.agent_identity;
    out->facts_json = facts_to_json(arena, &out->facts);
    return out->facts_json ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

static enum status read_parts(struct arena *arena, cJSON *json, const struct decision_loader *loader, struct decision *out,
                              struct error *error)
{
    enum status status = read_request(arena, json, loader, out, error);

    if (status == STATUS_OK)
        status = read_digests(json, out, error);
    if (status == STATUS_OK)
        status = read_facts(arena, json_get(json, "facts"), out, error);
    if (status == STATUS_OK)
        status = verdict_from_json(arena, json_get(json, "verdict"), &out->verdict, error);
    if (status == STATUS_OK)
        status = read_effects(arena, json_get(json, "effects"), &out->effects, error);
    return status;
}

static enum status read_inputs(struct arena *arena, const cJSON *json, struct decision_inputs *out, struct error *error)
{
    const cJSON *elicited = json_get(json, "elicited"), *name;
    struct slice *names;

    json_get_bool(json, "contended", &out->contended);
    json_get_bool(json, "ask_human", &out->ask_human);
    if (!elicited)
        return STATUS_OK;
    names = arena_array(arena, (size_t)cJSON_GetArraySize(elicited), sizeof *names);
    if (!names)
        return error_set(error, STATUS_NO_MEMORY, "", "the record needs more memory than one call may use");
    cJSON_ArrayForEach(name, elicited) names[out->elicited_count++] = json_text(name);
    out->elicited = names;
    return STATUS_OK;
}

static enum status read_escalation_id(struct arena *arena, const cJSON *json, uint64_t number, struct decision *out,
                                      struct error *error)
{
    if (out->effects.escalation == DECISION_ESCALATION_OPEN)
        out->escalation_id = arena_printf(arena, "ESC-%llu", (unsigned long long)number);
    else
        out->escalation_id = json_get_text(json, "escalation_id");
    if (out->effects.escalation != DECISION_ESCALATION_NONE && out->escalation_id.size == 0)
        return corrupt("/escalation_id", error);
    return STATUS_OK;
}

enum status decision_from_record(struct arena *arena, const struct record_header *header, uint64_t index, struct slice body,
                                 const struct decision_loader *loader, struct decision *out, struct error *error)
{
    cJSON *json = NULL;
    enum status status = json_parse(arena, body, &record_limits, &json, error);

    *out = (struct decision){.sequenced = true, .ledger_index = index, .time_ms = header->time_ms};
    if (status == STATUS_OK)
        status = read_parts(arena, json, loader, out, error);
    if (status == STATUS_OK)
        status = read_escalation_id(arena, json, header->number, out, error);
    if (status != STATUS_OK)
        return status;
    if (!read_outcome(json_get_text(json, "decision"), &out->outcome))
        return corrupt("/decision", error);
    json_get_i64(json, "cost_micro_usd", &out->cost_micro_usd);
    out->id = json_get_text(json, "id");
    out->policy_revision = json_get_text(json, "policy_revision");
    out->rationale = json_get_text(json, "rationale");
    out->next_steps = json_get(json, "next_steps") ? json_get_text(json, "next_steps") : out->verdict.next_steps;
    json_get_i64(json, "valid_until_ms", &out->valid_until_ms);
    return read_inputs(arena, json_get(json, "inputs"), &out->inputs, error);
}
