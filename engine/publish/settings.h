/*
 * Where checkpoints go, as the operator says it: a list of files and URLs, and a file that names witnesses. Reading only; any
 * thread.
 */
#ifndef EDICT_PUBLISH_SETTINGS_H
#define EDICT_PUBLISH_SETTINGS_H

#include "http/client.h"
#include "ledger/witness.h"

enum { PUBLISH_PLACES_MAX = 8, PUBLISH_TEXT_MAX = 512, PUBLISH_TOKEN_MAX = 4096 };

/* A file or a webhook. */
struct publish_place {
    char name[PUBLISH_TEXT_MAX]; /* what people see: without a URL's query, which may be a secret */
    char path[PUBLISH_TEXT_MAX]; /* of a file; empty: the URL counts */
    struct http_url url;
};

struct publish_settings {
    struct publish_place places[PUBLISH_PLACES_MAX];
    size_t place_count;
    struct witness witnesses[WITNESSES_MAX];
    struct http_url witness_urls[WITNESSES_MAX];
    size_t witness_count;
    size_t quorum;                     /* witnesses that make a checkpoint a witnessed one; 0: any one */
    bool required;                     /* a place that cannot be asked at the start is an error */
    char ca_file[PUBLISH_TEXT_MAX];    /* empty: the system's */
    char token[PUBLISH_TOKEN_MAX + 1]; /* of webhooks; empty: none */
};

/* "file:PATH,https://…". The error says which of them. */
enum status publish_places_parse(struct slice text, struct publish_settings *out, struct error *error) EDICT_MUST_USE;
enum status publish_witnesses_read(const char *path, struct publish_settings *out, struct error *error) EDICT_MUST_USE;
/* DENIED when others can read it. */
enum status publish_token_read(const char *path, struct publish_settings *out, struct error *error) EDICT_MUST_USE;
/* What does not go together: a quorum that cannot be reached, a token that would travel unprotected. After the others. */
enum status publish_settings_check(const struct publish_settings *settings, struct error *error) EDICT_MUST_USE;

#endif
