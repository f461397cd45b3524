#include "engine/decide.h"

#include "engine/redaction.h"
#include "engine/terms.h"
#include "ledger/private.h"

#include <stddef.h>

static void decide_attempt(struct decide_call *call);

static void decide_fail(struct decide_call *call, enum status status, const char *where, const char *message)
{
    call->result = DECIDE_FAILED;
    error_set(&call->error, status, where, "%s", message);
    call->finished(call);
}

/* call->error is set. */
static void decide_fail_as_set(struct decide_call *call)
{
    call->result = DECIDE_FAILED;
    call->finished(call);
}

static void decide_finish(struct decide_call *call, enum decide_result result)
{
    call->result = result;
    call->finished(call);
}

/* ---- the bundle in force ---- */

static void decide_refresh_policy(struct decider *decider)
{
    struct policy_vm *vm;
    uint64_t epoch = state_policy_epoch(decider->state);

    if (epoch == decider->vm_epoch)
        return;
    vm = activation_take(decider->activation, decider->worker, epoch);
    if (!vm)
        return; /* being handed over: the sequencer refuses what the old bundle decides, and the attempt is repeated */
    policy_vm_delete(decider->vm);
    decider->vm = vm;
    decider->vm_epoch = epoch;
}

/* ---- dry runs ---- */

static bool dry_run_is_allowed(struct decider *decider, struct slice agent, int64_t now_ms)
{
    uint64_t slot = slice_hash(agent, 0) % DECIDE_DRY_RUN_SLOTS;
    int64_t elapsed = now_ms - decider->dry_runs.slots[slot].refilled_ms;
    uint64_t tokens = decider->dry_runs.slots[slot].tokens;

    if (elapsed < 0 || elapsed > 10000)
        elapsed = 10000;
    if (elapsed * DECIDE_DRY_RUNS_PER_S >= 1000) {
        tokens += (uint64_t)(elapsed * DECIDE_DRY_RUNS_PER_S / 1000);
        if (tokens > 2 * DECIDE_DRY_RUNS_PER_S)
            tokens = 2 * DECIDE_DRY_RUNS_PER_S;
        decider->dry_runs.slots[slot].refilled_ms = now_ms;
    }
    decider->dry_runs.slots[slot].tokens = (uint32_t)(tokens > 0 ? tokens - 1 : 0);
    return tokens > 0;
}

/* ---- one attempt: facts, verdict, effects ---- */

/* A retry that names only its escalation is evaluated as the action that was escalated, with the flags of the retry. */
static enum status decide_restore_action(struct decide_call *call)
{
    struct request stored = {0};
    enum status status;

    if (call->request.escalation_id.size == 0 || call->request.operation.size > 0)
        return STATUS_OK;
    status = state_escalation_request(call->decider->state, call->arena, call->request.escalation_id,
                                      call->request.agent_identity, &stored, &call->error);
    if (status != STATUS_OK)
        return status;
    stored.escalation_id = call->request.escalation_id;
    stored.idempotency_key = call->request.idempotency_key;
    stored.explain = call->request.explain;
    stored.dry_run = call->request.dry_run;
    call->request = stored;
    return STATUS_OK;
}

static enum status decide_digests(struct decide_call *call)
{
    struct decision *decision = &call->decision;

    decision->has_idempotency_key = call->request.idempotency_key.size > 0;
    if (decision->has_idempotency_key &&
        !request_body_digest(call->arena, &call->request, state_action_key(call->decider->state), &decision->body_digest))
        return error_set(&call->error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
    if (decide_restore_action(call) != STATUS_OK)
        return call->error.status;
    decision->request = call->request;
    return STATUS_OK;
}

/* What opens an escalation is bound to its action from then on. */
static enum status decide_learn_action(struct decide_call *call)
{
    struct decision *decision = &call->decision;

    if (request_action_learn(call->arena, &decision->request, RECORD_TENANT_DEFAULT, state_action_key(call->decider->state),
                             &decision->action))
        return STATUS_OK;
    return error_set(&call->error, STATUS_NO_MEMORY, "", "the request needs more memory than one call may use");
}

/* What the bundle redacts, the history counters may not be kept by. */
static void decide_note_redaction(struct decide_call *call)
{
    const struct redact_paths *redacts = policy_bundle_redacts(policy_vm_bundle(call->decider->vm));

    call->request.hides_resource_type = redacts && redacts->hides_resource_type;
    call->decision.request.hides_resource_type = call->request.hides_resource_type;
}

static enum status decide_evaluate(struct decide_call *call, bool contended)
{
    struct decider *decider = call->decider;
    struct decision *decision = &call->decision;
    uint64_t begun = clock_monotonic_ns(), gathered;
    enum status status;

