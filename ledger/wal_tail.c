#include "ledger/wal_tail.h"

#include "base/file.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAL_BLOCK = 32768, WAL_HEADER = 7, WAL_FULL = 1, WAL_FIRST = 2, WAL_LAST = 4 };

struct wal {
    const unsigned char *bytes;
    size_t size;
    uint32_t table[256]; /* of CRC-32C */
};

static void fill_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;

        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? UINT32_C(0x82f63b78) : 0);
        table[i] = value;
    }
}

static uint32_t masked_crc(const struct wal *wal, const unsigned char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++)
        crc = wal->table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    crc = ~crc;
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

/* ---- records ---- */

static size_t block_end(const struct wal *wal, size_t at)
{
    size_t end = (at / WAL_BLOCK + 1) * WAL_BLOCK;

    return end < wal->size ? end : wal->size;
}

/* The type of a whole record that begins here, and where it ends; 0 when there is none. */
static int record_at(const struct wal *wal, size_t at, size_t *end)
{
    uint32_t crc;
    uint16_t length;

    if (block_end(wal, at) - at < WAL_HEADER)
        return 0;
    memcpy(&crc, wal->bytes + at, sizeof crc);
    memcpy(&length, wal->bytes + at + 4, sizeof length);
    *end = at + WAL_HEADER + le16toh(length);
    if (*end > block_end(wal, at) || wal->bytes[at + 6] < WAL_FULL || wal->bytes[at + 6] > WAL_LAST)
        return 0;
    return masked_crc(wal, wal->bytes + at + 6, *end - at - 6) == le32toh(crc) ? wal->bytes[at + 6] : 0;
}

/* Too short for a record: the rest of a block, of zeros. */
static size_t skip_trailer(const struct wal *wal, size_t at)
{
    size_t end = (at / WAL_BLOCK + 1) * WAL_BLOCK;

    return end - at < WAL_HEADER ? (end < wal->size ? end : wal->size) : at;
}

/* Where the first thing that is no whole record begins; the size when there is none. */
static size_t find_damage(const struct wal *wal)
{
    size_t at = 0, end;

    for (at = skip_trailer(wal, 0); at < wal->size && record_at(wal, at, &end); at = skip_trailer(wal, end))
        ;
    return at;
}

/* Does a write begin after `at`? In this block anywhere; in later ones only where records do. */
static bool begins_again(const struct wal *wal, size_t at)
{
    size_t end = block_end(wal, at), next;
    int type;

    for (size_t i = at + 1; i < end; i++) {
        type = record_at(wal, i, &next);
        if (type == WAL_FULL || type == WAL_FIRST)
            return true;
    }
    for (size_t i = end; i < wal->size; i = type ? skip_trailer(wal, next) : block_end(wal, i)) {
        type = record_at(wal, i, &next);
        if (type == WAL_FULL || type == WAL_FIRST)
            return true;
    }
    return false;
}

/* ---- files ---- */

/* False when it cannot be read. An empty file has no bytes and is readable. */
static bool map_log(int fd, struct wal *wal)
{
    struct stat info;
    void *bytes = NULL;

    if (fd < 0 || fstat(fd, &info) != 0)
        return false;
    if (info.st_size > 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    wal->size = (size_t)info.st_size;
    wal->bytes = bytes;
    fill_table(wal->table);
    return bytes != MAP_FAILED;
}

static void unmap_log(const struct wal *wal)
{
    if (wal->size > 0)
        munmap((void *)(uintptr_t)wal->bytes, wal->size);
}

static bool log_is_good(const char *path, bool newest)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct wal wal;
    size_t damage;
    bool good = map_log(fd, &wal);

    if (good) {
        damage = find_damage(&wal);
        good = damage == wal.size || (newest && !begins_again(&wal, damage));
        unmap_log(&wal);
    }
    if (fd >= 0)
        close(fd);
    return good;
}

static bool current_manifest(const char *folder, char path[FILE_PATH_MAX])
{
    enum { NAME_MAX_BYTES = 64 };
    struct arena arena;
    struct slice name;
    struct error error;
    bool ok;

    arena_create(&arena, 256, 4096);
    ok = file_path(path, folder, "CURRENT", &error) == STATUS_OK &&
         file_read(path, &arena, NAME_MAX_BYTES, &name, NULL, &error) == STATUS_OK &&
         slice_starts_with(name, SLICE("MANIFEST-")) && slice_ends_with(name, SLICE("\n")) &&
         snprintf(path, FILE_PATH_MAX, "%s/%.*s", folder, (int)name.size - 1, name.data) < FILE_PATH_MAX;
    arena_destroy(&arena);
    return ok;
}

bool wal_tail_cut_manifest(const char *folder)
{
    char path[FILE_PATH_MAX];
    int fd = current_manifest(folder, path) ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    struct wal wal;
    size_t damage;
    bool cut = map_log(fd, &wal);

    if (cut) {
        damage = find_damage(&wal);
        cut = damage > 0 && damage < wal.size && !begins_again(&wal, damage);
        unmap_log(&wal);
        cut = cut && ftruncate(fd, (off_t)damage) == 0 && fsync(fd) == 0;
    }
    if (fd >= 0)
        close(fd);
    return cut;
}

static unsigned long long log_number(const char *name)
{
    char *end;
    unsigned long long number = strtoull(name, &end, 10);

    return end > name && strcmp(end, ".log") == 0 ? number : 0;
}

static unsigned long long newest_log(DIR *dir)
{
    unsigned long long newest = 0;
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        if (log_number(entry->d_name) > newest)
            newest = log_number(entry->d_name);
    }
    rewinddir(dir);
    return newest;
}

bool wal_tail_is_torn(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned long long newest = dir ? newest_log(dir) : 0;
    const struct dirent *entry;
    bool torn = newest > 0;

    while (torn && (entry = readdir(dir))) {
        char path[FILE_PATH_MAX];
        struct error error;
        unsigned long long number = log_number(entry->d_name);

        if (number > 0)
            torn = file_path(path, folder, entry->d_name, &error) == STATUS_OK && log_is_good(path, number == newest);
    }
    if (dir)
        closedir(dir);
    return torn;
}

/* ---- what is there ---- */

static unsigned long long log_or_manifest(const char *name)
{
    static const char manifest[] = "MANIFEST-";

    return strncmp(name, manifest, sizeof manifest - 1) == 0 ? strtoull(name + sizeof manifest - 1, NULL, 10)
                                                             : log_number(name);
}

void wal_tail_list(const char *folder, struct wal_tail_logs *logs)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    logs->count = 0;
    while (dir && logs->count < WAL_TAIL_LOGS_MAX && (entry = readdir(dir))) {
        unsigned long long number = log_or_manifest(entry->d_name);

        if (number > 0)
            logs->numbers[logs->count++] = number;
    }
    if (dir)
        closedir(dir);
}

static bool is_listed(const struct wal_tail_logs *logs, unsigned long long number)
{
    size_t i = 0;

    while (i < logs->count && logs->numbers[i] != number)
        i++;
    return i < logs->count;
}

bool wal_tail_stayed(const char *folder, const struct wal_tail_logs *before)
{
    struct wal_tail_logs now;
    bool stayed = before->count < WAL_TAIL_LOGS_MAX;

    wal_tail_list(folder, &now);
    for (size_t i = 0; i < before->count && stayed; i++)
        stayed = is_listed(&now, before->numbers[i]);
    return stayed;
}
