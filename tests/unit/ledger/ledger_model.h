/*
 * A model of the ledger, and random transactions that are given to both; see test_ledger_model.c. One thread.
 */
#ifndef EDICT_TESTS_LEDGER_MODEL_H
#define EDICT_TESTS_LEDGER_MODEL_H

#include "ledger/ledger.h"
#include "model.h"
#include "proto/uuid.h"

#include <stdatomic.h>

enum { AGENTS = 5, OPERATIONS = 3, RULES = 4, KEYS = 40, COUNTERS = 3, LIMIT = 400, ENTRIES_MAX = 60000, STEP_MAX = 1300 };

/* What is kept by a fold: the ledger's own copy, and the model's. */
struct rules {
    uint64_t counters[COUNTERS], versions[COUNTERS];
    struct {
        uint64_t index, body; /* 1 + the entry that took the key; 0: free */
    } keys[KEYS];
    uint64_t numbers;
};

/* What a transaction asks for. */
struct plan {
    unsigned counter, key;
    bool has_key, wants_number, is_stale, is_large;
    uint64_t key_body, delta, version;
};

struct model_entry {
    struct slice body;
    unsigned agent, operation, rules; /* rules: bits */
    bool has_id;                      /* then it is a decision */
    struct uuid id;
    uint64_t number;
    int64_t time_ms;
    struct digest leaf;
    struct slice blob;          /* empty: none */
    struct slice private_value; /* empty: none; under "/p" */
    uint64_t erased_at;         /* the entry that took it; UINT64_MAX: none */
};

struct model {
    uint64_t size, takes; /* entries; transactions looked at, each of which looks at the clock */
    struct rules rules;
    struct slice first_record;
};

struct world {
    struct model_trace trace;
    bool rocks, started;
    bool with_private; /* values that no record commits to: verification would say so */
    char folder[32];
    struct store *store;
    struct ledger *ledger;
    struct rules fold;
    struct model model;
    struct model_entry *entries; /* ENTRIES_MAX; of the model, which may be cut */
    int64_t clock_takes;
    _Atomic uint64_t *done; /* transactions answered; shared with the parent of a child that is killed */
    uint64_t asked;
    struct arena arena;
};

struct made; /* a transaction, and what the model expects of it */

extern const struct slice ledger_model_agents[AGENTS], ledger_model_operations[OPERATIONS], ledger_model_rule_names[RULES];

enum record_type ledger_model_type(const struct model_entry *entry);
size_t ledger_model_entry_terms(const struct model_entry *entry, struct ledger_term *terms);
struct made *ledger_model_random_txn(struct world *world);
size_t ledger_model_random_step(struct world *world);
void ledger_model_run_step(struct world *world);
void ledger_model_open_ledger(struct world *world);
void ledger_model_open_store(struct world *world);
void ledger_model_close_all(struct world *world);
void ledger_model_read_record(struct world *world, uint64_t index, struct slice *record);
struct world *ledger_model_new(bool rocks, uint64_t salt);
void ledger_model_delete(struct world *world);

#endif
