/* What vouches for a ledger that is looked at from outside: its last checkpoint, and whose it is. */
#include "base/file.h"
#include "base/u64be.h"
#include "engine/custody.h"
#include "ledger/tlog_proof.h"
#include "state/lineage.h"

#include <stdio.h>

enum { CHECK_ARENA_CAP = 64 << 20, CHECK_ARENA_BLOCK = 16384, HANDOVER_PROOF_MAX = 1 << 20, TRUSTED_MAX = 2 };

struct checking {
    const char *folder;
    struct store *store;
    /* The key before, if one has handed over, and the one in force, since this entry. */
    struct note_verifier trusted[TRUSTED_MAX];
    size_t trusted_count;
    uint64_t handed_over;
    struct arena arena;
    struct error *error;
};

static enum status read_record(struct checking *checking, uint64_t index, struct slice *record)
{
    char key[U64BE_SIZE];
    enum status status;

    u64be_put(key, index);
    status = store_get(checking->store, STORE_ENTRIES, slice_from(key, sizeof key), &checking->arena, record, checking->error);
    return status != STATUS_NOT_FOUND ? status
                                      : error_set(checking->error, STATUS_GONE, checking->folder,
                                                  "entry %llu handed the log over to another key, and is archived: name its "
                                                  "archive with --archive, or give a later key",
                                                  (unsigned long long)index);
}

/* The key before says itself, by its signature over the entry, who came after it. */
static enum status check_handover(struct checking *checking, const struct lineage_item *item,
                                  const struct note_verifier *before)
{
    char name[64], path[FILE_PATH_MAX];
    struct slice proof, record;
    struct checkpoint checkpoint;
    struct note note;
    struct error detail = {0};
    uint64_t index = 0;
    enum status status;

    snprintf(name, sizeof name, "ledger.handover.%llu", (unsigned long long)item->index);
    status = file_path(path, checking->folder, name, checking->error);
    if (status == STATUS_OK)
        status = file_read(path, &checking->arena, HANDOVER_PROOF_MAX, &proof, NULL, checking->error);
    if (status == STATUS_NOT_FOUND)
        return error_set(checking->error, STATUS_CORRUPT, path,
                         "this proof of the handover from the key given is missing; bring it back, or give the key in force");
    if (status == STATUS_OK)
        status = read_record(checking, item->index, &record);
    if (status != STATUS_OK)
        return status;
    if (tlog_proof_verify(&checking->arena, proof, record, before, &index, &checkpoint, &note, &detail) != STATUS_OK ||
        index != item->index)
        return error_set(checking->error, STATUS_CORRUPT, path, "it does not prove the handover from the key given: %.200s",
                         detail.message[0] ? detail.message : "it is about another entry");
    return STATUS_OK;
}

static bool hands_over(const struct lineage_item *item, const struct note_verifier *from)
{
    struct note_verifier old;
    struct error none;

    return item->event.type == RECORD_LEDGER_KEY_ROTATED &&
           note_verifier_parse(item->event.handover.old_key, &old, &none) == STATUS_OK && note_verifier_equal(&old, from);
}

static void trust(struct checking *checking, const struct note_verifier *key)
{
    if (checking->trusted_count == TRUSTED_MAX)
        checking->trusted[0] = checking->trusted[--checking->trusted_count];
    checking->trusted[checking->trusted_count++] = *key;
}

/* From the key that is trusted to the one in force, which is the last of `trusted` then. */
static enum status follow(struct checking *checking, const struct note_verifier *key, const struct note_verifier *current)
{
    struct note_verifier at = *key;
    struct lineage lineage;
    enum status status = lineage_read(checking->store, &checking->arena, &lineage, checking->error);

    trust(checking, &at);
    for (size_t i = 0; status == STATUS_OK && i < lineage.count; i++) {
        if (!hands_over(&lineage.items[i], &at))
            continue;
        status = check_handover(checking, &lineage.items[i], &at);
        if (status == STATUS_OK)
            status = note_verifier_parse(lineage.items[i].event.handover.new_key, &at, checking->error);
        trust(checking, &at);
        checking->handed_over = lineage.items[i].index;
    }
    if (status == STATUS_OK && !note_verifier_equal(&at, current))
        status = error_set(checking->error, STATUS_CORRUPT, checking->folder,
                           "the key given is none of those of this log, \"%s\"", current->name);
    return status;
}

