#include "state/state.h"

#include "state/internal.h"

#include <stdio.h>
#include <stdlib.h>

struct shard *state_shard(struct state *state, struct slice agent)
{
    return &state->shards[slice_hash(agent, 7) % STATE_SHARDS];
}

/* ---- the fold ---- */

static void journal_meta(struct state *state)
{
    struct buf out;
    struct json_writer w = {.out = &out};

    arena_reset(&state->scratch);
    buf_create(&out, &state->scratch);
    json_begin_object(&w);
    json_key(&w, "next_number");
    json_i64(&w, (int64_t)state->next_number);
    json_key(&w, "policy_epoch");
    json_i64(&w, (int64_t)atomic_load(&state->policy_epoch));
    json_key(&w, "policy_revision");
    json_string(&w, slice_from_str(state->revision));
    json_key(&w, "size");
    json_i64(&w, (int64_t)atomic_load(&state->size));
    json_key(&w, "tiers");
    json_begin_array(&w);
    for (int i = 0; i < 4; i++)
        json_i64(&w, (int64_t)atomic_load(&state->tiers[i]));
    json_end_array(&w);
    json_end_object(&w);
    state->broken = state->broken || out.failed;
    journal_put(&state->journal, SLICE("m"), buf_slice(&out));
}

/* A projection that could not be kept must not be written as if it had been: the batch is spoilt, and the ledger stops. */
static void fold_flush(void *context, struct store_batch *batch)
{
    struct state *state = context;

    journal_meta(state);
    if (state->broken || state->journal.failed) {
        fprintf(stderr, "edict: out of memory while keeping the state\n");
        abort();
    }
    journal_flush(&state->journal, batch);
}

static void fold_durable(void *context, uint64_t size)
{
    struct state *state = context;

    (void)size;
    money_forget_closed(state);
    changes_tell(state);
}

struct ledger_fold state_fold(struct state *state)
{
    return (struct ledger_fold){
        .context = state, .check = check_txn, .apply = fold_apply, .flush = fold_flush, .durable = fold_durable};
}

/* ---- opening ---- */

static struct state *state_new(struct store *store, struct store *blobs)
{
    struct state *state = calloc(1, sizeof *state);

    if (!state)
        return NULL;
    state->store = store;
    state->blobs = blobs;
    state->next_number = 1;
    for (int i = 0; i < STATE_SHARDS; i++)
        pthread_mutex_init(&state->shards[i].mutex, NULL);
    pthread_mutex_init(&state->registry, NULL);
    pthread_mutex_init(&state->revision_mutex, NULL);
    arena_create(&state->scratch, 64 * 1024, 64u << 20);
    journal_create(&state->journal);
    return state;
}

static enum status make_action_key(struct state *state, struct error *error)
{
    struct store_batch *batch = state->store->ops->batch_new(state->store);
    enum status status = batch ? digest_random(state->action_key, sizeof state->action_key, error)
                               : error_set(error, STATUS_NO_MEMORY, "", "out of memory");

    if (status == STATUS_OK) {
        store_put(batch, STORE_META, SLICE("action-key"), slice_from(state->action_key, sizeof state->action_key));
        status = state->store->ops->commit(state->store, batch, true, error);
    }
    if (batch)
        state->store->ops->batch_delete(batch);
    return status;
}

static enum status load_action_key(struct state *state, struct error *error)
{
    struct slice key;
    enum status status = store_get(state->store, STORE_META, SLICE("action-key"), &state->scratch, &key, error);

    if (status == STATUS_NOT_FOUND)
        return make_action_key(state, error);
    if (status != STATUS_OK)
        return status;
    if (key.size != sizeof state->action_key)
        return error_set(error, STATUS_CORRUPT, "", "the store's action key is damaged");
    memcpy(state->action_key, key.data, sizeof state->action_key);
    return STATUS_OK;
}

enum status state_open_split(struct store *store, struct store *blobs, struct state **out, struct error *error)
{
    struct state *state = state_new(store, blobs);
    enum status status;

    if (!state)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    status = load_action_key(state, error);
    if (status == STATUS_OK)
        status = load_rows(state, error);
    if (status == STATUS_OK)
        *out = state;
    else
        state_close(state);
    return status;
}

enum status state_open(struct store *store, struct slice tenant, struct state **out, struct error *error)
{
    (void)tenant; /* one tenant a store, so far */
    return state_open_split(store, store, out, error);
}

static void free_agent(void *context, struct table_node *node)
{
    agents_free(context, TABLE_ENTRY(node, struct agent, node));
}

static void free_reservation(void *context, struct table_node *node)
{
    (void)context;
    free(TABLE_ENTRY(node, struct reservation, node));
}

void state_close(struct state *state)
{
    if (!state)
        return;
    money_forget_closed(state);
    table_each(&state->reservations, free_reservation, NULL);
    table_destroy(&state->reservations);
    table_destroy(&state->escalations);
    for (int i = 0; i < STATE_SHARDS; i++) {
        table_each(&state->shards[i].agents, free_agent, state);
        table_destroy(&state->shards[i].agents);
        pthread_mutex_destroy(&state->shards[i].mutex);
    }
    heap_destroy(&state->due);
    heap_destroy(&state->grant_expiries);
    journal_destroy(&state->journal);
    arena_destroy(&state->scratch);
    pthread_mutex_destroy(&state->registry);
    pthread_mutex_destroy(&state->revision_mutex);
    free(state->changed);
    free(state);
}

/* ---- small questions ---- */

struct slice state_action_key(const struct state *state)
{
    return slice_from(state->action_key, sizeof state->action_key);
}

uint64_t state_policy_epoch(const struct state *state)
{
    return atomic_load_explicit(&state->policy_epoch, memory_order_acquire);
}

struct slice state_policy_revision(struct state *state, struct arena *arena)
{
    struct slice copy;

    pthread_mutex_lock(&state->revision_mutex);
    copy = arena_copy(arena, slice_from_str(state->revision));
    pthread_mutex_unlock(&state->revision_mutex);
    return copy;
}

void state_get_totals(struct state *state, struct state_totals *out)
{
    out->agents = atomic_load(&state->agents);
    out->escalations_pending = atomic_load(&state->pending);
    for (int i = 0; i < 4; i++)
        out->decisions_by_tier[i] = atomic_load(&state->tiers[i]);
}
