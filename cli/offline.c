#include "cli/offline.h"

#include "cli/show.h"
#include "engine/verdict_rules.h"
#include "proto/decision.h"

#include <stdio.h>
#include <time.h>

enum status offline_complete(void *context, struct arena *arena, const struct request *request, const struct facts *facts,
                             struct verdict *verdict)
{
    struct decision decision = {.request = *request, .facts = *facts};
    struct error error;
    enum status status = verdict_rules_evaluate(context, arena, &decision, NULL, &error);

    *verdict = decision.verdict;
    return status;
}

void offline_print_report(const struct policy_report *report, bool json)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct policy_diagnostic *item = &report->items[i];
        char column[16] = "";

        if (item->column > 0)
            snprintf(column, sizeof column, "%d:", item->column);
        if (!json)
            printf("%s:%d:%s %s: %s\n", item->file, item->line, column, item->severity == POLICY_ERROR ? "error" : "warning",
                   item->message);
    }
}

static int offline_facts(struct command *command, const char *path, const struct request *request, struct facts *facts)
{
    struct slice text = SLICE("{}");
    cJSON *json = NULL;
    struct error error = {0};
    const struct clock clock = clock_system();

    if (path && !command_read_file(command, path, JSON_BYTES_MAX * 4, &text))
        return COMMAND_BAD_INPUT;
    if (json_parse(command->arena, text,
                   &(struct json_limits){.bytes = JSON_BYTES_MAX * 4, .depth = JSON_DEPTH_MAX, .members = JSON_MEMBERS_MAX},
                   &json, &error) != STATUS_OK ||
        facts_from_json(command->arena, json, facts, &error) != STATUS_OK)
        return command_fail(&error);
    if (facts->agent_id.size == 0)
        facts->agent_id = request->agent_identity;
    if (facts->now_ms == 0)
        facts->now_ms = clock_now_ms(&clock);
    facts->period = clock_month(facts->now_ms);
    facts->estimated_micro_usd = request->estimated_cost_micro_usd;
    facts->estimate_stated = request->has_estimate;
    return COMMAND_OK;
}

static int offline_decide(struct command *command, struct policy_vm *vm, const struct request *request, const char *facts,
                          cJSON **document)
{
    struct decision decision = {.request = *request};
    struct buf out;
    struct error error = {0};
    int code = offline_facts(command, facts, request, &decision.facts);

    if (code != COMMAND_OK)
        return code;
    decision.request.dry_run = true;
    decision.policy_revision = policy_bundle_revision(policy_vm_bundle(vm));
    if (verdict_rules_evaluate(vm, command->arena, &decision, NULL, &error) != STATUS_OK)
        return command_fail(&error);
    buf_create(&out, command->arena);
    if (!verdict_rules_conclude(command->arena, &decision, 0, 0, false))
        return COMMAND_FAILED;
    decision_write_response(&out, command->arena, &decision, DECISION_FORM_FULL, (struct slice){0});
    if (json_parse(command->arena, buf_slice(&out), &(struct json_limits){.bytes = SIZE_MAX, .depth = 64, .members = 65536},
                   document, &error) != STATUS_OK)
        return command_fail(&error);
    if (command->json)
        printf("%.*s\n", (int)out.size, out.data);
    return COMMAND_OK;
}

int offline_evaluate(struct command *command, const char *policies, const char *facts, struct slice request_text,
                     cJSON **document)
{
    struct request request = {0};
    struct policy_bundle *bundle = NULL;
    struct policy_vm *vm = NULL;
    struct policy_report report = {0};
    struct error error = {0};
    int code;

    if (request_parse(command->arena, request_text, (struct slice){0}, &request, &error) != STATUS_OK)
        return command_fail(&error);
    if (policy_bundle_load(policies, &policy_limits_default, &bundle, &report, &error) != STATUS_OK) {
        offline_print_report(&report, false);
        policy_report_destroy(&report);
        command_fail(&error);
        return COMMAND_BAD_INPUT;
    }
    code = policy_vm_new(bundle, &vm, &error) == STATUS_OK ? offline_decide(command, vm, &request, facts, document)
                                                           : command_fail(&error);
    policy_vm_delete(vm);
    policy_bundle_release(bundle);
    policy_report_destroy(&report);
    return code;
}
