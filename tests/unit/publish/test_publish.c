/* URLs, settings, files as places, and the rounds of the witnesses; what talks to the network is tested from outside. */
#include "base/file.h"
#include "publish/rounds.h"
#include "publish/settings.h"
#include "publish/target.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;

/* ---- URLs ---- */

static bool parses(const char *text, struct http_url *url)
{
    return http_url_parse(slice_from_str(text), url, &error) == STATUS_OK;
}

START_TEST(urls_are_taken_apart)
{
    struct http_url url;

    ck_assert(parses("https://audit.example.com/a/b?c=d", &url));
    ck_assert(url.tls && !url.is_address);
    ck_assert_str_eq(url.host, "audit.example.com");
    ck_assert_str_eq(url.port, "443");
    ck_assert_str_eq(url.target, "/a/b?c=d");
    ck_assert(parses("http://127.0.0.1:8080", &url) && !url.tls && url.is_address);
    ck_assert_str_eq(url.port, "8080");
    ck_assert_str_eq(url.target, "/");
    ck_assert(parses("http://[::1]:80?x", &url) && url.is_address);
    ck_assert_str_eq(url.host, "::1");
    ck_assert_str_eq(url.target, "/?x");
}
END_TEST

START_TEST(other_urls_are_refused)
{
    static const char *const wrong[] = {"",
                                        "ftp://a/",
                                        "https:/a",
                                        "http://",
                                        "http:///x",
                                        "http://:80/",
                                        "http://a:0/",
                                        "http://a:65536/",
                                        "http://a:8o/",
                                        "http://a:/",
                                        "http://a:999999999/",
                                        "http://u@a/",
                                        "http://u:p@a/",
                                        "http://a/#f",
                                        "http://a/ b",
                                        "http://a/\r\nX: y",
                                        "http://[::1/",
                                        "http://[name]/",
                                        "http://[::1]x/",
                                        "http://a b/",
                                        "http://a%2f/",
                                        "http://\xc3\xa4/"};
    struct http_url url;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!parses(wrong[i], &url), "%s", wrong[i]);
}
END_TEST

START_TEST(loopback_is_known)
{
    struct http_url url;

    ck_assert(parses("http://localhost/", &url) && http_url_is_loopback(&url));
    ck_assert(parses("http://127.8.9.1/", &url) && http_url_is_loopback(&url));
    ck_assert(parses("http://[::1]/", &url) && http_url_is_loopback(&url));
    ck_assert(parses("http://128.0.0.1/", &url) && !http_url_is_loopback(&url));
    ck_assert(parses("http://127.0.0.1.example.com/", &url) && !http_url_is_loopback(&url));
    ck_assert(parses("http://localhost.example/", &url) && !http_url_is_loopback(&url));
}
END_TEST

/* ---- settings ---- */

START_TEST(places_are_read)
{
    static struct publish_settings settings;

    ck_assert(publish_places_parse(SLICE("file:/a/b,,https://x/y?secret,"), &settings, &error) == STATUS_OK);
    ck_assert_uint_eq(settings.place_count, 2);
    ck_assert_str_eq(settings.places[0].path, "/a/b");
    ck_assert_str_eq(settings.places[1].name, "https://x/y");
    ck_assert_str_eq(settings.places[1].url.target, "/y?secret");
    settings.quorum = 1;
    ck_assert(publish_settings_check(&settings, &error) == STATUS_INVALID);
    settings.quorum = 0;
    snprintf(settings.token, sizeof settings.token, "t");
    ck_assert(publish_settings_check(&settings, &error) == STATUS_OK);
    ck_assert(publish_places_parse(SLICE("http://x/y"), &settings, &error) == STATUS_OK);
    ck_assert(publish_settings_check(&settings, &error) == STATUS_DENIED);
    ck_assert(publish_places_parse(SLICE("http://127.0.0.1/y"), &settings, &error) == STATUS_OK);
    ck_assert(publish_settings_check(&settings, &error) == STATUS_OK);
}
END_TEST

