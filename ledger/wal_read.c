#include "base/file.h"
#include "ledger/wal.h"
#include "ledger/wal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    READ_TRIES = 1000,    /* while it goes on */
    READ_TRIES_QUIET = 4, /* one after the other that find the same: nobody is writing, and it is damaged */
    READ_PAUSE_US = 2000
};

bool wal_exists(const char *folder)
{
    char path[FILE_PATH_MAX];
    struct error error;

    return file_path(path, folder, wal_file_name(0), &error) == STATUS_OK && file_exists(path);
}

enum status wal_scan_apply(struct wal_scan *scan, uint64_t needed, const struct wal_store *store, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < scan->count; i++) {
        struct slice payload;

        if (scan->records[i].number < needed || scan->records[i].payload == 0)
            continue;
        status = wal_scan_payload(scan, &scan->records[i], &payload, error);
        if (status == STATUS_OK)
            status = store->apply(store->context, payload, error);
    }
    return status;
}

struct look {
    uint64_t newest; /* the number of the last record */
    bool stayed;
};

static enum status look(const char *folder, struct wal_scan *scan, struct look *out, struct error *error)
{
    enum status status = wal_scan_open(folder, scan, error);
    const struct wal_record *last = status == STATUS_OK ? wal_scan_last(scan) : NULL;

    out->newest = last ? last->number : 0;
    out->stayed = status != STATUS_OK || wal_scan_stayed(scan);
    if (last && out->stayed)
        status = wal_scan_whole(scan, last->needed, error);
    if (status != STATUS_OK || !out->stayed)
        wal_scan_close(scan);
    return status;
}

/* At each moment it is whole. But its files are read one after the other: what was in the second one may have gone on in the
 * first one after that was read. */
enum status wal_scan_settled(const char *folder, struct wal_scan *scan, struct error *error)
{
    struct look before = {0}, now;

    for (int i = 0, quiet = 0; i < READ_TRIES; i++) {
        enum status status = look(folder, scan, &now, error);

        quiet = now.stayed && now.newest == before.newest ? quiet + 1 : 1;
        if (now.stayed && (status != STATUS_CORRUPT || quiet == READ_TRIES_QUIET))
            return status;
        before = now;
        (void)usleep(READ_PAUSE_US);
    }
    return error_set(error, STATUS_CONFLICT, folder, "the write-ahead log goes on faster than it can be read");
}

/*
 * Synced before anything in it is relied upon: a process that was killed may have written a record and not have synced it. The
 * store would get it before the disk has it, and could keep a part of it where the disk then loses it. And read from the disk:
 * where a sync has failed, the page cache takes for written what is nowhere else, and the next sync finds nothing to do.
 */
static enum status sync_file(const char *folder, unsigned which, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, wal_file_name(which), error);
    int fd = status == STATUS_OK ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (status != STATUS_OK || (fd < 0 && errno == ENOENT))
        return status;
    if (fd < 0 || fdatasync(fd) != 0)
        status = error_set(error, STATUS_IO, path, "cannot sync the write-ahead log: %m");
    else
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status wal_scan_disk(const char *folder, struct wal_scan *scan, struct error *error)
{
    enum status status = STATUS_OK;

    for (unsigned file = 0; status == STATUS_OK && file < WAL_FILES; file++)
        status = sync_file(folder, file, error);
    return status == STATUS_OK ? wal_scan_settled(folder, scan, error) : status;
}

enum status wal_needed(const char *folder, uint64_t *needed, struct error *error)
{
    struct wal_scan scan;
    enum status status = wal_scan_settled(folder, &scan, error);
    const struct wal_record *found = status == STATUS_OK ? wal_scan_last(&scan) : NULL;

    *needed = found ? found->needed : 1;
    if (status == STATUS_OK)
        wal_scan_close(&scan);
    return status;
}

/* The store has been flushed since; what followed may have gone to it past this log, and the reader's copy of it may have that.
 */
static bool settled_since(const struct wal_scan *scan, uint64_t needed)
{
    for (size_t i = scan->count; i > 0 && scan->records[i - 1].number >= needed; i--) {
        if (scan->records[i - 1].needed > scan->records[i - 1].number)
            return true;
    }
    return false;
}

enum status wal_read(const char *folder, uint64_t needed, const struct wal_store *store, struct error *error)
{
    struct wal_scan scan;
    enum status status = wal_scan_settled(folder, &scan, error);
    const struct wal_record *last = status == STATUS_OK ? wal_scan_last(&scan) : NULL;

    if (status != STATUS_OK)
        return status;
    if ((last ? last->number : 0) + 1 < needed || settled_since(&scan, needed) ||
        wal_scan_whole(&scan, needed, error) != STATUS_OK)
        status = error_set(error, STATUS_CONFLICT, folder, "the write-ahead log went on while it was read; try again");
    if (status == STATUS_OK)
        status = wal_scan_apply(&scan, needed, store, error);
    wal_scan_close(&scan);
    return status;
}
