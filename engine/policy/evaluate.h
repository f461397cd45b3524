/* One evaluation in progress: what evaluate.c finds out and compose.c makes a verdict of. Memory: the call's arena. */
#ifndef EDICT_POLICY_EVALUATE_H
#define EDICT_POLICY_EVALUATE_H

#include "policy/call.h"
#include "policy/policy.h"
#include "policy/vm.h"

/* What became of one candidate rule. */
struct outcome {
    const struct rule *rule;
    int state;   /* policy_trace_rule.state */
    bool counts; /* takes part in the verdict */
    int tier;    /* that it counts at */
    bool expired, has_texts;
    const struct match_field *failed; /* NO_MATCH: the field that stopped it */
    uint32_t *missing;                /* paths */
    size_t missing_count;
    enum verdict_error_kind error; /* FAILED */
    struct slice message, traceback;
    struct call_texts reasons, next_steps, alternatives;
    int64_t cost_micro_usd;
    uint64_t fuel, memory;
};

struct evaluation {
    struct policy_vm *vm;
    struct match_input *input;
    struct call_context call;
    bool tracing;
    struct outcome *outcomes; /* by rule name; without tracing only those that count or ask */
    size_t count;
    size_t output; /* bytes of texts so far */
    int tier;      /* the winning one; -1: none */
};

#endif
