/* POST /v1/decisions/{id}/erase: what a decision's record only commits to goes; the record, and the tree over it, stay. */
#include "api/access.h"
#include "api/api.h"
#include "api/body.h"
#include "api/changes.h"
#include "api/decisions.h"
#include "api/reply.h"
#include "ledger/private.h"
#include "proto/json.h"

struct erasure {
    struct api_call *call;
    struct slice reason;
    const cJSON *fields; /* array of dotted names, or NULL: all */
    struct decision decision;
    struct slice *paths; /* of rows that are there and have to go */
    size_t count, capacity;
    bool failed;
};

/* ---- the body ---- */

static bool fields_are_texts(const cJSON *fields)
{
    const cJSON *field;

    if (!cJSON_IsArray(fields) || !fields->child || cJSON_GetArraySize(fields) > REDACT_PATHS_MAX)
        return false;
    cJSON_ArrayForEach(field, fields)
    {
        if (json_text(field).size == 0)
            return false;
    }
    return true;
}

static bool parse(struct api_call *call, struct erasure *erasure)
{
    static const char *const names[] = {"reason", "fields", NULL};
    const cJSON *body = body_object(call, names, true);

    if (!body || !body_text(call, body, "reason", EVENT_REASON_MAX, &erasure->reason))
        return false;
    if (erasure->reason.size == 0) {
        reply_problem(call, 400, "/reason", "say why; it stays in the ledger, so do not repeat what is to be erased");
        return false;
    }
    erasure->fields = json_get(body, "fields");
    if (!erasure->fields || fields_are_texts(erasure->fields))
        return true;
    reply_problem(call, 400, "/fields",
                  "expected field names such as [\"context.patient\"], or no member to erase all of them");
    return false;
}

/* ---- which rows ---- */

static bool part_of(struct slice outer, struct slice inner)
{
    return slice_starts_with(inner, outer) && (inner.size == outer.size || inner.data[outer.size] == '.');
}

/* "/request/context/patient" as "context.patient"; without the escapes, which no sensible name needs. */
static struct slice dotted_name(struct arena *arena, struct slice path)
{
    const struct slice prefix = SLICE("/request/");
    struct buf out;

    buf_create(&out, arena);
    for (size_t i = prefix.size; i < path.size; i++) {
        if (path.data[i] == '~' && i + 1 < path.size)
            buf_add_char(&out, path.data[++i] == '0' ? '~' : '/');
        else
            buf_add_char(&out, path.data[i] == '/' ? '.' : path.data[i]);
    }
    return buf_slice(&out);
}

static bool is_asked_for(struct erasure *erasure, struct slice path)
{
    const cJSON *field;
    struct slice dotted;

    if (!slice_starts_with(path, SLICE("/request/")))
        return true; /* texts may repeat any field */
    if (!erasure->fields)
        return true;
    dotted = dotted_name(erasure->call->http->arena, path);
    cJSON_ArrayForEach(field, erasure->fields)
    {
        if (part_of(json_text(field), dotted) || part_of(dotted, json_text(field)))
            return true;
    }
    return false;
}

static bool collect_row(void *context, const struct private_row *row)
{
    struct erasure *erasure = context;
    struct arena *arena = erasure->call->http->arena;

    if (!is_asked_for(erasure, row->path))
        return true;
    if (erasure->count == erasure->capacity) {
        size_t capacity = erasure->capacity ? erasure->capacity * 2 : 16;

        erasure->paths =
            arena_grow(arena, erasure->paths, erasure->capacity * sizeof *erasure->paths, capacity * sizeof *erasure->paths);
        erasure->capacity = capacity;
    }
    if (erasure->paths)
        erasure->paths[erasure->count++] = arena_copy(arena, row->path);
    erasure->failed = !erasure->paths || arena->exhausted;
    return !erasure->failed;
}

