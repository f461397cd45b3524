/* Both stores, the sequencer, the tree, queries, verification. */
#include "ledger/merkle.h"
#include "ledger/query.h"
#include "ledger/verify.h"
#include "proto/json.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/edict-test-XXXXXX";

static void remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
    json_setup();
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static struct store *open_store(bool rocks)
{
    struct store *store = NULL;
    struct error error = {0};
    enum status status = rocks ? store_open_rocksdb(folder, false, &store, &error) : store_open_memory(&store, &error);

    ck_assert_msg(status == STATUS_OK, "%s", error.message);
    return store;
}

/* ---- stores against a model ---- */

enum { MODEL_KEYS = 64 };

static void key_of(unsigned i, char key[2])
{
    key[0] = (char)('a' + i / 8);
    key[1] = (char)('a' + i % 8);
}

struct model_scan {
    const int *values;
    unsigned expected;
    bool reverse, wrong;
};

static bool check_row(void *context, const struct store_visit *row)
{
    struct model_scan *scan = context;
    unsigned i = (unsigned)((row->key.data[0] - 'a') * 8 + (row->key.data[1] - 'a'));
    int value;

    memcpy(&value, row->value.data, sizeof value);
    while (scan->expected < MODEL_KEYS && scan->values[scan->reverse ? MODEL_KEYS - 1 - scan->expected : scan->expected] < 0)
        scan->expected++;
    if ((scan->reverse ? MODEL_KEYS - 1 - scan->expected : scan->expected) != i || value != scan->values[i])
        scan->wrong = true;
    scan->expected++;
    return true;
}

static void compare_with_model(struct store *store, const int *values)
{
    struct error error;

    for (int reverse = 0; reverse < 2; reverse++) {
        struct model_scan scan = {.values = values, .reverse = reverse};

        ck_assert_int_eq(
            store->ops->scan(store, STORE_STATE, (struct slice){0}, (struct slice){0}, reverse, check_row, &scan, &error),
            STATUS_OK);
        while (scan.expected < MODEL_KEYS && values[reverse ? MODEL_KEYS - 1 - scan.expected : scan.expected] < 0)
            scan.expected++;
        ck_assert(!scan.wrong);
        ck_assert_uint_eq(scan.expected, MODEL_KEYS);
    }
}

