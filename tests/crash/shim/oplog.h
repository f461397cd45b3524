/*
 * What the shim knows and writes down: which descriptors are files below the root, every operation on them in the order in
 * which it happened, and which operation is to fail. One per process; every function but the look-ups wants the lock held, so
 * that the order of the log is the order on the disk.
 *
 * The log is a sequence of records: struct oplog_record, then `data_size` bytes. tests/crash/disk.py reads it.
 */
#ifndef CRASH_SHIM_OPLOG_H
#define CRASH_SHIM_OPLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { OPLOG_PATH_MAX = 512, OPLOG_EXIT_CODE = 86 };

/* `object` is a number for a file or folder that no later one gets again. */
enum oplog_op {
    OPLOG_CREATE = 'C',   /* data: path; a new file */
    OPLOG_FOLDER = 'D',   /* data: path; a new folder */
    OPLOG_EXISTING = 'E', /* data: path; a file or folder from before, opened for the first time */
    OPLOG_WRITE = 'W',    /* offset; data: the bytes */
    OPLOG_TRUNCATE = 'T', /* offset: the new size */
    OPLOG_ALLOCATE = 'A', /* offset, length; only when it may change the size */
    OPLOG_SYNC = 'S',     /* a file or a folder; nothing else makes anything durable */
    OPLOG_RENAME = 'R',   /* data: old path, NUL, new path */
    OPLOG_UNLINK = 'U',   /* data: path */
    OPLOG_RMDIR = 'X',    /* data: path */
    OPLOG_LINK = 'L',     /* data: old path, NUL, new path */
    OPLOG_SENT = 'N',     /* to a TCP peer; offset: its port; data: the bytes */
    OPLOG_FAULT = 'I',    /* a fault was injected here, for `object` where there is one; data: its words */
    OPLOG_UNSEEN = '!'    /* something that the shim cannot follow; data: what. Makes the log worthless */
};

struct oplog_record {
    uint32_t op, object;
    uint64_t offset, length;
    uint32_t data_size, unused;
};

enum oplog_kind { OPLOG_KIND_WRITE, OPLOG_KIND_SYNC, OPLOG_KIND_META, OPLOG_KIND_COUNT };

enum oplog_fault {
    OPLOG_FAULT_NONE,
    OPLOG_FAULT_EIO,    /* this one fails */
    OPLOG_FAULT_ENOSPC, /* this one fails */
    OPLOG_FAULT_FULL,   /* ENOSPC, and for every later write and new name */
    OPLOG_FAULT_DEAD,   /* EIO, and for every later operation */
    OPLOG_FAULT_TORN,   /* half of the write, then EIO */
    OPLOG_FAULT_SHORT,  /* half of the write, and success */
    OPLOG_FAULT_DIE,    /* the process ends; a write has happened, a sync has not */
    OPLOG_FAULT_STALL   /* a sync waits until the file named by CRASH_RELEASE exists */
};

void oplog_lock(void);
void oplog_unlock(void);

/* The path below the root, without a leading slash; NULL when it lies elsewhere or the shim is off. No lock. */
const char *oplog_below(const char *path, char out[OPLOG_PATH_MAX]);

/* ---- objects and descriptors ---- */

/* 0: not one of ours. No lock. */
uint32_t oplog_object(int fd);
void oplog_attach(int fd, uint32_t object);
void oplog_detach(int fd); /* no lock */
/* The object at a path; logs OPLOG_EXISTING the first time. */
uint32_t oplog_find(const char *path);
uint32_t oplog_create(const char *path, enum oplog_op op);
void oplog_renamed(const char *from, const char *to);
void oplog_unlinked(const char *path, enum oplog_op op);

/* ---- the log ---- */

void oplog_add(enum oplog_op op, uint32_t object, uint64_t offset, uint64_t length, const void *data, size_t size);
void oplog_add_paths(enum oplog_op op, const char *from, const char *to);
void oplog_unseen(const char *what);

/* Counts one operation, logs the fault that it meets, and sets errno for those that fail. */
enum oplog_fault oplog_take(enum oplog_kind kind, uint32_t object);
bool oplog_fails(enum oplog_fault fault);
_Noreturn void oplog_die(void);
/* Waits, without the lock, for CRASH_RELEASE. */
void oplog_stall(void);

#endif
