/*
 * Projections of the ledger: agents, budgets with reservations, usage, history counters, escalations, grants, idempotency keys,
 * the active policy. state is a fold over entries: the same function applies an entry live, at recovery and in a rebuild, so
 * the state equals the fold of the entries.
 *
 * Threads: the fold's functions run in the sequencer thread; everything else may be called from any thread. Per-agent data sits
 * in shards, each under a mutex that is held for the copy of one agent's row (no I/O under it). Two views: facts are gathered
 * from sequenced state, possibly not yet synced; the documents that GETs show are read from the store's rows, durable by
 * construction.
 */
#ifndef EDICT_STATE_STATE_H
#define EDICT_STATE_STATE_H

#include "ledger/ledger.h"
#include "proto/decision.h"
#include "proto/event.h"

/* Bounds that users meet; documented in docs/limits.md. */
enum {
    STATE_PENDING_PER_AGENT_MAX = 100, /* pending escalations of one agent; then 429 */
    STATE_IDEMPOTENCY_TTL_S = 86400,
    STATE_RESERVATION_TTL_S = 86400, /* default of reservation_ttl_s */
    STATE_ESCALATION_TTL_S = 86400,  /* default: a pending escalation expires after a day */
    STATE_GRANT_USES_MAX = 1000,
    STATE_GRANT_TTL_S_MAX = 30 * 86400,
    STATE_AUTONOMY_DAYS_MAX = 365
};

struct state;

/* Loads the rows of `store` (not owned) and applies entries past the rows' size, so that rows and entries agree. */
enum status state_open(struct store *store, struct slice tenant, struct state **out, struct error *error) EDICT_MUST_USE;
void state_close(struct state *state); /* NULL accepted */
struct ledger_fold state_fold(struct state *state);

/* The key of action digests: made on first start, kept in STORE_META. 32 bytes; lives as long as the state. */
struct slice state_action_key(const struct state *state);

/* ---- deciding ---- */

/* For agent_version of BASIS_AGENT, besides a version: no condition; there is no agent of this name; there is one; a version
 * that none ever has. */
#define STATE_AGENT_ANY UINT64_MAX
#define STATE_AGENT_ABSENT (UINT64_MAX - 1)
#define STATE_AGENT_PRESENT (UINT64_MAX - 2)
#define STATE_AGENT_NEVER (UINT64_MAX - 3)

/* What a decision was based on; checked again by the sequencer. A decision's txn points to one through `preconditions`. */
struct state_basis {
    enum { STATE_BASIS_DECISION = 1, STATE_BASIS_OUTCOME, STATE_BASIS_RESOLVE, STATE_BASIS_AGENT, STATE_BASIS_ERASE } kind;
    struct slice agent;
    uint64_t as_of;         /* ledger size the facts saw */
    uint64_t agent_version; /* of the agent's manifest, limit and usage; 0: unknown agent. A change gives LEDGER_PRECONDITION.
                               BASIS_AGENT: what a conditional update asks, or STATE_AGENT_* */
    uint64_t policy_epoch;  /* of the bundle evaluated; a replaced bundle gives LEDGER_PRECONDITION */
    const struct decision *decision;
    const struct event *event; /* OUTCOME, RESOLVE, AGENT */
};

/*
 * One consistent snapshot for one agent and action. `facts` and `basis` point into `arena`. Grants are those usable at `now_ms`
 * for the action, whose digest is computed only where the agent has an escalation or a grant that it could be.
 */
enum status state_gather(struct state *state, struct arena *arena, const struct request *request, struct request_action *action,
                         int64_t now_ms, struct facts *facts, struct state_basis *basis, struct error *error) EDICT_MUST_USE;
/* The action stored with an escalation, for a retry by escalation_id: its request view, redacted values and all. NOT_FOUND also
 * when it is another agent's; CONFLICT when values of it were erased. Sequenced state. */
enum status state_escalation_request(struct state *state, struct arena *arena, struct slice escalation_id, struct slice agent,
                                     struct request *out, struct error *error) EDICT_MUST_USE;
/* Is this idempotency key taken (sequenced state)? OK with index and whether the body is the same; NOT_FOUND when free. */
enum status state_find_idempotent(struct state *state, struct slice agent, struct slice key, const struct digest *body_digest,
                                  int64_t now_ms, uint64_t *index, bool *same_body);

/*
 * Sequencer check of a decision (through the fold), in this order:
 *   idempotency key taken: DUPLICATE or MISMATCH; policy_epoch or agent_version changed: PRECONDITION;
 *   reservation: spent + reserved + cost > limit at the entry's month: LIMIT; grant: gone, used up or expired at the entry's
 * time: PRECONDITION; OPEN: the same action is pending by now, or JOIN: it is no longer: PRECONDITION; OPEN with 100 pending:
 * LIMIT (detail "pending").
 */

