#include "policy/vm.h"

#include "parse/re.h"
#include "policy/load.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

static enum status load_sandboxes(struct policy_vm *vm, struct error *error)
{
    struct policy_bundle *bundle = vm->bundle;
    size_t i;

    for (i = 0; i < bundle->file_count; i++) {
        struct loader loader = {.bundle = bundle, .file = &bundle->files[i]};
        enum status status;

        if (bundle->files[i].slot_count == 0)
            continue;
        status = load_file(&loader, &vm->sandboxes[i], &vm->services, error);
        if (status != STATUS_OK)
            return status;
        if (loader.slot_count != bundle->files[i].slot_count)
            return error_set(error, STATUS_INTERNAL, NULL, "a policy file gave other functions when it was loaded again");
    }
    return STATUS_OK;
}

enum status policy_vm_new(struct policy_bundle *bundle, struct policy_vm **out, struct error *error)
{
    struct policy_vm *vm = (struct policy_vm *)calloc(1, sizeof *vm);
    size_t paths = bundle->path_count ? bundle->path_count : 1;
    enum status status;

    *out = NULL;
    if (vm == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a policy evaluator");
    vm->bundle = policy_bundle_retain(bundle);
    vm->sandboxes = (struct sandbox *)calloc(bundle->file_count ? bundle->file_count : 1, sizeof *vm->sandboxes);
    vm->candidates = (uint32_t *)calloc(bundle->rule_count ? bundle->rule_count : 1, sizeof *vm->candidates);
    vm->input.paths = bundle->paths;
    vm->input.values = (const cJSON **)calloc(paths, sizeof *vm->input.values);
    vm->input.stamps = (uint32_t *)calloc(paths, sizeof *vm->input.stamps);
    if (vm->sandboxes == NULL || vm->candidates == NULL || vm->input.values == NULL || vm->input.stamps == NULL)
        status = error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a policy evaluator");
    else
        status = services_create(&vm->services, error);
    if (status == STATUS_OK)
        status = load_sandboxes(vm, error);
    if (status != STATUS_OK) {
        policy_vm_delete(vm);
        return status;
    }
    *out = vm;
    return STATUS_OK;
}

void policy_vm_delete(struct policy_vm *vm)
{
    size_t i;

    if (vm == NULL)
        return;
    for (i = 0; vm->sandboxes != NULL && i < vm->bundle->file_count; i++)
        sandbox_destroy(&vm->sandboxes[i]);
    services_destroy(&vm->services);
    free(vm->sandboxes);
    free(vm->candidates);
    free(vm->input.values);
    free(vm->input.stamps);
    policy_bundle_release(vm->bundle);
    free(vm);
}

struct policy_bundle *policy_vm_bundle(const struct policy_vm *vm)
{
    return vm->bundle;
}

void policy_runtime(char out[POLICY_RUNTIME_MAX])
{
    char regex[RE_VERSION_MAX];

    re_version(regex);
    (void)snprintf(out, POLICY_RUNTIME_MAX, "semantics %d, %s, PCRE2 %s", (int)VERDICT_SEMANTICS, LUA_RELEASE, regex);
}
