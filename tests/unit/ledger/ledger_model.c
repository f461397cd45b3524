#include "ledger_model.h"

#include "ledger/sequencer.h"
#include "proto/json.h"

#include <sys/mman.h>

static const int64_t FIRST_MS = 1795634926000;

static enum ledger_result rules_check(const struct rules *rules, const struct plan *plan, uint64_t *duplicate)
{
    if (plan->has_key && rules->keys[plan->key].index > 0) {
        *duplicate = rules->keys[plan->key].index - 1;
        return rules->keys[plan->key].body == plan->key_body ? LEDGER_DUPLICATE : LEDGER_MISMATCH;
    }
    if (plan->version != rules->versions[plan->counter])
        return LEDGER_PRECONDITION;
    return rules->counters[plan->counter] + plan->delta > LIMIT ? LEDGER_LIMIT : LEDGER_OK;
}

static void rules_apply(struct rules *rules, const struct plan *plan, uint64_t index, uint64_t number)
{
    rules->counters[plan->counter] = (rules->counters[plan->counter] + plan->delta) % LIMIT;
    rules->versions[plan->counter]++;
    if (plan->has_key) {
        rules->keys[plan->key].index = index + 1;
        rules->keys[plan->key].body = plan->key_body;
    }
    if (number > 0)
        rules->numbers = number;
}

static enum ledger_result fold_check(void *context, struct ledger_txn *txn, uint64_t index, int64_t time_ms)
{
    const struct rules *rules = context;
    const struct plan *plan = txn->preconditions;
    enum ledger_result result;

    (void)index;
    (void)time_ms;
    if (!plan) /* the store's own first entry */
        return LEDGER_OK;
    result = rules_check(rules, plan, &txn->duplicate_index);
    if (result == LEDGER_OK && plan->wants_number)
        txn->entries[0].number = rules->numbers + 1;
    return result;
}

/* Only the first entry of a transaction has a plan. */
static void fold_apply(void *context, const struct ledger_entry *entry)
{
    if (entry->event && entry->type != RECORD_STORE_CREATED)
        rules_apply(context, entry->event, entry->index, entry->number);
}

static void fold_flush(void *context, struct store_batch *batch)
{
    store_put(batch, STORE_STATE, SLICE("rules"), slice_from(context, sizeof(struct rules)));
}

/* ---- the model ---- */

static struct world *the_world; /* of the callback, which has no context */

static int64_t world_now(void *context)
{
    struct world *world = context;

    return FIRST_MS + world->clock_takes++;
}

const struct slice ledger_model_agents[] = {{"ann", 3}, {"ben", 3}, {"cy", 2}, {"dot", 3}, {"eve", 3}};
const struct slice ledger_model_operations[] = {{"read", 4}, {"write", 5}, {"x", 1}};
const struct slice ledger_model_rule_names[] = {{"r.a", 3}, {"r.ab", 4}, {"r.b", 3}, {"r.c", 3}};

size_t ledger_model_entry_terms(const struct model_entry *entry, struct ledger_term *terms)
{
    size_t count = 0;

    terms[count++] = (struct ledger_term){LEDGER_TERM_AGENT, ledger_model_agents[entry->agent]};
    terms[count++] = (struct ledger_term){LEDGER_TERM_OPERATION, ledger_model_operations[entry->operation]};
    for (unsigned i = 0; i < RULES; i++) {
        if (entry->rules >> i & 1)
            terms[count++] = (struct ledger_term){LEDGER_TERM_RULE, ledger_model_rule_names[i]};
    }
    return count;
}

enum record_type ledger_model_type(const struct model_entry *entry)
{
    return entry->has_id ? RECORD_DECISION : RECORD_OUTCOME;
}

