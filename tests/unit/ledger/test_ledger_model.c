/*
 * The ledger on both stores against one model: random transactions with preconditions, duplicates, limits, ids, numbers, blobs
 * and erasable values; what a query, a root and a restart show of them; and kills in the middle of it.
 */
#include "ledger/private.h"
#include "ledger/query.h"
#include "ledger/sequencer.h"
#include "ledger/verify.h"
#include "model.h"
#include "proto/json.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { AGENTS = 5, OPERATIONS = 3, RULES = 4, KEYS = 40, COUNTERS = 3, LIMIT = 400, ENTRIES_MAX = 60000, STEP_MAX = 1300 };
static const int64_t FIRST_MS = 1795634926000;

/* ---- what is kept by a fold: the ledger's own copy, and the model's ---- */

struct rules {
    uint64_t counters[COUNTERS], versions[COUNTERS];
    struct {
        uint64_t index, body; /* 1 + the entry that took the key; 0: free */
    } keys[KEYS];
    uint64_t numbers;
};

/* What a transaction asks for. */
struct plan {
    unsigned counter, key;
    bool has_key, wants_number, is_stale, is_large;
    uint64_t key_body, delta, version;
};

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

struct model_entry {
    struct slice body;
    unsigned agent, operation, rules; /* rules: bits */
    bool has_id;
    unsigned char id[16];
    uint64_t number;
    int64_t time_ms;
    struct digest leaf;
    struct slice blob;          /* empty: none */
    struct slice private_value; /* empty: none; under "/p" */
    uint64_t erased_at;         /* the entry that took it; UINT64_MAX: none */
};

struct model {
    uint64_t size, takes; /* entries; transactions looked at, each of which looks at the clock */
    struct rules rules;
    struct slice first_record;
};

struct world {
    struct model_trace trace;
    bool rocks, started;
    bool with_private; /* values that no record commits to: verification would say so */
    char folder[32];
    struct store *store;
    struct ledger *ledger;
    struct rules fold;
    struct model model;
    struct model_entry *entries; /* ENTRIES_MAX; of the model, which may be cut */
    int64_t clock_takes;
    _Atomic uint64_t *done; /* transactions answered; shared with the parent of a child that is killed */
    uint64_t asked;
    struct arena arena;
};

static struct world *the_world; /* of the callback, which has no context */

static int64_t world_now(void *context)
{
    struct world *world = context;

    return FIRST_MS + world->clock_takes++;
}

static const struct slice agents[] = {{"ann", 3}, {"ben", 3}, {"cy", 2}, {"dot", 3}, {"eve", 3}};
static const struct slice operations[] = {{"read", 4}, {"write", 5}, {"x", 1}};
static const struct slice rule_names[] = {{"r.a", 3}, {"r.ab", 4}, {"r.b", 3}, {"r.c", 3}};

static size_t entry_terms(const struct model_entry *entry, struct ledger_term *terms)
{
    size_t count = 0;

    terms[count++] = (struct ledger_term){LEDGER_TERM_AGENT, agents[entry->agent]};
    terms[count++] = (struct ledger_term){LEDGER_TERM_OPERATION, operations[entry->operation]};
    for (unsigned i = 0; i < RULES; i++) {
        if (entry->rules >> i & 1)
            terms[count++] = (struct ledger_term){LEDGER_TERM_RULE, rule_names[i]};
    }
    return count;
}

