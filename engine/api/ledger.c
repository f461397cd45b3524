#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "proto/json.h"

enum { LEDGER_PAGE_BYTES_MAX = 1024 * 1024 };

/* ---- GET /v1/ledger ---- */

void api_ledger_show(struct api_call *call)
{
    static const char *const names[] = {NULL};
    char hex[DIGEST_HEX_SIZE];
    struct digest root;
    uint64_t size;
    struct buf out;

    if (!parameters_check(call, names))
        return;
    ledger_root(call->api->shared->ledger, &size, &root);
    digest_format(&root, hex);
    buf_create(&out, call->http->arena);
    buf_printf(&out, "{\"size\":%llu,\"root\":\"%.*s\"}", (unsigned long long)size, DIGEST_HEX_SIZE, hex);
    reply_json(call, 200, &out);
}

/* ---- entries ---- */

static void write_entry(struct json_writer *w, uint64_t index, const struct record_header *header, struct slice body)
{
    char time[CLOCK_TEXT_SIZE];

    clock_format(header->time_ms, time);
    json_begin_object(w);
    json_key(w, "index");
    json_i64(w, (int64_t)index);
    json_key(w, "type");
    json_string(w, slice_from_str(record_type_name(header->type)));
    json_key(w, "time");
    json_string(w, slice_from(time, sizeof time));
    json_key(w, "number");
    json_i64(w, (int64_t)header->number);
    json_key(w, "body");
    json_raw(w, body);
    json_end_object(w);
}

static enum status ledger_write_page(struct api_call *call, uint64_t from, uint64_t limit, struct buf *out, uint64_t *next,
                                     struct error *error)
{
    struct json_writer w = {.out = out};
    enum status status = STATUS_OK;

    for (*next = from; *next - from < limit && out->size < LEDGER_PAGE_BYTES_MAX; ++*next) {
        struct record_header header;
        struct slice record, body;

        status = ledger_read(call->api->shared->ledger, *next, call->http->arena, &record, error);
        if (status == STATUS_NOT_FOUND)
            return STATUS_OK;
        if (status == STATUS_OK)
            status = record_split(record, &header, &body, error);
        if (status != STATUS_OK)
            return status;
        write_entry(&w, *next, &header, body);
    }
    return status;
}

/* GET /v1/ledger/entries?from=&limit=: entries in order, and where to go on. */
void api_ledger_entries(struct api_call *call)
{
    static const char *const names[] = {"from", "limit", NULL};
    uint64_t from = 0, limit = API_LIMIT_DEFAULT, next;
    struct buf out;
    struct error error = {0};

    if (!parameters_check(call, names) || !parameter_u64(call, "from", 0, UINT64_MAX / 2, &from) ||
        !parameter_u64(call, "limit", 1, API_LIMIT_MAX, &limit))
        return;
    buf_create(&out, call->http->arena);
    buf_add_str(&out, "{\"entries\":[");
    if (ledger_write_page(call, from, limit, &out, &next, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    buf_printf(&out, "],\"next\":%llu,\"size\":%llu}", (unsigned long long)next,
               (unsigned long long)ledger_durable(call->api->shared->ledger));
    reply_json(call, 200, &out);
}

/* GET /v1/ledger/entries/{index}: the record's exact bytes. */
void api_ledger_entry(struct api_call *call)
{
    struct slice text, record;
    uint64_t index;
    struct error error = {0};

    if (!http_path_segment(call->http, 3, &text) || !slice_to_u64(text, &index)) {
        reply_problem(call, 400, "", "the path names no entry: its index is a number from 0");
        return;
    }
    if (ledger_read(call->api->shared->ledger, index, call->http->arena, &record, &error) != STATUS_OK)
        reply_error(call, &error);
    else
        http_reply_body(call->http, 200, "application/octet-stream", record);
}