static void entry_leaf(struct world *world, struct model_entry *entry)
{
    const struct record_header header = {.type = ledger_model_type(entry),
                                         .tenant = RECORD_TENANT_DEFAULT,
                                         .semantics = 1,
                                         .time_ms = entry->time_ms,
                                         .number = entry->number};
    char head[RECORD_HEADER_MAX];
    const struct slice parts[] = {SLICE("\0"), slice_from(head, record_write_header(&header, head)), entry->body};

    (void)world;
    digest_sha256_many(parts, 3, &entry->leaf);
}

/* ---- random transactions ---- */

static void random_plan(struct world *world, struct plan *plan)
{
    struct model_trace *trace = &world->trace;

    *plan = (struct plan){.counter = (unsigned)model_below(trace, COUNTERS),
                          .key = (unsigned)model_below(trace, KEYS),
                          .has_key = model_below(trace, 4) == 0,
                          .wants_number = model_below(trace, 5) == 0,
                          .is_stale = model_below(trace, 12) == 0,
                          .is_large = model_below(trace, 60) == 0,
                          .key_body = model_below(trace, 3),
                          .delta = model_below(trace, 30)};
    plan->version = world->model.rules.versions[plan->counter] + plan->is_stale;
}

/* With an id, as that of a decision. */
static struct slice random_body(struct world *world, const struct uuid *id, bool large)
{
    char text[UUID_TEXT_SIZE];
    size_t size = large ? RECORD_BYTES_MAX : model_below(&world->trace, 40) == 0 ? model_below(&world->trace, 20000) : 0;
    char *filler = arena_alloc(&world->arena, size + 1);

    memset(filler, 'x', size);
    filler[size] = '\0';
    if (!id)
        return arena_printf(&world->arena, "{\"n\":%llu,\"x\":\"%s\"}", (unsigned long long)model_below(&world->trace, 100000),
                            filler);
    uuid_format(id, text);
    return arena_printf(&world->arena, "{\"facts\":{},\"id\":\"%.*s\",\"n\":%llu,\"x\":\"%s\"}", UUID_TEXT_SIZE, text,
                        (unsigned long long)model_below(&world->trace, 100000), filler);
}

static void random_entry(struct world *world, struct model_entry *entry, bool first, bool large)
{
    struct model_trace *trace = &world->trace;

    *entry =
        (struct model_entry){.agent = (unsigned)model_below(trace, 30) % AGENTS % (1 + (unsigned)model_below(trace, AGENTS)),
                             .operation = (unsigned)model_below(trace, OPERATIONS),
                             .rules = (unsigned)model_below(trace, 1 << RULES),
                             .has_id = model_below(trace, 2),
                             .erased_at = UINT64_MAX};
    for (size_t i = 0; i < UUID_SIZE; i++)
        entry->id.bytes[i] = (unsigned char)model_random(trace);
    entry->body = random_body(world, entry->has_id ? &entry->id : NULL, large);
    if (first && model_below(trace, 10) == 0)
        entry->blob = arena_printf(&world->arena, "blob %llu", (unsigned long long)model_random(trace));
    if (first && world->with_private && model_below(trace, 6) == 0)
        entry->private_value = arena_printf(&world->arena, "private %llu", (unsigned long long)model_random(trace));
}

struct made {
    struct ledger_txn txn; /* first */
    struct plan plan;
    struct ledger_private private;
    struct ledger_erasure erasure;
    enum ledger_result expected;
    uint64_t duplicate, first;
};

static void on_done(struct ledger_txn *txn)
{
    (void)txn;
    atomic_fetch_add(the_world->done, 1);
}