static void entry_leaf(struct world *world, struct model_entry *entry)
{
    const struct record_header header = {.type = RECORD_OUTCOME,
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

static struct slice random_body(struct world *world, bool large)
{
    size_t size = large ? RECORD_BYTES_MAX : model_below(&world->trace, 40) == 0 ? model_below(&world->trace, 20000) : 0;
    char *filler = arena_alloc(&world->arena, size + 1);

    memset(filler, 'x', size);
    filler[size] = '\0';
    return arena_printf(&world->arena, "{\"n\":%llu,\"x\":\"%s\"}", (unsigned long long)model_below(&world->trace, 100000),
                        filler);
}

static void random_entry(struct world *world, struct model_entry *entry, bool first, bool large)
{
    struct model_trace *trace = &world->trace;

    *entry =
        (struct model_entry){.body = random_body(world, large),
                             .agent = (unsigned)model_below(trace, 30) % AGENTS % (1 + (unsigned)model_below(trace, AGENTS)),
                             .operation = (unsigned)model_below(trace, OPERATIONS),
                             .rules = (unsigned)model_below(trace, 1 << RULES),
                             .has_id = model_below(trace, 2),
                             .erased_at = UINT64_MAX};
    for (size_t i = 0; i < 16; i++)
        entry->id[i] = (unsigned char)model_random(trace);
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
        made->txn.entries[i] = (struct ledger_entry){.type = RECORD_OUTCOME,
                                                     .tenant = RECORD_TENANT_DEFAULT,
                                                     .body = entries[i].body,
                                                     .event = i == 0 ? &made->plan : NULL,
                                                     .id = entries[i].has_id ? entries[i].id : NULL};
        made->txn.entries[i].term_count = entry_terms(&entries[i], made->txn.entries[i].terms);
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

static struct made *random_txn(struct world *world)
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

static size_t random_step(struct world *world)
{
    return 1 + (model_below(&world->trace, 40) == 0 ? model_below(&world->trace, STEP_MAX) : model_below(&world->trace, 30));
}

static void run_step(struct world *world)
{
    size_t count = random_step(world);
    struct made **all = arena_array(&world->arena, count, sizeof *all);

    model_note(&world->trace, "%zu transactions from entry %llu", count, (unsigned long long)world->model.size);
    for (size_t i = 0; i < count; i++) {
        all[i] = random_txn(world);
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

static void open_ledger(struct world *world)
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
    world->started = model_below(&world->trace, 2);
    if (world->started)
        ck_assert_int_eq(ledger_start(world->ledger, &error), STATUS_OK);
}

static void open_store(struct world *world)
{
    struct error error = {0};

    MODEL_CHECK(&world->trace,
                (world->rocks ? store_open_rocksdb(world->folder, false, &world->store, &error)
                              : store_open_memory(&world->store, &error)) == STATUS_OK,
                "open: %s", error.message);
}

static void close_all(struct world *world)
{
    ledger_close(world->ledger);
    world->store->ops->close(world->store);
}

static void read_record(struct world *world, uint64_t index, struct slice *record)
{
    struct error error = {0};

    MODEL_CHECK(&world->trace, ledger_read(world->ledger, index, &world->arena, record, &error) == STATUS_OK, "entry %llu: %s",
                (unsigned long long)index, error.message);
}

/* Entry 0 is the store's own, and random. */
static void learn_first(struct world *world)
{
    struct slice parts[] = {SLICE("\0"), {NULL, 0}};

    read_record(world, 0, &world->model.first_record);
    parts[1] = world->model.first_record;
    digest_sha256_many(parts, 2, &world->entries[0].leaf);
    world->entries[0].erased_at = UINT64_MAX;
    world->model.size = world->model.takes = 1;
}

static struct world *world_new(bool rocks, uint64_t salt)
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
    open_store(world);
    open_ledger(world);
    learn_first(world);
    return world;
}

static void world_delete(struct world *world)
{
    char command[64];

    close_all(world);
    snprintf(command, sizeof command, "rm -rf %s", world->folder);
    ck_assert_int_eq(system(command), 0);
    munmap((void *)world->done, sizeof *world->done);
    arena_destroy(&world->arena);
    free(world->entries);
    free(world);
}

/* ---- comparing ---- */

static void model_root(const struct model_entry *entries, uint64_t count, struct digest *root)
{
    struct digest left, right;
    const struct slice parts[] = {
        SLICE("\1"), {(const char *)left.bytes, DIGEST_SIZE}, {(const char *)right.bytes, DIGEST_SIZE}};
    uint64_t split = 1;

    if (count == 1) {
        *root = entries[0].leaf;
        return;
    }
    while (split * 2 < count)
        split *= 2;
    model_root(entries, split, &left);
    model_root(entries + split, count - split, &right);
    digest_sha256_many(parts, 3, root);
}

static void compare_root(struct world *world)
{
    struct digest root, expected;
    uint64_t size;

    ledger_root(world->ledger, &size, &root);
    MODEL_CHECK(&world->trace, size == world->model.size, "%llu entries instead of %llu", (unsigned long long)size,
                (unsigned long long)world->model.size);
    model_root(world->entries, size, &expected);
    MODEL_CHECK(&world->trace, digest_equal(&root, &expected), "the tree has another root");
    MODEL_CHECK(&world->trace, memcmp(&world->fold, &world->model.rules, sizeof world->fold) == 0,
                "the fold has another state");
}

static void compare_entry(struct world *world, uint64_t index)
{
    const struct model_entry *entry = &world->entries[index];
    struct slice parts[] = {SLICE("\0"), {NULL, 0}}, value;
    struct digest leaf, hash;
    struct error error;
    uint64_t found = 0;
    bool erased = entry->erased_at < world->model.size;
    enum status status;

    read_record(world, index, &parts[1]);
    digest_sha256_many(parts, 2, &leaf);
    MODEL_CHECK(&world->trace, digest_equal(&leaf, &entry->leaf), "entry %llu has other bytes", (unsigned long long)index);
    if (entry->has_id)
        MODEL_CHECK(&world->trace, ledger_find_id(world->ledger, entry->id, &found, &error) == STATUS_OK && found == index,
                    "entry %llu is not found by its id", (unsigned long long)index);
    if (entry->blob.size > 0) {
        digest_sha256(entry->blob, &hash);
        status = ledger_blob_read(world->ledger, &hash, &world->arena, &value, &error);
        MODEL_CHECK(&world->trace, status == STATUS_OK && slice_equal(value, entry->blob),
                    "the blob of entry %llu is not there", (unsigned long long)index);
    }
    status = private_read(world->store, index, SLICE("/p"), &world->arena, &value, &error);
    if (entry->private_value.size == 0 || erased)
        MODEL_CHECK(&world->trace, status == STATUS_NOT_FOUND, "entry %llu has a private value", (unsigned long long)index);
    else
        MODEL_CHECK(&world->trace, status == STATUS_OK && slice_equal(value, entry->private_value),
                    "entry %llu lost its private value", (unsigned long long)index);
}

struct hits {
    struct world *world;
    struct ledger_query query;
    uint64_t expected; /* the next index to look at in the model; counted down when newest first */
    size_t found;
};

static bool hits(const struct hits *hits, uint64_t index)
{
    struct ledger_term terms[LEDGER_TERMS_MAX];
    size_t count = index > 0 ? entry_terms(&hits->world->entries[index], terms) : 0;

    for (size_t i = 0; i < hits->query.term_count; i++) {
        bool has = false;

        for (size_t t = 0; t < count && !has; t++)
            has = terms[t].kind == hits->query.terms[i].kind && slice_equal(terms[t].value, hits->query.terms[i].value);
        if (!has)
            return false;
    }
    return true;
}

/* Moves `expected` to the next entry of the model that the query should find; false: there is none. */
static bool next_hit(struct hits *at)
{
    uint64_t size = at->world->model.size;

    while (at->expected < size && !hits(at, at->query.oldest_first ? at->expected : size - 1 - at->expected))
        at->expected++;
    return at->expected < size;
}

static enum status on_hit(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct hits *at = context;
    uint64_t size = at->world->model.size;

    (void)record;
    (void)error;
    MODEL_CHECK(&at->world->trace, next_hit(at) && index == (at->query.oldest_first ? at->expected : size - 1 - at->expected),
                "a query finds entry %llu and should not, or misses one before", (unsigned long long)index);
    at->expected++;
    return STATUS_OK;
}

static void compare_query(struct world *world)
{
    struct model_trace *trace = &world->trace;
    struct hits at = {.world = world, .query = {.before = UINT64_MAX, .limit = 1 + model_below(trace, 900)}};
    struct error error = {0};
    uint64_t next = 1;

    at.query.oldest_first = model_below(trace, 2);
    if (model_below(trace, 2))
        at.query.terms[at.query.term_count++] = (struct ledger_term){LEDGER_TERM_AGENT, agents[model_below(trace, AGENTS)]};
    if (model_below(trace, 2))
        at.query.terms[at.query.term_count++] =
            (struct ledger_term){LEDGER_TERM_OPERATION, operations[model_below(trace, OPERATIONS)]};
    for (uint64_t i = model_below(trace, 3); i > 0; i--)
        at.query.terms[at.query.term_count++] = (struct ledger_term){LEDGER_TERM_RULE, rule_names[model_below(trace, RULES)]};
    while (next != 0) {
        MODEL_CHECK(trace, ledger_query(world->store, world->model.size, &at.query, on_hit, &at, &next, &error) == STATUS_OK,
                    "query: %s", error.message);
        *(at.query.oldest_first ? &at.query.from : &at.query.before) = next;
    }
    MODEL_CHECK(trace, !next_hit(&at), "a query misses entries");
}

static void compare_all(struct world *world)
{
    struct verify_result verified;
    struct digest root;
    struct error error = {0};
    uint64_t size;

    compare_root(world);
    for (uint64_t i = 0; i < world->model.size; i++)
        compare_entry(world, i);
    for (int i = 0; i < 20; i++)
        compare_query(world);
    if (world->with_private)
        return;
    ledger_root(world->ledger, &size, &root);
    MODEL_CHECK(&world->trace, ledger_verify(world->store, NULL, NULL, &verified, &error) == STATUS_OK, "verify: %s",
                error.message);
    MODEL_CHECK(&world->trace, verified.entries == size && digest_equal(&verified.root, &root), "verify sees another tree");
}

/* ---- tests ---- */

static void reopen(struct world *world)
{
    struct store *copy = NULL;
    struct error error;

    model_note(&world->trace, "reopen at %llu entries", (unsigned long long)world->model.size);
    if (!world->rocks)
        ck_assert_int_eq(store_memory_copy(world->store, &copy, &error), STATUS_OK);
    close_all(world);
    if (world->rocks)
        open_store(world);
    else
        world->store = copy;
    open_ledger(world);
    compare_root(world);
}

START_TEST(a_ledger_is_what_the_model_says)
{
    struct world *world = world_new(_i == 1, 11);

    for (uint64_t step = 0; step < model_rounds(250) && world->model.size + 4 * STEP_MAX < ENTRIES_MAX; step++) {
        run_step(world);
        compare_query(world);
        compare_entry(world, model_below(&world->trace, world->model.size));
        if (model_below(&world->trace, 15) == 0)
            reopen(world);
    }
    compare_all(world);
    reopen(world);
    compare_all(world);
    world_delete(world);
}
END_TEST

/* In the model alone, until it has as many entries as the store: transactions that the killed child made in the same way. Half
 * of one, or less than was acknowledged, never fits. */
static void catch_up(struct world *world, uint64_t acknowledged)
{
    uint64_t size, seen = 0;
    struct error error = {0};

    MODEL_CHECK(&world->trace, ledger_store_size(world->store, &size, &error) == STATUS_OK, "size: %s", error.message);
    while (seen < acknowledged || world->model.size < size) {
        for (size_t count = random_step(world); count > 0 && (seen < acknowledged || world->model.size < size); count--, seen++)
            (void)random_txn(world);
    }
    MODEL_CHECK(&world->trace, world->model.size == size,
                "after %llu acknowledged transactions the store has %llu entries; whole ones make %llu",
                (unsigned long long)acknowledged, (unsigned long long)size, (unsigned long long)world->model.size);
}

static void run_until_killed(struct world *world)
{
    open_store(world);
    open_ledger(world);
    for (;;)
        run_step(world);
}

START_TEST(acknowledged_transactions_survive_a_kill)
{
    struct world *world = world_new(true, 12);

    for (uint64_t round = model_rounds(10); round > 0 && world->model.size + 40 * STEP_MAX < ENTRIES_MAX; round--) {
        uint64_t target = model_below(&world->trace, 1500), pause_us = model_below(&world->trace, 3000), state;
        int status;
        pid_t child;

        close_all(world);
        atomic_store(world->done, 0);
        world->asked = 0;
        state = world->trace.state;
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            run_until_killed(world);
        while (atomic_load(world->done) < target && waitpid(child, &status, WNOHANG) == 0)
            usleep(100);
        usleep((useconds_t)pause_us);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert_msg(WIFSIGNALED(status), "the child ended by itself; its complaint is above");
        world->trace.state = state;
        (void)model_below(&world->trace, 2); /* as open_ledger did */
        (void)model_below(&world->trace, 2);
        open_store(world);
        catch_up(world, atomic_load(world->done));
        model_note(&world->trace, "killed after %llu transactions", (unsigned long long)atomic_load(world->done));
        atomic_store(world->done, 0);
        world->asked = 0;
        open_ledger(world);
        compare_all(world);
        run_step(world); /* and it goes on */
        compare_root(world);
    }
    world_delete(world);
}
END_TEST

START_TEST(a_crash_of_memory_leaves_what_was_acknowledged)
{
    struct world *world = world_new(false, 13);

    for (uint64_t round = model_rounds(40); round > 0 && world->model.size + 4 * STEP_MAX < ENTRIES_MAX; round--) {
        struct store *left = NULL;
        struct error error;

        run_step(world);
        ck_assert_int_eq(store_memory_copy(world->store, &left, &error), STATUS_OK);
        model_note(&world->trace, "crash at %llu entries", (unsigned long long)world->model.size);
        close_all(world);
        world->store = left;
        open_ledger(world);
        compare_root(world);
    }
    compare_all(world);
    world_delete(world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger model");
    TCase *tests = tcase_create("ledger model");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_loop_test(tests, a_ledger_is_what_the_model_says, 0, 2);
    tcase_add_test(tests, acknowledged_transactions_survive_a_kill);
    tcase_add_test(tests, a_crash_of_memory_leaves_what_was_acknowledged);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
