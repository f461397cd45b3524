/* One worker's evaluator: a sandbox for each file of the bundle that has functions, and the working memory of matching. */
#ifndef EDICT_POLICY_VM_H
#define EDICT_POLICY_VM_H

#include "policy/bundle.h"
#include "policy/match.h"
#include "policy/sandbox.h"
#include "policy/services.h"

struct policy_vm {
    struct policy_bundle *bundle; /* retained */
    struct sandbox *sandboxes;    /* by file; a zeroed one where no function is */
    struct sandbox_services services;
    struct match_input input; /* its arrays are ours, by path */
    uint32_t *candidates;     /* room for every rule */
};

#endif