/* A copy is a store of its own: what is changed afterwards is not in it. */
static void check_copy(struct store *store, struct store_batch *batch, const int *values)
{
    char target[64];
    struct store *copy = NULL;
    struct error error = {0};

    snprintf(target, sizeof target, "%s/copy", folder);
    ck_assert_msg(store->ops->copy(store, target, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_ne(store->ops->copy(store, target, &error), STATUS_OK); /* it is there already */
    batch->ops->remove_range(batch, STORE_STATE, SLICE("a"), SLICE("z"));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    ck_assert_msg(store_open_rocksdb(target, true, &copy, &error) == STATUS_OK, "%s", error.message);
    compare_with_model(copy, values);
    copy->ops->close(copy);
}

START_TEST(stores_behave_like_a_map)
{
    struct store *store = open_store(_i);
    struct store_batch *batch = store->ops->batch_new(store);
    int values[MODEL_KEYS];
    struct error error;
    unsigned seed = 12345;

    memset(values, -1, sizeof values);
    for (int round = 0; round < 60; round++) {
        for (int change = 0; change < 20; change++) {
            unsigned i = (unsigned)rand_r(&seed) % MODEL_KEYS;
            char key[2];
            int value = rand_r(&seed) % 1000;

            key_of(i, key);
            if (value < 30 && i + 9 < MODEL_KEYS) {
                char end[2];

                key_of(i + 9, end);
                batch->ops->remove_range(batch, STORE_STATE, slice_from(key, 2), slice_from(end, 2));
                for (unsigned gone = i; gone < i + 9; gone++)
                    values[gone] = -1;
                continue;
            }
            if (value < 300)
                batch->ops->remove(batch, STORE_STATE, slice_from(key, 2));
            else
                store_put(batch, STORE_STATE, slice_from(key, 2), slice_from(&value, sizeof value));
            values[i] = value < 300 ? -1 : value;
        }
        ck_assert_int_eq(store->ops->commit(store, batch, round % 2, &error), STATUS_OK);
        if (_i == 1 && round % 20 == 19) { /* and it is all there after opening it again */
            store->ops->batch_delete(batch);
            store->ops->close(store);
            store = open_store(true);
            batch = store->ops->batch_new(store);
        }
        compare_with_model(store, values);
    }
    check_copy(store, batch, values);
    store->ops->batch_delete(batch);
    store->ops->close(store);
    remove_folder();
}
END_TEST

START_TEST(a_store_is_opened_once)
{
    struct store *store = open_store(true), *second = NULL;
    struct error error = {0};

    ck_assert_int_eq(store_open_rocksdb(folder, false, &second, &error), STATUS_CONFLICT);
    store->ops->close(store);
    remove_folder();
}
END_TEST

/* ---- the sequencer ---- */

struct submitted {
    struct ledger_txn txn;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
    char body[64];
};

static void on_done(struct ledger_txn *txn)
{
    struct submitted *one = (struct submitted *)txn;

    pthread_mutex_lock(&one->mutex);
    one->is_done = true;
    pthread_cond_signal(&one->done);
    pthread_mutex_unlock(&one->mutex);
}

static void make(struct submitted *one, const char *agent, int number)
{
    *one = (struct submitted){.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    snprintf(one->body, sizeof one->body, "{\"n\":%d}", number);
    one->txn.entry_count = 1;
    one->txn.done = on_done;
    one->txn.entries[0] =
        (struct ledger_entry){.type = RECORD_OUTCOME, .tenant = RECORD_TENANT_DEFAULT, .body = slice_from_str(one->body)};
    one->txn.entries[0].terms[0] = (struct ledger_term){LEDGER_TERM_AGENT, slice_from_str(agent)};
    one->txn.entries[0].terms[1] = (struct ledger_term){LEDGER_TERM_TIER, number % 3 ? SLICE("0") : SLICE("1")};
    one->txn.entries[0].term_count = 2;
}

static void wait_for(struct submitted *one)
{
    pthread_mutex_lock(&one->mutex);
    while (!one->is_done)
        pthread_cond_wait(&one->done, &one->mutex);
    pthread_mutex_unlock(&one->mutex);
}

static struct ledger *open_ledger(struct store *store, const struct ledger_fold *fold)
{
    struct ledger_options options = {.sync = true, .clock = clock_system()};
    struct ledger *ledger = NULL;
    struct error error = {0};

    if (fold)
        options.fold = *fold;
    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(ledger_start(ledger, &error), STATUS_OK);
    return ledger;
}

/* Refuses every seventh; numbers every fifth. */
static enum ledger_result picky_check(void *context, struct ledger_txn *txn, uint64_t index, int64_t time_ms)
{
    int *calls = context;

    (void)index;
    (void)time_ms;
    if (++*calls % 7 == 0)
        return LEDGER_PRECONDITION;
    if (*calls % 5 == 0)
        txn->entries[0].number = (uint64_t)*calls;
    return LEDGER_OK;
}

static void fill(struct ledger *ledger, struct submitted *all, int count)
{
    for (int i = 0; i < count; i++) {
        make(&all[i], i % 2 ? "odd" : "even", i);
        ck_assert_int_eq(ledger_submit(ledger, &all[i].txn), STATUS_OK);
    }
    for (int i = 0; i < count; i++)
        wait_for(&all[i]);
}

/* A family that was flushed, and the log with the others' part of it lost. */
START_TEST(an_entry_past_the_head_is_not_built_upon)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store, NULL), *again = NULL;
    struct ledger_options options = {.sync = true, .clock = clock_system()};
    struct store_batch *batch = store->ops->batch_new(store);
    char key[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct error error = {0};

    ck_assert_uint_eq(ledger_durable(ledger), 1);
    ledger_close(ledger);
    store_put(batch, STORE_ENTRIES, slice_from(key, sizeof key), SLICE("x"));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
    ck_assert_int_eq(ledger_open(store, &options, &again, &error), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "restore a backup"));
    store->ops->close(store);
}
END_TEST

enum { COUNT = 700 };

START_TEST(entries_are_dense_and_in_order)
{
    struct store *store = open_store(_i);
    int calls = 0;
    const struct ledger_fold fold = {.context = &calls, .check = picky_check};
    struct ledger *ledger = open_ledger(store, &fold);
    struct submitted *all = calloc(COUNT, sizeof *all);
    struct arena arena;
    struct error error;
    uint64_t next = 1, size;
    struct digest root;
    struct verify_result verified;

    arena_create(&arena, 4096, 1 << 20);
    fill(ledger, all, COUNT);
    for (int i = 0; i < COUNT; i++) {
        struct record_header header;
        struct slice record, body;

        if (all[i].txn.result != LEDGER_OK)
            continue;
        ck_assert_uint_eq(all[i].txn.entries[0].index, next++);
        arena_reset(&arena);
        ck_assert_int_eq(ledger_read(ledger, all[i].txn.entries[0].index, &arena, &record, &error), STATUS_OK);
        ck_assert_int_eq(record_split(record, &header, &body, &error), STATUS_OK);
        ck_assert(slice_equal_str(body, all[i].body));
        ck_assert_uint_eq(header.number, all[i].txn.entries[0].number);
    }
    ck_assert_uint_eq(next, ledger_durable(ledger));
    ck_assert_int_eq(ledger_read(ledger, next, &arena, &(struct slice){0}, &error), STATUS_NOT_FOUND);
    ledger_root(ledger, &size, &root);
    ck_assert_uint_eq(size, next);
    ledger_close(ledger);
    ck_assert_int_eq(ledger_verify(store, NULL, NULL, &verified, &error), STATUS_OK);
    ck_assert(digest_equal(&verified.root, &root));
    ledger = open_ledger(store, NULL); /* the tree is restored from tiles and the last records */
    ledger_root(ledger, &size, &root);
    ck_assert(digest_equal(&verified.root, &root));
    make(&all[0], "even", 0);
    ck_assert_int_eq(ledger_submit(ledger, &all[0].txn), STATUS_OK);
    wait_for(&all[0]);
    ck_assert_uint_eq(all[0].txn.entries[0].index, next);
    ledger_close(ledger);
    ck_assert_int_eq(ledger_verify(store, NULL, NULL, &verified, &error), STATUS_OK);
    store->ops->close(store);
    free(all);
    arena_destroy(&arena);
    remove_folder();
}
END_TEST

struct found {
    uint64_t indices[COUNT];
    size_t count;
};

static enum status collect(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct found *found = context;

    (void)record;
    (void)error;
    found->indices[found->count++] = index;
    return STATUS_OK;
}

START_TEST(queries_find_what_a_scan_would)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store, NULL);
    struct submitted *all = calloc(COUNT, sizeof *all);
    struct ledger_query query = {
        .terms = {{LEDGER_TERM_AGENT, SLICE("odd")}, {LEDGER_TERM_TIER, SLICE("1")}}, .term_count = 2, .limit = 17};
    struct found found = {.count = 0};
    uint64_t next = UINT64_MAX;
    struct error error;
    int expected = COUNT - 1;

    fill(ledger, all, COUNT);
    while (next != 0) {
        query.before = next;
        ck_assert_int_eq(ledger_query(store, ledger_durable(ledger), &query, collect, &found, &next, &error), STATUS_OK);
    }
    for (size_t i = 0; i < found.count; i++, expected--) {
        while (!(expected % 2 == 1 && expected % 3 == 0))
            expected--;
        ck_assert_uint_eq(found.indices[i], all[expected].txn.entries[0].index);
    }
    while (expected >= 0 && !(expected % 2 == 1 && expected % 3 == 0))
        expected--;
    ck_assert_int_lt(expected, 0);
    ledger_close(ledger);
    store->ops->close(store);
    free(all);
    remove_folder();
}
END_TEST

