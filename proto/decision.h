/*
 * A decision: what went in (request, facts, bundle revision), what the policy said (verdict), what follows (effects), and the
 * three forms it takes outside: the body of its ledger record, the response, and the response rebuilt from the record. Memory:
 * the call's arena. Any thread.
 */
#ifndef EDICT_PROTO_DECISION_H
#define EDICT_PROTO_DECISION_H

#include "proto/facts.h"
#include "proto/record.h"
#include "proto/request.h"
#include "proto/uuid.h"
#include "proto/verdict.h"

enum decision_outcome { DECISION_APPROVE, DECISION_ESCALATE, DECISION_DENY };

enum decision_escalation {
    DECISION_ESCALATION_NONE,
    DECISION_ESCALATION_OPEN, /* this entry opens one; its number is the header's `number` */
    DECISION_ESCALATION_JOIN  /* the same agent and action is already pending under `escalation_id` */
};

/* What the entry changes in the state; folded by state/. */
struct decision_effects {
    int64_t reserve_micro_usd;     /* 0: nothing reserved */
    int64_t reserve_expires_at_ms; /* when an unreported reservation is charged in full */
    struct slice grant_id;         /* one use of this grant; empty: none */
    enum decision_escalation escalation;
    int64_t escalation_expires_at_ms; /* OPEN only */
    struct slice *covers;             /* OPEN only: what a grant from it will cover (tier-2 rules and failed rules) */
    size_t cover_count;
};

/* Inputs besides request and facts that a replay must apply: part of the record. */
struct decision_inputs {
    bool contended; /* three attempts lost a race at commit: edict.contended */
    bool ask_human; /* the agent asked for a reviewer by itself: edict.asked-for-human */
    /* Fields of the request, by dotted names, that the caller's user gave when asked: a statement, recorded as one. Sorted. */
    const struct slice *elicited;
    size_t elicited_count;
};

/* A large value of the request that the record names by its hash: the JSON text, kept apart under its SHA-256. */
struct decision_blob {
    struct digest hash;
    struct slice bytes;
};
enum { DECISION_BLOBS_MAX = 3 }; /* command, context, justification */

/* Where decision_from_record finds such values, and redacted ones. */
struct decision_loader {
    enum status (*load)(void *context, const struct digest *hash, struct arena *arena, struct slice *bytes,
                        struct error *error);
    /* The row of a redacted value (redact.h); NOT_FOUND: erased. NULL: redacted values are not wanted. */
    enum status (*load_private)(void *context, uint64_t index, struct slice pointer, struct arena *arena, struct slice *row,
                                struct error *error);
    void *context;
};

/* What is to be redacted when the body is written: pointers into it, and 32 random bytes of salt for each. */
struct decision_redact_plan {
    const struct slice *pointers;
    const char *salts;
    size_t count;
};

/* A value that is beside the record. */
struct decision_private {
    struct slice pointer, row;
};

/* A decision with redacted values. */
struct decision_redaction {
    const cJSON *request;   /* the view with marks in place of values; those that were not found say "erased": true */
    const cJSON *rationale; /* the rationale's mark, or NULL: it is plain */
    const cJSON *pointers;  /* array of text: the record's member `redacted` */
    size_t missing;         /* marks that were not replaced by their values */
    const struct decision_private *values; /* of a body just written: what has to go beside it */
    size_t value_count;
};

