#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "api/search.h"
#include "engine/export.h"

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
    buf_printf(&out, "{\"size\":%llu,\"root\":\"%.*s\",\"archived\":%llu}", (unsigned long long)size, DIGEST_HEX_SIZE, hex,
               (unsigned long long)ledger_first(call->api->shared->ledger, NULL));
    reply_json(call, 200, &out);
}

/* ---- entries ---- */

struct entries_page {
    struct json_writer w;
    uint64_t *indices; /* of `last`, newest first */
    size_t count;
};

struct entries_parameters {
    uint64_t from, limit, last, wait_s;
};

static enum status entries_write(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct entries_page *page = context;

    return export_write_entry(&page->w, index, record, error);
}

static enum status entries_note(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct entries_page *page = context;

    (void)record;
    (void)error;
    page->indices[page->count++] = index;
    return STATUS_OK;
}

/* In order, from a place on. */
static enum status entries_from(struct api_call *call, struct search *search, const struct entries_parameters *parameters,
                                uint64_t size, struct entries_page *page, uint64_t *next, struct error *error)
{
    enum status status;

    search->query.from = parameters->from;
    search->query.oldest_first = true;
    search->query.limit = parameters->limit;
    search->query.bytes_max = LEDGER_PAGE_BYTES_MAX;
    status = ledger_query(ledger_store(call->api->shared->ledger), size, &search->query, entries_write, page, next, error);
    if (*next == 0)
        *next = size > parameters->from ? size : parameters->from;
    return status;
}

/* The newest ones, in order. */
static enum status entries_last(struct api_call *call, struct search *search, const struct entries_parameters *parameters,
                                uint64_t size, struct entries_page *page, struct error *error)
{
    struct ledger *ledger = call->api->shared->ledger;
    uint64_t next;
    enum status status;

    page->indices = arena_array(call->http->arena, parameters->last, sizeof *page->indices);
    if (!page->indices)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory; ask for fewer entries");
    search->query.limit = parameters->last;
    search->query.bytes_max = LEDGER_PAGE_BYTES_MAX;
    status = ledger_query(ledger_store(ledger), size, &search->query, entries_note, page, &next, error);
    for (size_t i = page->count; i > 0 && status == STATUS_OK; i--) {
        struct slice record;

        status = ledger_read(ledger, page->indices[i - 1], call->http->arena, &record, error);
        if (status == STATUS_OK)
            status = entries_write(page, page->indices[i - 1], record, error);
    }
    return status;
}

static bool entries_parse(struct api_call *call, struct entries_parameters *out)
{
    static const char *const names[] = {SEARCH_NAMES, "type", "from", "limit", "last", "wait", NULL};

    *out = (struct entries_parameters){.limit = API_LIMIT_DEFAULT};
    if (!parameters_check(call, names) || !parameter_u64(call, "from", 0, UINT64_MAX / 2, &out->from) ||
        !parameter_u64(call, "limit", 1, API_LIMIT_MAX, &out->limit) ||
        !parameter_u64(call, "last", 1, API_LIMIT_MAX, &out->last) ||
        !parameter_u64(call, "wait", 0, API_WAIT_S_MAX, &out->wait_s))
        return false;
    if (out->last == 0 || (out->from == 0 && out->wait_s == 0))
        return true;
    reply_problem(call, 400, "last", "goes with neither from nor wait");
    return false;
}

static void entries_answer(struct api_call *call, bool may_wait);

static void entries_resume(struct api_call *call)
{
    entries_answer(call, false);
}

static void entries_answer(struct api_call *call, bool may_wait)
{
    struct entries_parameters parameters;
    struct entries_page page = {.count = 0};
    struct search search;
    struct buf out;
    struct error error = {0};
    uint64_t size = ledger_durable(call->api->shared->ledger), next = size;
    enum status status;

    if (!entries_parse(call, &parameters) || !search_parse(call, &search, (struct slice){0}))
        return;
    buf_create(&out, call->http->arena);
    page.w.out = &out;
    buf_add_str(&out, "{\"entries\":[");
    status = parameters.last > 0 ? entries_last(call, &search, &parameters, size, &page, &error)
                                 : entries_from(call, &search, &parameters, size, &page, &next, &error);
    search_end(&search);
    if (status != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    if (may_wait && parameters.wait_s > 0 && !page.w.comma && next >= size) {
        waiters_add_growth(call, next > size ? next : size, (unsigned)parameters.wait_s, entries_resume);
        return;
    }
    buf_printf(&out, "],\"next\":%llu,\"size\":%llu,\"archived\":%llu}", (unsigned long long)next, (unsigned long long)size,
               (unsigned long long)ledger_first(call->api->shared->ledger, NULL));
    reply_json(call, 200, &out);
}

/* GET /v1/ledger/entries: entries in order, and where to go on; `wait`: until there is one. */
void api_ledger_entries(struct api_call *call)
{
    entries_answer(call, !http_worker_is_draining(call->api->http));
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