START_TEST(every_changed_byte_is_found)
{
    struct store *store = open_store(false);
    struct ledger *ledger = open_ledger(store, NULL);
    struct submitted all[3];
    struct store_batch *batch = store->ops->batch_new(store);
    unsigned char key[8] = {0, 0, 0, 0, 0, 0, 0, 2};
    struct arena arena;
    struct slice record;
    struct error error;
    struct verify_result verified;

    arena_create(&arena, 4096, 1 << 20);
    fill(ledger, all, 3);
    ledger_close(ledger);
    ck_assert_int_eq(store_get(store, STORE_ENTRIES, slice_from(key, 8), &arena, &record, &error), STATUS_OK);
    for (size_t i = 0; i <= record.size; i++) {
        char *copy = malloc(record.size + 1);

        memcpy(copy, record.data, record.size);
        if (i < record.size)
            copy[i] ^= 4;
        store_put(batch, STORE_ENTRIES, slice_from(key, 8), slice_from(copy, record.size));
        ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
        ck_assert_int_eq(ledger_verify(store, NULL, NULL, &verified, &error), i < record.size ? STATUS_CORRUPT : STATUS_OK);
        free(copy);
    }
    store->ops->batch_delete(batch);
    store->ops->close(store);
    arena_destroy(&arena);
    remove_folder();
}
END_TEST

