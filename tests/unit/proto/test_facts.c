/* Facts that go into a record come back: what a record leaves out follows from the rest. Random facts, seeded. */
#include "base/clock.h"
#include "proto/facts.h"

#include <check.h>
#include <stdlib.h>

enum { ROUNDS = 2000, NOW_MAX_DAYS = 20000 };

static struct arena arena;
static uint64_t seed;

static void setup(void)
{
    json_setup();
    arena_create(&arena, 65536, 64u << 20);
    seed = 20261124;
}

static void teardown(void)
{
    arena_destroy(&arena);
}

/* SplitMix64: the same everywhere. */
static uint64_t random_below(uint64_t limit)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % limit;
}

static bool sometimes(void)
{
    return random_below(3) == 0;
}

/* Zero is what records leave out. */
static int64_t random_number(uint64_t limit)
{
    return sometimes() ? 0 : (int64_t)random_below(limit);
}

static const cJSON *parse(const char *text)
{
    struct error error = {0};
    cJSON *tree = NULL;

    ck_assert_msg(json_parse(&arena, slice_from_str(text), &json_limits_default, &tree, &error) == STATUS_OK, "%s",
                  error.message);
    return tree;
}

static struct facts_counts random_counts(void)
{
    return (struct facts_counts){random_number(50), random_number(50), random_number(50)};
}

static struct facts_windows random_windows(void)
{
    return (struct facts_windows){random_counts(), random_counts(), random_counts()};
}

static void add_grant(struct facts *facts)
{
    static struct slice covers[2] = {SLICE("k8s.scale"), SLICE("cost.over-budget")};
    static struct facts_grant grant;

    grant = (struct facts_grant){.id = SLICE("01a20d40-bfd4-7000-8176-c4aae873a8bf"),
                                 .escalation_id = SLICE("ESC-7"),
                                 .covers = covers,
                                 .cover_count = random_below(3),
                                 .uses_left = 1 + (int64_t)random_below(5),
                                 .expires_at_ms = facts->now_ms + 1 + (int64_t)random_below(3600000)};
    facts->grants = &grant;
    facts->grant_count = 1;
}

static void add_profile(struct facts *facts)
{
    facts->known = true;
    facts->agent_namespace = SLICE("team-\xc3\xa9");
    facts->owner = sometimes() ? (struct slice){0} : SLICE("alice@example.com");
    facts->privileges = sometimes() ? NULL : parse("[\"k8s:read:*\",\"a\"]");
    facts->quota = sometimes() ? NULL : parse("{\"compute\":{\"cpu_cores\":16,\"memory_gb\":0.5}}");
    if (sometimes()) {
        facts->usage = parse("{\"compute\":{\"cpu_cores\":0}}");
        facts->usage_at_ms = facts->now_ms - (int64_t)random_below(1000);
    }
}

static struct facts random_facts(void)
{
    struct facts facts = {.agent_id = SLICE("agent-1"), .now_ms = 1 + (int64_t)random_below(NOW_MAX_DAYS * 86400000ull)};

    facts.period = clock_month(facts.now_ms);
    if (!sometimes())
        add_profile(&facts);
    facts.limit_micro_usd = random_number(1000000000);
    facts.spent_micro_usd = random_number(2000000000);
    facts.reserved_micro_usd = random_number(1000000000);
    facts.estimated_micro_usd = random_number(1000000);
    facts.estimate_stated = sometimes();
    facts.all = random_windows();
    facts.similar = random_windows();
    if (sometimes())
        add_grant(&facts);
    if (sometimes())
        facts.pending_escalation_id = SLICE("ESC-9");
    return facts;
}

static struct slice canonical(const cJSON *tree)
{
    struct buf out;

    ck_assert_ptr_nonnull(tree);
    buf_create(&out, &arena);
    json_write_canonical(&out, &arena, tree);
    ck_assert(!out.failed);
    return buf_slice(&out);
}

static struct slice recorded(const struct facts *facts)
{
    struct buf out;
    struct json_writer writer = {.out = &out};

    buf_create(&out, &arena);
    facts_write(&writer, &arena, facts);
    ck_assert(!out.failed);
    return buf_slice(&out);
}

START_TEST(what_a_record_leaves_out_comes_back)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct facts facts = random_facts(), back;
        struct slice record = recorded(&facts), before, after;
        struct error error = {0};
        cJSON *tree = NULL;

        ck_assert(json_parse(&arena, record, &json_limits_default, &tree, &error) == STATUS_OK);
        ck_assert_msg(slice_equal(record, canonical(tree)), "round %d: not canonical: %.*s", round, SLICE_ARG(record));
        ck_assert_msg(facts_from_json(&arena, tree, &back, &error) == STATUS_OK, "%s: %s", error.where, error.message);
        back.agent_id = facts.agent_id; /* the request names it */
        before = canonical(facts_to_json(&arena, &facts));
        after = canonical(facts_to_json(&arena, &back));
        ck_assert_msg(slice_equal(before, after), "round %d:\n%.*s\n%.*s", round, SLICE_ARG(before), SLICE_ARG(after));
        arena_reset(&arena);
    }
}
END_TEST

START_TEST(a_wrong_type_is_named)
{
    struct error error = {0};
    struct facts facts;

    ck_assert(facts_from_json(&arena, parse("{\"budget\":{\"spent_micro_usd\":\"1\"}}"), &facts, &error) == STATUS_INVALID);
    ck_assert_str_eq(error.where, "/budget/spent_micro_usd");
    ck_assert(facts_from_json(&arena, parse("{\"agent\":[]}"), &facts, &error) == STATUS_INVALID);
    ck_assert_str_eq(error.where, "/agent");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("facts");
    TCase *tests = tcase_create("facts");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_a_record_leaves_out_comes_back);
    tcase_add_test(tests, a_wrong_type_is_named);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
