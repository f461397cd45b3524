/*
 * Any bytes as a rule file: refused with a reason, or loaded; what loads is evaluated twice, to the same verdict, and its bytes
 * give the same revision again.
 */
#include "policy/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char request_text[] =
    "{\"operation\":\"delete\",\"command\":\"ls -l\",\"context\":{\"namespace\":\"a\",\"n\":3,\"list\":[1,\"x\",null]}}";
static const char facts_text[] =
    "{\"agent\":{\"id\":\"x\",\"known\":true,\"namespace\":\"a\",\"privileges\":[\"k8s:*\"]},\"now_ms\":1785240000000}";

static cJSON *parse(struct arena *arena, const char *text)
{
    cJSON *tree = NULL;
    struct error error;

    if (json_parse(arena, slice_from_str(text), &json_limits_default, &tree, &error) != STATUS_OK)
        abort();
    return tree;
}

static struct slice verdict_of(struct policy_vm *vm, struct arena *arena)
{
    struct verdict verdict;
    struct error error;
    struct buf out;

    buf_create(&out, arena);
    if (policy_evaluate(vm, parse(arena, request_text), parse(arena, facts_text), arena, &verdict, NULL, &error) != STATUS_OK)
        abort();
    verdict_write(&out, &verdict);
    if (out.failed)
        abort();
    return buf_slice(&out);
}

static void check_bundle(struct policy_bundle *bundle)
{
    struct policy_bundle *again = NULL;
    struct policy_report report = {0};
    struct policy_vm *vm = NULL;
    struct arena arena;
    struct error error;

    arena_create(&arena, 65536, 64u << 20);
    if (policy_vm_new(bundle, &vm, &error) != STATUS_OK || !slice_equal(verdict_of(vm, &arena), verdict_of(vm, &arena)))
        abort();
    policy_vm_delete(vm);
    if (policy_bundle_from_bytes(policy_bundle_bytes(bundle), NULL, &again, &report, &error) != STATUS_OK ||
        !slice_equal(policy_bundle_revision(bundle), policy_bundle_revision(again)))
        abort();
    policy_bundle_release(again);
    policy_report_destroy(&report);
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    /* Small, so that a run spends its time on many inputs. */
    const struct policy_limits limits = {.fuel_per_rule = 20000,
                                         .fuel_total = 40000,
                                         .memory = 1 << 18,
                                         .output = 16384,
                                         .load_memory = 8 << 20,
                                         .load_fuel = 200000};
    const struct policy_file file = {.path = SLICE("fuzz.lua"), .source = slice_from(data, size)};
    struct policy_bundle *bundle = NULL;
    struct policy_report report = {0};
    struct error error = {0};

    json_setup();
    if (policy_bundle_new(&file, 1, &limits, &bundle, &report, &error) == STATUS_OK)
        check_bundle(bundle);
    else if (report.count == 0 && error.message[0] == '\0')
        abort(); /* refused without a reason */
    policy_bundle_release(bundle);
    policy_report_destroy(&report);
    return 0;
}
