#include "ledger/verify_index.h"

#include "base/u64be.h"
#include "ledger/index_rows.h"
#include "ledger/index_version.h"
#include "proto/decision.h"

enum { ROW_SIZE = INDEX_ID_SIZE + U64BE_SIZE, LOOK_ARENA_MAX = 4096 };
_Static_assert((int)INDEX_ID_SIZE == (int)UUID_SIZE, "ids are UUIDs");

enum status verify_index_first(struct store *store, uint64_t *first, struct error *error)
{
    uint64_t archived = 0, put_back = 0, from;
    enum status status = index_version_from(store, LEDGER_TERM_AGENT, 0, &from, error);

    if (status == STATUS_OK)
        status = ledger_store_archived(store, &archived, NULL, error);
    if (status == STATUS_OK)
        status = ledger_store_put_back(store, &put_back, error);
    *first = archived > put_back ? archived : put_back;
    return status;
}

static void add_row(struct index_sum *sum, const void *id, uint64_t index)
{
    char row[ROW_SIZE];

    memcpy(row, id, INDEX_ID_SIZE);
    u64be_put(row + INDEX_ID_SIZE, index);
    index_sum_add(sum, slice_from(row, sizeof row));
}

void verify_index_add(struct index_sum *ids, const struct record_header *header, uint64_t index, struct slice body)
{
    struct uuid id;

    if (header->type == RECORD_DECISION && decision_id_likely(body, &id))
        add_row(ids, id.bytes, index);
}

/* ---- what the index has ---- */

static void take_id(void *context, struct slice id, uint64_t index)
{
    struct verify_index *reading = context;

    if (index >= reading->first)
        add_row(&reading->rows, id.data, index);
}

static void pass_posting(void *context, char kind, struct slice value, uint64_t index)
{
    (void)context;
    (void)kind;
    (void)value;
    (void)index;
}

static void *read_rows(void *context)
{
    struct verify_index *index = context;

    index->status = index_rows_ids(index->store, index->size, take_id, index, &index->error);
    if (index->status == STATUS_OK)
        index->status = index_rows_terms(index->store, index->size, pass_posting, NULL, &index->error);
    return NULL;
}

void verify_index_start(struct verify_index *index, struct store *store, uint64_t first, uint64_t size, uint64_t seed)
{
    *index = (struct verify_index){.store = store, .first = first, .size = size, .rows.seed = seed};
    index->started = pthread_create(&index->thread, NULL, read_rows, index) == 0;
    if (!index->started)
        read_rows(index);
}

void verify_index_wait(struct verify_index *index)
{
    if (index->started)
        pthread_join(index->thread, NULL);
    index->started = false;
}

/* ---- where they differ ---- */

struct look {
    struct store *store;
    struct index_sum ids; /* by what is the id for certain */
    struct arena arena;
};

static enum status take_certain(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct look *look = context;
    struct record_header header;
    struct slice body;
    struct uuid id;
    enum status status = record_split(record, &header, &body, error);

    if (status == STATUS_OK && header.type == RECORD_DECISION && decision_id_of_body(body, &id))
        add_row(&look->ids, id.bytes, index);
    return status;
}

static enum status look_up(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct look *look = context;
    struct record_header header;
    struct slice body, row = {0};
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    struct error said = {0};
    enum status status = record_split(record, &header, &body, error);

    if (status != STATUS_OK || header.type != RECORD_DECISION || !decision_id_of_body(body, &id))
        return status;
    arena_reset(&look->arena);
    uuid_format(&id, text);
    status = store_get(look->store, STORE_IDS, slice_from(id.bytes, UUID_SIZE), &look->arena, &row, &said);
    if (status == STATUS_OK && row.size == U64BE_SIZE && u64be_get(row.data) == index)
        return STATUS_OK;
    return index_damaged(error, "ids", "entry %llu, decision %.*s, %s", (unsigned long long)index, UUID_TEXT_SIZE, text,
                         status == STATUS_OK          ? "is under another entry in it"
                         : status == STATUS_NOT_FOUND ? "is not in it"
                                                      : said.message);
}

/* Is there a difference for certain? Then the first decision that ids does not lead to; or it has more than there are. */
static enum status find_difference(struct store *store, uint64_t first, uint64_t size, const struct index_sum *rows,
                                   struct error *error)
{
    struct look look = {.store = store, .ids.seed = rows->seed};
    enum status status = ledger_each(store, first, size, take_certain, &look, error);

    if (status != STATUS_OK || index_sum_equal(&look.ids, rows))
        return status;
    arena_create(&look.arena, 256, LOOK_ARENA_MAX);
    status = ledger_each(store, first, size, look_up, &look, error);
    arena_destroy(&look.arena);
    if (status != STATUS_OK)
        return status;
    return index_damaged(error, "ids", "it has %llu rows, and the entries from %llu on are %llu decisions",
                         (unsigned long long)rows->count, (unsigned long long)first, (unsigned long long)look.ids.count);
}

enum status verify_index_compare(const struct verify_index *index, const struct index_sum *ids, struct error *error)
{
    if (index->status != STATUS_OK)
        *error = index->error;
    if (index->status != STATUS_OK || index_sum_equal(&index->rows, ids))
        return index->status;
    return find_difference(index->store, index->first, index->size, &index->rows, error);
}
