/*
 * Any bytes as a request against the reference policies: a verdict, the same one a second time, and the same when every rule is
 * considered instead of those that the index finds.
 */
#include "policy/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char facts_text[] =
    "{\"v\":1,\"now\":\"2026-07-28T12:00:00.000Z\",\"now_ms\":1785240000000,\"agent\":{\"id\":\"x\",\"known\":true,"
    "\"namespace\":\"team-alpha\","
    "\"privileges\":[\"k8s:*:*\"]},\"budget\":{\"limit_micro_usd\":1000000,\"spent_micro_usd\":0,\"reserved_micro_usd\":0,"
    "\"remaining_micro_usd\":1000000,\"utilization_percent\":0},\"cost\":{\"estimated_micro_usd\":0,\"stated\":false}}";

static struct policy_vm *load(void)
{
    struct policy_bundle *bundle = NULL;
    struct policy_vm *vm = NULL;
    struct policy_report report = {0};
    struct error error;

    json_setup();
    if (policy_bundle_load(EDICT_POLICIES, NULL, &bundle, &report, &error) != STATUS_OK ||
        policy_vm_new(bundle, &vm, &error) != STATUS_OK)
        abort();
    policy_report_destroy(&report);
    policy_bundle_release(bundle);
    return vm;
}

static struct slice verdict_of(struct policy_vm *vm, struct arena *arena, const cJSON *request, const cJSON *facts,
                               struct policy_trace *trace)
{
    struct verdict verdict;
    struct error error;
    struct buf out;

    buf_create(&out, arena);
    if (policy_evaluate(vm, request, facts, arena, &verdict, trace, &error) != STATUS_OK)
        abort();
    verdict_write(&out, &verdict);
    if (out.failed)
        abort();
    return buf_slice(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct policy_vm *vm;
    struct policy_trace all = {.all_rules = true};
    struct request request;
    struct arena arena;
    struct error error;
    cJSON *facts = NULL;
    struct slice verdict;

    if (!vm)
        vm = load();
    arena_create(&arena, 65536, 256u << 20);
    if (request_parse(&arena, slice_from(data, size), (struct slice){0}, &request, &error) == STATUS_OK) {
        if (json_parse(&arena, slice_from_str(facts_text), &json_limits_default, &facts, &error) != STATUS_OK)
            abort();
        verdict = verdict_of(vm, &arena, request.view, facts, NULL);
        if (!slice_equal(verdict, verdict_of(vm, &arena, request.view, facts, NULL)))
            abort();
        if (!slice_equal(verdict, verdict_of(vm, &arena, request.view, facts, &all)))
            abort();
    }
    arena_destroy(&arena);
    return 0;
}
