#include "ledger/query.h"

#include "base/u64be.h"
#include "ledger/index_version.h"
#include "ledger/walk.h"

#include <assert.h>

/* One call. Positions are indices; the range is closed, so that both directions read alike. */
struct run {
    struct store *store;
    uint64_t size;
    const struct ledger_query *query;
    struct walk walks[QUERY_TERMS_MAX];
    size_t walk_count;
    uint64_t low, high; /* what is left to look at, both included */
    uint64_t reads;     /* records */
    uint64_t seeks;
    size_t left;  /* matches */
    size_t bytes; /* of matches so far */
    bool filtered;
    bool empty;
    bool put_back;      /* archived entries are, which the index no longer has under any term */
    struct arena arena; /* of one record */
    struct error *error;
};

static enum status read_record(struct store *store, uint64_t index, struct arena *arena, struct slice *record,
                               struct error *error)
{
    unsigned char key[8];

    u64be_put(key, index);
    return store_get(store, STORE_ENTRIES, slice_from(key, sizeof key), arena, record, error);
}

/* ---- times ---- */

static enum status read_time(struct store *store, uint64_t index, struct arena *arena, int64_t *time_ms, struct error *error)
{
    struct record_header header;
    struct slice record, body;
    enum status status = read_record(store, index, arena, &record, error);

    if (status == STATUS_OK)
        status = record_split(record, &header, &body, error);
    if (status == STATUS_OK)
        *time_ms = header.time_ms;
    return status;
}

enum status ledger_find_time(struct store *store, uint64_t size, int64_t time_ms, uint64_t *index, struct error *error)
{
    uint64_t low, high = size;
    struct arena arena;
    enum status status = ledger_store_first(store, &low, error);

    low = low < high ? low : high;
    arena_create(&arena, 4096, 1 << 20);
    while (low < high && status == STATUS_OK) {
        uint64_t middle = low + (high - low) / 2;
        int64_t there = 0;

        arena_reset(&arena);
        status = read_time(store, middle, &arena, &there, error);
        if (there < time_ms)
            low = middle + 1;
        else
            high = middle;
    }
    arena_destroy(&arena);
    *index = low;
    return status;
}

/* ---- one match ---- */

static bool has_done_enough(const struct run *run)
{
    uint64_t reads = run->reads;

    for (size_t i = 0; i < run->walk_count; i++)
        reads += run->walks[i].reads;
    return reads >= QUERY_READS_MAX || run->seeks >= QUERY_SEEKS_MAX;
}

/* Moves the near end of the range to the next index that is in all walks. Stops early when enough was read: then *found is
 * false and the range is not empty. */
static enum status leap(struct run *run, bool *found)
{
    bool down = !run->query->oldest_first;
    uint64_t *at = down ? &run->high : &run->low;
    size_t agreed = 0;
    enum status status = STATUS_OK;

    *found = true;
    for (size_t i = 0; agreed < run->walk_count; i = (i + 1) % run->walk_count) {
        uint64_t here = 0;

        if (has_done_enough(run)) {
            *found = false;
            return STATUS_OK;
        }
        run->seeks++;
        status = walk_seek(&run->walks[i], *at, down, &here, found, run->error);
        if (status != STATUS_OK || !*found || here < run->low || here > run->high) {
            run->empty = true;
            *found = false;
            return status;
        }
        agreed = here == *at ? agreed + 1 : 1;
        *at = here;
    }
    return status;
}

/* The index at hand is done with. */
static void advance(struct run *run)
{
    if (run->low == run->high)
        run->empty = true;
    else if (run->query->oldest_first)
        run->low++;
    else
        run->high--;
}

/* An entry that is not there was archived just now, or is missing. */
static enum status look_again(struct run *run, uint64_t index, bool *matches)
{
    uint64_t archived;
    enum status status = ledger_store_archived(run->store, &archived, NULL, run->error);

    *matches = false;
    if (status == STATUS_OK && index >= archived)
        status = error_set(run->error, STATUS_CORRUPT, "", "entry %llu is missing", (unsigned long long)index);
    return status;
}

static enum status look(struct run *run, uint64_t index, struct slice *record, bool *matches)
{
    enum status status;

    arena_reset(&run->arena);
    run->reads++;
    *matches = true;
    status = read_record(run->store, index, &run->arena, record, run->error);
    if (status == STATUS_NOT_FOUND)
        return look_again(run, index, matches);
    if (status == STATUS_OK && run->filtered)
        status = run->query->filter(run->query->filter_context, index, *record, matches, run->error);
    return status;
}

static bool is_full(const struct run *run)
{
    size_t bytes = run->query->bytes ? *run->query->bytes : run->bytes;

    return run->left == 0 || (run->query->bytes_max > 0 && bytes >= run->query->bytes_max);
}

