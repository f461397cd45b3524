/* Reservations and how they end: settled by an outcome, or charged in full when none comes. */
#include "state/internal.h"

#include "proto/money.h"

#include <stdlib.h>

struct closed_decision {
    struct table_node node;
    char id[];
};

/* ---- rows ---- */

static void journal_budget(struct state *state, const struct agent *agent, const struct budget *budget)
{
    struct row key, value = {.size = 0};

    row_begin(&key, ROW_BUDGET);
    row_text(&key, agent->node.key);
    row_u32(&key, (uint32_t)budget->period);
    row_u64(&value, (uint64_t)budget->spent);
    row_u64(&value, (uint64_t)budget->reserved);
    row_u64(&value, (uint64_t)budget->raised);
    journal_put(&state->journal, row_slice(&key), row_slice(&value));
}

static void reservation_key(struct row *key, struct slice decision_id)
{
    row_begin(key, ROW_RESERVATION);
    row_bytes(key, decision_id);
}

static void journal_reservation(struct state *state, const struct reservation *reservation)
{
    struct row key, value = {.size = 0};

    reservation_key(&key, reservation->node.key);
    row_u64(&value, (uint64_t)reservation->amount);
    row_u64(&value, (uint64_t)reservation->expires_at_ms);
    row_u32(&value, (uint32_t)reservation->period);
    row_bytes(&value, reservation->agent->node.key);
    journal_put(&state->journal, row_slice(&key), row_slice(&value));
}

/* ---- reservations ---- */

struct reservation *money_find(struct state *state, struct slice decision_id)
{
    struct table_node *node = table_find(&state->reservations, decision_id);

    return node ? TABLE_ENTRY(node, struct reservation, node) : NULL;
}

static struct reservation *add_reservation(struct state *state, struct agent *agent, struct slice decision_id, int64_t amount,
                                           int64_t expires_at_ms, int32_t period)
{
    struct reservation *reservation = calloc(1, sizeof *reservation);
    struct heap_item due = {.time_ms = expires_at_ms};
    bool ok;

    if (!reservation || decision_id.size != sizeof reservation->decision_id) {
        free(reservation);
        state->broken = true;
        return NULL;
    }
    memcpy(reservation->decision_id, decision_id.data, decision_id.size);
    memcpy(due.decision_id, decision_id.data, decision_id.size);
    reservation->node.key = slice_from(reservation->decision_id, sizeof reservation->decision_id);
    reservation->agent = agent;
    reservation->amount = amount;
    reservation->expires_at_ms = expires_at_ms;
    reservation->period = period;
    pthread_mutex_lock(&state->registry);
    ok = table_insert(&state->reservations, &reservation->node) && heap_push(&state->due, &due);
    pthread_mutex_unlock(&state->registry);
    state->broken = state->broken || !ok;
    return reservation;
}

void money_reserve(struct state *state, struct agent *agent, const struct decision *decision, int64_t time_ms)
{
    struct shard *shard = state_shard(state, agent->node.key);
    struct budget *budget;
    struct reservation *reservation = add_reservation(state, agent, decision->id, decision->effects.reserve_micro_usd,
                                                      decision->effects.reserve_expires_at_ms, clock_month(time_ms));

    if (!reservation)
        return;
    pthread_mutex_lock(&shard->mutex);
    budget = agents_obtain_budget(state, agent, reservation->period);
    if (budget)
        budget->reserved += reservation->amount;
    pthread_mutex_unlock(&shard->mutex);
    if (budget)
        journal_budget(state, agent, budget);
    journal_reservation(state, reservation);
}

/* Takes the reservation away and charges the month it was made in; without one, that of the entry. */
static int64_t close_reservation(struct state *state, struct agent *agent, struct slice decision_id, int64_t time_ms,
                                 int64_t charge)
{
    struct shard *shard = state_shard(state, agent->node.key);
    struct reservation *reservation = money_find(state, decision_id);
    int64_t amount = reservation ? reservation->amount : 0;
    struct budget *budget;
    struct row key;

    pthread_mutex_lock(&shard->mutex);
    budget = agents_obtain_budget(state, agent, reservation ? reservation->period : clock_month(time_ms));
    if (budget) {
        budget->reserved -= amount;
        budget->spent += charge;
    }
    pthread_mutex_unlock(&shard->mutex);
    if (budget)
        journal_budget(state, agent, budget);
    if (!reservation)
        return amount;
    reservation_key(&key, decision_id);
    journal_remove(&state->journal, row_slice(&key));
    pthread_mutex_lock(&state->registry);
    table_remove(&state->reservations, &reservation->node);
    pthread_mutex_unlock(&state->registry);
    free(reservation);
    return amount;
}

void money_load_reservation(struct state *state, struct slice decision_id, struct slice row)
{
    struct agent *agent = agents_obtain(state, slice_sub(row, 20, SIZE_MAX));

    if (agent)
        add_reservation(state, agent, decision_id, (int64_t)row_get_u64(row, 0), (int64_t)row_get_u64(row, 8),
                        (int32_t)row_get_u32(row, 16));
}

/* ---- outcomes ---- */

/* The decision has its outcome; until the row is durable, this table says so. */
static void remember_closed(struct state *state, struct slice decision_id)
{
    struct closed_decision *closed = calloc(1, sizeof *closed + decision_id.size + 1);

    if (!closed) {
        state->broken = true;
        return;
    }
    memcpy(closed->id, decision_id.data, decision_id.size);
    closed->node.key = slice_from(closed->id, decision_id.size);
    if (!table_insert(&state->closed, &closed->node))
        free(closed);
}

