/*
 * A model of a store, and random operations that are done to both; see test_store_model.c. One thread.
 */
#ifndef EDICT_TESTS_STORE_MODEL_H
#define EDICT_TESTS_STORE_MODEL_H

#include "ledger/store.h"
#include "model.h"

/* Keys are few, so that they meet, and of bytes at which orders go wrong. */
enum { KEY_MAX = 3, VALUE_MAX = 600, MODEL_ROWS_MAX = 4096, PARTS_MAX = 3 };

struct row {
    enum store_family family;
    unsigned char key[KEY_MAX];
    size_t key_size;
    uint64_t value_seed; /* the value follows from it */
    size_t value_size;
};

/* Committed rows, by family and key. */
struct model {
    struct row rows[MODEL_ROWS_MAX];
    size_t count;
};

struct test {
    struct model_trace trace;
    bool rocks;
    char folder[32];
    struct store *store;
    struct store_batch *batch;
    struct model committed, next; /* next: with what is in the batch */
    struct arena arena;
};

/* `begin` opens an empty store in a new folder; each operation is done to store and model, with a check where there is one. */
void store_model_compare_all(struct test *test);
void store_model_put(struct test *test);
void store_model_remove(struct test *test);
void store_model_remove_range(struct test *test);
void store_model_commit(struct test *test);
void store_model_discard(struct test *test);
void store_model_reopen(struct test *test);
void store_model_open_store(struct test *test);
void store_model_begin(struct test *test, bool rocks, uint64_t salt);
void store_model_end(struct test *test);
struct slice store_model_key_of(const struct row *row);
bool store_model_is_own_row(const struct store_visit *visit, enum store_family family);
bool store_model_value_is(const struct row *row, struct slice value);
void store_model_one_operation(struct test *test);
/* A get or a scan. */
void store_model_look(struct test *test);

#endif
