#include "ledger/postings.h"

#include "base/u64be.h"
#include "ledger/leb128.h"

#include <assert.h>
#include <stdlib.h>

enum { POSTINGS_VALUE_MAX = POSTINGS_KEY_MAX - 10, POSTINGS_TERMS_INITIAL = 256, POSTINGS_ITEMS_INITIAL = 1024 };

void postings_create(struct postings *postings)
{
    *postings = (struct postings){0};
    arena_create(&postings->arena, 16384, 16u << 20);
}

void postings_destroy(struct postings *postings)
{
    free(postings->terms);
    free(postings->items);
    free(postings->sorted);
    free(postings->slots);
    arena_destroy(&postings->arena);
}

void postings_clear(struct postings *postings)
{
    if (postings->term_count > 0)
        memset(postings->slots, 0, postings->term_capacity * 2 * sizeof *postings->slots);
    postings->term_count = postings->item_count = 0;
    postings->failed = false;
    arena_reset(&postings->arena);
}

/* ---- gathering ---- */

struct slice postings_cut(struct slice value)
{
    return slice_sub(value, 0, POSTINGS_VALUE_MAX);
}

/* Where the term is, or where it would go: linear probing, never more than half full. */
static uint32_t *find_slot(const struct postings *postings, uint64_t hash, char kind, struct slice value)
{
    size_t mask = postings->term_capacity * 2 - 1, at = hash & mask;

    for (; postings->slots[at]; at = (at + 1) & mask) {
        const struct posting_term *term = &postings->terms[postings->slots[at] - 1];

        if (term->hash == hash && term->kind == kind && slice_equal(term->value, value))
            break;
    }
    return &postings->slots[at];
}

static bool grow_terms(struct postings *postings)
{
    size_t capacity = postings->term_capacity ? postings->term_capacity * 2 : POSTINGS_TERMS_INITIAL;
    struct posting_term *terms = realloc(postings->terms, capacity * sizeof *terms);
    uint32_t *slots = calloc(capacity * 2, sizeof *slots);

    if (terms)
        postings->terms = terms;
    if (!terms || !slots) {
        free(slots);
        return false;
    }
    free(postings->slots);
    postings->slots = slots;
    postings->term_capacity = capacity;
    for (size_t i = 0; i < postings->term_count; i++)
        *find_slot(postings, terms[i].hash, terms[i].kind, terms[i].value) = (uint32_t)i + 1;
    return true;
}

static bool grow_items(struct postings *postings)
{
    size_t capacity = postings->item_capacity ? postings->item_capacity * 2 : POSTINGS_ITEMS_INITIAL;
    struct posting *items = realloc(postings->items, capacity * sizeof *items);

    if (!items)
        return false;
    postings->items = items;
    postings->item_capacity = capacity;
    return true;
}

/* `cut` as postings_cut() leaves it. */
static uint32_t find_term(struct postings *postings, uint64_t hash, char kind, struct slice cut, bool copy)
{
    uint32_t *slot;

    if (postings->term_count == postings->term_capacity && !grow_terms(postings)) {
        postings->failed = true;
        return POSTINGS_NO_TERM;
    }
    slot = find_slot(postings, hash, kind, cut);
    if (*slot == 0) {
        struct slice value = copy ? arena_copy(&postings->arena, cut) : cut;

        if (!value.data && cut.size > 0) {
            postings->failed = true;
            return POSTINGS_NO_TERM;
        }
        postings->terms[postings->term_count] = (struct posting_term){.kind = kind, .value = value, .hash = hash};
        *slot = (uint32_t)++postings->term_count;
    }
    return *slot - 1;
}

uint32_t postings_term(struct postings *postings, char kind, struct slice value, bool copy)
{
    struct slice cut = postings_cut(value);

    return find_term(postings, slice_hash(cut, (unsigned char)kind), kind, cut, copy);
}

void postings_add_index(struct postings *postings, uint32_t at, uint64_t index)
{
    struct posting_term *term = &postings->terms[at];

    if (term->count > 0 && term->last == index) /* an entry that names a term twice carries it once */
        return;
    assert(term->count == 0 || term->last < index);
    if (postings->item_count == postings->item_capacity && !grow_items(postings)) {
        postings->failed = true;
        return;
    }
    term->count++;
    term->last = index;
    postings->items[postings->item_count++] = (struct posting){.index = index, .term = at};
}

