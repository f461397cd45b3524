#include "wal_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

enum { PENDING_MAX = 4096 };

static const char *const file_names[DISK_FILES] = {"edict-0.wal", "edict-1.wal"};

struct pending {
    int file;
    uint64_t offset, size;
    char *bytes; /* NULL: the file ends at `offset` */
    bool lost;   /* a sync of it has failed: the page cache has it and takes it for written, and the disk has not */
};

struct image {
    char *bytes;
    uint64_t size;
};

static struct {
    pthread_mutex_t mutex;
    bool on, ended;
    char paths[DISK_FILES][64];
    uint64_t inodes[DISK_FILES];
    struct image durable[DISK_FILES];
    struct pending pending[PENDING_MAX];
    size_t count;
    uint64_t left, sync_odds, bad_inode, bad_offset;
    enum disk_end how;
    void (*at_end)(void *context);
    void *context;
    struct model_trace random;
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .left = UINT64_MAX, .bad_offset = UINT64_MAX};

ssize_t __real_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset);
ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice);

void wal_disk_lock(void)
{
    pthread_mutex_lock(&disk.mutex);
}

void wal_disk_unlock(void)
{
    pthread_mutex_unlock(&disk.mutex);
}

/* ---- files in memory ---- */

static void image_resize(struct image *image, uint64_t size)
{
    if (size > image->size) {
        image->bytes = realloc(image->bytes, size);
        ck_assert_ptr_nonnull(image->bytes);
        memset(image->bytes + image->size, 0, size - image->size);
    }
    image->size = size;
}

static void image_put(struct image *image, uint64_t offset, const char *bytes, uint64_t size)
{
    if (offset + size > image->size)
        image_resize(image, offset + size);
    memcpy(image->bytes + offset, bytes, size);
}

static void image_apply(struct image *image, const struct pending *pending)
{
    if (pending->bytes)
        image_put(image, pending->offset, pending->bytes, pending->size);
    else
        image_resize(image, pending->offset);
}

/* Old, new, zeros or rubbish, sector by sector. */
static void image_apply_some(struct image *image, const struct pending *pending)
{
    if (!pending->bytes) {
        if (model_below(&disk.random, 2))
            image_apply(image, pending);
        return;
    }
    for (uint64_t at = 0; at < pending->size; at += DISK_SECTOR) {
        char sector[DISK_SECTOR] = {0};
        uint64_t size = pending->size - at < DISK_SECTOR ? pending->size - at : DISK_SECTOR,
                 draw = model_below(&disk.random, 16);

        if (draw < 7)
            continue;
        if (draw == 14)
            memset(sector, (int)model_random(&disk.random), sizeof sector);
        else if (draw < 14)
            memcpy(sector, pending->bytes + at, size);
        image_put(image, pending->offset + at, sector, size);
    }
}

/* ---- calls ---- */

static int file_of(int fd)
{
    struct stat info;

    if (!disk.on || fstat(fd, &info) != 0)
        return -1;
    for (int file = 0; file < DISK_FILES; file++) {
        if (disk.inodes[file] == info.st_ino)
            return file;
    }
    return -1;
}

/* Once before and once after each call. */
static void step(void)
{
    if (disk.ended || disk.left-- > 0)
        return;
    disk.ended = true;
    disk.at_end(disk.context);
}

enum fate { FATE_KEPT, FATE_GONE, FATE_DURABLE };

/* Decides about all that is pending of a file. */
static void settle_pending(int file, enum fate (*decide)(const struct pending *pending, const struct pending *context),
                           const struct pending *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < disk.count; i++) {
        enum fate fate = disk.pending[i].file == file ? decide(&disk.pending[i], context) : FATE_KEPT;

        if (fate == FATE_KEPT) {
            disk.pending[kept++] = disk.pending[i];
            continue;
        }
        if (fate == FATE_DURABLE)
            image_apply(&disk.durable[file], &disk.pending[i]);
        free(disk.pending[i].bytes);
    }
    disk.count = kept;
}

