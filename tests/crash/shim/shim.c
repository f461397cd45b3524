/*
 * Preloaded into a program under test (LD_PRELOAD): stands between it and the system calls that change files, writes every one
 * below CRASH_ROOT into CRASH_LOG, and makes the one that CRASH_FAULT names fail. Never installed, never linked into anything.
 *
 * The lock is held over a call and its record, so that the log has the order in which things happened; what the program sends
 * to TCP peers is in the same log, so that it also says what had been answered at any moment.
 */
#include "oplog.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The system calls themselves, which nothing can stand in front of. */
static int real_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- opening ---- */

static int open_below(const char *path, const char *name, int flags, mode_t mode)
{
    struct stat info;
    bool there = lstat(path, &info) == 0;
    int fd;

    if (!there && (flags & O_CREAT) && oplog_fails(oplog_take(OPLOG_KIND_META, 0)))
        return -1;
    fd = real_open(path, flags, mode);
    if (fd < 0 || (there && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return fd;
    oplog_attach(fd, there ? oplog_find(name) : oplog_create(name, OPLOG_CREATE));
    if (there && (flags & O_TRUNC) && info.st_size > 0)
        oplog_add(OPLOG_TRUNCATE, oplog_object(fd), 0, 0, NULL, 0);
    return fd;
}

static int open_any(const char *path, int flags, mode_t mode)
{
    char room[OPLOG_PATH_MAX];
    const char *name = oplog_below(path, room);
    int fd;

    if (!name || (flags & O_TMPFILE) == O_TMPFILE) /* a file without a name is in no image */
        return real_open(path, flags, mode);
    oplog_lock();
    fd = open_below(path, name, flags, mode);
    oplog_unlock();
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode = 0;

    va_start(arguments, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return open_any(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode = 0;

    va_start(arguments, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (path[0] == '/' || folder == AT_FDCWD)
        return open_any(path, flags, mode);
    if (oplog_object(folder))
        oplog_unseen("openat relative to a folder below the root");
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_any(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd)
{
    oplog_detach(fd);
    return (int)syscall(SYS_close, fd);
}

/* ---- what is sent ---- */

static uint16_t peer_port(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    if (getpeername(fd, (struct sockaddr *)&address, &size) != 0 || address.sin_family != AF_INET)
        return 0;
    return ntohs(address.sin_port);
}

static void log_sent(uint16_t port, const struct iovec *parts, int count, ssize_t sent)
{
    for (int i = 0; i < count && sent > 0; i++) {
        size_t size = parts[i].iov_len < (size_t)sent ? parts[i].iov_len : (size_t)sent;

        oplog_add(OPLOG_SENT, 0, port, 0, parts[i].iov_base, size);
        sent -= (ssize_t)size;
    }
}

static ssize_t send_parts(int fd, const struct msghdr *message, int flags)
{
    char room[OPLOG_PATH_MAX];
    uint16_t port = oplog_below("/", room) ? 0 : peer_port(fd);
    ssize_t sent;

    if (port == 0)
        return syscall(SYS_sendmsg, fd, message, flags);
    oplog_lock();
    sent = syscall(SYS_sendmsg, fd, message, flags);
    log_sent(port, message->msg_iov, (int)message->msg_iovlen, sent);
    oplog_unlock();
    return sent;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return send_parts(fd, message, flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    struct iovec part = {(void *)(uintptr_t)data, size};

    return send_parts(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, flags);
}

/* ---- writing ---- */

static uint64_t write_offset(int fd, off_t offset)
{
    struct stat info;

    if (offset >= 0)
        return (uint64_t)offset;
    if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &info) == 0)
        return (uint64_t)info.st_size;
    return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

static ssize_t write_bytes(int fd, const void *data, size_t size, off_t offset)
{
    uint64_t at = write_offset(fd, offset);
    ssize_t written = offset >= 0 ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);

    if (written > 0)
        oplog_add(OPLOG_WRITE, oplog_object(fd), at, 0, data, (size_t)written);
    return written;
}

/* What comes through of a write that is cut. Of one past the page cache whole pages do: the kernel takes nothing else. */
static size_t half_of(int fd, size_t size)
{
    enum { PAGE = 4096 };

    return fcntl(fd, F_GETFL) & O_DIRECT ? size / 2 / PAGE * PAGE : size / 2;
}

/* Half of it, and success: what is left can be written next. One byte or page is not less than itself. */
static ssize_t write_short(int fd, const void *data, size_t size, off_t offset)
{
    size_t half = half_of(fd, size);

    return write_bytes(fd, data, half > 0 ? half : size, offset);
}

/* One write to a file below the root, and what is to happen to it. offset -1: where the descriptor stands. */
static ssize_t write_below(int fd, const void *data, size_t size, off_t offset)
{
    enum oplog_fault fault;
    ssize_t written = -1;

    oplog_lock();
    fault = oplog_take(OPLOG_KIND_WRITE, oplog_object(fd));
    if (fault == OPLOG_FAULT_TORN) {
        (void)write_bytes(fd, data, half_of(fd, size), offset);
        errno = EIO;
    } else if (fault == OPLOG_FAULT_SHORT) {
        written = write_short(fd, data, size, offset);
    } else if (!oplog_fails(fault)) {
        written = write_bytes(fd, data, size, offset);
    }
    if (fault == OPLOG_FAULT_DIE)
        oplog_die();
    oplog_unlock();
    return written;
}

ssize_t write(int fd, const void *data, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    uint16_t port;
    ssize_t written;

    if (oplog_object(fd))
        return write_below(fd, data, size, -1);
    port = peer_port(fd);
    if (port == 0)
        return syscall(SYS_write, fd, data, size);
    oplog_lock();
    written = syscall(SYS_write, fd, data, size);
    log_sent(port, &part, 1, written);
    oplog_unlock();
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return oplog_object(fd) ? write_below(fd, data, size, offset) : syscall(SYS_pwrite64, fd, data, size, offset);
}

static ssize_t write_joined(int fd, const struct iovec *parts, int count, off_t offset)
{
    size_t size = 0, at = 0;
    ssize_t written;
    char *bytes;

    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    bytes = malloc(size + 1);
    for (int i = 0; bytes && i < count; i++) {
        memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    written = bytes ? write_below(fd, bytes, size, offset) : -1;
    free(bytes);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    uint16_t port;
    ssize_t written;

    if (oplog_object(fd))
        return write_joined(fd, parts, count, -1);
    port = peer_port(fd);
    if (port == 0)
        return syscall(SYS_writev, fd, parts, count);
    oplog_lock();
    written = syscall(SYS_writev, fd, parts, count);
    log_sent(port, parts, count, written);
    oplog_unlock();
    return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (oplog_object(fd))
        return write_joined(fd, parts, count, offset);
    return syscall(SYS_pwritev, fd, parts, count, (long)offset, 0L);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE) && oplog_object(fd)) {
        oplog_lock();
        oplog_unseen("a file mapped for writing");
        oplog_unlock();
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset); // NOLINT(performance-no-int-to-ptr)
}

/* ---- syncing ---- */

static int sync_below(int fd, long call)
{
    enum oplog_fault fault;
    int result = -1;

    oplog_lock();
    fault = oplog_take(OPLOG_KIND_SYNC, oplog_object(fd));
    if (fault == OPLOG_FAULT_DIE)
        oplog_die();
    if (fault == OPLOG_FAULT_STALL)
        oplog_stall();
    if (!oplog_fails(fault)) {
        result = (int)syscall(call, fd);
        if (result == 0)
            oplog_add(OPLOG_SYNC, oplog_object(fd), 0, 0, NULL, 0);
    }
    oplog_unlock();
    return result;
}

int fsync(int fd)
{
    return oplog_object(fd) ? sync_below(fd, SYS_fsync) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return oplog_object(fd) ? sync_below(fd, SYS_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

/* ---- sizes ---- */

int ftruncate(int fd, off_t size)
{
    int result = -1;

    if (!oplog_object(fd))
        return (int)syscall(SYS_ftruncate, fd, size);
    oplog_lock();
    if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0))) {
        result = (int)syscall(SYS_ftruncate, fd, size);
        if (result == 0)
            oplog_add(OPLOG_TRUNCATE, oplog_object(fd), (uint64_t)size, 0, NULL, 0);
    }
    oplog_unlock();
    return result;
}

/* Reserving room, and giving it back behind the end: neither is in the contents. */
static bool keeps_contents(int fd, int mode, off_t offset)
{
    struct stat info;

    return mode == FALLOC_FL_KEEP_SIZE || ((mode & FALLOC_FL_KEEP_SIZE) && fstat(fd, &info) == 0 && offset >= info.st_size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    int result = -1;

    if (!oplog_object(fd))
        return (int)syscall(SYS_fallocate, fd, mode, offset, size);
    oplog_lock();
    if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0))) {
        result = (int)syscall(SYS_fallocate, fd, mode, offset, size);
        if (result == 0 && mode == 0)
            oplog_add(OPLOG_ALLOCATE, oplog_object(fd), (uint64_t)offset, (uint64_t)size, NULL, 0);
        else if (result == 0 && !keeps_contents(fd, mode, offset))
            oplog_unseen("fallocate with a mode that changes contents");
    }
    oplog_unlock();
    return result;
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

/* ---- names ---- */

static int rename_below(const char *from, const char *to, const char *old, const char *new)
{
    int result = -1;

    oplog_lock();
    if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0)))
        result = (int)syscall(SYS_rename, from, to);
    if (result == 0)
        oplog_renamed(old, new);
    oplog_unlock();
    return result;
}

