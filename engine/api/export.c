/*
 * GET /v1/ledger/export: a stream of rows, a piece at a time. The next piece is made when the last one has left, so that a slow
 * reader costs one piece of memory and no time; between pieces the worker serves others. A stream that ends in order is
 * complete; one that cannot go on is cut, so that the reader sees it.
 */
#include "engine/export.h"

#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "api/search.h"

enum { EXPORT_WRITE_BYTES = 64 * 1024, EXPORT_PIECE_ARENA_MAX = 64 << 20 };

/* In the call's arena. */
struct export_stream {
    struct api_call *call;
    struct export export;
    struct arena arena; /* of the piece */
    struct slice left;  /* of the piece, not written yet */
    struct work work;   /* the next turn */
    bool with_head;     /* the line of column names */
    bool posted, aborted, draining;
};

static void stream_finish(struct export_stream *stream, bool complete)
{
    struct http_call *http = stream->call->http;

    export_end(&stream->export);
    arena_destroy(&stream->arena);
    http->on_abort = http->on_drain = http->on_writable = NULL;
    if (complete)
        http_stream_end(http);
    else
        http_stream_cut(http);
}

static bool stream_make_piece(struct export_stream *stream, bool with_head)
{
    struct buf piece;
    struct error error = {0};
    enum status status = STATUS_OK;

    arena_reset(&stream->arena);
    buf_create(&piece, &stream->arena);
    if (with_head)
        export_write_head(&stream->export, &piece);
    if (!stream->export.done)
        status = export_next(&stream->export, &piece, &error);
    stream->left = buf_slice(&piece);
    if (status != STATUS_OK)
        log_event(stream->call->api->shared->log, LOG_ERROR, "an export was cut", LOG_S("error", error.message));
    return status == STATUS_OK && !piece.failed;
}

/* Written, and the rest follows when it has left. False: the reader has gone. */
static bool stream_write(struct export_stream *stream)
{
    struct slice part = slice_sub(stream->left, 0, EXPORT_WRITE_BYTES);

    stream->left = slice_sub(stream->left, part.size, SIZE_MAX);
    return http_stream_write(stream->call->http, part) == STATUS_OK;
}

static void stream_continue(struct work *work);

/* What was written may leave at once, and then nobody calls: so a look at it follows behind what else there is to do. */
static void stream_post(struct export_stream *stream)
{
    stream->posted = true;
    stream->work.run = stream_continue;
    api_post(stream->call->api, &stream->work);
}

static void stream_turn(struct export_stream *stream, bool with_head)
{
    if (stream->left.size == 0 && !with_head && stream->export.done)
        stream_finish(stream, true);
    else if (stream->left.size == 0 && !stream_make_piece(stream, with_head))
        stream_finish(stream, false);
    else if (stream->left.size > 0 && !stream_write(stream))
        stream_finish(stream, false);
    else
        stream_post(stream);
}

static void stream_continue(struct work *work)
{
    struct export_stream *stream = (struct export_stream *)(void *)((char *)work - offsetof(struct export_stream, work));

    stream->posted = false;
    if (stream->aborted || stream->draining)
        stream_finish(stream, false);
    else if (http_stream_pending(stream->call->http) == 0)
        stream_turn(stream, false);
}

static struct export_stream *stream_of(struct http_call *http)
{
    return ((struct api_call *)http->user)->user;
}

static void stream_writable(struct http_call *http)
{
    struct export_stream *stream = stream_of(http);

    if (!stream->posted)
        stream_turn(stream, false);
}

/* The posted turn, where one is on its way, still points here. */
static void stream_aborted(struct http_call *http)
{
    struct export_stream *stream = stream_of(http);

    stream->aborted = true;
    if (!stream->posted)
        stream_finish(stream, false);
}

static void stream_draining(struct http_call *http)
{
    struct export_stream *stream = stream_of(http);

    stream->draining = true;
    if (!stream->posted)
        stream_finish(stream, false);
}

static bool export_parse(struct api_call *call, struct export_stream *stream)
{
    static const char *const names[] = {SEARCH_NAMES, "type", "format", "header", "from", "to", NULL};
    uint64_t size = ledger_durable(call->api->shared->ledger), from = 0, to = size;
    struct search search = {.query = {.before = UINT64_MAX}};
    struct slice format, header;

    if (!parameters_check(call, names) || !parameter_text(call, "format", &format) ||
        !parameter_text(call, "header", &header) || !parameter_u64(call, "from", 0, UINT64_MAX / 2, &from) ||
        !parameter_u64(call, "to", 0, UINT64_MAX / 2, &to) || !search_read(call, &search))
        return false;
    if (format.size > 0 && !export_format_parse(format, &stream->export.format)) {
        reply_problem(call, 400, "format", "expected jsonl or csv");
        return false;
    }
    if (header.size > 0 && !slice_equal(header, SLICE("present")) && !slice_equal(header, SLICE("absent"))) {
        reply_problem(call, 400, "header", "expected present or absent");
        return false;
    }
    stream->with_head = stream->export.format == EXPORT_CSV && !slice_equal(header, SLICE("absent"));
    stream->export.filter = search.filter;
    stream->export.query = search.query;
    stream->export.query.from = from;
    stream->export.query.before = to < size ? to : size;
    return true;
}

static void stream_start(struct export_stream *stream)
{
    struct http_call *http = stream->call->http;
    const struct ledger_query *query = &stream->export.query;
    const struct http_header range[] = {
        {SLICE("Edict-Export-Begin"), arena_printf(http->arena, "%llu", (unsigned long long)query->from)},
        {SLICE("Edict-Export-End"), arena_printf(http->arena, "%llu", (unsigned long long)query->before)}};
    const struct http_reply reply = {.status = 200,
                                     .content_type = stream->export.format == EXPORT_CSV ? SLICE("text/csv; charset=utf-8")
                                                                                         : SLICE("application/jsonl"),
                                     .headers = range,
                                     .header_count = range[0].value.data && range[1].value.data ? 2 : 0};

    stream->call->user = stream;
    http->on_abort = stream_aborted;
    http->on_drain = stream_draining;
    http->on_writable = stream_writable;
    http_stream_begin(http, &reply);
    if (http->method == HTTP_METHOD_HEAD)
        stream_finish(stream, true);
    else
        stream_turn(stream, stream->with_head);
}

void api_ledger_export(struct api_call *call)
{
    struct export_stream *stream = arena_zalloc(call->http->arena, sizeof *stream);
    struct ledger *ledger = call->api->shared->ledger;
    struct error error = {0};

    if (!stream) {
        reply_problem(call, 503, "", "out of memory; try again");
        return;
    }
    stream->call = call;
    if (!export_parse(call, stream))
        return;
    if (export_begin(&stream->export, ledger_store(ledger), stream->export.query.before, call->http->arena, &error) !=
        STATUS_OK) {
        export_end(&stream->export);
        reply_error(call, &error);
        return;
    }
    arena_create(&stream->arena, EXPORT_WRITE_BYTES, EXPORT_PIECE_ARENA_MAX);
    stream_start(stream);
}
