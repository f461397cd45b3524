/*
 * Answers of the API: JSON documents, and problems from a status and its detail.
 */
#ifndef EDICT_API_REPLY_H
#define EDICT_API_REPLY_H

#include "api/api.h"

/* 200 (or another status) with a JSON body built in the call's arena. A buffer that failed is answered 503. */
void reply_json(struct api_call *call, int status, const struct buf *body);
void reply_json_with(struct api_call *call, int status, const struct buf *body, const struct http_header *headers,
                     size_t count);
/* The problem document for `error`; too_many: 429. */
void reply_error(struct api_call *call, const struct error *error);
void reply_too_many(struct api_call *call, const struct error *error);
/* A problem whose detail is text of the call's arena. `headers` may be NULL. */
void reply_problem_with(struct api_call *call, int status, struct slice detail, const struct http_header *headers,
                        size_t count);
/* A problem of a type that a specification names; `type` is its URI. */
void reply_problem_typed(struct api_call *call, int status, struct slice type, struct slice detail);
void reply_problem(struct api_call *call, int status, const char *where, const char *message);
/* What a status is in HTTP. */
int reply_http_status(enum status status);
/* "where: message", in the arena. */
struct slice reply_detail(struct arena *arena, const struct error *error);

#endif
