#include "raw_rocks.h"

#include "base/file.h"
#include "ledger/rocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct raw_rocks {
    rocksdb_t *db;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
    rocksdb_writebatch_t *batch;
};

static void check(char *message)
{
    if (!message)
        return;
    (void)fprintf(stderr, "bench: RocksDB: %s\n", message);
    exit(1);
}

struct raw_rocks *raw_rocks_open(const char *folder, bool sync)
{
    struct raw_rocks *rocks = calloc(1, sizeof *rocks);
    char *message = NULL;

    if (!rocks)
        abort();
    (void)mkdir(folder, 0700);
    rocks->cache = rocksdb_cache_create_lru(16 << 20);
    rocks->options = rocks_family_options(rocks->cache, STORE_ENTRIES, file_takes_direct_writes(folder), &message);
    check(message);
    rocks->db = rocksdb_open(rocks->options, folder, &message);
    check(message);
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write, sync);
    rocks->batch = rocksdb_writebatch_create();
    return rocks;
}

void raw_rocks_put(struct raw_rocks *rocks, const char *key, size_t key_size, const char *value, size_t value_size)
{
    rocksdb_writebatch_put(rocks->batch, key, key_size, value, value_size);
}

void raw_rocks_write(struct raw_rocks *rocks)
{
    char *message = NULL;

    rocksdb_write(rocks->db, rocks->write, rocks->batch, &message);
    check(message);
    rocksdb_writebatch_clear(rocks->batch);
}

void raw_rocks_close(struct raw_rocks *rocks)
{
    rocksdb_close(rocks->db);
    rocksdb_writebatch_destroy(rocks->batch);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_options_destroy(rocks->options);
    rocksdb_cache_destroy(rocks->cache);
    free(rocks);
}