    decide_refresh_policy(decider);
    decision->action.known = false; /* an attempt depends on nothing of the one before */
    decision->inputs.contended = contended;
    decide_note_redaction(call);
    status = state_gather(decider->state, call->arena, &call->request, &decision->action, clock_now_ms(&decider->clock),
                          &decision->facts, &call->basis, &call->error);
    gathered = clock_monotonic_ns();
    call->timing.facts += gathered - begun;
    if (status != STATUS_OK)
        return status;
    call->basis.policy_epoch = decider->vm_epoch;
    decision->policy_revision = policy_bundle_revision(policy_vm_bundle(decider->vm));
    status = verdict_rules_evaluate(decider->vm, call->arena, decision, call->trace ? &call->policy_trace : NULL, &call->error);
    if (status == STATUS_OK && !verdict_rules_conclude(call->arena, decision, decider->settings.reservation_ttl_ms,
                                                       decider->settings.escalation_ttl_ms, !call->request.dry_run))
        status = error_set(&call->error, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use");
    if (status == STATUS_OK && decision->effects.escalation == DECISION_ESCALATION_OPEN)
        status = decide_learn_action(call);
    call->timing.policy += clock_monotonic_ns() - gathered;
    return status;
}

/* The bundle may be replaced before the answer is written, so its name moves to the call's arena. */
static bool decide_keep_revision(struct decide_call *call)
{
    call->decision.policy_revision = arena_copy(call->arena, call->decision.policy_revision);
    return call->decision.policy_revision.data != NULL;
}

/* ---- the transaction ---- */

static void decide_continue(struct work *work);

/* In the sequencer's thread. */
static void decide_returned(struct ledger_txn *txn)
{
    struct decide_call *call = (struct decide_call *)((char *)txn - offsetof(struct decide_call, txn));

    call->work.run = decide_continue;
    call->decider->post(call->decider->post_context, &call->work);
}

static enum status decide_new_id(struct decide_call *call, struct uuid *id)
{
    char *text;
    enum status status = uuid_generate(&call->decider->uuids, call->decision.facts.now_ms, id);

    if (status != STATUS_OK)
        return error_set(&call->error, status, "", "the system gives no random bytes for a decision id");
    text = arena_alloc(call->arena, UUID_TEXT_SIZE);
    if (!text)
        return error_set(&call->error, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use");
    uuid_format(id, text);
    call->decision.id = slice_from(text, UUID_TEXT_SIZE);
    return STATUS_OK;
}

static enum status decide_write_body(struct decide_call *call, struct slice *body)
{
    struct buf out;

    buf_create(&out, call->arena);
    decision_write_body(&out, call->arena, &call->decision);
    *body = buf_slice(&out);
    if (out.failed)
        return error_set(&call->error, STATUS_NO_MEMORY, "", "the record needs more memory than one call may use");
    if (out.size + RECORD_HEADER_MAX > RECORD_BYTES_MAX)
        return error_set(&call->error, STATUS_TOO_LARGE, "/context",
                         "the decision's record would be %zu bytes; at most %d fit. Send a smaller context",
                         out.size + RECORD_HEADER_MAX, RECORD_BYTES_MAX);
    return STATUS_OK;
}

static void decide_add_blobs(struct decide_call *call)
{
    for (size_t i = 0; i < call->decision.blob_count; i++)
        call->txn.blobs[i] = (struct ledger_blob){.hash = call->decision.blobs[i].hash, .bytes = call->decision.blobs[i].bytes};
    call->txn.blob_count = call->decision.blob_count;
}

static enum status decide_prepare(struct decide_call *call)
{
    struct uuid *id = arena_alloc(call->arena, sizeof *id);
    struct ledger_txn *txn = &call->txn;
    struct ledger_entry *entry = &txn->entries[0];
    enum status status;

