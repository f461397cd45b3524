#include "policy/bundle.h"

#include "base/u64be.h"
#include "policy/extract.h"
#include "policy/index.h"
#include "policy/load.h"
#include "policy/report.h"
#include "policy/services.h"
#include "proto/digest.h"

#include <stdio.h>
#include <stdlib.h>

const struct policy_limits policy_limits_default = {
    .fuel_per_rule = 300000,
    .fuel_total = 600000,
    .memory = 1024 * 1024,
    .output = 16 * 1024,
    .load_memory = 64 * 1024 * 1024,
    .load_fuel = 100000000,
};

enum { ARENA_BLOCK = 64 * 1024, FRAME_SIZE = 8 };
#define ARENA_CAP ((size_t)1 << 30)

/* ---- framing and revision ---- */

static int by_path(const void *a, const void *b)
{
    return slice_compare(((const struct bundle_file *)a)->path, ((const struct bundle_file *)b)->path);
}

/* Copies everything into `bytes`, framed; the files' slices point into it. */
static bool frame(struct policy_bundle *bundle, size_t total)
{
    char *bytes = (char *)arena_alloc(&bundle->arena, total ? total : 1), *at = bytes;
    size_t i;

    if (bytes == NULL)
        return false;
    for (i = 0; i < bundle->file_count; i++) {
        struct bundle_file *file = &bundle->files[i];
        struct slice *parts[2] = {&file->path, &file->source};
        int j;

        for (j = 0; j < 2; j++) {
            u64be_put(at, parts[j]->size);
            at += FRAME_SIZE;
            if (parts[j]->size)
                memcpy(at, parts[j]->data, parts[j]->size);
            parts[j]->data = at;
            at += parts[j]->size;
        }
    }
    bundle->bytes = slice_from(bytes, total);
    return true;
}

static bool name_revision(struct policy_bundle *bundle)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];

    digest_sha256(bundle->bytes, &digest);
    digest_format(&digest, hex);
    bundle->revision = arena_printf(&bundle->arena, "sha256:%.*s", (int)sizeof hex, hex);
    return bundle->revision.data != NULL;
}

/* ---- files ---- */

static bool valid_part(struct slice part)
{
    size_t i;

    if (part.size == 0 || part.data[0] == '.')
        return false;
    for (i = 0; i < part.size; i++) {
        char byte = part.data[i];

        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' ||
              byte == '-' || byte == '.'))
            return false;
    }
    return true;
}

/* "x.lua", "lib/x.lua", "lib/y/x.lua", "learned/x.lua". */
static bool valid_path(struct slice path)
{
    size_t from = 0, slash = slice_find(path, '/', 0);

    if (path.size > BUNDLE_PATH_MAX || !slice_ends_with(path, SLICE(".lua")))
        return false;
    if (slash != SIZE_MAX && !slice_starts_with(path, SLICE("lib/")) && !slice_starts_with(path, SLICE("learned/")))
        return false;
    if (slice_starts_with(path, SLICE("learned/")) && slice_find(path, '/', 8) != SIZE_MAX)
        return false;
    for (;;) {
        slash = slice_find(path, '/', from);
        if (!valid_part(slice_sub(path, from, slash)))
            return false;
        if (slash == SIZE_MAX)
            return true;
        from = slash + 1;
    }
}

static enum status refuse(struct policy_report *report, struct error *error, struct slice file, const char *message)
{
    char name[BUNDLE_PATH_MAX + 1];

    (void)snprintf(name, sizeof name, "%.*s", (int)(file.size < BUNDLE_PATH_MAX ? file.size : BUNDLE_PATH_MAX),
                   file.data ? file.data : "");
    report_add(report, POLICY_ERROR, slice_from_str(name), 0, 0, "%s", message);
    return error_set(error, STATUS_INVALID, name, "%s", message);
}

static enum status take_files(struct policy_bundle *bundle, const struct policy_file *files, size_t count,
                              struct policy_report *report, struct error *error)
{
    size_t total = 0, i;

