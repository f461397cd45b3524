/*
 * Redaction in a decision's record, between the files of decision.h. Memory: the call's arena. Any thread.
 */
#ifndef EDICT_PROTO_DECISION_REDACT_H
#define EDICT_PROTO_DECISION_REDACT_H

#include "proto/decision.h"

/* decision.c: the body as if nothing were redacted; values over `inline_max` bytes go into decision->blobs. */
void decision_write_plain(struct buf *out, struct arena *scratch, struct decision *decision, size_t inline_max);
/* decision.c: puts a value of the request, whose JSON this is, into decision->blobs; the object that stands for it. NULL when
 * exhausted. */
cJSON *decision_move_to_blob(struct arena *arena, struct slice json, struct decision *decision);
/* Has this member of a request, of `size` bytes as JSON, to go beside the record? */
bool decision_is_large(const cJSON *member, size_t size, size_t inline_max);
#define DECISION_ALL_INLINE SIZE_MAX /* even what looks like a reference */

/* The body with what decision->redact names redacted; sets decision->redaction. */
void decision_write_redacted(struct buf *out, struct arena *scratch, struct decision *decision, size_t inline_max);
/* Reveals what `loader` has, and puts words where a text is still a mark; sets out->redaction. Before the parts are read. */
enum status decision_read_redaction(struct arena *arena, cJSON *body, uint64_t index, const struct decision_loader *loader,
                                    struct decision *out, struct error *error) EDICT_MUST_USE;

#endif
