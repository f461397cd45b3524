/* The write-ahead log alone: damage, forgeries, missing files, limits. The model's disk is here for reads that fail. */
#include "base/file.h"
#include "wal_disk.h"
#include "wal_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what comes out ---- */

START_TEST(all_that_was_appended_comes_out_once)
{
    wal_fixture_fill_log();
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        ck_assert_uint_eq(fixture.out.sizes[i], wal_fixture_sizes[i]);
        ck_assert_int_eq(fixture.out.first[i], 'a' + i);
    }
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 0);
}
END_TEST

START_TEST(opening_it_again_changes_nothing)
{
    static struct bytes before[WAL_FILES], after;

    for (int round = 0; round < 2; round++) {
        wal_close(wal_fixture_open_well());
        for (unsigned file = 0; file < WAL_FILES; file++)
            (void)wal_fixture_read_file(file, &before[file]);
        wal_close(wal_fixture_open_well());
        for (unsigned file = 0; file < WAL_FILES; file++) {
            ck_assert_uint_eq(wal_fixture_read_file(file, &after)->size, before[file].size);
            ck_assert_mem_eq(after.data, before[file].data, after.size);
        }
        wal_fixture_fill_log();
    }
}
END_TEST

START_TEST(numbers_go_on)
{
    struct wal *wal;

    wal_fixture_fill_log();
    ck_assert_uint_eq(wal_fixture_last_number(), RECORDS);
    wal = wal_fixture_open_well();
    ck_assert_uint_eq(wal_fixture_last_number(), RECORDS + 1); /* the note */
    wal_fixture_append(wal, 5000, 'x');
    wal_close(wal);
    ck_assert_uint_eq(wal_fixture_last_number(), RECORDS + 2);
    wal = wal_fixture_open_well();
    ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_OK);
    ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_OK);
    wal_close(wal);
    ck_assert_uint_gt(wal_fixture_last_number(), RECORDS + 2);
}
END_TEST

START_TEST(a_record_may_be_larger_than_a_file)
{
    struct wal *wal = wal_fixture_open_well();

    for (int i = 0; i < 4; i++)
        wal_fixture_append(wal, FILE_BYTES_ALL + 1, (char)('a' + i));
    wal_close(wal);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_ge(fixture.out.count, 1);
    ck_assert_uint_eq(fixture.out.sizes[fixture.out.count - 1], FILE_BYTES_ALL + 1);
    ck_assert_int_eq(fixture.out.first[fixture.out.count - 1], 'd');
}
END_TEST

START_TEST(a_record_that_nobody_would_read_is_not_written)
{
    struct wal *wal = wal_fixture_open_well();
    struct slice large = {.data = "", .size = (size_t)WAL_PAYLOAD_MAX + 1};

    ck_assert_int_eq(wal_append(wal, large, &fixture.error), STATUS_INVALID);
    wal_fixture_append(wal, 10, 'a');
    wal_close(wal);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 1);
}
END_TEST

/* ---- damage ---- */

static void flip(struct bytes *bytes, uint64_t at)
{
    bytes->data[at] ^= 0x10;
}

START_TEST(damage_of_a_needed_record_is_found_and_named)
{
    static struct bytes bytes;
    char name[32];
    struct wal *wal;

    wal_fixture_fill_log();
    (void)wal_fixture_read_file(0, &bytes);
    for (int record = 0; record + 1 < RECORDS; record++) {
        uint64_t begin = wal_fixture_record_offset(record), end = begin + WAL_HEADER + wal_fixture_sizes[record];

        snprintf(name, sizeof name, "record %d of", record + 1);
        for (uint64_t at = begin; at < end; at = at < begin + WAL_HEADER || at + 1 == end ? at + 1
                                                 : at + 997 < end                         ? at + 997
                                                                                          : end - 1) {
            flip(&bytes, at);
            wal_fixture_write_file(0, &bytes);
            ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_CORRUPT);
            ck_assert_msg(strstr(fixture.error.message, name), "byte %llu: %s", (unsigned long long)at, fixture.error.message);
            flip(&bytes, at);
        }
    }
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS);
}
END_TEST

