/* sse: event streams in pieces of any size. */
#include "cli/sse.h"

#include <check.h>
#include <stdlib.h>

struct seen {
    struct buf text; /* events, each ended by '|' */
};

static void note(void *context, struct slice data)
{
    struct seen *seen = context;

    buf_add_slice(&seen->text, data);
    buf_add_char(&seen->text, '|');
}

/* The events of `stream`, handed over in pieces of `piece` bytes. */
static void expect(struct slice stream, size_t piece, const char *wanted)
{
    struct sse_reader reader;
    struct seen seen = {{0}};

    sse_create(&reader);
    for (size_t at = 0; at < stream.size; at += piece)
        ck_assert(sse_feed(&reader, slice_sub(stream, at, at + piece), note, &seen));
    ck_assert_msg(slice_equal_str(buf_slice(&seen.text), wanted), "pieces of %zu: %.*s", piece,
                  SLICE_ARG(buf_slice(&seen.text)));
    sse_destroy(&reader);
    buf_destroy(&seen.text);
}

static const struct {
    struct slice stream;
    const char *wanted;
} cases[] = {
    {SLICE("data: one\n\ndata: two\n\n"), "one|two|"},
    {SLICE("data: one\r\n\r\ndata:two\r\rdata: three\n\r\n"), "one|two|three|"},
    {SLICE("data: a\ndata: b\n\n"), "a\nb|"},
    {SLICE("\xef\xbb\xbf"
           "data: bom\n\n"),
     "bom|"},
    {SLICE(": keep-alive\n\nevent: message\nid: 7\nretry: 10\ndata: x\n\n"), "x|"},
    {SLICE("id: 1\nretry: 5\n\n"), ""},
    {SLICE("data\n\n"), "|"},
    {SLICE("data:  two spaces\n\n"), " two spaces|"},
    {SLICE("database: no\nDATA: no\n\n"), ""},
    {SLICE("data: cut off\n"), ""},
    {SLICE("data: whole\n\ndata: cut"), "whole|"},
};

START_TEST(events_come_out_whole_whatever_the_pieces)
{
    for (size_t piece = 1; piece <= cases[_i].stream.size; piece++)
        expect(cases[_i].stream, piece, cases[_i].wanted);
}
END_TEST

START_TEST(an_event_without_end_is_given_up)
{
    static char block[65536];
    struct sse_reader reader;
    struct seen seen = {{0}};
    bool ok = true;

    memset(block, 'x', sizeof block);
    sse_create(&reader);
    ck_assert(sse_feed(&reader, SLICE("data: "), note, &seen));
    for (size_t sent = 0; ok && sent <= SSE_EVENT_MAX; sent += sizeof block)
        ok = sse_feed(&reader, slice_from(block, sizeof block), note, &seen);
    ck_assert(!ok);
    ck_assert_uint_eq(seen.text.size, 0);
    sse_destroy(&reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse");
    TCase *tests = tcase_create("sse");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, events_come_out_whole_whatever_the_pieces, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tests, an_event_without_end_is_given_up);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
