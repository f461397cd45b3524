/*
 * What a replay's differences amount to: counts from outcome to outcome and from tier to tier, by rule and by agent, how many
 * loosen, and examples. Gathered in any order with the same result. One thread at a time.
 */
#ifndef EDICT_ENGINE_BACKTEST_H
#define EDICT_ENGINE_BACKTEST_H

#include "engine/replay.h"
#include "engine/tally.h"

enum { BACKTEST_EXAMPLES_MAX = 20, BACKTEST_OUTCOMES = 3, BACKTEST_TIERS = 4 };

struct backtest_example {
    uint64_t index;
    struct slice id, agent, operation, rules_before, rules_after; /* in the back-test's arena */
    enum decision_outcome before, after;
    int tier_before, tier_after;
    bool loosens;
};

struct backtest {
    struct arena *arena;
    uint64_t outcomes[BACKTEST_OUTCOMES][BACKTEST_OUTCOMES]; /* from, to */
    uint64_t tiers[BACKTEST_TIERS][BACKTEST_TIERS];          /* from, to */
    uint64_t loosened;
    struct tally rules, agents; /* rules: "+ name" counts now, "- name" does no longer */
    /* Those that loosen first, then by index. */
    struct backtest_example examples[BACKTEST_EXAMPLES_MAX];
    size_t example_count;
};

void backtest_create(struct backtest *backtest, struct arena *arena);
void backtest_destroy(struct backtest *backtest);
/* replay_options.differs; `context` is the struct backtest. */
void backtest_note(void *context, const struct replay_difference *difference);
/* When all are noted: puts the counts in order. False when memory ran out on the way. */
bool backtest_finish(struct backtest *backtest);
/* The document of `edict policy backtest --json` and POST /v1/policies/backtest. */
void backtest_write(struct buf *out, const struct backtest *backtest, const struct replay_result *result);

#endif