START_TEST(a_damaged_last_record_is_a_torn_one)
{
    static struct bytes bytes;
    uint64_t begin, end;

    wal_fixture_fill_log();
    (void)wal_fixture_read_file(0, &bytes);
    begin = wal_fixture_record_offset(RECORDS - 1);
    end = begin + WAL_HEADER + wal_fixture_sizes[RECORDS - 1];
    for (uint64_t at = begin; at < end; at += 13) {
        flip(&bytes, at);
        wal_fixture_write_file(0, &bytes);
        wal_close(wal_fixture_open_well());
        ck_assert_uint_eq(fixture.out.count, RECORDS - 1);
        flip(&bytes, at);
    }
    bytes.size = end - 1;
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS - 1);
}
END_TEST

START_TEST(damage_of_what_is_no_longer_needed_is_ignored)
{
    static struct bytes bytes;

    wal_fixture_fill_log();
    wal_close(wal_fixture_open_well());
    (void)wal_fixture_read_file(0, &bytes);
    for (int record = 0; record < RECORDS; record++)
        flip(&bytes, wal_fixture_record_offset(record) + 40 % wal_fixture_sizes[record]);
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 0);
}
END_TEST

/* Where the newest record lies, to be read again: an error is not the end of the log. */
START_TEST(what_cannot_be_read_is_not_taken_for_torn)
{
    struct wal *wal = wal_fixture_open_well();
    struct stat info;
    char path[64];

    wal_fixture_append(wal, 100, 'a');
    wal_fixture_append(wal, 30000, 'b');
    wal_close(wal);
    wal_fixture_path_of(0, path);
    ck_assert_int_eq(stat(path, &info), 0);
    for (uint64_t at = 2 * WAL_BLOCK; at < (uint64_t)info.st_size; at += WAL_BLOCK) {
        wal_disk_fail_read(info.st_ino, at);
        ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_IO);
    }
    wal_disk_fail_read(0, UINT64_MAX);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 2);
}
END_TEST

/* The file that is turned to is overwritten; a record before it, in the other one, has to say that it is not needed. */
START_TEST(what_is_overwritten_is_not_asked_for)
{
    static struct bytes bytes;
    struct wal *wal = wal_fixture_open_well();

    fixture.gate.shut = true;
    for (int i = 0; i < 14; i++)
        wal_fixture_append(wal, 5000, 'x');
    sem_wait(&fixture.gate.reached);
    fixture.gate.shut = false;
    sem_post(&fixture.gate.go);
    wal_fixture_append(wal, FILE_BYTES_ALL,
                       'l'); /* waits until the first file is let go, for it would not fit behind the others */
    wal_close(wal);
    flip(wal_fixture_read_file(0, &bytes), WAL_BLOCK);
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_gt(fixture.out.count, 0);
    ck_assert_int_eq(fixture.out.first[fixture.out.count - 1], 'x');
}
END_TEST

/* It looks written, and would go to the store; and no sync would bring it to the disk any more. */
START_TEST(what_only_the_page_cache_has_is_not_relied_upon)
{
    struct wal *wal = wal_fixture_open_well();

    wal_disk_watch(fixture.folder);
    wal_fixture_append(wal, 100, 'a');
    wal_disk_fail_syncs(1);
    ck_assert_int_eq(wal_append(wal, SLICE("b"), &fixture.error), STATUS_IO);
    wal_disk_fail_syncs(0);
    wal_close(wal);
    wal_close(wal_fixture_open_well());
    wal_disk_forget();
    ck_assert_uint_eq(fixture.out.count, 1);
}
END_TEST

/* Its note is not there: a copy has what was needed before. */
START_TEST(a_copy_after_a_settlement_that_failed_is_whole)
{
    struct wal *wal = wal_fixture_open_well(), *copy = NULL;
    char target[64];

    for (int i = 0; i < 30; i++)
        wal_fixture_append(wal, 5000, 'x'); /* turns, so that both files have records */
    ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_OK);
    for (int i = 0; i < 3; i++)
        wal_fixture_append(wal, 5000, 'y');
    wal_disk_watch(fixture.folder);
    wal_disk_fail_syncs(1);
    ck_assert_int_eq(wal_settle(wal, &fixture.error), STATUS_IO);
    wal_disk_fail_syncs(0);
    snprintf(target, sizeof target, "%s/copy", fixture.folder);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    wal_hold(wal);
    ck_assert_int_eq(wal_copy(wal, target, &fixture.error), STATUS_OK);
    wal_release(wal);
    wal_close(wal);
    wal_disk_forget();
    memset(&fixture.out, 0, sizeof fixture.out);
    ck_assert_msg(wal_open(target, false, &wal_fixture_store, &copy, &fixture.error) == STATUS_OK, "%s", fixture.error.message);
    ck_assert_uint_eq(fixture.out.count, 3);
    wal_close(copy);
}
END_TEST

