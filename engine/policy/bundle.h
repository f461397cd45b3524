/*
 * A bundle's inside: its files, its rules in order of name, and the index. Immutable once built; shared by all threads.
 */
#ifndef EDICT_POLICY_BUNDLE_H
#define EDICT_POLICY_BUNDLE_H

#include "policy/match.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/weigh.h"
#include "proto/redact.h"

#include <stdatomic.h>

/* Bounds that policy authors meet; documented in docs/policy-language.md. */
enum {
    BUNDLE_FILES_MAX = 1024,
    BUNDLE_RULES_MAX = 100000,
    BUNDLE_BYTES_MAX = 64 * 1024 * 1024,
    BUNDLE_PATH_MAX = 200,   /* bytes of a file's path */
    BUNDLE_PATHS_MAX = 65536 /* distinct field names */
};

struct index;

struct bundle_file {
    struct slice path, source;
    bool is_library;            /* under lib/: loaded by require only */
    struct weigh_lines weights; /* of its lines, once it has been compiled */
    int slot_count;             /* functions that its rules hold; 0: no worker needs a sandbox for it */
};

struct policy_bundle {
    _Atomic uint64_t references;
    struct policy_limits limits;
    struct arena arena; /* everything below */
    struct slice revision, bytes;
    struct bundle_file *files; /* by path */
    size_t file_count;
    struct rule *rules; /* by name */
    size_t rule_count;
    struct rule_path *paths;
    size_t path_count;
    struct redact_paths *redacts; /* NULL: none */
    struct index *index;
    struct slice *operations; /* named by rules; sorted */
    size_t operation_count;
};

/* Fills operations from the rules; false when the bundle's arena is exhausted. */
bool bundle_collect_operations(struct policy_bundle *bundle);
/* The file of that path, or NULL. */
const struct bundle_file *bundle_find_file(const struct policy_bundle *bundle, struct slice path);

#endif
