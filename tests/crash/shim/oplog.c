#include "oplog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 65536, NAMES_MAX = 4096, STALL_POLL_NS = 2 * 1000 * 1000 };

struct name {
    uint32_t object; /* 0: free */
    char path[OPLOG_PATH_MAX];
};

static const char *const kind_names[OPLOG_KIND_COUNT] = {"write", "sync", "meta"};
static const char *const fault_names[] = {"none", "eio", "enospc", "full", "dead", "torn", "short", "die", "stall"};

/* A preloaded library has no main and no context to pass: this is the one place that holds state. */
static struct {
    pthread_mutex_t mutex;
    char root[OPLOG_PATH_MAX]; /* with its slash; empty: off */
    size_t root_size;
    pid_t process; /* what it starts is not watched */
    int log;
    const char *release;
    enum oplog_kind fault_kind;
    enum oplog_fault fault;
    uint64_t fault_at;
    char fault_path[64]; /* counts only what has this in its path; empty: everything */
    uint64_t fault_count;
    uint64_t counts[OPLOG_KIND_COUNT];
    bool full, dead;
    uint32_t last_object;
    _Atomic uint32_t objects[DESCRIPTORS_MAX]; /* by descriptor */
    struct name names[NAMES_MAX];
} shim = {.mutex = PTHREAD_MUTEX_INITIALIZER, .log = -1};

/* ---- what it is told ---- */

static void give_up(const char *what)
{
    fprintf(stderr, "crash shim: %s\n", what);
    _exit(2);
}

/* CRASH_FAULT=kind:number:fault[:part of a path], such as sync:17:eio or write:1:enospc:.sst. */
static void read_fault(const char *text)
{
    char kind[16], fault[16];
    unsigned long long number;

    if (sscanf(text, "%15[a-z]:%llu:%15[a-z]:%63s", kind, &number, fault, shim.fault_path) < 3)
        give_up("CRASH_FAULT is not kind:number:fault[:path]");
    shim.fault_at = number;
    for (int i = 0; i < OPLOG_KIND_COUNT; i++) {
        if (strcmp(kind, kind_names[i]) == 0)
            shim.fault_kind = (enum oplog_kind)i;
    }
    for (size_t i = 0; i < sizeof fault_names / sizeof *fault_names; i++) {
        if (strcmp(fault, fault_names[i]) == 0)
            shim.fault = (enum oplog_fault)i;
    }
    if (strcmp(kind, kind_names[shim.fault_kind]) != 0 || shim.fault == OPLOG_FAULT_NONE)
        give_up("CRASH_FAULT names no such kind or fault");
}

__attribute__((constructor)) static void oplog_start(void)
{
    const char *root = getenv("CRASH_ROOT"), *log = getenv("CRASH_LOG"), *fault = getenv("CRASH_FAULT");

    shim.release = getenv("CRASH_RELEASE");
    if (!root || !log)
        return;
    if (root[0] != '/' || strlen(root) + 2 > sizeof shim.root)
        give_up("CRASH_ROOT is not an absolute path");
    shim.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (shim.log < 0)
        give_up("cannot write CRASH_LOG");
    if (fault)
        read_fault(fault);
    shim.process = getpid();
    shim.root_size = (size_t)snprintf(shim.root, sizeof shim.root, "%s/", root);
}

void oplog_lock(void)
{
    pthread_mutex_lock(&shim.mutex);
}

void oplog_unlock(void)
{
    pthread_mutex_unlock(&shim.mutex);
}

const char *oplog_below(const char *path, char out[OPLOG_PATH_MAX])
{
    size_t size = 0;

    if (shim.root_size == 0 || getpid() != shim.process)
        return NULL;
    if (strncmp(path, shim.root, shim.root_size) != 0)
        return strlen(path) + 1 == shim.root_size && strncmp(path, shim.root, shim.root_size - 1) == 0 ? "" : NULL;
    for (path += shim.root_size; *path && size + 1 < OPLOG_PATH_MAX; path++) {
        if (*path != '/' || (path[1] != '/' && path[1] != '\0'))
            out[size++] = *path;
    }
    out[size] = '\0';
    return out;
}

/* ---- objects and descriptors ---- */

uint32_t oplog_object(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS_MAX ? shim.objects[fd] : 0;
}

void oplog_attach(int fd, uint32_t object)
{
    if (fd >= DESCRIPTORS_MAX)
        give_up("a descriptor above the shim's bound");
    shim.objects[fd] = object;
}

void oplog_detach(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        shim.objects[fd] = 0;
}

static struct name *name_at(const char *path)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (shim.names[i].object && strcmp(shim.names[i].path, path) == 0)
            return &shim.names[i];
    }
    return NULL;
}

