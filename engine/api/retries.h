/*
 * What was done under which Idempotency-Key, for changes that happen once anyway (an outcome, a resolution, an access request):
 * a client whose answer was lost sends the call again and gets the same answer instead of a conflict. A memory of the process:
 * after a restart, or once pushed out by newer ones, the retry of such a change is a conflict again, and never happens twice.
 * (POST /v1/evaluate keeps its keys in the ledger.) Any thread.
 */
#ifndef EDICT_API_RETRIES_H
#define EDICT_API_RETRIES_H

#include "proto/digest.h"

#include <stdint.h>

/* Bounds that users meet; documented in docs/limits.md. */
enum { RETRIES_MAX = 4096, RETRIES_TTL_S = 86400 };

struct retries;

struct retries *retries_new(void); /* NULL when out of memory */
void retries_delete(struct retries *retries);

enum retries_answer { RETRIES_NEW, RETRIES_SAME, RETRIES_OTHER /* the key was used with another body */ };

/* `key` stands for the caller, the resource and the Idempotency-Key; `body` for what was sent; `entry` (may be NULL) is what
 * retries_remember was given. */
enum retries_answer retries_look_up(struct retries *retries, const struct digest *key, const struct digest *body,
                                    int64_t now_ms, uint64_t *entry);
/* After it was done. */
void retries_remember(struct retries *retries, const struct digest *key, const struct digest *body, int64_t now_ms,
                      uint64_t entry);

#endif