/* Is any of the fields redacted in this decision, erased already or not? */
static bool check_fields(struct erasure *erasure)
{
    const cJSON *pointer;

    if (!erasure->fields)
        return true;
    cJSON_ArrayForEach(pointer, erasure->decision.redaction->pointers)
    {
        struct slice path = json_text(pointer);

        if (slice_starts_with(path, SLICE("/request/")) && is_asked_for(erasure, path))
            return true;
    }
    reply_problem(erasure->call, 400, "/fields",
                  "none of these fields is redacted in this decision; its document lists, under "
                  "\"redacted\", what is");
    return false;
}

static bool collect(struct erasure *erasure)
{
    const struct decision *decision = &erasure->decision;
    struct error error = {0};

    if (!decision->redaction) {
        reply_problem(erasure->call, 409, "",
                      "the decision was recorded in full: the policies of its time declared none of its fields redacted, and "
                      "nothing can be taken out of the ledger itself");
        return false;
    }
    if (!check_fields(erasure))
        return false;
    if (private_each(ledger_store(erasure->call->api->shared->ledger), decision->ledger_index, decision->ledger_index + 1,
                     collect_row, erasure, &error) == STATUS_OK &&
        !erasure->failed)
        return true;
    if (erasure->failed)
        error_set(&error, STATUS_NO_MEMORY, "", "the erasure needs more memory than one call may use");
    reply_error(erasure->call, &error);
    return false;
}

/* ---- the entry ---- */

static void reply_erased(struct api_call *call, struct slice id, size_t count, const uint64_t *index)
{
    struct buf out;

    buf_create(&out, call->http->arena);
    buf_printf(&out, "{\"decision_id\":\"%.*s\",\"erased\":%zu,\"ledger_index\":", SLICE_ARG(id), count);
    if (index)
        buf_add_u64(&out, *index);
    else
        buf_add_str(&out, "null");
    buf_add_char(&out, '}');
    reply_json(call, 200, &out);
}

static void finished(struct change *change)
{
    const struct event_erased *erased = &change->events[0].erased;

    if (changes_succeeded(change, "the decision could not be erased"))
        reply_erased(change->user, erased->decision_id, erased->path_count, &change->txn.entries[0].index);
}

static bool fill(struct erasure *erasure, struct change *change)
{
    const struct decision *decision = &erasure->decision;
    struct ledger_erasure *rows = arena_array(change->arena, erasure->count, sizeof *rows);

    for (size_t i = 0; rows && i < erasure->count; i++)
        rows[i] = (struct ledger_erasure){.index = decision->ledger_index, .path = erasure->paths[i]};
    change->erasures = rows;
    change->erasure_count = erasure->count;
    change->event_count = 1;
    change->events[0] = (struct event){.type = RECORD_DECISION_ERASED, .by = SLICE("admin")};
    change->events[0].erased = (struct event_erased){.decision_id = decision->id,
                                                     .agent = decision->request.agent_identity,
                                                     .reason = erasure->reason,
                                                     .index = decision->ledger_index,
                                                     .paths = erasure->paths,
                                                     .path_count = erasure->count};
    if (decision->effects.escalation == DECISION_ESCALATION_OPEN)
        change->events[0].erased.escalation_id = decision->escalation_id;
    change->basis = (struct state_basis){.kind = STATE_BASIS_ERASE, .agent = decision->request.agent_identity};
    return rows != NULL;
}

void api_decisions_erase(struct api_call *call)
{
    struct erasure *erasure = arena_zalloc(call->http->arena, sizeof *erasure);
    struct change *change;

    if (!erasure) {
        reply_problem(call, 503, "", "out of memory; try again");
        return;
    }
    erasure->call = call;
    if (!parse(call, erasure) || !decisions_find(call, DECIDE_READ_MARKS, &erasure->decision) || !collect(erasure))
        return;
    if (erasure->count == 0) { /* erased before: nothing happens, and nothing is recorded */
        reply_erased(call, erasure->decision.id, 0, NULL);
        return;
    }
    change = changes_new(call, finished);
    if (change && fill(erasure, change))
        change_begin(change);
    else if (change)
        reply_problem(call, 503, "", "out of memory; try again");
}
