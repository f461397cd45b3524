#include "wal_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wal_fixture fixture;
const char *const wal_fixture_names[WAL_FILES] = {"edict-0.wal", "edict-1.wal"};
const size_t wal_fixture_sizes[RECORDS] = {1, WAL_BLOCK - WAL_HEADER, WAL_BLOCK - WAL_HEADER + 1, 9000, 32, 700};

static enum status keep(void *context, struct slice payload, struct error *problem)
{
    struct came_out *kept = context;

    (void)problem;
    ck_assert_uint_lt(kept->count, COME_OUT_MAX);
    kept->sizes[kept->count] = payload.size;
    kept->first[kept->count++] = payload.data[0];
    return STATUS_OK;
}

static enum status flush(void *context, struct error *problem)
{
    (void)context;
    if (!fixture.gate.shut)
        return STATUS_OK;
    sem_post(&fixture.gate.reached);
    sem_wait(&fixture.gate.go);
    return fixture.gate.fail ? error_set(problem, STATUS_IO, "", "a flush that was made to fail") : STATUS_OK;
}

const struct wal_store wal_fixture_store = {.apply = keep, .flush = flush, .context = &fixture.out};

void wal_fixture_setup(void)
{
    strcpy(fixture.folder, "/tmp/edict-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture.folder));
    setenv("EDICT_WAL_BYTES", "65536", 1);
    memset(&fixture.out, 0, sizeof fixture.out);
    fixture.gate.shut = fixture.gate.fail = false;
    sem_init(&fixture.gate.reached, 0, 0);
    sem_init(&fixture.gate.go, 0, 0);
}

void wal_fixture_teardown(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", fixture.folder);
    ck_assert_int_eq(system(command), 0);
}

enum status wal_fixture_open_log(struct wal **wal)
{
    memset(&fixture.out, 0, sizeof fixture.out);
    memset(&fixture.error, 0, sizeof fixture.error);
    *wal = NULL;
    return wal_open(fixture.folder, false, &wal_fixture_store, wal, &fixture.error);
}

struct wal *wal_fixture_open_well(void)
{
    struct wal *wal;

    ck_assert_msg(wal_fixture_open_log(&wal) == STATUS_OK, "%s", fixture.error.message);
    return wal;
}

void wal_fixture_append(struct wal *wal, size_t size, char fill)
{
    static char bytes[FILE_MAX];

    memset(bytes, fill, size);
    ck_assert_msg(wal_append(wal, slice_from(bytes, size), &fixture.error) == STATUS_OK, "%s", fixture.error.message);
    wal_applied(wal, NULL);
}

/* Records 1 to RECORDS, none of which the store has. */
void wal_fixture_fill_log(void)
{
    struct wal *wal = wal_fixture_open_well();

    for (int i = 0; i < RECORDS; i++)
        wal_fixture_append(wal, wal_fixture_sizes[i], (char)('a' + i));
    wal_close(wal);
}

/* ---- files ---- */

void wal_fixture_path_of(unsigned file, char path[64])
{
    snprintf(path, 64, "%s/%s", fixture.folder, wal_fixture_names[file]);
}

struct bytes *wal_fixture_read_file(unsigned file, struct bytes *bytes)
{
    char path[64];
    int fd;

    wal_fixture_path_of(file, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    bytes->size = (size_t)read(fd, bytes->data, sizeof bytes->data);
    close(fd);
    return bytes;
}

void wal_fixture_write_file(unsigned file, const struct bytes *bytes)
{
    char path[64];
    int fd;

    wal_fixture_path_of(file, path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes->data, bytes->size), (ssize_t)bytes->size);
    close(fd);
}

void wal_fixture_make_file(unsigned file)
{
    char path[64];
    int fd;

    wal_fixture_path_of(file, path);
    fd = creat(path, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

void wal_fixture_remove_file(unsigned file)
{
    char path[64];

    wal_fixture_path_of(file, path);
    ck_assert_int_eq(unlink(path), 0);
}

uint64_t wal_fixture_record_offset(int record)
{
    uint64_t offset = WAL_BLOCK;

    for (int i = 0; i < record; i++)
        offset += wal_blocks(wal_fixture_sizes[i]);
    return offset;
}

uint64_t wal_fixture_last_number(void)
{
    struct wal_scan scan;
    uint64_t number;

    ck_assert_int_eq(wal_scan_open(fixture.folder, &scan, &fixture.error), STATUS_OK);
    number = wal_scan_last(&scan) ? wal_scan_last(&scan)->number : 0;
    wal_scan_close(&scan);
    return number;
}
