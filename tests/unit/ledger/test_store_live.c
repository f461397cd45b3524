/* A live store, and others that open its folder: read only, beside erasures, and after a kill; each with commits that are
 * synced, and with those that are not. */
#include "live_store.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* For each of the two logs. */
enum { LOOKS = MODEL_UNDER_TSAN ? 3 : 12, KILLS = 4 };

/* ---- readers ---- */

static void *look_again_and_again(void *context)
{
    struct live_store *live = context;

    for (uint64_t i = model_rounds(LOOKS); i > 0 && live_store_look_beside(live); i--)
        continue;
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_reader_of_a_live_store_sees_one_commits_state)
{
    live_store_commit_beside(look_again_and_again, 1, _i == 1);
}
END_TEST

/* ---- scrubs, and readers ---- */

static void *scrub_and_look(void *context)
{
    struct live_store *live = context;
    struct error error = {0};
    char from[8] = {0}, to[8];

    memset(to, 0xff, sizeof to);
    for (uint64_t i = model_rounds(LOOKS / 3); i > 0; i--) {
        if (live->store->ops->scrub(live->store, STORE_PRIVATE, slice_from(from, 8), slice_from(to, 8), &error) != STATUS_OK)
            snprintf(live->wrong, sizeof live->wrong, "scrub: %s", error.message);
        if (live->wrong[0] || !live_store_look_beside(live))
            break;
    }
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_reader_beside_erasures_sees_one_commits_state)
{
    live_store_commit_beside(scrub_and_look, 2, _i == 1);
}
END_TEST

/* ---- a log that is missing ---- */

/* Also of a store that has just been made, and has nothing else in files of RocksDB. */
START_TEST(a_new_store_knows_that_it_has_a_log)
{
    static struct live_store live;
    struct live_state state;
    char path[64];

    live_store_begin(&live, 5, false);
    live_store_open(&live);
    for (int file = 0; file < 2; file++) {
        snprintf(path, sizeof path, "%s/edict-%d.wal", live.folder, file);
        ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert(!live_store_look(live.folder, true, 0, &state, live.wrong));
    ck_assert_msg(strstr(live.wrong, "write-ahead log") && strstr(live.wrong, "missing"), "%s", live.wrong);
    live_store_close(&live);
    ck_assert(!live_store_look(live.folder, false, 0, &state, live.wrong));
    ck_assert_msg(strstr(live.wrong, "write-ahead log") && strstr(live.wrong, "missing"), "%s", live.wrong);
    live_store_end(&live);
}
END_TEST

/* ---- kills ---- */

static void commit_until_killed(struct live_store *live)
{
    struct error error;

    live_store_open(live);
    while (live_store_commit_run(live, &error) == STATUS_OK)
        continue;
    _exit(1);
}

struct seen {
    struct live_state read_only, state;
    char wrong[LIVE_WRONG_MAX];
};

static struct seen *seen_new(void)
{
    struct seen *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(seen, MAP_FAILED);
    return seen;
}

/* In a process of its own: one that has had a store of RocksDB has threads that a child does not have. */
static void look_in_child(const struct live_store *live, struct seen *seen)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)(live_store_look(live->folder, true, atomic_load(live->committed), &seen->read_only, seen->wrong) &&
               live_store_look(live->folder, false, atomic_load(live->committed), &seen->state, seen->wrong));
        _exit(0);
    }
    waitpid(child, &status, 0);
    MODEL_CHECK(&live->trace, WIFEXITED(status) && !seen->wrong[0], "%s", seen->wrong);
}

static void kill_in_the_middle(struct live_store *live, uint64_t target)
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0)
        commit_until_killed(live);
    while (atomic_load(live->committed) < target && waitpid(child, &status, WNOHANG) == 0)
        usleep(100);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself");
}

START_TEST(after_a_kill_it_is_one_commits_state)
{
    static struct live_store live;
    struct seen *seen = seen_new();

    live_store_begin(&live, 4, false);
    live.async = _i == 1;
    for (uint64_t i = model_rounds(KILLS); i > 0; i--) {
        kill_in_the_middle(&live, live.state.past + 1 + model_below(&live.trace, 1500));
        look_in_child(&live, seen);
        ck_assert_uint_eq(seen->read_only.past, seen->state.past);
        live.state = seen->state;
    }
    munmap(seen, sizeof *seen);
    live_store_end(&live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live store");
    TCase *tests = tcase_create("live store");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_loop_test(tests, a_reader_of_a_live_store_sees_one_commits_state, 0, 2);
    tcase_add_loop_test(tests, a_reader_beside_erasures_sees_one_commits_state, 0, 2);
    tcase_add_test(tests, a_new_store_knows_that_it_has_a_log);
    if (!MODEL_UNDER_TSAN)
        tcase_add_loop_test(tests, after_a_kill_it_is_one_commits_state, 0, 2);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
