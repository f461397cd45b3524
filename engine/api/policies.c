#include "api/api.h"
#include "api/body.h"
#include "api/reply.h"
#include "proto/json.h"

#include <stdlib.h>

/* ---- GET /v1/policies ---- */

static void write_rule(struct json_writer *w, const struct policy_rule_info *rule)
{
    json_begin_object(w);
    json_key(w, "name");
    json_string(w, rule->name);
    json_key(w, "tier");
    json_i64(w, rule->tier);
    json_key(w, "file");
    json_string(w, rule->file);
    json_key(w, "line");
    json_i64(w, rule->line);
    json_key(w, "description");
    json_string(w, rule->description);
    json_key(w, "owner");
    json_string(w, rule->owner);
    json_end_object(w);
}

static void write_redacts(struct json_writer *w, const struct redact_paths *redacts)
{
    json_key(w, "redacts");
    json_begin_array(w);
    for (size_t i = 0; redacts && i < redacts->count; i++)
        json_string(w, redacts->items[i]);
    json_end_array(w);
}

static void write_bundle(struct json_writer *w, const struct policy_bundle *bundle)
{
    struct policy_rule_info rule;

    json_begin_object(w);
    json_key(w, "policy_revision");
    json_string(w, policy_bundle_revision(bundle));
    json_key(w, "rules");
    json_begin_array(w);
    for (size_t i = 0; i < policy_bundle_rule_count(bundle); i++) {
        policy_bundle_rule(bundle, i, &rule);
        write_rule(w, &rule);
    }
    json_end_array(w);
    write_redacts(w, policy_bundle_redacts(bundle));
    json_end_object(w);
}

void api_policies_list(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct policy_bundle *bundle;
    struct buf out;
    struct json_writer w = {.out = &out};

    if (!parameters_check(call, names))
        return;
    bundle = activation_bundle(call->api->shared->activation);
    if (!bundle) {
        reply_problem(call, 503, "", "no policies are active yet");
        return;
    }
    buf_create(&out, call->http->arena);
    write_bundle(&w, bundle);
    policy_bundle_release(bundle);
    reply_json(call, 200, &out);
}

/* ---- POST /v1/policies/reload ---- */

struct policies_reload {
    struct work work;
    struct activation_request request;
    struct api_call *call;
};

static void reload_write(struct json_writer *w, const struct activation_outcome *outcome)
{
    json_begin_object(w);
    json_key(w, "policy_revision");
    json_string(w, slice_from_str(outcome->revision));
    json_key(w, "previous");
    json_string(w, slice_from_str(outcome->previous));
    json_key(w, "changed");
    json_bool(w, outcome->changed);
    json_key(w, "rules");
    json_i64(w, (int64_t)outcome->rule_count);
    json_key(w, "diagnostics");
    policy_report_write(w, &outcome->report);
    json_end_object(w);
}

/* The first few diagnostics as text; the bundle that was active stays so. */
static void reload_reply_broken(struct api_call *call, const struct activation_outcome *outcome)
{
    struct buf detail;

    buf_create(&detail, call->http->arena);
    buf_printf(&detail, "the policies were not loaded; the active ones stay. %s%s%s", outcome->error.where,
               outcome->error.where[0] ? ": " : "", outcome->error.message);
    for (size_t i = 0; i < outcome->report.count && i < 20; i++)
        buf_printf(&detail, "\n%s:%d: %s", outcome->report.items[i].file, outcome->report.items[i].line,
                   outcome->report.items[i].message);
    http_reply_problem(call->http, outcome->status == STATUS_UNAVAILABLE ? 503 : 400, buf_slice(&detail), NULL, 0);
}

static void reload_arrived(struct work *work)
{
    struct policies_reload *reload = (struct policies_reload *)work;
    struct activation_outcome *outcome = &reload->request.outcome;
    struct buf out;
    struct json_writer w = {.out = &out};

    if (outcome->status == STATUS_OK) {
        buf_create(&out, reload->call->http->arena);
        reload_write(&w, outcome);
        reply_json(reload->call, 200, &out);
    } else {
        reload_reply_broken(reload->call, outcome);
    }
    policy_report_destroy(&outcome->report);
    free(reload);
}

/* In the loader's thread. */
static void reload_done(struct activation_request *request)
{
    struct policies_reload *reload = request->user;

    reload->work.run = reload_arrived;
    api_post(reload->call->api, &reload->work);
}

void api_policies_reload(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct policies_reload *reload;

    if (!parameters_check(call, names) || !body_object(call, names, true))
        return;
    reload = calloc(1, sizeof *reload);
    if (!reload) {
        reply_problem(call, 503, "", "out of memory; try again");
        return;
    }
    reload->call = call;
    reload->request = (struct activation_request){.by = "admin", .done = reload_done, .user = reload};
    if (activation_post(call->api->shared->activation, &reload->request))
        return;
    free(reload);
    reply_problem(call, 503, "", "the server is stopping");
}
