/* JSON, money, identifiers, records, requests. Decisions round-trip through real records in the state's tests and the
 * integration tests. */
#include "proto/decision.h"
#include "proto/event.h"
#include "proto/money.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static void setup(void)
{
    json_setup();
    arena_create(&arena, 65536, 64u << 20);
}

static void teardown(void)
{
    arena_destroy(&arena);
}

static enum status scan(const char *text, struct error *error)
{
    return json_scan(slice_from_str(text), &json_limits_default, error);
}

/* ---- JSON ---- */

START_TEST(json_accepts_what_rfc_8259_says)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1.5e-3",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       " [1 , 2]\n",
                                       "{\"a\":{\"a\":1}}",
                                       "\"\\ud83d\\ude00\"",
                                       "true",
                                       "9007199254740991",
                                       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
    struct error error;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(scan(good[i], &error) == STATUS_OK, "%s: %s", good[i], error.message);
}
END_TEST

START_TEST(json_refuses_everything_else)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "-",
                                      "nul",
                                      "True",
                                      "'a'",
                                      "\"a",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\t\"",
                                      "[1,]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "[",
                                      "]",
                                      "1 2",
                                      "\"\\udc00\"",
                                      "\"\\u0000\"",
                                      "\xff",
                                      "\"\xc0\x80\"",
                                      "9007199254740992",
                                      "-9007199254740993",
                                      "1e400",
                                      "{\"a\":1,\"a\":1}",
                                      "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
                                      "//x",
                                      "/**/1",
                                      "[1]]",
                                      "\xef\xbb\xbf[1]",
                                      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"};
    struct error error;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&error, 0, sizeof error);
        ck_assert_msg(scan(bad[i], &error) != STATUS_OK, "%s", bad[i]);
        ck_assert_msg(strncmp(error.where, "line ", 5) == 0, "%s: %s", bad[i], error.where);
        ck_assert_uint_gt(strlen(error.message), 5);
    }
}
END_TEST

START_TEST(json_finds_duplicates_among_many)
{
    struct buf text;
    struct error error;

    buf_create(&text, NULL);
    buf_add_char(&text, '{');
    for (int i = 0; i < 3000; i++)
        buf_printf(&text, "\"k%d\":%d,", i, i);
    buf_add_str(&text, "\"k\":0}");
    ck_assert_int_eq(json_scan(buf_slice(&text), &json_limits_default, &error), STATUS_OK);
    text.size -= strlen("\"k\":0}");
    buf_add_str(&text, "\"k1234\":0}");
    ck_assert_int_eq(json_scan(buf_slice(&text), &json_limits_default, &error), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "k1234"));
    buf_destroy(&text);
}
END_TEST

/* The nodes are those of cJSON's own parser, in every member that cJSON documents. */
static void check_same_tree(const cJSON *ours, const cJSON *theirs, bool named)
{
    const cJSON *a = ours->child, *b = theirs->child;

    ck_assert_int_eq(ours->type, theirs->type);
    ck_assert_int_eq(ours->valueint, theirs->valueint);
    ck_assert_mem_eq(&ours->valuedouble, &theirs->valuedouble, sizeof ours->valuedouble);
    ck_assert_int_eq(!ours->string, !named);
    if (named)
        ck_assert_str_eq(ours->string, theirs->string);
    ck_assert_int_eq(!ours->valuestring, !theirs->valuestring);
    if (ours->valuestring)
        ck_assert_str_eq(ours->valuestring, theirs->valuestring);
    for (; a && b; a = a->next, b = b->next) {
        check_same_tree(a, b, cJSON_IsObject(ours));
        ck_assert(a->next ? a->next->prev == a : ours->child->prev == a);
    }
    ck_assert(!a && !b);
}

