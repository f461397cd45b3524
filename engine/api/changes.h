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
/*
 * Begins a change that happens once, such as a resolution. With an Idempotency-Key the same call again, by the same caller,
 * finishes like the first with its entry's index and says Idempotency-Replayed; the key with another body is answered 422. The
 * change is one of changes_new.
 */
void changes_begin_once(struct change *change);
/* True when the change is durable. Else answers 503, or 409 with `conflict`, and returns false. */
bool changes_succeeded(struct change *change, const char *conflict);
/* The same with another status than 409. */
bool changes_succeeded_or(struct change *change, int status, const char *conflict);

#endif
