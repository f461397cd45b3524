#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* gcc and clang say it differently. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define CONFINE_SANITIZED 1
#elif defined __has_feature
#define CONFINE_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define CONFINE_SANITIZED 0
#endif

enum { DESCRIPTORS_MAX = 1024 };

static enum status refused(struct error *error, const char *what)
{
    return error_set(error, STATUS_UNAVAILABLE, "", "this system does not let a process be confined: %s: %m", what);
}

/* ---- resource limits ---- */

/* The hard limit of processor time kills without a name; the soft one says why. */
static enum status limit(int resource, uint64_t value, const char *what, struct error *error)
{
    const struct rlimit both = {.rlim_cur = value, .rlim_max = resource == RLIMIT_CPU ? value + 1 : value};

    return setrlimit((__rlimit_resource_t)resource, &both) == 0 ? STATUS_OK : refused(error, what);
}

static enum status limit_resources(const struct confine_options *options, struct error *error)
{
    enum status status = limit(RLIMIT_CORE, 0, "core files", error);

    if (status == STATUS_OK)
        status = limit(RLIMIT_NOFILE, DESCRIPTORS_MAX, "descriptors", error);
    if (status == STATUS_OK)
        status = limit(RLIMIT_CPU, options->cpu_s, "processor time", error);
#if !CONFINE_SANITIZED /* the shadow memory of sanitizers is address space, too */
    if (status == STATUS_OK)
        status = limit(RLIMIT_AS, options->memory_bytes, "memory", error);
#endif
    return status;
}

/* ---- Landlock ---- */

/* The C library has no functions for these. */
static long landlock(long number, const void *a, size_t b, unsigned c, unsigned d)
{
    return syscall(number, a, b, c, d);
}

static int allow_folder(int rules, const char *folder)
{
    struct landlock_path_beneath_attr below = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
                                               .parent_fd = open(folder, O_PATH | O_CLOEXEC)};
    int failed;

    if (below.parent_fd < 0)
        return -1;
    failed = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    close(below.parent_fd);
    return failed;
}

/* Kernels without it are left with the allow-list, which still refuses to write. */
static enum status limit_files(const char *folder, struct error *error)
{
    /* Every right of the first version, which all later kernels know. */
    const struct landlock_ruleset_attr all = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    int rules = (int)landlock(SYS_landlock_create_ruleset, &all, sizeof all, 0, 0);
    enum status status = STATUS_OK;

    if (rules < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? STATUS_OK : refused(error, "Landlock");
    if ((folder && allow_folder(rules, folder) != 0) || syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        status = refused(error, folder ? folder : "Landlock");
    close(rules);
    return status;
}

/* ---- seccomp ---- */

/* What is left to a process that computes, has threads, and reads files that it may read. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(statfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    SCMP_SYS(readahead),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(membarrier),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getpriority),
    SCMP_SYS(getcpu),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

enum { NOT_TO_READ = O_ACCMODE | O_CREAT | O_TRUNC, NEW_THREAD = CLONE_THREAD | CLONE_VM };

/* What is left on a condition. */
static const struct {
    int call;
    struct scmp_arg_cmp condition;
} conditional[] = {
    /* Files to read, never to write or to make. */
    {SCMP_SYS(open), {1, SCMP_CMP_MASKED_EQ, NOT_TO_READ, O_RDONLY}},
    {SCMP_SYS(openat), {2, SCMP_CMP_MASKED_EQ, NOT_TO_READ, O_RDONLY}},
    /* Threads of this process. */
    {SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, NEW_THREAD, NEW_THREAD}},
    /* Flags of descriptors that are open; no locks, and no owners that get signals. */
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_GETFD, 0}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETFD, 0}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_GETFL, 0}},
    {SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETFL, 0}},
    /* Names of threads, which RocksDB gives. */
    {SCMP_SYS(prctl), {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
};

static int add_rules(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < sizeof conditional / sizeof *conditional && failed == 0; i++)
        failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, conditional[i].call, 1, &conditional[i].condition);
    /* It hides its flags from filters, so the C library is sent to clone. */
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* RocksDB makes sure of its folder even where it only reads: every folder is said to be there, none is made. */
    return failed == 0 ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(EEXIST), SCMP_SYS(mkdir), 0) : failed;
}

static enum status limit_calls(struct error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed = filter ? add_rules(filter) : -ENOMEM;

    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    errno = -failed;
    return failed == 0 ? STATUS_OK : refused(error, "seccomp");
}

enum status confine_self(const struct confine_options *options, struct error *error)
{
    enum status status = limit_resources(options, error);

    if (status == STATUS_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        status = refused(error, "no_new_privs");
    if (status == STATUS_OK)
        status = limit_files(options->read_folder, error);
    return status == STATUS_OK ? limit_calls(error) : status;
}
