/*
 * The ledger on both stores against one model: random transactions with preconditions, duplicates, limits, ids, numbers, blobs
 * and erasable values; what a query, a root and a restart show of them; and kills in the middle of it.
 */
#include "ledger/private.h"
#include "ledger/query.h"
#include "ledger/verify.h"
#include "ledger_model.h"

#include <signal.h>
#include <sys/wait.h>

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

    ledger_model_read_record(world, index, &parts[1]);
    digest_sha256_many(parts, 2, &leaf);
    MODEL_CHECK(&world->trace, digest_equal(&leaf, &entry->leaf), "entry %llu has other bytes", (unsigned long long)index);
    if (entry->has_id)
        MODEL_CHECK(&world->trace,
                    ledger_find_id(world->ledger, entry->id.bytes, &found, &error) == STATUS_OK && found == index,
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
    size_t count = index > 0 ? ledger_model_entry_terms(&hits->world->entries[index], terms) : 0;

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
        at.query.terms[at.query.term_count++] =
            (struct ledger_term){LEDGER_TERM_AGENT, ledger_model_agents[model_below(trace, AGENTS)]};
    if (model_below(trace, 2))
        at.query.terms[at.query.term_count++] =
            (struct ledger_term){LEDGER_TERM_OPERATION, ledger_model_operations[model_below(trace, OPERATIONS)]};
    for (uint64_t i = model_below(trace, 3); i > 0; i--)
        at.query.terms[at.query.term_count++] =
            (struct ledger_term){LEDGER_TERM_RULE, ledger_model_rule_names[model_below(trace, RULES)]};
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
    ledger_model_close_all(world);
    if (world->rocks)
        ledger_model_open_store(world);
    else
        world->store = copy;
    ledger_model_open_ledger(world);
    compare_root(world);
}

START_TEST(a_ledger_is_what_the_model_says)
{
    struct world *world = ledger_model_new(_i == 1, 11);

    for (uint64_t step = 0; step < model_rounds(250) && world->model.size + 4 * STEP_MAX < ENTRIES_MAX; step++) {
        ledger_model_run_step(world);
        compare_query(world);
        compare_entry(world, model_below(&world->trace, world->model.size));
        if (model_below(&world->trace, 15) == 0)
            reopen(world);
    }
    compare_all(world);
    reopen(world);
    compare_all(world);
    ledger_model_delete(world);
}
END_TEST

/* In the model alone, until it has as many entries as the store: transactions that the killed child made in the same way. Half
 * of one, or less than was acknowledged, never fits. */
static void catch_up(struct world *world, uint64_t acknowledged)
{
    uint64_t size, seen = 0;
    struct error error = {0};

    MODEL_CHECK(&world->trace, ledger_store_head(world->store, &size, NULL, &error) == STATUS_OK, "size: %s", error.message);
    while (seen < acknowledged || world->model.size < size) {
        for (size_t count = ledger_model_random_step(world); count > 0 && (seen < acknowledged || world->model.size < size);
             count--, seen++)
            (void)ledger_model_random_txn(world);
    }
    MODEL_CHECK(&world->trace, world->model.size == size,
                "after %llu acknowledged transactions the store has %llu entries; whole ones make %llu",
                (unsigned long long)acknowledged, (unsigned long long)size, (unsigned long long)world->model.size);
}

static void run_until_killed(struct world *world)
{
    ledger_model_open_store(world);
    ledger_model_open_ledger(world);
    for (;;)
        ledger_model_run_step(world);
}

START_TEST(acknowledged_transactions_survive_a_kill)
{
    struct world *world = ledger_model_new(true, 12);

    for (uint64_t round = model_rounds(10); round > 0 && world->model.size + 40 * STEP_MAX < ENTRIES_MAX; round--) {
        uint64_t target = model_below(&world->trace, 1500), pause_us = model_below(&world->trace, 3000), state;
        int status;
        pid_t child;

        ledger_model_close_all(world);
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
        (void)model_below(&world->trace, 2); /* as ledger_model_open_ledger did */
        (void)model_below(&world->trace, 2);
        ledger_model_open_store(world);
        catch_up(world, atomic_load(world->done));
        model_note(&world->trace, "killed after %llu transactions", (unsigned long long)atomic_load(world->done));
        atomic_store(world->done, 0);
        world->asked = 0;
        ledger_model_open_ledger(world);
        compare_all(world);
        ledger_model_run_step(world); /* and it goes on */
        compare_root(world);
    }
    ledger_model_delete(world);
}
END_TEST

START_TEST(a_crash_of_memory_leaves_what_was_acknowledged)
{
    struct world *world = ledger_model_new(false, 13);

    for (uint64_t round = model_rounds(40); round > 0 && world->model.size + 4 * STEP_MAX < ENTRIES_MAX; round--) {
        struct store *left = NULL;
        struct error error;

        ledger_model_run_step(world);
        ck_assert_int_eq(store_memory_copy(world->store, &left, &error), STATUS_OK);
        model_note(&world->trace, "crash at %llu entries", (unsigned long long)world->model.size);
        ledger_model_close_all(world);
        world->store = left;
        ledger_model_open_ledger(world);
        compare_root(world);
    }
    compare_all(world);
    ledger_model_delete(world);
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
    if (!MODEL_UNDER_TSAN)
        tcase_add_test(tests, acknowledged_transactions_survive_a_kill);
    tcase_add_test(tests, a_crash_of_memory_leaves_what_was_acknowledged);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
