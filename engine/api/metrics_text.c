/* The exposition: sums the workers' counters and writes them with those of the ledger, the state and the HTTP layer. */
#include "api/api.h"
#include "api/metrics.h"
#include "api/reply.h"

#include <unistd.h>

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    write_head(out, name, "gauge", help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* In OpenMetrics a counter's family has the name without _total. */
static void write_counter(struct buf *out, const char *family, const char *help, uint64_t value)
{
    write_head(out, family, "counter", help);
    buf_printf(out, "%s_total %llu\n", family, (unsigned long long)value);
}

static const char *const stage_names[METRICS_STAGE_COUNT] = {"parse", "facts", "policy", "commit", "total"};

static void write_stage(struct buf *out, const struct api_shared *shared, int stage)
{
    uint64_t cumulative = 0, sum_ns = 0;

    for (size_t b = 0; b < METRICS_BUCKETS; b++) {
        for (size_t w = 0; w < shared->worker_count; w++)
            cumulative += load(&shared->workers[w]->metrics.stages[stage].counts[b]);
        if (b < METRICS_BUCKETS - 1)
            buf_printf(out, "edict_decision_duration_seconds_bucket{stage=\"%s\",le=\"%.6f\"} %llu\n", stage_names[stage],
                       (double)metrics_bounds_ns[b] / 1e9, (unsigned long long)cumulative);
    }
    for (size_t w = 0; w < shared->worker_count; w++)
        sum_ns += load(&shared->workers[w]->metrics.stages[stage].sum_ns);
    buf_printf(out, "edict_decision_duration_seconds_bucket{stage=\"%s\",le=\"+Inf\"} %llu\n", stage_names[stage],
               (unsigned long long)cumulative);
    buf_printf(out, "edict_decision_duration_seconds_sum{stage=\"%s\"} %.9f\n", stage_names[stage], (double)sum_ns / 1e9);
    buf_printf(out, "edict_decision_duration_seconds_count{stage=\"%s\"} %llu\n", stage_names[stage],
               (unsigned long long)cumulative);
}

static void write_stages(struct buf *out, const struct api_shared *shared)
{
    write_head(out, "edict_decision_duration_seconds", "histogram", "Time of a decision by stage.");
    for (int stage = 0; stage < METRICS_STAGE_COUNT; stage++)
        write_stage(out, shared, stage);
}

static uint64_t sum_decisions(const struct api_shared *shared, int tier, int outcome)
{
    uint64_t sum = 0;

    for (size_t w = 0; w < shared->worker_count; w++)
        sum += load(&shared->workers[w]->metrics.decisions[tier][outcome]);
    return sum;
}

static void write_decisions(struct buf *out, const struct api_shared *shared)
{
    write_head(out, "edict_decisions", "counter", "Decisions recorded since the start, by tier and outcome.");
    for (int tier = 0; tier < 4; tier++) {
        for (int outcome = 0; outcome < 3; outcome++)
            buf_printf(out, "edict_decisions_total{tier=\"%d\",decision=\"%s\"} %llu\n", tier,
                       decision_outcome_name((enum decision_outcome)outcome),
                       (unsigned long long)sum_decisions(shared, tier, outcome));
    }
}

static void write_worker_sums(struct buf *out, const struct api_shared *shared)
{
    static const struct {
        const char *family, *help;
        size_t offset;
    } sums[] = {
        {"edict_undecided", "Decisions that no rule matched.", offsetof(struct api_metrics, undecided)},
        {"edict_dry_runs", "Dry runs.", offsetof(struct api_metrics, dry_runs)},
        {"edict_repeated", "Requests answered by the decision of the same idempotency key.",
         offsetof(struct api_metrics, repeated)},
        {"edict_contended", "Decisions escalated because the state kept changing.", offsetof(struct api_metrics, contended)},
        {"edict_rule_errors", "Rules that failed while they were evaluated.", offsetof(struct api_metrics, rule_errors)},
        {"edict_refused", "Evaluation requests that were not understood or not taken.", offsetof(struct api_metrics, refused)},
        {"edict_extra_attempts", "Evaluations repeated because the state had changed.",
         offsetof(struct api_metrics, extra_attempts)},
    };

    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        uint64_t sum = 0;

        for (size_t w = 0; w < shared->worker_count; w++)
            sum += load((const _Atomic uint64_t *)((const char *)&shared->workers[w]->metrics + sums[i].offset));
        write_counter(out, sums[i].family, sums[i].help, sum);
    }
}

static void write_state(struct buf *out, const struct api_shared *shared)
{
    struct state_totals totals = {0};
    uint64_t all = 0;

    state_get_totals(shared->state, &totals);
    for (int tier = 0; tier < 4; tier++)
        all += totals.decisions_by_tier[tier];
    write_gauge(out, "edict_agents", "Agents with a manifest.", totals.agents);
    write_gauge(out, "edict_escalations_pending", "Escalations waiting for a reviewer.", totals.escalations_pending);
    write_head(out, "edict_autonomy_ratio", "gauge", "Share of tier 0 and 1 among all decisions in the ledger.");
    buf_printf(out, "edict_autonomy_ratio %.6f\n",
               all ? (double)(totals.decisions_by_tier[0] + totals.decisions_by_tier[1]) / (double)all : 0.0);
}