static void fill_txn(struct world *world, struct made *made, struct model_entry *entries, size_t count)
{
    made->txn = (struct ledger_txn){.entry_count = count, .preconditions = &made->plan, .done = on_done};
    for (size_t i = 0; i < count; i++) {
        made->txn.entries[i] = (struct ledger_entry){.type = ledger_model_type(&entries[i]),
                                                     .tenant = RECORD_TENANT_DEFAULT,
                                                     .body = entries[i].body,
                                                     .event = i == 0 ? &made->plan : NULL,
                                                     .id = entries[i].has_id ? entries[i].id.bytes : NULL};
        made->txn.entries[i].term_count = ledger_model_entry_terms(&entries[i], made->txn.entries[i].terms);
    }
    if (entries[0].blob.size > 0) {
        made->txn.blobs[0].bytes = entries[0].blob;
        digest_sha256(entries[0].blob, &made->txn.blobs[0].hash);
        made->txn.blob_count = 1;
    }
    if (entries[0].private_value.size > 0) {
        made->private = (struct ledger_private){.path = SLICE("/p"), .value = entries[0].private_value};
        made->txn.privates = &made->private;
        made->txn.private_count = 1;
    }
    if (world->model.size > 1 && model_below(&world->trace, 8) == 0) { /* of whatever entry; most have none */
        made->erasure =
            (struct ledger_erasure){.index = 1 + model_below(&world->trace, world->model.size - 1), .path = SLICE("/p")};
        made->txn.erasures = &made->erasure;
        made->txn.erasure_count = 1;
    }
}

/* What the model makes of it. */
static void take_txn(struct world *world, struct made *made, struct model_entry *entries, size_t count)
{
    struct model *model = &world->model;
    int64_t time_ms = FIRST_MS + (int64_t)model->takes++;

    made->first = model->size;
    made->expected = made->plan.is_large ? LEDGER_LIMIT : rules_check(&model->rules, &made->plan, &made->duplicate);
    if (made->expected != LEDGER_OK)
        return;
    ck_assert_uint_lt(model->size + count, ENTRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        entries[i].time_ms = time_ms;
        entries[i].number = i == 0 && made->plan.wants_number ? model->rules.numbers + 1 : 0;
        entry_leaf(world, &entries[i]);
        world->entries[model->size + i] = entries[i];
    }
    rules_apply(&model->rules, &made->plan, model->size, entries[0].number);
    if (made->txn.erasure_count > 0 && world->entries[made->erasure.index].erased_at == UINT64_MAX)
        world->entries[made->erasure.index].erased_at = model->size;
    model->size += count;
}

struct made *ledger_model_random_txn(struct world *world)
{
    struct made *made = arena_zalloc(&world->arena, sizeof *made);
    size_t count = 1 + (model_below(&world->trace, 3) == 0 ? model_below(&world->trace, LEDGER_TXN_ENTRIES_MAX) : 0);
    struct model_entry *entries = arena_array(&world->arena, count, sizeof *entries);

    ck_assert(made && entries);
    random_plan(world, &made->plan);
    for (size_t i = 0; i < count; i++)
        random_entry(world, &entries[i], i == 0, made->plan.is_large && i + 1 == count);
    fill_txn(world, made, entries, count);
    take_txn(world, made, entries, count);
    return made;
}

size_t ledger_model_random_step(struct world *world)
{
    return 1 + (model_below(&world->trace, 40) == 0 ? model_below(&world->trace, STEP_MAX) : model_below(&world->trace, 30));
}

void ledger_model_run_step(struct world *world)
{
    size_t count = ledger_model_random_step(world);
    struct made **all = arena_array(&world->arena, count, sizeof *all);

    model_note(&world->trace, "%zu transactions from entry %llu", count, (unsigned long long)world->model.size);
    for (size_t i = 0; i < count; i++) {
        all[i] = ledger_model_random_txn(world);
        MODEL_CHECK(&world->trace, ledger_submit(world->ledger, &all[i]->txn) == STATUS_OK, "the queue is full");
    }
    world->asked += count;
    if (!world->started)
        sequencer_run_pending(world->ledger);
    while (atomic_load(world->done) < world->asked)
        usleep(20);
    for (size_t i = 0; i < count; i++) {
        MODEL_CHECK(&world->trace, all[i]->txn.result == all[i]->expected,
                    "transaction %zu of the step: result %d instead of %d", i, all[i]->txn.result, all[i]->expected);
        MODEL_CHECK(&world->trace, all[i]->expected != LEDGER_OK || all[i]->txn.entries[0].index == all[i]->first,
                    "entries got other indices");
        MODEL_CHECK(&world->trace, all[i]->expected != LEDGER_DUPLICATE || all[i]->txn.duplicate_index == all[i]->duplicate,
                    "a duplicate names another entry");
    }
}

