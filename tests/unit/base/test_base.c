/* arena, buf, clock, file, inbox, slice, status, text. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/text.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(arena_hands_out_aligned_memory_up_to_its_cap)
{
    struct arena arena;
    char *one, *two;
    volatile size_t huge = SIZE_MAX / 2;

    arena_create(&arena, 64, 1000);
    one = arena_alloc(&arena, 10);
    two = arena_alloc(&arena, 500);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(two);
    ck_assert_uint_eq((uintptr_t)one % 16, 0);
    ck_assert_uint_eq((uintptr_t)two % 16, 0);
    memset(two, 1, 500);
    ck_assert_ptr_null(arena_alloc(&arena, 600));
    ck_assert(arena.exhausted);
    ck_assert_ptr_null(arena_alloc(&arena, 1)); /* half of what was needed is nothing */
    arena_reset(&arena);
    ck_assert(!arena.exhausted);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 900));
    ck_assert_ptr_null(arena_array(&arena, huge, 4));
    arena_destroy(&arena);
}
END_TEST

START_TEST(arena_grows_and_copies)
{
    struct arena arena;
    char *data;
    struct slice copy;

    arena_create(&arena, 64, 1 << 20);
    data = arena_alloc(&arena, 4);
    memcpy(data, "abcd", 4);
    data = arena_grow(&arena, data, 4, 4000);
    ck_assert_mem_eq(data, "abcd", 4);
    copy = arena_copy(&arena, SLICE("text"));
    ck_assert_str_eq(copy.data, "text");
    ck_assert_str_eq(arena_printf(&arena, "%d-%s", 7, "x").data, "7-x");
    arena_destroy(&arena);
}
END_TEST

START_TEST(buf_failure_is_sticky)
{
    struct arena arena;
    struct buf buf;

    arena_create(&arena, 64, 100);
    buf_create(&buf, &arena);
    for (int i = 0; i < 100; i++)
        buf_add_str(&buf, "0123456789");
    ck_assert(buf.failed);
    buf_add_char(&buf, 'x');
    ck_assert(buf.failed);
    arena_destroy(&arena);
    buf_create(&buf, NULL);
    buf_add_i64(&buf, INT64_MIN);
    buf_add_u64(&buf, UINT64_MAX);
    buf_printf(&buf, "%s", "!");
    ck_assert(!buf.failed);
    ck_assert(slice_equal(buf_slice(&buf), SLICE("-922337203685477580818446744073709551615!")));
    buf_destroy(&buf);
}
END_TEST

START_TEST(times_are_read_and_written)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2026-07-28T12:34:56.789Z", INT64_C(1785242096789)},
                {"2024-02-29T23:59:59.999Z", INT64_C(1709251199999)},
                {"2000-02-29T00:00:00+01:00", INT64_C(951778800000)},
                {"2026-01-01T00:00:00.123456789-02:30", INT64_C(1767234600123)}};
    static const char *const bad[] = {"",           "2026-02-29T00:00:00Z",  "2026-13-01T00:00:00Z",
                                      "2026-01-01", "2026-01-01T24:00:00Z",  "2026-01-01T00:00:00",
                                      "x",          "2026-01-01T00:00:00Zx", "1900-02-29T00:00:00Z"};
    int64_t ms;
    char text[CLOCK_TEXT_SIZE];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(clock_parse(slice_from_str(good[i].text), &ms), "%s", good[i].text);
        ck_assert_int_eq(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!clock_parse(slice_from_str(bad[i]), &ms), "%s", bad[i]);
    for (int64_t t = -62135596800000; t < INT64_C(253402300800000); t += INT64_C(86400000) * 97 + 12345) {
        clock_format(t, text);
        ck_assert(clock_parse(slice_from(text, sizeof text), &ms));
        ck_assert_int_eq(ms, t);
    }
}
END_TEST

START_TEST(months_begin_where_they_should)
{
    struct clock_parts parts;

    for (int32_t month = 1970 * 12; month < 2100 * 12; month++) {
        int64_t start = clock_month_start_ms(month);

        ck_assert_int_eq(clock_month(start), month);
        ck_assert_int_eq(clock_month(start - 1), month - 1);
        clock_split(start, &parts);
        ck_assert_int_eq(parts.day, 1);
        ck_assert_int_eq(parts.hour, 0);
    }
    clock_split(INT64_C(1785242096789), &parts);
    ck_assert_int_eq(parts.weekday, 2);
    ck_assert_int_eq(parts.minute, 34);
}
END_TEST

/* ---- inbox ---- */