/* As a power failure leaves it; direct writes are of whole blocks. */
START_TEST(a_file_that_ends_within_a_block_is_erased_directly)
{
    static struct bytes bytes;
    struct wal *wal = wal_fixture_open_well();

    if (!file_takes_direct_writes(fixture.folder)) {
        wal_close(wal);
        return;
    }
    wal_fixture_append(wal, 30000, 'x');
    wal_close(wal);
    (void)wal_fixture_read_file(0, &bytes);
    bytes.size -= 3000;
    wal_fixture_write_file(0, &bytes);
    ck_assert_int_eq(wal_open(fixture.folder, true, &wal_fixture_store, &wal, &fixture.error), STATUS_OK);
    wal_fixture_append(wal, 100, 'y');
    ck_assert_msg(wal_erase(wal, &fixture.error) == STATUS_OK, "%s", fixture.error.message);
    wal_close(wal);
    ck_assert_ptr_null(memchr(wal_fixture_read_file(0, &bytes)->data + WAL_BLOCK, 'x', bytes.size - WAL_BLOCK));
}
END_TEST

/* ---- ends ---- */

static size_t out_at_end;

static void note_end(void *context)
{
    (void)context;
    out_at_end = fixture.out.count;
}

/* From now on, until it is put back. */
static void end_after(uint64_t calls, enum disk_end how)
{
    out_at_end = 0;
    wal_disk_end_after(calls, how, calls, note_end, NULL);
}

/* Two records; the second one is written, and its process killed before it was synced. */
static void leave_unsynced(void)
{
    struct wal *wal = wal_fixture_open_well();

    wal_fixture_append(wal, 100, 'a');
    wal_disk_watch(fixture.folder);
    end_after(2, DISK_KILLED); /* before the sync */
    wal_fixture_append(wal, 100, 'b');
    wal_close(wal);
    wal_disk_restore();
}

START_TEST(the_store_gets_nothing_that_a_power_failure_takes_back)
{
    bool ended = true;

    for (uint64_t calls = 0; ended; calls++) {
        struct wal *wal;

        if (calls > 0)
            wal_fixture_setup();
        leave_unsynced();
        end_after(calls, DISK_POWER_NONE);
        wal_close(wal_fixture_open_log(&wal) == STATUS_OK ? wal : NULL);
        ended = wal_disk_has_ended();
        wal_disk_restore();
        if (ended && out_at_end == 2)
            ck_assert_uint_ge(wal_fixture_last_number(), 2);
        wal_disk_forget();
        if (ended)
            wal_fixture_teardown();
    }
}
END_TEST

/* The file that was left is not needed any more; its last record does not say so yet. */
START_TEST(an_erasure_may_end_anywhere)
{
    bool ended = true;

    for (uint64_t calls = 0; ended; calls++) {
        struct wal *wal;

        if (calls > 0)
            wal_fixture_setup();
        wal = wal_fixture_open_well();
        fixture.gate.shut = true;
        for (int i = 0; i < 14; i++)
            wal_fixture_append(wal, 5000, 'x'); /* turns */
        sem_wait(&fixture.gate.reached);
        fixture.gate.shut = false;
        wal_disk_watch(fixture.folder);
        end_after(calls, DISK_POWER_ALL);
        sem_post(&fixture.gate.go);
        ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_OK);
        wal_close(wal);
        ended = wal_disk_has_ended();
        wal_disk_restore();
        ck_assert_msg(wal_fixture_open_log(&wal) == STATUS_OK, "after %d calls: %s", (int)calls, fixture.error.message);
        wal_close(wal);
        wal_disk_forget();
        if (ended)
            wal_fixture_teardown();
    }
}
END_TEST

/* ---- forgeries ---- */

/* A record of one block for whoever looks block by block: the second block of `record`. */
static void forge(char *record, uint64_t number, uint64_t key)
{
    const struct wal_record head = {.number = number, .needed = 1, .payload = 8};

    memcpy(record + WAL_BLOCK + WAL_HEADER, "forgery!", 8);
    wal_write_head(record + WAL_BLOCK, &head, key);
}

