/*
 * Conditional requests (RFC 9110, section 13): entity tags of agents, which are their versions. What is asked of a change is
 * checked when it is committed, not when it is read; see STATE_AGENT_* of state.h.
 */
#ifndef EDICT_API_CONDITIONS_H
#define EDICT_API_CONDITIONS_H

#include "api/api.h"

/* The entity tag of a version, in the call's arena. */
struct slice conditions_tag(struct api_call *call, uint64_t version);
/* What If-Match and If-None-Match ask of the agent to be changed: a version, or one of STATE_AGENT_*. Answers 400 and returns
 * false when it cannot be told. */
bool conditions_of_change(struct api_call *call, uint64_t *version);
/* Has the caller this version already (If-None-Match of a GET)? Then 304 is the answer. */
bool conditions_seen(const struct api_call *call, uint64_t version);

#endif
