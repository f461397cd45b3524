#include "engine/export.h"

#include "proto/money.h"

#include <csv.h>
#include <stdio.h>

enum {
    EXPORT_PIECE_ROWS = 128,
    EXPORT_PIECE_BYTES = 64 * 1024, /* of records; rows may be longer where they show values kept beside */
    EXPORT_ROW_ARENA_MAX = 64 << 20
};

bool export_format_parse(struct slice name, enum export_format *format)
{
    if (slice_equal(name, SLICE("csv")))
        *format = EXPORT_CSV;
    else if (slice_equal(name, SLICE("jsonl")))
        *format = EXPORT_JSONL;
    else
        return false;
    return true;
}

/* ---- JSON lines ---- */

enum status export_write_entry(struct json_writer *w, uint64_t index, struct slice record, struct error *error)
{
    struct record_header header;
    struct slice body;
    char time[CLOCK_TEXT_SIZE];
    enum status status = record_split(record, &header, &body, error);

    if (status != STATUS_OK)
        return status;
    clock_format(header.time_ms, time);
    json_begin_object(w);
    json_key(w, "index");
    json_i64(w, (int64_t)index);
    json_key(w, "type");
    json_string(w, slice_from_str(record_type_name(header.type)));
    json_key(w, "time");
    json_string(w, slice_from(time, sizeof time));
    json_key(w, "number");
    json_i64(w, (int64_t)header.number);
    json_key(w, "body");
    json_raw(w, body);
    json_end_object(w);
    return STATUS_OK;
}

/* ---- CSV ---- */

/* In the order of csv_row. */
static const char *const csv_columns[] = {
    "index", "time",          "type",     "agent",    "decision_id",     "decision", "tier",   "operation", "command",
    "rules", "escalation_id", "grant_id", "cost_usd", "policy_revision", "by",       "status", "reason",
};
enum { CSV_COLUMNS = sizeof csv_columns / sizeof *csv_columns };

struct csv_row {
    struct slice index, time, type, agent, decision_id, decision, tier, operation, command, rules, escalation_id, grant_id,
        cost_usd, policy_revision, by, status, reason;
};

static bool is_formula(struct slice text)
{
    return text.size > 0 && memchr("=+-@\t\r", text.data[0], 6) != NULL;
}

static void csv_field(struct buf *out, struct slice text)
{
    bool guarded = is_formula(text);
    size_t room = 2 * (text.size + 1) + 2, used;
    char *target;

    if (!buf_reserve(out, room))
        return;
    target = out->data + out->size;
    used = csv_write(target, room, text.data, text.size);
    if (guarded) { /* behind the opening quote */
        memmove(target + 2, target + 1, used - 1);
        target[1] = '\'';
        used++;
    }
    out->size += used;
}

static void csv_line(struct buf *out, const struct slice *fields)
{
    for (size_t i = 0; i < CSV_COLUMNS; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        csv_field(out, fields[i]);
    }
    buf_add_str(out, "\r\n");
}

static struct slice rule_names(struct arena *arena, const struct verdict *verdict)
{
    struct buf names;

    buf_create(&names, arena);
    for (size_t i = 0; i < verdict->rule_count; i++) {
        if (i > 0)
            buf_add_char(&names, ' ');
        buf_add_slice(&names, verdict->rules[i].name);
    }
    return buf_slice(&names);
}

static void decision_row(struct arena *arena, const struct decision *decision, struct csv_row *row)
{
    static const struct slice tiers[] = {{"0", 1}, {"1", 1}, {"2", 1}, {"3", 1}};
    struct buf money;

    buf_create(&money, arena);
    money_write(&money, decision->cost_micro_usd);
    row->decision_id = decision->id;
    row->decision = slice_from_str(decision_outcome_name(decision->outcome));
    row->tier = tiers[decision->verdict.tier & 3];
    row->operation = decision->request.operation;
    row->command = decision->request.command;
    row->rules = rule_names(arena, &decision->verdict);
    row->grant_id = decision->effects.grant_id;
    row->cost_usd = buf_slice(&money);
    row->policy_revision = decision->policy_revision;
}

static void event_row(const struct event *event, struct csv_row *row)
{
    static const char *const resolutions[] = {"approved", "denied", "cancelled"};

    row->by = event->by;
    switch (event->type) {
    case RECORD_OUTCOME:
        row->decision_id = event->outcome.decision_id;
        row->status = event->outcome.status;
        break;
    case RECORD_ESCALATION_RESOLVED:
        row->status = slice_from_str(resolutions[event->resolved.resolution]);
        row->reason = event->resolved.reason;
        row->grant_id = event->resolved.grant_id;
        break;
    case RECORD_DECISION_ERASED:
        row->decision_id = event->erased.decision_id;
        row->reason = event->erased.reason;
        break;
    case RECORD_RESERVATION_EXPIRED:
        row->decision_id = event->expired.decision_id;
        break;
    case RECORD_POLICY_ACTIVATED:
        row->policy_revision = event->policy.revision;
        break;
    default:
        break;
    }
}