START_TEST(json_makes_the_trees_of_cjson)
{
    static const char *const texts[] = {
        "null",
        " [ true , false ] ",
        "0",
        "-0",
        "-17",
        "2147483647",
        "2147483648",
        "-2147483649",
        "999999999999999",
        "-9007199254740991",
        "1.5e-3",
        "123456789012345.5",
        "\"\"",
        "\"sixteen letters.\"",
        "\"seventeen letters\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\u20ac\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and on\"",
        "\"1234567\\n\"",
        "\"12345678\\n90123456\\n\"",
        "{}",
        "[]",
        "{\"a\":{\"b\":[1,[2,[3]],{}]},\"c\":[],\"\\u0064\":\"e\",\"\":0}",
    };
    struct error error;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON *ours = NULL, *theirs;

        cJSON_InitHooks(NULL);
        theirs = cJSON_Parse(texts[i]);
        ck_assert_ptr_nonnull(theirs);
        ck_assert_msg(json_parse(&arena, slice_from_str(texts[i]), &json_limits_default, &ours, &error) == STATUS_OK, "%s: %s",
                      texts[i], error.message);
        check_same_tree(ours, theirs, false);
        cJSON_Delete(theirs);
    }
    json_setup();
}
END_TEST

START_TEST(json_parse_stops_where_memory_does)
{
    static const char text[] = "{\"a\":[1,\"two\",{\"th\\u0072ee\":\"f\\u006fur\"}],\"b\":null}";
    size_t cap = 1;
    struct error error;
    cJSON *tree = NULL;

    for (enum status status = STATUS_NO_MEMORY; status != STATUS_OK; cap += 16) {
        struct arena small;

        arena_create(&small, 64, cap);
        status = json_parse(&small, slice_from_str(text), &json_limits_default, &tree, &error);
        ck_assert(status == STATUS_OK || (status == STATUS_NO_MEMORY && !tree));
        arena_destroy(&small);
    }
    ck_assert_uint_gt(cap, 7 * sizeof(cJSON));
}
END_TEST

static void check_number(double value, const char *expected)
{
    struct buf out;

    buf_create(&out, &arena);
    json_write_number(&out, value);
    buf_add_char(&out, '\0');
    ck_assert_str_eq(out.data, expected);
}

/* Appendix B of RFC 8785, what of it a document may hold here, and neighbours. */
START_TEST(numbers_are_ecmascripts)
{
    check_number(0, "0");
    check_number(-0.0, "0");
    check_number(4.5, "4.5");
    check_number(2e-3, "0.002");
    check_number(1e-27, "1e-27");
    check_number(0.000001, "0.000001");
    check_number(0.0000001, "1e-7");
    check_number(333333333.33333329, "333333333.3333333");
    check_number(-3.3333333333333335e-06, "-0.0000033333333333333333");
    check_number(5e-324, "5e-324");
    check_number(1e21, "1e+21");
    check_number(999999999999999900000.0, "999999999999999900000");
    check_number(1.7976931348623157e308, "1.7976931348623157e+308");
}
END_TEST

START_TEST(numbers_read_back_the_same)
{
    unsigned long long state = 42;

    for (int i = 0; i < 200000; i++) {
        union {
            unsigned long long bits;
            double value;
        } number;
        struct buf out;

        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        number.bits = state ^ state >> 29;
        if (!isfinite(number.value))
            continue;
        arena_reset(&arena);
        buf_create(&out, &arena);
        json_write_number(&out, number.value);
        buf_add_char(&out, '\0');
        ck_assert_msg(!(strtod(out.data, NULL) < number.value || strtod(out.data, NULL) > number.value), "%s", out.data);
    }
}
END_TEST

static void check_canonical(const char *text, const char *expected)
{
    cJSON *tree = NULL;
    struct error error = {0};
    struct buf out;

    ck_assert_msg(json_parse(&arena, slice_from_str(text), &json_limits_default, &tree, &error) == STATUS_OK, "%s",
                  error.message);
    buf_create(&out, &arena);
    json_write_canonical(&out, &arena, tree);
    buf_add_char(&out, '\0');
    ck_assert_str_eq(out.data, expected);
}

START_TEST(canonical_form_sorts_by_utf16)
{
    check_canonical("{\"b\":1,\"a\":[true,null,\"\\u000f\\n\\\"\\/\"]}", "{\"a\":[true,null,\"\\u000f\\n\\\"/\"],\"b\":1}");
    /* RFC 8785, 3.2.3: U+1F600 is D83D DE00 and comes before U+FB33. */
    check_canonical("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u20ac\":3,\"\\r\":4,\"1\":5}",
                    "{\"\\r\":4,\"1\":5,\"\xe2\x82\xac\":3,\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}");
}
END_TEST

