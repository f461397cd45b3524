#include "publish/settings.h"

#include "base/file.h"

#include <stdio.h>

/* ---- files and webhooks ---- */

static enum status add_file(struct slice path, struct publish_place *out, struct error *error)
{
    if (path.size == 0 || slice_ends_with(path, SLICE("/")))
        return error_set(error, STATUS_INVALID, "", "\"file:\" is followed by the path of a file");
    snprintf(out->path, sizeof out->path, "%.*s", SLICE_ARG(path));
    return STATUS_OK;
}

static enum status add_place(struct slice text, struct publish_settings *out, struct error *error)
{
    struct publish_place *place = &out->places[out->place_count];
    enum status status;

    if (text.size >= PUBLISH_TEXT_MAX)
        return error_set(error, STATUS_TOO_LARGE, "", "longer than %d bytes", PUBLISH_TEXT_MAX - 1);
    *place = (struct publish_place){0};
    snprintf(place->name, sizeof place->name, "%.*s", SLICE_ARG(slice_sub(text, 0, slice_find(text, '?', 0))));
    if (slice_starts_with(text, SLICE("file:")))
        status = add_file(slice_sub(text, 5, SIZE_MAX), place, error);
    else
        status = http_url_parse(text, &place->url, error);
    for (size_t i = 0; status == STATUS_OK && i < out->place_count; i++) {
        if (strcmp(out->places[i].name, place->name) == 0)
            status = error_set(error, STATUS_INVALID, "", "it is named twice");
    }
    out->place_count += status == STATUS_OK;
    return status;
}

enum status publish_places_parse(struct slice text, struct publish_settings *out, struct error *error)
{
    struct error detail = {0};

    out->place_count = 0;
    while (text.size > 0) {
        size_t comma = slice_find(text, ',', 0);
        struct slice one = slice_sub(text, 0, comma);

        text = comma == SIZE_MAX ? (struct slice){0} : slice_sub(text, comma + 1, SIZE_MAX);
        if (one.size == 0)
            continue;
        if (out->place_count == PUBLISH_PLACES_MAX)
            return error_set(error, STATUS_TOO_LARGE, "--publish", "at most %d places", PUBLISH_PLACES_MAX);
        if (add_place(one, out, &detail) != STATUS_OK)
            return error_set(error, STATUS_INVALID, "--publish", "\"%.*s\": %s; expected file:PATH, http://… or https://…",
                             (int)(one.size > 200 ? 200 : one.size), one.data, detail.message);
    }
    return STATUS_OK;
}

/* ---- witnesses ---- */

static enum status parse_urls(const char *path, struct publish_settings *out, struct error *error)
{
    struct error detail = {0};

    for (size_t i = 0; i < out->witness_count; i++) {
        struct http_url *url = &out->witness_urls[i];
        size_t size;

        if (http_url_parse(slice_from_str(out->witnesses[i].url), url, &detail) != STATUS_OK)
            return error_set(error, STATUS_INVALID, path, "the URL of %.100s: %s", out->witnesses[i].verifier.name,
                             detail.message);
        size = strlen(url->target);
        if (strchr(url->target, '?') || size + sizeof "/add-checkpoint" > sizeof url->target)
            return error_set(error, STATUS_INVALID, path, "the URL of %.100s has a query, or is too long",
                             out->witnesses[i].verifier.name);
        snprintf(url->target + (strcmp(url->target, "/") == 0 ? 0 : size), sizeof url->target - size, "/add-checkpoint");
    }
    return STATUS_OK;
}

enum status publish_witnesses_read(const char *path, struct publish_settings *out, struct error *error)
{
    struct error detail = {0};
    struct arena arena;
    struct slice text;
    enum status status;

    arena_create(&arena, 4096, 2 * WITNESS_LIST_BYTES_MAX);
    status = file_read(path, &arena, WITNESS_LIST_BYTES_MAX, &text, NULL, error);
    if (status == STATUS_OK && witness_list_parse(text, out->witnesses, &out->witness_count, &detail) != STATUS_OK)
        status = error_set(error, detail.status, path, "%s", detail.message);
    arena_destroy(&arena);
    return status == STATUS_OK ? parse_urls(path, out, error) : status;
}

/* ---- the token ---- */

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    }
    return text.size > 0;
}

enum status publish_token_read(const char *path, struct publish_settings *out, struct error *error)
{
    struct arena arena;
    struct slice text = {0};
    mode_t mode = 0;
    enum status status;

    arena_create(&arena, 4096, 4 * PUBLISH_TOKEN_MAX);
    status = file_read(path, &arena, PUBLISH_TOKEN_MAX, &text, &mode, error);
    while (slice_ends_with(text, SLICE("\n")))
        text.size--;
    if (status == STATUS_OK && (mode & 077))
        status = error_set(error, STATUS_DENIED, path, "others can read this token; chmod 600 it");
    else if (status == STATUS_OK && !is_token(text))
        status = error_set(error, STATUS_INVALID, path, "not a token: one line of visible ASCII");
    if (status == STATUS_OK)
        snprintf(out->token, sizeof out->token, "%.*s", SLICE_ARG(text));
    arena_destroy(&arena);
    return status;
}

enum status publish_settings_check(const struct publish_settings *settings, struct error *error)
{
    if (settings->required && settings->place_count == 0 && settings->witness_count == 0)
        return error_set(error, STATUS_INVALID, "--publish-required",
                         "there is nothing to ask; name places with --publish, or witnesses with --witness");
    if (settings->ca_file[0] && http_client_check_ca(settings->ca_file, error) != STATUS_OK)
        return error->status;
    if (settings->quorum > settings->witness_count)
        return error_set(error, STATUS_INVALID, "--witness-quorum", "%zu is more than the %zu witnesses that --witness names",
                         settings->quorum, settings->witness_count);
    for (size_t i = 0; i < settings->place_count && settings->token[0]; i++) {
        const struct publish_place *place = &settings->places[i];

        if (!place->path[0] && !place->url.tls && !http_url_is_loopback(&place->url))
            return error_set(error, STATUS_DENIED, "--publish", "%.200s: a token does not go over http; use https",
                             place->name);
    }
    return STATUS_OK;
}
