/*
 * Which rules could match a request: a hash from (operation, field, value) to rules, so that the cost of an evaluation follows
 * the rules that could match, not the rules that exist. Built once with the bundle; read by all threads.
 */
#ifndef EDICT_POLICY_INDEX_H
#define EDICT_POLICY_INDEX_H

#include "policy/bundle.h"

/* Over the bundle's rules, which are in order. Memory: the bundle's arena. NULL when exhausted. */
struct index *index_new(struct arena *arena, const struct policy_bundle *bundle);
/*
 * Writes the positions of all rules whose indexed field does not rule them out, ascending, to `out`, which has room for all
 * rules of the bundle. Returns how many. Every rule that match_holds, or that a missing required field would count, is among
 * them.
 */
size_t index_candidates(const struct index *index, struct match_input *input, uint32_t *out);

#endif