/* Nobody is trusted but the files: then their key in force, and before its handover the one that they say it followed. */
static enum status trust_files(struct checking *checking, const struct custody *custody)
{
    struct lineage lineage;
    const struct lineage_item *handover;
    enum status status = lineage_read(checking->store, &checking->arena, &lineage, checking->error);

    if (status != STATUS_OK)
        return status;
    if (custody->verifier_count > 1 && (handover = lineage_handover(&lineage))) {
        checking->handed_over = handover->index;
        trust(checking, &custody->verifiers[1]);
    }
    trust(checking, &custody->verifiers[0]);
    return STATUS_OK;
}

/*
 * By the key in force. Only a checkpoint that the handover is not in may be of the key before: a stop came between. Neither of
 * earlier keys nor of an origin that the log has left: whoever got hold of one of theirs could sign what he likes.
 */
static enum status read_checkpoint(struct checking *checking, struct checkpoint *last)
{
    size_t count = checking->trusted_count;
    struct slice bytes;
    struct error detail;
    enum status status = log_checkpoint_read(checking->folder, &checking->trusted[count - 1], 1, &checking->arena, &bytes, last,
                                             checking->error);

    if (status != STATUS_CORRUPT || count < 2 ||
        log_checkpoint_read(checking->folder, &checking->trusted[count - 2], 1, &checking->arena, &bytes, last, &detail) !=
            STATUS_OK ||
        last->size > checking->handed_over)
        return status;
    return STATUS_OK;
}

static enum status check(struct checking *checking, uint64_t entries, const struct note_verifier *key,
                         struct custody_signature *out)
{
    const struct note_verifier *current;
    struct custody custody;
    struct checkpoint last;
    enum status status = custody_verifiers(checking->folder, checking->store, &custody, checking->error);

    if (status != STATUS_OK)
        return status;
    status = key ? follow(checking, key, &custody.verifiers[0]) : trust_files(checking, &custody);
    if (status != STATUS_OK)
        return status;
    current = &checking->trusted[checking->trusted_count - 1];
    out->by = *current;
    status = read_checkpoint(checking, &last);
    if (status == STATUS_NOT_FOUND && entries <= 1 && !key)
        return STATUS_OK; /* a first start that was interrupted before it signed */
    if (status == STATUS_NOT_FOUND)
        return error_set(
            checking->error, STATUS_CORRUPT, checking->folder,
            "ledger.checkpoint is missing, the last checkpoint that was signed: nothing says that the %llu entries "
            "here are all",
            (unsigned long long)entries);
    if (status != STATUS_OK)
        return status;
    out->size = last.size;
    return log_checkpoint_compare(checking->folder, checking->trusted, checking->trusted_count, (struct slice){0},
                                  checking->store, entries, checking->error);
}

enum status custody_check(const char *folder, struct store *store, uint64_t entries, const struct note_verifier *key,
                          struct custody_signature *out, struct error *error)
{
    struct checking checking = {.folder = folder, .store = store, .error = error};
    enum status status;

    *out = (struct custody_signature){0};
    arena_create(&checking.arena, CHECK_ARENA_BLOCK, CHECK_ARENA_CAP);
    status = check(&checking, entries, key, out);
    arena_destroy(&checking.arena);
    return status;
}

enum status custody_check_store(const char *folder, struct error *error)
{
    static const char *const traces[] = {LOG_KEY, "ledger.checkpoint"};
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, "ledger", error);

    if (status != STATUS_OK || store_look_rocksdb(path) != STORE_ABSENT)
        return status;
    for (size_t i = 0; i < sizeof traces / sizeof *traces && status == STATUS_OK; i++) {
        status = file_path(path, folder, traces[i], error);
        if (status == STATUS_OK && file_exists(path))
            status = error_set(
                error, STATUS_CORRUPT, folder,
                "%s is here, and the ledger that it goes with, the folder ledger, is not. Bring it back, or restore a "
                "backup into an empty data directory",
                traces[i]);
    }
    return status;
}
