#include "ledger/wal.h"

#include "base/fault.h"
#include "base/file.h"
#include "ledger/wal_scan.h"
#include "proto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_INITIAL = 1 << 20, ZEROS = 1 << 20 };

struct wal_file {
    int fd;
    uint64_t key;
    uint64_t end;             /* bytes that it has had */
    uint64_t first, first_at; /* the record that it began with when it was turned to last, or a settlement; where it lies */
    bool needed;              /* of the one that is not current: the store has not flushed since it was left */
};

struct wal {
    char folder[FILE_PATH_MAX];
    struct wal_store store;
    uint64_t file_bytes, file_bytes_max;
    pthread_t thread; /* flushes the store when a file has been left */
    bool started;

    pthread_mutex_t mutex; /* guards all below, also while a record is written */
    pthread_cond_t changed;
    struct wal_file files[WAL_FILES];
    unsigned current;
    uint64_t at;             /* where the next record goes in the current file */
    uint64_t next;           /* its number */
    uint64_t needed, marked; /* the first record that is needed; what the last durable record says about that */
    uint64_t applying;       /* the last record, until the store has applied it; else 0 */
    unsigned holds;
    bool flush_wanted, erasing, stopping;
    struct error error; /* why it failed */
    char *buffer;       /* a record, aligned to blocks */
    size_t capacity;

    _Atomic bool failed; /* written under the mutex */
};

/* ---- writing ---- */

/* Nothing is appended any more: what is on the disk is unknown. */
static enum status give_up(struct wal *wal, const struct error *why)
{
    if (!wal->failed)
        wal->error = *why;
    wal->failed = true;
    pthread_cond_broadcast(&wal->changed);
    return why->status;
}

static enum status io_failed(struct wal *wal, const char *what, struct error *error)
{
    error_set(error, STATUS_IO, wal_file_name(wal->current), "the write-ahead log cannot be %s: %m", what);
    return give_up(wal, error);
}

static enum status failed_before(const struct wal *wal, struct error *error)
{
    *error = wal->error;
    return wal->error.status;
}

static bool write_all(int fd, const char *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return false;
        }
        bytes += n;
        size -= (size_t)n;
        offset += (size_t)n;
    }
    return true;
}

static bool reserve(struct wal *wal, size_t size)
{
    char *buffer;

    if (size <= wal->capacity)
        return true;
    buffer = aligned_alloc(WAL_BLOCK, size * 2);
    if (!buffer)
        return false;
    free(wal->buffer);
    wal->buffer = buffer;
    wal->capacity = size * 2;
    return true;
}

/* To the current file, whatever it has already. */
static enum status write_record(struct wal *wal, struct slice payload, uint64_t needed, struct error *error)
{
    struct wal_file *file = &wal->files[wal->current];
    struct wal_record head = {.number = wal->next, .needed = needed, .payload = payload.size};
    uint64_t size = wal_blocks(payload.size);

    if (!reserve(wal, size)) {
        errno = ENOMEM;
        return io_failed(wal, "written", error);
    }
    if (payload.size > 0)
        memcpy(wal->buffer + WAL_HEADER, payload.data, payload.size);
    memset(wal->buffer + WAL_HEADER + payload.size, 0, size - WAL_HEADER - payload.size);
    wal_write_head(wal->buffer, &head, file->key);
    if (!write_all(file->fd, wal->buffer, size, wal->at))
        return io_failed(wal, "written", error);
    if (fdatasync(file->fd) != 0)
        return io_failed(wal, "synced", error);
    wal->at += size;
    file->end = file->end > wal->at ? file->end : wal->at;
    wal->next++;
    wal->marked = needed;
    return STATUS_OK;
}

/* Before anything that is no longer needed is overwritten, a durable record has to say so: else a reader would miss it. */
static enum status mark(struct wal *wal, struct error *error)
{
    return wal->marked == wal->needed ? STATUS_OK : write_record(wal, (struct slice){0}, wal->needed, error);
}

