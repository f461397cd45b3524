/* The rows into memory, and the entries past them. */
#include "state/internal.h"

#include <stdio.h>

struct load {
    struct state *state;
    struct error *error;
    enum status status;
};

static const struct json_limits row_limits = {.bytes = SIZE_MAX, .depth = JSON_DEPTH_MAX + 8, .members = 1u << 20};

static enum status damaged(struct load *load, const char *what)
{
    load->status = error_set(load->error, STATUS_CORRUPT, "",
                             "a row of the state is damaged (%s); `edict ledger rebuild` makes the state anew", what);
    return load->status;
}

static void load_meta(struct load *load, struct slice value)
{
    struct state *state = load->state;
    cJSON *json = NULL;
    const cJSON *tier;
    int64_t number = 0, epoch = 0, size = 0;
    int i = 0;

    if (json_parse(&state->scratch, value, &row_limits, &json, load->error) != STATUS_OK ||
        !json_get_i64(json, "next_number", &number) || !json_get_i64(json, "policy_epoch", &epoch) ||
        !json_get_i64(json, "size", &size)) {
        damaged(load, "m");
        return;
    }
    state->next_number = (uint64_t)number;
    atomic_store(&state->policy_epoch, (uint64_t)epoch);
    atomic_store(&state->size, (uint64_t)size);
    snprintf(state->revision, sizeof state->revision, "%.*s", SLICE_ARG(json_get_text(json, "policy_revision")));
    cJSON_ArrayForEach(tier, json_get(json, "tiers"))
    {
        if (i < 4)
            atomic_store(&state->tiers[i++], (uint64_t)tier->valuedouble);
    }
}

static void load_agent(struct load *load, struct slice key, struct slice value)
{
    struct agent *agent = agents_obtain(load->state, slice_sub(key, 1, SIZE_MAX));
    cJSON *json = NULL;
    int64_t version = 0;
    const cJSON *manifest, *usage;

    if (!agent || json_parse(&load->state->scratch, value, &row_limits, &json, load->error) != STATUS_OK) {
        damaged(load, "a");
        return;
    }
    manifest = json_get(json, "manifest");
    usage = json_get(json, "usage");
    json_get_bool(json, "known", &agent->known);
    json_get_i64(json, "limit_micro_usd", &agent->limit_micro_usd);
    json_get_i64(json, "usage_at_ms", &agent->usage_at_ms);
    json_get_i64(json, "version", &version);
    agent->version = (uint64_t)version;
    if (!agents_replace_documents(agent, cJSON_IsObject(manifest) ? manifest : NULL, cJSON_IsObject(usage) ? usage : NULL))
        damaged(load, "a");
    if (agent->known)
        atomic_fetch_add(&load->state->agents, 1);
}

static void load_budget(struct load *load, struct slice key, struct slice value)
{
    size_t end = slice_find(key, '\0', 1);
    struct agent *agent;
    struct budget *budget;

    if (end == SIZE_MAX || key.size != end + 5 || value.size != 24) {
        damaged(load, "b");
        return;
    }
    agent = agents_obtain(load->state, slice_sub(key, 1, end));
    budget = agent ? agents_obtain_budget(load->state, agent, (int32_t)row_get_u32(key, end + 1)) : NULL;
    if (!budget)
        return;
    budget->spent = (int64_t)row_get_u64(value, 0);
    budget->reserved = (int64_t)row_get_u64(value, 8);
    budget->raised = (int64_t)row_get_u64(value, 16);
}

static void load_bucket(struct load *load, struct slice key, struct slice value, bool hour)
{
    size_t end = slice_find(key, '\0', 1);
    struct agent *agent =
        end == SIZE_MAX || value.size != 12 || key.size < end + 5 ? NULL : agents_obtain(load->state, slice_sub(key, 1, end));
    const uint32_t counts[3] = {agent ? row_get_u32(value, 0) : 0, agent ? row_get_u32(value, 4) : 0,
                                agent ? row_get_u32(value, 8) : 0};
    uint32_t number = agent ? row_get_u32(key, key.size - 4) : 0;
    bool ok;

    if (!agent) {
        damaged(load, "h");
        return;
    }
    ok = hour ? history_load_hour(&agent->history, number, counts)
              : history_load(&agent->history, slice_sub(key, end + 1, key.size - 4), number, counts);
    load->state->broken = load->state->broken || !ok;
}

static void load_active(struct load *load, struct slice key)
{
    struct row row;
    struct slice value;

    row_begin(&row, ROW_ESCALATION);
    row_bytes(&row, slice_sub(key, 1, SIZE_MAX));
    if (store_get(load->state->store, STORE_STATE, row_slice(&row), &load->state->scratch, &value, load->error) != STATUS_OK ||
        !escalations_load(load->state, value, load->error))
        damaged(load, "e");
}

static void load_reservation(struct load *load, struct slice key, struct slice value)
{
    if (value.size < 21 || key.size != 37)
        damaged(load, "r");
    else
        money_load_reservation(load->state, slice_sub(key, 1, SIZE_MAX), value);
}

