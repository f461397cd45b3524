#include "ledger/ledger.h"

#include "base/u64be.h"
#include "ledger/index_rows.h"
#include "ledger/index_version.h"
#include "ledger/sequencer.h"
#include "proto/event.h"

#include <signal.h>
#include <stdlib.h>

static void ledger_wake(void *context)
{
    struct ledger *ledger = context;

    pthread_mutex_lock(&ledger->wake_mutex);
    ledger->signalled = true;
    pthread_cond_signal(&ledger->wake);
    pthread_mutex_unlock(&ledger->wake_mutex);
}

/* ---- opening ---- */

static struct ledger *ledger_new(struct store *store, const struct ledger_options *options)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);

    if (!ledger)
        return NULL;
    ledger->store = store;
    ledger->options = *options;
    if (ledger->options.queue_bytes == 0)
        ledger->options.queue_bytes = SEQUENCER_QUEUE_BYTES_DEFAULT;
    pthread_mutex_init(&ledger->wake_mutex, NULL);
    pthread_mutex_init(&ledger->root_mutex, NULL);
    pthread_cond_init(&ledger->wake, NULL);
    inbox_create(&ledger->inbox, ledger_wake, ledger);
    merkle_create(&ledger->merkle);
    postings_create(&ledger->postings);
    recent_create(&ledger->recent);
    scrub_create(&ledger->scrub);
    ledger->batch = store->ops->batch_new(store);
    return ledger;
}

static enum status load_head(struct ledger *ledger, struct error *error)
{
    struct arena arena;
    struct slice row;
    struct digest stored = {{0}};
    enum status status;

    arena_create(&arena, 256, 4096);
    status = store_get(ledger->store, STORE_META, sequencer_head_key, &arena, &row, error);
    if (status == STATUS_OK && !sequencer_read_head(row, &ledger->next_index, &stored, &ledger->last_time_ms))
        status = error_set(error, STATUS_CORRUPT, "", "the ledger's head row is damaged");
    if (status == STATUS_OK)
        status = merkle_load(&ledger->merkle, ledger->store, ledger->next_index, error);
    if (status == STATUS_OK) {
        merkle_root(&ledger->merkle, &ledger->root);
        if (!digest_equal(&ledger->root, &stored))
            status = error_set(error, STATUS_CORRUPT, "",
                               "the entries do not have the root hash that was recorded with them; restore a backup");
    }
    arena_destroy(&arena);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static bool take_entry(void *context, const struct store_visit *row)
{
    (void)row;
    *(bool *)context = true;
    return false;
}

/* The store writes its files one family after the other, and its log closes the gaps between them. An entry that the head does
 * not know was in a part of the log that is gone. */
static enum status check_end(struct ledger *ledger, struct error *error)
{
    unsigned char from[8];
    bool past = false;
    enum status status;

    u64be_put(from, ledger->next_index);
    status = ledger->store->ops->scan(ledger->store, STORE_ENTRIES, slice_from(from, sizeof from), (struct slice){0}, false,
                                      take_entry, &past, error);
    if (status != STATUS_OK || !past)
        return status;
    return error_set(error, STATUS_CORRUPT, "",
                     "entries past the end of the ledger, which has %llu, are in its files: its write-ahead log has lost what "
                     "was durable. Put back the files of the log (edict-0.wal, edict-1.wal), or restore a backup",
                     (unsigned long long)ledger->next_index);
}

static enum status load_first(struct ledger *ledger, struct error *error)
{
    uint64_t first = 0;
    int64_t time_ms = 0;
    enum status status = ledger_store_archived(ledger->store, &first, &time_ms, error);

    atomic_store(&ledger->first, first);
    atomic_store(&ledger->first_time_ms, time_ms);
    return status;
}

/* ---- the first entry ---- */

static void created_done(struct ledger_txn *txn)
{
    (void)txn;
}

static enum status write_first_entry(struct ledger *ledger, struct error *error)
{
    struct arena arena;
    struct event event = {.type = RECORD_STORE_CREATED, .by = SLICE("system")};
    struct ledger_txn txn = {.entry_count = 1, .done = created_done};
    struct digest random;
    char hex[DIGEST_HEX_SIZE];
    struct buf body;
    enum status status = digest_random(random.bytes, sizeof random.bytes, error);

