/* Where checkpoints have gone: GET /v1/ledger/publishing, and the same as metrics. */
#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "proto/json.h"
#include "publish/publisher.h"

static void write_target(struct json_writer *w, const struct publish_status *status)
{
    char time[CLOCK_TEXT_SIZE];

    clock_format(status->time_ms, time);
    json_begin_object(w);
    json_key(w, "kind");
    json_string(w, slice_from_str(status->kind));
    json_key(w, "name");
    json_string(w, slice_from_str(status->name));
    json_key(w, "state");
    json_string(w, slice_from_str(publish_state_name(status->state)));
    json_key(w, "size");
    json_i64(w, (int64_t)status->size);
    json_key(w, "time");
    if (status->time_ms > 0)
        json_string(w, slice_from(time, sizeof time));
    else
        json_null(w);
    json_key(w, "successes");
    json_i64(w, (int64_t)status->successes);
    json_key(w, "failures");
    json_i64(w, (int64_t)status->failures);
    json_key(w, "error");
    if (status->message[0])
        json_string(w, slice_from_str(status->message));
    else
        json_null(w);
    json_end_object(w);
}

static void write_totals(struct json_writer *w, const struct publish_totals *totals)
{
    json_key(w, "witnesses");
    json_i64(w, (int64_t)totals->witnesses);
    json_key(w, "quorum");
    json_i64(w, (int64_t)totals->quorum);
    json_key(w, "witnessed");
    if (totals->witnessed_size == 0) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key(w, "size");
    json_i64(w, (int64_t)totals->witnessed_size);
    json_key(w, "cosignatures");
    json_i64(w, (int64_t)totals->witnessed_count);
    json_end_object(w);
}

void api_ledger_publishing(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct publisher *publisher = call->api->shared->publisher;
    struct publish_totals totals;
    struct publish_status status;
    struct buf out;
    struct json_writer w = {.out = &out};

    if (!parameters_check(call, names))
        return;
    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    json_key(&w, "targets");
    json_begin_array(&w);
    for (size_t i = 0; publisher_status(publisher, i, &status); i++)
        write_target(&w, &status);
    json_end_array(&w);
    publisher_totals(publisher, &totals);
    write_totals(&w, &totals);
    json_end_object(&w);
    reply_json(call, 200, &out);
}

/* ---- metrics ---- */

static void write_label(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

enum published { PUBLISHED_UP, PUBLISHED_CONFLICT, PUBLISHED_SIZE, PUBLISHED_TIME, PUBLISHED_FAILURES, PUBLISHED_COUNT };

static void write_value(struct buf *out, enum published what, const struct publish_status *status)
{
    switch (what) {
    case PUBLISHED_UP:
        buf_add_char(out, status->state == PUBLISH_WORKS ? '1' : '0');
        break;
    case PUBLISHED_CONFLICT:
        buf_add_char(out, status->state == PUBLISH_CONFLICTS ? '1' : '0');
        break;
    case PUBLISHED_SIZE:
        buf_add_u64(out, status->size);
        break;
    case PUBLISHED_TIME:
        buf_printf(out, "%.3f", (double)status->time_ms / 1000.0);
        break;
    case PUBLISHED_FAILURES:
    case PUBLISHED_COUNT:
        buf_add_u64(out, status->failures);
        break;
    }
}

void publishing_write_metrics(struct buf *out, const struct api_shared *shared)
{
    static const struct {
        const char *family, *type, *suffix, *help;
    } metrics[PUBLISHED_COUNT] = {
        {"edict_publish_up", "gauge", "", "1 where the last attempt to publish there worked."},
        {"edict_publish_conflict", "gauge", "", "1 where what is published cannot come from this ledger's past."},
        {"edict_publish_size", "gauge", "", "Entries of the checkpoint that is published there."},
        {"edict_publish_timestamp_seconds", "gauge", "", "When that was published; 0 for never."},
        {"edict_publish_failures", "counter", "_total", "Attempts that failed."},
    };
    struct publish_status status;
    struct publish_totals totals;

    for (int what = 0; what < PUBLISHED_COUNT; what++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[what].family, metrics[what].help, metrics[what].family,
                   metrics[what].type);
        for (size_t i = 0; publisher_status(shared->publisher, i, &status); i++) {
            buf_printf(out, "%s%s{kind=\"%s\",target=\"", metrics[what].family, metrics[what].suffix, status.kind);
            write_label(out, status.name);
            buf_add_str(out, "\"} ");
            write_value(out, (enum published)what, &status);
            buf_add_char(out, '\n');
        }
    }
    publisher_totals(shared->publisher, &totals);
    buf_printf(out,
               "# HELP edict_witnessed_size Entries of the newest checkpoint that has its quorum of cosignatures.\n"
               "# TYPE edict_witnessed_size gauge\nedict_witnessed_size %llu\n",
               (unsigned long long)totals.witnessed_size);
}
