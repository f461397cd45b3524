/* Values beside the records: written and erased with entries, out of every file after a scrub; stores of other formats. */
#include "ledger/backup.h"
#include "ledger/private.h"
#include "ledger/verify.h"
#include "proto/json.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/edict-test-XXXXXX";
static const char canary[] = "cAnArY:x7Kq9ZpR2wT5";

static void run_command(const char *format)
{
    char command[256];

    snprintf(command, sizeof command, format, folder);
    ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
    json_setup();
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    run_command("rm -rf %s");
}

static struct store *open_store(bool rocks)
{
    struct store *store = NULL;
    struct error error = {0};
    enum status status = rocks ? store_open_rocksdb(folder, false, &store, &error) : store_open_memory(&store, &error);

    ck_assert_msg(status == STATUS_OK, "%s", error.message);
    return store;
}

static int64_t fake_clock(void *context)
{
    (void)context;
    return 1785242096789;
}

static struct ledger *open_ledger(struct store *store)
{
    struct ledger_options options = {.sync = true, .clock = {fake_clock, NULL}};
    struct ledger *ledger = NULL;
    struct error error = {0};

    ck_assert_msg(ledger_open(store, &options, &ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert_int_eq(ledger_start(ledger, &error), STATUS_OK);
    return ledger;
}

/* ---- transactions ---- */

static int answered;

static void on_done(struct ledger_txn *txn)
{
    (void)txn;
    __atomic_fetch_add(&answered, 1, __ATOMIC_SEQ_CST);
}

static uint64_t submit(struct ledger *ledger, struct ledger_txn *txn)
{
    int before = __atomic_load_n(&answered, __ATOMIC_SEQ_CST);

    txn->entry_count = 1;
    txn->entries[0] = (struct ledger_entry){.type = RECORD_DECISION, .tenant = RECORD_TENANT_DEFAULT, .body = SLICE("{}")};
    txn->done = on_done;
    ck_assert_int_eq(ledger_submit(ledger, txn), STATUS_OK);
    while (__atomic_load_n(&answered, __ATOMIC_SEQ_CST) == before)
        usleep(100);
    ck_assert_int_eq(txn->result, LEDGER_OK);
    return txn->entries[0].index;
}

static uint64_t put_two(struct ledger *ledger, const char *value)
{
    const struct ledger_private rows[2] = {{SLICE("/request/command"), slice_from_str(value)},
                                           {SLICE("/rationale"), SLICE("b")}};
    struct ledger_txn txn = {.privates = rows, .private_count = 2};

    return submit(ledger, &txn);
}

static void erase(struct ledger *ledger, uint64_t index, struct slice path)
{
    const struct ledger_erasure row = {index, path};
    struct ledger_txn txn = {.erasures = &row, .erasure_count = 1};

    submit(ledger, &txn);
}

static bool has_value(struct store *store, uint64_t index, struct slice path, const char *expected)
{
    struct arena arena;
    struct slice value;
    struct error error;
    enum status status;

    arena_create(&arena, 1024, 1 << 20);
    status = private_read(store, index, path, &arena, &value, &error);
    ck_assert(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status == STATUS_OK)
        ck_assert(slice_equal_str(value, expected));
    arena_destroy(&arena);
    return status == STATUS_OK;
}

static bool count_row(void *context, const struct private_row *row)
{
    ck_assert(row->path.size > 0);
    return ++*(int *)context < 100;
}

static int rows_of(struct store *store, uint64_t from, uint64_t to)
{
    struct error error;
    int count = 0;

    ck_assert_int_eq(private_each(store, from, to, count_row, &count, &error), STATUS_OK);
    return count;
}

START_TEST(values_come_and_go_with_entries)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store);
    uint64_t one = put_two(ledger, "first"), two = put_two(ledger, "second");

    ck_assert(has_value(store, one, SLICE("/request/command"), "first"));
    ck_assert(has_value(store, two, SLICE("/request/command"), "second"));
    ck_assert(!has_value(store, one, SLICE("/request/comman"), ""));
    ck_assert_int_eq(rows_of(store, one, one + 1), 2);
    ck_assert_int_eq(rows_of(store, 0, UINT64_MAX), 4);
    ck_assert(!ledger_needs_scrub(ledger));
    erase(ledger, one, SLICE("/request/command"));
    ck_assert(!has_value(store, one, SLICE("/request/command"), ""));
    ck_assert(has_value(store, one, SLICE("/rationale"), "b"));
    ck_assert(has_value(store, two, SLICE("/request/command"), "second"));
    ck_assert(ledger_needs_scrub(ledger));
    erase(ledger, one, SLICE("/request/command")); /* again: nothing is there, and nothing is wrong */
    ck_assert_int_eq(rows_of(store, 0, UINT64_MAX), 3);
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

/* ---- files ---- */

static bool file_has(const char *path, const char *text)
{
    FILE *file = fopen(path, "rb");
    char *bytes;
    long size;
    bool found;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)size, file), (size_t)size);
    found = memmem(bytes, (size_t)size, text, strlen(text)) != NULL;
    free(bytes);
    fclose(file);
    return found;
}