    if (count > BUNDLE_FILES_MAX)
        return refuse(report, error, (struct slice){0}, "more than 1024 files in a bundle");
    bundle->files = (struct bundle_file *)arena_array(&bundle->arena, count ? count : 1, sizeof *bundle->files);
    if (bundle->files == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a bundle");
    bundle->file_count = count;
    for (i = 0; i < count; i++) {
        bundle->files[i].path = files[i].path;
        bundle->files[i].source = files[i].source;
        bundle->files[i].is_library = slice_starts_with(files[i].path, SLICE("lib/"));
        if (!valid_path(files[i].path))
            return refuse(
                report, error, files[i].path,
                "not a policy file's name: name.lua, lib/name.lua or learned/name.lua, of letters, digits, '_', '-' and '.'");
        if (files[i].source.size > SANDBOX_SOURCE_MAX)
            return refuse(report, error, files[i].path, "a file of more than 4 MiB; split it");
        total += 2 * FRAME_SIZE + files[i].path.size + files[i].source.size;
    }
    if (total > BUNDLE_BYTES_MAX)
        return refuse(report, error, (struct slice){0}, "more than 64 MiB of policy files");
    qsort(bundle->files, count, sizeof *bundle->files, by_path);
    for (i = 1; i < count; i++)
        if (slice_equal(bundle->files[i].path, bundle->files[i - 1].path))
            return refuse(report, error, bundle->files[i].path, "the same file twice");
    if (!frame(bundle, total) || !name_revision(bundle))
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a bundle");
    return STATUS_OK;
}

const struct bundle_file *bundle_find_file(const struct policy_bundle *bundle, struct slice path)
{
    struct bundle_file key = {.path = path};

    return (const struct bundle_file *)bsearch(&key, bundle->files, bundle->file_count, sizeof *bundle->files, by_path);
}

/* ---- rules ---- */

static enum status load_all(struct policy_bundle *bundle, struct extract *extract, struct sandbox_services *services,
                            struct error *error)
{
    enum status first_bad = STATUS_OK;
    size_t i;

    for (i = 0; i < bundle->file_count; i++) {
        struct loader loader = {.bundle = bundle, .file = &bundle->files[i], .extract = extract, .report = extract->report};
        struct sandbox sandbox;
        struct error detail = {0};
        enum status status;

        if (bundle->files[i].is_library)
            continue;
        extract->file = &bundle->files[i];
        status = load_file(&loader, &sandbox, services, &detail);
        if (status == STATUS_OK) {
            bundle->files[i].slot_count = loader.slot_count;
        } else if (status != STATUS_INVALID) {
            return error_set(error, status, detail.where, "%s", detail.message);
        } else if (first_bad == STATUS_OK) {
            first_bad = error_set(error, status, detail.where, "%s", detail.message);
        }
    }
    return first_bad;
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(((const struct rule *)a)->name, ((const struct rule *)b)->name);
}

static bool names_are_unique(struct policy_bundle *bundle, struct policy_report *report)
{
    bool unique = true;
    size_t i;

    for (i = 1; i < bundle->rule_count; i++) {
        const struct rule *rule = &bundle->rules[i], *other = &bundle->rules[i - 1];

        if (!slice_equal(rule->name, other->name))
            continue;
        unique = false;
        report_add(report, POLICY_ERROR, bundle->files[rule->file].path, rule->line, 0,
                   "rule \"%.*s\": the name is taken in %.*s:%d", SLICE_ARG(rule->name),
                   SLICE_ARG(bundle->files[other->file].path), other->line);
    }
    return unique;
}

/* The first error of the report, for callers that show only one. */
static enum status first_problem(const struct policy_report *report, struct error *error)
{
    char where[300];
    size_t i;

    for (i = 0; i < report->count; i++) {
        const struct policy_diagnostic *item = &report->items[i];

        if (item->severity != POLICY_ERROR)
            continue;
        (void)snprintf(where, sizeof where, item->line ? "%s:%d" : "%s", item->file, item->line);
        return error_set(error, STATUS_INVALID, where, "%s", item->message);
    }
    return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for the bundle's rules");
}

static enum status build_rules(struct policy_bundle *bundle, struct policy_report *report, struct error *error)
{
    struct extract extract = {.bundle = bundle, .arena = &bundle->arena, .report = report};
    struct sandbox_services services;
    enum status status = services_create(&services, error);

