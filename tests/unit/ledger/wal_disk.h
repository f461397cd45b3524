/*
 * A disk under the two files of a write-ahead log (ledger/wal.h), which forgets what was not synced: the test program is linked
 * with these in front of pwrite, fdatasync, ftruncate, pread and posix_fadvise. At a given call, in whichever thread, the world
 * ends: the files are then put back as a power failure or a kill may have left them. One disk a process; any thread but where
 * it says.
 */
#ifndef EDICT_TESTS_WAL_DISK_H
#define EDICT_TESTS_WAL_DISK_H

#include "model.h"

#include <stdbool.h>

enum { DISK_FILES = 2, DISK_SECTOR = 512 };

enum disk_end {
    DISK_POWER_ALL,  /* all that was written came through */
    DISK_POWER_NONE, /* only what was synced did */
    DISK_POWER_SOME, /* any sectors did, in any order; others may hold rubbish or zeros, or a file may be short */
    DISK_KILLED,     /* all is there, and what was not synced still is not */
    DISK_ENDS
};

/* The files of `folder`, as they are, are durable. Main thread; nobody else uses them. */
void wal_disk_watch(const char *folder);
/* As they were when the world ended, in the way that was asked for; that may have been now. Main thread; nobody else uses them.
 */
void wal_disk_restore(void);
void wal_disk_forget(void);
/* After `calls` calls; `ended` is called then, under the disk's lock. */
void wal_disk_end_after(uint64_t calls, enum disk_end how, uint64_t seed, void (*ended)(void *context), void *context);
bool wal_disk_has_ended(void);
/* The same lock: what is read or written in between belongs to one moment. */
void wal_disk_lock(void);
void wal_disk_unlock(void);
/* What of a file is synced; NULL once the world has ended. Between lock and unlock. */
const char *wal_disk_durable(int file, uint64_t *size);
/* From now on one in `odds` syncs fails; 0: none. What it was for is in the page cache, where it looks written, and not on the
 * disk, also after a later sync. */
void wal_disk_fail_syncs(uint64_t odds);
/* The next read of this byte of the file of this number fails, watched or not; UINT64_MAX: none. */
void wal_disk_fail_read(uint64_t inode, uint64_t offset);

#endif
