/* Archives: written, opened, verified; every changed byte seen; a ledger without them, and made whole again. */
#include "ledger/archive.h"
#include "ledger/proof.h"
#include "ledger/query.h"
#include "ledger/trim.h"
#include "ledger/verify.h"
#include "proto/json.h"
#include "proto/uuid.h"

#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES = 1100 };

static char folder[] = "/tmp/edict-test-XXXXXX";
static struct note_signer signer;
static struct arena arena;
static struct error error;
static int64_t now_ms;

static int64_t fake_clock(void *context)
{
    return __atomic_fetch_add((int64_t *)context, 1, __ATOMIC_RELAXED); /* a millisecond an entry */
}

static void setup(void)
{
    json_setup();
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena_create(&arena, 1 << 16, 64u << 20);
    now_ms = 1785242096789;
    ck_assert_int_eq(note_signer_generate(SLICE("example.com/archive"), NOTE_ED25519, &signer, &error), STATUS_OK);
}

static void teardown(void)
{
    file_remove_tree(folder);
    arena_destroy(&arena);
}

static const char *inside(const char *name)
{
    return arena_printf(&arena, "%s/%s", folder, name).data;
}

/* ---- a ledger ---- */

struct submitted {
    struct ledger_txn txn;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
    char body[256];
    struct uuid id;
};

static void on_done(struct ledger_txn *txn)
{
    struct submitted *one = (struct submitted *)txn;

    pthread_mutex_lock(&one->mutex);
    one->is_done = true;
    pthread_cond_signal(&one->done);
    pthread_mutex_unlock(&one->mutex);
}

static void submit(struct ledger *ledger, struct submitted *one)
{
    pthread_mutex_init(&one->mutex, NULL);
    pthread_cond_init(&one->done, NULL);
    one->txn.done = on_done;
    ck_assert_int_eq(ledger_submit(ledger, &one->txn), STATUS_OK);
}

static void await(struct submitted *one)
{
    pthread_mutex_lock(&one->mutex);
    while (!one->is_done)
        pthread_cond_wait(&one->done, &one->mutex);
    pthread_mutex_unlock(&one->mutex);
    ck_assert_int_eq(one->txn.result, LEDGER_OK);
}

static const struct slice large = {"a value that is kept beside", 27};

static void fill_entry(struct submitted *one, int number)
{
    char hex[DIGEST_HEX_SIZE], id[UUID_TEXT_SIZE];
    int64_t time_ms = __atomic_load_n(&now_ms, __ATOMIC_RELAXED);

    *one = (struct submitted){.txn = {.entry_count = 1}};
    digest_sha256(large, &one->txn.blobs[0].hash);
    digest_format(&one->txn.blobs[0].hash, hex);
    for (int i = 0; i < 6; i++) /* UUIDv7: the time leads */
        one->id.bytes[i] = (unsigned char)((uint64_t)time_ms >> (40 - 8 * i));
    one->id.bytes[14] = (unsigned char)(number >> 8);
    one->id.bytes[15] = (unsigned char)number;
    uuid_format(&one->id, id);
    if (number == 3) {
        snprintf(one->body, sizeof one->body, "{\"facts\":{},\"id\":\"%.*s\",\"n\":%d,\"v\":{\"$sha256\":\"%.*s\"}}",
                 UUID_TEXT_SIZE, id, number, DIGEST_HEX_SIZE, hex);
        one->txn.blobs[0].bytes = large;
        one->txn.blob_count = 1;
    } else {
        snprintf(one->body, sizeof one->body, "{\"facts\":{},\"id\":\"%.*s\",\"n\":%d,\"not one of ours\":\"sha256:%064d\"}",
                 UUID_TEXT_SIZE, id, number, number);
    }
    one->txn.entries[0] = (struct ledger_entry){.type = RECORD_DECISION,
                                                .tenant = RECORD_TENANT_DEFAULT,
                                                .body = slice_from_str(one->body),
                                                .id = one->id.bytes,
                                                .terms = {{LEDGER_TERM_AGENT, number % 2 ? SLICE("odd") : SLICE("even")},
                                                          {LEDGER_TERM_TIER, number < 4 ? SLICE("3") : SLICE("0")}},
                                                .term_count = 2};
}

