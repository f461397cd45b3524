/*
 * Changes at the doors: what PUT and POST of the resources share around struct change.
 */
#ifndef EDICT_API_CHANGES_H
#define EDICT_API_CHANGES_H

#include "api/api.h"
#include "engine/change.h"

/* A change of this call, in its arena, that comes back to this worker; NULL (answered) when out of memory. change->user is the
 * call. */
struct change *changes_new(struct api_call *call, void (*finished)(struct change *change));
/* True when the change is durable. Else answers 503, or 409 with `conflict`, and returns false. */
bool changes_succeeded(struct change *change, const char *conflict);

#endif