static bool other_is_free(const struct wal *wal)
{
    return !wal->files[!wal->current].needed && wal->holds == 0;
}

/* What the current file has beyond its usual size, from when the other one could not be had. Where that fails, it stays. */
static void shorten(struct wal_file *file, uint64_t bytes)
{
    if (file->end > bytes && ftruncate(file->fd, (off_t)bytes) == 0)
        file->end = bytes;
}

/* The current file is left for the other one, which is free. */
static enum status turn(struct wal *wal, struct error *error)
{
    enum status status = mark(wal, error);

    if (status != STATUS_OK)
        return status;
    wal->files[wal->current].needed = true;
    wal->current = !wal->current;
    wal->at = WAL_BLOCK;
    wal->files[wal->current].first = wal->next;
    wal->files[wal->current].first_at = wal->at;
    shorten(&wal->files[wal->current], wal->file_bytes);
    return STATUS_OK;
}

static enum status make_room(struct wal *wal, uint64_t size, struct error *error)
{
    enum status status = STATUS_OK;

    if (wal->at + size <= wal->file_bytes || wal->at == WAL_BLOCK)
        return STATUS_OK;
    while (wal->at + size > wal->file_bytes_max && (wal->erasing || !other_is_free(wal)) && !wal->failed)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    if (wal->failed || wal->erasing || !other_is_free(wal))
        return wal->failed ? failed_before(wal, error) : STATUS_OK;
    status = turn(wal, error);
    wal->flush_wanted = true;
    pthread_cond_broadcast(&wal->changed);
    return status;
}

enum status wal_append(struct wal *wal, struct slice payload, struct error *error)
{
    enum status status;

    if (payload.size > WAL_PAYLOAD_MAX) /* nobody would read it */
        return error_set(error, STATUS_INVALID, "", "a record of the write-ahead log has at most %d bytes", WAL_PAYLOAD_MAX);
    pthread_mutex_lock(&wal->mutex);
    status = wal->failed ? failed_before(wal, error) : make_room(wal, wal_blocks(payload.size), error);
    if (status == STATUS_OK)
        status = write_record(wal, payload, wal->needed, error);
    if (status == STATUS_OK)
        wal->applying = wal->next - 1;
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

void wal_applied(struct wal *wal, const struct error *failure)
{
    pthread_mutex_lock(&wal->mutex);
    wal->applying = 0;
    if (failure)
        (void)give_up(wal, failure);
    if (wal->erasing)
        pthread_cond_broadcast(&wal->changed);
    pthread_mutex_unlock(&wal->mutex);
}

/* ---- leaving a file ---- */

/* The store has all that the file that was left holds. */
static void let_go(struct wal *wal)
{
    wal->needed = wal->files[wal->current].first;
    wal->files[!wal->current].needed = false;
}

static void retire(struct wal *wal)
{
    struct error error = {0};
    enum status status;

    wal->flush_wanted = false;
    pthread_mutex_unlock(&wal->mutex);
    status = wal->store.flush(wal->store.context, &error);
    pthread_mutex_lock(&wal->mutex);
    while (wal->holds > 0 && !wal->stopping) /* who holds goes by what was needed when he began */
        pthread_cond_wait(&wal->changed, &wal->mutex);
    if (status == STATUS_OK)
        let_go(wal);
    else
        (void)give_up(wal, &error);
    pthread_cond_broadcast(&wal->changed);
}

static void *wal_thread(void *context)
{
    struct wal *wal = context;

    pthread_mutex_lock(&wal->mutex);
    while (!wal->stopping) {
        if (wal->flush_wanted && !wal->failed)
            retire(wal);
        else
            pthread_cond_wait(&wal->changed, &wal->mutex);
    }
    pthread_mutex_unlock(&wal->mutex);
    return NULL;
}

/* It is a record, too, and not needed itself. Where it cannot be written, all before it is needed still, and copied. */
static enum status write_note(struct wal *wal, struct error *error)
{
    enum status status = write_record(wal, (struct slice){0}, wal->next + 1, error);