START_TEST(member_source_is_the_text_as_written)
{
    struct slice object = SLICE(" { \"a\" : {\"cost\":1}, \"x\":\"}\\\"\", \"cost\" : 1.10 }");

    ck_assert(slice_equal(json_member_source(object, "cost"), SLICE("1.10")));
    ck_assert(slice_equal(json_member_source(object, "a"), SLICE("{\"cost\":1}")));
    ck_assert_uint_eq(json_member_source(object, "none").size, 0);
}
END_TEST

/* ---- money ---- */

START_TEST(money_is_exact)
{
    static const struct {
        const char *text;
        int64_t micro;
    } good[] = {{"0", 0},
                {"12.50", 12500000},
                {"0.000001", 1},
                {"1e2", 100000000},
                {"1.5e-3", 1500},
                {"0.1000000000", 100000},
                {"1000000000", MONEY_MICRO_MAX}};
    static const char *const bad[] = {"",     "-1",   "1.", ".5",  "0.0000001", "1000000000.01", "$5", "1,000",
                                      "1e20", "0x10", "1e", "NaN", " 1"};
    struct error error;
    int64_t micro;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(money_parse(slice_from_str(good[i].text), false, &micro, &error) == STATUS_OK, "%s", good[i].text);
        ck_assert_int_eq(micro, good[i].micro);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(money_parse(slice_from_str(bad[i]), false, &micro, &error) != STATUS_OK, "%s", bad[i]);
    ck_assert_int_eq(money_parse(SLICE("-2.5"), true, &micro, &error), STATUS_OK);
    ck_assert_int_eq(micro, -2500000);
}
END_TEST

START_TEST(money_is_written_three_ways)
{
    struct buf out;

    buf_create(&out, &arena);
    money_write(&out, 500000000);
    money_write(&out, 1);
    money_write(&out, -1500000);
    money_write_sentence(&out, 75000000);
    money_write_sentence(&out, 1234560000);
    money_write_number(&out, 500000);
    ck_assert(slice_equal(buf_slice(&out), SLICE("500.000.000001-1.50$75$1,234.560.5")));
}
END_TEST

/* ---- identifiers, records ---- */

START_TEST(uuids_increase_and_parse)
{
    struct uuid_generator generator;
    struct uuid previous = {{0}}, id, again;
    char text[UUID_TEXT_SIZE];

    uuid_generator_create(&generator);
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(uuid_generate(&generator, 1785242096789 - i % 3, &id), STATUS_OK);
        ck_assert_int_lt(memcmp(previous.bytes, id.bytes, 8), 0);
        previous = id;
    }
    uuid_format(&id, text);
    ck_assert_int_eq(text[14], '7');
    ck_assert(uuid_parse(slice_from(text, sizeof text), &again));
    ck_assert_mem_eq(id.bytes, again.bytes, UUID_SIZE);
    ck_assert(!uuid_parse(SLICE("01a20d15-f82c-7000-ae8d-6a48611f360"), &again));
    ck_assert(!uuid_parse(SLICE("01a20d15xf82c-7000-ae8d-6a48611f360b"), &again));
}
END_TEST

START_TEST(records_split_into_what_was_written)
{
    const struct record_header header = {.type = RECORD_OUTCOME,
                                         .tenant = RECORD_TENANT_DEFAULT,
                                         .semantics = 1,
                                         .as_of = 12,
                                         .time_ms = 1785242096789,
                                         .number = 0};
    char line[RECORD_HEADER_MAX + 8];
    size_t size = record_write_header(&header, line);
    struct record_header again;
    struct slice body;
    struct error error;

    memcpy(line + size, "{}", 2);
    ck_assert_int_eq(record_split(slice_from(line, size + 2), &again, &body, &error), STATUS_OK);
    ck_assert_int_eq(again.type, RECORD_OUTCOME);
    ck_assert_uint_eq(again.as_of, 12);
    ck_assert_int_eq(again.time_ms, header.time_ms);
    ck_assert(slice_equal(body, SLICE("{}")));
    for (size_t i = 0; i < size; i++) { /* no other byte is the same header, or any at all */
        char changed[sizeof line];

        memcpy(changed, line, size + 2);
        changed[i] ^= 1;
        if (record_split(slice_from(changed, size + 2), &again, &body, &error) == STATUS_OK)
            ck_assert(again.type != header.type || again.as_of != 12 || again.time_ms != header.time_ms ||
                      again.semantics != 1 || again.number != 0 || !slice_equal(again.tenant, RECORD_TENANT_DEFAULT));
    }
}
END_TEST

