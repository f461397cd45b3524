#include "state/history.h"

#include <stdlib.h>

void history_destroy(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free(history->kinds[i].key);
        free(history->kinds[i].buckets);
    }
    free(history->kinds);
    *history = (struct history){0};
}

static void make_key(struct row *row, struct slice operation, struct slice type)
{
    row->size = 0;
    row_text(row, operation);
    row_text(row, type);
}

static struct history_kind *find_kind(const struct history *history, struct slice key)
{
    for (size_t i = 0; i < history->count; i++) {
        if (slice_equal(slice_from(history->kinds[i].key, history->kinds[i].key_size), key))
            return &history->kinds[i];
    }
    return NULL;
}

static void bucket_key(struct row *row, struct slice agent, const struct history_kind *kind, uint32_t number)
{
    row_begin(row, ROW_BUCKET);
    row_text(row, agent);
    row_bytes(row, slice_from(kind->key, kind->key_size));
    row_u32(row, number);
}

static void remove_bucket_rows(struct journal *journal, struct slice agent, const struct history_kind *kind, size_t count)
{
    struct row key;

    for (size_t i = 0; i < count; i++) {
        bucket_key(&key, agent, kind, kind->buckets[i].number);
        journal_remove(journal, row_slice(&key));
    }
}

/* The kind whose newest bucket is oldest; by key where several are. */
static size_t least_recent(const struct history *history)
{
    size_t least = 0;

    for (size_t i = 1; i < history->count; i++) {
        const struct history_kind *a = &history->kinds[i], *b = &history->kinds[least];
        uint32_t x = a->count ? a->buckets[a->count - 1].number : 0, y = b->count ? b->buckets[b->count - 1].number : 0;

        if (x < y || (x == y && slice_compare(slice_from(a->key, a->key_size), slice_from(b->key, b->key_size)) < 0))
            least = i;
    }
    return least;
}

static void make_room(struct history *history, struct journal *journal, struct slice agent)
{
    size_t at = least_recent(history);
    struct history_kind *kind = &history->kinds[at];

    remove_bucket_rows(journal, agent, kind, kind->count);
    free(kind->key);
    free(kind->buckets);
    *kind = history->kinds[--history->count];
}

static struct history_kind *add_kind(struct history *history, struct slice key)
{
    struct history_kind *kind;

    if (history->count == history->capacity) {
        size_t capacity = history->capacity ? history->capacity * 2 : 4;
        struct history_kind *grown = realloc(history->kinds, capacity * sizeof *grown);

        if (!grown)
            return NULL;
        history->kinds = grown;
        history->capacity = capacity;
    }
    kind = &history->kinds[history->count];
    *kind = (struct history_kind){.key = malloc(key.size), .key_size = key.size};
    if (!kind->key)
        return NULL;
    memcpy(kind->key, key.data, key.size);
    history->count++;
    return kind;
}

static struct history_bucket *add_bucket(struct history_kind *kind, uint32_t number)
{
    if (kind->count > 0 && kind->buckets[kind->count - 1].number == number)
        return &kind->buckets[kind->count - 1];
    if (kind->count == kind->capacity) {
        size_t capacity = kind->capacity ? kind->capacity * 2 : 4;
        struct history_bucket *grown = realloc(kind->buckets, capacity * sizeof *grown);

        if (!grown)
            return NULL;
        kind->buckets = grown;
        kind->capacity = capacity;
    }
    kind->buckets[kind->count] = (struct history_bucket){.number = number};
    return &kind->buckets[kind->count++];
}

static void drop_old(struct history_kind *kind, struct journal *journal, struct slice agent, int64_t time_ms)
{
    uint32_t oldest = (uint32_t)((time_ms - HISTORY_WINDOW_MS) / HISTORY_BUCKET_MS);
    size_t old = 0;

    while (old < kind->count && kind->buckets[old].number < oldest)
        old++;
    if (old == 0)
        return;
    remove_bucket_rows(journal, agent, kind, old);
    memmove(kind->buckets, kind->buckets + old, (kind->count - old) * sizeof *kind->buckets);
    kind->count -= old;
}