static void free_closed(void *context, struct table_node *node)
{
    (void)context;
    free(TABLE_ENTRY(node, struct closed_decision, node));
}

void money_forget_closed(struct state *state)
{
    if (state->closed.count == 0)
        return;
    table_each(&state->closed, free_closed, NULL);
    table_destroy(&state->closed);
}

bool money_is_closed(struct state *state, struct slice decision_id)
{
    struct row key;
    struct slice row;
    struct error error;

    if (table_find(&state->closed, decision_id))
        return true;
    row_begin(&key, ROW_OUTCOME);
    row_bytes(&key, slice_sub(decision_id, 0, 64));
    return store_get(state->store, STORE_STATE, row_slice(&key), &state->scratch, &row, &error) == STATUS_OK;
}

static void put_money(struct json_writer *w, const char *name, int64_t micro_usd)
{
    json_key(w, name);
    buf_add_char(w->out, '"');
    money_write(w->out, micro_usd);
    buf_add_char(w->out, '"');
    w->comma = true;
}

struct outcome_row {
    struct slice decision_id, status, by;
    int64_t charged, reserved, rating, time_ms;
    bool has_actual;
    int64_t actual;
};

static void journal_outcome(struct state *state, const struct outcome_row *outcome)
{
    struct row key;
    struct buf out;
    struct json_writer w = {.out = &out};
    char time[CLOCK_TEXT_SIZE];

    row_begin(&key, ROW_OUTCOME);
    row_bytes(&key, outcome->decision_id);
    clock_format(outcome->time_ms, time);
    buf_create(&out, &state->scratch);
    json_begin_object(&w);
    if (outcome->has_actual)
        put_money(&w, "actual_cost_usd", outcome->actual);
    put_money(&w, "charged_usd", outcome->charged);
    put_money(&w, "overrun_usd", outcome->charged > outcome->reserved ? outcome->charged - outcome->reserved : 0);
    if (outcome->rating > 0) {
        json_key(&w, "rating");
        json_i64(&w, outcome->rating);
    }
    json_key(&w, "reported_at");
    json_string(&w, slice_from(time, sizeof time));
    json_key(&w, "reported_by");
    json_string(&w, outcome->by);
    put_money(&w, "reserved_usd", outcome->reserved);
    json_key(&w, "status");
    json_string(&w, outcome->status);
    json_end_object(&w);
    state->broken = state->broken || out.failed;
    journal_put(&state->journal, row_slice(&key), buf_slice(&out));
    remember_closed(state, outcome->decision_id);
}

/* An agent's own word may raise the charge but not lower it, not even by saying that nothing was done; a meter's or an admin's
 * counts as it is. */
static int64_t charge_of(const struct event_outcome *outcome, int64_t reserved)
{
    if (outcome->by_meter) {
        if (outcome->has_actual_cost)
            return outcome->actual_cost_micro_usd;
        return slice_equal(outcome->status, SLICE("cancelled")) ? 0 : reserved;
    }
    return outcome->has_actual_cost && outcome->actual_cost_micro_usd > reserved ? outcome->actual_cost_micro_usd : reserved;
}

void money_settle(struct state *state, const struct ledger_entry *entry, const struct event *event)
{
    const struct event_outcome *outcome = &event->outcome;
    struct agent *agent = agents_obtain(state, outcome->agent);
    const struct reservation *reservation = money_find(state, outcome->decision_id);
    struct outcome_row row = {.decision_id = outcome->decision_id,
                              .status = outcome->status,
                              .by = event->by,
                              .rating = outcome->rating,
                              .time_ms = entry->time_ms,
                              .has_actual = outcome->has_actual_cost,
                              .actual = outcome->actual_cost_micro_usd};

    if (!agent)
        return;
    row.charged = charge_of(outcome, reservation ? reservation->amount : 0);
    row.reserved = close_reservation(state, agent, outcome->decision_id, entry->time_ms, row.charged);
    journal_outcome(state, &row);
}

void money_expire(struct state *state, const struct ledger_entry *entry, const struct event_expired *expired)
{
    struct agent *agent = agents_obtain(state, expired->agent);
    const struct reservation *reservation = money_find(state, expired->decision_id);
    struct outcome_row row = {
        .decision_id = expired->decision_id, .status = SLICE("unreported"), .by = SLICE("system"), .time_ms = entry->time_ms};

    if (!agent || !reservation)
        return;
    row.charged = reservation->amount;
    row.reserved = close_reservation(state, agent, expired->decision_id, entry->time_ms, row.charged);
    journal_outcome(state, &row);
}

void money_raise(struct state *state, const struct ledger_entry *entry, const struct event_budget_raised *raised)
{
    struct agent *agent = agents_obtain(state, raised->agent);
    struct shard *shard = state_shard(state, raised->agent);
    struct budget *budget;

    (void)entry;
    if (!agent)
        return;
    pthread_mutex_lock(&shard->mutex);
    budget = agents_obtain_budget(state, agent, raised->period);
    if (budget)
        budget->raised += raised->increase_micro_usd;
    pthread_mutex_unlock(&shard->mutex);
    if (budget)
        journal_budget(state, agent, budget);
}
