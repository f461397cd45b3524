/*
 * The policy runtime: bundles of Lua rules, evaluated in a sandbox with hard bounds. The only code that includes lua.h.
 *
 * A bundle is immutable, reference-counted and shared by all threads. A policy_vm is one worker's: it holds the Lua arenas of
 * one bundle and is used by one thread at a time. An evaluation leaves no trace in the vm: every Lua arena is restored from its
 * snapshot.
 */
#ifndef EDICT_POLICY_POLICY_H
#define EDICT_POLICY_POLICY_H

#include "proto/facts.h"
#include "proto/redact.h"
#include "proto/request.h"
#include "proto/verdict.h"

struct policy_bundle;
struct policy_vm;

/* Caps of one evaluation; documented in docs/limits.md. */
struct policy_limits {
    uint64_t fuel_per_rule; /* units of counted work; one is about a VM instruction or a byte handled by a C function */
    uint64_t fuel_total;    /* of all rules of one evaluation */
    size_t memory;          /* bytes a rule may add to its file's arena */
    size_t output;          /* bytes of all reasons, next steps and alternatives */
    size_t load_memory;     /* bytes of one loaded file */
    uint64_t load_fuel;     /* of loading one file */
};
extern const struct policy_limits policy_limits_default;

/* Where something is wrong in a policy, and what to do about it. */
struct policy_diagnostic {
    enum { POLICY_ERROR, POLICY_WARNING } severity;
    char file[256];    /* relative to the bundle's folder */
    int line, column;  /* 1-based; 0 unknown */
    char message[512]; /* with a "did you mean" where there is one */
};
struct policy_report {
    struct policy_diagnostic *items; /* malloc'ed; policy_report_destroy */
    size_t count, capacity;
};
void policy_report_destroy(struct policy_report *report);
/* [{"severity","file","line","column","message"}, …] */
void policy_report_write(struct json_writer *w, const struct policy_report *report);

/* What a verdict depends on besides bundle, request and facts, by versions: "semantics 1, Lua 5.4.4, PCRE2 10.42 …". Parsers
 * are part of our own number. NUL-terminated. */
enum { POLICY_RUNTIME_MAX = 128 };
void policy_runtime(char out[POLICY_RUNTIME_MAX]);

/* ---- bundles ---- */

struct policy_file {
    struct slice path; /* "k8s.lua", "lib/units.lua", "learned/x.lua"; '/'-separated */
    struct slice source;
};
/* From files in memory (they are copied). Rules, lib/ and learned/ in name order; tests/ must not be among them. The revision
 * is SHA-256 over sorted, length-framed paths and bytes: for each, u64be(size of path) path u64be(size of source) source. On
 * error nothing is built and `report` says why. */
enum status policy_bundle_new(const struct policy_file *files, size_t count, const struct policy_limits *limits,
                              struct policy_bundle **out, struct policy_report *report, struct error *error) EDICT_MUST_USE;
/* From a folder: DIR/<name>.lua, DIR/lib/<name>.lua, DIR/learned/<name>.lua. Symbolic links out of the folder, and other file
 * types, are refused. */
enum status policy_bundle_load(const char *folder, const struct policy_limits *limits, struct policy_bundle **out,
                               struct policy_report *report, struct error *error) EDICT_MUST_USE;
struct policy_bundle *policy_bundle_retain(struct policy_bundle *bundle);
void policy_bundle_release(struct policy_bundle *bundle);                /* any thread; NULL accepted */
struct slice policy_bundle_revision(const struct policy_bundle *bundle); /* "sha256:<hex>"; lives as long as the bundle */
/* The framed bytes the revision is the hash of, for content-addressed keeping; policy_bundle_from_bytes reads them back. */
struct slice policy_bundle_bytes(const struct policy_bundle *bundle);
enum status policy_bundle_from_bytes(struct slice bytes, const struct policy_limits *limits, struct policy_bundle **out,
                                     struct policy_report *report, struct error *error) EDICT_MUST_USE;

/* What `fresh` changes: numbers of rules, rules added and removed, tiers, files; one line, at most some 20 names of each. `old`
 * may be NULL. */
void policy_bundle_diff(const struct policy_bundle *old, const struct policy_bundle *fresh, struct buf *out);