static bool load_row(void *context, const struct store_visit *row)
{
    struct load *load = context;

    arena_reset(&load->state->scratch);
    switch (row->key.data[0]) {
    case ROW_META:
        load_meta(load, row->value);
        break;
    case ROW_AGENT:
        load_agent(load, row->key, row->value);
        break;
    case ROW_BUDGET:
        load_budget(load, row->key, row->value);
        break;
    case ROW_BUCKET:
        load_bucket(load, row->key, row->value, false);
        break;
    case ROW_HOUR:
        load_bucket(load, row->key, row->value, true);
        break;
    case ROW_RESERVATION:
        load_reservation(load, row->key, row->value);
        break;
    case ROW_KEY:
        fold_load_key(load->state, row->key, row->value);
        break;
    default:
        break;
    }
    return load->status == STATUS_OK;
}

static bool collect_active(void *context, const struct store_visit *row)
{
    struct buf *keys = context;

    buf_add_slice(keys, row->key);
    return true;
}

static enum status scan(struct load *load, char kind, store_visit_f visit, void *context)
{
    const char from[1] = {kind}, to[1] = {(char)(kind + 1)};
    enum status status = load->state->store->ops->scan(load->state->store, STORE_STATE, slice_from(from, 1), slice_from(to, 1),
                                                       false, visit, context, load->error);

    return status == STATUS_OK ? load->status : status;
}

/* Escalations are read outside of the scan: a store may not be asked while it visits. */
static enum status load_escalations(struct load *load)
{
    struct buf keys;
    enum status status;

    buf_create(&keys, NULL);
    status = scan(load, ROW_ACTIVE, collect_active, &keys);
    for (size_t at = 0; status == STATUS_OK && at < keys.size; at += 9) {
        arena_reset(&load->state->scratch);
        load_active(load, slice_from(keys.data + at, 9));
        status = load->status;
    }
    buf_destroy(&keys);
    return status;
}

static enum status apply_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct state *state = context;
    struct record_header header;
    struct ledger_entry entry = {0};
    enum status status = record_split(record, &header, &entry.body, error);

    if (status != STATUS_OK)
        return status;
    entry.type = header.type;
    entry.tenant = header.tenant;
    entry.as_of = header.as_of;
    entry.time_ms = header.time_ms;
    entry.number = header.number;
    entry.index = index;
    fold_apply(state, &entry);
    return state->broken
               ? error_set(error, STATUS_CORRUPT, "", "entry %llu cannot be folded into the state", (unsigned long long)index)
               : STATUS_OK;
}

/* Keys expire in the order of their entries, and rows come in the order of their names. */
static int older(const struct idempotency *a, const struct idempotency *b)
{
    return a->index < b->index;
}

static struct idempotency *merge(struct idempotency *a, struct idempotency *b)
{
    struct idempotency head = {0}, *last = &head;

    while (a && b) {
        struct idempotency **first = older(a, b) ? &a : &b;

        last->next_to_expire = *first;
        last = *first;
        *first = (*first)->next_to_expire;
    }
    last->next_to_expire = a ? a : b;
    return head.next_to_expire;
}

static struct idempotency *sort_keys(struct idempotency *list, size_t count)
{
    struct idempotency *middle = list, *rest;

    if (count < 2)
        return list;
    for (size_t i = 1; i < count / 2; i++)
        middle = middle->next_to_expire;
    rest = middle->next_to_expire;
    middle->next_to_expire = NULL;
    return merge(sort_keys(list, count / 2), sort_keys(rest, count - count / 2));
}

static void order_keys(struct state *state)
{
    size_t count = 0;

    for (const struct idempotency *key = state->oldest_key; key; key = key->next_to_expire)
        count++;
    state->oldest_key = sort_keys(state->oldest_key, count);
    state->newest_key = state->oldest_key;
    while (state->newest_key && state->newest_key->next_to_expire)
        state->newest_key = state->newest_key->next_to_expire;
}

/* Agents come first ('a'), then what refers to them; the journal stays empty, because loading changes no row. */
enum status load_rows(struct state *state, struct error *error)
{
    struct load load = {.state = state, .error = error};
    enum status status = STATUS_OK;
    static const char kinds[] = {ROW_META, ROW_AGENT, ROW_BUDGET, ROW_BUCKET, ROW_HOUR, ROW_RESERVATION, ROW_KEY};

    for (size_t i = 0; status == STATUS_OK && i < sizeof kinds; i++)
        status = scan(&load, kinds[i], load_row, &load);
    if (status == STATUS_OK)
        status = load_escalations(&load);
    order_keys(state);
    if (status == STATUS_OK)
        status = ledger_each(state->store, atomic_load(&state->size), UINT64_MAX, apply_entry, state, error);
    if (status == STATUS_OK && state->broken)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory while loading the state");
    return status;
}

enum status load_apply_entry(struct state *state, uint64_t index, struct slice record, struct error *error)
{
    return apply_entry(state, index, record, error);
}
