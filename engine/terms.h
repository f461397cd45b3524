/*
 * What entries are found by: the terms of a decision and of every other event, made the same way when they are written, when
 * the index is rebuilt, and when a record older than the index is looked at. Memory: the arena given. Any thread.
 *
 * Commands are found by how they begin, in whole words: white space is folded to single spaces, and the first 1, 2, 3 and 4
 * words are a term each, as far as they fit into TERMS_COMMAND_BYTES_MAX. "kubectl delete pod web-1 -n x" is found under
 * "kubectl", "kubectl delete", "kubectl delete pod" and "kubectl delete pod web-1". A search of at most that many words reads
 * nothing that does not match; of a longer one, or of a last word that ends in "*" (its beginning), the rest is compared with
 * the records that the whole words leave. The price is at most four rows for a decision with a command, some 60 bytes on the
 * disk.
 */
#ifndef EDICT_ENGINE_TERMS_H
#define EDICT_ENGINE_TERMS_H

#include "ledger/query.h"
#include "proto/decision.h"
#include "proto/event.h"

enum {
    TERMS_COMMAND_WORDS = 4,
    TERMS_COMMAND_BYTES_MAX = 96, /* of an indexed beginning; words past it are compared with the record */
    TERMS_RULES_MAX = 16          /* rules of a decision that it is found by */
};

/* Sets the entry's terms. False when the arena is exhausted. */
bool terms_of_decision(struct arena *arena, const struct decision *decision, struct ledger_entry *entry) EDICT_MUST_USE;
void terms_of_event(const struct event *event, struct ledger_entry *entry);
/* A record read back: its terms, and the decision or the event that it is, by entry.type. */
struct terms_record {
    struct ledger_entry entry; /* type, index, time_ms, number and terms */
    struct decision decision;
    struct event event;
};
enum status terms_of_record(struct store *store, uint64_t index, struct slice record, struct arena *arena,
                            struct terms_record *out, struct error *error) EDICT_MUST_USE;

/* What a user looks for; empty members do not count. */
struct terms_filter {
    struct slice type, agent, tier, operation, rule, escalation, command_prefix;
    /* Set by terms_query: */
    struct store *store;
    struct slice command; /* the prefix, folded, without its "*" */
    bool command_open;    /* its last word is only a beginning */
    const struct ledger_query *query;
    struct arena arena; /* of one record; destroyed by terms_filter_destroy */
};

/* Does a command's beginning name any words? One of white space would match everything, as no filter does. */
bool terms_has_words(struct slice command_prefix);
/* Adds the filter's terms, and a look at the record where they do not say all, to `query`. Both must live until the last call
 * of ledger_query. `arena` keeps the terms. False when it is exhausted. */
bool terms_query(struct arena *arena, struct store *store, struct terms_filter *filter,
                 struct ledger_query *query) EDICT_MUST_USE;
void terms_filter_destroy(struct terms_filter *filter); /* accepts a zeroed one */

#endif