/* Until the range is empty, the page full or enough read. */
static enum status run_range(struct run *run, ledger_visit_f visit, void *context)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK && !run->empty && !is_full(run) && !has_done_enough(run)) {
        struct slice record;
        uint64_t index;
        bool found, matches;

        status = leap(run, &found);
        if (status != STATUS_OK || !found)
            break;
        index = run->query->oldest_first ? run->low : run->high;
        status = look(run, index, &record, &matches);
        if (status == STATUS_OK && matches) {
            status = visit(context, index, record, run->error);
            run->left--;
            run->bytes += record.size;
        }
        advance(run);
    }
    if (status == STATUS_OK && !run->empty && is_full(run)) {
        bool more;

        status = leap(run, &more); /* so that a page that is the last one says so */
    }
    return status;
}

/* ---- the ranges: where the index has every term, and where it is older ---- */

static bool is_newer_term(const struct ledger_term *term)
{
    return term->kind == LEDGER_TERM_COMMAND || term->kind == LEDGER_TERM_ESCALATION;
}

static void begin_range(struct run *run, uint64_t low, uint64_t high, bool indexed)
{
    run->low = low;
    run->high = high;
    run->empty = false;
    run->filtered = run->query->filter && (!indexed || !run->query->filter_old_only);
    run->walk_count = 0;
    for (size_t i = 0; i < run->query->term_count; i++) {
        if (indexed || (!run->put_back && !is_newer_term(&run->query->terms[i])))
            walk_create(&run->walks[run->walk_count++], run->store, run->size, &run->query->terms[i]);
    }
}

static void end_range(struct run *run)
{
    for (size_t i = 0; i < run->walk_count; i++) {
        run->reads += run->walks[i].reads;
        walk_destroy(&run->walks[i]);
    }
    run->walk_count = 0;
}

/* `low` is the first entry that is there. */
static enum status complete_from(struct run *run, uint64_t low, uint64_t size, uint64_t *from)
{
    const struct ledger_query *query = run->query;
    uint64_t put_back;
    enum status status = ledger_store_put_back(run->store, &put_back, run->error);

    run->put_back = status == STATUS_OK && query->term_count > 0 && low < put_back;
    *from = run->put_back ? put_back : 0;
    for (size_t i = 0; i < query->term_count && status == STATUS_OK; i++) {
        uint64_t one = 0;

        status = index_version_from(run->store, query->terms[i].kind, size, &one, run->error);
        *from = one > *from ? one : *from;
    }
    return status;
}

/* [low, high) in one or two ranges; `boundary` is where the index becomes complete. */
static enum status run_ranges(struct run *run, uint64_t low, uint64_t high, uint64_t boundary, ledger_visit_f visit,
                              void *context, uint64_t *next)
{
    bool up = run->query->oldest_first;
    enum status status = STATUS_OK;

    run->left = run->query->limit < QUERY_LIMIT_MAX ? run->query->limit : QUERY_LIMIT_MAX;
    *next = 0;
    while (low < high && status == STATUS_OK && *next == 0) {
        bool split = boundary > low && boundary < high;
        uint64_t from = split && !up ? boundary : low, to = split && up ? boundary : high;

        begin_range(run, from, to - 1, from >= boundary);
        status = run_range(run, visit, context);
        if (!run->empty)
            *next = up ? run->low : run->high + 1;
        end_range(run);
        if (up)
            low = to;
        else
            high = from;
        if (*next == 0 && low < high && (is_full(run) || has_done_enough(run)))
            *next = up ? low : high;
    }
    return status;
}

enum status ledger_query(struct store *store, uint64_t size, const struct ledger_query *query, ledger_visit_f visit,
                         void *context, uint64_t *next, struct error *error)
{
    struct run run = {.store = store, .size = size, .query = query, .error = error};
    uint64_t low = 0, high = size, boundary = 0;
    enum status status = ledger_store_first(store, &low, error);

    if (status == STATUS_OK)
        status = complete_from(&run, low, size, &boundary);

    *next = 0;
    if (status == STATUS_OK && query->until_ms > 0)
        status = ledger_find_time(store, size, query->until_ms, &high, error);
    if (status == STATUS_OK && query->since_ms > 0) /* never below the first */
        status = ledger_find_time(store, size, query->since_ms, &low, error);
    if (status != STATUS_OK)
        return status;
    assert(query->filter || boundary == 0); /* who asks for a newer term can also look for it in a record */
    low = query->from > low ? query->from : low;
    high = query->before < high ? query->before : high;
    arena_create(&run.arena, 8192, 1 << 20);
    status = run_ranges(&run, low, high, boundary, visit, context, next);
    arena_destroy(&run.arena);
    return status;
}
