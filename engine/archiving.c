#include "engine/archiving.h"

#include "base/fault.h"
#include "base/u64be.h"
#include "engine/commit.h"
#include "ledger/proof.h"
#include "ledger/query.h"
#include "ledger/trim.h"
#include "state/state.h"

#include <stdio.h>

struct archiving {
    const struct archiving_options *options;
    struct archiving_result *out;
    struct store *store;
    uint64_t first, to; /* the range */
    struct archive *archive;
    struct error *error;
};

/* ---- which entries ---- */

static enum status check_needs(struct archiving *archiving)
{
    struct state_need need;
    enum status status = state_oldest_needed(archiving->store, !archiving->options->erases, &need, archiving->error);
    uint64_t most = need.index - need.index % ARCHIVE_BUNDLE;

    if (status != STATUS_OK || need.index >= archiving->to)
        return status;
    if (most > archiving->first)
        return error_set(archiving->error, STATUS_CONFLICT, "",
                         "entry %llu is still needed: %s. At most the entries until %llu can be archived now",
                         (unsigned long long)need.index, need.why, (unsigned long long)most);
    return error_set(archiving->error, STATUS_CONFLICT, "", "entry %llu is still needed: %s. Nothing can be archived now",
                     (unsigned long long)need.index, need.why);
}

static enum status choose_range(struct archiving *archiving)
{
    const struct archiving_options *options = archiving->options;
    uint64_t size = ledger_durable(options->ledger);
    enum status status = STATUS_OK;

    archiving->first = ledger_first(options->ledger, NULL);
    archiving->to = options->until;
    if (options->until == 0)
        status = ledger_find_time(archiving->store, size, options->before_ms, &archiving->to, archiving->error);
    if (archiving->to > size)
        archiving->to = size;
    archiving->to -= archiving->to % ARCHIVE_BUNDLE;
    return status;
}

/* ---- the files ---- */

/* Its entries are those of this log. */
static bool is_of_this_log(struct archiving *archiving)
{
    const struct archive_info *info = archive_get_info(archiving->archive);
    struct digest root;
    struct error none;

    return proof_root(archiving->store, info->to, &root, &none) == STATUS_OK && digest_equal(&root, &info->root);
}

/* A complete one of an attempt that was interrupted later. */
static bool is_this_range(struct archiving *archiving)
{
    const struct archive_info *info = archive_get_info(archiving->archive);

    return info->from == archiving->first && info->to == archiving->to && is_of_this_log(archiving);
}

static enum status write_files(struct archiving *archiving)
{
    const struct archiving_options *options = archiving->options;
    const struct archive_options writing = {.store = archiving->store,
                                            .folder = options->folder,
                                            .from = archiving->first,
                                            .to = archiving->to,
                                            .signers = options->signers,
                                            .signer_count = options->signer_count,
                                            .clock = options->clock,
                                            .progress = options->progress,
                                            .context = options->context};
    enum status status = archive_write(&writing, &archiving->out->info, archiving->error);

    fault_point("archive.written");
    return status == STATUS_OK ? archive_open(options->folder, &archiving->archive, archiving->error) : status;
}

static enum status obtain_archive(struct archiving *archiving)
{
    const char *folder = archiving->options->folder;
    struct archive_verified verified;
    enum status status;

    if (!file_exists(folder))
        status = write_files(archiving);
    else
        status = archive_open(folder, &archiving->archive, archiving->error);
    if (status == STATUS_OK && !is_this_range(archiving))
        status = error_set(archiving->error, STATUS_CONFLICT, folder, "another archive is there; name a new folder");
    return status == STATUS_OK ? archive_verify(archiving->archive, NULL, NULL, &verified, archiving->error) : status;
}

/* ---- the store ---- */

static enum status commit(struct archiving *archiving)
{
    const struct archive_info *info = archive_get_info(archiving->archive);
    struct event event = {.type = RECORD_LEDGER_ARCHIVED, .by = slice_from_str(archiving->options->by)};
    char root[DIGEST_HEX_SIZE], manifest[DIGEST_HEX_SIZE];
    enum status status;

    digest_format(&info->root, root);
    digest_format(&info->manifest, manifest);
    event.archived = (struct event_archived){.from = (int64_t)info->from,
                                             .to = (int64_t)info->to,
                                             .root = slice_from(root, sizeof root),
                                             .erases = archiving->options->erases,
                                             .manifest = slice_from(manifest, sizeof manifest)};
    fault_point("archive.verified");
    status = commit_archived(archiving->options->ledger, &event, info->last_time_ms, &archiving->out->index, archiving->error);
    fault_point("archive.committed");
    return status;
}

/* What an earlier attempt may have left, too. */
static enum status clean_up(struct archiving *archiving)
{
    const struct archive_info *info = archive_get_info(archiving->archive);
    char from[8], to[8];
    enum status status = ledger_trim(archiving->options->ledger, archiving->error);

    fault_point("archive.trimmed");
    u64be_put(from, info->from);
    u64be_put(to, info->to);
    if (status == STATUS_OK)
        status = archiving->store->ops->scrub(archiving->store, STORE_ENTRIES, slice_from(from, 8), slice_from(to, 8),
                                              archiving->error);
    if (status == STATUS_OK && ledger_needs_scrub(archiving->options->ledger))
        status = ledger_scrub(archiving->options->ledger, archiving->error);
    return status;
}

/* ---- the whole ---- */

/* The entries are gone already, and this folder is where they are. */
static bool was_done(struct archiving *archiving)
{
    struct error none;

    if (!file_exists(archiving->options->folder) ||
        archive_open(archiving->options->folder, &archiving->archive, &none) != STATUS_OK)
        return false;
    archiving->out->info = *archive_get_info(archiving->archive);
    if (archiving->out->info.to == archiving->first && is_of_this_log(archiving))
        return true;
    archive_close(archiving->archive);
    archiving->archive = NULL;
    return false;
}

static enum status archive_and_commit(struct archiving *archiving)
{
    enum status status = check_needs(archiving);

    if (status == STATUS_OK)
        status = obtain_archive(archiving);
    if (status != STATUS_OK)
        return status;
    archiving->out->info = *archive_get_info(archiving->archive);
    return commit(archiving);
}

static enum status run(struct archiving *archiving)
{
    enum status status = choose_range(archiving);

    if (status != STATUS_OK)
        return status;
    if (archiving->to > archiving->first)
        status = archive_and_commit(archiving);
    else if (!was_done(archiving))
        status =
            error_set(archiving->error, STATUS_CONFLICT, "",
                      "nothing to archive: %llu entries are archived already, and what is asked for reaches to entry %llu in "
                      "whole bundles of 256",
                      (unsigned long long)archiving->first, (unsigned long long)archiving->to);
    return status == STATUS_OK ? clean_up(archiving) : status;
}

enum status archiving_run(const struct archiving_options *options, struct archiving_result *out, struct error *error)
{
    struct archiving archiving = {.options = options, .out = out, .store = ledger_store(options->ledger), .error = error};
    enum status status;

    *out = (struct archiving_result){0};
    status = run(&archiving);
    archive_close(archiving.archive);
    return status;
}