static void add(struct postings *postings, char kind, struct slice value, uint64_t index)
{
    uint32_t term = postings_term(postings, kind, value, false);

    if (term != POSTINGS_NO_TERM)
        postings_add_index(postings, term, index);
}

bool postings_add(struct postings *postings, const struct ledger_entry *entry)
{
    add(postings, LEDGER_TERM_TYPE, slice_from_str(record_type_name(entry->type)), entry->index);
    for (size_t i = 0; i < entry->term_count; i++)
        add(postings, entry->terms[i].kind, entry->terms[i].value, entry->index);
    if (entry->number != LEDGER_NUMBER_NONE) {
        struct slice id = arena_printf(&postings->arena, "ESC-%llu", (unsigned long long)entry->number);

        postings->failed = postings->failed || !id.data;
        if (id.data)
            add(postings, LEDGER_TERM_ESCALATION, id, entry->index);
    }
    return !postings->failed;
}

bool postings_append(struct postings *postings, const struct postings *later, bool copy)
{
    for (size_t t = 0; t < later->term_count && !postings->failed; t++) {
        const struct posting_term *term = &later->terms[t];
        uint32_t at = find_term(postings, term->hash, term->kind, term->value, copy);

        for (size_t i = 0; at != POSTINGS_NO_TERM && i < term->count; i++)
            postings_add_index(postings, at, later->sorted[term->from + i]);
    }
    return !postings->failed;
}

/* ---- by term ---- */

/* By counting: the terms' counts say where each begins. */
bool postings_sort(struct postings *postings)
{
    uint32_t from = 0;

    if (postings->sorted_capacity < postings->item_capacity) {
        uint64_t *sorted = realloc(postings->sorted, postings->item_capacity * sizeof *sorted);

        if (!sorted)
            return false;
        postings->sorted = sorted;
        postings->sorted_capacity = postings->item_capacity;
    }
    for (size_t i = 0; i < postings->term_count; i++) {
        postings->terms[i].from = from;
        from += postings->terms[i].count;
        postings->terms[i].count = 0;
    }
    for (size_t i = 0; i < postings->item_count; i++) {
        struct posting_term *term = &postings->terms[postings->items[i].term];

        postings->sorted[term->from + term->count++] = postings->items[i].index;
    }
    return !postings->failed;
}

size_t postings_key(char kind, struct slice value, const uint64_t *first, char key[POSTINGS_KEY_MAX])
{
    size_t size = 0;

    value = postings_cut(value);
    key[size++] = kind;
    if (value.size > 0)
        memcpy(key + size, value.data, value.size);
    size += value.size;
    key[size++] = '\0';
    if (!first)
        return size;
    u64be_put(key + size, *first);
    return size + U64BE_SIZE;
}

static int by_key(const void *a, const void *b)
{
    const struct posting_term *x = a, *y = b;

    return x->kind != y->kind ? (unsigned char)x->kind - (unsigned char)y->kind : slice_compare(x->value, y->value);
}

bool postings_write(struct postings *postings, struct store_batch *batch)
{
    char key[POSTINGS_KEY_MAX];
    struct buf value;
    bool ok = postings_sort(postings);

    buf_create(&value, &postings->arena);
    if (ok) /* the store finds the place of a row from that of the one before */
        qsort(postings->terms, postings->term_count, sizeof *postings->terms, by_key);
    for (size_t t = 0; ok && t < postings->term_count; t++) {
        const struct posting_term *term = &postings->terms[t];
        const uint64_t *indices = &postings->sorted[term->from];

        value.size = 0;
        for (size_t i = 1; i < term->count; i++)
            leb128_add(&value, indices[i] - indices[i - 1]);
        store_put(batch, STORE_POSTINGS, slice_from(key, postings_key(term->kind, term->value, indices, key)),
                  buf_slice(&value));
        ok = !value.failed;
    }
    postings_clear(postings);
    return ok;
}
