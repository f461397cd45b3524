#include "confine/child.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Our ends of its standard input and output; -1: closed. */
struct child {
    pid_t pid;
    int in, out;
    size_t sent;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the start ---- */

static int spawn(const struct child_run *run, const int in[2], const int out[2], pid_t *pid)
{
    static char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int failed;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawn(pid, run->program, &files, &attributes, run->arguments, no_environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

static enum status start(const struct child_run *run, struct child *child, struct error *error)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, failed = 0;

    /* A socket, because a pipe that nobody reads any more would signal this process. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0 || pipe2(out, O_CLOEXEC) != 0)
        failed = errno;
    if (failed == 0)
        failed = spawn(run, in, out, &child->pid);
    close_end(&in[0]);
    close_end(&out[1]);
    child->in = in[1];
    child->out = out[0];
    if (failed == 0)
        return STATUS_OK;
    close_end(&child->in);
    close_end(&child->out);
    errno = failed;
    return error_set(error, STATUS_UNAVAILABLE, run->program, "cannot be started: %m");
}

/* ---- the exchange ---- */

static void feed(const struct child_run *run, struct child *child)
{
    ssize_t size = send(child->in, run->input.data + child->sent, run->input.size - child->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (size > 0)
        child->sent += (size_t)size;
    if ((size < 0 && errno != EAGAIN && errno != EINTR) || child->sent == run->input.size)
        close_end(&child->in); /* all of it, or as much as it wanted */
}

static enum status drain(struct child_run *run, struct child *child, struct error *error)
{
    char bytes[65536];
    ssize_t size = read(child->out, bytes, sizeof bytes);

    if (size > 0)
        buf_add(&run->output, bytes, (size_t)size);
    else if (size == 0 || errno != EINTR)
        close_end(&child->out);
    if (run->output.failed)
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    if (run->output.size > run->output_max)
        return error_set(error, STATUS_TOO_LARGE, "", "its answer is larger than %zu bytes", run->output_max);
    return STATUS_OK;
}

static enum status exchange(struct child_run *run, struct child *child, uint64_t deadline_ns, struct error *error)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK && child->out >= 0) {
        struct pollfd fds[2] = {{.fd = child->out, .events = POLLIN}, {.fd = child->in, .events = POLLOUT}};

        if (run->cancelled && atomic_load(run->cancelled))
            return error_set(error, STATUS_UNAVAILABLE, "", "was cancelled");
        if (clock_monotonic_ns() > deadline_ns)
            return error_set(error, STATUS_TOO_LARGE, "", "took longer than %u ms", run->time_ms);
        if (poll(fds, 2, CHILD_CANCEL_MS) <= 0)
            continue;
        if (fds[1].revents)
            feed(run, child);
        if (fds[0].revents)
            status = drain(run, child, error);
    }
    return status;
}

/* It has closed its output, or is to end now. */
static enum status reap(struct child_run *run, const struct child *child, enum status status, struct error *error)
{
    int how = 0;

    if (status != STATUS_OK)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &how, 0) < 0 && errno == EINTR)
        ;
    if (status != STATUS_OK)
        return status;
    if (WIFSIGNALED(how))
        return error_set(error, STATUS_TOO_LARGE, "", "was ended by signal %d (%s)", WTERMSIG(how), strsignal(WTERMSIG(how)));
    run->exit_code = WEXITSTATUS(how);
    return STATUS_OK;
}

enum status child_run(struct child_run *run, struct error *error)
{
    struct child child = {.in = -1, .out = -1};
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)run->time_ms * 1000000;
    enum status status = start(run, &child, error);

    if (status != STATUS_OK)
        return status;
    status = exchange(run, &child, deadline_ns, error);
    close_end(&child.in);
    close_end(&child.out);
    return reap(run, &child, status, error);
}