static struct ledger *open_ledger(struct store *store)
{
    struct ledger_options options = {.sync = false, .clock = {fake_clock, &now_ms}};
    struct ledger *ledger = NULL;

    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(ledger_start(ledger, &error), STATUS_OK);
    return ledger;
}

static void grow(struct ledger *ledger, int count)
{
    struct submitted *all = calloc((size_t)count, sizeof *all);

    ck_assert_ptr_nonnull(all);
    for (int i = 0; i < count; i++) {
        fill_entry(&all[i], i);
        submit(ledger, &all[i]);
        if (i % 100 == 99)
            await(&all[i]); /* groups of several sizes */
    }
    for (int i = 0; i < count; i++)
        await(&all[i]);
    free(all);
}

static struct store *open_store(bool rocks)
{
    struct store *store = NULL;
    enum status status = rocks ? store_open_rocksdb(inside("store"), false, &store, &error) : store_open_memory(&store, &error);

    ck_assert_msg(status == STATUS_OK, "%s", error.message);
    return store;
}

static void drop(struct ledger *ledger, const struct archive_info *info)
{
    struct submitted one = {.txn = {.entry_count = 1, .archived_to = info->to, .archived_time_ms = info->last_time_ms}};
    char manifest[DIGEST_HEX_SIZE];

    digest_format(&info->manifest, manifest);
    snprintf(one.body, sizeof one.body, "{\"by\":\"x\",\"from\":%llu,\"manifest\":\"%.*s\",\"root\":\"00\",\"to\":%llu}",
             (unsigned long long)info->from, DIGEST_HEX_SIZE, manifest, (unsigned long long)info->to);
    one.txn.entries[0] = (struct ledger_entry){
        .type = RECORD_LEDGER_ARCHIVED, .tenant = RECORD_TENANT_DEFAULT, .body = slice_from_str(one.body)};
    submit(ledger, &one);
    await(&one);
}

/* ---- archives ---- */

static enum status write_one(struct store *store, const char *name, uint64_t from, uint64_t to, struct archive_info *info)
{
    const struct archive_options options = {.store = store,
                                            .folder = inside(name),
                                            .from = from,
                                            .to = to,
                                            .signers = &signer,
                                            .signer_count = 1,
                                            .clock = {fake_clock, &now_ms}};

    return archive_write(&options, info, &error);
}

static enum status check(const char *path)
{
    struct archive *archive = NULL;
    struct archive_verified verified;
    enum status status = archive_open(path, &archive, &error);

    if (status == STATUS_OK)
        status = archive_verify(archive, NULL, NULL, &verified, &error);
    archive_close(archive);
    return status;
}

/* Flips one bit in the middle and at both ends of every file below, and takes every file away once. */
static unsigned damage_each(const char *root, const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    unsigned files = 0;

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir))) {
        const char *name = arena_printf(&arena, "%s/%s", path, entry->d_name).data;
        struct stat info;
        struct slice bytes;
        char *copy;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ck_assert_int_eq(lstat(name, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            files += damage_each(root, name);
            continue;
        }
        ck_assert_int_eq(file_read(name, &arena, 64 << 20, &bytes, NULL, &error), STATUS_OK);
        copy = malloc(bytes.size);
        for (int i = 0; i < 3; i++) {
            memcpy(copy, bytes.data, bytes.size);
            copy[i == 0 ? 0 : i == 1 ? bytes.size / 2 : bytes.size - 1] ^= 1;
            ck_assert_int_eq(file_put(name, slice_from(copy, bytes.size), &error), STATUS_OK);
            ck_assert_msg(check(root) != STATUS_OK, "%s can be changed", name);
        }
        free(copy);
        ck_assert_int_eq(unlink(name), 0);
        ck_assert_msg(check(root) != STATUS_OK, "%s can be missing", name);
        ck_assert_int_eq(file_put(name, bytes, &error), STATUS_OK);
        files++;
    }
    closedir(dir);
    return files;
}

