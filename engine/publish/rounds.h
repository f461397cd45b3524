/*
 * Which checkpoint the witnesses are asked about. All of them get the same one, so that their cosignatures come together on it:
 * a new round begins with the newest checkpoint when every witness that works has cosigned the present one, or when that has
 * taken too long. What all the cosignatures of one round add up to is kept as the newest witnessed checkpoint. Not locked: the
 * publisher is.
 */
#ifndef EDICT_PUBLISH_ROUNDS_H
#define EDICT_PUBLISH_ROUNDS_H

#include "ledger/witness.h"

enum { ROUNDS_KEPT = 2, ROUND_MS_MAX = 5000 };

struct round {
    struct buf note; /* the checkpoint, signed by the log only */
    uint64_t size;
    size_t count; /* of lines that are there */
    struct {
        size_t size;
        char bytes[WITNESS_LINE_MAX];
    } lines[WITNESSES_MAX];
};

struct rounds {
    struct round rounds[ROUNDS_KEPT]; /* the present one, and the one before: late answers count */
    size_t present;
    uint64_t begun_ms;
    size_t needed; /* cosignatures that make a checkpoint a witnessed one */
    struct buf witnessed;
    uint64_t witnessed_size;
    size_t witnessed_count;
};

void rounds_create(struct rounds *rounds, size_t quorum);
void rounds_destroy(struct rounds *rounds);
/* Begins a round, or where `size` is that of the present one takes the note, by another key, for the same cosignatures;
 * `now_ms` is of a clock that never goes back. False when memory is short: then the old one goes on. */
bool rounds_begin(struct rounds *rounds, struct slice note, uint64_t size, uint64_t now_ms);
const struct round *rounds_present(const struct rounds *rounds);
/* A verified line by witness number `witness`; one over a checkpoint that is not known any more is dropped. True when the
 * witnessed checkpoint is a new one. */
bool rounds_cosigned(struct rounds *rounds, size_t witness, uint64_t size, struct slice line);
/* Appends the lines over the checkpoint of `size`, if that is one of a round. */
void rounds_write_lines(const struct rounds *rounds, uint64_t size, struct buf *out);
/* Takes one that was kept. */
void rounds_restore(struct rounds *rounds, struct slice note, uint64_t size, size_t count);

#endif