    if (status != STATUS_OK)
        return status;
    arena_create(&arena, 1024, 16384);
    digest_format(&random, hex);
    event.created = (struct event_created){.store_id = slice_from(hex, 32), .format = 1};
    buf_create(&body, &arena);
    event_write_body(&body, &arena, &event);
    txn.entries[0] = (struct ledger_entry){
        .type = RECORD_STORE_CREATED, .tenant = RECORD_TENANT_DEFAULT, .body = buf_slice(&body), .event = &event};
    status = ledger_submit(ledger, &txn);
    sequencer_run_pending(ledger);
    arena_destroy(&arena);
    if (status != STATUS_OK || body.failed || txn.result != LEDGER_OK)
        return error_set(error, STATUS_IO, "", "the first entry cannot be written");
    return STATUS_OK;
}

enum status ledger_open(struct store *store, const struct ledger_options *options, struct ledger **out, struct error *error)
{
    struct ledger *ledger = ledger_new(store, options);
    enum status status;

    if (!ledger || !ledger->batch) {
        ledger_close(ledger);
        return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    }
    status = load_head(ledger, error);
    if (status == STATUS_OK)
        status = check_end(ledger, error);
    if (status == STATUS_OK)
        status = load_first(ledger, error);
    if (status == STATUS_OK)
        status = scrub_load(&ledger->scrub, store, error);
    if (status == STATUS_OK)
        status = index_version_upgrade(store, ledger->next_index, error);
    if (status == STATUS_OK)
        status = recent_load(&ledger->recent, store, ledger->next_index, error);
    if (status == STATUS_OK) {
        ledger->root_size = ledger->next_index;
        atomic_store(&ledger->sequenced, ledger->next_index);
        atomic_store(&ledger->durable, ledger->next_index);
        if (ledger->next_index == 0)
            status = write_first_entry(ledger, error);
    }
    if (status == STATUS_OK)
        *out = ledger;
    else
        ledger_close(ledger);
    return status;
}

enum status ledger_start(struct ledger *ledger, struct error *error)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&ledger->thread, NULL, sequencer_thread, ledger);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return error_set(error, STATUS_UNAVAILABLE, "", "cannot start the sequencer's thread");
    ledger->started = true;
    return STATUS_OK;
}

/* ---- submitting ---- */

enum status ledger_submit(struct ledger *ledger, struct ledger_txn *txn)
{
    size_t bytes = sequencer_txn_bytes(txn);
    uint64_t queued = atomic_fetch_add_explicit(&ledger->queue_bytes, bytes, memory_order_relaxed);

    if (queued + bytes > ledger->options.queue_bytes || atomic_load(&ledger->stopping) || atomic_load(&ledger->failed)) {
        atomic_fetch_sub_explicit(&ledger->queue_bytes, bytes, memory_order_relaxed);
        return STATUS_UNAVAILABLE;
    }
    atomic_fetch_add_explicit(&ledger->queue_entries, txn->entry_count, memory_order_relaxed);
    inbox_push(&ledger->inbox, &txn->link);
    return STATUS_OK;
}

void ledger_fail(struct ledger *ledger, const struct error *error)
{
    if (atomic_exchange(&ledger->failed, true))
        return;
    log_event(ledger->options.log, LOG_ERROR, "the ledger cannot be written", LOG_S("where", error->where),
              LOG_S("error", error->message));
    if (ledger->options.failed)
        ledger->options.failed(ledger->options.failed_context, error);
}

void ledger_stop(struct ledger *ledger)
{
    atomic_store(&ledger->stopping, true);
    if (!ledger->started)
        return;
    pthread_mutex_lock(&ledger->wake_mutex);
    ledger->stop_asked = true;
    pthread_cond_signal(&ledger->wake);
    pthread_mutex_unlock(&ledger->wake_mutex);
    pthread_join(ledger->thread, NULL);
    ledger->started = false;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    ledger_stop(ledger);
    postings_destroy(&ledger->postings);
    recent_destroy(&ledger->recent);
    scrub_destroy(&ledger->scrub);
    if (ledger->batch)
        ledger->store->ops->batch_delete(ledger->batch);
    pthread_mutex_destroy(&ledger->wake_mutex);
    pthread_mutex_destroy(&ledger->root_mutex);
    pthread_cond_destroy(&ledger->wake);
    free(ledger);
}

