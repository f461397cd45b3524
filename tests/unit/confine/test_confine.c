/* confine, child, judge: what is given up is gone, what is needed works, and every run ends. */
#include "base/clock.h"
#include "confine/child.h"
#include "confine/confine.h"
#include "confine/judge.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- confine_self, in a process of its own ---- */

static char folder[64];

static void make_folder(void)
{
    FILE *file;
    char path[96];

    snprintf(folder, sizeof folder, "/tmp/edict-confine-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/inside", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("x", file);
    fclose(file);
}

static void remove_folder(void)
{
    char path[96];

    snprintf(path, sizeof path, "%s/inside", folder);
    unlink(path);
    rmdir(folder);
}

/* Runs `probe` confined; its result is the exit code. */
static int confined(const char *read_folder, int (*probe)(void))
{
    pid_t pid = fork();
    int how;

    if (pid == 0) {
        const struct confine_options options = {.read_folder = read_folder, .memory_bytes = UINT64_C(1) << 30, .cpu_s = 2};
        struct error error = {0};

        if (confine_self(&options, &error) != STATUS_OK) {
            fprintf(stderr, "%s\n", error.message);
            _exit(100);
        }
        _exit(probe());
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int probe_files(void)
{
    char inside[96], made[96];

    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(made, sizeof made, "%s/made", folder);
    if (!opens(inside, O_RDONLY) || !opens(folder, O_RDONLY | O_DIRECTORY))
        return 1;
    if (opens(inside, O_WRONLY) || opens(inside, O_RDWR) || opens(inside, O_RDONLY | O_TRUNC))
        return 2;
    if (opens(made, O_CREAT | O_RDONLY) || mkdir(made, 0700) == 0 || unlink(inside) == 0 || rename(inside, made) == 0 ||
        symlink("x", made) == 0 || chmod(inside, 0) == 0 || truncate(inside, 0) == 0)
        return 3;
    return opens("/etc/passwd", O_RDONLY) || opens("/proc/self/environ", O_RDONLY) ? 4 : 0;
}

static int probe_no_files(void)
{
    char inside[96];

    snprintf(inside, sizeof inside, "%s/inside", folder);
    return opens(inside, O_RDONLY) || opens("/dev/null", O_WRONLY) ? 1 : 0;
}

static int probe_outside(void)
{
    static char name[] = "true";
    char *const words[] = {name, NULL};
    int ends[2];
    pid_t pid;

    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0)
        return 1;
    pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        return 2;
    if (execve("/bin/true", words, words + 1) == 0)
        return 3;
    return kill(getppid(), 0) == 0 || ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 4 : 0;
}

static void *count(void *number)
{
    *(int *)number += 1;
    return NULL;
}

static int probe_threads(void)
{
    pthread_t thread;
    int number = 0;

    if (pthread_create(&thread, NULL, count, &number) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    return number == 1 ? 0 : 2;
}

static int probe_processor(void)
{
    volatile unsigned number = 0;

    while (number < UINT32_MAX || number == UINT32_MAX)
        number++;
    return 0;
}

START_TEST(files_are_read_in_one_folder_and_written_nowhere)
{
    make_folder();
    ck_assert_int_eq(confined(folder, probe_files), 0);
    ck_assert_int_eq(confined(NULL, probe_no_files), 0);
    remove_folder();
}
END_TEST

START_TEST(there_is_no_way_out)
{
    ck_assert_int_eq(confined(NULL, probe_outside), 0);
}
END_TEST

START_TEST(threads_work)
{
    ck_assert_int_eq(confined(NULL, probe_threads), 0);
}
END_TEST

START_TEST(processor_time_ends)
{
    ck_assert_int_eq(confined(NULL, probe_processor), 1000 + SIGXCPU);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_refused)
{
    ck_assert_int_eq(confined("/nonexistent/folder", probe_threads), 100);
}
END_TEST

/* ---- child_run ---- */

static enum status shell(const char *script, struct slice input, uint32_t time_ms, const _Atomic bool *cancelled,
                         struct child_run *run, struct error *error)
{
    static char name[] = "sh", flag[] = "-c";
    char *words[] = {name, flag, (char *)(uintptr_t)script, NULL};

    *run = (struct child_run){.program = "/bin/sh",
                              .arguments = words,
                              .input = input,
                              .output_max = 1 << 20,
                              .time_ms = time_ms,
                              .cancelled = cancelled};
    buf_create(&run->output, NULL);
    return child_run(run, error);
}

START_TEST(bytes_go_in_and_come_out)
{
    size_t size = 700000;
    char *bytes = malloc(size);
    struct child_run run;
    struct error error = {0};

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'x', size);
    ck_assert_int_eq(shell("cat; exit 7", slice_from(bytes, size), 60000, NULL, &run, &error), STATUS_OK);
    ck_assert_int_eq(run.exit_code, 7);
    ck_assert(slice_equal(buf_slice(&run.output), slice_from(bytes, size)));
    buf_destroy(&run.output);
    ck_assert_int_eq(shell("env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='; ls /proc/self/fd | wc -l; exit 0",
                           slice_from(bytes, size), 60000, NULL, &run, &error),
                     STATUS_OK); /* a child that reads nothing is no error; it has no environment of ours and no descriptors */
    ck_assert_msg(slice_equal_str(buf_slice(&run.output), "4\n"), "%.*s", SLICE_ARG(buf_slice(&run.output)));
    buf_destroy(&run.output);
    free(bytes);
}
END_TEST

START_TEST(every_run_ends)
{
    _Atomic bool cancelled = true;
    struct child_run run;
    struct error error = {0};

    ck_assert_int_eq(shell("sleep 100", SLICE(""), 100, NULL, &run, &error), STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(error.message, "took longer than 100 ms"));
    buf_destroy(&run.output);
    ck_assert_int_eq(shell("sleep 100", SLICE(""), 60000, &cancelled, &run, &error), STATUS_UNAVAILABLE);
    buf_destroy(&run.output);
    ck_assert_int_eq(
        shell("while :; do echo 0123456789012345678901234567890123456789; done", SLICE(""), 60000, NULL, &run, &error),
        STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(error.message, "larger than"));
    buf_destroy(&run.output);
    ck_assert_int_eq(shell("kill -11 $$", SLICE(""), 60000, NULL, &run, &error), STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(error.message, "signal 11"));
    buf_destroy(&run.output);
    run = (struct child_run){.program = "/nonexistent", .arguments = (char *const[]){NULL}, .time_ms = 1000};
    ck_assert_int_eq(child_run(&run, &error), STATUS_UNAVAILABLE);
}
END_TEST

/* ---- judge ---- */

struct counted {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned done, unavailable;
};

static void note_done(struct judge_job *job)
{
    struct counted *counted = job->user;

    pthread_mutex_lock(&counted->mutex);
    counted->done++;
    counted->unavailable += job->status == STATUS_UNAVAILABLE;
    pthread_cond_signal(&counted->changed);
    pthread_mutex_unlock(&counted->mutex);
    buf_destroy(&job->output);
}

/* Jobs here start this very program with words that it does not know: what they do does not matter, only that each comes back.
 */
START_TEST(every_job_comes_back_once)
{
    struct counted counted = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct judge_job jobs[3 * JUDGE_QUEUE_MAX] = {0};
    struct judge *judge = NULL;
    struct error error = {0};
    unsigned taken = 0, count_of = sizeof jobs / sizeof *jobs;

    ck_assert_int_eq(judge_start(&judge, &error), STATUS_OK);
    for (unsigned i = 0; i < count_of; i++) {
        jobs[i] = (struct judge_job){.words = {"probe"}, .time_ms = 60000, .done = note_done, .user = &counted};
        taken += judge_post(judge, &jobs[i]);
    }
    ck_assert_uint_ge(taken, JUDGE_QUEUE_MAX);
    ck_assert_uint_le(taken, count_of);
    judge_stop(judge);
    ck_assert_uint_eq(counted.done, taken);
    ck_assert(!judge_post(judge, &jobs[0]));
    judge_delete(judge);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("confine");
    TCase *tests = tcase_create("confine");
    SRunner *runner;
    int failed;

    if (argc == 3 && strcmp(argv[1], "--confined") == 0)
        return 0; /* a job of the judge's */
    runner = srunner_create(suite);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, files_are_read_in_one_folder_and_written_nowhere);
    tcase_add_test(tests, there_is_no_way_out);
    tcase_add_test(tests, threads_work);
    tcase_add_test(tests, processor_time_ends);
    tcase_add_test(tests, a_folder_that_is_not_there_is_refused);
    tcase_add_test(tests, bytes_go_in_and_come_out);
    tcase_add_test(tests, every_run_ends);
    tcase_add_test(tests, every_job_comes_back_once);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
