/*
 * Who may call: the checks that come before any resource. Local mode: listeners are on loopback or a Unix-domain socket; the
 * admin token makes an admin, its absence an agent by name; nothing that a browser sends from another site gets through (Host,
 * Origin, Sec-Fetch-Site).
 */
#ifndef EDICT_API_ACCESS_H
#define EDICT_API_ACCESS_H

#include "api/api.h"

/* Sets role and agent, or answers the call with a problem and returns false. */
bool access_check(struct api_call *call);
/* Does this call carry the admin token? For before its body is there; answers nothing. */
bool access_is_admin(const struct api_shared *shared, const struct http_call *http);
/* Answers 401: this needs the admin token. */
void access_require_admin(struct api_call *call);
/* Before `what` is looked up: an agent that does not name itself gets 401, whether it is there or not. */
bool access_names_agent(struct api_call *call, const char *what);
/* May the caller see what belongs to `owner`? An agent has to name itself. Never tells apart "not yours" and "not there":
 * answers 404 with `what`, and returns false. */
bool access_owns(struct api_call *call, struct slice owner, const char *what);

#endif