/* ---- reading ---- */

uint64_t ledger_sequenced(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->sequenced, memory_order_acquire);
}

uint64_t ledger_durable(const struct ledger *ledger)
{
    return atomic_load_explicit(&ledger->durable, memory_order_acquire);
}

uint64_t ledger_first(const struct ledger *ledger, int64_t *time_ms)
{
    if (time_ms)
        *time_ms = atomic_load(&ledger->first_time_ms);
    return atomic_load(&ledger->first);
}

static enum status archived(struct error *error, uint64_t index, uint64_t first)
{
    return error_set(error, STATUS_GONE, "", "entry %llu is archived, as are all entries from 0 to %llu",
                     (unsigned long long)index, (unsigned long long)first - 1);
}

static uint64_t key_index(struct slice key)
{
    uint64_t index = 0;

    for (size_t i = 0; i < key.size; i++)
        index = index << 8 | (unsigned char)key.data[i];
    return index;
}

enum status ledger_read(struct ledger *ledger, uint64_t index, struct arena *arena, struct slice *record, struct error *error)
{
    unsigned char key[8];
    enum status status;

    if (index >= ledger_durable(ledger))
        return error_set(error, STATUS_NOT_FOUND, "", "there is no entry %llu; the ledger has %llu", (unsigned long long)index,
                         (unsigned long long)ledger_durable(ledger));
    if (index < ledger_first(ledger, NULL))
        return archived(error, index, ledger_first(ledger, NULL));
    u64be_put(key, index);
    status = store_get(ledger->store, STORE_ENTRIES, slice_from(key, sizeof key), arena, record, error);
    if (status == STATUS_NOT_FOUND && index < ledger_first(ledger, NULL)) /* just now */
        return archived(error, index, ledger_first(ledger, NULL));
    return status;
}

enum status ledger_blob_read(struct ledger *ledger, const struct digest *hash, struct arena *arena, struct slice *bytes,
                             struct error *error)
{
    return store_get(ledger->store, STORE_BLOBS, slice_from(hash->bytes, DIGEST_SIZE), arena, bytes, error);
}

enum status ledger_find_id(struct ledger *ledger, const unsigned char id[16], uint64_t *index, struct error *error)
{
    struct arena arena;
    struct slice row = {0};
    enum status status;

    arena_create(&arena, 128, 1024);
    status = store_get(ledger->store, STORE_IDS, slice_from(id, 16), &arena, &row, error);
    if (status == STATUS_OK && row.size != 8)
        status = error_set(error, STATUS_CORRUPT, "", "a row of it has the wrong size");
    if (status != STATUS_OK)
        status = index_unreadable(error, "ids");
    if (status == STATUS_OK)
        *index = key_index(row);
    arena_destroy(&arena);
    return status;
}

struct each {
    ledger_visit_f visit;
    void *context;
    struct error *error;
    uint64_t expected;
    enum status status;
};

static bool each_row(void *context, const struct store_visit *row)
{
    struct each *each = context;
    uint64_t index = key_index(row->key);

    if (row->key.size != 8 || index != each->expected) {
        each->status = error_set(each->error, STATUS_CORRUPT, "", "entry %llu is missing", (unsigned long long)each->expected);
        return false;
    }
    each->expected++;
    each->status = each->visit(each->context, index, row->value, each->error);
    return each->status == STATUS_OK;
}

/* GONE when entry `at` is archived. */
static enum status check_archived(struct store *store, uint64_t at, struct error *error)
{
    struct error detail = {0};
    uint64_t first;

    if (ledger_store_archived(store, &first, NULL, &detail) != STATUS_OK || at >= first)
        return STATUS_OK;
    return error_set(
        error, STATUS_GONE, "",
        "the entries from %llu to %llu are archived, and they are needed here: name their archives with --archive DIR",
        (unsigned long long)at, (unsigned long long)first - 1);
}

