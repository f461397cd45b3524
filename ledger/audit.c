#include "ledger/audit.h"

#include "ledger/archive.h"
#include "ledger/private.h"
#include "proto/event.h"
#include "proto/redact.h"

#include <stdlib.h>

enum { AUDIT_ARENA_CAP = 64 << 20 };

static const struct json_limits body_limits = {.bytes = 16u << 20, .depth = JSON_DEPTH_MAX + 4, .members = 65536};

static enum status out_of_memory(struct error *error)
{
    return error_set(error, STATUS_NO_MEMORY, "", "out of memory");
}

void audit_create(struct audit *audit)
{
    *audit = (struct audit){0};
    arena_create(&audit->arena, 16384, AUDIT_ARENA_CAP);
}

void audit_destroy(struct audit *audit)
{
    free(audit->missing.items);
    free(audit->erased.items);
    arena_destroy(&audit->arena);
    audit->missing = audit->erased = (struct audit_list){0};
}

static bool add(struct audit_list *list, uint64_t index, uint64_t path)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct audit_name *grown = realloc(list->items, capacity * sizeof *grown);

        if (!grown)
            return false;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct audit_name){index, path};
    return true;
}

/* ---- entries ---- */

static enum status wrong(struct error *error, uint64_t index, const char *what)
{
    return error_set(error, STATUS_CORRUPT, "", "entry %llu: %s", (unsigned long long)index, what);
}

static enum status check_value(struct audit *audit, struct store *store, uint64_t index, cJSON *body, struct slice pointer,
                               struct error *error)
{
    struct digest commitment;
    struct slice row;
    cJSON *value;
    struct error detail;
    enum status status;

    if (!redact_mark_read(redact_resolve(body, pointer), &commitment))
        return wrong(error, index, "it names a redacted value that it does not commit to");
    status = private_read(store, index, pointer, &audit->arena, &row, error);
    if (status == STATUS_NOT_FOUND)
        return add(&audit->missing, index, slice_hash(pointer, 0)) ? STATUS_OK : out_of_memory(error);
    if (status != STATUS_OK)
        return status;
    if (redact_open(&audit->arena, row, pointer, &commitment, &value, &detail) != STATUS_OK)
        return wrong(error, index, detail.message);
    audit->present++;
    return STATUS_OK;
}

/* A large value that marks may be in, in the place of its hash. */
static enum status restore_context(struct audit *audit, struct store *store, cJSON *body, struct error *error)
{
    cJSON *context = (cJSON *)(uintptr_t)json_get(json_get(body, "request"), "context"), *value;
    struct digest hash;
    struct slice bytes;
    enum status status;

    if (!context || !context->child || context->child->next || !digest_parse(json_get_text(context, "$sha256"), &hash))
        return STATUS_OK;
    status = store_get(store, STORE_BLOBS, slice_from(hash.bytes, DIGEST_SIZE), &audit->arena, &bytes, error);
    if (status == STATUS_OK)
        status = json_parse(&audit->arena, bytes, &body_limits, &value, error);
    if (status == STATUS_OK)
        redact_become(context, value);
    return status;
}

static enum status audit_decision(struct audit *audit, struct store *store, uint64_t index, struct slice text,
                                  struct error *error)
{
    cJSON *body = NULL;
    const cJSON *pointer;
    enum status status = json_parse(&audit->arena, text, &body_limits, &body, error);

    if (status == STATUS_OK)
        status = restore_context(audit, store, body, error);
    cJSON_ArrayForEach(pointer, json_get(body, "redacted"))
    {
        if (status == STATUS_OK)
            status = check_value(audit, store, index, body, json_text(pointer), error);
    }
    return status;
}

static enum status audit_erased(struct audit *audit, uint64_t index, struct slice body, struct error *error)
{
    struct event event;
    enum status status = event_from_body(&audit->arena, RECORD_DECISION_ERASED, body, &event, error);

    if (status != STATUS_OK || event.erased.index >= index)
        return wrong(error, index, "it is not a valid erasure");
    for (size_t i = 0; i < event.erased.path_count; i++) {
        if (!add(&audit->erased, event.erased.index, slice_hash(event.erased.paths[i], 0)))
            return out_of_memory(error);
    }
    return STATUS_OK;
}

/* What archive.json says beyond its entries, such as when it was made, is vouched for by nothing but its hash here. */
static enum status check_manifest(struct store *store, uint64_t index, const struct event_archived *archived,
                                  struct error *error)
{
    size_t count;
    struct archive *const *archives = store_whole_archives(store, &count);
    struct digest manifest;

    if (!digest_parse(archived->manifest, &manifest))
        return wrong(error, index, "it does not say validly what was archived");
    for (size_t i = 0; i < count; i++) {
        const struct archive_info *info = archive_get_info(archives[i]);

        if (info->from == (uint64_t)archived->from && info->to == (uint64_t)archived->to &&
            !digest_equal(&info->manifest, &manifest))
            return error_set(
                error, STATUS_CORRUPT, archive_get_folder(archives[i]),
                "its archive.json does not have the SHA-256 that entry %llu recorded: it was changed, or is another "
                "archive of the same entries",
                (unsigned long long)index);
    }
    return STATUS_OK;
}

