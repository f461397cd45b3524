/*
 * Deciding again what the ledger holds: with each decision's own policy bundle (replay: nothing may differ), or with another
 * one (back-test: what would change). Reads a store; changes nothing. Uses threads of its own.
 */
#ifndef EDICT_ENGINE_REPLAY_H
#define EDICT_ENGINE_REPLAY_H

#include "ledger/store.h"
#include "policy/policy.h"
#include "proto/decision.h"

struct replay_difference {
    uint64_t index;
    const struct decision *recorded, *fresh; /* during the call */
};

struct replay_options {
    struct store *store;
    struct policy_bundle *bundle; /* instead of the recorded ones; NULL: a replay */
    int64_t since_ms;             /* decisions from this time on; 0: all */
    unsigned threads;             /* 0: one a core */
    /* One thread at a time, in no order: outcome, tier, cost or, for a replay, any byte of the verdict differs. */
    void (*differs)(void *context, const struct replay_difference *difference);
    /* Now and then, from one thread at a time; may be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

struct replay_result {
    uint64_t entries;        /* looked at */
    uint64_t archived;       /* entries that are not in the store, and were not looked at; see store_open_whole */
    uint64_t decisions;      /* decided again */
    uint64_t differences;    /* of them */
    uint64_t unreplayable;   /* their bundle is not in the ledger, or no longer loads, or: */
    uint64_t other_runtimes; /* activations that another runtime than this one recorded: differences may be its */
    uint64_t erased;         /* of them: values of theirs were erased */
};

/* CORRUPT when a record cannot be read. */
enum status replay_run(const struct replay_options *options, struct replay_result *out, struct error *error) EDICT_MUST_USE;

#endif