/* The fields that records only commit to; NULL: none are declared. Lives as long as the bundle. */
const struct redact_paths *policy_bundle_redacts(const struct policy_bundle *bundle);
/* Does rule `rule` of the bundle give `text`, a reason, next step or alternative, without looking at a redacted field? False
 * also when that cannot be told. */
bool policy_text_is_plain(const struct policy_bundle *bundle, const cJSON *request_view, const cJSON *facts_json,
                          struct arena *arena, struct slice rule, struct slice text);

struct policy_rule_info {
    struct slice name, file, description, owner;
    int line, tier;
    bool has_when;
};
size_t policy_bundle_rule_count(const struct policy_bundle *bundle);
void policy_bundle_rule(const struct policy_bundle *bundle, size_t position, struct policy_rule_info *out); /* by name */

/* The operations that rules name in `match` or `except`, each once, ascending: what there is to ask about. A rule for any
 * operation, or for a pattern of them, adds none. Lives as long as the bundle. */
const struct slice *policy_bundle_operations(const struct policy_bundle *bundle, size_t *count);

/* ---- evaluation ---- */

/* Builds the arenas of `bundle` for one worker (retains it). May run in another thread than the one that will use it. */
enum status policy_vm_new(struct policy_bundle *bundle, struct policy_vm **out, struct error *error) EDICT_MUST_USE;
void policy_vm_delete(struct policy_vm *vm);
struct policy_bundle *policy_vm_bundle(const struct policy_vm *vm);

/* What happened to one candidate rule; for explain. */
struct policy_trace_rule {
    struct slice name, file;
    int line, tier;
    enum {
        POLICY_RULE_MATCHED,
        POLICY_RULE_NO_MATCH,
        POLICY_RULE_EXCEPTED,
        POLICY_RULE_MISSING,
        POLICY_RULE_WHEN_FALSE,
        POLICY_RULE_FAILED
    } state;
    struct slice detail; /* the match field that stopped it, the missing field, or the error with its traceback */
    uint64_t fuel, memory;
};
struct policy_trace {
    bool all_rules; /* in: also rules that the index ruled out */
    struct policy_trace_rule *rules;
    size_t count;
};

/*
 * The verdict of `vm`'s bundle on the request's view and the facts' JSON. Rule failures are part of the verdict, never an error
 * of this call. Fails only when the arena is exhausted or allocation fails (STATUS_NO_MEMORY): then there is no verdict, and
 * the caller must not approve. The verdict's memory is `arena`'s. `trace` may be NULL. Nothing but (bundle, view, facts) enters
 * the result.
 */
enum status policy_evaluate(struct policy_vm *vm, const cJSON *request_view, const cJSON *facts_json, struct arena *arena,
                            struct verdict *out, struct policy_trace *trace, struct error *error) EDICT_MUST_USE;

/* ---- workshop ---- */

/* `edict policy check`: everything that is wrong or doubtful in a folder. STATUS_OK even with diagnostics; they are in
 * `report`. */
enum status policy_check(const char *folder, const struct policy_limits *limits, struct policy_report *report,
                         struct error *error) EDICT_MUST_USE;

/* The same of files in memory, as for policy_bundle_new. */
enum status policy_check_files(const struct policy_file *files, size_t count, const struct policy_limits *limits,
                               struct policy_report *report, struct error *error) EDICT_MUST_USE;

struct policy_test_result {
    struct slice name, file;
    int line;
    bool passed;
    struct slice detail; /* of a failure: expected and got, a line each */
};
struct policy_test_run {
    struct policy_test_result *results;
    size_t count, failed;
    size_t rule_count, rules_covered; /* rules that matched in at least one test */
    struct slice *uncovered;          /* their names */
    size_t uncovered_count;
};
/*
 * `edict policy test`: runs folder/tests/<name>.lua against the bundle. `complete` gives the whole decision for a request and
 * facts (the engine's pipeline, with its built-in rules); the verdict alone is compared when it is NULL. Memory: `arena`.
 */
typedef enum status (*policy_test_complete_f)(void *context, struct arena *arena, const struct request *request,
                                              const struct facts *facts, struct verdict *verdict);
enum status policy_test_run_folder(const char *folder, struct policy_bundle *bundle, policy_test_complete_f complete,
                                   void *context, struct arena *arena, struct policy_test_run *out,
                                   struct error *error) EDICT_MUST_USE;

#endif