/* ---- policy ---- */
uint64_t state_policy_epoch(const struct state *state); /* the index + 1 of the last RECORD_POLICY_ACTIVATED; 0: none */
struct slice state_policy_revision(struct state *state, struct arena *arena); /* of that entry; empty: none */

/* ---- expiry: the housekeeping thread asks, builds the entries, and submits them ---- */
/* The next escalations and reservations whose time has passed at `now_ms`, at most `max`, as events ready to submit. */
enum status state_due(struct state *state, struct arena *arena, int64_t now_ms, size_t max, struct event *events, size_t *count,
                      struct error *error) EDICT_MUST_USE;

/* ---- documents: durable state, as the JSON that the API shows ---- */
enum status state_agent_document(struct state *state, struct arena *arena, struct slice agent, struct buf *out,
                                 uint64_t *version, struct error *error) EDICT_MUST_USE;
enum status state_quota_document(struct state *state, struct arena *arena, struct slice agent, struct buf *out,
                                 struct error *error) EDICT_MUST_USE; /* check_resource_quota */
enum status state_budget_document(struct state *state, struct arena *arena, struct slice agent, int64_t now_ms, struct buf *out,
                                  struct error *error) EDICT_MUST_USE; /* check_budget_remaining */
enum status state_autonomy_document(struct state *state, struct arena *arena, struct slice agent, unsigned days, int64_t now_ms,
                                    struct buf *out, struct error *error) EDICT_MUST_USE;
enum status state_ownership_document(struct state *state, struct arena *arena, struct slice agent, struct slice resource,
                                     struct buf *out, struct error *error) EDICT_MUST_USE; /* verify_namespace_ownership */
/* Agents by name after `after`, as an array of summaries; `next` is the last name when there are more. */
enum status state_agents_list(struct state *state, struct arena *arena, struct slice after, size_t limit, struct buf *out,
                              struct slice *next, struct error *error) EDICT_MUST_USE;
/* `reveals`: with redacted values, for an approver. */
enum status state_escalation_document(struct state *state, struct arena *arena, struct slice id, bool reveals, struct buf *out,
                                      struct slice *agent, bool *pending, struct error *error) EDICT_MUST_USE;
struct state_escalation_filter {
    struct slice state, agent; /* empty: any */
    uint64_t before;           /* numbers below this, newest first; UINT64_MAX: from the newest */
    size_t limit;
};
/* With redacted values. */
enum status state_escalations_list(struct state *state, struct arena *arena, const struct state_escalation_filter *filter,
                                   struct buf *out, uint64_t *next, struct error *error) EDICT_MUST_USE;
/* Effect of a decision: its outcome, if reported; for GET /v1/decisions/{id}. NOT_FOUND: none yet. */
enum status state_outcome_document(struct state *state, struct arena *arena, struct slice decision_id, struct buf *out,
                                   struct error *error) EDICT_MUST_USE;

enum state_change_kind { STATE_CHANGED_ESCALATION, STATE_CHANGED_AGENT, STATE_CHANGED_DECISION, STATE_CHANGED_POLICIES };
struct state_change {
    enum state_change_kind kind;
    uint64_t number;   /* of an escalation */
    struct slice name; /* of an agent, or a decision's id */
};
/* Called in the sequencer thread once changes are durable; for long polls and subscriptions. Of escalations always, of the
 * others only while `wants_all` says so: those happen often. */
struct state_watcher {
    void *context;
    void (*changed)(void *context, const struct state_change *change);
    bool (*wants_all)(void *context);
};
void state_watch(struct state *state, const struct state_watcher *watcher); /* copied; once, before the ledger starts */

/* ---- rebuild ---- */
/* Folds all entries of `store` into fresh rows in memory and compares them with the rows kept; `differences` counts rows that
 * differ, the first is named in `error`. */
struct state_rebuild {
    uint64_t entries, rows, differences;
};
typedef void (*state_progress_f)(void *context, uint64_t done, uint64_t all); /* now and then, of entries; may be NULL */
enum status state_rebuild_compare(struct store *store, struct slice tenant, state_progress_f progress, void *context,
                                  struct state_rebuild *out, struct error *error) EDICT_MUST_USE;

/* ---- archiving ---- */
struct state_need {
    uint64_t index; /* the oldest entry that something live refers to; UINT64_MAX: none */
    char why[160];
};
/* Unexpired idempotency keys (they answer with their entry), open reservations (their outcome is reported on the decision),
 * pending escalations and usable grants; with `erasable` also redacted values, which are erased by their decision. From durable
 * rows; what becomes live later refers to later entries. Any thread. */
enum status state_oldest_needed(struct store *store, bool erasable, struct state_need *out, struct error *error) EDICT_MUST_USE;

/* Totals for /metrics: agents, pending escalations, decisions by tier since the store began. */
struct state_totals {
    uint64_t agents, escalations_pending, decisions_by_tier[4];
};
void state_get_totals(struct state *state, struct state_totals *out);

#endif
