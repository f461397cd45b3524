/* Copies of a live store, on its file system and on another one. */
#include "base/file.h"
#include "live_store.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

enum { COPIES = 2 }; /* for each of the two logs */

/* ---- copies ---- */

static void *copy_again_and_again(void *context)
{
    struct live_store *live = context;
    struct error error = {0};
    struct live_state state;
    char folder[64];

    for (uint64_t i = model_rounds(COPIES); i > 0 && !live->wrong[0]; i--) {
        uint64_t committed = atomic_load(live->committed);

        snprintf(folder, sizeof folder, "%s/copy-%llu", live->folder, (unsigned long long)i);
        if (live->store->ops->copy(live->store, folder, &error) != STATUS_OK)
            snprintf(live->wrong, sizeof live->wrong, "copy: %s", error.message);
        else if (live_store_look(folder, true, committed, &state, live->wrong))
            (void)live_store_look(folder, false, committed, &state, live->wrong);
    }
    atomic_store(&live->stop, true);
    return NULL;
}

START_TEST(a_copy_is_one_commits_state)
{
    live_store_commit_beside(copy_again_and_again, 3, _i == 1);
}
END_TEST

/* ---- copies to another file system ---- */

/* A stand-in for one: it cannot be linked into, and copying to it takes as long as commits that the log has no room for, if it
 * is held. A scrub has to wait for its end: the files that are copied have what it is to be rid of. */
struct far_copy {
    struct live_store *live;
    unsigned copies;
    pthread_t scrub; /* beside the last copy */
    _Atomic bool scrubbed;
    bool scrubbed_early;
};

static struct far_copy far;

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
enum status __real_file_copy_tree(const char *from, const char *to, struct error *error);
enum status __wrap_file_copy_tree(const char *from, const char *to, struct error *error);

int __wrap_link(const char *from, const char *to)
{
    if (!far.live)
        return __real_link(from, to);
    errno = EXDEV;
    return -1;
}

static void *scrub_once(void *context)
{
    struct live_store *live = context;
    struct error error = {0};
    char from[8] = {0}, to[8];

    memset(to, 0xff, sizeof to);
    ck_assert_int_eq(live->store->ops->scrub(live->store, STORE_PRIVATE, slice_from(from, 8), slice_from(to, 8), &error),
                     STATUS_OK);
    atomic_store(&far.scrubbed, true);
    return NULL;
}

enum status __wrap_file_copy_tree(const char *from, const char *to, struct error *error)
{
    uint64_t enough = atomic_load(far.live->committed) + 2000;
    enum status status;

    if (far.copies++ > 0)
        pthread_join(far.scrub, NULL);
    atomic_store(&far.scrubbed, false);
    ck_assert_int_eq(pthread_create(&far.scrub, NULL, scrub_once, far.live), 0);
    while (atomic_load(far.live->committed) < enough)
        usleep(100);
    status = __real_file_copy_tree(from, to, error);
    far.scrubbed_early = far.scrubbed_early || atomic_load(&far.scrubbed);
    return status;
}

static void *copy_far(void *context)
{
    far = (struct far_copy){.live = context};
    copy_again_and_again(context);
    if (far.copies > 0)
        pthread_join(far.scrub, NULL);
    return NULL;
}

START_TEST(a_copy_elsewhere_holds_up_no_commits)
{
    live_store_commit_beside(copy_far, 6, _i == 1);
    ck_assert_uint_eq(far.copies, model_rounds(COPIES));
    ck_assert(!far.scrubbed_early);
}
END_TEST

START_TEST(what_a_copy_left_when_it_was_killed_goes)
{
    static struct live_store live;
    char path[64];

    live_store_begin(&live, 7, false);
    snprintf(path, sizeof path, "%s/copying", live.folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    strcat(path, "/files");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    live_store_open(&live);
    ck_assert(!file_exists(path));
    live_store_close(&live);
    live_store_end(&live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store copy");
    TCase *tests = tcase_create("store copy");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 1200);
    tcase_add_loop_test(tests, a_copy_is_one_commits_state, 0, 2);
    tcase_add_loop_test(tests, a_copy_elsewhere_holds_up_no_commits, 0, 2);
    tcase_add_test(tests, what_a_copy_left_when_it_was_killed_goes);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
