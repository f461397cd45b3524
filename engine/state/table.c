#include "state/table.h"

#include <stdlib.h>

void table_destroy(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}

struct table_node *table_find(const struct table *table, struct slice key)
{
    uint64_t hash = slice_hash(key, 0);

    if (table->capacity == 0)
        return NULL;
    for (struct table_node *node = table->buckets[hash & (table->capacity - 1)]; node; node = node->next) {
        if (node->hash == hash && slice_equal(node->key, key))
            return node;
    }
    return NULL;
}

static bool table_grow(struct table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 16;
    struct table_node **buckets = calloc(capacity, sizeof(struct table_node *));

    if (!buckets)
        return table->capacity > 0; /* fuller, but whole */
    for (size_t i = 0; i < table->capacity; i++) {
        struct table_node *next;

        for (struct table_node *node = table->buckets[i]; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (capacity - 1)];
            buckets[node->hash & (capacity - 1)] = node;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->capacity = capacity;
    return true;
}

bool table_insert(struct table *table, struct table_node *node)
{
    if (table->count >= table->capacity && !table_grow(table))
        return false;
    node->hash = slice_hash(node->key, 0);
    node->next = table->buckets[node->hash & (table->capacity - 1)];
    table->buckets[node->hash & (table->capacity - 1)] = node;
    table->count++;
    return true;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **at = &table->buckets[node->hash & (table->capacity - 1)];

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    table->count--;
}

void table_each(struct table *table, void (*visit)(void *context, struct table_node *node), void *context)
{
    for (size_t i = 0; i < table->capacity; i++) {
        struct table_node *next;

        for (struct table_node *node = table->buckets[i]; node; node = next) {
            next = node->next;
            visit(context, node);
        }
    }
}
