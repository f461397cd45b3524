/*
 * Rules as C sees them: extracted once when a bundle is built, immutable afterwards, read by all threads. Lua is entered only
 * for the fields that are functions; these are named by slots, numbers that every worker's sandbox of the file resolves to the
 * same function.
 */
#ifndef EDICT_POLICY_RULE_H
#define EDICT_POLICY_RULE_H

#include "base/arena.h"
#include "policy/template.h"

/* Bounds that policy authors meet; documented in docs/policy-language.md. */
enum {
    RULE_NAME_MAX = 96,
    RULE_FIELDS_MAX = 64,     /* of one match */
    RULE_VALUES_MAX = 1024,   /* of one list in a match */
    RULE_MATCH_DEPTH_MAX = 8, /* lists and operators in one another */
    RULE_EXCEPTS_MAX = 256,
    RULE_LIST_MAX = 64,   /* reasons, alternatives, approvers, references, required fields */
    RULE_TEXT_MAX = 2048, /* bytes of one of those */
    RULE_PATH_PARTS_MAX = 8
};

enum { RULE_NO_SLOT = -1 };

/* A dotted field name; each distinct one of a bundle exists once and is named by its position. */
struct rule_path {
    struct slice dotted;
    bool of_facts;       /* else of the request */
    struct slice *parts; /* without "facts" */
    size_t part_count;
    bool is_money; /* estimated_cost_usd: compared as an amount */
};

enum match_kind {
    MATCH_TEXT, /* equal */
    MATCH_NUMBER,
    MATCH_BOOLEAN,
    MATCH_ANY, /* one of `items` */
    MATCH_ALL, /* each of `items`: several operators in one table */
    MATCH_PREFIX,
    MATCH_SUFFIX,
    MATCH_GLOB,
    MATCH_MIN,    /* >= number */
    MATCH_MAX,    /* <= number */
    MATCH_EXISTS, /* present (flag) or absent */
    MATCH_NOT     /* not items[0] */
};

struct match_value {
    enum match_kind kind;
    bool flag;
    double number;
    struct slice text;
    struct match_value *items;
    size_t item_count;
};

struct match_field {
    uint32_t path;
    bool required; /* named in `requires` */
    struct match_value value;
};

/* All fields must hold. */
struct match {
    struct match_field *fields;
    size_t count;
};

/* Reasons, next steps or alternatives: templates, or what a function gives. */
struct rule_texts {
    struct template *items;
    size_t count;
    int slot;
};

struct rule {
    struct slice name;
    uint32_t file; /* position in the bundle */
    int line;
    int tier;
    struct match match;
    struct match *excepts;
    size_t except_count;
    uint32_t *required; /* paths */
    size_t required_count;
    int when_slot;
    struct rule_texts because, next_steps, alternatives;
    int64_t cost_micro_usd;
    int cost_slot;
    struct slice *approvers;
    size_t approver_count;
    int64_t sla_s;
    int64_t expires_ms; /* INT64_MAX: never */
    struct slice owner, description;
    struct slice *references;
    size_t reference_count;
};

#endif