/* With the head of the record around it torn. */
static size_t come_out_with_forgery(uint64_t key)
{
    static char record[WAL_HEADER + 2 * WAL_BLOCK];
    static struct bytes bytes;
    struct wal *wal;

    wal_fixture_fill_log();
    wal = wal_fixture_open_well();
    wal_fixture_append(wal, 10, 'x');
    (void)wal_fixture_read_file(0, &bytes);
    forge(record, wal_fixture_last_number() + 1, key);
    ck_assert_int_eq(wal_append(wal, slice_from(record + WAL_HEADER, 2 * WAL_BLOCK), &fixture.error), STATUS_OK);
    wal_close(wal);
    bytes.size = wal_fixture_read_file(0, &bytes)->size;
    flip(&bytes, bytes.size - wal_blocks(2 * WAL_BLOCK));
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    return fixture.out.count;
}

START_TEST(a_payload_does_not_pose_as_a_record)
{
    static struct bytes bytes;
    uint64_t key;

    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(come_out_with_forgery(0), 1);
    memcpy(&key, wal_fixture_read_file(0, &bytes)->data + 16, sizeof key);
    ck_assert_uint_eq(come_out_with_forgery(le64toh(key)), 2); /* whoever knows the key could; so the place is the right one */
}
END_TEST

/* A head that promises more than the file has. */
START_TEST(a_payload_does_not_pose_as_an_endless_record)
{
    static struct bytes bytes;
    const struct wal_record head = {.number = 99, .needed = 1, .payload = 8};

    wal_fixture_fill_log();
    (void)wal_fixture_read_file(0, &bytes);
    memset(bytes.data + bytes.size, 0, WAL_BLOCK);
    wal_write_head(bytes.data + bytes.size, &head, 1);
    memcpy(bytes.data + bytes.size + 24, "\0\0\0\x3f\0\0\0\0", 8);
    bytes.size += WAL_BLOCK;
    wal_fixture_write_file(0, &bytes);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS);
}
END_TEST

/* ---- files ---- */

START_TEST(a_half_that_is_missing_is_not_taken_for_new)
{
    static struct bytes bytes[WAL_FILES], empty;
    struct wal *wal;

    wal_fixture_fill_log();
    wal = wal_fixture_open_well();
    for (int i = 0; i < 30; i++)
        wal_fixture_append(wal, 5000, 'x'); /* both files have records now */
    wal_close(wal);
    for (unsigned file = 0; file < WAL_FILES; file++)
        (void)wal_fixture_read_file(file, &bytes[file]);
    for (unsigned file = 0; file < WAL_FILES; file++) {
        ck_assert_uint_gt(bytes[file].size, WAL_BLOCK);
        wal_fixture_remove_file(file);
        ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_CORRUPT);
        ck_assert_ptr_nonnull(strstr(fixture.error.message, "missing"));
        ck_assert_ptr_nonnull(strstr(fixture.error.message, wal_fixture_names[file]));
        wal_fixture_make_file(file);
        for (empty.size = 0; empty.size < WAL_BLOCK; empty.size += WAL_BLOCK - 1) {
            wal_fixture_write_file(file, &empty);
            ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_CORRUPT);
            ck_assert_ptr_nonnull(strstr(fixture.error.message, "missing"));
        }
        wal_fixture_write_file(file, &bytes[file]);
    }
    wal_close(wal_fixture_open_well());
}
END_TEST

START_TEST(a_log_half_made_is_made_whole)
{
    wal_close(wal_fixture_open_well());
    wal_fixture_remove_file(0); /* the second file is made first */
    wal_fixture_fill_log();
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS);
}
END_TEST

/* Whichever cannot be made: nothing has been written yet. */
START_TEST(a_log_that_could_not_be_made_is_made_later)
{
    struct wal *wal;

    for (unsigned file = 0; file < WAL_FILES; file++) {
        char path[80];

        snprintf(path, sizeof path, "%s/%s.new", fixture.folder, wal_fixture_names[file]);
        ck_assert_int_eq(mkdir(path, 0700), 0); /* in its way */
        ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_IO);
        ck_assert_int_eq(rmdir(path), 0);
        wal_close(wal_fixture_open_well());
        for (unsigned made = 0; made < WAL_FILES; made++)
            wal_fixture_remove_file(made);
    }
}
END_TEST

