/* Replay says where another runtime decided. */
#include "engine/replay.h"
#include "proto/event.h"

#include <check.h>

static void put_activation(struct store *store, struct arena *arena, char index, const char *runtime)
{
    struct event event = {.type = RECORD_POLICY_ACTIVATED, .by = SLICE("admin")};
    const struct record_header fields = {
        .type = RECORD_POLICY_ACTIVATED, .tenant = RECORD_TENANT_DEFAULT, .semantics = 1, .time_ms = 1785242096789};
    char header[RECORD_HEADER_MAX], key[8] = {0}, head[48] = {0};
    struct store_batch *batch = store->ops->batch_new(store);
    struct error error;
    struct buf body;
    struct slice parts[2];

    event.policy.revision = SLICE("sha256:00");
    event.policy.runtime = slice_from_str(runtime);
    buf_create(&body, arena);
    event_write_body(&body, arena, &event);
    parts[0] = slice_from(header, record_write_header(&fields, header));
    parts[1] = buf_slice(&body);
    key[7] = index;
    head[7] = (char)(index + 1);
    batch->ops->put(batch, STORE_ENTRIES, slice_from(key, sizeof key), parts, 2);
    store_put(batch, STORE_META, SLICE("head"), slice_from(head, sizeof head));
    ck_assert_int_eq(store->ops->commit(store, batch, true, &error), STATUS_OK);
    store->ops->batch_delete(batch);
}

START_TEST(another_runtime_is_counted)
{
    struct store *store = NULL;
    struct replay_result result;
    struct arena arena;
    struct error error = {0};
    char runtime[POLICY_RUNTIME_MAX];

    json_setup();
    arena_create(&arena, 4096, 1 << 20);
    policy_runtime(runtime);
    ck_assert_msg(strstr(runtime, "semantics 1, Lua 5.") == runtime && strstr(runtime, ", PCRE2 1"), "%s", runtime);
    ck_assert_int_eq(store_open_memory(&store, &error), STATUS_OK);
    put_activation(store, &arena, 0, runtime);
    put_activation(store, &arena, 1, "");
    put_activation(store, &arena, 2, "semantics 1, Lua 5.3.9, PCRE2 9");
    ck_assert_msg(replay_run(&(struct replay_options){.store = store, .threads = 1}, &result, &error) == STATUS_OK, "%s",
                  error.message);
    ck_assert_uint_eq(result.entries, 3);
    ck_assert_uint_eq(result.other_runtimes, 1);
    store->ops->close(store);
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tests = tcase_create("replay");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, another_runtime_is_counted);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
