/*
 * The exact bytes of one ledger entry. Version 1:
 *
 *   edict/1 <type> <tenant> <semantics> <as_of> <time> <number>\n<body>
 *
 * one header line of seven fields separated by single spaces, then the body, an RFC 8785 JSON object without a final newline.
 *   type       [a-z][a-z.]{0,31}                           tenant   "default"
 *   semantics  decimal; VERDICT_SEMANTICS of the writer    as_of    decimal; ledger size that the facts saw
 *   time       RFC 3339 UTC with milliseconds; stamped by the sequencer, never decreasing
 *   number     decimal; the ESC- number that this entry assigned, else 0
 * The sequencer writes the header, workers write bodies. At most RECORD_BYTES_MAX bytes. Pure; any thread.
 */
#ifndef EDICT_PROTO_RECORD_H
#define EDICT_PROTO_RECORD_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"

enum {
    RECORD_BYTES_MAX = 65535, /* C2SP entry bundles frame entries by a 16-bit length */
    RECORD_HEADER_MAX = 160,
    RECORD_INLINE_VALUE_MAX = 16384, /* larger values go to the content-addressed family and are named by hash */
    RECORD_INLINE_VALUE_MIN = 512    /* larger ones do where the record would not fit otherwise */
};

enum record_type {
    RECORD_DECISION,            /* a decision with its request, facts, verdict and effects */
    RECORD_OUTCOME,             /* what happened; settles or releases the reservation */
    RECORD_AGENT_SET,           /* a manifest */
    RECORD_USAGE_SET,           /* reported usage */
    RECORD_BUDGET_RAISED,       /* this period's limit raised by an approver */
    RECORD_ESCALATION_RESOLVED, /* approved, denied or cancelled; an approval creates the grant */
    RECORD_ESCALATION_EXPIRED,
    RECORD_RESERVATION_EXPIRED, /* never reported: charged in full */
    RECORD_POLICY_ACTIVATED,    /* a bundle became active */
    RECORD_STORE_CREATED,       /* entry 0 */
    RECORD_LEDGER_RESTORED,     /* the log goes on from a backup, under another origin and key */
    RECORD_LEDGER_KEY_ROTATED,  /* another key signs from here on, under the same origin */
    RECORD_LEDGER_ARCHIVED,     /* entries below an index are in an archive now, and no longer here */
    RECORD_DECISION_ERASED,     /* private values of a decision are gone; what the decision commits to stays */
    RECORD_TYPE_COUNT
};

struct record_header {
    enum record_type type;
    struct slice tenant;
    uint32_t semantics;
    uint64_t as_of;
    int64_t time_ms;
    uint64_t number;
};

#define RECORD_TENANT_DEFAULT SLICE("default")

const char *record_type_name(enum record_type type); /* "decision", "decision.outcome", "agent.set", … */
bool record_type_parse(struct slice name, enum record_type *type);
/* Writes the line, newline included; returns its length. `out` has RECORD_HEADER_MAX bytes. Asserts a valid header. */
size_t record_write_header(const struct record_header *header, char out[RECORD_HEADER_MAX]);
/* Splits a record; the body is a view into `record`, checked to be a JSON object's braces but not parsed. STATUS_CORRUPT
 * otherwise. */
enum status record_split(struct slice record, struct record_header *header, struct slice *body,
                         struct error *error) EDICT_MUST_USE;

#endif
