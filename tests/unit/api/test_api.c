/* What the doors remember of retries, and the text of cursors. */
#include "api/cursor.h"
#include "api/retries.h"

#include <check.h>

static const int64_t now_ms = INT64_C(1800000000000);

static struct digest digest_of(unsigned number)
{
    struct digest digest;

    digest_sha256(slice_from(&number, sizeof number), &digest);
    return digest;
}

START_TEST(a_retry_is_the_same_call_with_the_same_body)
{
    struct retries *retries = retries_new();
    const struct digest key = digest_of(1), other_key = digest_of(2), body = digest_of(3), other_body = digest_of(4);
    uint64_t entry = 0;

    ck_assert_int_eq(retries_look_up(retries, &key, &body, now_ms, &entry), RETRIES_NEW);
    retries_remember(retries, &key, &body, now_ms, 77);
    ck_assert_int_eq(retries_look_up(retries, &key, &body, now_ms, &entry), RETRIES_SAME);
    ck_assert_uint_eq(entry, 77);
    ck_assert_int_eq(retries_look_up(retries, &key, &other_body, now_ms, NULL), RETRIES_OTHER);
    ck_assert_int_eq(retries_look_up(retries, &other_key, &body, now_ms, NULL), RETRIES_NEW);
    retries_delete(retries);
}
END_TEST

START_TEST(a_retry_is_forgotten_after_a_day)
{
    struct retries *retries = retries_new();
    const struct digest key = digest_of(1), body = digest_of(2), other_body = digest_of(3);
    const int64_t day_ms = RETRIES_TTL_S * INT64_C(1000);

    retries_remember(retries, &key, &body, now_ms, 1);
    ck_assert_int_eq(retries_look_up(retries, &key, &body, now_ms + day_ms - 1, NULL), RETRIES_SAME);
    ck_assert_int_eq(retries_look_up(retries, &key, &body, now_ms + day_ms, NULL), RETRIES_NEW);
    retries_remember(retries, &key, &other_body, now_ms + day_ms, 2);
    ck_assert_int_eq(retries_look_up(retries, &key, &other_body, now_ms + day_ms, NULL), RETRIES_SAME);
    retries_delete(retries);
}
END_TEST

/* However many come, the newest are known, and nothing is taken for something else. */
START_TEST(the_oldest_make_room)
{
    struct retries *retries = retries_new();
    unsigned known = 0;

    for (unsigned i = 0; i < 4 * RETRIES_MAX; i++) {
        const struct digest key = digest_of(i);

        retries_remember(retries, &key, &key, now_ms + i, i);
        ck_assert_int_eq(retries_look_up(retries, &key, &key, now_ms + i, NULL), RETRIES_SAME);
    }
    for (unsigned i = 0; i < 4 * RETRIES_MAX; i++) {
        const struct digest key = digest_of(i);
        uint64_t entry = 0;

        if (retries_look_up(retries, &key, &key, now_ms, &entry) != RETRIES_SAME)
            continue;
        ck_assert_uint_eq(entry, i);
        known++;
    }
    ck_assert_uint_le(known, RETRIES_MAX);
    ck_assert_uint_ge(known, RETRIES_MAX / 2);
    retries_delete(retries);
}
END_TEST

START_TEST(a_cursor_comes_back_as_it_was)
{
    static const char bytes[] = "a/\xc3\xa9\0b";
    struct arena arena;
    struct slice cursor, last;

    arena_create(&arena, 1024, 1 << 20);
    cursor = cursor_format(&arena, 0x1234567890abcdef, slice_from(bytes, sizeof bytes));
    ck_assert(slice_starts_with(cursor, SLICE("90abcdef")));
    ck_assert(cursor_parse(&arena, 0x1234567890abcdef, cursor, &last));
    ck_assert(slice_equal(last, slice_from(bytes, sizeof bytes)));
    ck_assert(!cursor_parse(&arena, 0x1234567890abcdee, cursor, &last));
    ck_assert(!cursor_parse(&arena, 0x1234567890abcdef, slice_sub(cursor, 0, cursor.size - 1), &last));
    ck_assert(!cursor_parse(&arena, 0x1234567890abcdef, slice_sub(cursor, 0, 8), &last));
    ck_assert(!cursor_parse(&arena, 0x1234567890abcdef, SLICE("90abcdefGG"), &last));
    ck_assert(!cursor_parse(&arena, 0x1234567890abcdef, SLICE(""), &last));
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tests = tcase_create("api");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_retry_is_the_same_call_with_the_same_body);
    tcase_add_test(tests, a_retry_is_forgotten_after_a_day);
    tcase_add_test(tests, the_oldest_make_room);
    tcase_add_test(tests, a_cursor_comes_back_as_it_was);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
