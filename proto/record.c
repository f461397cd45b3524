#include "proto/record.h"

#include <assert.h>
#include <stdio.h>

static const char *const record_names[RECORD_TYPE_COUNT] = {
    "decision",           "decision.outcome",    "agent.set",        "agent.usage",   "budget.raised",   "escalation.resolved",
    "escalation.expired", "reservation.expired", "policy.activated", "store.created", "ledger.restored", "ledger.key.rotated",
    "ledger.archived",    "decision.erased",
};

const char *record_type_name(enum record_type type)
{
    return record_names[type];
}

bool record_type_parse(struct slice name, enum record_type *type)
{
    for (int i = 0; i < RECORD_TYPE_COUNT; i++) {
        if (slice_equal_str(name, record_names[i])) {
            *type = (enum record_type)i;
            return true;
        }
    }
    return false;
}

static bool tenant_is_valid(struct slice tenant)
{
    if (tenant.size == 0 || tenant.size > 32)
        return false;
    for (size_t i = 0; i < tenant.size; i++) {
        char c = tenant.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

size_t record_write_header(const struct record_header *header, char out[RECORD_HEADER_MAX])
{
    struct buf line = {.data = out, .capacity = RECORD_HEADER_MAX}; /* never grows: every field is bounded */
    char time[CLOCK_TEXT_SIZE];

    assert(header->type < RECORD_TYPE_COUNT && tenant_is_valid(header->tenant));
    clock_format(header->time_ms, time);
    buf_add_str(&line, "edict/1 ");
    buf_add_str(&line, record_names[header->type]);
    buf_add_char(&line, ' ');
    buf_add_slice(&line, header->tenant);
    buf_add_char(&line, ' ');
    buf_add_u64(&line, header->semantics);
    buf_add_char(&line, ' ');
    buf_add_u64(&line, header->as_of);
    buf_add_char(&line, ' ');
    buf_add(&line, time, sizeof time);
    buf_add_char(&line, ' ');
    buf_add_u64(&line, header->number);
    buf_add_char(&line, '\n');
    assert(line.data == out);
    return line.size;
}

static struct slice next_field(struct slice *rest)
{
    size_t space = slice_find(*rest, ' ', 0);
    struct slice field = slice_sub(*rest, 0, space);

    *rest = space == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, space + 1, SIZE_MAX);
    return field;
}

/* Numbers have one spelling: no leading zeros. */
static bool parse_number(struct slice field, uint64_t max, uint64_t *out)
{
    return (field.size == 1 || (field.size > 1 && field.data[0] != '0')) && slice_to_u64(field, out) && *out <= max;
}

static bool parse_time(struct slice field, int64_t *time_ms)
{
    char again[CLOCK_TEXT_SIZE];

    if (field.size != CLOCK_TEXT_SIZE || !clock_parse(field, time_ms))
        return false;
    clock_format(*time_ms, again);
    return memcmp(again, field.data, CLOCK_TEXT_SIZE) == 0;
}

static bool parse_header(struct slice line, struct record_header *header)
{
    uint64_t semantics;

    if (!slice_equal(next_field(&line), SLICE("edict/1")) || !record_type_parse(next_field(&line), &header->type))
        return false;
    header->tenant = next_field(&line);
    if (!tenant_is_valid(header->tenant) || !parse_number(next_field(&line), UINT32_MAX, &semantics) ||
        !parse_number(next_field(&line), UINT64_MAX, &header->as_of) || !parse_time(next_field(&line), &header->time_ms) ||
        !parse_number(next_field(&line), UINT64_MAX, &header->number))
        return false;
    header->semantics = (uint32_t)semantics;
    return line.size == 0 && line.data == NULL;
}

enum status record_split(struct slice record, struct record_header *header, struct slice *body, struct error *error)
{
    size_t end = slice_find(record, '\n', 0);

    if (record.size > RECORD_BYTES_MAX || end == SIZE_MAX || !parse_header(slice_sub(record, 0, end), header))
        return error_set(error, STATUS_CORRUPT, "header", "not a record of format edict/1");
    *body = slice_sub(record, end + 1, SIZE_MAX);
    if (body->size < 2 || body->data[0] != '{' || body->data[body->size - 1] != '}')
        return error_set(error, STATUS_CORRUPT, "body", "the record's body is no JSON object");
    return STATUS_OK;
}
