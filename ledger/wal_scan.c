#include "ledger/wal_scan.h"

#include "base/file.h"
#include "base/u64le.h"
#include "ledger/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { RECORDS_INITIAL = 1024 };

static const char magic[] = {'E', 'D', 'I', 'C', 'T', 'W', 'A', 'L'};
static const char *const names[WAL_FILES] = {"edict-0.wal", "edict-1.wal"};

const char *wal_file_name(unsigned file)
{
    return names[file];
}

/* ---- blocks ---- */

void wal_write_first(char *block, uint64_t key)
{
    memset(block, 0, WAL_BLOCK);
    memcpy(block, magic, sizeof magic);
    u64le_put(block + 8, WAL_FORMAT);
    u64le_put(block + 16, key);
    u64le_put(block + 24, XXH3_64bits(block, 24));
}

static enum status read_first(const char *block, const char *path, uint64_t *key, struct error *error)
{
    if (memcmp(block, magic, sizeof magic) != 0 || u64le_get(block + 24) != XXH3_64bits(block, 24))
        return error_set(error, STATUS_CORRUPT, path,
                         "the first block of this write-ahead log is damaged; put the file back, or restore a backup");
    if (u64le_get(block + 8) != WAL_FORMAT)
        return error_set(error, STATUS_CONFLICT, path,
                         "the write-ahead log has format %llu, and this program reads format %d; use the release that wrote it",
                         (unsigned long long)u64le_get(block + 8), WAL_FORMAT);
    *key = u64le_get(block + 16);
    return STATUS_OK;
}

static uint64_t record_hash(const char *record, uint64_t payload, uint64_t key)
{
    return XXH3_64bits_withSeed(record + 8, WAL_HEADER - 8 + payload, key);
}

void wal_write_head(char *record, const struct wal_record *head, uint64_t key)
{
    u64le_put(record + 8, head->number);
    u64le_put(record + 16, head->needed);
    u64le_put(record + 24, head->payload);
    u64le_put(record, record_hash(record, head->payload, key));
}

/* ---- reading ---- */

static bool reserve(struct wal_scan *scan, size_t size)
{
    char *bytes;

    if (size <= scan->bytes_capacity)
        return true;
    bytes = realloc(scan->bytes, size * 2);
    if (!bytes)
        return false;
    scan->bytes = bytes;
    scan->bytes_capacity = size * 2;
    return true;
}

/* Bytes read, which are fewer at the end of the file; -1 with errno. */
static ssize_t read_at(int fd, char *out, size_t size, uint64_t offset)
{
    size_t have = 0;

    while (have < size) {
        ssize_t n = pread(fd, out + have, size - have, (off_t)(offset + have));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

/* The rest of a record of `whole` bytes, of which `scan->bytes` has the first `have`. False: with an error of reading, or
 * `*failed` unset when the file ends before. */
static bool read_rest(struct wal_scan *scan, const struct wal_record *record, size_t have, size_t whole, bool *failed)
{
    ssize_t size;

    if (have >= whole)
        return true;
    size =
        reserve(scan, whole) ? read_at(scan->files[record->file], scan->bytes + have, whole - have, record->offset + have) : -1;
    *failed = size < 0;
    return size == (ssize_t)(whole - have);
}

/* False when no record begins there, or one that does not verify or does not end before `end`. An error of reading is told by
 * `*failed`: it is no torn record. */
static bool read_record(struct wal_scan *scan, unsigned file, uint64_t offset, uint64_t end, struct wal_record *record,
                        bool *failed)
{
    ssize_t size = reserve(scan, WAL_BLOCK) ? read_at(scan->files[file], scan->bytes, WAL_BLOCK, offset) : -1;
    size_t whole;

    *failed = size < 0;
    if (size < WAL_HEADER)
        return false;
    *record = (struct wal_record){.number = u64le_get(scan->bytes + 8),
                                  .needed = u64le_get(scan->bytes + 16),
                                  .payload = u64le_get(scan->bytes + 24),
                                  .offset = offset,
                                  .file = file};
    if (record->payload > WAL_PAYLOAD_MAX || record->number == 0 || record->needed == 0 || record->needed > record->number + 1)
        return false;
    whole = WAL_HEADER + record->payload;
    return offset + whole <= end && read_rest(scan, record, (size_t)size, whole, failed) &&
           u64le_get(scan->bytes) == record_hash(scan->bytes, record->payload, scan->keys[file]);
}

static bool add_record(struct wal_scan *scan, const struct wal_record *record)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity ? scan->capacity * 2 : RECORDS_INITIAL;
        struct wal_record *grown = realloc(scan->records, capacity * sizeof *grown);

        if (!grown)
            return false;
        scan->records = grown;
        scan->capacity = capacity;
    }
    scan->records[scan->count++] = *record;
    return true;
}

static enum status scan_file(struct wal_scan *scan, unsigned file, const char *path, struct error *error)
{
    struct wal_record record;
    uint64_t offset = WAL_BLOCK;
    struct stat info;
    bool failed = false;

