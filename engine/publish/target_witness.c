/* A witness: it cosigns a checkpoint once it has seen that the log has only grown (C2SP tlog-witness). */
#include "ledger/proof.h"
#include "publish/target.h"

#include <stdlib.h>
#include <time.h>

enum { WITNESS_TRIES = 4, WITNESS_ANSWER_BYTES_MAX = 64 * 1024 };

struct target_witness {
    struct target base;
    struct http_client *client;
    struct note_verifier verifier;
    char target[HTTP_URL_TARGET_MAX + 1];
    uint64_t known; /* the size that it cosigned last, as far as we know */
    target_cosigned_f cosigned;
    void *context;
};

static enum status ask(struct target_witness *witness, const struct publish_checkpoint *now, struct arena *arena,
                       struct http_client_answer *answer, struct error *error)
{
    struct http_client_request request = {
        .method = "POST", .target = slice_from_str(witness->target), .content_type = SLICE("text/plain; charset=utf-8")};
    struct proof proof;
    struct buf body;
    enum status status = proof_consistency(now->ledger.store, witness->known, now->ledger.size, &proof, error);

    if (status != STATUS_OK)
        return status;
    buf_create(&body, arena);
    witness_request_write(&body, witness->known, &proof, now->note);
    if (body.failed)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    request.body = buf_slice(&body);
    return http_client_call(witness->client, &request, arena, answer, error) == STATUS_OK ? STATUS_OK : target_fault(error);
}

static enum status take_cosignature(struct target_witness *witness, const struct publish_checkpoint *now, struct slice body,
                                    struct arena *arena, struct error *error)
{
    struct slice line;
    struct note note;
    uint64_t time_s;
    enum status status = note_parse(arena, now->note, &note, error);

    if (status == STATUS_OK)
        status =
            witness_cosignature_read(arena, body, note.text, &witness->verifier, (uint64_t)time(NULL), &line, &time_s, error);
    if (status != STATUS_OK)
        return target_fault(error);
    witness->known = now->ledger.size;
    witness->cosigned(witness->context, now->ledger.size, line);
    return STATUS_OK;
}

/* 409: the witness knows another size than we thought. */
static enum status take_size(struct target_witness *witness, const struct publish_checkpoint *now,
                             const struct http_client_answer *answer, struct error *error)
{
    uint64_t size;

    if (!slice_equal(answer->content_type, SLICE("text/x.tlog.size")) || !witness_size_parse(answer->body, &size) ||
        size == witness->known)
        return error_set(error, STATUS_UNAVAILABLE, "", "it answers 409 without the size that it knows");
    if (size > now->ledger.size)
        return publish_is_shorter(now->ledger.size, size, error);
    witness->known = size;
    return STATUS_OK;
}

static enum status refusal(const struct target_witness *witness, int status, struct error *error)
{
    switch (status) {
    case 422:
        if (witness->known > 0)
            return publish_is_different(witness->known, error);
        break;
    case 404:
        return error_set(error, STATUS_UNAVAILABLE, "", "it does not know this log; give it the log's verifier key");
    case 403:
        return error_set(error, STATUS_UNAVAILABLE, "", "it does not trust the log's key; give it the log's verifier key");
    }
    return error_set(error, STATUS_UNAVAILABLE, "", "it answers %d%s", status,
                     status / 100 == 3 ? ", and redirects are not followed" : "");
}

static enum status witness_publish(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                                   struct error *error)
{
    struct target_witness *witness = (struct target_witness *)base;
    struct http_client_answer answer;
    enum status status = STATUS_OK;

    for (int i = 0; i < WITNESS_TRIES && status == STATUS_OK; i++) {
        if (witness->known > now->ledger.size)
            return publish_is_shorter(now->ledger.size, witness->known, error);
        status = ask(witness, now, arena, &answer, error);
        if (status == STATUS_OK && answer.status == 200)
            return take_cosignature(witness, now, answer.body, arena, error);
        if (status == STATUS_OK)
            status = answer.status == 409 ? take_size(witness, now, &answer, error) : refusal(witness, answer.status, error);
    }
    return status == STATUS_OK ? error_set(error, STATUS_UNAVAILABLE, "", "it keeps changing the size that it knows") : status;
}

/* A witness is asked by publishing: it tells its size where it is not the one named, and refuses what does not continue it. */
static enum status witness_check(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                                 uint64_t *published, struct error *error)
{
    enum status status = witness_publish(base, now, arena, error);

    *published = status == STATUS_OK ? now->ledger.size : 0;
    return status;
}

static void witness_interrupt(struct target *base)
{
    http_client_interrupt(((struct target_witness *)base)->client);
}

static void witness_destroy(struct target *base)
{
    http_client_delete(((struct target_witness *)base)->client);
    free(base);
}

enum status target_witness_new(const struct witness *settings, const struct http_url *url, const char *ca_file,
                               target_cosigned_f cosigned, void *context, struct target **out, struct error *error)
{
    static const struct target_ops ops = {witness_check, witness_publish, witness_interrupt, witness_destroy};
    const struct http_client_options options = {.ca_file = ca_file, .answer_bytes_max = WITNESS_ANSWER_BYTES_MAX};
    struct target_witness *witness = calloc(1, sizeof *witness);

    if (!witness)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    *witness =
        (struct target_witness){.base = {&ops}, .verifier = settings->verifier, .cosigned = cosigned, .context = context};
    memcpy(witness->target, url->target, sizeof witness->target);
    witness->client = http_client_new(url, &options, error);
    if (!witness->client) {
        free(witness);
        return error->status;
    }
    *out = &witness->base;
    return STATUS_OK;
}
