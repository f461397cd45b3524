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
    arena_destroy(&journal->arena);
}

static void journal_add(struct journal *journal, struct slice key, struct slice value, bool removes)
{
    struct journal_change change = {.key = arena_copy(&journal->arena, key), .value = arena_copy(&journal->arena, value), .remove = removes};

    if (journal->count == journal->capacity) {
        size_t capacity = journal->capacity ? journal->capacity * 2 : 256;
        struct journal_change *grown = realloc(journal->changes, capacity * sizeof *grown);

        if (grown) {
            journal->changes = grown;
            journal->capacity = capacity;
        }
    }
    if (!change.key.data || !change.value.data || journal->count == journal->capacity) {
        journal->failed = true;
        return;
    }
    journal->changes[journal->count++] = change;
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