static bool count_kind(struct history *history, struct journal *journal, struct slice agent, struct slice key, int64_t time_ms,
                       enum history_outcome outcome)
{
    struct history_kind *kind = find_kind(history, key);
    struct history_bucket *bucket;
    struct row row, value = {.size = 0};

    if (!kind && history->count == HISTORY_KINDS_MAX)
        make_room(history, journal, agent);
    if (!kind)
        kind = add_kind(history, key);
    if (!kind)
        return false;
    drop_old(kind, journal, agent, time_ms);
    bucket = add_bucket(kind, (uint32_t)(time_ms / HISTORY_BUCKET_MS));
    if (!bucket)
        return false;
    bucket->counts[outcome]++;
    bucket_key(&row, agent, kind, bucket->number);
    for (int i = 0; i < 3; i++)
        row_u32(&value, bucket->counts[i]);
    journal_put(journal, row_slice(&row), row_slice(&value));
    return true;
}

bool history_count(struct history *history, struct journal *journal, struct slice agent, struct slice operation,
                   struct slice type, int64_t time_ms, enum history_outcome outcome)
{
    struct row key;

    make_key(&key, operation, type);
    if (!count_kind(history, journal, agent, row_slice(&key), time_ms, outcome))
        return false;
    make_key(&key, (struct slice){0}, (struct slice){0});
    return count_kind(history, journal, agent, row_slice(&key), time_ms, outcome);
}

static void add_counts(struct facts_counts *to, const struct history_bucket *bucket)
{
    to->approved += bucket->counts[HISTORY_APPROVED];
    to->escalated += bucket->counts[HISTORY_ESCALATED];
    to->denied += bucket->counts[HISTORY_DENIED];
}

void history_read(const struct history *history, struct slice operation, struct slice type, int64_t now_ms,
                  struct facts_windows *out)
{
    struct row key;
    const struct history_kind *kind;
    int64_t now = now_ms / HISTORY_BUCKET_MS;

    *out = (struct facts_windows){0};
    make_key(&key, operation, type);
    kind = find_kind(history, row_slice(&key));
    for (size_t i = kind ? kind->count : 0; i > 0; i--) {
        const struct history_bucket *bucket = &kind->buckets[i - 1];
        int64_t age_ms = (now - bucket->number) * HISTORY_BUCKET_MS;

        if (age_ms >= HISTORY_WINDOW_MS)
            break;
        add_counts(&out->d7, bucket);
        if (age_ms < 86400 * 1000)
            add_counts(&out->h24, bucket);
        if (age_ms < 3600 * 1000)
            add_counts(&out->h1, bucket);
    }
}

bool history_load(struct history *history, struct slice kind_key, uint32_t number, const uint32_t counts[3])
{
    struct history_kind *kind = find_kind(history, kind_key);
    struct history_bucket *bucket;

    if (!kind)
        kind = add_kind(history, kind_key);
    bucket = kind ? add_bucket(kind, number) : NULL;
    if (!bucket)
        return false;
    memcpy(bucket->counts, counts, sizeof bucket->counts);
    return true;
}

/* ---- hours ---- */

enum { HISTORY_HOUR_MS = 3600 * 1000 };

/* Entry times never decrease, so an hour that has passed is never counted again. */
bool history_count_hour(struct history *history, struct journal *journal, struct slice agent, int64_t time_ms,
                        enum history_outcome outcome)
{
    uint32_t number = (uint32_t)(time_ms / HISTORY_HOUR_MS);
    struct row key, value = {.size = 0};

    if (history->hour.number != number)
        history->hour = (struct history_bucket){.number = number};
    history->hour.counts[outcome]++;
    row_begin(&key, ROW_HOUR);
    row_text(&key, agent);
    row_u32(&key, number);
    for (int i = 0; i < 3; i++)
        row_u32(&value, history->hour.counts[i]);
    journal_put(journal, row_slice(&key), row_slice(&value));
    return true;
}

bool history_load_hour(struct history *history, uint32_t number, const uint32_t counts[3])
{
    if (number < history->hour.number)
        return true;
    history->hour.number = number;
    memcpy(history->hour.counts, counts, sizeof history->hour.counts);
    return true;
}