    if (status == STATUS_OK) {
        status = load_all(bundle, &extract, &services, error);
        services_destroy(&services);
    }
    if (status != STATUS_OK && status != STATUS_INVALID)
        return status;
    if (bundle->arena.exhausted)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for the bundle's rules");
    if (bundle->rule_count > 1)
        qsort(bundle->rules, bundle->rule_count, sizeof *bundle->rules, by_name);
    if (!names_are_unique(bundle, report) || extract.failed || status != STATUS_OK) {
        report_sort(report);
        return first_problem(report, error);
    }
    if (bundle->redacts != NULL)
        redact_paths_finish(bundle->redacts);
    bundle->index = index_new(&bundle->arena, bundle);
    if (bundle->index == NULL || !bundle_collect_operations(bundle))
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for the rules' index");
    return STATUS_OK;
}

static void bundle_destroy(struct policy_bundle *bundle)
{
    arena_destroy(&bundle->arena);
    free(bundle);
}

enum status policy_bundle_new(const struct policy_file *files, size_t count, const struct policy_limits *limits,
                              struct policy_bundle **out, struct policy_report *report, struct error *error)
{
    struct policy_bundle *bundle = (struct policy_bundle *)calloc(1, sizeof *bundle);
    struct policy_report own = {0};
    enum status status;

    *out = NULL;
    if (bundle == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a bundle");
    bundle->references = 1;
    bundle->limits = limits ? *limits : policy_limits_default;
    arena_create(&bundle->arena, ARENA_BLOCK, ARENA_CAP);
    if (report == NULL)
        report = &own;
    status = take_files(bundle, files, count, report, error);
    if (status == STATUS_OK)
        status = build_rules(bundle, report, error);
    policy_report_destroy(&own);
    if (status != STATUS_OK) {
        bundle_destroy(bundle);
        return status;
    }
    *out = bundle;
    return STATUS_OK;
}

enum status policy_bundle_from_bytes(struct slice bytes, const struct policy_limits *limits, struct policy_bundle **out,
                                     struct policy_report *report, struct error *error)
{
    struct policy_file *files = (struct policy_file *)calloc(BUNDLE_FILES_MAX, sizeof *files);
    size_t at = 0, count = 0;
    enum status status = STATUS_CORRUPT;

    *out = NULL;
    if (files == NULL)
        return error_set(error, STATUS_NO_MEMORY, NULL, "no memory for a bundle");
    while (at < bytes.size && count < BUNDLE_FILES_MAX) {
        struct slice parts[2];
        int i;

        for (i = 0; i < 2; i++) {
            uint64_t size;

            if (bytes.size - at < FRAME_SIZE || (size = u64be_get(bytes.data + at)) > bytes.size - at - FRAME_SIZE)
                goto cleanup;
            parts[i] = slice_from(bytes.data + at + FRAME_SIZE, (size_t)size);
            at += FRAME_SIZE + (size_t)size;
        }
        files[count++] = (struct policy_file){.path = parts[0], .source = parts[1]};
    }
    if (at == bytes.size)
        status = policy_bundle_new(files, count, limits, out, report, error);
cleanup:
    free(files);
    if (status == STATUS_CORRUPT)
        (void)error_set(error, status, NULL, "the stored bytes are no framed policy bundle");
    return status;
}

struct policy_bundle *policy_bundle_retain(struct policy_bundle *bundle)
{
    atomic_fetch_add_explicit(&bundle->references, 1, memory_order_relaxed);
    return bundle;
}

void policy_bundle_release(struct policy_bundle *bundle)
{
    if (bundle != NULL && atomic_fetch_sub_explicit(&bundle->references, 1, memory_order_acq_rel) == 1)
        bundle_destroy(bundle);
}

struct slice policy_bundle_revision(const struct policy_bundle *bundle)
{
    return bundle->revision;
}

struct slice policy_bundle_bytes(const struct policy_bundle *bundle)
{
    return bundle->bytes;
}

const struct redact_paths *policy_bundle_redacts(const struct policy_bundle *bundle)
{
    return bundle->redacts;
}

size_t policy_bundle_rule_count(const struct policy_bundle *bundle)
{
    return bundle->rule_count;
}

void policy_bundle_rule(const struct policy_bundle *bundle, size_t position, struct policy_rule_info *out)
{
    const struct rule *rule = &bundle->rules[position];

    *out = (struct policy_rule_info){.name = rule->name,
                                     .file = bundle->files[rule->file].path,
                                     .description = rule->description,
                                     .owner = rule->owner,
                                     .line = rule->line,
                                     .tier = rule->tier,
                                     .has_when = rule->when_slot != RULE_NO_SLOT};
}
