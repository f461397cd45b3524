/*
 * THE pipeline: from a validated request to a durable decision. REST, JSON-RPC, MCP, offline evaluation, policy tests and
 * replay all come through here.
 *
 *     facts_gather -> policy_evaluate -> built-in rules -> grants -> effects -> decision_compose -> ledger_submit -> answered
 * when durable
 *
 * A decider belongs to one worker thread, and decide_begin is called there; while the transaction is the ledger's the thread
 * does other work, and its completion comes back through `post`. No HTTP, Lua or RocksDB type appears here.
 */
#ifndef EDICT_ENGINE_DECIDE_H
#define EDICT_ENGINE_DECIDE_H

#include "base/work.h"
#include "engine/activation.h"
#include "engine/verdict_rules.h"
#include "ledger/ledger.h"
#include "policy/policy.h"
#include "proto/decision.h"
#include "state/state.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    DECIDE_ATTEMPTS_MAX = 3,    /* evaluations of one request before edict.contended */
    DECIDE_CONTENDED_MAX = 8,   /* further attempts to record that; then 503 */
    DECIDE_DRY_RUNS_PER_S = 50, /* of one agent on one worker; bursts of twice as many */
    DECIDE_DRY_RUN_SLOTS = 1024 /* agents share a slot by hash */
};

/* Where the time of a decision goes; nanoseconds. */
struct decide_timing {
    uint64_t facts, policy, commit; /* sums over attempts */
    uint64_t started;               /* clock_monotonic_ns */
};

struct decide_settings {
    int64_t reservation_ttl_ms;
    int64_t escalation_ttl_ms;
};

struct decide_dry_runs {
    struct {
        int64_t refilled_ms;
        uint32_t tokens;
    } slots[DECIDE_DRY_RUN_SLOTS];
};

struct decider {
    struct ledger *ledger;
    struct state *state;
    struct clock clock;
    struct decide_settings settings;
    struct activation *activation; /* where new bundles come from */
    size_t worker;                 /* this worker's slot there */
    struct policy_vm *vm;          /* owned */
    uint64_t vm_epoch;             /* the policy epoch that `vm` belongs to */
    struct uuid_generator uuids;
    struct decide_dry_runs dry_runs;
    work_post_f post; /* to the worker's thread */
    void *post_context;
};

enum decide_result {
    DECIDE_DONE,     /* `decision` is durable (or a dry run) */
    DECIDE_ASKS,     /* nothing was recorded: `decision` would escalate, and says in `missing` what would have to be known */
    DECIDE_REPEATED, /* `decision` is the earlier one of the same idempotency key */
    DECIDE_FAILED    /* `error` says why; nothing was recorded */
};

/*
 * One decision in progress. Fill the first part (zero the rest), then decide_begin. Lives, with its arena, until `finished` is
 * called, on the worker's thread, maybe before decide_begin returns.
 */
struct decide_call {
    struct decider *decider;
    struct arena *arena;
    struct request request;
    /* The caller can be asked: where fields are missing, that comes before an escalation. Limited like dry runs. */
    bool ask_first;
    bool never_escalate; /* only what a grant lets through: anything that would escalate ends as DECIDE_ASKS */
    bool trace;          /* keep the policy's trace, for explain */
    void (*finished)(struct decide_call *call);
    void *user;

    enum decide_result result;
    struct error error; /* FAILED: INVALID, NOT_FOUND, CONFLICT (key reused with another body), TOO_LARGE (pending: 429),
                           UNAVAILABLE, … */
    bool too_many;      /* FAILED: the agent is over a rate or a count; 429 */
    struct decision decision;
    struct policy_trace policy_trace;
    struct decide_timing timing;
    unsigned attempts;

    struct work work; /* the way back from the sequencer */
    struct ledger_txn txn;
    struct state_basis basis;
    uint64_t submitted_ns;
};

void decide_begin(struct decide_call *call);

/* With redacted values, for those who may see them, or with marks in their place. */
enum decide_reading { DECIDE_READ_MARKS, DECIDE_READ_ALL };

/* A decision from the bytes of its durable record, which must outlive `out`. */
enum status decide_read_record(struct ledger *ledger, uint64_t index, struct slice record, struct arena *arena,
                               enum decide_reading reading, struct decision *out, struct error *error) EDICT_MUST_USE;
/* A decision that is already in the ledger, from its durable record. NOT_FOUND. Any thread. */
enum status decide_load(struct ledger *ledger, uint64_t index, struct arena *arena, enum decide_reading reading,
                        struct decision *out, struct error *error) EDICT_MUST_USE;

#endif
