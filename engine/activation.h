/*
 * Putting policy bundles in force, atomically and without stopping anybody: a bundle is loaded and checked beside the active
 * one, a vm of it is built for every worker, and then one ledger entry (policy.activated) makes it the active one. Workers
 * notice by the policy epoch and take their vm; what was decided under the old bundle and not committed yet is refused by the
 * sequencer and decided again. A bundle that is broken changes nothing.
 *
 * Threads: activation_take is for workers; activation_run for one loader thread (or the main thread, before workers run).
 * Requests go through activation_request, from any thread.
 */
#ifndef EDICT_ENGINE_ACTIVATION_H
#define EDICT_ENGINE_ACTIVATION_H

#include "base/log.h"
#include "ledger/ledger.h"
#include "policy/policy.h"
#include "state/state.h"

struct activation;

struct activation_options {
    const char *folder;
    size_t workers;
    struct ledger *ledger;
    struct state *state;
    const struct log *log;
};

enum status activation_new(const struct activation_options *options, struct activation **out,
                           struct error *error) EDICT_MUST_USE;
void activation_delete(struct activation *activation); /* after activation_stop, and after the workers; NULL accepted */
enum status activation_start(struct activation *activation, struct error *error) EDICT_MUST_USE; /* the loader thread */
void activation_stop(struct activation *activation);

/* What came of one request to reload. */
struct activation_outcome {
    enum status status;
    struct error error;
    bool changed;      /* false: the folder holds what is active already */
    char revision[80]; /* active afterwards */
    char previous[80];
    size_t rule_count;
    uint64_t ledger_index; /* of the entry, when changed */
    struct policy_report report;
};

/* Owned by the caller until `done`, which the loader thread calls; must not block. Zero the rest. */
struct activation_request {
    struct inbox_item link;
    char by[32]; /* "admin", "system" */
    void (*done)(struct activation_request *request);
    void *user;
    struct activation_outcome outcome; /* destroy its report */
};

/* Loads the folder and puts it in force, on the caller's thread; for the start of the server. The ledger must be running. */
void activation_run(struct activation *activation, struct activation_request *request);
/* Any thread; false when the loader has stopped (then `done` is not called). */
bool activation_post(struct activation *activation, struct activation_request *request) EDICT_MUST_USE;

/* The worker's vm of the bundle of `epoch`, now the caller's; NULL when it is not there (yet, or taken). */
struct policy_vm *activation_take(struct activation *activation, size_t worker, uint64_t epoch);
/* The bundle in force, retained; NULL before the first. Any thread. */
struct policy_bundle *activation_bundle(struct activation *activation);

#endif
