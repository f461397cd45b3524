/* The options of the store on RocksDB, with reasons. */
#include "ledger/rocks.h"

enum {
    ROCKS_WRITE_BUFFER =
        8 << 20, /* of one family; large ones would only sit in memory: groups are small and the log has them */
    ROCKS_ENTRIES_BUFFER = 4 << 20, /* of the family that has most of the bytes; see family_options */
    ROCKS_WRITE_BUFFERS = 4,
    ROCKS_FILE_BUFFER = 32 << 10,
    ROCKS_L0_FILES = 16, /* of a family whose keys come in any order, before they are merged into the next level */
    ROCKS_L0_FILES_SLOW = 48,
    ROCKS_L0_FILES_STOP = 64,
    ROCKS_L1_BYTES = 64 << 20,
    ROCKS_TABLE_BYTES = 8 << 20,
    ROCKS_TOTAL_WAL = 64 << 20 /* of RocksDB's log: beyond it families are flushed so that logs can go */
};

static void set_tables(rocksdb_options_t *options, rocksdb_cache_t *cache, bool looked_up)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1); /* else their memory has no bound */
    rocksdb_block_based_options_set_format_version(table, 5);
    if (looked_up) /* random keys that are mostly absent or old: a filter saves the read */
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

/* Files are flushed when a file of the log is left, and are small then. With random keys each merge of them rewrites the whole
 * next level: many at a time, into a level that is not large. */
static void set_merging(rocksdb_options_t *options)
{
    rocksdb_options_set_level0_file_num_compaction_trigger(options, ROCKS_L0_FILES);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, ROCKS_L0_FILES_SLOW);
    rocksdb_options_set_level0_stop_writes_trigger(options, ROCKS_L0_FILES_STOP);
    rocksdb_options_set_max_bytes_for_level_base(options, ROCKS_L1_BYTES);
    rocksdb_options_set_target_file_size_base(options, ROCKS_TABLE_BYTES);
}

/*
 * What the C API has no function for. A closed log file that is missing at the next open is an error, not silence. (It asks
 * that rocksdb_flush_wal with `sync` is never called in 7.8, and nothing calls it.) And after an error nothing is tried
 * again: 7.8 can write what a failed sync left unknown into a second log, and then has it twice; the process ends instead.
 * Closing flushes what it has to by itself (rocks_close).
 */
static const char without_setter[] = "track_and_verify_wals_in_manifest=true;max_bgerror_resume_count=0;"
                                     "fail_if_options_file_error=true;avoid_flush_during_shutdown=true;";

/*
 * Left at their defaults, on purpose: unordered_write (readers could see a later group without an earlier one), pipelined
 * writes (a group could be applied before the one that failed), manual_wal_flush (a commit is written when it returns),
 * recycled logs (old records behind a torn tail would look like new ones), WAL compression (not ready in 7.8), mapped writes,
 * TTL and FIFO compaction (rows would expire without an entry).
 */
rocksdb_options_t *rocks_family_options(rocksdb_cache_t *cache, int family, bool direct, char **message)
{
    rocksdb_options_t *plain = rocksdb_options_create(), *options = rocksdb_options_create();

    rocksdb_get_options_from_string(plain, without_setter, options, message);
    rocksdb_options_destroy(plain);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    /* RocksDB's own log, with --durability async: one that ends in the middle of a write is an ordinary crash; corruption must
     * refuse to open rather than drop what follows it, as the default would. (A last write with sectors missing is looked at in
     * open_database.) */
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_paranoid_checks(options, 1); /* refuse damaged files at open; stop writing after a failed write */
    /* A commit waits until its block of the log is on the disk, and that for what the disk has at hand just then. So what is
     * flushed goes past the page cache in small pieces, where the file system can do that. And the usual flush, of entries, is
     * small and soon over. (Not smaller: their keys only grow, so that their files are moved down and never merged, and RocksDB
     * goes through all of them whenever it adds one.) Writes need not wait while a flush is late. bench/README.md has the
     * figures. */
    if (family != STORE_ENTRIES)
        set_merging(options);
    rocksdb_options_set_write_buffer_size(options, family == STORE_ENTRIES ? ROCKS_ENTRIES_BUFFER : ROCKS_WRITE_BUFFER);
    rocksdb_options_set_max_write_buffer_number(options, ROCKS_WRITE_BUFFERS);
    rocksdb_options_set_use_direct_io_for_flush_and_compaction(options, direct);
    rocksdb_options_set_writable_file_max_buffer_size(options, ROCKS_FILE_BUFFER);
    rocksdb_options_set_max_total_wal_size(options, ROCKS_TOTAL_WAL);
    rocksdb_options_set_max_background_jobs(options, 2); /* one flush beside one compaction: neither waits for the other */
    rocksdb_options_set_keep_log_file_num(options, 4);
    rocksdb_options_set_info_log_level(options, 2); /* warnings: among them why a flush or a compaction failed */
    rocksdb_options_set_compression(options, rocksdb_lz4_compression); /* records are text; lz4 costs less than it saves */
    set_tables(options, cache, family == STORE_IDS || family == STORE_STATE || family == STORE_BLOBS);
    return options;
}
