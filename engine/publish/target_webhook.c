/* A URL that takes the signed note by POST, and may give the last one back by GET. */
#include "publish/target.h"

#include <stdio.h>
#include <stdlib.h>

struct target_webhook {
    struct target base;
    struct http_client *client;
    char target[HTTP_URL_TARGET_MAX + 1];
    char token[PUBLISH_TOKEN_MAX + 1];
};

/* Why a URL that answers this to GET shows nothing, and what to do. */
static enum status shows_nothing(int status, struct error *error)
{
    const char *advice = "; mend it, and start again";

    if (status / 100 == 3)
        advice = ", and redirects are not followed: name the URL that it leads to";
    else if (status == 401 || status == 403 || status == 407)
        advice = ": --publish-token must allow to read there";
    else if (status == 405 || status == 501)
        advice = ": what was published there cannot be read back, which protects nothing";
    else if (status == 200)
        advice = " and no checkpoint of this log; name a URL that gives back what was published last";
    return error_set(error, STATUS_UNAVAILABLE, "", "it answers %d to GET%s", status, advice);
}

static bool holds_nothing(const struct http_client_answer *answer)
{
    return answer->status == 404 || answer->status == 410 || answer->status == 204 ||
           (answer->status == 200 && answer->body.size == 0);
}

/* Only a checkpoint of this log counts: what a URL answers to GET besides is nobody's promise, unless one is required. */
static enum status webhook_check(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                                 uint64_t *published, struct error *error)
{
    struct target_webhook *webhook = (struct target_webhook *)base;
    const struct http_client_request request = {
        .method = "GET", .target = slice_from_str(webhook->target), .bearer = slice_from_str(webhook->token)};
    struct http_client_answer answer;
    enum status status = http_client_call(webhook->client, &request, arena, &answer, error);

    *published = 0;
    if (status != STATUS_OK)
        return target_fault(error);
    if (holds_nothing(&answer)) {
        char how[32];

        snprintf(how, sizeof how, "it answers %d to GET", answer.status);
        return target_holds_nothing(now, how, error);
    }
    status = answer.status == 200 ? publish_compare(&now->ledger, answer.body, published, error) : STATUS_NOT_FOUND;
    if (status != STATUS_INVALID && status != STATUS_NOT_FOUND)
        return status;
    return now->required ? shows_nothing(answer.status, error) : STATUS_OK;
}

static enum status webhook_publish(struct target *base, const struct publish_checkpoint *now, struct arena *arena,
                                   struct error *error)
{
    struct target_webhook *webhook = (struct target_webhook *)base;
    const struct http_client_request request = {.method = "POST",
                                                .target = slice_from_str(webhook->target),
                                                .content_type = SLICE("text/plain; charset=utf-8"),
                                                .body = now->note,
                                                .bearer = slice_from_str(webhook->token)};
    struct http_client_answer answer;
    enum status status = http_client_call(webhook->client, &request, arena, &answer, error);

    if (status == STATUS_OK && answer.status / 100 != 2)
        return error_set(error, STATUS_UNAVAILABLE, "", "it answers %d%s", answer.status,
                         answer.status / 100 == 3 ? ", and redirects are not followed" : "");
    return status;
}

static void webhook_interrupt(struct target *base)
{
    http_client_interrupt(((struct target_webhook *)base)->client);
}

static void webhook_destroy(struct target *base)
{
    http_client_delete(((struct target_webhook *)base)->client);
    free(base);
}

enum status target_webhook_new(const struct publish_place *place, const struct publish_settings *settings, struct target **out,
                               struct error *error)
{
    static const struct target_ops ops = {webhook_check, webhook_publish, webhook_interrupt, webhook_destroy};
    const struct http_client_options options = {.ca_file = settings->ca_file, .answer_bytes_max = NOTE_BYTES_MAX};
    struct target_webhook *webhook = calloc(1, sizeof *webhook);

    if (!webhook)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    webhook->base = (struct target){&ops};
    memcpy(webhook->target, place->url.target, sizeof webhook->target);
    memcpy(webhook->token, settings->token, sizeof webhook->token);
    webhook->client = http_client_new(&place->url, &options, error);
    if (!webhook->client) {
        free(webhook);
        return error->status;
    }
    *out = &webhook->base;
    return STATUS_OK;
}