static void term_row(struct arena *arena, const struct ledger_entry *entry, struct csv_row *row)
{
    for (size_t i = 0; i < entry->term_count; i++) {
        if (entry->terms[i].kind == LEDGER_TERM_AGENT)
            row->agent = entry->terms[i].value;
        if (entry->terms[i].kind == LEDGER_TERM_ESCALATION)
            row->escalation_id = entry->terms[i].value;
    }
    if (entry->number != LEDGER_NUMBER_NONE)
        row->escalation_id = arena_printf(arena, "ESC-%llu", (unsigned long long)entry->number);
}

static enum status csv_write_entry(struct export *export, uint64_t index, struct slice record, struct buf *out,
                                   struct error *error)
{
    char time[CLOCK_TEXT_SIZE];
    struct terms_record found = {0};
    union {
        struct csv_row row;
        struct slice fields[CSV_COLUMNS];
    } line = {0};
    enum status status = terms_of_record(export->store, index, record, &export->arena, &found, error);

    if (status != STATUS_OK)
        return status;
    clock_format(found.entry.time_ms, time);
    line.row.index = arena_printf(&export->arena, "%llu", (unsigned long long)index);
    line.row.time = slice_from(time, sizeof time);
    line.row.type = slice_from_str(record_type_name(found.entry.type));
    term_row(&export->arena, &found.entry, &line.row);
    if (found.entry.type == RECORD_DECISION)
        decision_row(&export->arena, &found.decision, &line.row);
    else
        event_row(&found.event, &line.row);
    csv_line(out, line.fields);
    if (export->arena.exhausted || out->failed)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory for entry %llu", (unsigned long long)index);
    return status;
}

_Static_assert(sizeof(struct csv_row) == CSV_COLUMNS * sizeof(struct slice), "a column has a field");

/* ---- piece by piece ---- */

enum status export_begin(struct export *export, struct store *store, uint64_t size, struct arena *arena, struct error *error)
{
    struct ledger_query *query = &export->query;
    uint64_t since = 0, until = size;
    enum status status = ledger_store_first(store, &since, error); /* what is archived is not here */

    export->store = store;
    arena_create(&export->arena, 65536, EXPORT_ROW_ARENA_MAX);
    if (!terms_query(arena, store, &export->filter, query))
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (status == STATUS_OK && query->since_ms > 0)
        status = ledger_find_time(store, size, query->since_ms, &since, error);
    if (status == STATUS_OK && query->until_ms > 0)
        status = ledger_find_time(store, size, query->until_ms, &until, error);
    query->since_ms = query->until_ms = 0; /* found once, not for every piece */
    query->from = query->from > since ? query->from : since;
    query->before = query->before < until ? query->before : until;
    query->oldest_first = true;
    query->limit = EXPORT_PIECE_ROWS;
    query->bytes_max = EXPORT_PIECE_BYTES;
    export->done = query->from >= query->before;
    return status;
}

void export_write_head(const struct export *export, struct buf *out)
{
    struct slice names[CSV_COLUMNS];

    for (size_t i = 0; i < CSV_COLUMNS; i++)
        names[i] = slice_from_str(csv_columns[i]);
    if (export->format == EXPORT_CSV)
        csv_line(out, names);
}

struct piece {
    struct export *export;
    struct buf *out;
};

static enum status add_row(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct piece *piece = context;
    struct json_writer w = {.out = piece->out};
    enum status status;

    arena_reset(&piece->export->arena);
    piece->export->rows++;
    if (piece->export->format == EXPORT_CSV)
        return csv_write_entry(piece->export, index, record, piece->out, error);
    status = export_write_entry(&w, index, record, error);
    buf_add_char(piece->out, '\n');
    return status;
}

enum status export_next(struct export *export, struct buf *out, struct error *error)
{
    struct piece piece = {.export = export, .out = out};
    uint64_t next = 0;
    enum status status = ledger_query(export->store, export->query.before, &export->query, add_row, &piece, &next, error);

    if (status != STATUS_OK)
        return status;
    export->done = next == 0;
    export->query.from = next > 0 ? next : export->query.before;
    return out->failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : STATUS_OK;
}

void export_end(struct export *export)
{
    terms_filter_destroy(&export->filter);
    arena_destroy(&export->arena);
}