enum { PRODUCERS = 4, EACH = 20000 };

struct message {
    struct inbox_item item;
    int producer, number;
};

struct producer {
    struct inbox *inbox;
    int number;
    struct message *messages;
};

static void *produce(void *context)
{
    struct producer *producer = context;

    for (int i = 0; i < EACH; i++) {
        producer->messages[i] = (struct message){.producer = producer->number, .number = i};
        inbox_push(producer->inbox, &producer->messages[i].item);
    }
    return NULL;
}

START_TEST(inbox_keeps_each_producers_order_and_loses_nothing)
{
    struct inbox inbox;
    pthread_t threads[PRODUCERS];
    struct producer producers[PRODUCERS];
    int next[PRODUCERS] = {0}, total = 0;

    inbox_create(&inbox, NULL, NULL);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){&inbox, i, calloc(EACH, sizeof(struct message))};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (total < PRODUCERS * EACH) {
        for (struct inbox_item *item = inbox_take_all(&inbox); item; item = item->next, total++) {
            const struct message *message = (const struct message *)item;

            ck_assert_int_eq(message->number, next[message->producer]++);
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
        free(producers[i].messages);
    }
    ck_assert(inbox_is_empty(&inbox));
}
END_TEST

/* ---- slices and text ---- */

START_TEST(slices_compare_and_parse)
{
    uint64_t number;

    ck_assert_int_lt(slice_compare(SLICE("a"), SLICE("b")), 0);
    ck_assert_int_lt(slice_compare(SLICE("a"), SLICE("aa")), 0);
    ck_assert_int_eq(slice_compare(SLICE(""), (struct slice){0}), 0);
    ck_assert(slice_equal_secret(SLICE("abc"), SLICE("abc")));
    ck_assert(!slice_equal_secret(SLICE("abc"), SLICE("abd")));
    ck_assert(!slice_equal_secret(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_to_u64(SLICE("18446744073709551615"), &number) && number == UINT64_MAX);
    ck_assert(!slice_to_u64(SLICE("18446744073709551616"), &number));
    ck_assert(!slice_to_u64(SLICE(""), &number));
    ck_assert(!slice_to_u64(SLICE("+1"), &number));
    ck_assert(slice_sub(SLICE("abc"), 2, 1).size == 0);
    ck_assert(slice_find(SLICE("abc"), 'c', 3) == SIZE_MAX);
}
END_TEST

START_TEST(utf8_is_checked)
{
    static const char *const good[] = {"", "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "a\xff"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert(text_is_utf8(slice_from_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!text_is_utf8(slice_from_str(bad[i])), "%zu", i);
    for (uint32_t code_point = 1; code_point < 0x110000; code_point += 97) {
        char bytes[4];
        uint32_t again;
        size_t size;

        if (code_point >= 0xD800 && code_point <= 0xDFFF)
            continue;
        size = text_encode_utf8(code_point, bytes);
        ck_assert_uint_eq(text_decode_utf8(slice_from(bytes, size), 0, &again), size);
        ck_assert_uint_eq(again, code_point);
    }
}
END_TEST

START_TEST(what_is_unsafe_is_escaped)
{
    struct buf out;

    buf_create(&out, NULL);
    text_escape(&out, SLICE("a\x1b[31m\xe2\x80\xae\n\xc2\x9b"), TEXT_ESCAPE_TERMINAL);
    ck_assert_ptr_null(memchr(out.data, 0x1b, out.size));
    ck_assert_ptr_null(memmem(out.data, out.size, "\xe2\x80\xae", 3));
    ck_assert_ptr_null(memmem(out.data, out.size, "\xc2\x9b", 2));
    ck_assert_ptr_nonnull(memchr(out.data, '\n', out.size));
    out.size = 0;
    text_escape(&out, SLICE("a\nb\"c\xff"), TEXT_ESCAPE_LINE);
    ck_assert_ptr_null(memchr(out.data, '\n', out.size));
    buf_destroy(&out);
}
END_TEST

START_TEST(edit_distance)
{
    ck_assert_uint_eq(text_distance(SLICE("context"), SLICE("contxt"), 3), 1);
    ck_assert_uint_eq(text_distance(SLICE("ab"), SLICE("ba"), 3), 1);
    ck_assert_uint_eq(text_distance(SLICE("abc"), SLICE("abc"), 3), 0);
    ck_assert_uint_eq(text_distance(SLICE("abc"), SLICE("xyzw"), 2), 3);
    ck_assert_uint_eq(text_distance(SLICE(""), SLICE("ab"), 3), 2);
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
    char folder[] = "/tmp/edict-test-XXXXXX", path[FILE_PATH_MAX], copy[FILE_PATH_MAX];
    struct error error;
    struct arena arena;
    struct slice text;
    struct stat info;
    int fd;

    arena_create(&arena, 256, 4096);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(file_path(path, folder, "one", &error), STATUS_OK);
    ck_assert_int_eq(file_path(copy, folder, "two", &error), STATUS_OK);
    ck_assert_int_eq(file_open(path, O_RDONLY, &fd, NULL, &error), STATUS_NOT_FOUND);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* whose other end nobody ever opens */
    ck_assert_int_eq(file_open(path, O_RDONLY, &fd, NULL, &error), STATUS_CORRUPT);
    ck_assert_int_eq(file_open(path, O_WRONLY, &fd, NULL, &error), STATUS_CORRUPT);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(file_read(path, &arena, 100, &text, NULL, &error), STATUS_CORRUPT);
    ck_assert_str_eq(error.message, "cannot read: not a regular file");
    ck_assert_int_eq(file_write(path, SLICE("x"), &error), STATUS_CORRUPT);
    ck_assert_int_eq(file_wipe(folder, "one", &error), STATUS_CORRUPT);
    ck_assert_int_eq(file_copy_range(path, copy, 0, 1, &error), STATUS_CORRUPT);
    ck_assert(!file_exists(copy));
    ck_assert_int_eq(file_sync_tree(folder, &error), STATUS_CORRUPT);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(file_read(folder, &arena, 100, &text, NULL, &error), STATUS_CORRUPT);
    ck_assert_int_eq(file_copy_range(path, copy, 0, 1, &error), STATUS_IO); /* it had to be there */
    ck_assert_int_eq(file_write(path, SLICE("x"), &error), STATUS_OK);
    ck_assert_int_eq(file_open(path, O_RDONLY | O_NOFOLLOW, &fd, &info, &error), STATUS_OK);
    ck_assert(fd >= 0 && info.st_size == 1);
    close(fd);
    file_remove_tree(folder);
    arena_destroy(&arena);
}
END_TEST

START_TEST(direct_writes_are_tried_and_leave_nothing)
{
    char folder[] = "/tmp/edict-test-XXXXXX";
    struct error error;

    ck_assert(!file_takes_direct_writes("/proc/self")); /* nothing can be made there */
    ck_assert(!file_takes_direct_writes("/no/such/folder"));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)file_takes_direct_writes(folder); /* yes or no: that is the file system's */
    ck_assert(file_folder_is_empty(folder));
    ck_assert_int_eq(file_sync_folder(folder, &error), STATUS_OK);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(log_lines_are_one_line_whatever_they_hold)
{
    int ends[2];
    char line[1024];
    ssize_t size;
    struct log log = {.level = LOG_INFO, .format = LOG_JSON, .clock = clock_system()};

    ck_assert_int_eq(pipe(ends), 0);
    log.fd = ends[1];
    log_event(&log, LOG_DEBUG, "not written", LOG_N("a", 1));
    log_event(&log, LOG_INFO, "written", LOG_S("text", "two\nlines \"quoted\""), LOG_N("number", -5));
    size = read(ends[0], line, sizeof line - 1);
    ck_assert_int_gt(size, 0);
    line[size] = '\0';
    ck_assert_ptr_eq(strchr(line, '\n'), line + size - 1);
    ck_assert_ptr_nonnull(strstr(line, "\"message\":\"written\""));
    ck_assert_ptr_nonnull(strstr(line, "\"number\":-5"));
    ck_assert_ptr_null(strstr(line, "not written"));
    close(ends[0]);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, arena_hands_out_aligned_memory_up_to_its_cap);
    tcase_add_test(tests, arena_grows_and_copies);
    tcase_add_test(tests, buf_failure_is_sticky);
    tcase_add_test(tests, times_are_read_and_written);
    tcase_add_test(tests, months_begin_where_they_should);
    tcase_add_test(tests, inbox_keeps_each_producers_order_and_loses_nothing);
    tcase_add_test(tests, slices_compare_and_parse);
    tcase_add_test(tests, utf8_is_checked);
    tcase_add_test(tests, what_is_unsafe_is_escaped);
    tcase_add_test(tests, edit_distance);
    tcase_add_test(tests, only_regular_files_are_opened);
    tcase_add_test(tests, direct_writes_are_tried_and_leave_nothing);
    tcase_add_test(tests, log_lines_are_one_line_whatever_they_hold);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
