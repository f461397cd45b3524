/*
 * Does a request match? In C, without Lua. Pure; any thread with its own struct match_input.
 */
#ifndef EDICT_POLICY_MATCH_H
#define EDICT_POLICY_MATCH_H

#include "parse/glob.h"
#include "policy/rule.h"

#include <cjson/cJSON.h>

/* One evaluation's view of the fields: each path is looked up once. */
struct match_input {
    const cJSON *request, *facts;
    const struct rule_path *paths;
    const cJSON **values; /* by path */
    uint32_t *stamps;     /* by path: `stamp` when values[] is this evaluation's */
    uint32_t stamp;
    uint64_t work; /* counted so far: fields, list elements, bytes of glob */
};

/* UNKNOWN: a glob could not be decided within its bounds. Then the rule fails, because both other answers could loosen. */
enum match_answer { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

/* The value of a path; NULL when absent or null. */
const cJSON *match_input_value(struct match_input *input, uint32_t path);

/* What an absent field means for `is_not`: absence never loosens, so rules of tier 2 and 3 take it as "is not", others do not.
 */
struct match_mode {
    bool absent_is_not;
    bool skip_missing; /* required fields that are absent are left out of the question */
};

/* On MATCH_NO and MATCH_UNKNOWN, `failed` (may be NULL) is the field that stopped it. */
enum match_answer match_holds(struct match_input *input, const struct match *match, struct match_mode mode,
                              const struct match_field **failed);
/* A required field that is absent, or that is no number where a range needs one. */
bool match_is_missing(struct match_input *input, const struct match *match, uint32_t path);

/* glob_match within bounds on the product of both sizes; GLOB_INVALID beyond. For match and for the library. */
enum { MATCH_GLOB_PRODUCT_MAX = 512 * 1024 };
enum glob_result match_glob(struct slice pattern, struct slice text, uint64_t *work);

#endif