/* Written, read, written again; and canonical: members sorted. */
static void check_event(const struct event *event, const char *expected)
{
    struct event again;
    struct error error = {0};
    struct buf body, second, canonical;
    cJSON *json = NULL;

    buf_create(&body, &arena);
    buf_create(&second, &arena);
    buf_create(&canonical, &arena);
    event_write_body(&body, &arena, event);
    ck_assert_msg(slice_equal_str(buf_slice(&body), expected), "%.*s", (int)body.size, body.data);
    ck_assert_msg(event_from_body(&arena, event->type, buf_slice(&body), &again, &error) == STATUS_OK, "%s", error.message);
    event_write_body(&second, &arena, &again);
    ck_assert(slice_equal(buf_slice(&body), buf_slice(&second)));
    ck_assert_int_eq(json_parse(&arena, buf_slice(&body), &json_limits_default, &json, &error), STATUS_OK);
    json_write_canonical(&canonical, &arena, json);
    ck_assert(slice_equal(buf_slice(&body), buf_slice(&canonical)));
    ck_assert_int_eq(event_from_body(&arena, event->type, SLICE("{\"by\":\"admin\"}"), &again, &error), STATUS_CORRUPT);
}

START_TEST(events_of_the_log_itself_come_back)
{
    struct event event = {.type = RECORD_LEDGER_RESTORED, .by = SLICE("admin")};

    event.handover = (struct event_handover){
        .old_key = SLICE("a+1+A"), .new_key = SLICE("b+2+B"), .reason = SLICE("disk"), .size = 7, .root = SLICE("00ff")};
    check_event(
        &event,
        "{\"by\":\"admin\",\"new_key\":\"b+2+B\",\"old_key\":\"a+1+A\",\"reason\":\"disk\",\"root\":\"00ff\",\"size\":7}");
    event.type = RECORD_LEDGER_KEY_ROTATED;
    event.handover = (struct event_handover){.old_key = SLICE("a+1+A"), .new_key = SLICE("a+2+B"), .until_ms = 1785242096789};
    check_event(&event, "{\"by\":\"admin\",\"new_key\":\"a+2+B\",\"old_key\":\"a+1+A\",\"until_ms\":1785242096789}");
    event.type = RECORD_LEDGER_ARCHIVED;
    event.archived =
        (struct event_archived){.from = 0, .to = 256, .root = SLICE("00"), .manifest = SLICE("ff"), .erases = true};
    check_event(&event, "{\"by\":\"admin\",\"erases\":true,\"from\":0,\"manifest\":\"ff\",\"root\":\"00\",\"to\":256}");
    event.archived = (struct event_archived){.from = 256, .to = 512, .root = SLICE("00"), .manifest = SLICE("ff")};
    check_event(&event, "{\"by\":\"admin\",\"from\":256,\"manifest\":\"ff\",\"root\":\"00\",\"to\":512}");
}
END_TEST

START_TEST(an_erasure_comes_back)
{
    struct slice paths[2] = {SLICE("/rationale"), SLICE("/request/context/a~1b")};
    struct event event = {.type = RECORD_DECISION_ERASED, .by = SLICE("admin")};

    event.erased = (struct event_erased){.decision_id = SLICE("id"),
                                         .agent = SLICE("a"),
                                         .reason = SLICE("why"),
                                         .index = 7,
                                         .escalation_id = SLICE("ESC-1"),
                                         .paths = paths,
                                         .path_count = 2};
    check_event(&event,
                "{\"agent\":\"a\",\"by\":\"admin\",\"decision_id\":\"id\",\"escalation_id\":\"ESC-1\",\"index\":7,\"paths\":"
                "[\"/rationale\",\"/request/context/a~1b\"],\"reason\":\"why\"}");
}
END_TEST

/* ---- requests ---- */

static void parse_request(const char *text, struct request *out)
{
    struct error error = {0};

    ck_assert_msg(request_parse(&arena, slice_from_str(text), (struct slice){0}, out, &error) == STATUS_OK, "%s %s",
                  error.where, error.message);
}

