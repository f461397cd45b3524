/* What log and witnesses say to each other, as bytes. */
#include "ledger/checkpoint.h"
#include "ledger/witness.h"

#include <check.h>
#include <stdio.h>

static struct arena arena;
static struct error error;

static void setup(void)
{
    arena_create(&arena, 65536, 64u << 20);
}

static void teardown(void)
{
    arena_destroy(&arena);
}

static struct note_signer new_key(const char *name, enum note_type type)
{
    struct note_signer signer;

    ck_assert(note_signer_generate(slice_from_str(name), type, &signer, &error) == STATUS_OK);
    return signer;
}

static struct slice vkey(const struct note_signer *signer)
{
    struct buf out;

    buf_create(&out, &arena);
    note_verifier_write(&out, &signer->verifier);
    return buf_slice(&out);
}

/* ---- the list ---- */

static enum status parse_list(struct slice text, size_t *count)
{
    struct witness *list = arena_array(&arena, WITNESSES_MAX, sizeof *list);

    error = (struct error){0};
    return witness_list_parse(text, list, count, &error);
}

START_TEST(a_list_names_keys_and_urls)
{
    struct note_signer one = new_key("w.example/1", NOTE_COSIGNATURE), two = new_key("w.example/2", NOTE_COSIGNATURE);
    struct witness list[WITNESSES_MAX];
    size_t count;
    struct slice text = arena_printf(&arena, "# ours\n\n%.*s https://w.example/sub/\n  %.*s   http://127.0.0.1:1//",
                                     SLICE_ARG(vkey(&one)), SLICE_ARG(vkey(&two)));

    ck_assert(witness_list_parse(text, list, &count, &error) == STATUS_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(list[0].url, "https://w.example/sub");
    ck_assert_str_eq(list[1].url, "http://127.0.0.1:1");
    ck_assert(note_verifier_equal(&list[1].verifier, &two.verifier));
}
END_TEST

START_TEST(a_list_that_is_wrong_names_its_line)
{
    struct note_signer witness = new_key("w.example/1", NOTE_COSIGNATURE), log = new_key("log.example", NOTE_ED25519);
    struct slice key = vkey(&witness), half = slice_sub(key, 0, key.size - 1);
    struct buf many;
    size_t count;

    ck_assert(parse_list(arena_printf(&arena, "#\n%.*s\n", SLICE_ARG(key)), &count) == STATUS_INVALID);
    ck_assert(strstr(error.message, "line 2") != NULL);
    ck_assert(parse_list(arena_printf(&arena, "%.*s http://x\n", SLICE_ARG(half)), &count) == STATUS_INVALID);
    ck_assert(parse_list(arena_printf(&arena, "%.*s http://x\n", SLICE_ARG(vkey(&log))), &count) == STATUS_INVALID);
    ck_assert(strstr(error.message, "type 04") != NULL);
    ck_assert(parse_list(arena_printf(&arena, "%.*s http://x\n%.*s http://y\n", SLICE_ARG(key), SLICE_ARG(key)), &count) ==
              STATUS_INVALID);
    ck_assert(strstr(error.message, "there already") != NULL);
    buf_create(&many, &arena);
    for (int i = 0; i <= WITNESSES_MAX; i++) {
        struct note_signer one = new_key(arena_printf(&arena, "w.example/%d", i).data, NOTE_COSIGNATURE);

        note_verifier_write(&many, &one.verifier);
        buf_add_str(&many, " http://x\n");
    }
    ck_assert(parse_list(buf_slice(&many), &count) == STATUS_TOO_LARGE);
}
END_TEST

/* ---- the exchange ---- */

START_TEST(a_request_is_as_specified)
{
    struct proof proof = {.count = 1};
    struct buf out;

    buf_create(&out, &arena);
    witness_request_write(&out, 7, &proof, SLICE("checkpoint\n"));
    ck_assert(slice_equal(buf_slice(&out), SLICE("old 7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\ncheckpoint\n")));
    out.size = proof.count = 0;
    witness_request_write(&out, 0, &proof, SLICE("c"));
    ck_assert(slice_equal(buf_slice(&out), SLICE("old 0\n\nc")));
}
END_TEST

START_TEST(a_size_has_one_spelling)
{
    static const char *const wrong[] = {
        "", "\n", "7", "07\n", "7\n\n", " 7\n", "7 \n", "-1\n", "+7\n", "7\r\n", "0x7\n", "18446744073709551616\n", "many\n"};
    uint64_t size = 1;

    ck_assert(witness_size_parse(SLICE("0\n"), &size) && size == 0);
    ck_assert(witness_size_parse(SLICE("18446744073709551615\n"), &size) && size == UINT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!witness_size_parse(slice_from_str(wrong[i]), &size), "%s", wrong[i]);
}
END_TEST

static const char text[] = "log.example\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
enum { NOW = 1800000000 };

static struct slice cosign(const struct note_signer *signer, uint64_t time_s)
{
    struct buf out;

    buf_create(&out, &arena);
    ck_assert(note_sign(signer, SLICE(text), time_s, &out, &error) == STATUS_OK);
    return buf_slice(&out);
}

static enum status read_line(struct slice body, const struct note_signer *signer, struct slice *line)
{
    uint64_t time_s;

    return witness_cosignature_read(&arena, body, SLICE(text), &signer->verifier, NOW, line, &time_s, &error);
}

START_TEST(a_cosignature_is_verified)
{
    struct note_signer witness = new_key("w.example/1", NOTE_COSIGNATURE), other = new_key("w.example/2", NOTE_COSIGNATURE);
    struct slice good = cosign(&witness, NOW), line;
    struct slice both = arena_printf(&arena, "%.*s%.*s", SLICE_ARG(cosign(&other, NOW)), SLICE_ARG(good));

    ck_assert(read_line(good, &witness, &line) == STATUS_OK && slice_equal(line, good));
    ck_assert(read_line(both, &witness, &line) == STATUS_OK && slice_equal(line, good));
    ck_assert_uint_le(good.size, WITNESS_LINE_MAX);
    ck_assert(read_line(cosign(&other, NOW), &witness, &line) == STATUS_INVALID);
    ck_assert(read_line(SLICE(""), &witness, &line) == STATUS_INVALID);
    ck_assert(read_line(cosign(&witness, 0), &witness, &line) == STATUS_INVALID);
    ck_assert(read_line(cosign(&witness, NOW + WITNESS_CLOCK_SKEW_S), &witness, &line) == STATUS_OK);
    ck_assert(read_line(cosign(&witness, NOW + WITNESS_CLOCK_SKEW_S + 1), &witness, &line) == STATUS_INVALID);
    ck_assert(read_line(cosign(&witness, UINT64_MAX), &witness, &line) == STATUS_INVALID);
    for (size_t at = 0; at < good.size; at++) {
        struct slice copy = arena_copy(&arena, good);

        ((char *)(uintptr_t)copy.data)[at] ^= 1;
        ck_assert_msg(read_line(copy, &witness, &line) != STATUS_OK, "byte %zu", at);
    }
}
END_TEST

START_TEST(the_longest_name_fits_a_line)
{
    char name[NOTE_NAME_MAX + 1];
    struct note_signer witness;

    memset(name, 'n', NOTE_NAME_MAX);
    name[NOTE_NAME_MAX] = '\0';
    witness = new_key(name, NOTE_COSIGNATURE);
    ck_assert_uint_le(cosign(&witness, NOW).size, WITNESS_LINE_MAX);
}
END_TEST

START_TEST(cosignatures_of_a_note_are_counted)
{
    struct note_signer keys[3] = {new_key("w.example/1", NOTE_COSIGNATURE), new_key("w.example/2", NOTE_COSIGNATURE),
                                  new_key("w.example/3", NOTE_COSIGNATURE)};
    struct witness list[3] = {{.verifier = keys[0].verifier}, {.verifier = keys[1].verifier}, {.verifier = keys[2].verifier}};
    struct slice twice = cosign(&keys[0], NOW - 1), first = cosign(&keys[0], NOW), second = cosign(&keys[1], NOW);
    struct slice bytes = arena_printf(&arena, "%s\n%.*s%.*s%.*s", text, SLICE_ARG(first), SLICE_ARG(second), SLICE_ARG(twice));
    struct note note;
    size_t count;

    ck_assert(note_parse(&arena, bytes, &note, &error) == STATUS_OK);
    ck_assert(witness_count(&note, list, 3, &count, &error) == STATUS_OK);
    ck_assert_uint_eq(count, 2); /* one witness counts once */
    ((char *)(uintptr_t)note.text.data)[12] = '6';
    ck_assert(witness_count(&note, list, 3, &count, &error) == STATUS_CORRUPT);
    ck_assert(witness_count(&note, &list[2], 1, &count, &error) == STATUS_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("witness");
    TCase *tests = tcase_create("witness");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_list_names_keys_and_urls);
    tcase_add_test(tests, a_list_that_is_wrong_names_its_line);
    tcase_add_test(tests, a_request_is_as_specified);
    tcase_add_test(tests, a_size_has_one_spelling);
    tcase_add_test(tests, a_cosignature_is_verified);
    tcase_add_test(tests, the_longest_name_fits_a_line);
    tcase_add_test(tests, cosignatures_of_a_note_are_counted);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
