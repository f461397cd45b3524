/*
 * A hash table with the nodes inside the things it holds. Keys are slices that belong to the things. One thread at a time.
 */
#ifndef EDICT_STATE_TABLE_H
#define EDICT_STATE_TABLE_H

#include "base/slice.h"

struct table_node {
    struct table_node *next;
    uint64_t hash;
    struct slice key;
};

struct table {
    struct table_node **buckets; /* malloc'ed; a power of two */
    size_t capacity, count;
};

void table_destroy(struct table *table); /* not the things */
struct table_node *table_find(const struct table *table, struct slice key);
/* node->key is set and not in the table yet. False when out of memory. */
bool table_insert(struct table *table, struct table_node *node);
void table_remove(struct table *table, struct table_node *node);
/* Calls `visit` for all; it may free the node. */
void table_each(struct table *table, void (*visit)(void *context, struct table_node *node), void *context);

#define TABLE_ENTRY(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#endif
