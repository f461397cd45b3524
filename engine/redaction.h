/*
 * What a bundle's `redact` means for one decision: which values of the request, and which texts of the verdict, its record only
 * commits to. Worker threads; memory is the call's arena.
 */
#ifndef EDICT_ENGINE_REDACTION_H
#define EDICT_ENGINE_REDACTION_H

#include "ledger/ledger.h"
#include "policy/policy.h"
#include "proto/decision.h"

/*
 * Sets decision->redact for decision_write_body, from a decision that is complete. Nothing where the request has none of the
 * declared fields. Where it has one, texts go too unless they say nothing of it for certain: what engine and bundle say in
 * words of their own stays readable. No search for the value: a policy may have changed it beyond recognition.
 */
enum status redaction_plan(const struct policy_bundle *bundle, struct arena *arena, struct decision *decision,
                           struct error *error) EDICT_MUST_USE;

/* What goes beside the record with the transaction, from the body just written. False when the arena is exhausted. */
bool redaction_take(struct arena *arena, const struct decision *decision, struct ledger_txn *txn) EDICT_MUST_USE;

#endif