/* ---- opening and closing ---- */

static void load_fold(struct world *world)
{
    struct slice row;
    struct error error;

    world->fold = (struct rules){.numbers = 0};
    if (store_get(world->store, STORE_STATE, SLICE("rules"), &world->arena, &row, &error) == STATUS_OK &&
        row.size == sizeof world->fold)
        memcpy(&world->fold, row.data, row.size);
}

void ledger_model_open_ledger(struct world *world)
{
    struct ledger_options options = {
        .sync = model_below(&world->trace, 2),
        .clock = {.now_ms = world_now, .context = world},
        .fold = {.context = &world->fold, .check = fold_check, .apply = fold_apply, .flush = fold_flush}};
    struct error error = {0};

    load_fold(world);
    world->clock_takes = (int64_t)world->model.takes;
    MODEL_CHECK(&world->trace, ledger_open(world->store, &options, &world->ledger, &error) == STATUS_OK, "open: %s",
                error.message);
    world->started = model_below(&world->trace, 2) && !(MODEL_UNDER_TSAN && world->rocks);
    if (world->started)
        ck_assert_int_eq(ledger_start(world->ledger, &error), STATUS_OK);
}

void ledger_model_open_store(struct world *world)
{
    struct error error = {0};

    MODEL_CHECK(&world->trace,
                (world->rocks ? store_open_rocksdb(world->folder, false, &world->store, &error)
                              : store_open_memory(&world->store, &error)) == STATUS_OK,
                "open: %s", error.message);
}

void ledger_model_close_all(struct world *world)
{
    ledger_close(world->ledger);
    world->store->ops->close(world->store);
}

void ledger_model_read_record(struct world *world, uint64_t index, struct slice *record)
{
    struct error error = {0};

    MODEL_CHECK(&world->trace, ledger_read(world->ledger, index, &world->arena, record, &error) == STATUS_OK, "entry %llu: %s",
                (unsigned long long)index, error.message);
}

/* Entry 0 is the store's own, and random. */
static void learn_first(struct world *world)
{
    struct slice parts[] = {SLICE("\0"), {NULL, 0}};

    ledger_model_read_record(world, 0, &world->model.first_record);
    parts[1] = world->model.first_record;
    digest_sha256_many(parts, 2, &world->entries[0].leaf);
    world->entries[0].erased_at = UINT64_MAX;
    world->model.size = world->model.takes = 1;
}

struct world *ledger_model_new(bool rocks, uint64_t salt)
{
    struct world *world = calloc(1, sizeof *world);

    json_setup();
    ck_assert_ptr_nonnull(world);
    the_world = world;
    model_begin(&world->trace, salt);
    world->rocks = rocks;
    world->with_private = model_below(&world->trace, 2);
    world->entries = calloc(ENTRIES_MAX, sizeof *world->entries);
    world->done = mmap(NULL, sizeof *world->done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    arena_create(&world->arena, 1 << 20, (size_t)4 << 30);
    strcpy(world->folder, "/tmp/edict-model-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(world->folder));
    ledger_model_open_store(world);
    ledger_model_open_ledger(world);
    learn_first(world);
    return world;
}

void ledger_model_delete(struct world *world)
{
    char command[64];

    ledger_model_close_all(world);
    snprintf(command, sizeof command, "rm -rf %s", world->folder);
    ck_assert_int_eq(system(command), 0);
    munmap((void *)world->done, sizeof *world->done);
    arena_destroy(&world->arena);
    free(world->entries);
    free(world);
}
