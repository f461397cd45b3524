/* The one writer: takes what has been submitted, checks, stamps and applies it in order, writes each group as one batch, and
 * answers. */
#include "ledger/sequencer.h"

#include "base/u64be.h"
#include "proto/verdict.h"

#include <stdio.h>

const struct slice sequencer_head_key = {"head", 4};
const struct slice sequencer_archived_key = {"archived", 8};
const struct slice sequencer_put_back_key = {"put-back", 8};

enum { HEAD_SIZE = 8 + DIGEST_SIZE + 8, ARCHIVED_SIZE = 8 + 8 };

bool sequencer_read_head(struct slice row, uint64_t *size, struct digest *root, int64_t *time_ms)
{
    if (row.size != HEAD_SIZE)
        return false;
    *size = u64be_get(row.data);
    memcpy(root->bytes, row.data + 8, DIGEST_SIZE);
    *time_ms = (int64_t)u64be_get(row.data + 8 + DIGEST_SIZE);
    return true;
}

bool sequencer_read_archived(struct slice row, uint64_t *first, int64_t *time_ms)
{
    if (row.size != ARCHIVED_SIZE)
        return false;
    *first = u64be_get(row.data);
    *time_ms = (int64_t)u64be_get(row.data + 8);
    return true;
}

size_t sequencer_txn_bytes(const struct ledger_txn *txn)
{
    size_t bytes = sizeof *txn;

    for (size_t i = 0; i < txn->entry_count; i++)
        bytes += txn->entries[i].body.size;
    for (size_t i = 0; i < txn->blob_count; i++)
        bytes += txn->blobs[i].bytes.size;
    for (size_t i = 0; i < txn->private_count; i++)
        bytes += txn->privates[i].path.size + txn->privates[i].value.size;
    for (size_t i = 0; i < txn->removal_count; i++)
        bytes += sizeof *txn->removals + txn->removals[i].key.size + txn->removals[i].to.size;
    return bytes;
}

/* ---- one entry ---- */

static void put_tile(void *context, unsigned level, uint64_t number, const struct digest *hashes)
{
    char key[MERKLE_TILE_KEY_SIZE];

    merkle_tile_key(level, number, key);
    store_put(context, STORE_TILES, slice_from(key, sizeof key), slice_from(hashes, MERKLE_TILE_HASHES * sizeof *hashes));
}

static void put_entry(struct ledger *ledger, const struct ledger_entry *entry)
{
    char header[RECORD_HEADER_MAX], key[8];
    const struct record_header fields = {.type = entry->type,
                                         .tenant = entry->tenant,
                                         .semantics = VERDICT_SEMANTICS,
                                         .as_of = entry->as_of,
                                         .time_ms = entry->time_ms,
                                         .number = entry->number};
    const struct slice parts[2] = {slice_from(header, record_write_header(&fields, header)), entry->body};

    u64be_put(key, entry->index);
    ledger->batch->ops->put(ledger->batch, STORE_ENTRIES, slice_from(key, sizeof key), parts, 2);
    if (entry->id)
        store_put(ledger->batch, STORE_IDS, slice_from(entry->id, 16), slice_from(key, sizeof key));
    merkle_append(&ledger->merkle, parts, 2, put_tile, ledger->batch);
    atomic_fetch_add_explicit(&ledger->bytes, parts[0].size + parts[1].size, memory_order_relaxed);
}

/* ---- one transaction ---- */

static void stamp(struct ledger *ledger, struct ledger_txn *txn, int64_t time_ms)
{
    for (size_t i = 0; i < txn->entry_count; i++) {
        txn->entries[i].index = ledger->next_index + i;
        txn->entries[i].time_ms = time_ms;
        txn->entries[i].number = LEDGER_NUMBER_NONE;
    }
}

static enum ledger_result check(struct ledger *ledger, struct ledger_txn *txn, int64_t time_ms)
{
    const struct ledger_fold *fold = &ledger->options.fold;

    for (size_t i = 0; i < txn->entry_count; i++) {
        if (txn->entries[i].body.size + RECORD_HEADER_MAX > RECORD_BYTES_MAX)
            return LEDGER_LIMIT;
    }
    return fold->check ? fold->check(fold->context, txn, ledger->next_index, time_ms) : LEDGER_OK;
}

/* ---- what goes ---- */