enum status ledger_each(struct store *store, uint64_t from, uint64_t to, ledger_visit_f visit, void *context,
                        struct error *error)
{
    struct each each = {.visit = visit, .context = context, .error = error, .expected = from};
    unsigned char first[8], last[8];
    enum status status;

    u64be_put(first, from);
    u64be_put(last, to);
    status = store->ops->scan(store, STORE_ENTRIES, slice_from(first, 8),
                              to == UINT64_MAX ? (struct slice){0} : slice_from(last, 8), false, each_row, &each, error);
    if (status != STATUS_OK || each.status == STATUS_OK)
        return status == STATUS_OK ? check_archived(store, from, error) : status;
    return check_archived(store, each.expected, error) == STATUS_GONE ? STATUS_GONE : each.status;
}

static enum status read_archived(struct store *store, struct slice key, uint64_t *count, int64_t *time_ms, struct error *error)
{
    struct arena arena;
    struct slice row;
    int64_t last_ms = 0;
    enum status status;

    *count = 0;
    arena_create(&arena, 256, 4096);
    status = store_get(store, STORE_META, key, &arena, &row, error);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    else if (status == STATUS_OK && !sequencer_read_archived(row, count, &last_ms))
        status = error_set(error, STATUS_CORRUPT, "", "the ledger's row of what is archived is damaged");
    if (time_ms)
        *time_ms = last_ms;
    arena_destroy(&arena);
    return status;
}

enum status ledger_store_archived(struct store *store, uint64_t *count, int64_t *time_ms, struct error *error)
{
    return read_archived(store, sequencer_archived_key, count, time_ms, error);
}

enum status ledger_store_put_back(struct store *store, uint64_t *count, struct error *error)
{
    return read_archived(store, sequencer_put_back_key, count, NULL, error);
}

static bool take_first(void *context, const struct store_visit *row)
{
    *(uint64_t *)context = key_index(row->key);
    return false;
}

enum status ledger_store_first(struct store *store, uint64_t *first, struct error *error)
{
    *first = UINT64_MAX;
    return store->ops->scan(store, STORE_ENTRIES, (struct slice){0}, (struct slice){0}, false, take_first, first, error);
}

enum status ledger_store_head(struct store *store, uint64_t *size, struct digest *root, struct error *error)
{
    struct arena arena;
    struct slice row;
    struct digest recorded;
    int64_t time_ms;
    enum status status;

    arena_create(&arena, 256, 4096);
    status = store_get(store, STORE_META, sequencer_head_key, &arena, &row, error);
    if (status != STATUS_OK || !sequencer_read_head(row, size, &recorded, &time_ms))
        status = error_set(error, STATUS_CORRUPT, "", "the ledger has no readable head row");
    else if (root)
        *root = recorded;
    arena_destroy(&arena);
    return status;
}

bool ledger_needs_scrub(struct ledger *ledger)
{
    return scrub_is_wanted(&ledger->scrub);
}

enum status ledger_scrub(struct ledger *ledger, struct error *error)
{
    return scrub_run(&ledger->scrub, ledger->store, error);
}

struct store *ledger_store(const struct ledger *ledger)
{
    return ledger->store;
}

void ledger_root(struct ledger *ledger, uint64_t *size, struct digest *root)
{
    pthread_mutex_lock(&ledger->root_mutex);
    *size = ledger->root_size;
    *root = ledger->root;
    pthread_mutex_unlock(&ledger->root_mutex);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void ledger_get_stats(const struct ledger *ledger, struct ledger_stats *out)
{
    *out = (struct ledger_stats){.groups = load(&ledger->groups),
                                 .entries = load(&ledger->entries),
                                 .bytes = load(&ledger->bytes),
                                 .queue_bytes = load(&ledger->queue_bytes),
                                 .queue_entries = load(&ledger->queue_entries),
                                 .last_group_entries = load(&ledger->last_group),
                                 .sync_ns_total = load(&ledger->sync_ns)};
    for (int i = 0; i < 12; i++)
        out->group_size_buckets[i] = load(&ledger->group_buckets[i]);
}
