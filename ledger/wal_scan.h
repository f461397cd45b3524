/*
 * What is in the files of a write-ahead log (wal.h), read without changing them. One thread.
 */
#ifndef EDICT_LEDGER_WAL_SCAN_H
#define EDICT_LEDGER_WAL_SCAN_H

#include "base/slice.h"
#include "base/status.h"
#include "ledger/wal.h"

#include <stdint.h>

enum { WAL_FILES = 2, WAL_HEADER = 32, WAL_FORMAT = 1 };

struct wal_record {
    uint64_t number, needed;  /* its own, and that of the first one that still had to be applied */
    uint64_t offset, payload; /* bytes into its file; bytes of its payload */
    unsigned file;
};

struct wal_scan {
    int files[WAL_FILES]; /* -1: not there */
    uint64_t keys[WAL_FILES];
    char heads[WAL_FILES][WAL_HEADER]; /* of the first record of each, before anything else of it was read */
    struct wal_record *records;        /* those that verify, by number */
    size_t count, capacity;
    char *bytes; /* of one record */
    size_t bytes_capacity;
};

static inline uint64_t wal_blocks(uint64_t payload)
{
    return (WAL_HEADER + payload + WAL_BLOCK - 1) / WAL_BLOCK * WAL_BLOCK;
}

/* "FOLDER/edict-N.wal" */
const char *wal_file_name(unsigned file);
/* Into a first block or the head of a record, whose payload follows it at `record` + WAL_HEADER. */
void wal_write_first(char *block, uint64_t key);
void wal_write_head(char *record, const struct wal_record *head, uint64_t key);

/* Reads both files, one after the other. CORRUPT where a first block does not verify, or one file is missing. */
enum status wal_scan_open(const char *folder, struct wal_scan *scan, struct error *error) EDICT_MUST_USE;
void wal_scan_close(struct wal_scan *scan);
/* Has nothing been overwritten since the scan began? Then what was found was there at one moment, but for records that came
 * later. */
bool wal_scan_stayed(const struct wal_scan *scan);
/* The last record, or NULL. */
const struct wal_record *wal_scan_last(const struct wal_scan *scan);
/* The record of that number, or NULL. */
const struct wal_record *wal_scan_find(const struct wal_scan *scan, uint64_t number);
/* Are all there from `needed` to the last one? CORRUPT with the first that is missing. */
enum status wal_scan_whole(const struct wal_scan *scan, uint64_t needed, struct error *error) EDICT_MUST_USE;
/* The payload of a record, valid until the next call; CONFLICT when it is no longer there. */
enum status wal_scan_payload(struct wal_scan *scan, const struct wal_record *record, struct slice *payload,
                             struct error *error) EDICT_MUST_USE;

/* Opens, and sees that all is there that is needed. A log that is being written is read again until it stayed meanwhile;
 * CONFLICT when it never does. */
enum status wal_scan_settled(const char *folder, struct wal_scan *scan, struct error *error) EDICT_MUST_USE;
/* The same, for whoever is going to write: of what is on the disk, and not in the page cache alone. */
enum status wal_scan_disk(const char *folder, struct wal_scan *scan, struct error *error) EDICT_MUST_USE;
/* The payloads of all records from `needed` on. */
enum status wal_scan_apply(struct wal_scan *scan, uint64_t needed, const struct wal_store *store,
                           struct error *error) EDICT_MUST_USE;

#endif