START_TEST(a_full_queue_refuses_and_a_stop_drains)
{
    struct store *store = open_store(false);
    struct ledger_options options = {.sync = true, .clock = clock_system(), .queue_bytes = 40000};
    struct ledger *ledger = NULL;
    struct error error;
    static struct submitted all[64];
    int taken = 0;

    ck_assert_int_eq(ledger_open(store, &options, &ledger, &error), STATUS_OK); /* not started: the queue only fills */
    for (int i = 0; i < 64; i++) {
        make(&all[i], "a", i);
        if (ledger_submit(ledger, &all[i].txn) != STATUS_OK)
            break;
        taken++;
    }
    ck_assert_int_gt(taken, 2);
    ck_assert_int_lt(taken, 64);
    ck_assert_int_eq(ledger_start(ledger, &error), STATUS_OK);
    ledger_stop(ledger);
    for (int i = 0; i < taken; i++)
        ck_assert(all[i].is_done && all[i].txn.result == LEDGER_OK);
    make(&all[63], "a", 63);
    ck_assert_int_eq(ledger_submit(ledger, &all[63].txn), STATUS_UNAVAILABLE);
    ledger_close(ledger);
    store->ops->close(store);
    remove_folder();
}
END_TEST

/* ---- the tree ---- */

static void brute_root(const struct digest *leaves, size_t count, struct digest *root)
{
    struct digest left, right;
    struct slice parts[3] = {SLICE("\x01"), {(const char *)left.bytes, DIGEST_SIZE}, {(const char *)right.bytes, DIGEST_SIZE}};
    size_t split = 1;

    if (count == 1) {
        *root = leaves[0];
        return;
    }
    while (split * 2 < count)
        split *= 2;
    brute_root(leaves, split, &left);
    brute_root(leaves + split, count - split, &right);
    digest_sha256_many(parts, 3, root);
}

START_TEST(roots_are_rfc_6962s)
{
    struct merkle *merkle = calloc(1, sizeof *merkle);
    struct digest *leaves = calloc(600, sizeof *leaves), root, expected;
    char hex[DIGEST_HEX_SIZE], record[16];

    merkle_create(merkle);
    merkle_root(merkle, &root);
    digest_format(&root, hex);
    ck_assert_mem_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", DIGEST_HEX_SIZE);
    for (int i = 0; i < 600; i++) {
        struct slice part = slice_from(record, (size_t)snprintf(record, sizeof record, "entry %d", i));
        const struct slice parts[2] = {SLICE(""), part}, hashed[2] = {{"\0", 1}, part};

        merkle_append(merkle, parts, 2, NULL, NULL);
        digest_sha256_many(hashed, 2, &leaves[i]);
        if (i % 37 == 0 || i > 500) {
            brute_root(leaves, (size_t)i + 1, &expected);
            merkle_root(merkle, &root);
            ck_assert_msg(digest_equal(&root, &expected), "%d", i);
        }
    }
    free(merkle);
    free(leaves);
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tests = tcase_create("ledger");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, stores_behave_like_a_map, 0, 2);
    tcase_add_test(tests, a_store_is_opened_once);
    tcase_add_loop_test(tests, an_entry_past_the_head_is_not_built_upon, 0, 2);
    tcase_add_loop_test(tests, entries_are_dense_and_in_order, 0, 2);
    tcase_add_loop_test(tests, queries_find_what_a_scan_would, 0, 2);
    tcase_add_test(tests, every_changed_byte_is_found);
    tcase_add_test(tests, a_full_queue_refuses_and_a_stop_drains);
    tcase_add_test(tests, roots_are_rfc_6962s);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
