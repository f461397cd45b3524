/*
 * The write-ahead log of a store: what was committed, until the store has it in files of its own. Two files that are
 * overwritten in turn and in place, past the page cache where the file system takes that. So a commit waits for its own blocks;
 * not for the file system's journal, for nothing grows, appears or goes, and not for what others are writing.
 *
 * A record says from which record on a reader needs them all. So a reader tells a torn last write, which nobody had been
 * answered about, from damage, and what lies in the files from before from what is new.
 *
 * FOLDER/edict-0.wal and edict-1.wal, in blocks of WAL_BLOCK bytes; numbers are little endian. The first block is written once:
 *
 *    0  "EDICTWAL"
 *    8  u64 1, the version of this format
 *   16  u64 a random number, the file's key
 *   24  u64 XXH3-64 of bytes 0 to 24
 *
 * A record begins with a block and fills whole ones:
 *
 *    0  u64 XXH3-64, with the file's key as its seed, of bytes 8 to the end of the payload
 *    8  u64 number of the record, from 1; the next one has the next number
 *   16  u64 number of the first record that still had to be applied; the record's own + 1 when none had to
 *   24  u64 bytes of the payload
 *   32  the payload, then zeros
 *
 * The key keeps a payload from posing as a record where a reader looks for one block by block. A record is written when the
 * one before it is durable; so if one is missing between the first that is needed and the last that is there, the disk has
 * lost what was durable.
 */
#ifndef EDICT_LEDGER_WAL_H
#define EDICT_LEDGER_WAL_H

#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>

enum {
    WAL_BLOCK = 4096,
    WAL_FILE_BYTES = 24 << 20,     /* a file that has so many is left for the other one */
    WAL_FILE_BYTES_MAX = 96 << 20, /* or so many, while the other one cannot be had yet; then appending waits */
    WAL_PAYLOAD_MAX = 1 << 30
};

struct wal;

/* What stands behind the log. */
struct wal_store {
    /* One payload, valid during the call, in the order in which they were appended. */
    enum status (*apply)(void *context, struct slice payload, struct error *error);
    /* Makes everything that was appended and applied before the call durable in the store's own files. Several threads. */
    enum status (*flush)(void *context, struct error *error);
    void *context;
};

/* Are there files of a log in the folder? */
bool wal_exists(const char *folder);
/* The first record that a reader of the store needs, which may be the next one. The log need not exist. */
enum status wal_needed(const char *folder, uint64_t *needed, struct error *error) EDICT_MUST_USE;
/*
 * Applies what a store that has everything before record `needed` may lack, and does not change the log. CORRUPT when a record
 * is missing that was durable; CONFLICT when the log is being written and no longer has them all: begin anew, with the store.
 */
enum status wal_read(const char *folder, uint64_t needed, const struct wal_store *store, struct error *error) EDICT_MUST_USE;
/*
 * For writing: applies what is needed, flushes the store, and notes that nothing is needed now. Creates the files where there
 * are none. `direct`: past the page cache. CORRUPT as above. `store` is copied.
 */
enum status wal_open(const char *folder, bool direct, const struct wal_store *store, struct wal **out,
                     struct error *error) EDICT_MUST_USE;
/* Durable on return; then the caller applies it to the store and calls wal_applied, before it appends again. After an error the
 * outcome is unknown, and every later call fails (but for a payload of more than WAL_PAYLOAD_MAX, INVALID). One thread. */
enum status wal_append(struct wal *wal, struct slice payload, struct error *error) EDICT_MUST_USE;
/* The store has applied what was appended last; or has not, `failure`: then every later call fails, too. */
void wal_applied(struct wal *wal, const struct error *failure);
/* Flushes, and notes that nothing is needed, once nobody holds. While nothing is appended. */
enum status wal_settle(struct wal *wal, struct error *error) EDICT_MUST_USE;
/* Flushes, and overwrites with zeros what was appended before the call. Any thread but the appending one, which may go on. */
enum status wal_erase(struct wal *wal, struct error *error) EDICT_MUST_USE;
/* From the first to the second no record goes that is needed at the first. Any thread but the appending one. */
void wal_hold(struct wal *wal);
void wal_release(struct wal *wal);
/* What is needed of it, as a log in another folder; not synced. Held. */
enum status wal_copy(struct wal *wal, const char *folder, struct error *error) EDICT_MUST_USE;
/* STATUS_IO once an append, or the flush after one, has failed. Any thread. */
enum status wal_health(struct wal *wal, struct error *error) EDICT_MUST_USE;
/* Stops its thread; does not flush. NULL is fine. */
void wal_close(struct wal *wal);

#endif