static bool learn(const struct request *request, struct slice key, struct digest *out)
{
    struct request_action action = {0};
    bool ok = request_action_learn(&arena, request, RECORD_TENANT_DEFAULT, key, &action);

    *out = action.digest;
    return ok && action.known;
}

START_TEST(the_action_is_what_a_grant_is_bound_to)
{
    struct request a, b;
    struct digest x, y;
    static const char *const same[] = {
        "{\"agent_identity\":\"a\",\"operation\":\"o\",\"context\":{\"p\":1,\"q\":2},\"justification\":\"one\"}",
        "{\"operation\":\"o\",\"agent_identity\":\"a\",\"context\":{\"q\":2.0,\"p\":1e0},\"justification\":\"two\","
        "\"idempotency_key\":\"k\"}"};
    static const char *const other[] = {
        "{\"agent_identity\":\"b\",\"operation\":\"o\",\"context\":{\"p\":1,\"q\":2}}",
        "{\"agent_identity\":\"a\",\"operation\":\"o2\",\"context\":{\"p\":1,\"q\":2}}",
        "{\"agent_identity\":\"a\",\"operation\":\"o\",\"context\":{\"p\":1,\"q\":3}}",
        "{\"agent_identity\":\"a\",\"operation\":\"o\",\"context\":{\"p\":1,\"q\":2},\"command\":\"x\"}",
        "{\"agent_identity\":\"a\",\"operation\":\"o\",\"context\":{\"p\":1,\"q\":2},\"estimated_cost_usd\":\"0.01\"}"};

    parse_request(same[0], &a);
    parse_request(same[1], &b);
    ck_assert(learn(&a, SLICE("key"), &x));
    ck_assert(learn(&b, SLICE("key"), &y));
    ck_assert(digest_equal(&x, &y));
    ck_assert(learn(&b, SLICE("another"), &y));
    ck_assert(!digest_equal(&x, &y));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        parse_request(other[i], &b);
        ck_assert(learn(&b, SLICE("key"), &y));
        ck_assert_msg(!digest_equal(&x, &y), "%s", other[i]);
    }
}
END_TEST

START_TEST(money_in_requests_is_read_as_written)
{
    struct request request;

    parse_request("{\"agent_identity\":\"a\",\"operation\":\"o\",\"estimated_cost_usd\":0.1}", &request);
    ck_assert_int_eq(request.estimated_cost_micro_usd, 100000);
    parse_request("{\"agent_identity\":\"a\",\"operation\":\"o\",\"estimated_cost_usd\":\"12.5\"}", &request);
    ck_assert(slice_equal(json_get_text(request.view, "estimated_cost_usd"), SLICE("12.50")));
}
END_TEST

START_TEST(hmac_is_rfc_4231s)
{
    char key[20], hex[DIGEST_HEX_SIZE];
    const struct slice data = SLICE("Hi There");
    struct digest digest;

    memset(key, 0x0b, sizeof key);
    digest_hmac_sha256(slice_from(key, sizeof key), &data, 1, &digest);
    digest_format(&digest, hex);
    ck_assert_mem_eq(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", DIGEST_HEX_SIZE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto");
    TCase *tests = tcase_create("proto");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, json_accepts_what_rfc_8259_says);
    tcase_add_test(tests, json_refuses_everything_else);
    tcase_add_test(tests, json_finds_duplicates_among_many);
    tcase_add_test(tests, json_makes_the_trees_of_cjson);
    tcase_add_test(tests, json_parse_stops_where_memory_does);
    tcase_add_test(tests, numbers_are_ecmascripts);
    tcase_add_test(tests, numbers_read_back_the_same);
    tcase_add_test(tests, canonical_form_sorts_by_utf16);
    tcase_add_test(tests, member_source_is_the_text_as_written);
    tcase_add_test(tests, money_is_exact);
    tcase_add_test(tests, money_is_written_three_ways);
    tcase_add_test(tests, uuids_increase_and_parse);
    tcase_add_test(tests, records_split_into_what_was_written);
    tcase_add_test(tests, events_of_the_log_itself_come_back);
    tcase_add_test(tests, an_erasure_comes_back);
    tcase_add_test(tests, the_action_is_what_a_grant_is_bound_to);
    tcase_add_test(tests, money_in_requests_is_read_as_written);
    tcase_add_test(tests, hmac_is_rfc_4231s);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
