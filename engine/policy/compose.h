/* From outcomes to the verdict, and to the trace of explain. False when the arena is exhausted. */
#ifndef EDICT_POLICY_COMPOSE_H
#define EDICT_POLICY_COMPOSE_H

#include "policy/evaluate.h"

bool compose_verdict(struct evaluation *evaluation, struct verdict *out) EDICT_MUST_USE;
bool compose_trace(struct evaluation *evaluation, struct policy_trace *out) EDICT_MUST_USE;

#endif