/* Entries that are in an archive now. From here on they are gone for readers too: a commit that fails ends the process. */
static void take_archived(struct ledger *ledger, const struct ledger_txn *txn)
{
    uint64_t first = atomic_load(&ledger->first);
    char from[8], to[8], row[ARCHIVED_SIZE];

    if (txn->archived_to <= first)
        return;
    u64be_put(from, first);
    u64be_put(to, txn->archived_to);
    ledger->batch->ops->remove_range(ledger->batch, STORE_ENTRIES, slice_from(from, 8), slice_from(to, 8));
    if (txn->archived_erases)
        private_erase_range(&ledger->scrub, ledger->batch, first, txn->archived_to);
    u64be_put(row, txn->archived_to);
    u64be_put(row + 8, (uint64_t)txn->archived_time_ms);
    store_put(ledger->batch, STORE_META, sequencer_archived_key, slice_from(row, sizeof row));
    atomic_store(&ledger->first_time_ms, txn->archived_time_ms);
    atomic_store(&ledger->first, txn->archived_to);
}

static void take_removals(struct ledger *ledger, const struct ledger_txn *txn)
{
    for (size_t i = 0; i < txn->removal_count; i++) {
        const struct ledger_removal *removal = &txn->removals[i];

        if (removal->to.size > 0)
            ledger->batch->ops->remove_range(ledger->batch, removal->family, removal->key, removal->to);
        else
            ledger->batch->ops->remove(ledger->batch, removal->family, removal->key);
    }
    ledger->changed = ledger->changed || txn->removal_count > 0;
    take_archived(ledger, txn);
}

static bool take(struct ledger *ledger, struct ledger_txn *txn)
{
    const struct ledger_fold *fold = &ledger->options.fold;
    int64_t now = clock_now_ms(&ledger->options.clock), time_ms = now > ledger->last_time_ms ? now : ledger->last_time_ms;
    bool ok = true;

    stamp(ledger, txn, time_ms);
    txn->result = check(ledger, txn, time_ms);
    if (txn->result != LEDGER_OK)
        return true;
    ledger->last_time_ms = time_ms;
    for (size_t i = 0; i < txn->entry_count; i++) {
        put_entry(ledger, &txn->entries[i]);
        ok = postings_add(&ledger->postings, &txn->entries[i]) && ok;
        if (fold->apply)
            fold->apply(fold->context, &txn->entries[i]);
    }
    for (size_t i = 0; i < txn->blob_count; i++)
        store_put(ledger->batch, STORE_BLOBS, slice_from(txn->blobs[i].hash.bytes, DIGEST_SIZE), txn->blobs[i].bytes);
    if (txn->private_count + txn->erasure_count > 0)
        ok = private_write(&ledger->scrub, ledger->batch, txn) && ok;
    take_removals(ledger, txn);
    ledger->next_index += txn->entry_count;
    atomic_store_explicit(&ledger->sequenced, ledger->next_index, memory_order_release);
    return ok;
}

/* ---- one group ---- */

struct group {
    struct ledger_txn *first, *last;
    uint64_t first_index;
    bool ok;
};

static void group_add(struct group *group, struct ledger_txn *txn)
{
    txn->link.next = NULL;
    if (group->last)
        group->last->link.next = &txn->link;
    else
        group->first = txn;
    group->last = txn;
}

static struct ledger_txn *pop_pending(struct ledger *ledger)
{
    struct ledger_txn *txn = ledger->pending_first;

    ledger->pending_first = (struct ledger_txn *)txn->link.next;
    if (!ledger->pending_first)
        ledger->pending_last = NULL;
    atomic_fetch_sub_explicit(&ledger->queue_bytes, sequencer_txn_bytes(txn), memory_order_relaxed);
    atomic_fetch_sub_explicit(&ledger->queue_entries, txn->entry_count, memory_order_relaxed);
    return txn;
}

static void gather(struct ledger *ledger, struct group *group)
{
    while (ledger->pending_first && ledger->next_index - group->first_index < LEDGER_GROUP_ENTRIES_MAX &&
           ledger->batch->ops->batch_bytes(ledger->batch) < SEQUENCER_GROUP_BYTES_MAX) {
        struct ledger_txn *txn = pop_pending(ledger);

        group->ok = take(ledger, txn) && group->ok;
        group_add(group, txn);
    }
}

static void put_head(struct ledger *ledger, struct digest *root)
{
    char row[HEAD_SIZE];

    merkle_root(&ledger->merkle, root);
    u64be_put(row, ledger->next_index);
    memcpy(row + 8, root->bytes, DIGEST_SIZE);
    u64be_put(row + 8 + DIGEST_SIZE, (uint64_t)ledger->last_time_ms);
    store_put(ledger->batch, STORE_META, sequencer_head_key, slice_from(row, sizeof row));
}

