/* Redaction: what is found in a request, commitments and their rows, records with marks and back. */
#include "proto/decision.h"
#include "proto/redact.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct error error;

static void setup(void)
{
    json_setup();
    arena_create(&arena, 65536, 256u << 20);
    error = (struct error){0};
}

static void teardown(void)
{
    arena_destroy(&arena);
}

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;

    ck_assert_msg(json_parse(&arena, slice_from_str(text), &json_limits_default, &value, &error) == STATUS_OK, "%s: %s", text,
                  error.message);
    return value;
}

static struct slice written(const cJSON *value)
{
    struct buf out;

    buf_create(&out, &arena);
    json_write_canonical(&out, &arena, value);
    return buf_slice(&out);
}

/* ---- what is declared ---- */

START_TEST(only_what_may_be_hidden_is_declared)
{
    static const char *const good[] = {"justification", "command",   "context",     "context.a",
                                       "context.a.b.c", "operation", "in_reply_to", "conversation_id"};
    static const char *const bad[] = {"agent_identity",
                                      "estimated_cost_usd",
                                      "idempotency_key",
                                      "escalation_id",
                                      "facts.now",
                                      "contxt",
                                      "",
                                      ".",
                                      "context.",
                                      ".context",
                                      "context..a",
                                      "command.x",
                                      "justification.y",
                                      "context.a\nb",
                                      "context.\xff"};
    char problem[200], name[REDACT_PATH_MAX + 2];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(redact_path_is_valid(slice_from_str(good[i]), problem, sizeof problem), "%s: %s", good[i], problem);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        problem[0] = '\0';
        ck_assert_msg(!redact_path_is_valid(slice_from_str(bad[i]), problem, sizeof problem), "%s", bad[i]);
        ck_assert_msg(problem[0], "%s", bad[i]);
    }
    ck_assert(!redact_path_is_valid(slice_from("context.a\0b", 11), problem, sizeof problem));
    ck_assert_ptr_null(json_get_slice(parse("{\"a\":1}"), slice_from("a\0\0\0\0", 5)));
    memset(name, 'a', sizeof name);
    memcpy(name, "context.", 8);
    ck_assert(redact_path_is_valid(slice_from(name, REDACT_PATH_MAX), problem, sizeof problem));
    ck_assert(!redact_path_is_valid(slice_from(name, REDACT_PATH_MAX + 1), problem, sizeof problem));
}
END_TEST

static struct redact_paths declare(const char *list)
{
    struct redact_paths paths = {.items = arena_array(&arena, 16, sizeof *paths.items)};
    struct slice rest = arena_copy(&arena, slice_from_str(list));

    while (rest.size > 0) {
        size_t space = slice_find(rest, ' ', 0);

        paths.items[paths.count++] = slice_sub(rest, 0, space);
        rest = space == SIZE_MAX ? (struct slice){0} : slice_sub(rest, space + 1, SIZE_MAX);
    }
    redact_paths_finish(&paths);
    return paths;
}

START_TEST(declarations_add_up)
{
    struct redact_paths paths = declare("context.b context.a.b context.a-b context.a command context.a context.a.b.c");

    ck_assert_uint_eq(paths.count, 4);
    ck_assert(slice_equal_str(paths.items[0], "command"));
    ck_assert(slice_equal_str(paths.items[1], "context.a"));
    ck_assert(slice_equal_str(paths.items[2], "context.a-b"));
    ck_assert(slice_equal_str(paths.items[3], "context.b"));
    ck_assert(!paths.hides_resource_type);
    ck_assert(declare("context").hides_resource_type);
    ck_assert(declare("context.resource_type").hides_resource_type);
    ck_assert(declare("context.resource_type.x").hides_resource_type);
    ck_assert(!declare("context.resource_types").hides_resource_type);
    ck_assert(redact_paths_cover(&paths, SLICE("context.a.x")) && !redact_paths_cover(&paths, SLICE("context.ab")));
}
END_TEST