static enum fate gone_if_lost(const struct pending *pending, const struct pending *context)
{
    (void)context;
    return pending->lost ? FATE_GONE : FATE_KEPT;
}

static enum fate gone_if_overwritten(const struct pending *pending, const struct pending *later)
{
    bool apart = later->offset >= pending->offset + pending->size || pending->offset >= later->offset + later->size;

    return pending->lost && !apart ? FATE_GONE : FATE_KEPT;
}

static enum fate durable_unless_lost(const struct pending *pending, const struct pending *context)
{
    (void)context;
    return pending->lost ? FATE_KEPT : FATE_DURABLE;
}

static void add_pending(int file, uint64_t offset, const void *bytes, uint64_t size)
{
    struct pending pending = {.file = file, .offset = offset, .size = size, .bytes = bytes ? malloc(size) : NULL};

    if (bytes)
        memcpy(pending.bytes, bytes, size);
    settle_pending(file, gone_if_overwritten, &pending);
    ck_assert_uint_lt(disk.count, PENDING_MAX);
    disk.pending[disk.count++] = pending;
}

/* True when the call is one of the disk's. */
static bool before_change(int fd, uint64_t offset, const void *bytes, uint64_t size)
{
    int file;

    wal_disk_lock();
    file = file_of(fd);
    if (file >= 0)
        step();
    if (file >= 0 && !disk.ended)
        add_pending(file, offset, bytes, size);
    wal_disk_unlock();
    return file >= 0;
}

static void after_change(bool ours)
{
    if (!ours)
        return;
    wal_disk_lock();
    step();
    wal_disk_unlock();
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    bool ours = before_change(fd, (uint64_t)offset, bytes, size);
    ssize_t written = __real_pwrite(fd, bytes, size, offset);

    after_change(ours);
    return written;
}

int __wrap_ftruncate(int fd, off_t size)
{
    bool ours = before_change(fd, (uint64_t)size, NULL, 0);
    int result = __real_ftruncate(fd, size);

    after_change(ours);
    return result;
}

static void lose_pending(int file)
{
    for (size_t i = 0; i < disk.count; i++)
        disk.pending[i].lost = disk.pending[i].lost || (disk.pending[i].file == file && disk.pending[i].bytes);
}

/* 1: not one of the disk's. */
static int sync_here(int fd)
{
    int file = file_of(fd);

    if (file < 0)
        return 1;
    step();
    if (disk.sync_odds > 0 && model_below(&disk.random, disk.sync_odds) == 0) {
        lose_pending(file);
        errno = EIO;
        return -1;
    }
    if (!disk.ended)
        settle_pending(file, durable_unless_lost, NULL);
    step();
    return 0;
}

int __wrap_fdatasync(int fd)
{
    int result;

    wal_disk_lock();
    result = sync_here(fd);
    wal_disk_unlock();
    return result == 1 ? __real_fdatasync(fd) : result;
}

ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
    struct stat info;
    uint64_t bad;
    bool fails;

    wal_disk_lock();
    bad = disk.bad_offset;
    fails = bad >= (uint64_t)offset && bad - (uint64_t)offset < size && fstat(fd, &info) == 0 && info.st_ino == disk.bad_inode;
    if (fails)
        disk.bad_offset = UINT64_MAX;
    wal_disk_unlock();
    if (fails) {
        errno = EIO;
        return -1;
    }
    return __real_pread(fd, bytes, size, offset);
}

/* ---- the world ---- */

static void read_durable(int file)
{
    struct stat info;
    int fd = open(disk.paths[file], O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &info), 0);
    disk.inodes[file] = info.st_ino;
    image_resize(&disk.durable[file], 0);
    image_resize(&disk.durable[file], (uint64_t)info.st_size);
    ck_assert_int_eq(__real_pread(fd, disk.durable[file].bytes, (size_t)info.st_size, 0), info.st_size);
    close(fd);
}

void wal_disk_watch(const char *folder)
{
    for (int file = 0; file < DISK_FILES; file++) {
        snprintf(disk.paths[file], sizeof disk.paths[file], "%s/%s", folder, file_names[file]);
        read_durable(file);
    }
    disk.on = true;
}