START_TEST(an_archive_verifies_and_nothing_else_does)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store);
    struct archive_info info;

    grow(ledger, ENTRIES);
    ck_assert_msg(write_one(store, "a", 0, 512, &info) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(write_one(store, "a", 0, 512, &info), STATUS_CONFLICT);
    ck_assert_msg(write_one(store, "b", 768, 1024, &info) == STATUS_OK, "%s", error.message);
    ck_assert_msg(check(inside("a")) == STATUS_OK, "%s", error.message);
    ck_assert_msg(check(inside("b")) == STATUS_OK, "%s", error.message); /* a later one needs no earlier one */
    ck_assert_int_eq(write_one(store, "c", 0, 500, &info), STATUS_INTERNAL);
    ck_assert_int_eq(write_one(store, "nowhere/c", 0, 512, &info), STATUS_INVALID);
    if (_i == 0) {
        ck_assert_uint_eq(damage_each(inside("a"), inside("a")),
                          2 + 2 + 1 + 1 + 3); /* bundles, tiles, level 1, value, the rest */
        damage_each(inside("b"), inside("b"));
        ck_assert_int_eq(check(inside("a")), STATUS_OK);
    }
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

START_TEST(an_interrupted_archive_is_begun_anew)
{
    struct store *store = open_store(false);
    struct ledger *ledger = open_ledger(store);
    struct archive_info info;

    grow(ledger, ENTRIES);
    ck_assert_int_eq(mkdir(inside("a.partial"), 0700), 0);
    ck_assert_int_eq(mkdir(inside("a.partial/tile"), 0700), 0);
    ck_assert_int_eq(file_put(inside("a.partial/archive.json"), SLICE("{}"), &error), STATUS_OK);
    ck_assert_int_eq(mkdir(inside("b.partial"), 0700), 0);
    ck_assert_int_eq(file_put(inside("b.partial/letters"), SLICE("dear"), &error), STATUS_OK);
    ck_assert_msg(write_one(store, "a", 0, 256, &info) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(check(inside("a")), STATUS_OK);
    ck_assert_int_eq(write_one(store, "b", 0, 256, &info), STATUS_CONFLICT); /* somebody else's */
    ck_assert(file_exists(inside("b.partial/letters")));
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

/* ---- a ledger without what is archived ---- */

static enum status count_match(void *context, uint64_t index, struct slice record, struct error *none)
{
    (void)record;
    (void)none;
    ck_assert_uint_ge(index, 512);
    ++*(uint64_t *)context;
    return STATUS_OK;
}

static uint64_t count_odd(struct ledger *ledger)
{
    struct ledger_query query = {
        .terms = {{LEDGER_TERM_AGENT, SLICE("odd")}}, .term_count = 1, .before = UINT64_MAX, .limit = 1000};
    uint64_t found = 0, next;

    ck_assert_msg(ledger_query(ledger_store(ledger), ledger_durable(ledger), &query, count_match, &found, &next, &error) ==
                      STATUS_OK,
                  "%s", error.message);
    return found;
}

static bool count_row(void *context, const struct store_visit *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return true;
}

static uint64_t count_rows(struct store *store, enum store_family family)
{
    const struct slice all = {0};
    uint64_t count = 0;

    ck_assert_int_eq(store->ops->scan(store, family, all, all, false, count_row, &count, &error), STATUS_OK);
    return count;
}

static void check_gone(struct ledger *ledger)
{
    struct slice record;
    struct proof proof;
    struct digest root;
    unsigned char id[16];
    uint64_t size, index;

    ck_assert_uint_eq(ledger_first(ledger, NULL), 512);
    ck_assert_int_eq(ledger_read(ledger, 511, &arena, &record, &error), STATUS_GONE);
    ck_assert_ptr_nonnull(strstr(error.message, "0 to 511"));
    ck_assert_int_eq(ledger_read(ledger, 512, &arena, &record, &error), STATUS_OK);
    ck_assert_uint_eq(count_odd(ledger), (ENTRIES - 511 + 1) / 2); /* entry i + 1 has number i */
    /* Whoever kept the record can still show that it is in the log. */
    ledger_root(ledger, &size, &root);
    ck_assert_int_eq(proof_inclusion(ledger_store(ledger), 7, size, &proof, &error), STATUS_OK);
    ck_assert_int_eq(proof_consistency(ledger_store(ledger), 300, size, &proof, &error), STATUS_OK);
    memset(id, 0, sizeof id);
    ck_assert_int_eq(ledger_find_id(ledger, id, &index, &error), STATUS_NOT_FOUND);
}

static void check_whole(struct store *store, const struct digest *root)
{
    struct archive *archives[2] = {NULL};
    struct store *whole = NULL;
    struct verify_result result;
    struct slice value;
    char key[8] = {0};

    ck_assert_int_eq(archive_open(inside("a"), &archives[1], &error), STATUS_OK);
    ck_assert_int_eq(archive_open(inside("b"), &archives[0], &error), STATUS_OK);
    ck_assert_int_eq(store_open_whole(store, archives, 1, &whole, &error), STATUS_GONE); /* one of the two is not all */
    ck_assert_msg(store_open_whole(store, archives, 2, &whole, &error) == STATUS_OK, "%s", error.message);
    ck_assert_msg(ledger_verify(whole, NULL, NULL, &result, &error) == STATUS_OK, "%s", error.message);
    ck_assert(result.archived == 0 && result.entries == ENTRIES + 3 && digest_equal(&result.root, root));
    key[6] = 1;
    key[7] = 5;
    ck_assert_int_eq(store_get(whole, STORE_ENTRIES, slice_from(key, 8), &arena, &value, &error), STATUS_OK);
    ck_assert_ptr_nonnull(memmem(value.data, value.size, "\"n\":260,", 8)); /* entry 0 was the store's own */
    whole->ops->close(whole);                                               /* and `store`, and the archives */
}

START_TEST(a_ledger_goes_on_without_what_is_archived)
{
    struct store *store = open_store(true);
    struct ledger *ledger = open_ledger(store);
    struct archive_info info;
    struct verify_result result;
    struct digest root;
    uint64_t size, ids, postings;

    grow(ledger, ENTRIES);
    ck_assert_int_eq(write_one(store, "b", 0, 256, &info), STATUS_OK);
    ck_assert_int_eq(write_one(store, "a", 256, 512, &info), STATUS_OK);
    ids = count_rows(store, STORE_IDS);
    drop(ledger, &info);
    check_gone(ledger);
    ck_assert_uint_eq(count_rows(store, STORE_ENTRIES), ENTRIES + 2 - 512);
    ck_assert_uint_eq(count_rows(store, STORE_IDS), ids); /* harmless until they are taken out */
    ck_assert_msg(ledger_trim(ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_uint_eq(count_rows(store, STORE_IDS), ids - 511);
    check_gone(ledger);
    grow(ledger, 2048); /* recent rows are merged into rows by term */
    grow(ledger, 2048);
    postings = count_rows(store, STORE_POSTINGS);
    ck_assert_int_eq(write_one(store, "c", 512, 2048, &info), STATUS_OK);
    drop(ledger, &info);
    ck_assert_int_eq(ledger_trim(ledger, &error), STATUS_OK);
    ck_assert_uint_lt(count_rows(store, STORE_POSTINGS), postings + 1); /* one row came with the entry */
    ledger_close(ledger);
    store->ops->close(store);
    store = open_store(true);
    ledger = open_ledger(store);
    ck_assert_uint_eq(ledger_first(ledger, NULL), 2048);
    ledger_root(ledger, &size, &root);
    ledger_close(ledger);
    ck_assert_msg(ledger_verify(store, NULL, NULL, &result, &error) == STATUS_OK, "%s", error.message);
    ck_assert(result.archived == 2048 && result.entries == size && digest_equal(&result.root, &root));
    store->ops->close(store);
}
END_TEST

static enum status visit_nothing(void *context, uint64_t index, struct slice record, struct error *none)
{
    (void)index;
    (void)record;
    (void)none;
    ++*(unsigned *)context;
    return STATUS_OK;
}

START_TEST(what_is_missing_is_named)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store);
    struct archive_info info, older;
    struct digest root;
    uint64_t size;
    unsigned seen = 0;

    grow(ledger, ENTRIES);
    ck_assert_int_eq(write_one(store, "b", 0, 256, &older), STATUS_OK);
    ck_assert_int_eq(write_one(store, "a", 256, 512, &info), STATUS_OK);
    drop(ledger, &info);
    drop(ledger, &older); /* nothing comes back */
    ck_assert_uint_eq(ledger_first(ledger, NULL), 512);
    ledger_root(ledger, &size, &root);
    ledger_close(ledger);
    ck_assert_int_eq(ledger_each(store, 0, UINT64_MAX, visit_nothing, &seen, &error), STATUS_GONE);
    ck_assert_ptr_nonnull(strstr(error.message, "--archive"));
    ck_assert_int_eq(ledger_each(store, 100, 200, visit_nothing, &seen, &error), STATUS_GONE);
    ck_assert_uint_eq(seen, 0);
    ck_assert_int_eq(ledger_each(store, 512, UINT64_MAX, visit_nothing, &seen, &error), STATUS_OK);
    ck_assert_uint_eq(seen, ENTRIES + 3 - 512);
    check_whole(store, &root);
}
END_TEST

START_TEST(a_value_that_outlived_its_entry_is_seen)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store);
    struct store_batch *batch;
    struct archive_info info;
    struct verify_result result;
    char key[8 + 2] = {0, 0, 0, 0, 0, 0, 0, 7, '/', 'a'};

    grow(ledger, ENTRIES);
    ck_assert_int_eq(write_one(store, "a", 0, 512, &info), STATUS_OK);
    drop(ledger, &info);
    ledger_close(ledger);
    ck_assert_msg(ledger_verify(store, NULL, NULL, &result, &error) == STATUS_OK, "%s", error.message);
    batch = store->ops->batch_new(store);
    ck_assert_ptr_nonnull(batch);
    store_put(batch, STORE_PRIVATE, slice_from(key, sizeof key), SLICE("secret"));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
    ck_assert_int_eq(ledger_verify(store, NULL, NULL, &result, &error), STATUS_CORRUPT);
    ck_assert_str_eq(error.message, "entry 7: it was archived, and a redacted value of it is still there");
    store->ops->close(store);
}
END_TEST

START_TEST(tiles_have_c2sps_paths)
{
    char path[ARCHIVE_PATH_MAX];

    archive_tile_path(path, -1, 0, 256);
    ck_assert_str_eq(path, "tile/entries/000");
    archive_tile_path(path, 2, 1234067, 8);
    ck_assert_str_eq(path, "tile/2/x001/x234/067.p/8");
    archive_tile_path(path, 0, 1000, 256);
    ck_assert_str_eq(path, "tile/0/x001/000");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("archive");
    TCase *tests = tcase_create("archive");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, an_archive_verifies_and_nothing_else_does, 0, 2);
    tcase_add_test(tests, an_interrupted_archive_is_begun_anew);
    tcase_add_test(tests, a_ledger_goes_on_without_what_is_archived);
    tcase_add_loop_test(tests, what_is_missing_is_named, 0, 2);
    tcase_add_loop_test(tests, a_value_that_outlived_its_entry_is_seen, 0, 2);
    tcase_add_test(tests, tiles_have_c2sps_paths);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