/* ---- where it is ---- */

START_TEST(every_shape_of_a_field_is_found)
{
    static const struct {
        const char *paths, *view, *found;
    } cases[] = {
        {"context.a", "{\"context\":{\"a\":1,\"b\":2}}", "/request/context/a"},
        {"context.a", "{\"context\":{\"b\":2}}", ""},
        {"context.a", "{}", ""},
        {"context.a", "{\"context\":{\"a\":null}}", "/request/context/a"},
        {"context.a.b", "{\"context\":{\"a\":{\"b\":[1],\"c\":2}}}", "/request/context/a/b"},
        {"context.a.b", "{\"context\":{\"a\":{\"c\":2}}}", ""},
        {"context.a.b", "{\"context\":{\"a\":\"text\"}}", "/request/context/a"},
        {"context.a.b", "{\"context\":{\"a\":[{\"b\":1}]}}", "/request/context/a"},
        {"context.a.b context.a.c", "{\"context\":{\"a\":\"text\"}}", "/request/context/a"},
        {"context.a.b", "{\"context\":{\"a.b\":1}}", "/request/context/a.b"},
        {"context.a.b", "{\"context\":{\"a\":{\"b\":1},\"a.b\":1}}", "/request/context/a/b /request/context/a.b"},
        {"context.a.b.c", "{\"context\":{\"a\":{\"b.c\":1},\"a.b\":{\"c\":1},\"a.b.c\":1}}",
         "/request/context/a/b.c /request/context/a.b/c /request/context/a.b.c"},
        {"context.a/b.c~d", "{\"context\":{\"a/b\":{\"c~d\":1}}}", "/request/context/a~1b/c~0d"},
        {"context", "{\"context\":{}}", "/request/context"},
        {"command justification", "{\"command\":\"x\",\"justification\":\"y\"}", "/request/command /request/justification"},
        {"operation", "{\"operation\":\"delete\"}", ""},
        {"operation", "{\"operation\":\"please delete\"}", "/request/operation"},
        {"operation", "{\"operation\":\"Delete\"}", "/request/operation"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redact_paths paths = declare(cases[i].paths);
        const cJSON *view = parse(cases[i].view);
        struct slice *pointers = NULL;
        size_t count = 0;
        struct buf found;

        buf_create(&found, &arena);
        ck_assert(redact_find(&arena, &paths, view, &pointers, &count));
        for (size_t j = 0; j < count; j++) {
            cJSON *root = json_new_object(&arena);

            buf_add_str(&found, j > 0 ? " " : "");
            buf_add_slice(&found, pointers[j]);
            json_put(root, "request", json_copy(&arena, view));
            ck_assert_ptr_nonnull(redact_resolve(root, pointers[j]));
        }
        ck_assert_msg(slice_equal_str(buf_slice(&found), cases[i].found), "%s in %s: %.*s", cases[i].paths, cases[i].view,
                      (int)found.size, found.data ? found.data : "");
    }
}
END_TEST

START_TEST(pointers_that_lead_nowhere)
{
    static const char *const bad[] = {"/a/b", "/a/0/x", "a", "/a/2", "/a/-1", "/a/00000000000000000000001", "//", "/a/"};
    cJSON *root = parse("{\"a\":[1,{\"b\":2}],\"\":{\"x\":1}}");

    ck_assert_ptr_eq(redact_resolve(root, SLICE("")), root);
    ck_assert_ptr_nonnull(redact_resolve(root, SLICE("/a/1/b")));
    ck_assert_ptr_nonnull(redact_resolve(root, SLICE("//x")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(redact_resolve(root, slice_from_str(bad[i])) == NULL, "%s", bad[i]);
}
END_TEST

/* ---- commitments ---- */

START_TEST(any_changed_byte_of_a_row_is_found)
{
    const char value_text[] = "{\"a\":[1,\"ä\",null],\"b\":true}";
    char row[REDACT_SALT_SIZE + sizeof value_text - 1] = {0};
    struct slice salt = slice_from(row, REDACT_SALT_SIZE);
    struct digest commitment, other;
    cJSON *value = parse(value_text), *back = NULL;

    for (int i = 0; i < REDACT_SALT_SIZE; i++)
        row[i] = (char)(i * 7);
    memcpy(row + REDACT_SALT_SIZE, value_text, sizeof value_text - 1);
    ck_assert(redact_commit(&arena, salt, SLICE("/request/context"), value, &commitment));
    ck_assert_int_eq(redact_open(&arena, slice_from(row, sizeof row), SLICE("/request/context"), &commitment, &back, &error),
                     STATUS_OK);
    ck_assert(json_equal(value, back));
    ck_assert_int_eq(redact_open(&arena, slice_from(row, sizeof row), SLICE("/request/contexT"), &commitment, &back, &error),
                     STATUS_CORRUPT);
    ck_assert(redact_commit(&arena, salt, SLICE("/request/other"), value, &other) && !digest_equal(&commitment, &other));
    for (size_t size = 0; size < sizeof row; size++)
        ck_assert_int_eq(redact_open(&arena, slice_from(row, size), SLICE("/request/context"), &commitment, &back, &error),
                         STATUS_CORRUPT);
    for (size_t i = 0; i < sizeof row * 8; i++) {
        row[i / 8] = (char)(row[i / 8] ^ 1 << i % 8);
        ck_assert_int_eq(
            redact_open(&arena, slice_from(row, sizeof row), SLICE("/request/context"), &commitment, &back, &error),
            STATUS_CORRUPT);
        row[i / 8] = (char)(row[i / 8] ^ 1 << i % 8);
    }
}
END_TEST

/* ---- records ---- */

struct beside {
    const struct decision *decision;
    size_t leave_out; /* rows erased: all below this one */
    struct slice blobs[DECISION_BLOBS_MAX];
};

static enum status load_row(void *context, uint64_t index, struct slice pointer, struct arena *into, struct slice *row,
                            struct error *problem)
{
    const struct beside *beside = context;
    const struct decision_redaction *redaction = beside->decision->redaction;

    ck_assert_uint_eq(index, 7);
    for (size_t i = beside->leave_out; i < redaction->value_count; i++) {
        if (slice_equal(redaction->values[i].pointer, pointer)) {
            *row = arena_copy(into, redaction->values[i].row);
            return STATUS_OK;
        }
    }
    return error_set(problem, STATUS_NOT_FOUND, "", "erased");
}

static enum status load_blob(void *context, const struct digest *hash, struct arena *into, struct slice *bytes,
                             struct error *problem)
{
    const struct beside *beside = context;

    for (size_t i = 0; i < beside->decision->blob_count; i++) {
        if (digest_equal(&beside->decision->blobs[i].hash, hash)) {
            *bytes = arena_copy(into, beside->decision->blobs[i].bytes);
            return STATUS_OK;
        }
    }
    return error_set(problem, STATUS_NOT_FOUND, "", "no blob");
}

static const char secret[] = "s3cr3t";

/* A decision whose request and texts are full of a secret; `size` bytes more of context. */
static void make_decision(struct decision *decision, size_t size)
{
    static struct slice reasons[2] = {{"Plain", 5}, {"About s3cr3t", 12}}, rules_said[1] = {{"no s3cr3t", 9}};
    static struct verdict_rule rules[1] = {{.name = {"r", 1}, .tier = 2}};
    static struct verdict_error errors[1] = {{.rule = {"e", 1}, .message = {"x.lua:1: s3cr3t", 15}, .tier = 2}};
    struct slice salts = arena_copy(&arena, slice_from("0123456789abcdef0123456789abcdefX123456789abcdef0123456789abcdef"
                                                       "Y123456789abcdef0123456789abcdefZ123456789abcdef0123456789abcdef"
                                                       "A123456789abcdef0123456789abcdefB123456789abcdef0123456789abcdef"
                                                       "C123456789abcdef0123456789abcdefD123456789abcdef0123456789abcdef",
                                                       256));
    static const struct slice pointers[] = {{"/request/justification", 22},    {"/request/command", 16},
                                            {"/request/context/p", 18},        {"/request/context/resource_type", 30},
                                            {"/verdict/reasons/1", 18},        {"/verdict/alternatives/0", 23},
                                            {"/verdict/errors/0/message", 25}, {"/rationale", 10}};
    char *filler = arena_alloc(&arena, size + 1);
    struct slice body;

    memset(filler, 'f', size);
    filler[size] = '\0';
    body = arena_printf(
        &arena,
        "{\"agent_identity\":\"a\",\"operation\":\"do\",\"command\":\"%s\",\"justification\":\"%s\",\"context\":{\"p\":{"
        "\"q\":[\"%s\"]},\"resource_type\":\"%s\",\"open\":1,\"filler\":\"%s\"}}",
        secret, secret, secret, secret, filler);
    *decision = (struct decision){.id = SLICE("01a20d40-bfd4-7000-8176-c4aae873a8bf"), .policy_revision = SLICE("sha256:x")};
    ck_assert_msg(request_parse(&arena, body, (struct slice){0}, &decision->request, &error) == STATUS_OK, "%s", error.message);
    decision->facts.now_ms = 1785242096789;
    decision->facts.agent_id = decision->request.agent_identity;
    decision->facts_json = facts_to_json(&arena, &decision->facts);
    decision->verdict = (struct verdict){.tier = 2,
                                         .rules = rules,
                                         .rule_count = 1,
                                         .reasons = reasons,
                                         .reason_count = 2,
                                         .alternatives = rules_said,
                                         .alternative_count = 1,
                                         .errors = errors,
                                         .error_count = 1};
    decision->outcome = DECISION_DENY;
    decision->rationale = SLICE("1. Plain\n2. About s3cr3t");
    decision->next_steps = SLICE("Do not proceed.");
    decision->redact = (struct decision_redact_plan){pointers, salts.data, 8};
}

static void read_back(struct slice body, const struct decision_loader *loader, struct decision *out)
{
    const struct record_header header = {.type = RECORD_DECISION, .time_ms = 1785242096789};

    ck_assert_msg(decision_from_record(&arena, &header, 7, body, loader, out, &error) == STATUS_OK, "%s: %s", error.where,
                  error.message);
}

static struct slice verdict_of(const struct decision *decision)
{
    struct buf out;

    buf_create(&out, &arena);
    verdict_write(&out, &decision->verdict);
    return buf_slice(&out);
}

START_TEST(a_record_keeps_no_secret_and_gives_all_back)
{
    struct decision decision, back = {0};
    struct beside beside = {.decision = &decision};
    const struct decision_loader full = {.load = load_blob, .load_private = load_row, .context = &beside};
    struct buf body;

    make_decision(&decision, _i == 0 ? 10 : 30000); /* in the record, and beside it */
    buf_create(&body, &arena);
    decision_write_body(&body, &arena, &decision);
    ck_assert(!body.failed);
    ck_assert_uint_eq(decision.blob_count, _i == 0 ? 0 : 1);
    ck_assert_ptr_null(memmem(body.data, body.size, secret, sizeof secret - 1));
    for (size_t i = 0; i < decision.blob_count; i++)
        ck_assert_ptr_null(memmem(decision.blobs[i].bytes.data, decision.blobs[i].bytes.size, secret, sizeof secret - 1));
    ck_assert(slice_equal(buf_slice(&body), written(parse(arena_copy(&arena, buf_slice(&body)).data)))); /* canonical */
    read_back(buf_slice(&body), &full, &back);
    ck_assert_uint_eq(back.redaction->missing, 0);
    ck_assert(slice_equal(written(back.request.view), written(decision.request.view)));
    ck_assert(slice_equal(written(back.redaction->request), written(decision.request.view)));
    ck_assert(slice_equal(verdict_of(&back), verdict_of(&decision)) && slice_equal(back.rationale, decision.rationale));
    ck_assert(slice_equal(request_resource_type(&back.request), slice_from_str(secret)));
}
END_TEST

START_TEST(what_is_not_there_has_words_in_its_place)
{
    struct decision decision, marks = {0}, erased = {0};
    struct beside beside = {.decision = &decision, .leave_out = (size_t)_i};
    const struct decision_loader blobs = {.load = load_blob, .context = &beside},
                                 full = {.load = load_blob, .load_private = load_row, .context = &beside};
    struct buf body;

    make_decision(&decision, 10);
    buf_create(&body, &arena);
    decision_write_body(&body, &arena, &decision);
    read_back(buf_slice(&body), &blobs, &marks);
    ck_assert_uint_eq(marks.redaction->missing, 8);
    ck_assert(slice_equal(marks.request.command, SLICE("[redacted]")) && slice_equal(marks.rationale, SLICE("[redacted]")));
    ck_assert(slice_equal(marks.verdict.reasons[0], SLICE("Plain")) &&
              slice_equal(marks.verdict.reasons[1], SLICE("[redacted]")));
    ck_assert_uint_eq(request_resource_type(&marks.request).size, 0);
    ck_assert(slice_equal(written(marks.redaction->request), written(decision.redaction->request)));
    ck_assert(slice_equal(written(marks.redaction->rationale), written(decision.redaction->rationale)));
    read_back(buf_slice(&body), &full, &erased);
    ck_assert_uint_eq(erased.redaction->missing, (size_t)_i);
    if (_i >= 2)
        ck_assert(slice_equal(erased.request.command, SLICE("[erased]")));
    if (_i == 8)
        ck_assert(slice_equal(erased.verdict.errors[0].message, SLICE("[erased]")));
}
END_TEST

/* A record that was tampered with is corrupt or something else, and never a crash. */
START_TEST(a_damaged_record_is_refused_or_read)
{
    struct decision decision, back;
    struct beside beside = {.decision = &decision};
    const struct decision_loader full = {.load = load_blob, .load_private = load_row, .context = &beside};
    const struct record_header header = {.type = RECORD_DECISION, .time_ms = 1785242096789};
    struct buf body;
    char *bytes;
    unsigned seed = 4711;

    make_decision(&decision, 10);
    buf_create(&body, &arena);
    decision_write_body(&body, &arena, &decision);
    bytes = malloc(body.size);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < 20000; i++) {
        struct arena own;

        arena_create(&own, 65536, 64u << 20);
        memcpy(bytes, body.data, body.size);
        for (int change = 0; change < 1 + (int)(i % 3); change++)
            bytes[(size_t)rand_r(&seed) % body.size] = (char)("{}[]\",:/0a$~"[rand_r(&seed) % 12]);
        (void)!decision_from_record(&own, &header, 7, slice_from(bytes, body.size), &full, &back, &error);
        arena_destroy(&own);
    }
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redact");
    TCase *tests = tcase_create("redact");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, only_what_may_be_hidden_is_declared);
    tcase_add_test(tests, declarations_add_up);
    tcase_add_test(tests, every_shape_of_a_field_is_found);
    tcase_add_test(tests, pointers_that_lead_nowhere);
    tcase_add_test(tests, any_changed_byte_of_a_row_is_found);
    tcase_add_loop_test(tests, a_record_keeps_no_secret_and_gives_all_back, 0, 2);
    tcase_add_loop_test(tests, what_is_not_there_has_words_in_its_place, 0, 9);
    tcase_add_test(tests, a_damaged_record_is_refused_or_read);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
