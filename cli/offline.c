#include "cli/offline.h"

#include "base/clock.h"
#include "cli/show.h"
#include "engine/explanation.h"
#include "engine/verdict_rules.h"
#include "proto/decision.h"

#include <stdio.h>
#include <time.h>

enum status offline_complete(void *context, struct arena *arena, const struct request *request, const struct facts *facts,
                             struct verdict *verdict)
{
    const struct offline_case *one = context;
    struct decision decision = {.request = *request, .facts = *facts};
    struct policy_trace trace = {0};
    struct error error;
    uint64_t start = clock_monotonic_ns();
    enum status status = verdict_rules_evaluate(one->vm, arena, &decision, one->traced ? &trace : NULL, &error);

    if (status == STATUS_OK && one->traced)
        one->traced(one->user, &trace, clock_monotonic_ns() - start);
    *verdict = decision.verdict;
    return status;
}

static void print_json_report(const struct policy_report *report)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    buf_create(&out, NULL);
    policy_report_write(&w, report);
    printf("%.*s\n", (int)out.size, out.data);
    buf_destroy(&out);
}

void offline_print_report(const struct policy_report *report, bool json)
{
    if (json) {
        print_json_report(report);
        return;
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct policy_diagnostic *item = &report->items[i];
        char column[16] = "";

        if (item->column > 0)
            snprintf(column, sizeof column, "%d:", item->column);
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

static int print_response(struct command *command, struct decision *decision, const struct policy_trace *trace,
                          cJSON **document)
{
    struct buf out, explanation;
    struct error error = {0};

    buf_create(&out, command->arena);
    buf_create(&explanation, command->arena);
    if (trace)
        explanation_write(&explanation, command->arena, trace, decision->facts_json,
                          decision->request.explain == REQUEST_EXPLAIN_FULL);
    decision_write_response(&out, command->arena, decision, DECISION_FORM_FULL, buf_slice(&explanation));
    if (json_parse(command->arena, buf_slice(&out),
                   &(struct json_limits){.bytes = SIZE_MAX, .depth = 64, .members = UINT32_MAX}, document, &error) != STATUS_OK)
        return command_fail(&error);
    if (command->json)
        printf("%.*s\n", (int)out.size, out.data);
    return COMMAND_OK;
}

static int offline_decide(struct command *command, struct policy_vm *vm, const struct request *request,
                          const struct offline_question *question, cJSON **document)
{
    struct decision decision = {.request = *request};
    struct policy_trace trace = {.all_rules = question->explain_all};
    struct error error = {0};
    bool traced = request->explain != REQUEST_EXPLAIN_NO;
    int code = offline_facts(command, question->facts, request, &decision.facts);

    if (code != COMMAND_OK)
        return code;
    decision.request.dry_run = true;
    decision.policy_revision = policy_bundle_revision(policy_vm_bundle(vm));
    if (verdict_rules_evaluate(vm, command->arena, &decision, traced ? &trace : NULL, &error) != STATUS_OK)
        return command_fail(&error);
    if (!verdict_rules_conclude(command->arena, &decision, 0, 0, false))
        return COMMAND_FAILED;
    return print_response(command, &decision, traced ? &trace : NULL, document);
}

int offline_load(const char *folder, struct policy_bundle **bundle, struct policy_vm **vm)
{
    struct policy_report report = {0};
    struct error error = {0};
    int code = COMMAND_OK;

    *bundle = NULL;
    *vm = NULL;
    if (policy_bundle_load(folder, &policy_limits_default, bundle, &report, &error) != STATUS_OK ||
        policy_vm_new(*bundle, vm, &error) != STATUS_OK) {
        offline_print_report(&report, false);
        command_fail(&error);
        policy_bundle_release(*bundle);
        *bundle = NULL;
        code = COMMAND_BAD_INPUT;
    }
    policy_report_destroy(&report);
    return code;
}

int offline_evaluate(struct command *command, const struct offline_question *question, cJSON **document)
{
    struct request request = {0};
    struct policy_bundle *bundle;
    struct policy_vm *vm;
    struct error error = {0};
    int code;

    if (request_parse(command->arena, question->request, (struct slice){0}, &request, &error) != STATUS_OK)
        return command_fail(&error);
    if (question->explain_all)
        request.explain = REQUEST_EXPLAIN_FULL;
    code = offline_load(question->policies, &bundle, &vm);
    if (code != COMMAND_OK)
        return code;
    code = offline_decide(command, vm, &request, question, document);
    policy_vm_delete(vm);
    policy_bundle_release(bundle);
    return code;
}