    if (!reserve(scan, WAL_BLOCK))
        return error_set(error, STATUS_NO_MEMORY, path, "out of memory");
    if (fstat(scan->files[file], &info) != 0 || read_at(scan->files[file], scan->bytes, WAL_BLOCK, 0) < 0)
        return error_set(error, STATUS_IO, path, "cannot read: %m");
    if (info.st_size < WAL_BLOCK)
        return error_set(error, STATUS_CORRUPT, path,
                         "the first block of this write-ahead log is missing; put the file back, or restore a backup");
    if (read_first(scan->bytes, path, &scan->keys[file], error) != STATUS_OK)
        return error->status;
    while (offset < (uint64_t)info.st_size) {
        bool found = read_record(scan, file, offset, (uint64_t)info.st_size, &record, &failed);

        if (failed || (found && !add_record(scan, &record)))
            return error_set(error, failed && errno != ENOMEM ? STATUS_IO : STATUS_NO_MEMORY, path, "cannot read: %m");
        offset += found ? wal_blocks(record.payload) : WAL_BLOCK;
    }
    return STATUS_OK;
}

static void read_head(int fd, char head[WAL_HEADER])
{
    memset(head, 0, WAL_HEADER);
    (void)!read_at(fd, head, WAL_HEADER, WAL_BLOCK);
}

static enum status open_file(const char *folder, struct wal_scan *scan, unsigned file, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, names[file], error);

    if (status != STATUS_OK)
        return status;
    scan->files[file] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (scan->files[file] < 0 && errno != ENOENT)
        return error_set(error, STATUS_IO, path, "cannot open: %m");
    if (scan->files[file] >= 0)
        read_head(scan->files[file], scan->heads[file]);
    return STATUS_OK;
}

static enum status scan_files(const char *folder, struct wal_scan *scan, struct error *error)
{
    char path[FILE_PATH_MAX];
    enum status status = STATUS_OK;

    for (unsigned file = 0; status == STATUS_OK && file < WAL_FILES; file++)
        status = open_file(folder, scan, file, error);
    for (unsigned file = 0; status == STATUS_OK && file < WAL_FILES; file++) {
        status = file_path(path, folder, names[file], error);
        if (status == STATUS_OK && scan->files[file] >= 0)
            status = scan_file(scan, file, path, error);
    }
    return status;
}

/* What is written after a turn, and the zeros of an erasure, come to the first record first. */
bool wal_scan_stayed(const struct wal_scan *scan)
{
    char head[WAL_HEADER];

    for (unsigned file = 0; file < WAL_FILES; file++) {
        if (scan->files[file] < 0)
            continue;
        read_head(scan->files[file], head);
        if (memcmp(head, scan->heads[file], WAL_HEADER) != 0)
            return false;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct wal_record *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

static enum status half_is_missing(const char *folder, unsigned file, struct error *error)
{
    return error_set(error, STATUS_CORRUPT, folder, "the half %s of the write-ahead log is missing; put it back", names[file]);
}

enum status wal_scan_open(const char *folder, struct wal_scan *scan, struct error *error)
{
    enum status status;

    *scan = (struct wal_scan){.files = {-1, -1}};
    status = scan_files(folder, scan, error);
    /* The second file is made before the first one, and nothing is written before both are there. */
    if (status == STATUS_OK && scan->files[0] >= 0 && scan->files[1] < 0)
        status = half_is_missing(folder, 1, error);
    if (status == STATUS_OK && scan->files[0] < 0 && scan->count > 0)
        status = half_is_missing(folder, 0, error);
    if (status == STATUS_OK && scan->count > 0)
        qsort(scan->records, scan->count, sizeof *scan->records, by_number);
    if (status != STATUS_OK)
        wal_scan_close(scan);
    return status;
}

void wal_scan_close(struct wal_scan *scan)
{
    for (unsigned file = 0; file < WAL_FILES; file++) {
        if (scan->files[file] >= 0)
            close(scan->files[file]);
    }
    free(scan->records);
    free(scan->bytes);
    *scan = (struct wal_scan){.files = {-1, -1}};
}

/* ---- what was found ---- */

const struct wal_record *wal_scan_last(const struct wal_scan *scan)
{
    return scan->count > 0 ? &scan->records[scan->count - 1] : NULL;
}

const struct wal_record *wal_scan_find(const struct wal_scan *scan, uint64_t number)
{
    struct wal_record wanted = {.number = number};

    return scan->count > 0 ? bsearch(&wanted, scan->records, scan->count, sizeof wanted, by_number) : NULL;
}

enum status wal_scan_whole(const struct wal_scan *scan, uint64_t needed, struct error *error)
{
    const struct wal_record *last = wal_scan_last(scan);

    for (uint64_t number = needed; last && number < last->number; number++) {
        if (!wal_scan_find(scan, number))
            return error_set(
                error, STATUS_CORRUPT, "",
                "record %llu of the write-ahead log is damaged or missing, though record %llu, which was written when "
                "it was durable, is there: the disk has lost what was answered. Restore a backup",
                (unsigned long long)number, (unsigned long long)last->number);
    }
    return STATUS_OK;
}

enum status wal_scan_payload(struct wal_scan *scan, const struct wal_record *record, struct slice *payload, struct error *error)
{
    struct wal_record found;
    bool failed = false;

    if (!read_record(scan, record->file, record->offset, UINT64_MAX, &found, &failed) || found.number != record->number)
        return failed ? error_set(error, STATUS_IO, names[record->file], "cannot read: %m")
                      : error_set(error, STATUS_CONFLICT, names[record->file],
                                  "the write-ahead log went on while it was read: record %llu is gone",
                                  (unsigned long long)record->number);
    *payload = slice_from(scan->bytes + WAL_HEADER, found.payload);
    return STATUS_OK;
}