static void count_group(struct ledger *ledger, uint64_t entries, uint64_t ns)
{
    unsigned bucket = 0;

    while (bucket < 11 && entries > UINT64_C(1) << bucket)
        bucket++;
    atomic_fetch_add_explicit(&ledger->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&ledger->entries, entries, memory_order_relaxed);
    atomic_fetch_add_explicit(&ledger->group_buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&ledger->sync_ns, ns, memory_order_relaxed);
    atomic_store_explicit(&ledger->last_group, entries, memory_order_relaxed);
}

static void publish(struct ledger *ledger, const struct digest *root)
{
    const struct ledger_fold *fold = &ledger->options.fold;

    pthread_mutex_lock(&ledger->root_mutex);
    ledger->root = *root;
    ledger->root_size = ledger->next_index;
    pthread_mutex_unlock(&ledger->root_mutex);
    atomic_store_explicit(&ledger->durable, ledger->next_index, memory_order_release);
    scrub_committed(&ledger->scrub);
    if (fold->durable)
        fold->durable(fold->context, ledger->next_index);
    if (ledger->options.grown)
        ledger->options.grown(ledger->options.grown_context, ledger->next_index);
}

/* Everything of the group in one batch. After an error the outcome is unknown. */
static enum status commit(struct ledger *ledger, struct group *group, struct error *error)
{
    const struct ledger_fold *fold = &ledger->options.fold;
    struct digest root;
    uint64_t begun;
    enum status status = STATUS_OK;

    if (ledger->next_index == group->first_index && !ledger->changed)
        return STATUS_OK;
    ledger->changed = false;
    if (fold->flush)
        fold->flush(fold->context, ledger->batch);
    if (ledger->next_index > group->first_index)
        status = recent_write(&ledger->recent, &ledger->postings, group->first_index, ledger->next_index, ledger->batch, error);
    put_head(ledger, &root);
    scrub_write(&ledger->scrub, ledger->batch);
    if (status == STATUS_OK && !group->ok)
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory while writing a group");
    if (status != STATUS_OK)
        return status;
    begun = clock_monotonic_ns();
    status = ledger->store->ops->commit(ledger->store, ledger->batch, ledger->options.sync, error);
    count_group(ledger, ledger->next_index - group->first_index, clock_monotonic_ns() - begun);
    if (status == STATUS_OK)
        publish(ledger, &root);
    return status;
}

static void answer(struct group *group, bool failed)
{
    struct ledger_txn *next;

    for (struct ledger_txn *txn = group->first; txn; txn = next) {
        next = (struct ledger_txn *)txn->link.next;
        if (failed)
            txn->result = LEDGER_UNKNOWN;
        txn->done(txn);
    }
}

static void run_group(struct ledger *ledger)
{
    struct group group = {.first_index = ledger->next_index, .ok = true};
    struct error error = {0};
    bool was_failed = atomic_load(&ledger->failed), failed = was_failed;

    if (failed) {
        while (ledger->pending_first)
            group_add(&group, pop_pending(ledger));
    } else {
        gather(ledger, &group);
        failed = commit(ledger, &group, &error) != STATUS_OK;
    }
    answer(&group, failed);
    if (failed && !was_failed)
        ledger_fail(ledger, &error);
}

static void take_inbox(struct ledger *ledger)
{
    struct inbox_item *item = inbox_take_all(&ledger->inbox);

    if (!item)
        return;
    if (ledger->pending_last)
        ledger->pending_last->link.next = item;
    else
        ledger->pending_first = (struct ledger_txn *)item;
    while (item->next)
        item = item->next;
    ledger->pending_last = (struct ledger_txn *)item;
}

/* While one group is written, the next one gathers in the inbox: the size of groups follows the time that a commit takes. */
void sequencer_run_pending(struct ledger *ledger)
{
    for (;;) {
        take_inbox(ledger);
        if (!ledger->pending_first)
            return;
        run_group(ledger);
    }
}

/* False when asked to stop and nothing is left. */
static bool sleep_until_work(struct ledger *ledger)
{
    bool go_on;

    pthread_mutex_lock(&ledger->wake_mutex);
    while (!ledger->signalled && !ledger->stop_asked)
        pthread_cond_wait(&ledger->wake, &ledger->wake_mutex);
    ledger->signalled = false;
    go_on = !ledger->stop_asked;
    pthread_mutex_unlock(&ledger->wake_mutex);
    return go_on;
}

void *sequencer_thread(void *context)
{
    struct ledger *ledger = context;

    while (sleep_until_work(ledger))
        sequencer_run_pending(ledger);
    sequencer_run_pending(ledger);
    return NULL;
}
