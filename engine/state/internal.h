/*
 * The inside of state/. In memory is what is active: agents, this and recent months' budgets, history, pending escalations and
 * usable grants, open reservations, unexpired idempotency keys. Everything else is in rows (journal.h).
 *
 * Who may touch what: the sequencer's thread changes everything; it holds a shard's mutex while it changes agents of that
 * shard, and the registry's mutex while it changes what the registry holds. Other threads read under the same mutexes, one at a
 * time, and do no I/O under them.
 */
#ifndef EDICT_STATE_INTERNAL_H
#define EDICT_STATE_INTERNAL_H

#include "state/heap.h"
#include "state/history.h"
#include "state/journal.h"
#include "state/state.h"
#include "state/table.h"

#include <pthread.h>
#include <stdatomic.h>

enum { STATE_SHARDS = 64, STATE_ACTION_KEY_SIZE = 32 };

/* Budget of one month. */
struct budget {
    struct budget *next;
    int32_t period;
    int64_t spent, reserved, raised; /* micro-USD; raised: added to the manifest's limit for this month */
};

enum escalation_state { ESCALATION_PENDING, ESCALATION_APPROVED, ESCALATION_DENIED, ESCALATION_EXPIRED, ESCALATION_CANCELLED };

/* Pending, or approved with a grant that can still be used. */
struct escalation {
    struct escalation *next; /* of the agent */
    struct table_node by_number;
    char number_key[8];
    uint64_t number;
    struct agent *agent;
    enum escalation_state state;
    struct digest digest;
    int64_t expires_at_ms; /* pending: when it expires; approved: when the grant does */
    struct slice *covers;  /* point into `fixed` and are malloc'ed as an array */
    size_t cover_count;
    cJSON *fixed; /* what does not change: in `arena` */
    struct arena arena;
    char grant_id[36];
    int64_t uses_left;
    /* How it was resolved; in `arena`. */
    struct slice resolved_by, reason;
    int64_t resolved_at_ms;
};

struct idempotency {
    struct table_node node; /* of the agent's table */
    struct idempotency *next_to_expire;
    struct agent *agent;
    int64_t time_ms;
    uint64_t index;
    struct digest body_digest;
    char key[]; /* NUL-terminated */
};

struct agent {
    struct table_node node; /* of its shard; the key is `id` */
    bool known;
    uint64_t version; /* 1 + index of the entry that last changed the manifest, the usage or a limit */
    int64_t limit_micro_usd;
    struct arena documents; /* holds manifest and usage */
    cJSON *manifest, *usage;
    int64_t usage_at_ms;
    struct budget *budgets; /* newest first */
    struct history history;
    struct escalation *escalations; /* newest first */
    unsigned pending;
    struct table idempotency;
    char id[];
};

struct reservation {
    struct table_node node; /* of the registry; the key is decision_id */
    char decision_id[36];
    struct agent *agent;
    int32_t period;
    int64_t amount, expires_at_ms;
};

struct shard {
    pthread_mutex_t mutex;
    struct table agents;
};

/* Something that watchers will be told of once the group is durable. */
enum { CHANGED_NAME_MAX = 128 };
struct changed {
    enum state_change_kind kind;
    uint64_t number;
    size_t size;
    char name[CHANGED_NAME_MAX];
};

struct state {
    struct store *store; /* of the rows */
    struct store *blobs; /* where large values of records are: the ledger's store */
    struct shard shards[STATE_SHARDS];
    pthread_mutex_t registry; /* guards reservations, escalations, due */
    struct table reservations, escalations;
    struct heap due;
    /* The sequencer's alone. */
    struct heap grant_expiries;
    struct idempotency *oldest_key, *newest_key;
    struct journal journal;
    struct table closed; /* decisions whose outcome is in the group that is not durable yet */
    uint64_t next_number;
    struct arena scratch;
    struct changed *changed; /* in this group; malloc'ed */
    size_t changed_count, changed_capacity;
    struct state_watcher watcher;
    /* Any thread. */
    _Atomic uint64_t size; /* entries folded */
    _Atomic uint64_t policy_epoch;
    _Atomic uint64_t agents, pending, tiers[4];
    pthread_mutex_t revision_mutex;
    char revision[96];
    char action_key[STATE_ACTION_KEY_SIZE];
    bool broken; /* a projection ran out of memory: the rows may not be written */
};

