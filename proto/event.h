/*
 * Bodies of every ledger entry that is not a decision: typed form, RFC 8785 encoding, decoding. Memory: the caller's arena. Any
 * thread. `by` says who did it: "admin", "agent:<id>", "system".
 */
#ifndef EDICT_PROTO_EVENT_H
#define EDICT_PROTO_EVENT_H

#include "proto/json.h"
#include "proto/record.h"

enum { EVENT_REASON_MAX = 2048, EVENT_NAME_MAX = 128, EVENT_PRIVILEGES_MAX = 256 };

enum event_resolution { EVENT_APPROVED, EVENT_DENIED, EVENT_CANCELLED };

/* What happened, as reported after an approval. */
struct event_outcome {
    struct slice decision_id, agent, status; /* status: "succeeded", "failed", "cancelled" (not carried out) */
    bool has_actual_cost;
    int64_t actual_cost_micro_usd;
    int64_t rating; /* 1 to 5 of the answer; 0: none */
    bool by_meter;  /* an admin or a meter: may lower the charge */
};
struct event_agent_set {
    struct slice agent;
    const cJSON *manifest; /* validated by event_manifest_check */
    int64_t limit_micro_usd;
};
struct event_usage_set {
    struct slice agent;
    const cJSON *usage;
};
struct event_budget_raised {
    struct slice agent, escalation_id;
    int64_t increase_micro_usd;
    int32_t period;
};
struct event_resolved {
    struct slice escalation_id, agent, reason;
    enum event_resolution resolution;
    struct slice grant_id; /* approved: UUID text */
    int64_t uses, valid_for_s;
};
struct event_expired {
    struct slice escalation_id, decision_id, agent; /* the one that applies */
};
struct event_policy {
    struct slice revision, previous, summary;
    struct slice runtime; /* what evaluates it, by versions: policy_runtime() */
};
/* Who signed the log's checkpoints before, and who does from here on: verifier keys (C2SP signed-note). */
struct event_handover {
    struct slice old_key, new_key;
    struct slice reason;
    /* Restored: the tree that the log goes on from. */
    int64_t size;
    struct slice root; /* hex */
    /* Rotated: until then both keys sign. */
    int64_t until_ms;
};
struct event_archived {
    int64_t from, to;            /* entries [from, to) are in the archive; nothing below `to` is in the store any more */
    struct slice root, manifest; /* hex: of the tree of `to` entries, of the archive's manifest file */
    bool erases;                 /* the redacted values of the range were erased with them */
};
/* Values of a decision that its record only commits to, taken out of the side store with this entry. */
struct event_erased {
    struct slice decision_id, agent, reason;
    uint64_t index;             /* of the decision's entry */
    struct slice escalation_id; /* that the decision opened; empty: none */
    struct slice *paths;        /* JSON pointers into the decision's body */
    size_t path_count;
};
struct event_created {
    struct slice store_id; /* random hex */
    int64_t format;
};

struct event {
    enum record_type type;
    struct slice by;
    union {
        struct event_outcome outcome;
        struct event_agent_set agent_set;
        struct event_usage_set usage_set;
        struct event_budget_raised budget_raised;
        struct event_resolved resolved;
        struct event_expired expired;
        struct event_policy policy;
        struct event_created created;
        struct event_handover handover; /* RESTORED, KEY_ROTATED */
        struct event_archived archived;
        struct event_erased erased;
    };
};

void event_write_body(struct buf *out, struct arena *scratch, const struct event *event);
enum status event_from_body(struct arena *arena, enum record_type type, struct slice body, struct event *out,
                            struct error *error) EDICT_MUST_USE;

/* A manifest as users send it (interface.md, "Other shapes"): known members only, bounds, money; normalised into `out`, with
 * the limit in micro-USD. */
enum status event_manifest_check(struct arena *arena, const cJSON *manifest, struct slice source, cJSON **out,
                                 int64_t *limit_micro_usd, struct error *error) EDICT_MUST_USE;
/* {"compute":{"cpu_cores":12,"memory_gb":40}}: two levels of names to numbers that are not negative. */
enum status event_usage_check(struct arena *arena, const cJSON *usage, cJSON **out, struct error *error) EDICT_MUST_USE;

#endif