static bool files_of_have(const char *inside, const char *text)
{
    DIR *listed = opendir(inside);
    struct dirent *one;
    bool found = false;

    ck_assert_ptr_nonnull(listed);
    while ((one = readdir(listed))) {
        char path[512];

        snprintf(path, sizeof path, "%s/%s", inside, one->d_name);
        found = (one->d_type == DT_REG && file_has(path, text)) || found;
    }
    closedir(listed);
    return found;
}

static bool files_have(const char *text)
{
    return files_of_have(folder, text);
}

static void scrub(struct ledger *ledger)
{
    struct error error = {0};

    ck_assert(ledger_needs_scrub(ledger));
    ck_assert_msg(ledger_scrub(ledger, &error) == STATUS_OK, "%s", error.message);
    ck_assert(!ledger_needs_scrub(ledger));
}

/* The value is in the log only, or, after an earlier scrub has flushed it, in a table file. */
START_TEST(erased_values_leave_the_files)
{
    struct store *store = open_store(true);
    struct ledger *ledger = open_ledger(store);
    uint64_t kept = put_two(ledger, "kept"), other = put_two(ledger, "other"), index = put_two(ledger, canary);

    if (_i == 1) {
        erase(ledger, other, SLICE("/request/command"));
        scrub(ledger);
    }
    ck_assert(files_have(canary));
    erase(ledger, index, SLICE("/request/command"));
    ck_assert(files_have(canary)); /* that is why there is a scrub */
    scrub(ledger);
    ck_assert(!files_have(canary));
    ck_assert(has_value(store, kept, SLICE("/request/command"), "kept"));
    ledger_close(ledger);
    store->ops->close(store);
    ck_assert(!files_have(canary));
}
END_TEST

static struct {
    const struct store_ops *ops;
    struct ledger *ledger;
    uint64_t index;
} meanwhile;

static enum status scrub_while_erased(struct store *store, enum store_family family, struct slice from, struct slice to,
                                      struct error *error)
{
    erase(meanwhile.ledger, meanwhile.index, SLICE("/request/command"));
    return meanwhile.ops->scrub(store, family, from, to, error);
}

START_TEST(what_is_erased_during_a_scrub_needs_another)
{
    struct store *store = open_store(_i);
    struct store_ops ops = *store->ops;
    struct error error = {0};
    uint64_t first;

    meanwhile.ops = store->ops;
    meanwhile.ledger = open_ledger(store);
    first = put_two(meanwhile.ledger, "first");
    meanwhile.index = put_two(meanwhile.ledger, canary);
    erase(meanwhile.ledger, first, SLICE("/request/command"));
    ops.scrub = scrub_while_erased;
    store->ops = &ops;
    ck_assert_int_eq(ledger_scrub(meanwhile.ledger, &error), STATUS_OK);
    store->ops = meanwhile.ops;
    scrub(meanwhile.ledger);
    ledger_close(meanwhile.ledger);
    store->ops->close(store);
}
END_TEST

/* Flips a bit of the block in which a table file has `text`. */
static void damage_table_with(const char *text)
{
    DIR *listed = opendir(folder);
    struct dirent *one;
    static char bytes[1 << 20];
    int damaged = 0;

    ck_assert_ptr_nonnull(listed);
    while ((one = readdir(listed))) {
        char path[512], *at;
        FILE *file;
        size_t size;

        snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
        if (!strstr(one->d_name, ".sst") || !file_has(path, text))
            continue;
        file = fopen(path, "r+b");
        ck_assert_ptr_nonnull(file);
        size = fread(bytes, 1, sizeof bytes, file);
        at = memmem(bytes, size, text, strlen(text));
        ck_assert_int_eq(fseek(file, at - bytes, SEEK_SET), 0);
        ck_assert_int_eq(fputc(*at ^ 1, file), (unsigned char)(*at ^ 1));
        ck_assert_int_eq(fclose(file), 0);
        damaged++;
    }
    closedir(listed);
    ck_assert_int_gt(damaged, 0);
}

