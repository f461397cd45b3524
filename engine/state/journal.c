#include "state/journal.h"

#include <assert.h>
#include <stdlib.h>

void journal_create(struct journal *journal)
{
    *journal = (struct journal){0};
    arena_create(&journal->arena, 64 * 1024, 256u << 20);
}

void journal_destroy(struct journal *journal)
{
    free(journal->changes);
    free(journal->places);
    arena_destroy(&journal->arena);
}

/* Where the key is, or where it would go: linear probing, never more than half full. */
static uint32_t *find_place(const struct journal *journal, uint64_t hash, struct slice key)
{
    size_t mask = journal->capacity * 2 - 1, at = hash & mask;

    for (; journal->places[at]; at = (at + 1) & mask) {
        const struct journal_change *change = &journal->changes[journal->places[at] - 1];

        if (change->hash == hash && slice_equal(change->key, key))
            break;
    }
    return &journal->places[at];
}

static bool journal_grow(struct journal *journal)
{
    size_t capacity = journal->capacity ? journal->capacity * 2 : 256;
    struct journal_change *changes = realloc(journal->changes, capacity * sizeof *changes);
    uint32_t *places = calloc(capacity * 2, sizeof *places);

    if (changes)
        journal->changes = changes;
    if (!changes || !places) {
        free(places);
        return false;
    }
    free(journal->places);
    journal->places = places;
    journal->capacity = capacity;
    for (size_t i = 0; i < journal->count; i++)
        *find_place(journal, changes[i].hash, changes[i].key) = (uint32_t)i + 1;
    return true;
}

static void journal_add(struct journal *journal, struct slice key, struct slice value, bool removes)
{
    uint64_t hash = slice_hash(key, 3);
    struct journal_change *change;
    uint32_t *place;

    if (journal->count == journal->capacity && !journal_grow(journal)) {
        journal->failed = true;
        return;
    }
    place = find_place(journal, hash, key);
    if (*place == 0) {
        journal->changes[journal->count] = (struct journal_change){.key = arena_copy(&journal->arena, key), .hash = hash};
        *place = (uint32_t)++journal->count;
    }
    change = &journal->changes[*place - 1];
    if (removes || value.size > change->value.size || !change->value.data)
        change->value = arena_copy(&journal->arena, value);
    else if (value.size > 0) {
        memcpy((char *)(uintptr_t)change->value.data, value.data, value.size);
        change->value.size = value.size;
    } else {
        change->value.size = 0;
    }
    change->remove = removes;
    journal->failed = journal->failed || !change->key.data || !change->value.data;
}

void journal_put(struct journal *journal, struct slice key, struct slice value)
{
    journal_add(journal, key, value, false);
}

void journal_remove(struct journal *journal, struct slice key)
{
    journal_add(journal, key, (struct slice){0}, true);
}

void journal_flush(struct journal *journal, struct store_batch *batch)
{
    for (size_t i = 0; i < journal->count; i++) {
        const struct journal_change *change = &journal->changes[i];

        if (change->remove)
            batch->ops->remove(batch, STORE_STATE, change->key);
        else
            store_put(batch, STORE_STATE, change->key, change->value);
    }
    if (journal->count > 0)
        memset(journal->places, 0, journal->capacity * 2 * sizeof *journal->places);
    journal->count = 0;
    arena_reset(&journal->arena);
}

/* ---- keys and values ---- */

void row_begin(struct row *row, enum journal_row kind)
{
    row->data[0] = (char)kind;
    row->size = 1;
}

void row_bytes(struct row *row, struct slice bytes)
{
    assert(row->size + bytes.size <= sizeof row->data);
    if (bytes.size > 0)
        memcpy(row->data + row->size, bytes.data, bytes.size);
    row->size += bytes.size;
}

void row_text(struct row *row, struct slice text)
{
    row_bytes(row, text);
    row_bytes(row, slice_from("", 1));
}

void row_u32(struct row *row, uint32_t value)
{
    char bytes[4];

    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(value >> (24 - 8 * i));
    row_bytes(row, slice_from(bytes, 4));
}

void row_u64(struct row *row, uint64_t value)
{
    row_u32(row, (uint32_t)(value >> 32));
    row_u32(row, (uint32_t)value);
}

struct slice row_slice(const struct row *row)
{
    return slice_from(row->data, row->size);
}

uint32_t row_get_u32(struct slice bytes, size_t at)
{
    uint32_t value = 0;

    assert(at + 4 <= bytes.size);
    for (size_t i = at; i < at + 4; i++)
        value = value << 8 | (unsigned char)bytes.data[i];
    return value;
}

uint64_t row_get_u64(struct slice bytes, size_t at)
{
    return (uint64_t)row_get_u32(bytes, at) << 32 | row_get_u32(bytes, at + 4);
}