/* What was asked for before the log went on, and could be in the store that was opened meanwhile. */
START_TEST(a_reader_of_another_moment_begins_anew)
{
    struct wal *wal = wal_fixture_open_well();
    uint64_t needed;

    wal_fixture_append(wal, 100, 'a');
    ck_assert_int_eq(wal_needed(fixture.folder, &needed, &fixture.error), STATUS_OK);
    ck_assert_int_eq(wal_read(fixture.folder, needed, &wal_fixture_store, &fixture.error), STATUS_OK);
    ck_assert_uint_eq(fixture.out.count, 1);
    ck_assert_int_eq(wal_read(fixture.folder, needed + 2, &wal_fixture_store, &fixture.error), STATUS_CONFLICT);
    ck_assert_int_eq(wal_settle(wal, &fixture.error), STATUS_OK);
    wal_fixture_append(wal, 100, 'b');
    ck_assert_int_eq(wal_read(fixture.folder, needed, &wal_fixture_store, &fixture.error), STATUS_CONFLICT);
    ck_assert_uint_eq(fixture.out.count, 1);
    wal_close(wal);
}
END_TEST

START_TEST(a_damaged_first_block_is_refused)
{
    static struct bytes bytes;
    struct wal *wal;

    wal_fixture_fill_log();
    for (unsigned file = 0; file < WAL_FILES; file++) {
        (void)wal_fixture_read_file(file, &bytes);
        for (uint64_t at = 0; at < 32; at++) {
            flip(&bytes, at);
            wal_fixture_write_file(file, &bytes);
            ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_CORRUPT);
            ck_assert_ptr_nonnull(strstr(fixture.error.message, "first block"));
            flip(&bytes, at);
        }
        wal_fixture_write_file(file, &bytes);
    }
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, RECORDS);
}
END_TEST

/* XXH3-64 of the 24 bytes before it. */
static const char first_of_format_2[33] = "EDICTWAL\2\0\0\0\0\0\0\0\1\2\3\4\5\6\7\010\375\302\176\143\165\131\303\121";

START_TEST(a_newer_format_is_refused_with_advice)
{
    static struct bytes bytes;
    struct wal *wal;

    wal_fixture_fill_log();
    memcpy(wal_fixture_read_file(1, &bytes)->data, first_of_format_2, sizeof first_of_format_2 - 1);
    wal_fixture_write_file(1, &bytes);
    ck_assert_int_eq(wal_fixture_open_log(&wal), STATUS_CONFLICT);
    ck_assert_ptr_nonnull(strstr(fixture.error.message, "format 2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wal");
    TCase *tests = tcase_create("wal");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, wal_fixture_setup, wal_fixture_teardown);
    tcase_add_test(tests, all_that_was_appended_comes_out_once);
    tcase_add_test(tests, opening_it_again_changes_nothing);
    tcase_add_test(tests, numbers_go_on);
    tcase_add_test(tests, a_record_may_be_larger_than_a_file);
    tcase_add_test(tests, a_record_that_nobody_would_read_is_not_written);
    tcase_add_test(tests, damage_of_a_needed_record_is_found_and_named);
    tcase_add_test(tests, a_damaged_last_record_is_a_torn_one);
    tcase_add_test(tests, damage_of_what_is_no_longer_needed_is_ignored);
    tcase_add_test(tests, what_cannot_be_read_is_not_taken_for_torn);
    tcase_add_test(tests, what_only_the_page_cache_has_is_not_relied_upon);
    tcase_add_test(tests, a_copy_after_a_settlement_that_failed_is_whole);
    tcase_add_test(tests, a_file_that_ends_within_a_block_is_erased_directly);
    tcase_add_test(tests, what_is_overwritten_is_not_asked_for);
    tcase_add_test(tests, the_store_gets_nothing_that_a_power_failure_takes_back);
    tcase_add_test(tests, an_erasure_may_end_anywhere);
    tcase_add_test(tests, a_payload_does_not_pose_as_a_record);
    tcase_add_test(tests, a_payload_does_not_pose_as_an_endless_record);
    tcase_add_test(tests, a_half_that_is_missing_is_not_taken_for_new);
    tcase_add_test(tests, a_log_half_made_is_made_whole);
    tcase_add_test(tests, a_log_that_could_not_be_made_is_made_later);
    tcase_add_test(tests, a_reader_of_another_moment_begins_anew);
    tcase_add_test(tests, a_damaged_first_block_is_refused);
    tcase_add_test(tests, a_newer_format_is_refused_with_advice);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
