/*
 * The functions of a rule, called: each enters Lua through sandbox_call, copies its result into the evaluation's arena, and
 * leaves nothing behind.
 */
#ifndef EDICT_POLICY_CALL_H
#define EDICT_POLICY_CALL_H

#include "policy/rule.h"
#include "policy/sandbox.h"

#include <cjson/cJSON.h>

/* One evaluation, as far as calls are concerned. */
struct call_context {
    const cJSON *request, *facts;
    struct arena *arena;
    const struct policy_limits *limits;
    uint64_t fuel_left; /* of fuel_total */
    bool exhausted;     /* the arena is */
};

struct call_texts {
    struct slice *items;
    size_t count;
};

/* `message` (in the sandbox) says why for anything but SANDBOX_OK. Fuel and memory used are in the sandbox, too. */
enum sandbox_result call_when(struct call_context *context, struct sandbox *sandbox, int slot, bool *holds);
/* Texts that are not valid UTF-8 have their bad bytes replaced. `single`: a list is a wrong result. */
enum sandbox_result call_for_texts(struct call_context *context, struct sandbox *sandbox, int slot, bool single,
                                   struct call_texts *out);
enum sandbox_result call_cost(struct call_context *context, struct sandbox *sandbox, int slot, int64_t *micro_usd);

/* A copy without bytes that JSON cannot carry; `.data` NULL when the arena is exhausted. */
struct slice call_clean_text(struct arena *arena, struct slice text);

#endif