    if (!id || !decide_keep_revision(call))
        return error_set(&call->error, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use");
    status = decide_new_id(call, id);
    *txn = (struct ledger_txn){.entry_count = 1, .preconditions = &call->basis, .done = decide_returned};
    *entry = (struct ledger_entry){
        .type = RECORD_DECISION, .tenant = RECORD_TENANT_DEFAULT, .as_of = call->basis.as_of, .event = &call->decision};
    if (status == STATUS_OK)
        status = redaction_plan(policy_vm_bundle(call->decider->vm), call->arena, &call->decision, &call->error);
    if (status == STATUS_OK)
        status = decide_write_body(call, &entry->body);
    if (status == STATUS_OK && !redaction_take(call->arena, &call->decision, txn))
        status = error_set(&call->error, STATUS_NO_MEMORY, "", "the record needs more memory than one call may use");
    decide_add_blobs(call);
    entry->id = id->bytes;
    if (status == STATUS_OK && !terms_of_decision(call->arena, &call->decision, entry))
        status = error_set(&call->error, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use");
    call->basis.decision = &call->decision;
    return status;
}

static void decide_submit(struct decide_call *call)
{
    call->submitted_ns = clock_monotonic_ns();
    if (ledger_submit(call->decider->ledger, &call->txn) != STATUS_OK)
        decide_fail(call, STATUS_UNAVAILABLE, "", "the ledger's queue is full; nothing was decided. Try again");
}

/* Used before, whether that decision is durable yet or not. */
static bool decide_find_key(struct decide_call *call, uint64_t *index, bool *same)
{
    return call->decision.has_idempotency_key && !call->request.dry_run &&
           state_find_idempotent(call->decider->state, call->request.agent_identity, call->request.idempotency_key,
                                 &call->decision.body_digest, clock_now_ms(&call->decider->clock), index, same) == STATUS_OK;
}

/* Is there something to ask before this becomes an escalation? A question leaves no trace: nothing has been submitted. Where
 * the same request is just being committed, its grant seems to be used: the sequencer answers with that decision. */
static bool decide_asks(struct decide_call *call)
{
    const struct decision *decision = &call->decision;
    uint64_t index;
    bool same;

    if (decision->outcome != DECISION_ESCALATE || call->request.dry_run || decide_find_key(call, &index, &same))
        return false;
    return call->never_escalate ||
           (call->ask_first && decision->verdict.missing_count > 0 &&
            dry_run_is_allowed(call->decider, call->request.agent_identity, clock_now_ms(&call->decider->clock)));
}

static void decide_attempt(struct decide_call *call)
{
    bool contended = call->attempts >= DECIDE_ATTEMPTS_MAX;

    call->attempts++;
    if (decide_evaluate(call, contended) != STATUS_OK) {
        decide_fail_as_set(call);
        return;
    }
    if (call->request.dry_run || decide_asks(call)) {
        if (decide_keep_revision(call))
            decide_finish(call, call->request.dry_run ? DECIDE_DONE : DECIDE_ASKS);
        else
            decide_fail(call, STATUS_NO_MEMORY, "", "the decision needs more memory than one call may use");
        return;
    }
    if (decide_prepare(call) != STATUS_OK)
        decide_fail_as_set(call);
    else
        decide_submit(call);
}

/* ---- after the commit ---- */

static enum status decide_load_blob(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                                    struct error *error)
{
    return ledger_blob_read(context, hash, arena, bytes, error);
}

static enum status decide_load_private(void *context, uint64_t index, struct slice pointer, struct arena *arena,
                                       struct slice *row, struct error *error)
{
    return private_read(ledger_store(context), index, pointer, arena, row, error);
}

enum status decide_read_record(struct ledger *ledger, uint64_t index, struct slice record, struct arena *arena,
                               enum decide_reading reading, struct decision *out, struct error *error)
{
    const struct decision_loader loader = {
        .load = decide_load_blob, .load_private = reading == DECIDE_READ_ALL ? decide_load_private : NULL, .context = ledger};
    struct record_header header;
    struct slice body;
    enum status status = record_split(record, &header, &body, error);

    if (status != STATUS_OK)
        return status;
    if (header.type != RECORD_DECISION)
        return error_set(error, STATUS_NOT_FOUND, "", "entry %llu is not a decision", (unsigned long long)index);
    return decision_from_record(arena, &header, index, body, &loader, out, error);
}

enum status decide_load(struct ledger *ledger, uint64_t index, struct arena *arena, enum decide_reading reading,
                        struct decision *out, struct error *error)
{
    struct slice record;
    enum status status = ledger_read(ledger, index, arena, &record, error);

    return status == STATUS_OK ? decide_read_record(ledger, index, record, arena, reading, out, error) : status;
}

static void decide_repeat(struct decide_call *call)
{
    if (decide_load(call->decider->ledger, call->txn.duplicate_index, call->arena, DECIDE_READ_ALL, &call->decision,
                    &call->error) != STATUS_OK)
        decide_fail_as_set(call);
    else
        decide_finish(call, DECIDE_REPEATED);
}

static void decide_sequenced(struct decide_call *call)
{
    struct decision *decision = &call->decision;
    const struct ledger_entry *entry = &call->txn.entries[0];

    decision->sequenced = true;
    decision->ledger_index = entry->index;
    decision->time_ms = entry->time_ms;
    if (decision->effects.escalation == DECISION_ESCALATION_OPEN) {
        decision->escalation_id = arena_printf(call->arena, "ESC-%llu", (unsigned long long)entry->number);
        if (!decision->escalation_id.data) {
            decide_fail(call, STATUS_NO_MEMORY, "",
                        "the decision was recorded, but its answer needs more memory than one call may use");
            return;
        }
    }
    decide_finish(call, DECIDE_DONE);
}

static void decide_again(struct decide_call *call)
{
    if (call->attempts >= DECIDE_ATTEMPTS_MAX + DECIDE_CONTENDED_MAX)
        decide_fail(call, STATUS_UNAVAILABLE, "",
                    "the policy or the agent's manifest keeps changing; nothing was decided. Try again");
    else
        decide_attempt(call);
}

static void decide_too_many_pending(struct decide_call *call)
{
    call->too_many = true;
    error_set(&call->error, STATUS_TOO_LARGE, "/agent_identity",
              "the agent already has %d pending escalations; wait for some to be resolved, or cancel them",
              STATE_PENDING_PER_AGENT_MAX);
    decide_fail_as_set(call);
}

static void decide_settle(struct decide_call *call)
{
    switch (call->txn.result) {
    case LEDGER_OK:
        decide_sequenced(call);
        break;
    case LEDGER_DUPLICATE:
        decide_repeat(call);
        break;
    case LEDGER_MISMATCH:
        decide_fail(call, STATUS_CONFLICT, "/idempotency_key",
                    "this idempotency key was used for another request within the last 24 hours");
        break;
    case LEDGER_LIMIT:
        if (slice_equal_str(call->txn.detail, "pending"))
            decide_too_many_pending(call);
        else
            decide_again(call);
        break;
    case LEDGER_PRECONDITION:
        decide_again(call);
        break;
    case LEDGER_FENCED:
    case LEDGER_UNKNOWN:
        decide_fail(call, STATUS_UNAVAILABLE, "",
                    "the ledger has stopped; whether this decision was recorded is unknown. Do not act on it");
        break;
    }
}

static void decide_continue(struct work *work)
{
    struct decide_call *call = (struct decide_call *)((char *)work - offsetof(struct decide_call, work));

    call->timing.commit += clock_monotonic_ns() - call->submitted_ns;
    decide_settle(call);
}

/* ---- the start ---- */

/* True when the key was used before and its decision is durable already: the answer needs no evaluation. Else the sequencer has
 * the last word. */
static bool decide_answer_repeated(struct decide_call *call)
{
    uint64_t index = 0;
    bool same = false;

    if (!decide_find_key(call, &index, &same) || index >= ledger_durable(call->decider->ledger))
        return false;
    call->txn.result = same ? LEDGER_DUPLICATE : LEDGER_MISMATCH;
    call->txn.duplicate_index = index;
    decide_settle(call);
    return true;
}

void decide_begin(struct decide_call *call)
{
    struct decider *decider = call->decider;

    if (call->timing.started == 0)
        call->timing.started = clock_monotonic_ns();
    if (call->request.dry_run && !dry_run_is_allowed(decider, call->request.agent_identity, clock_now_ms(&decider->clock))) {
        call->too_many = true;
        decide_fail(call, STATUS_UNAVAILABLE, "/dry_run", "too many dry runs of this agent; try again in a second");
        return;
    }
    if (decide_digests(call) != STATUS_OK) {
        decide_fail_as_set(call);
        return;
    }
    if (!decide_answer_repeated(call))
        decide_attempt(call);
}
