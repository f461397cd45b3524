/*
 * What the tests of the write-ahead log share: a folder, a log in it, what came out of it, and its files to damage. One thread,
 * but for the gate.
 */
#ifndef EDICT_TESTS_WAL_FIXTURE_H
#define EDICT_TESTS_WAL_FIXTURE_H

#include "ledger/wal.h"
#include "ledger/wal_scan.h"

#include <check.h>
#include <semaphore.h>

enum { RECORDS = 6, COME_OUT_MAX = 64, FILE_MAX = 1 << 20, FILE_BYTES = 65536, FILE_BYTES_ALL = 4 * FILE_BYTES };

/* What came out at an opening: sizes and first bytes. */
struct came_out {
    size_t count, sizes[COME_OUT_MAX];
    char first[COME_OUT_MAX];
};

struct bytes {
    char data[FILE_MAX];
    size_t size;
};

/* A flush that waits until it is let go. */
struct gate {
    sem_t reached, go;
    bool shut, fail;
};

struct wal_fixture {
    char folder[32];
    struct came_out out;
    struct gate gate;
    struct error error;
};

extern struct wal_fixture fixture; /* of the one test of the process */
extern const char *const wal_fixture_names[WAL_FILES];
extern const size_t wal_fixture_sizes[RECORDS];
extern const struct wal_store wal_fixture_store;

void wal_fixture_setup(void);
void wal_fixture_teardown(void);
enum status wal_fixture_open_log(struct wal **wal);
struct wal *wal_fixture_open_well(void);
void wal_fixture_append(struct wal *wal, size_t size, char fill);
/* Records 1 to RECORDS, none of which the store has. */
void wal_fixture_fill_log(void);
void wal_fixture_path_of(unsigned file, char path[64]);
struct bytes *wal_fixture_read_file(unsigned file, struct bytes *bytes);
void wal_fixture_write_file(unsigned file, const struct bytes *bytes);
void wal_fixture_make_file(unsigned file);
void wal_fixture_remove_file(unsigned file);
uint64_t wal_fixture_record_offset(int record);
uint64_t wal_fixture_last_number(void);

#endif