static uint32_t name_add(const char *path)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        struct name *name = &shim.names[i];

        if (!name->object) {
            snprintf(name->path, sizeof name->path, "%s", path);
            name->object = ++shim.last_object;
            return name->object;
        }
    }
    give_up("more files than the shim's bound");
    return 0;
}

uint32_t oplog_find(const char *path)
{
    const struct name *name = name_at(path);
    uint32_t object;

    if (name)
        return name->object;
    object = name_add(path);
    oplog_add(OPLOG_EXISTING, object, 0, 0, path, strlen(path));
    return object;
}

uint32_t oplog_create(const char *path, enum oplog_op op)
{
    uint32_t object = name_add(path);

    oplog_add(op, object, 0, 0, path, strlen(path));
    return object;
}

void oplog_renamed(const char *from, const char *to)
{
    struct name *name = name_at(from), *over = name_at(to);

    oplog_add_paths(OPLOG_RENAME, from, to);
    if (over)
        over->object = 0;
    if (name)
        snprintf(name->path, sizeof name->path, "%s", to);
}

void oplog_unlinked(const char *path, enum oplog_op op)
{
    struct name *name = name_at(path);

    oplog_add(op, name ? name->object : 0, 0, 0, path, strlen(path));
    if (name)
        name->object = 0;
}

/* ---- the log ---- */

void oplog_add(enum oplog_op op, uint32_t object, uint64_t offset, uint64_t length, const void *data, size_t size)
{
    struct oplog_record record = {.op = op, .object = object, .offset = offset, .length = length, .data_size = (uint32_t)size};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)(uintptr_t)data, size}};
    int before = errno;

    if (shim.log >= 0 && syscall(SYS_writev, shim.log, parts, size > 0 ? 2 : 1) != (long)(sizeof record + size))
        give_up("cannot write CRASH_LOG");
    errno = before;
}

void oplog_add_paths(enum oplog_op op, const char *from, const char *to)
{
    char both[2 * OPLOG_PATH_MAX];
    int size = snprintf(both, sizeof both, "%s%c%s", from, '\0', to);

    oplog_add(op, 0, 0, 0, both, (size_t)size);
}

void oplog_unseen(const char *what)
{
    oplog_add(OPLOG_UNSEEN, 0, 0, 0, what, strlen(what));
}

/* ---- faults ---- */

static void log_fault(enum oplog_kind kind, enum oplog_fault fault, uint32_t object)
{
    char words[64];
    int size = snprintf(words, sizeof words, "%s:%llu:%s", kind_names[kind], (unsigned long long)shim.counts[kind],
                        fault_names[fault]);

    oplog_add(OPLOG_FAULT, object, 0, 0, words, (size_t)size);
}

static bool is_at(uint32_t object, const char *part)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (object && shim.names[i].object == object)
            return strstr(shim.names[i].path, part) != NULL;
    }
    return false;
}

static enum oplog_fault due(enum oplog_kind kind, uint32_t object)
{
    if (shim.dead)
        return OPLOG_FAULT_DEAD;
    if (shim.full && kind != OPLOG_KIND_SYNC)
        return OPLOG_FAULT_FULL;
    if (kind != shim.fault_kind || (shim.fault_path[0] && !is_at(object, shim.fault_path)))
        return OPLOG_FAULT_NONE;
    return ++shim.fault_count == shim.fault_at ? shim.fault : OPLOG_FAULT_NONE;
}

enum oplog_fault oplog_take(enum oplog_kind kind, uint32_t object)
{
    enum oplog_fault fault;

    shim.counts[kind]++;
    fault = due(kind, object);
    if (fault == OPLOG_FAULT_NONE)
        return fault;
    log_fault(kind, fault, object);
    shim.full |= fault == OPLOG_FAULT_FULL;
    shim.dead |= fault == OPLOG_FAULT_DEAD;
    errno = fault == OPLOG_FAULT_ENOSPC || fault == OPLOG_FAULT_FULL ? ENOSPC : EIO;
    return fault;
}

bool oplog_fails(enum oplog_fault fault)
{
    return fault >= OPLOG_FAULT_EIO && fault <= OPLOG_FAULT_TORN;
}

void oplog_die(void)
{
    for (;;)
        syscall(SYS_exit_group, OPLOG_EXIT_CODE);
}

void oplog_stall(void)
{
    const struct timespec pause = {.tv_nsec = STALL_POLL_NS};

    oplog_unlock();
    while (shim.release && access(shim.release, F_OK) != 0)
        nanosleep(&pause, NULL);
    oplog_lock();
}