struct decision {
    struct slice id; /* UUIDv7 text; empty for a dry run */
    struct request request;
    struct facts facts;
    cJSON *facts_json;            /* what the policy saw: facts_to_json() */
    struct slice policy_revision; /* "sha256:<hex>" */
    struct verdict verdict;
    struct decision_inputs inputs;
    enum decision_outcome outcome;
    struct slice rationale; /* numbered reasons under a sentence that names the tier */
    struct slice next_steps;
    int64_t cost_micro_usd; /* max(rule cost, stated estimate) */
    struct request_action action;
    bool has_idempotency_key; /* request.idempotency_key, and then: */
    struct digest body_digest;
    struct decision_effects effects;
    int64_t valid_until_ms;                         /* of an approval by grant; 0: none */
    struct decision_blob blobs[DECISION_BLOBS_MAX]; /* set by decision_write_body */
    size_t blob_count;
    struct decision_redact_plan redact;   /* for decision_write_body; count 0: nothing */
    struct decision_redaction *redaction; /* set by decision_write_body and decision_from_record; NULL: all is plain */
    /* Known once sequenced: */
    bool sequenced;
    uint64_t ledger_index;
    int64_t time_ms;
    struct slice escalation_id; /* "ESC-456" of OPEN and JOIN; empty: none */
};

/*
 * The record's body (RFC 8785). On the hot path: streams members in canonical order, and leaves out what is empty, zero or
 * follows from the rest; see README.md. Values of the request over
 * RECORD_INLINE_VALUE_MAX bytes, and where the whole would not fit into a record, over RECORD_INLINE_VALUE_MIN, are written as
 * {"$sha256": "<hex>"} and put into decision->blobs, which go into the same transaction. Values that `redact` names are written
 * as marks, and go beside the record (decision->redaction).
 */
void decision_write_body(struct buf *out, struct arena *scratch, struct decision *decision);
/* From a record, header and body; everything, so that it can be replayed and answered again. `loader` may be NULL where no
 * large values are expected. Where a redacted text is not to be had, "[redacted]" or "[erased]" stands for it. */
enum status decision_from_record(struct arena *arena, const struct record_header *header, uint64_t index, struct slice body,
                                 const struct decision_loader *loader, struct decision *out,
                                 struct error *error) EDICT_MUST_USE;

/* Only the id, from a body as decision_write_body leaves it, without parsing it; false where it has none. */
bool decision_id_of_body(struct slice body, struct uuid *out);
/* What is it in all but very odd bodies (privileges of an agent could be made to look like it), in a third of the time. */
bool decision_id_likely(struct slice body, struct uuid *out);

enum decision_form {
    DECISION_FORM_FULL, /* every member of interface.md, null where it does not apply */
    DECISION_FORM_SHORT /* JSON-RPC: members that do not apply are left out */
};
/* The response object of interface.md. `explanation` is JSON or empty. */
void decision_write_response(struct buf *out, struct arena *scratch, const struct decision *decision, enum decision_form form,
                             struct slice explanation);
/* What the response says to do next: what the policy said, and of a pending escalation also how to go on. Empty: nothing, or
 * the arena is exhausted. */
struct slice decision_next_steps(struct arena *arena, const struct decision *decision);
/* GET /v1/decisions/{id}: the response members plus time, agent_identity, operation, request (view), facts. */
void decision_write_document(struct buf *out, struct arena *scratch, const struct decision *decision);

/*
 * Sets outcome, rationale and next_steps from verdict, facts, effects. Pure. The rationale is
 *     "This request qualifies for Tier 1 (auto-approve with audit) because:\n1. …\n2. …"
 * tier 0 "(auto-approve)"; 2 "This request requires human approval (Tier 2) because:"; 3 "This request is denied (Tier 3)
 * because:"; by grant: "This request is approved (Tier 2, by escalation ESC-457) because:" with the approval first. False when
 * the arena is exhausted.
 */
bool decision_compose(struct arena *arena, struct decision *decision) EDICT_MUST_USE;
/* The values of `root`, a record's body or a part of one, that `pointers` (its member `redacted`) names: marks are replaced by
 * what the loader has for them. `missing` counts those that it has not, which get a member "erased". CORRUPT when one is not
 * what the mark commits to. */
enum status decision_reveal(struct arena *arena, cJSON *root, const cJSON *pointers, uint64_t index,
                            const struct decision_loader *loader, size_t *missing, struct error *error) EDICT_MUST_USE;

const char *decision_outcome_name(enum decision_outcome outcome); /* "approve", "escalate", "deny" */

#endif