int rename(const char *from, const char *to)
{
    char old_room[OPLOG_PATH_MAX], new_room[OPLOG_PATH_MAX];
    const char *old = oplog_below(from, old_room), *new = oplog_below(to, new_room);

    return old && new ? rename_below(from, to, old, new) : (int)syscall(SYS_rename, from, to);
}

static int remove_path(const char *path, long call, enum oplog_op op)
{
    char room[OPLOG_PATH_MAX];
    const char *name = oplog_below(path, room);
    int result = -1;

    if (!name)
        return (int)syscall(call, path);
    oplog_lock();
    if (access(path, F_OK) != 0) {
        errno = ENOENT; /* not an operation of the disk */
    } else if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0))) {
        result = (int)syscall(call, path);
        if (result == 0)
            oplog_unlinked(name, op);
    }
    oplog_unlock();
    return result;
}

int unlink(const char *path)
{
    return remove_path(path, SYS_unlink, OPLOG_UNLINK);
}

int rmdir(const char *path)
{
    return remove_path(path, SYS_rmdir, OPLOG_RMDIR);
}

int mkdir(const char *path, mode_t mode)
{
    char room[OPLOG_PATH_MAX];
    const char *name = oplog_below(path, room);
    int result = -1;

    if (!name || access(path, F_OK) == 0)
        return (int)syscall(SYS_mkdir, path, mode);
    oplog_lock();
    if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0))) {
        result = (int)syscall(SYS_mkdir, path, mode);
        if (result == 0)
            oplog_create(name, OPLOG_FOLDER);
    }
    oplog_unlock();
    return result;
}

