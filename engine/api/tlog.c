/*
 * The log for auditors, in C2SP's formats and paths: verifier key, signed checkpoint, tiles, entry bundles, proofs. All of it
 * can be checked with other people's tools.
 */
#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "ledger/checkpointer.h"
#include "ledger/tlog_proof.h"
#include "ledger/witness.h"
#include "publish/publisher.h"

#include <endian.h>

enum { TILE_WIDTH = 256, TILE_LEVEL_MAX = 7, TILE_SEGMENTS_MAX = 10, TILE_PATH_AT = 4 };

static const char text_plain[] = "text/plain; charset=utf-8";

static bool no_parameters(struct api_call *call)
{
    static const char *const names[] = {NULL};

    return parameters_check(call, names);
}

static void reply_text(struct api_call *call, const struct buf *text)
{
    if (text->failed)
        reply_problem(call, 503, "", "out of memory; try again");
    else
        http_reply_body(call->http, 200, text_plain, buf_slice(text));
}

/* ---- key and checkpoint ---- */

void api_ledger_key(struct api_call *call)
{
    struct note_verifier verifier;
    struct buf out;

    if (!no_parameters(call))
        return;
    verifier = checkpointer_verifier(call->api->shared->checkpointer);
    buf_create(&out, call->http->arena);
    note_verifier_write(&out, &verifier);
    buf_add_char(&out, '\n');
    reply_text(call, &out);
}

/* ?cosigned=yes asks for the newest checkpoint that has its quorum of cosignatures; without it the newest of all is meant. */
static bool read_cosigned(struct api_call *call, bool *cosigned)
{
    struct slice text;

    if (!parameter_text(call, "cosigned", &text))
        return false;
    *cosigned = slice_equal(text, SLICE("yes"));
    if (*cosigned || text.size == 0 || slice_equal(text, SLICE("no")))
        return true;
    reply_problem(call, 400, "cosigned", "expected yes or no");
    return false;
}

static bool cosigned_checkpoint(struct api_call *call, struct slice *bytes, uint64_t *size)
{
    const struct http_header retry = {SLICE("Retry-After"), SLICE("1")};
    struct error error = {0};

    if (publisher_witnessed(call->api->shared->publisher, call->http->arena, bytes, size, &error) == STATUS_OK)
        return true;
    http_reply_problem(call->http, error.status == STATUS_NOT_FOUND ? 404 : 503, slice_from_str(error.message), &retry, 1);
    return false;
}

/* With the cosignatures that there are for it. */
static bool last_checkpoint(struct api_call *call, bool cosigned, struct slice *bytes, uint64_t *size)
{
    struct buf out;

    if (cosigned)
        return cosigned_checkpoint(call, bytes, size);
    buf_create(&out, call->http->arena);
    if (checkpointer_get(call->api->shared->checkpointer, call->http->arena, bytes, size)) {
        buf_add_slice(&out, *bytes);
        publisher_cosign(call->api->shared->publisher, *size, &out);
        *bytes = buf_slice(&out);
        if (!out.failed)
            return true;
    }
    reply_problem(call, 503, "", "out of memory; try again");
    return false;
}

static const char *const cosigned_names[] = {"cosigned", NULL};

void api_ledger_checkpoint(struct api_call *call)
{
    struct slice bytes;
    uint64_t size;
    bool cosigned;

    if (parameters_check(call, cosigned_names) && read_cosigned(call, &cosigned) &&
        last_checkpoint(call, cosigned, &bytes, &size))
        http_reply_body(call->http, 200, text_plain, bytes);
}

/* ---- proofs ---- */

/* The entry is durable, and its checkpoint on the way. */
static void reply_not_covered(struct api_call *call, uint64_t index, bool cosigned)
{
    const struct http_header retry = {SLICE("Retry-After"), SLICE("1")};
    struct slice detail =
        arena_printf(call->http->arena, "entry %llu is not in a %s checkpoint yet; one %s", (unsigned long long)index,
                     cosigned ? "witnessed" : "signed", cosigned ? "comes when the witnesses answer" : "comes within a second");

    http_reply_problem(call->http, 503, detail, &retry, 1);
}

void api_ledger_proof(struct api_call *call)
{
    struct ledger *ledger = call->api->shared->ledger;
    struct slice text, checkpoint;
    struct proof proof;
    struct error error = {0};
    struct buf out;
    uint64_t index, size;
    bool cosigned;

    if (!parameters_check(call, cosigned_names) || !read_cosigned(call, &cosigned) ||
        !last_checkpoint(call, cosigned, &checkpoint, &size))
        return;
    if (!http_path_segment(call->http, 3, &text) || !slice_to_u64(text, &index)) {
        reply_problem(call, 400, "", "the path names no entry: its index is a number from 0");
    } else if (index >= ledger_durable(ledger)) {
        reply_problem(call, 404, "", "there is no such entry");
    } else if (index >= size) {
        reply_not_covered(call, index, cosigned);
    } else if (proof_inclusion(ledger_store(ledger), index, size, &proof, &error) != STATUS_OK) {
        reply_error(call, &error);
    } else {
        buf_create(&out, call->http->arena);
        tlog_proof_write(&out, index, &proof, checkpoint);
        reply_text(call, &out);
    }
}

