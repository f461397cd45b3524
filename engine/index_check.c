#include "engine/index_check.h"

#include "engine/terms.h"
#include "ledger/index_rows.h"
#include "ledger/index_sum.h"
#include "ledger/index_version.h"
#include "ledger/verify_index.h"

#include <string.h>

enum { CHECK_ARENA_MAX = 64 << 20, CHECK_CHUNK = 8192 };

static const struct kind {
    char kind;
    const char *name;
} kinds[] = {{LEDGER_TERM_AGENT, "agent"},
             {LEDGER_TERM_TIER, "tier"},
             {LEDGER_TERM_OPERATION, "operation"},
             {LEDGER_TERM_RULE, "rule"},
             {LEDGER_TERM_TYPE, "type"},
             {LEDGER_TERM_ESCALATION, "escalation"},
             {LEDGER_TERM_COMMAND, "command prefix"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct checking {
    struct store *store;
    uint64_t size, from[KINDS]; /* the first entry that has terms of the kind */
    struct index_sum implied[KINDS], found[KINDS];
    struct postings postings; /* of one entry */
    struct arena arena;
};

static void add(struct checking *checking, struct index_sum *sums, char kind, struct slice value, uint64_t index)
{
    char row[POSTINGS_KEY_MAX];
    size_t i = 0;

    while (i < KINDS && kinds[i].kind != kind)
        i++;
    if (i < KINDS && index >= checking->from[i])
        index_sum_add(&sums[i], slice_from(row, postings_key(kind, value, &index, row)));
}

static void add_found(void *context, char kind, struct slice value, uint64_t index)
{
    struct checking *checking = context;

    add(checking, checking->found, kind, value, index);
}

static enum status add_entry(void *context, uint64_t index, struct slice record, struct error *error)
{
    struct checking *checking = context;
    struct postings *postings = &checking->postings;
    struct terms_record found;
    enum status status;

    arena_reset(&checking->arena);
    postings_clear(postings);
    status = terms_of_record(checking->store, index, record, &checking->arena, &found, error);
    if (status == STATUS_OK && !postings_add(postings, &found.entry))
        status = error_set(error, STATUS_NO_MEMORY, "", "out of memory");
    for (size_t i = 0; status == STATUS_OK && i < postings->item_count; i++) {
        const struct posting_term *term = &postings->terms[postings->items[i].term];

        add(checking, checking->implied, term->kind, term->value, index);
    }
    return status;
}

/* Before there were commands in the index, a decision was found by more of its rules. */
static char kind_of_version(char kind)
{
    return kind == LEDGER_TERM_RULE ? LEDGER_TERM_COMMAND : kind;
}

static enum status begin(struct checking *checking, uint64_t *first, struct error *error)
{
    uint64_t seed;
    enum status status = index_sum_seed(&seed, error);

    if (status == STATUS_OK)
        status = ledger_store_head(checking->store, &checking->size, NULL, error);
    if (status == STATUS_OK)
        status = verify_index_first(checking->store, first, error);
    for (size_t i = 0; status == STATUS_OK && i < KINDS; i++) {
        checking->implied[i].seed = checking->found[i].seed = seed;
        status = index_version_from(checking->store, kind_of_version(kinds[i].kind), checking->size, &checking->from[i], error);
        checking->from[i] = checking->from[i] > *first ? checking->from[i] : *first;
    }
    return status;
}

static enum status compare(const struct checking *checking, uint64_t *rows, struct error *error)
{
    *rows = 0;
    for (size_t i = 0; i < KINDS; i++) {
        const struct index_sum *found = &checking->found[i], *implied = &checking->implied[i];

        if (!index_sum_equal(found, implied))
            return index_damaged(error, "terms", "by %s it has %llu rows, and the entries imply %llu%s", kinds[i].name,
                                 (unsigned long long)found->count, (unsigned long long)implied->count,
                                 found->count == implied->count ? " others" : "");
        *rows += found->count;
    }
    return STATUS_OK;
}

static enum status run(const struct index_check *options, struct checking *checking, uint64_t *entries, uint64_t *rows,
                       struct error *error)
{
    uint64_t first = 0, to;
    enum status status = begin(checking, &first, error);

    *entries = first < checking->size ? checking->size - first : 0;
    for (uint64_t from = first; status == STATUS_OK && from < checking->size; from = to) {
        to = from + CHECK_CHUNK < checking->size ? from + CHECK_CHUNK : checking->size;
        status = ledger_each(checking->store, from, to, add_entry, checking, error);
        if (options->progress)
            options->progress(options->context, to, checking->size);
    }
    if (status == STATUS_OK)
        status = index_rows_terms(checking->store, checking->size, add_found, checking, error);
    return status == STATUS_OK ? compare(checking, rows, error) : status;
}

enum status index_check_run(const struct index_check *options, uint64_t *entries, uint64_t *rows, struct error *error)
{
    struct checking checking = {.store = options->store};
    enum status status;

    postings_create(&checking.postings);
    arena_create(&checking.arena, 65536, CHECK_ARENA_MAX);
    status = run(options, &checking, entries, rows, error);
    arena_destroy(&checking.arena);
    postings_destroy(&checking.postings);
    return status;
}
