/*
 * Made-up decision records in the shape of real ones, of an exact size, with the terms that a decision carries. The same seed
 * gives the same records, but for their ids. One thread.
 */
#ifndef EDICT_BENCH_RECORDS_H
#define EDICT_BENCH_RECORDS_H

#include "ledger/ledger.h"
#include "proto/uuid.h"

enum { RECORDS_SIZE_MIN = 600, RECORDS_SIZE_MAX = 4096, RECORDS_RULES = 3 };

struct records {
    uint64_t random; /* state of the generator */
    struct uuid_generator uuids;
    size_t size; /* of a record: header and body */
};

/* One transaction of one entry, and the same record as one string. */
struct record_sample {
    struct ledger_txn txn;
    struct uuid id;
    char agent[24], operation[16];
    char header[RECORD_HEADER_MAX], body[RECORDS_SIZE_MAX], whole[RECORDS_SIZE_MAX];
    size_t whole_size;
};

void records_create(struct records *records, uint64_t seed, size_t size);
/* Fills `sample` anew. `index` only decides how long the header's numbers are. */
void records_next(struct records *records, uint64_t index, struct record_sample *sample);

#endif
