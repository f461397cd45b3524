/*
 * Damage in RocksDB's write-ahead logs: is it an ordinary torn tail? A machine that loses power may leave the last write with
 * some of its sectors, in any order; RocksDB tolerates only that its end is missing, and takes the rest for corruption.
 *
 * The format is that of RocksDB's wiki, "Write Ahead Log File Format": blocks of 32 KiB; records of a masked CRC-32C (4 bytes),
 * a length (2, little endian), a type (1: full, 2: first, 3: middle, 4: last) and a payload.
 */
#ifndef EDICT_LEDGER_WAL_TAIL_H
#define EDICT_LEDGER_WAL_TAIL_H

#include "base/status.h"

#include <stddef.h>

/*
 * True when all that is damaged in the logs of `folder` is the last write of the newest one. With a synced commit a write
 * begins only after the one before it is durable; so what is damaged had not been answered. Where another write begins after
 * the damage, or an older log is damaged, the disk has lost what was durable: false. Also false when that cannot be found out.
 */
bool wal_tail_is_torn(const char *folder);
/*
 * The same for the manifest that CURRENT names, which is a log of the same format, synced after each change of the set of
 * files. A last write that is damaged, with nothing after it, is cut off, as if its end were missing: RocksDB takes that for
 * what it is. True when it was cut.
 */
bool wal_tail_cut_manifest(const char *folder);

enum { WAL_TAIL_LOGS_MAX = 256 };

/* The logs and manifests in a folder, by RocksDB's numbers. */
struct wal_tail_logs {
    unsigned long long numbers[WAL_TAIL_LOGS_MAX];
    size_t count;
};

void wal_tail_list(const char *folder, struct wal_tail_logs *logs);
/*
 * Are all still there that were listed? Then no other process has opened the store for writing meanwhile, and no log has gone
 * because all families had flushed what it held: whoever read the manifest, and then the logs, has not missed one in between.
 */
bool wal_tail_stayed(const char *folder, const struct wal_tail_logs *before);

#endif
