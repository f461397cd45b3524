/*
 * A store that is opened to be read while another one writes it: before each file or folder that the reader opens, in turn, the
 * writer does something. Whatever it is, the reader has to find one commit's state. The program is linked so that RocksDB's
 * calls come here, too.
 */
#include "live_store.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

enum {
    COMMITS_BEFORE = 5,
    MOMENTS_MAX = 100,
    STEP = MODEL_UNDER_TSAN ? 4 : 1 /* reader and writer take turns: no race to see */
};

typedef void (*writer_act)(struct live_store *live);

static struct live_store live;
/* Of the reader's thread while it opens. */
static _Thread_local bool counts;
static _Thread_local uint64_t calls, moment;
static writer_act act;
static bool acted;

/* ---- calls ---- */

static void count_call(void)
{
    if (!counts || calls++ != moment)
        return;
    counts = false; /* the writer's calls are not the reader's */
    acted = true;
    act(&live);
    counts = true;
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, mode_t) = (int (*)(const char *, int, mode_t))next("open");
    mode_t mode = 0;
    va_list rest;

    va_start(rest, flags);
    if (flags & (O_CREAT | __O_TMPFILE))
        mode = va_arg(rest, mode_t);
    va_end(rest);
    count_call();
    return real(path, flags, mode);
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = (DIR * (*)(const char *)) next("opendir");

    count_call();
    return real(path);
}

/* ---- what the writer does ---- */

static void commit(struct live_store *one, int count)
{
    while (count-- > 0)
        live_store_commit_once(one);
}

static void commit_some(struct live_store *one)
{
    commit(one, 1);
}

static void turn_the_log(struct live_store *one)
{
    commit(one, 40);
}

static void flush_it(struct live_store *one)
{
    char from[8] = {0}, to[8];
    struct error error = {0};

    memset(to, 0xff, sizeof to);
    commit(one, 2);
    ck_assert_int_eq(one->store->ops->scrub(one->store, STORE_PRIVATE, slice_from(from, 8), slice_from(to, 8), &error),
                     STATUS_OK);
    commit(one, 2);
}

static void restart(struct live_store *one)
{
    commit(one, 2);
    live_store_close(one);
    live_store_open(one);
    commit(one, 2);
}

static void restart_otherwise(struct live_store *one)
{
    commit(one, 2);
    live_store_close(one);
    one->async = !one->async;
    live_store_open(one);
    commit(one, 3);
}

static void restart_twice(struct live_store *one)
{
    restart_otherwise(one);
    restart_otherwise(one);
}

/* As a rebuild of the index does. */
static void commit_otherwise(struct live_store *one)
{
    commit(one, 2);
    one->async = !one->async;
    commit(one, 3);
}

static void close_and_open_later(struct live_store *one)
{
    commit(one, 2);
    live_store_close(one);
    one->store = NULL;
}

static const writer_act acts[] = {commit_some,       turn_the_log,  flush_it,         restart,
                                  restart_otherwise, restart_twice, commit_otherwise, close_and_open_later};

enum { ACTS = sizeof acts / sizeof *acts };

/* ---- each moment ---- */

/* Has been there for a while: lives before this one, whose logs may still be there. */
static void make_store(bool async, uint64_t salt)
{
    live_store_begin(&live, salt, true);
    live.trace.state = salt; /* the same each time */
    live.async = async;
    live_store_open(&live);
    commit(&live, COMMITS_BEFORE);
    if (salt % 3 == 0)
        restart_twice(&live);
    if (salt % 2 == 0)
        flush_it(&live);
}

/* False once the reader has made fewer calls than that. */
static bool read_at(uint64_t at, bool async)
{
    struct live_state state;
    bool whole;

    make_store(async, at);
    moment = at;
    calls = 0;
    acted = false;
    counts = true;
    whole = live_store_look(live.folder, true, atomic_load(live.committed), &state, live.wrong);
    counts = false;
    MODEL_CHECK(&live.trace, whole, "at call %llu: %s", (unsigned long long)at, live.wrong);
    if (live.store)
        live_store_close(&live);
    live_store_end(&live);
    return acted;
}

START_TEST(a_reader_sees_one_moment_whatever_the_writer_does)
{
    bool async = _i >= ACTS;
    uint64_t at = 0;

    act = acts[_i % ACTS];
    while (at < MOMENTS_MAX && read_at(at, async))
        at += STEP;
    ck_assert_uint_gt(at, 8);
    ck_assert_uint_lt(at, MOMENTS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store moments");
    TCase *tests = tcase_create("store moments");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, a_reader_sees_one_moment_whatever_the_writer_does, 0, 2 * ACTS);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
