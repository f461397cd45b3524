/*
 * A decision that a path names, for the resources below /v1/decisions/{id}.
 */
#ifndef EDICT_API_DECISIONS_H
#define EDICT_API_DECISIONS_H

#include "api/api.h"

/* Answers and returns false when there is none that the caller may see. */
bool decisions_find(struct api_call *call, enum decide_reading reading, struct decision *decision);

#endif