    if (status != STATUS_OK)
        return status;
    wal->needed = wal->next;
    wal->files[wal->current].first_at = wal->at;
    return STATUS_OK;
}

enum status wal_settle(struct wal *wal, struct error *error)
{
    enum status status = wal->store.flush(wal->store.context, error);

    pthread_mutex_lock(&wal->mutex);
    /* Who holds may have copied the store as it was before the flush: the note would tell a reader that it has everything. */
    while (status == STATUS_OK && !other_is_free(wal) && !wal->failed)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    if (wal->failed)
        status = failed_before(wal, error);
    if (status == STATUS_OK && wal->needed != wal->next)
        status = write_note(wal, error);
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

/* ---- erasing ---- */

/* A power failure can leave a file that ends within a block, and direct writes are of whole ones. */
static size_t whole_blocks(off_t bytes)
{
    return ((size_t)bytes + WAL_BLOCK - 1) / WAL_BLOCK * WAL_BLOCK;
}

static enum status zero_file(struct wal *wal, unsigned which, struct error *error)
{
    char *zeros = aligned_alloc(WAL_BLOCK, ZEROS);
    int fd = wal->files[which].fd;
    struct stat info;
    bool ok = zeros && fstat(fd, &info) == 0;

    if (zeros)
        memset(zeros, 0, ZEROS);
    for (off_t at = WAL_BLOCK; ok && at < info.st_size; at += ZEROS)
        ok = write_all(fd, zeros, whole_blocks(info.st_size - at < ZEROS ? info.st_size - at : ZEROS), (uint64_t)at);
    ok = ok && fdatasync(fd) == 0;
    free(zeros);
    return ok ? STATUS_OK : error_set(error, STATUS_IO, wal_file_name(which), "the write-ahead log cannot be erased: %m");
}

/* Until nobody else turns to the other file: it is free, and `erasing` keeps it so. */
static enum status begin_erasing(struct wal *wal, struct error *error)
{
    enum status status;

    pthread_mutex_lock(&wal->mutex);
    while ((wal->erasing || !other_is_free(wal)) && !wal->failed)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    status = wal->failed ? failed_before(wal, error) : mark(wal, error);
    wal->erasing = status == STATUS_OK;
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

/* The record before the turn is durable, and may be not yet in the store: a flush would miss it. */
static enum status await_applied(struct wal *wal, struct error *error)
{
    while (wal->applying > 0 && wal->applying < wal->files[wal->current].first && !wal->failed)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    return wal->failed ? failed_before(wal, error) : STATUS_OK;
}

static enum status turn_while_erasing(struct wal *wal, struct error *error)
{
    enum status status;

    pthread_mutex_lock(&wal->mutex);
    status = wal->failed ? failed_before(wal, error) : turn(wal, error);
    if (status == STATUS_OK)
        status = await_applied(wal, error);
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

/* The file that was left is not needed, and a durable record says so; but it stays out of use. That record is not in the file
 * that was left, of which any part may be gone before the rest. */
static enum status leave_for_good(struct wal *wal, struct error *error)
{
    enum status status;

    pthread_mutex_lock(&wal->mutex);
    let_go(wal);
    status = wal->failed ? failed_before(wal, error) : mark(wal, error);
    if (status == STATUS_OK && wal->at == WAL_BLOCK)
        status = write_record(wal, (struct slice){0}, wal->needed, error);
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

static enum status erase_both(struct wal *wal, struct error *error)
{
    enum status status = zero_file(wal, !wal->current, error);

