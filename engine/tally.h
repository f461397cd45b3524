/*
 * Counting by name: what changed, by rule, by agent. Pure; one thread.
 */
#ifndef EDICT_ENGINE_TALLY_H
#define EDICT_ENGINE_TALLY_H

#include "proto/json.h"
#include "state/table.h"

struct tally_row {
    struct table_node node; /* its key is the name */
    uint64_t count, loosened;
};

struct tally {
    struct arena *arena; /* of names and rows */
    struct table table;
    struct tally_row **rows;
    size_t count, capacity;
    bool failed; /* memory ran out: something was not counted */
};

void tally_create(struct tally *tally, struct arena *arena);
void tally_destroy(struct tally *tally);
void tally_add(struct tally *tally, struct slice name, bool loosens); /* copies the name */
void tally_sort(struct tally *tally);                                 /* most first, then by name */
/* [{"name","changed","loosened"}, …] */
void tally_write(struct json_writer *w, const struct tally *tally);

#endif