/* GET /v1/ledger/consistency?from=N: in the form that witnesses take (C2SP tlog-witness): "old N", the proof, the checkpoint.
 */
void api_ledger_consistency(struct api_call *call)
{
    static const char *const names[] = {"from", NULL};
    struct proof proof;
    struct error error = {0};
    struct slice checkpoint;
    uint64_t from = 0, size;
    struct buf out;

    if (!parameters_check(call, names) || !parameter_u64(call, "from", 0, UINT64_MAX / 2, &from) ||
        !last_checkpoint(call, false, &checkpoint, &size))
        return;
    if (proof_consistency(ledger_store(call->api->shared->ledger), from, size, &proof, &error) != STATUS_OK) {
        reply_error(call, &error);
        return;
    }
    buf_create(&out, call->http->arena);
    witness_request_write(&out, from, &proof, checkpoint);
    reply_text(call, &out);
}

/* ---- tiles and bundles ---- */

/* Full ones never change. */
static void reply_tile(struct api_call *call, unsigned width, const struct slice *pieces, size_t count)
{
    const struct http_header cached = {SLICE("Cache-Control"), SLICE("private, max-age=31536000, immutable")};
    const struct http_reply reply = {.status = 200,
                                     .content_type = SLICE("application/octet-stream"),
                                     .headers = &cached,
                                     .header_count = width == TILE_WIDTH ? 1 : 0,
                                     .body = pieces,
                                     .body_count = count};

    http_reply(call->http, &reply);
}

static void reply_bundle(struct api_call *call, uint64_t number, unsigned width)
{
    struct slice *pieces = arena_array(call->http->arena, (size_t)2 * width, sizeof *pieces);
    uint16_t *sizes = arena_array(call->http->arena, width, sizeof *sizes);
    struct error error = {0};

    if (!pieces || !sizes) {
        reply_problem(call, 503, "", "out of memory; try again");
        return;
    }
    for (unsigned i = 0; i < width; i++) {
        struct slice record;

        if (ledger_read(call->api->shared->ledger, number * TILE_WIDTH + i, call->http->arena, &record, &error) != STATUS_OK) {
            reply_error(call, &error);
            return;
        }
        sizes[i] = htobe16((uint16_t)record.size); /* records are at most 65,535 bytes */
        pieces[(size_t)2 * i] = slice_from(&sizes[i], sizeof sizes[i]);
        pieces[(size_t)2 * i + 1] = record;
    }
    reply_tile(call, width, pieces, (size_t)2 * width);
}

static void reply_hashes(struct api_call *call, unsigned level, uint64_t number, unsigned width)
{
    struct slice hashes;
    struct error error = {0};

    if (proof_tile(ledger_store(call->api->shared->ledger), level, number, width, call->http->arena, &hashes, &error) !=
        STATUS_OK)
        reply_error(call, &error);
    else
        reply_tile(call, width, &hashes, 1);
}

/* The segments after the level, in order. */
static bool read_path(struct api_call *call, struct slice *level, uint64_t *number, unsigned *width)
{
    struct slice segments[TILE_SEGMENTS_MAX];
    size_t all = http_path_segment_count(call->http), count = 0;

    if (all <= TILE_PATH_AT || all - TILE_PATH_AT > TILE_SEGMENTS_MAX ||
        !http_path_segment(call->http, TILE_PATH_AT - 1, level))
        return false;
    for (size_t i = TILE_PATH_AT; i < all; i++) {
        if (!http_path_segment(call->http, i, &segments[count++]))
            return false;
    }
    return tlog_tile_path_parse(segments, count, number, width);
}

/* GET /v1/ledger/tile/L/N[.p/W] and /v1/ledger/tile/entries/N[.p/W]. */
void api_ledger_tile(struct api_call *call)
{
    struct slice level_text;
    uint64_t level = 0, number, have;
    unsigned width;
    bool entries;

    if (!no_parameters(call))
        return;
    if (!read_path(call, &level_text, &number, &width)) {
        reply_problem(call, 400, "", "not a path of a tile: /v1/ledger/tile/0/x001/067, /v1/ledger/tile/entries/067.p/8");
        return;
    }
    entries = slice_equal(level_text, SLICE("entries"));
    if (!entries && (!slice_to_u64(level_text, &level) || level > TILE_LEVEL_MAX || level_text.size != 1)) {
        reply_problem(call, 400, "", "a tile's level is 0 to 7, or \"entries\"");
        return;
    }
    have = ledger_durable(call->api->shared->ledger) >> (8 * level);
    if (number > have / TILE_WIDTH || number * TILE_WIDTH + width > have) {
        reply_problem(call, 404, "", "the log is not that large yet");
        return;
    }
    if (entries)
        reply_bundle(call, number, width);
    else
        reply_hashes(call, (unsigned)level, number, width);
}