START_TEST(what_is_required_must_name_a_place)
{
    static struct publish_settings settings = {.required = true};

    ck_assert(publish_settings_check(&settings, &error) == STATUS_INVALID);
    ck_assert_str_eq(error.where, "--publish-required");
    ck_assert(publish_places_parse(SLICE("file:/a"), &settings, &error) == STATUS_OK);
    ck_assert(publish_settings_check(&settings, &error) == STATUS_OK);
}
END_TEST

/* ---- a file as a place ---- */

static char folder[] = "/tmp/edict-test-XXXXXX";
static struct target *file;

static void setup_file(void)
{
    struct publish_place place = {0};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(place.path, sizeof place.path, "%s/mounted/checkpoint", folder);
    ck_assert(target_file_new(&place, &file, &error) == STATUS_OK);
}

static void teardown_file(void)
{
    file->ops->destroy(file);
    file_remove_tree(folder);
}

/* What asking the place says to a ledger of `size` entries. */
static enum status check(bool required, uint64_t size)
{
    const struct publish_checkpoint now = {.ledger.size = size, .required = required};
    struct arena arena;
    uint64_t published = 1;
    enum status status;

    arena_create(&arena, 1024, 1 << 20);
    status = file->ops->check(file, &now, &arena, &published, &error);
    arena_destroy(&arena);
    ck_assert_uint_eq(published, 0);
    return status;
}

START_TEST(a_missing_folder_is_a_place_that_cannot_be_asked)
{
    ck_assert_int_eq(check(false, 1), STATUS_UNAVAILABLE);
    ck_assert_int_eq(check(true, 1), STATUS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "mount its disk"));
}
END_TEST

START_TEST(nothing_in_its_folder_is_enough_for_a_new_ledger)
{
    ck_assert_int_eq(file_make_parents(folder, "mounted/checkpoint", &error), STATUS_OK);
    ck_assert_int_eq(check(false, 5), STATUS_OK);
    ck_assert_int_eq(check(true, 0), STATUS_OK);
    ck_assert_int_eq(check(true, TARGET_NEW_SIZE_MAX), STATUS_OK);
    ck_assert_int_eq(check(true, TARGET_NEW_SIZE_MAX + 1), STATUS_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "holds no checkpoint"));
}
END_TEST

START_TEST(what_is_no_file_is_never_waited_for_nor_replaced)
{
    char path[FILE_PATH_MAX];

    ck_assert_int_eq(file_make_parents(folder, "mounted/checkpoint", &error), STATUS_OK);
    ck_assert_int_eq(file_path(path, folder, "mounted/checkpoint", &error), STATUS_OK);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(check(false, 1), STATUS_INVALID);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(check(false, 1), STATUS_INVALID);
}
END_TEST

/* ---- rounds ---- */

static struct rounds rounds;

static void setup_rounds(void)
{
    rounds_create(&rounds, 2);
}

static void teardown_rounds(void)
{
    rounds_destroy(&rounds);
}

static void ck_witnessed(const char *note)
{
    ck_assert_msg(slice_equal_str(buf_slice(&rounds.witnessed), note), "%.*s", SLICE_ARG(buf_slice(&rounds.witnessed)));
}

START_TEST(a_quorum_makes_a_witnessed_checkpoint)
{
    ck_assert(rounds_begin(&rounds, SLICE("note 5\n"), 5, 0));
    ck_assert(!rounds_cosigned(&rounds, 1, 5, SLICE("line b\n")));
    ck_assert(!rounds_cosigned(&rounds, 1, 5, SLICE("line B\n"))); /* the same witness again is not a second one */
    ck_assert_uint_eq(rounds.witnessed_size, 0);
    ck_assert(rounds_cosigned(&rounds, 0, 5, SLICE("line a\n")));
    ck_assert_uint_eq(rounds.witnessed_size, 5);
    ck_witnessed("note 5\nline a\nline B\n");
    ck_assert(rounds_cosigned(&rounds, 7, 5, SLICE("line h\n")));
    ck_assert_uint_eq(rounds.witnessed_count, 3);
}
END_TEST