    if (status == STATUS_OK)
        status = turn_while_erasing(wal, error);
    if (status == STATUS_OK)
        status = wal->store.flush(wal->store.context, error);
    if (status == STATUS_OK)
        status = leave_for_good(wal, error);
    return status == STATUS_OK ? zero_file(wal, !wal->current, error) : status;
}

enum status wal_erase(struct wal *wal, struct error *error)
{
    enum status status = begin_erasing(wal, error);

    if (status != STATUS_OK)
        return status;
    status = erase_both(wal, error);
    pthread_mutex_lock(&wal->mutex);
    if (status != STATUS_OK)
        (void)give_up(wal, error);
    wal->erasing = false;
    pthread_cond_broadcast(&wal->changed);
    pthread_mutex_unlock(&wal->mutex);
    return status;
}

/* ---- copying ---- */

void wal_hold(struct wal *wal)
{
    pthread_mutex_lock(&wal->mutex);
    while (wal->erasing && !wal->failed)
        pthread_cond_wait(&wal->changed, &wal->mutex);
    wal->holds++;
    pthread_mutex_unlock(&wal->mutex);
}

void wal_release(struct wal *wal)
{
    pthread_mutex_lock(&wal->mutex);
    wal->holds--;
    pthread_cond_broadcast(&wal->changed);
    pthread_mutex_unlock(&wal->mutex);
}

static enum status copy_range(const struct wal *wal, const char *folder, unsigned which, uint64_t begin, uint64_t end,
                              struct error *error)
{
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
    enum status status = file_path(from, wal->folder, wal_file_name(which), error);

    if (status == STATUS_OK)
        status = file_path(to, folder, wal_file_name(which), error);
    return status == STATUS_OK ? file_copy_range(from, to, begin, end, error) : status;
}

/* What a reader knows that it does not need stays behind; and of the current file what comes after `at`, where the next record
 * may be under way. */
enum status wal_copy(struct wal *wal, const char *folder, struct error *error)
{
    struct wal_file files[WAL_FILES];
    unsigned current;
    enum status status = STATUS_OK;

    pthread_mutex_lock(&wal->mutex);
    memcpy(files, wal->files, sizeof files);
    current = wal->current;
    files[current].end = wal->at;
    files[!current].needed = files[!current].needed || wal->marked != wal->needed;
    pthread_mutex_unlock(&wal->mutex);
    for (unsigned file = 0; status == STATUS_OK && file < WAL_FILES; file++) {
        status = copy_range(wal, folder, file, 0, WAL_BLOCK, error);
        if (status == STATUS_OK && (file == current || files[file].needed))
            status = copy_range(wal, folder, file, files[file].first_at, files[file].end, error);
    }
    return status;
}

/* ---- opening ---- */

static enum status create_file(const char *folder, unsigned which, struct error *error)
{
    char block[WAL_BLOCK];
    uint64_t key;
    enum status status = digest_random(&key, sizeof key, error);

    if (status != STATUS_OK)
        return status;
    wal_write_first(block, key);
    return file_replace(folder, wal_file_name(which), slice_from(block, sizeof block), error);
}

/* The second one first: where there is one alone, nothing has been written yet (wal_scan_open). */
static enum status create_files(const char *folder, const struct wal_scan *scan, struct error *error)
{
    enum status status = STATUS_OK;

    for (unsigned file = WAL_FILES; status == STATUS_OK && file > 0; file--) {
        if (scan->files[file - 1] < 0)
            status = create_file(folder, file - 1, error);
    }
    return status;
}

static enum status open_file(struct wal *wal, unsigned which, bool direct, struct error *error)
{
    char path[FILE_PATH_MAX];
    struct stat info;
    struct wal_file *file = &wal->files[which];
    enum status status = file_path(path, wal->folder, wal_file_name(which), error);

