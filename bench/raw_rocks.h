/*
 * RocksDB by itself, with the options of the ledger's store and RocksDB's own write-ahead log: what the ledger is compared
 * with. Ends the program when RocksDB fails. One thread.
 */
#ifndef EDICT_BENCH_RAW_ROCKS_H
#define EDICT_BENCH_RAW_ROCKS_H

#include <stdbool.h>
#include <stddef.h>

struct raw_rocks;

/* In a new folder. */
struct raw_rocks *raw_rocks_open(const char *folder, bool sync);
void raw_rocks_put(struct raw_rocks *rocks, const char *key, size_t key_size, const char *value, size_t value_size);
/* What has been put since the last time, as one batch. */
void raw_rocks_write(struct raw_rocks *rocks);
void raw_rocks_close(struct raw_rocks *rocks);

#endif
