/* POST /v1/policies/check and /backtest: somebody's policies, judged in a confined child; the ones in force stay. */
#include "api/access.h"
#include "api/body.h"
#include "api/reply.h"
#include "confine/judge.h"
#include "proto/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_BAD_INPUT = 2 };

/* On the heap: outlives its call where the client has gone and the server stops. */
struct upload {
    struct work work;
    struct judge_job job;
    struct api_call *call;
    char since[24];
};

static bool is_upload(struct slice path)
{
    return slice_equal(path, SLICE("/v1/policies/check")) || slice_equal(path, SLICE("/v1/policies/backtest"));
}

/* A body that is larger than others, where an admin sends it. */
size_t api_body_limit(void *context, const struct http_call *http)
{
    const struct api *api = context;

    if (http->method == HTTP_METHOD_POST && is_upload(http->path) && access_is_admin(api->shared, http))
        return API_UPLOAD_MAX;
    return 0;
}

static void reply_bad_upload(struct api_call *call, struct slice document)
{
    struct error error;
    cJSON *fault = NULL;
    struct slice where, message;

    if (json_parse(call->http->arena, document, &json_limits_default, &fault, &error) != STATUS_OK) {
        reply_problem(call, 500, "", "the confined process gave no answer that could be read");
        return;
    }
    where = json_get_text(fault, "where");
    message = json_get_text(fault, "message");
    reply_problem_with(
        call, 400,
        arena_printf(call->http->arena, "%.*s%s%.*s", SLICE_ARG(where), where.size > 0 ? ": " : "", SLICE_ARG(message)), NULL,
        0);
}

static void upload_answer(struct upload *upload)
{
    struct api_call *call = upload->call;
    const struct judge_job *job = &upload->job;
    struct buf copy;

    if (job->status == STATUS_TOO_LARGE) {
        reply_problem_with(call, 422, arena_printf(call->http->arena, "judging these policies %s", job->error.message), NULL,
                           0);
    } else if (job->status != STATUS_OK) {
        reply_error(call, &job->error);
    } else if (job->exit_code == EXIT_BAD_INPUT) {
        reply_bad_upload(call, buf_slice(&job->output));
    } else if (job->exit_code != 0) {
        reply_problem(call, 500, "", "the confined process failed; the server's log says more");
    } else {
        buf_create(&copy, call->http->arena);
        buf_add_slice(&copy, buf_slice(&job->output));
        reply_json(call, 200, &copy);
    }
}

static void upload_arrived(struct work *work)
{
    struct upload *upload = (struct upload *)work;

    upload_answer(upload);
    buf_destroy(&upload->job.output);
    free(upload);
}

/* The judge's thread. */
static void upload_done(struct judge_job *job)
{
    struct upload *upload = job->user;

    upload->work.run = upload_arrived;
    api_post(upload->call->api, &upload->work);
}

/* Nobody waits for it any more. */
static void upload_abort(struct http_call *http)
{
    struct api_call *call = http->user;
    struct upload *upload = call->user;

    atomic_store(&upload->job.cancelled, true);
}

static void upload_post(struct api_call *call, struct upload *upload)
{
    const struct http_header retry = {SLICE("Retry-After"), SLICE("5")};

    call->user = upload;
    call->http->on_abort = upload_abort;
    call->http->on_drain = upload_abort;
    if (judge_post(call->api->shared->judge, &upload->job))
        return;
    free(upload);
    call->http->on_abort = NULL;
    call->http->on_drain = NULL;
    reply_problem_with(call, 503, SLICE("other uploads are being judged; try again"), &retry, 1);
}

/* NULL (answered) when the call is no upload. */
static struct upload *upload_new(struct api_call *call, const char *word, uint32_t time_ms)
{
    struct upload *upload;

    if (!body_check_up_to(call, API_UPLOAD_MAX))
        return NULL;
    upload = calloc(1, sizeof *upload);
    if (!upload) {
        reply_problem(call, 503, "", "out of memory; try again");
        return NULL;
    }
    upload->call = call;
    upload->job.words[0] = word;
    upload->job.input = call->http->body;
    upload->job.time_ms = time_ms;
    upload->job.done = upload_done;
    upload->job.user = upload;
    return upload;
}

void api_policies_check(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct upload *upload = parameters_check(call, names) ? upload_new(call, "check", JUDGE_CHECK_MS) : NULL;

    if (upload)
        upload_post(call, upload);
}

void api_policies_backtest(struct api_call *call)
{
    static const char *const names[] = {"since", NULL};
    struct upload *upload;
    int64_t since_ms = 0;

    if (!parameters_check(call, names) || !parameter_time(call, "since", &since_ms))
        return;
    upload = upload_new(call, "backtest", JUDGE_BACKTEST_MS);
    if (!upload)
        return;
    /* The ledger holds nothing from before 1970. */
    snprintf(upload->since, sizeof upload->since, "%lld", (long long)(since_ms > 0 ? since_ms : 0));
    upload->job.words[1] = call->api->shared->ledger_folder;
    upload->job.words[2] = upload->since;
    upload_post(call, upload);
}
