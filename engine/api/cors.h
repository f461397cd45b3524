/*
 * Pages of other origins (Fetch standard, CORS protocol; RFC 9110 for OPTIONS): off unless --allow-origin names an origin, and
 * then for exactly those. Nothing here lets anybody in: access.c refuses every other Origin.
 */
#ifndef EDICT_API_CORS_H
#define EDICT_API_CORS_H

#include "api/api.h"

/* Is this value of Origin one that --allow-origin names? */
bool cors_origin_is_allowed(const struct api_shared *shared, struct slice origin);
/* The standing headers of a call: of CORS where origins are configured, and X-Request-ID on AuthZEN's paths. Before any answer
 * of it. False (answered) when out of memory. */
bool cors_begin(struct api_call *call);
/* Answers OPTIONS: 204 with Allow, and what a preflight asks for. `allowed` are the methods of the resource. */
void cors_reply_options(struct api_call *call, struct slice allowed);

#endif
