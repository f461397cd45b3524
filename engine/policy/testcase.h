/* One policy test: its request and facts over sensible defaults, decided, and compared with what it expects. */
#ifndef EDICT_POLICY_TESTCASE_H
#define EDICT_POLICY_TESTCASE_H

#include "policy/policy.h"

struct testcase {
    struct slice name, file;
    int line;
    cJSON *request, *facts, *expect; /* objects */
};

struct testcase_list {
    struct arena *arena;
    struct slice file, source;
    struct testcase *items;
    size_t count, capacity;
    struct slice broken; /* why the file did not run to its end; empty: it did */
};

struct testcase_context {
    struct policy_vm *vm;
    policy_test_complete_f complete; /* NULL: the bundle's verdict alone */
    void *complete_context;
};

/* `detail` is empty when the test passes. Memory: `arena`. The status is about running, not about passing. */
enum status testcase_run(const struct testcase_context *context, struct arena *arena, const struct testcase *item,
                         struct verdict *verdict, struct slice *detail, struct error *error) EDICT_MUST_USE;

#endif