START_TEST(late_lines_count_for_one_round)
{
    struct buf out;

    buf_create(&out, NULL);
    ck_assert(rounds_begin(&rounds, SLICE("note 5\n"), 5, 0));
    ck_assert(!rounds_cosigned(&rounds, 0, 5, SLICE("a\n")));
    ck_assert(rounds_begin(&rounds, SLICE("note 6\n"), 6, 1));
    ck_assert(rounds_cosigned(&rounds, 1, 5, SLICE("b\n")));
    ck_witnessed("note 5\na\nb\n");
    rounds_write_lines(&rounds, 6, &out);
    ck_assert_uint_eq(out.size, 0);
    ck_assert(rounds_begin(&rounds, SLICE("note 7\n"), 7, 2));
    ck_assert(!rounds_cosigned(&rounds, 2, 5, SLICE("c\n")));
    ck_assert(!rounds_cosigned(&rounds, 0, 6, SLICE("a6\n")));
    ck_assert(rounds_cosigned(&rounds, 1, 6, SLICE("b6\n")));
    rounds_write_lines(&rounds, 6, &out);
    ck_assert(slice_equal_str(buf_slice(&out), "a6\nb6\n"));
    ck_assert(!rounds_cosigned(&rounds, 2, 4, SLICE("c4\n"))); /* of no round at all */
    buf_destroy(&out);
}
END_TEST

START_TEST(an_older_one_never_takes_the_place_of_a_newer_one)
{
    rounds_restore(&rounds, SLICE("note 9\na\nb\n"), 9, 2);
    ck_assert(rounds_begin(&rounds, SLICE("note 8\n"), 8, 0));
    ck_assert(!rounds_cosigned(&rounds, 0, 8, SLICE("a\n")));
    ck_assert(!rounds_cosigned(&rounds, 1, 8, SLICE("b\n")));
    ck_witnessed("note 9\na\nb\n");
    ck_assert_uint_eq(rounds.witnessed_size, 9);
}
END_TEST

START_TEST(another_key_takes_over_the_same_checkpoint)
{
    ck_assert(rounds_begin(&rounds, SLICE("note 5\n"), 5, 0));
    ck_assert(!rounds_cosigned(&rounds, 0, 5, SLICE("a\n")));
    ck_assert(rounds_begin(&rounds, SLICE("note 5 by both\n"), 5, 1));
    ck_assert(rounds_cosigned(&rounds, 1, 5, SLICE("b\n")));
    ck_witnessed("note 5 by both\na\nb\n");
}
END_TEST

START_TEST(too_long_a_line_is_dropped)
{
    char line[WITNESS_LINE_MAX + 1] = {0};

    ck_assert(rounds_begin(&rounds, SLICE("note\n"), 5, 0));
    ck_assert(!rounds_cosigned(&rounds, 0, 5, slice_from(line, sizeof line)));
    ck_assert_uint_eq(rounds_present(&rounds)->count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("publish");
    TCase *settings = tcase_create("settings"), *files = tcase_create("files"), *turns = tcase_create("rounds");
    SRunner *runner;
    int failed;

    tcase_add_test(settings, urls_are_taken_apart);
    tcase_add_test(settings, other_urls_are_refused);
    tcase_add_test(settings, loopback_is_known);
    tcase_add_test(settings, places_are_read);
    tcase_add_test(settings, what_is_required_must_name_a_place);
    tcase_add_checked_fixture(files, setup_file, teardown_file);
    tcase_add_test(files, a_missing_folder_is_a_place_that_cannot_be_asked);
    tcase_add_test(files, nothing_in_its_folder_is_enough_for_a_new_ledger);
    tcase_add_test(files, what_is_no_file_is_never_waited_for_nor_replaced);
    suite_add_tcase(suite, files);
    tcase_add_checked_fixture(turns, setup_rounds, teardown_rounds);
    tcase_add_test(turns, a_quorum_makes_a_witnessed_checkpoint);
    tcase_add_test(turns, late_lines_count_for_one_round);
    tcase_add_test(turns, an_older_one_never_takes_the_place_of_a_newer_one);
    tcase_add_test(turns, another_key_takes_over_the_same_checkpoint);
    tcase_add_test(turns, too_long_a_line_is_dropped);
    suite_add_tcase(suite, settings);
    suite_add_tcase(suite, turns);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