/* ---- changes.c ---- */
void changes_note(struct state *state, enum state_change_kind kind, uint64_t number, struct slice name);
void changes_note_event(struct state *state, const struct event *event);
void changes_tell(struct state *state);

/* ---- state.c, agents.c ---- */
struct shard *state_shard(struct state *state, struct slice agent);
struct agent *agents_find(struct shard *shard, struct slice id); /* shard locked */
/* Sequencer; creates an unknown agent where there is none. Locks the shard for the insertion. NULL: broken. */
struct agent *agents_obtain(struct state *state, struct slice id);
void agents_free(struct state *state, struct agent *agent);
struct budget *agents_budget(struct agent *agent, int32_t period); /* may be NULL; shard locked, or the sequencer */
struct budget *agents_obtain_budget(struct state *state, struct agent *agent, int32_t period);
int64_t agents_limit(const struct agent *agent, const struct budget *budget);
void agents_set(struct state *state, const struct ledger_entry *entry, const struct event_agent_set *set);
void agents_set_usage(struct state *state, const struct ledger_entry *entry, const struct event_usage_set *set);
/* Replaces manifest and usage (either may be NULL: kept) by copies. Shard locked. */
bool agents_replace_documents(struct agent *agent, const cJSON *manifest, const cJSON *usage);
struct slice agents_namespace(const struct agent *agent);

/* ---- money_rows.c: reservations, outcomes ---- */
void money_reserve(struct state *state, struct agent *agent, const struct decision *decision, int64_t time_ms);
void money_settle(struct state *state, const struct ledger_entry *entry, const struct event *event);
void money_expire(struct state *state, const struct ledger_entry *entry, const struct event_expired *expired);
void money_raise(struct state *state, const struct ledger_entry *entry, const struct event_budget_raised *raised);
bool money_is_closed(struct state *state, struct slice decision_id);           /* an outcome is there; sequencer */
struct reservation *money_find(struct state *state, struct slice decision_id); /* sequencer, or registry locked */
void money_load_reservation(struct state *state, struct slice decision_id, struct slice row);
void money_forget_closed(struct state *state);

/* ---- escalations.c ---- */
bool escalations_parse_id(struct slice id, uint64_t *number); /* "ESC-456" */
void escalations_open(struct state *state, struct agent *agent, const struct ledger_entry *entry,
                      const struct decision *decision);
void escalations_use_grant(struct state *state, struct agent *agent, const struct decision *decision);
void escalations_resolve(struct state *state, const struct ledger_entry *entry, const struct event *event);
void escalations_expire(struct state *state, const struct ledger_entry *entry, const struct event_expired *expired);
/* What its decision's erased request was waiting for, or was granted, is over. */
void escalations_end_erased(struct state *state, const struct ledger_entry *entry, const struct event *event);
void escalations_expire_grants(struct state *state, int64_t time_ms);
struct escalation *escalations_find(struct state *state, uint64_t number); /* sequencer, or registry locked */
/* The agent's pending one of this action, or NULL. Shard locked, or the sequencer. */
struct escalation *escalations_pending(const struct agent *agent, const struct digest *digest);
bool escalations_load(struct state *state, struct slice row, struct error *error);
void escalations_free(struct escalation *escalation);
/* The redacted values of an escalation's fixed part, in place; `missing` counts those that were erased. May read the store. */
enum status escalations_reveal(struct state *state, struct arena *arena, cJSON *fixed, size_t *missing,
                               struct error *error) EDICT_MUST_USE;
const char *escalations_state_name(enum escalation_state state);

/* ---- check.c ---- */
enum ledger_result check_txn(void *state, struct ledger_txn *txn, uint64_t index, int64_t time_ms);

/* ---- fold.c ---- */
void fold_apply(void *state, const struct ledger_entry *entry);
void fold_load_key(struct state *state, struct slice key, struct slice row);

/* ---- load.c ---- */
enum status load_rows(struct state *state, struct error *error);
enum status load_apply_entry(struct state *state, uint64_t index, struct slice record, struct error *error);
/* state.c: rows in one store, large values in another. */
enum status state_open_split(struct store *store, struct store *blobs, struct state **out, struct error *error);

#endif