    if (status != STATUS_OK)
        return status;
    file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (direct ? O_DIRECT : 0));
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return error_set(error, STATUS_IO, path, "cannot open the write-ahead log: %m");
    file->end = (uint64_t)info.st_size;
    return STATUS_OK;
}

/* After the last record. */
static void take_position(struct wal *wal, const struct wal_scan *scan)
{
    const struct wal_record *last = wal_scan_last(scan);

    wal->current = last ? last->file : 0;
    wal->at = last ? last->offset + wal_blocks(last->payload) : WAL_BLOCK;
    wal->next = wal->files[wal->current].first = last ? last->number + 1 : 1;
    wal->files[wal->current].first_at = wal->at;
    wal->needed = wal->marked = last ? last->needed : 1;
    for (unsigned file = 0; file < WAL_FILES; file++)
        wal->files[file].key = scan->keys[file];
}

static enum status start_thread(struct wal *wal, struct error *error)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&wal->thread, NULL, wal_thread, wal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    wal->started = failed == 0;
    return wal->started ? STATUS_OK : error_set(error, STATUS_IO, "", "cannot start a thread: %s", strerror(failed));
}

static enum status open_log(struct wal *wal, bool direct, struct error *error)
{
    struct wal_scan scan;
    enum status status = wal_scan_disk(wal->folder, &scan, error);

    if (status == STATUS_OK && scan.files[0] < 0) {
        status = create_files(wal->folder, &scan, error);
        wal_scan_close(&scan);
        if (status == STATUS_OK)
            status = wal_scan_settled(wal->folder, &scan, error);
    }
    if (status != STATUS_OK)
        return status;
    take_position(wal, &scan);
    for (unsigned file = 0; status == STATUS_OK && file < WAL_FILES; file++)
        status = open_file(wal, file, direct, error);
    if (status == STATUS_OK)
        status = wal_scan_apply(&scan, wal->needed, &wal->store, error);
    wal_scan_close(&scan);
    if (status == STATUS_OK)
        status = wal_settle(wal, error);
    return status == STATUS_OK ? start_thread(wal, error) : status;
}

enum status wal_open(const char *folder, bool direct, const struct wal_store *store, struct wal **out, struct error *error)
{
    struct wal *wal = calloc(1, sizeof *wal);
    enum status status;

    if (!wal)
        return error_set(error, STATUS_NO_MEMORY, folder, "out of memory");
    snprintf(wal->folder, sizeof wal->folder, "%s", folder);
    wal->store = *store;
    wal->file_bytes = fault_bound("EDICT_WAL_BYTES", WAL_FILE_BYTES);
    wal->file_bytes_max = wal->file_bytes * (WAL_FILE_BYTES_MAX / WAL_FILE_BYTES);
    for (unsigned file = 0; file < WAL_FILES; file++)
        wal->files[file].fd = -1;
    pthread_mutex_init(&wal->mutex, NULL);
    pthread_cond_init(&wal->changed, NULL);
    status = reserve(wal, BUFFER_INITIAL / 2) ? open_log(wal, direct, error)
                                              : error_set(error, STATUS_NO_MEMORY, folder, "out of memory");
    if (status == STATUS_OK)
        *out = wal;
    else
        wal_close(wal);
    return status;
}

enum status wal_health(struct wal *wal, struct error *error)
{
    if (!atomic_load(&wal->failed))
        return STATUS_OK;
    pthread_mutex_lock(&wal->mutex);
    *error = wal->error;
    pthread_mutex_unlock(&wal->mutex);
    return error->status;
}

void wal_close(struct wal *wal)
{
    if (!wal)
        return;
    if (wal->started) {
        pthread_mutex_lock(&wal->mutex);
        wal->stopping = true;
        pthread_cond_broadcast(&wal->changed);
        pthread_mutex_unlock(&wal->mutex);
        pthread_join(wal->thread, NULL);
    }
    for (unsigned file = 0; file < WAL_FILES; file++) {
        if (wal->files[file].fd >= 0)
            close(wal->files[file].fd);
    }
    pthread_mutex_destroy(&wal->mutex);
    pthread_cond_destroy(&wal->changed);
    free(wal->buffer);
    free(wal);
}
