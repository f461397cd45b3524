/* What an operator does with the running ledger: POST /v1/ledger/backup, /v1/ledger/rotate-key; GET /v1/ledger/keys. */
#include "engine/upkeep.h"
#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "state/lineage.h"

#include <stdio.h>
#include <stdlib.h>

enum { UPKEEP_PROOF_MAX = 256 * 1024 };

struct upkeep_call {
    struct work work; /* first */
    struct upkeep_request request;
    struct api_call *call;
    void (*reply)(struct upkeep_call *upkeep, struct json_writer *w);
};

static void put_text(struct json_writer *w, const char *name, struct slice text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_time(struct json_writer *w, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_ms, text);
    put_text(w, name, slice_from(text, sizeof text));
}

static void put_key(struct json_writer *w, struct arena *arena, const char *name, const struct note_verifier *key)
{
    struct buf out;

    buf_create(&out, arena);
    note_verifier_write(&out, key);
    put_text(w, name, buf_slice(&out));
}

/* ---- the way to the upkeep thread and back ---- */

static void upkeep_arrived(struct work *work)
{
    struct upkeep_call *upkeep = (struct upkeep_call *)work;
    struct buf out;
    struct json_writer w = {.out = &out};

    if (upkeep->request.status == STATUS_OK) {
        buf_create(&out, upkeep->call->http->arena);
        json_begin_object(&w);
        upkeep->reply(upkeep, &w);
        json_end_object(&w);
        reply_json(upkeep->call, 200, &out);
    } else {
        reply_error(upkeep->call, &upkeep->request.error);
    }
    free(upkeep);
}

/* In the upkeep thread. */
static void upkeep_done(struct upkeep_request *request)
{
    struct upkeep_call *upkeep = request->user;

    upkeep->work.run = upkeep_arrived;
    api_post(upkeep->call->api, &upkeep->work);
}

/* NULL after answering. */
static struct upkeep_call *upkeep_new(struct api_call *call, enum upkeep_task task,
                                      void (*reply)(struct upkeep_call *upkeep, struct json_writer *w))
{
    struct upkeep_call *upkeep = calloc(1, sizeof *upkeep);

    if (!upkeep) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    upkeep->call = call;
    upkeep->reply = reply;
    upkeep->request.task = task;
    upkeep->request.done = upkeep_done;
    upkeep->request.user = upkeep;
    snprintf(upkeep->request.by, sizeof upkeep->request.by, "admin");
    return upkeep;
}

static void upkeep_submit(struct upkeep_call *upkeep)
{
    struct api_call *call = upkeep->call;

    if (upkeep_post(call->api->shared->upkeep, &upkeep->request))
        return;
    free(upkeep);
    reply_problem(call, 503, "", "the server is stopping");
}

static bool no_parameters(struct api_call *call)
{
    static const char *const names[] = {NULL};

    return parameters_check(call, names);
}

/* ---- POST /v1/ledger/backup ---- */

static void backup_reply(struct upkeep_call *upkeep, struct json_writer *w)
{
    char root[DIGEST_HEX_SIZE];

    digest_format(&upkeep->request.root, root);
    put_text(w, "folder", slice_from_str(upkeep->request.path));
    put_text(w, "root", slice_from(root, sizeof root));
    json_key(w, "size");
    json_i64(w, (int64_t)upkeep->request.size);
}

static bool path_is_absolute(struct api_call *call, struct slice path)
{
    if (path.size > 1 && path.data[0] == '/' && path.data[path.size - 1] != '/')
        return true;
    reply_problem(call, 400, "/to", "expected the absolute path of a folder that the server makes, such as /backups/edict-1");
    return false;
}

static bool flag_is_valid(struct api_call *call, const cJSON *body, const char *name)
{
    char where[64];

    if (!json_get(body, name) || cJSON_IsBool(json_get(body, name)))
        return true;
    snprintf(where, sizeof where, "/%s", name);
    reply_problem(call, 400, where, "expected true or false");
    return false;
}

void api_ledger_backup(struct api_call *call)
{
    static const char *const names[] = {"to", "with_key", NULL};
    const cJSON *body;
    struct slice to;
    struct upkeep_call *upkeep;

    if (!no_parameters(call) || !(body = body_object(call, names, false)) || !body_text(call, body, "to", API_PATH_MAX, &to) ||
        !path_is_absolute(call, to))
        return;
    if (!flag_is_valid(call, body, "with_key"))
        return;
    upkeep = upkeep_new(call, UPKEEP_BACKUP, backup_reply);
    if (!upkeep)
        return;
    snprintf(upkeep->request.path, sizeof upkeep->request.path, "%.*s", SLICE_ARG(to));
    json_get_bool(body, "with_key", &upkeep->request.with_key);
    upkeep_submit(upkeep);
}

/* ---- POST /v1/ledger/archive ---- */

static void put_digest(struct json_writer *w, const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];

    digest_format(digest, hex);
    put_text(w, name, slice_from(hex, sizeof hex));
}

static void archive_reply(struct upkeep_call *upkeep, struct json_writer *w)
{
    const struct archive_info *info = &upkeep->request.archived;

    put_text(w, "folder", slice_from_str(upkeep->request.path));
    json_key(w, "from");
    json_i64(w, (int64_t)info->from);
    json_key(w, "to");
    json_i64(w, (int64_t)info->to);
    put_digest(w, "root", &info->root);
    put_digest(w, "manifest", &info->manifest);
}