/* RocksDB's C API gives no error for it; the reminder has to stay. */
START_TEST(a_compaction_that_fails_is_no_scrub)
{
    struct store *store = open_store(true);
    struct ledger *ledger = open_ledger(store);
    uint64_t index = put_two(ledger, canary);
    struct error error = {0};

    ledger_close(ledger);
    store->ops->close(store);
    damage_table_with(canary);
    store = open_store(true);
    ledger = open_ledger(store);
    erase(ledger, index, SLICE("/request/command"));
    ck_assert_int_eq(ledger_scrub(ledger, &error), STATUS_IO);
    ck_assert(ledger_needs_scrub(ledger));
    ck_assert(files_have(canary + 1));
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

static void back_up(struct store *store, char target[128])
{
    struct note_signer signer;
    struct error error = {0};
    struct backup_options options = {
        .store = store, .folder = folder, .target = target, .signers = &signer, .signer_count = 1, .clock = {fake_clock, NULL}};
    struct backup_result result;

    snprintf(target, 128, "%s/backup", folder);
    ck_assert_int_eq(note_signer_generate(SLICE("example.com/private"), NOTE_ED25519, &signer, &error), STATUS_OK);
    ck_assert_msg(backup_write(&options, &result, &error) == STATUS_OK, "%s", error.message);
    note_signer_destroy(&signer);
}

/* Erased, and still in the store's own files: in the log, or in a table. */
START_TEST(a_backup_has_nothing_that_was_erased)
{
    struct store *store = open_store(true);
    struct ledger *ledger = open_ledger(store);
    uint64_t kept = put_two(ledger, "kept"), other = put_two(ledger, "other"), index = put_two(ledger, canary);
    char target[128], files[160];
    struct store *copy = NULL;
    struct error error = {0};

    if (_i == 1) {
        erase(ledger, other, SLICE("/request/command"));
        scrub(ledger);
    }
    erase(ledger, index, SLICE("/request/command"));
    ck_assert(files_have(canary));
    back_up(store, target);
    ck_assert(files_have(canary));
    snprintf(files, sizeof files, "%s/ledger", target);
    ck_assert(!files_of_have(files, canary));
    ck_assert_msg(store_open_rocksdb(files, true, &copy, &error) == STATUS_OK, "%s", error.message);
    ck_assert(has_value(copy, kept, SLICE("/request/command"), "kept"));
    ck_assert(!has_value(copy, index, SLICE("/request/command"), ""));
    copy->ops->close(copy);
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

START_TEST(a_restart_scrubs_what_a_crash_left)
{
    struct store *store = open_store(_i);
    struct ledger *ledger = open_ledger(store);
    uint64_t index = put_two(ledger, canary);

    erase(ledger, index, SLICE("/request/command"));
    for (int round = 0; round < 2; round++) { /* also a start that did not get to it */
        ledger_close(ledger);
        if (_i == 1) {
            store->ops->close(store);
            store = open_store(true);
        }
        ledger = open_ledger(store);
        ck_assert(ledger_needs_scrub(ledger));
    }
    scrub(ledger);
    put_two(ledger, "next"); /* takes the reminder away */
    ledger_close(ledger);
    ledger = open_ledger(store);
    ck_assert(!ledger_needs_scrub(ledger));
    ledger_close(ledger);
    store->ops->close(store);
}
END_TEST

/* ---- formats ---- */

static void set_format(const char *format)
{
    struct store *store = open_store(true);
    struct store_batch *batch = store->ops->batch_new(store);
    struct error error;

    store_put(batch, STORE_META, SLICE("format"), slice_from_str(format));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
    store->ops->close(store);
}

START_TEST(a_newer_format_is_refused)
{
    static const char *const formats[] = {"4", "0", "x", "18446744073709551616"};
    struct store *store = NULL;
    struct error error = {0};

    set_format(formats[_i]);
    ck_assert_int_eq(store_open_rocksdb(folder, false, &store, &error), STATUS_CONFLICT);
    ck_assert_int_eq(store_open_rocksdb(folder, true, &store, &error), STATUS_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "use the release that wrote it"));
}
END_TEST

/* The archive was written by the last release of format 1: manifests, decisions, an escalation, a large value. */
START_TEST(format_1_is_upgraded)
{
    struct store *store = NULL;
    struct verify_result verified = {0};
    struct error error = {0};

    run_command("tar -xzf tests/integration/data/format-1.tar.gz --strip-components=1 -C %s ledger");
    ck_assert_int_eq(store_open_rocksdb(folder, true, &store, &error), STATUS_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error.message, "start edictd on it once"));
    store = open_store(true);
    store->ops->close(store);
    ck_assert_msg(store_open_rocksdb(folder, true, &store, &error) == STATUS_OK, "%s", error.message);
    ck_assert_msg(ledger_verify(store, NULL, NULL, &verified, &error) == STATUS_OK, "%s", error.message);
    ck_assert_uint_eq(verified.entries, 9);
    ck_assert_int_eq(rows_of(store, 0, UINT64_MAX), 0);
    store->ops->close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("private");
    TCase *tests = tcase_create("private");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, values_come_and_go_with_entries, 0, 2);
    tcase_add_loop_test(tests, erased_values_leave_the_files, 0, 2);
    tcase_add_loop_test(tests, a_backup_has_nothing_that_was_erased, 0, 2);
    tcase_add_loop_test(tests, what_is_erased_during_a_scrub_needs_another, 0, 2);
    tcase_add_test(tests, a_compaction_that_fails_is_no_scrub);
    tcase_add_loop_test(tests, a_restart_scrubs_what_a_crash_left, 0, 2);
    tcase_add_loop_test(tests, a_newer_format_is_refused, 0, 4);
    tcase_add_test(tests, format_1_is_upgraded);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
