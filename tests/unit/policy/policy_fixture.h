/* What the policy tests share: a bundle from text, a request and facts from JSON text, a verdict as JSON text. */
#ifndef EDICT_TEST_POLICY_FIXTURE_H
#define EDICT_TEST_POLICY_FIXTURE_H

#include "policy/policy.h"

struct fixture {
    struct policy_bundle *bundle;
    struct policy_vm *vm;
    struct policy_report report;
    struct error error;
    struct arena arena;
    struct verdict verdict;
};

/* One file, "test.lua". False when it does not load: then `report` and `error` say why. */
bool fixture_load(struct fixture *fixture, const char *source);
bool fixture_load_files(struct fixture *fixture, const struct policy_file *files, size_t count,
                        const struct policy_limits *limits);
void fixture_destroy(struct fixture *fixture);
/* Evaluates; the verdict is in the fixture. Single quotes in the JSON texts stand for double quotes. */
enum status fixture_evaluate(struct fixture *fixture, const char *request, const char *facts);
/* The verdict as JSON; valid until the next call. */
const char *fixture_json(struct fixture *fixture);
/* Evaluates `return <expression>` as the condition of a rule: "true", "false", or "error: <message>". */
const char *fixture_condition(struct fixture *fixture, const char *expression, const char *request, const char *facts);
/* The text an expression gives, through `because`; or "error: <message>". */
const char *fixture_text(struct fixture *fixture, const char *expression);
cJSON *fixture_parse(struct arena *arena, const char *text);

#endif