void wal_disk_forget(void)
{
    disk.on = false;
    for (int file = 0; file < DISK_FILES; file++) {
        free(disk.durable[file].bytes);
        disk.durable[file] = (struct image){0};
    }
    for (size_t i = 0; i < disk.count; i++)
        free(disk.pending[i].bytes);
    disk.count = 0;
}

void wal_disk_end_after(uint64_t calls, enum disk_end how, uint64_t seed, void (*ended)(void *context), void *context)
{
    wal_disk_lock();
    disk.ended = false;
    disk.left = calls;
    disk.how = how;
    disk.random.state = seed;
    disk.at_end = ended;
    disk.context = context;
    wal_disk_unlock();
}

bool wal_disk_has_ended(void)
{
    bool ended;

    wal_disk_lock();
    ended = disk.ended;
    wal_disk_unlock();
    return ended;
}

const char *wal_disk_durable(int file, uint64_t *size)
{
    *size = disk.durable[file].size;
    return disk.ended ? NULL : disk.durable[file].bytes;
}

void wal_disk_fail_syncs(uint64_t odds)
{
    wal_disk_lock();
    disk.sync_odds = odds;
    wal_disk_unlock();
}

void wal_disk_fail_read(uint64_t inode, uint64_t offset)
{
    wal_disk_lock();
    disk.bad_inode = inode;
    disk.bad_offset = offset;
    wal_disk_unlock();
}

static void write_image(const char *path, const struct image *image)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, image->bytes, image->size), (ssize_t)image->size);
    close(fd);
}

/* A file that grew may have grown by less. */
static void cut(struct image *image, uint64_t size_before)
{
    if (image->size > size_before && model_below(&disk.random, 3) == 0)
        image_resize(image, size_before + model_below(&disk.random, image->size - size_before));
}

static void restore_after_power(int file)
{
    uint64_t size = disk.durable[file].size;

    for (size_t i = 0; i < disk.count; i++) {
        if (disk.pending[i].file == file && disk.how == DISK_POWER_ALL && !disk.pending[i].lost)
            image_apply(&disk.durable[file], &disk.pending[i]);
        else if (disk.pending[i].file == file && disk.how == DISK_POWER_SOME)
            image_apply_some(&disk.durable[file], &disk.pending[i]);
    }
    if (disk.how == DISK_POWER_SOME)
        cut(&disk.durable[file], size);
    write_image(disk.paths[file], &disk.durable[file]);
}

static void restore_after_kill(int file)
{
    struct image seen = {0};

    image_put(&seen, 0, disk.durable[file].bytes, disk.durable[file].size);
    for (size_t i = 0; i < disk.count; i++) {
        if (disk.pending[i].file == file)
            image_apply(&seen, &disk.pending[i]);
    }
    write_image(disk.paths[file], &seen);
    free(seen.bytes);
}

/* The page cache is forgotten, and what was in it alone. */
int __wrap_posix_fadvise(int fd, off_t offset, off_t size, int advice)
{
    int file;

    ck_assert_int_eq(advice, POSIX_FADV_DONTNEED);
    ck_assert_int_eq(offset + size, 0);
    wal_disk_lock();
    file = file_of(fd);
    if (file >= 0 && !disk.ended) {
        settle_pending(file, gone_if_lost, NULL);
        restore_after_kill(file);
    }
    wal_disk_unlock();
    return 0;
}

void wal_disk_restore(void)
{
    wal_disk_lock();
    if (!disk.ended) {
        disk.left = 0;
        step();
    }
    for (int file = 0; file < DISK_FILES; file++) {
        if (disk.how == DISK_KILLED)
            restore_after_kill(file);
        else
            restore_after_power(file);
    }
    for (size_t i = 0; disk.how != DISK_KILLED && i < disk.count; i++)
        free(disk.pending[i].bytes);
    if (disk.how != DISK_KILLED)
        disk.count = 0;
    wal_disk_unlock();
}