/* Either of two ways to say how far. */
static bool read_extent(struct api_call *call, const cJSON *body, int64_t *until, int64_t *before_ms)
{
    struct slice before;

    if (!body_integer(call, body, "until", 1, INT64_MAX, until) ||
        !body_text(call, body, "before", CLOCK_TEXT_SIZE + 8, &before))
        return false;
    if (before.size > 0 && !clock_parse(before, before_ms)) {
        reply_problem(call, 400, "/before", "expected a time such as 2026-07-28T12:34:56Z");
        return false;
    }
    if ((*until > 0) != (before.size > 0))
        return true;
    reply_problem(call, 400, "", "say how far: `until`, an entry's index, or `before`, a time");
    return false;
}

void api_ledger_archive(struct api_call *call)
{
    static const char *const names[] = {"to", "until", "before", "erase_redacted", NULL};
    const cJSON *body;
    struct slice to;
    int64_t until = 0, before_ms = 0;
    struct upkeep_call *upkeep;

    if (!no_parameters(call) || !(body = body_object(call, names, false)) || !body_text(call, body, "to", API_PATH_MAX, &to) ||
        !path_is_absolute(call, to) || !read_extent(call, body, &until, &before_ms))
        return;
    if (!flag_is_valid(call, body, "erase_redacted"))
        return;
    upkeep = upkeep_new(call, UPKEEP_ARCHIVE, archive_reply);
    if (!upkeep)
        return;
    snprintf(upkeep->request.path, sizeof upkeep->request.path, "%.*s", SLICE_ARG(to));
    upkeep->request.until = (uint64_t)until;
    json_get_bool(body, "erase_redacted", &upkeep->request.erases);
    upkeep->request.before_ms = before_ms;
    upkeep_submit(upkeep);
}

/* ---- POST /v1/ledger/rotate-key ---- */

static void rotate_reply(struct upkeep_call *upkeep, struct json_writer *w)
{
    struct arena *arena = upkeep->call->http->arena;

    json_key(w, "ledger_index");
    json_i64(w, (int64_t)upkeep->request.index);
    put_key(w, arena, "new_key", &upkeep->request.new_key);
    put_key(w, arena, "old_key", &upkeep->request.old_key);
    put_time(w, "until", upkeep->request.until_ms);
}

void api_ledger_rotate_key(struct api_call *call)
{
    static const char *const names[] = {"reason", "overlap_s", NULL};
    const cJSON *body;
    struct slice reason;
    int64_t overlap_s = CUSTODY_OVERLAP_S_DEFAULT;
    struct upkeep_call *upkeep;

    if (!no_parameters(call) || !(body = body_object(call, names, true)) ||
        !body_text(call, body, "reason", EVENT_REASON_MAX, &reason) ||
        !body_integer(call, body, "overlap_s", 0, CUSTODY_OVERLAP_S_MAX, &overlap_s))
        return;
    upkeep = upkeep_new(call, UPKEEP_ROTATE_KEY, rotate_reply);
    if (!upkeep)
        return;
    upkeep->request.reason = reason;
    upkeep->request.overlap_s = overlap_s;
    upkeep_submit(upkeep);
}

/* ---- GET /v1/ledger/keys ---- */

/* The proof by which whoever knows the old key only can follow; null when it was not kept, as for another origin. */
static void put_proof(struct json_writer *w, struct api_call *call, uint64_t index)
{
    char path[FILE_PATH_MAX];
    struct slice proof;
    struct error error;

    snprintf(path, sizeof path, "%s/ledger.handover.%llu", call->api->shared->data, (unsigned long long)index);
    json_key(w, "proof");
    if (file_read(path, call->http->arena, UPKEEP_PROOF_MAX, &proof, NULL, &error) == STATUS_OK)
        json_string(w, proof);
    else
        json_null(w);
}

static void put_handover(struct json_writer *w, struct api_call *call, const struct lineage_item *item)
{
    const struct event_handover *handover = &item->event.handover;

    json_begin_object(w);
    json_key(w, "ledger_index");
    json_i64(w, (int64_t)item->index);
    put_time(w, "time", item->time_ms);
    put_text(w, "type", slice_from_str(record_type_name(item->event.type)));
    put_text(w, "old_key", handover->old_key);
    put_text(w, "new_key", handover->new_key);
    put_text(w, "reason", handover->reason);
    json_key(w, "until");
    if (item->event.type == RECORD_LEDGER_KEY_ROTATED) {
        char text[CLOCK_TEXT_SIZE];

        clock_format(handover->until_ms, text);
        json_string(w, slice_from(text, sizeof text));
    } else {
        json_null(w);
    }
    put_proof(w, call, item->index);
    json_end_object(w);
}

void api_ledger_keys(struct api_call *call)
{
    struct note_verifier verifier = checkpointer_verifier(call->api->shared->checkpointer);
    struct lineage lineage;
    struct error error = {0};
    struct buf out;
    struct json_writer w = {.out = &out};

    if (!no_parameters(call))
        return;
    if (lineage_read(ledger_store(call->api->shared->ledger), call->http->arena, &lineage, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    buf_create(&out, call->http->arena);
    json_begin_object(&w);
    put_text(&w, "origin", slice_from_str(verifier.name));
    put_key(&w, call->http->arena, "verifier_key", &verifier);
    json_key(&w, "handovers");
    json_begin_array(&w);
    for (size_t i = lineage.count; i > 0; i--) {
        if (lineage.items[i - 1].event.type != RECORD_LEDGER_ARCHIVED)
            put_handover(&w, call, &lineage.items[i - 1]);
    }
    json_end_array(&w);
    json_end_object(&w);
    reply_json(call, 200, &out);
}
