/* The write-ahead log alone: failures while somebody waits, holds, copies. */
#include "wal_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- failures and waits ---- */

static void *append_until_it_fails(void *context)
{
    static char bytes[5000];
    struct error problem = {0};
    static enum status status;

    do
        status = wal_append(context, slice_from(bytes, sizeof bytes), &problem);
    while (status == STATUS_OK && (wal_applied(context, NULL), true));
    return &status;
}

START_TEST(a_flush_that_fails_ends_an_append_that_waits_for_room)
{
    struct wal *wal = wal_fixture_open_well();
    pthread_t appender;
    void *status;
    struct stat info = {0};
    char path[64];

    fixture.gate.shut = fixture.gate.fail = true;
    ck_assert_int_eq(pthread_create(&appender, NULL, append_until_it_fails, wal), 0);
    sem_wait(&fixture.gate.reached);
    wal_fixture_path_of(1, path);
    while (info.st_size + (off_t)wal_blocks(5000) <= FILE_BYTES_ALL) /* until there is no room */
        ck_assert_int_eq(stat(path, &info), 0);
    sem_post(&fixture.gate.go);
    pthread_join(appender, &status);
    fixture.gate.shut = false;
    ck_assert_int_eq(*(enum status *)status, STATUS_IO);
    ck_assert_int_eq(wal_health(wal, &fixture.error), STATUS_IO);
    ck_assert_int_eq(wal_settle(wal, &fixture.error), STATUS_IO);
    ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_IO);
    wal_hold(wal);
    wal_release(wal);
    wal_close(wal);
}
END_TEST

START_TEST(it_closes_while_held)
{
    struct wal *wal = wal_fixture_open_well();

    fixture.gate.shut = true;
    for (int i = 0; i < 20; i++)
        wal_fixture_append(wal, 5000, 'x'); /* turns */
    sem_wait(&fixture.gate.reached);
    wal_hold(wal);
    sem_post(&fixture.gate.go);
    wal_close(wal);
    fixture.gate.shut = false;
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 20);
}
END_TEST

START_TEST(a_store_that_did_not_take_a_record_ends_the_log)
{
    struct wal *wal = wal_fixture_open_well();
    struct error failure = {.status = STATUS_IO};

    ck_assert_int_eq(wal_append(wal, SLICE("a"), &fixture.error), STATUS_OK);
    wal_applied(wal, &failure);
    ck_assert_int_eq(wal_erase(wal, &fixture.error), STATUS_IO);
    ck_assert_int_eq(wal_append(wal, SLICE("b"), &fixture.error), STATUS_IO);
    wal_close(wal);
    wal_close(wal_fixture_open_well());
    ck_assert_uint_eq(fixture.out.count, 1);
}
END_TEST

/* ---- beside an erasure ---- */

static void *erase(void *context)
{
    static struct error problem;

    ck_assert_int_eq(wal_erase(context, &problem), STATUS_OK);
    return NULL;
}

static _Atomic bool held;

static void *hold(void *context)
{
    wal_hold(context);
    held = true;
    return NULL;
}

/* An erasure that waits in its flush, with something to erase. */
static pthread_t begin_to_erase(struct wal *wal)
{
    pthread_t eraser;

    wal_fixture_append(wal, 5000, 'x');
    fixture.gate.shut = true;
    ck_assert_int_eq(pthread_create(&eraser, NULL, erase, wal), 0);
    sem_wait(&fixture.gate.reached);
    return eraser;
}

static void end_erasing(pthread_t eraser)
{
    fixture.gate.shut = false;
    sem_post(&fixture.gate.go);
    pthread_join(eraser, NULL);
}

/* Its store may lack what is being erased. */
START_TEST(a_hold_waits_for_an_erasure)
{
    struct wal *wal = wal_fixture_open_well();
    pthread_t eraser = begin_to_erase(wal), holder;

    held = false;
    ck_assert_int_eq(pthread_create(&holder, NULL, hold, wal), 0);
    usleep(20000);
    ck_assert(!held);
    end_erasing(eraser);
    pthread_join(holder, NULL);
    wal_release(wal);
    wal_close(wal);
}
END_TEST

/* ---- copies ---- */

/* A log that has just turned to its second file, and waits for the store to flush what is in the first one. */
static struct wal *open_and_turn(void)
{
    struct wal *wal = wal_fixture_open_well();

    fixture.gate.shut = true;
    for (int i = 0; i < 14; i++)
        wal_fixture_append(wal, 5000, 'x');
    sem_wait(&fixture.gate.reached);
    return wal;
}

/* The store flushes; then the first file is let go, most likely. What comes after has to be right either way. */
static void let_flush(void)
{
    fixture.gate.shut = false;
    sem_post(&fixture.gate.go);
    usleep(20000);
}

/* Opens a copy of the log, which is held, and which is closed then. */
static void copy_and_open(struct wal *wal)
{
    struct wal *copy = NULL;
    char target[64];

    snprintf(target, sizeof target, "%s/copy", fixture.folder);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_int_eq(wal_copy(wal, target, &fixture.error), STATUS_OK);
    wal_release(wal);
    wal_close(wal);
    memset(&fixture.out, 0, sizeof fixture.out);
    ck_assert_msg(wal_open(target, false, &wal_fixture_store, &copy, &fixture.error) == STATUS_OK, "%s", fixture.error.message);
    wal_close(copy);
}

/* Its last record still asks for the file that has been let go meanwhile. */
START_TEST(a_copy_after_a_file_was_let_go_opens)
{
    struct wal *wal = open_and_turn();

    ck_assert_int_eq(wal_append(wal, SLICE("last"), &fixture.error), STATUS_OK);
    wal_applied(wal, NULL);
    let_flush();
    wal_hold(wal);
    copy_and_open(wal);
    ck_assert_uint_eq(fixture.out.sizes[fixture.out.count - 1], 4);
}
END_TEST

/* Its store may be as it was when the hold began. */
START_TEST(a_copy_has_what_was_needed_when_the_hold_began)
{
    struct wal *wal = open_and_turn();

    wal_hold(wal);
    let_flush();
    wal_fixture_append(wal, 5000, 'l');
    copy_and_open(wal);
    ck_assert_uint_eq(fixture.out.count, 15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wal waits");
    TCase *tests = tcase_create("wal waits");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, wal_fixture_setup, wal_fixture_teardown);
    tcase_add_test(tests, a_flush_that_fails_ends_an_append_that_waits_for_room);
    tcase_add_test(tests, it_closes_while_held);
    tcase_add_test(tests, a_store_that_did_not_take_a_record_ends_the_log);
    tcase_add_test(tests, a_hold_waits_for_an_erasure);
    tcase_add_test(tests, a_copy_after_a_file_was_let_go_opens);
    tcase_add_test(tests, a_copy_has_what_was_needed_when_the_hold_began);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