static void write_group_sizes(struct buf *out, const struct ledger_stats *stats)
{
    uint64_t cumulative = 0;

    write_head(out, "edict_ledger_group_entries", "histogram", "Entries of one commit group.");
    for (unsigned b = 0; b < 11; b++) {
        cumulative += stats->group_size_buckets[b];
        buf_printf(out, "edict_ledger_group_entries_bucket{le=\"%u.0\"} %llu\n", 1u << b, (unsigned long long)cumulative);
    }
    cumulative += stats->group_size_buckets[11];
    buf_printf(out, "edict_ledger_group_entries_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)cumulative);
    buf_printf(out, "edict_ledger_group_entries_sum %llu\n", (unsigned long long)stats->entries);
    buf_printf(out, "edict_ledger_group_entries_count %llu\n", (unsigned long long)cumulative);
}

static void write_ledger(struct buf *out, const struct api_shared *shared)
{
    struct ledger_stats stats = {0};

    ledger_get_stats(shared->ledger, &stats);
    write_gauge(out, "edict_ledger_size", "Durable entries.", ledger_durable(shared->ledger));
    write_counter(out, "edict_ledger_groups", "Commit groups written.", stats.groups);
    write_counter(out, "edict_ledger_entries", "Entries written since the start.", stats.entries);
    write_counter(out, "edict_ledger_written_bytes", "Bytes of entries written since the start.", stats.bytes);
    write_gauge(out, "edict_ledger_queue_entries", "Transactions waiting for the sequencer.", stats.queue_entries);
    write_gauge(out, "edict_ledger_queue_bytes", "Bytes waiting for the sequencer.", stats.queue_bytes);
    write_head(out, "edict_ledger_commit_seconds", "counter", "Time spent writing groups.");
    buf_printf(out, "edict_ledger_commit_seconds_total %.9f\n", (double)stats.sync_ns_total / 1e9);
    write_group_sizes(out, &stats);
}

static struct http_counters sum_http(const struct api_shared *shared)
{
    struct http_counters sum = {0}, one;

    for (size_t w = 0; w < shared->worker_count; w++) {
        http_worker_counters(shared->workers[w]->http, &one);
        sum.connections_accepted += one.connections_accepted;
        sum.connections_active += one.connections_active;
        sum.connections_refused += one.connections_refused;
        sum.requests += one.requests;
        sum.calls_active += one.calls_active;
        sum.timeouts += one.timeouts;
        sum.aborted += one.aborted;
        for (int i = 0; i < 6; i++)
            sum.replies[i] += one.replies[i];
    }
    return sum;
}

static uint64_t count_waiters(const struct api_shared *shared)
{
    uint64_t sum = 0;

    for (size_t w = 0; w < shared->worker_count; w++)
        sum += atomic_load_explicit(&shared->workers[w]->waiters.count, memory_order_relaxed);
    return sum;
}

static uint64_t count_streams(const struct api_shared *shared)
{
    uint64_t sum = 0;

    for (size_t w = 0; w < shared->worker_count; w++)
        sum += mcp_worker_streams(shared->workers[w]->mcp);
    return sum;
}

static void write_http(struct buf *out, const struct api_shared *shared)
{
    struct http_counters sum = sum_http(shared);

    write_gauge(out, "edict_http_connections", "Open connections.", sum.connections_active);
    write_counter(out, "edict_http_connections_accepted", "Connections accepted.", sum.connections_accepted);
    write_counter(out, "edict_http_connections_refused", "Connections over the bound.", sum.connections_refused);
    write_counter(out, "edict_http_requests", "Requests.", sum.requests);
    write_gauge(out, "edict_http_calls", "Requests that are being answered, long polls and streams among them.",
                sum.calls_active);
    write_gauge(out, "edict_long_polls", "Long polls that wait.", count_waiters(shared));
    write_gauge(out, "edict_mcp_streams", "Event streams of MCP, and its calls that wait.", count_streams(shared));
    write_counter(out, "edict_http_timeouts", "Connections closed because a time was up.", sum.timeouts);
    write_counter(out, "edict_http_aborted", "Calls whose client went away before the answer.", sum.aborted);
    write_head(out, "edict_http_replies", "counter", "Answers by class of status.");
    for (int i = 1; i < 6; i++)
        buf_printf(out, "edict_http_replies_total{class=\"%dxx\"} %llu\n", i, (unsigned long long)sum.replies[i]);
}

static void write_info(struct buf *out, const struct api_shared *shared)
{
    struct policy_bundle *bundle = activation_bundle(shared->activation);
    struct slice revision = bundle ? policy_bundle_revision(bundle) : SLICE("");

    write_head(out, "edict_build", "info", "The program.");
    buf_printf(out, "edict_build_info{version=\"%s\",semantics=\"%d\"} 1\n", EDICT_VERSION, VERDICT_SEMANTICS);
    write_head(out, "edict_policy", "info", "The bundle in force.");
    buf_printf(out, "edict_policy_info{revision=\"%.*s\"} 1\n", SLICE_ARG(revision));
    write_gauge(out, "edict_policy_rules", "Rules of the bundle in force.", bundle ? policy_bundle_rule_count(bundle) : 0);
    policy_bundle_release(bundle);
    write_head(out, "edict_start_time_seconds", "gauge", "When the process started.");
    buf_printf(out, "edict_start_time_seconds %.3f\n", (double)shared->started_ms / 1000.0);
}

void metrics_write(struct buf *out, const struct api_shared *shared)
{
    write_info(out, shared);
    write_decisions(out, shared);
    write_worker_sums(out, shared);
    write_stages(out, shared);
    write_state(out, shared);
    write_ledger(out, shared);
    publishing_write_metrics(out, shared);
    write_http(out, shared);
    buf_add_str(out, "# EOF\n");
}

void api_metrics_show(struct api_call *call)
{
    struct buf out;
    struct slice accept = {0};

    buf_create(&out, call->http->arena);
    metrics_write(&out, call->api->shared);
    http_header_get(call->http, "accept", &accept);
    if (out.failed)
        reply_problem(call, 503, "", "the metrics need more memory than one call may use");
    else
        http_reply_body(call->http, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", buf_slice(&out));
}