/* Values of entries that were archived may have been erased with them, all at once. */
static enum status audit_archived(struct audit *audit, struct store *store, uint64_t index, struct slice body,
                                  struct error *error)
{
    struct event event;
    enum status status = event_from_body(&audit->arena, RECORD_LEDGER_ARCHIVED, body, &event, error);

    if (status != STATUS_OK || event.archived.to < 0 || (uint64_t)event.archived.to > index)
        return wrong(error, index, "it does not say validly what was archived");
    if (event.archived.erases && (uint64_t)event.archived.to > audit->archived_erased)
        audit->archived_erased = (uint64_t)event.archived.to;
    return check_manifest(store, index, &event.archived, error);
}

/* Almost all decisions are told from those with redacted values without parsing them: these have a '$', of a mark or of the
 * hash that stands for a value with marks in it, and looking for one byte costs next to nothing. */
static bool may_commit(struct slice body)
{
    static const char sign[] = "\"redacted\":[";

    return memchr(body.data, '$', body.size) && memmem(body.data, body.size, sign, sizeof sign - 1) != NULL;
}

enum status audit_entry(struct audit *audit, struct store *store, const struct record_header *header, uint64_t index,
                        struct slice body, struct error *error)
{
    if (header->type == RECORD_DECISION && may_commit(body)) {
        arena_reset(&audit->arena);
        return audit_decision(audit, store, index, body, error);
    }
    if (header->type != RECORD_DECISION_ERASED && header->type != RECORD_LEDGER_ARCHIVED)
        return STATUS_OK;
    arena_reset(&audit->arena);
    return header->type == RECORD_LEDGER_ARCHIVED ? audit_archived(audit, store, index, body, error)
                                                  : audit_erased(audit, index, body, error);
}

/* ---- all of it ---- */

static enum status move(struct audit_list *to, struct audit_list *from, struct error *error)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!add(to, from->items[i].index, from->items[i].path))
            return out_of_memory(error);
    }
    from->count = 0;
    return STATUS_OK;
}

enum status audit_join(struct audit *audit, struct audit *from, struct error *error)
{
    audit->present += from->present;
    from->present = 0;
    if (from->archived_erased > audit->archived_erased)
        audit->archived_erased = from->archived_erased;
    if (move(&audit->missing, &from->missing, error) != STATUS_OK)
        return error->status;
    return move(&audit->erased, &from->erased, error);
}

static int by_name(const void *a, const void *b)
{
    const struct audit_name *one = a, *other = b;

    if (one->index != other->index)
        return one->index < other->index ? -1 : 1;
    return one->path < other->path ? -1 : one->path > other->path;
}

/* The first name that `list` has and `other` lacks, or NULL; both sorted. */
static const struct audit_name *first_lacking(const struct audit_list *list, const struct audit_list *other)
{
    size_t at = 0;

    for (size_t i = 0; i < list->count; i++) {
        while (at < other->count && by_name(&other->items[at], &list->items[i]) < 0)
            at++;
        if (at == other->count || by_name(&other->items[at], &list->items[i]) != 0)
            return &list->items[i];
    }
    return NULL;
}

static bool count_row(void *context, const struct private_row *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return true;
}

static bool take_first(void *context, const struct private_row *row)
{
    *(uint64_t *)context = row->index;
    return false;
}

/* Values went before their entries were archived, or with them. */
static enum status check_none_below(struct store *store, uint64_t end, struct error *error)
{
    uint64_t index = UINT64_MAX;
    enum status status = private_each(store, 0, end, take_first, &index, error);

    if (status == STATUS_OK && index != UINT64_MAX)
        status = wrong(error, index, "it was archived, and a redacted value of it is still there");
    return status;
}

/* What entries before `first`, which are not here any more, committed to is not for us to judge. */
static void forget_before(struct audit_list *list, uint64_t first)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].index >= first)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
    if (kept > 1)
        qsort(list->items, kept, sizeof *list->items, by_name);
}

enum status audit_finish(struct audit *audit, struct store *store, uint64_t first, struct error *error)
{
    const struct audit_name *name;
    uint64_t rows = 0, kept = first > audit->archived_erased ? first : audit->archived_erased;
    enum status status = check_none_below(store, kept, error);

    if (status != STATUS_OK)
        return status;
    forget_before(&audit->missing, first);
    audit->gone = audit->missing.count;
    forget_before(&audit->missing, kept);
    forget_before(&audit->erased, kept);
    if ((name = first_lacking(&audit->missing, &audit->erased)))
        return wrong(error, name->index, "a redacted value is missing, and no entry says that it was erased");
    if ((name = first_lacking(&audit->erased, &audit->missing)))
        return wrong(error, name->index, "an entry says that a value of it was erased, and it is still there");
    status = private_each(store, first, UINT64_MAX, count_row, &rows, error);
    if (status == STATUS_OK && rows != audit->present)
        status = error_set(error, STATUS_CORRUPT, "", "%llu values lie beside the records, and records commit to %llu of them",
                           (unsigned long long)rows, (unsigned long long)audit->present);
    return status;
}
