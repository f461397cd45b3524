/*
 * Counting by name: what changed, by rule, by agent. Pure; one thread.
 */
#ifndef EDICT_CLI_TALLY_H
#define EDICT_CLI_TALLY_H

#include "base/arena.h"
#include "proto/json.h"

struct tally_row {
    struct slice name;
    uint64_t count, loosened;
};

struct tally {
    struct arena *arena; /* of names and rows */
    struct tally_row *rows;
    size_t count, capacity;
};

void tally_create(struct tally *tally, struct arena *arena);
/* Copies the name. What finds no memory is not counted. */
void tally_add(struct tally *tally, struct slice name, bool loosens);
void tally_sort(struct tally *tally); /* most first, then by name */
void tally_write(struct json_writer *w, const struct tally *tally);
void tally_print(const char *title, const struct tally *tally, size_t max);

#endif