int link(const char *from, const char *to)
{
    char old_room[OPLOG_PATH_MAX], new_room[OPLOG_PATH_MAX];
    const char *old = oplog_below(from, old_room), *new = oplog_below(to, new_room);
    int result = -1;

    if (!old || !new)
        return (int)syscall(SYS_link, from, to);
    oplog_lock();
    if (!oplog_fails(oplog_take(OPLOG_KIND_META, 0))) {
        result = (int)syscall(SYS_link, from, to);
        if (result == 0)
            oplog_add_paths(OPLOG_LINK, old, new);
    }
    oplog_unlock();
    return result;
}

/*
 * Programs compiled for large files call these names; off_t has 64 bits here either way.
 */
#define SAME_AS(name) __attribute__((alias(#name)))
int open64(const char *path, int flags, ...) SAME_AS(open);
int openat64(int folder, const char *path, int flags, ...) SAME_AS(openat);
int creat64(const char *path, mode_t mode) SAME_AS(creat);
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) SAME_AS(pwrite);
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) SAME_AS(pwritev);
int ftruncate64(int fd, off_t size) SAME_AS(ftruncate);
int fallocate64(int fd, int mode, off_t offset, off_t size) SAME_AS(fallocate);
int posix_fallocate64(int fd, off_t offset, off_t size) SAME_AS(posix_fallocate);
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) SAME_AS(mmap);

/* ---- smaller than life ---- */

/*
 * RocksDB's buffers as CRASH_BUFFER bytes instead of what the program asks for, and compaction after two files instead of four:
 * memtable flushes, new logs and compactions then happen within a scenario of a few hundred kilobytes.
 */
typedef void option_f(void *options, uint64_t value);
typedef void option_int_f(void *options, int value);

static uint64_t buffer_bytes(uint64_t asked)
{
    const char *text = getenv("CRASH_BUFFER");

    return text ? strtoull(text, NULL, 10) : asked;
}

void rocksdb_options_set_write_buffer_size(void *options, size_t size);
void rocksdb_options_set_write_buffer_size(void *options, size_t size)
{
    option_f *next = (option_f *)dlsym(RTLD_NEXT, "rocksdb_options_set_write_buffer_size");
    option_int_f *trigger = (option_int_f *)dlsym(RTLD_NEXT, "rocksdb_options_set_level0_file_num_compaction_trigger");

    next(options, buffer_bytes(size));
    if (buffer_bytes(size) != size)
        trigger(options, 2);
}

void rocksdb_options_set_max_total_wal_size(void *options, uint64_t size);
void rocksdb_options_set_max_total_wal_size(void *options, uint64_t size)
{
    option_f *next = (option_f *)dlsym(RTLD_NEXT, "rocksdb_options_set_max_total_wal_size");

    next(options, 2 * buffer_bytes(size / 2));
}
