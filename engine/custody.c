#include "engine/custody.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/u64be.h"
#include "engine/commit.h"
#include "ledger/proof.h"
#include "ledger/tlog_proof.h"
#include "state/lineage.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { CUSTODY_ARENA_CAP = 64 << 20, CUSTODY_ARENA_BLOCK = 16384 };

static struct slice verifier_text(struct arena *arena, const struct note_verifier *verifier)
{
    struct buf out;

    buf_create(&out, arena);
    note_verifier_write(&out, verifier);
    return buf_slice(&out);
}

static bool is_key(struct arena *arena, const struct note_verifier *verifier, struct slice text)
{
    return text.size > 0 && slice_equal(verifier_text(arena, verifier), text);
}

/* ---- opening: files and entries brought to agree ---- */

struct opening {
    struct custody *custody;
    struct arena arena;
    struct lineage lineage;
    const struct lineage_item *handover; /* NULL: none yet */
    struct error *error;
};

static enum status read_optional(struct opening *opening, const char *name, struct note_signer *out, bool *there)
{
    enum status status = log_key_read(opening->custody->folder, name, out, opening->error);

    *there = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The entry is there, the files are not: the steps after it. */
static enum status finish_handover(struct opening *opening, const struct note_signer *next, bool has_current)
{
    struct custody *custody = opening->custody;
    enum status status = STATUS_OK;

    if (opening->handover->event.type == RECORD_LEDGER_KEY_ROTATED && has_current)
        status = log_key_write(custody->folder, LOG_KEY_OLD, &custody->signers[0], opening->error);
    if (status == STATUS_OK)
        status = file_rename(custody->folder, LOG_KEY_NEXT, LOG_KEY, opening->error);
    if (status == STATUS_OK)
        custody->signers[0] = *next;
    return status;
}

static enum status settle_next(struct opening *opening, bool *has_current)
{
    struct note_signer next = {0};
    bool has_next;
    enum status status = read_optional(opening, LOG_KEY_NEXT, &next, &has_next);

    if (status == STATUS_OK && has_next) {
        if (opening->handover && is_key(&opening->arena, &next.verifier, opening->handover->event.handover.new_key)) {
            status = finish_handover(opening, &next, *has_current);
            *has_current = status == STATUS_OK;
        } else { /* no entry hands over to it: it never came to be */
            status = file_wipe(opening->custody->folder, LOG_KEY_NEXT, opening->error);
        }
    }
    note_signer_destroy(&next);
    return status;
}

/* There is a key before there is a second entry. */
static enum status make_first_key(struct opening *opening, struct slice origin, struct store *store)
{
    struct custody *custody = opening->custody;
    static const char *const traces[] = {"ledger.checkpoint", "ledger.vkey"};
    char path[FILE_PATH_MAX];
    uint64_t size;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        status = file_path(path, custody->folder, traces[i], opening->error);
        if (status == STATUS_OK && file_exists(path))
            return error_set(opening->error, STATUS_CORRUPT, path,
                             "the key that goes with it, ledger.key, is missing. Bring it back. " LOG_KEY_ADVICE);
    }
    if (status == STATUS_OK)
        status = ledger_store_head(store, &size, NULL, opening->error);
    if (status == STATUS_OK && size > 1)
        return error_set(opening->error, STATUS_CORRUPT, custody->folder,
                         "the ledger has %llu entries, and the key that signs for it, ledger.key, is missing. Bring it "
                         "back. " LOG_KEY_ADVICE,
                         (unsigned long long)size);
    if (status == STATUS_OK)
        status = log_key_generate(origin, &custody->signers[0], opening->error);
    if (status == STATUS_OK)
        status = log_key_write(custody->folder, LOG_KEY, &custody->signers[0], opening->error);
    custody->created = status == STATUS_OK;
    return status;
}

/* Is the key that the files hold the one that the entries name? */
static enum status check_current(struct opening *opening, bool has_current)
{
    if (!opening->handover || (has_current && is_key(&opening->arena, &opening->custody->signers[0].verifier,
                                                     opening->handover->event.handover.new_key)))
        return STATUS_OK;
    return error_set(
        opening->error, STATUS_CORRUPT, opening->custody->folder,
        "entry %llu handed the log over to the key %.*s, and ledger.key is %s. Bring the right one back. " LOG_KEY_ADVICE,
        (unsigned long long)opening->handover->index, SLICE_ARG(opening->handover->event.handover.new_key),
        has_current ? "another one" : "missing");
}

static enum status check_origin(struct opening *opening, struct slice origin)
{
    const char *name = opening->custody->signers[0].verifier.name;

    if (origin.size == 0 || slice_equal_str(origin, name))
        return STATUS_OK;
    return error_set(
        opening->error, STATUS_CONFLICT, "origin",
        "the ledger's key is of origin \"%.100s\"; leave `origin` out, or run `edict ledger new-origin --origin NAME` "
        "to go on under another name",
        name);
}

static enum status refresh_vkey(const struct custody *custody, struct error *error)
{
    struct note_verifier kept;
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, custody->folder, "ledger.vkey", error);

    if (status == STATUS_OK && file_exists(path))
        status = log_vkey_read(custody->folder, &kept, error);
    else if (status == STATUS_OK)
        kept = (struct note_verifier){0};
    if (status != STATUS_OK || note_verifier_equal(&kept, &custody->signers[0].verifier))
        return status;
    return log_vkey_write(custody->folder, &custody->signers[0].verifier, error);
}

/* The key before, while both sign. */
static enum status open_old(struct opening *opening)
{
    struct custody *custody = opening->custody;
    struct note_signer old = {0};
    bool there;
    enum status status = read_optional(opening, LOG_KEY_OLD, &old, &there);

    if (status == STATUS_OK && there && opening->handover && opening->handover->event.type == RECORD_LEDGER_KEY_ROTATED &&
        is_key(&opening->arena, &old.verifier, opening->handover->event.handover.old_key)) {
        custody->signers[1] = old;
        custody->signer_count = 2;
        custody->until_ms = opening->handover->event.handover.until_ms;
    } else if (status == STATUS_OK && there) {
        status = file_wipe(custody->folder, LOG_KEY_OLD, opening->error);
    }
    note_signer_destroy(&old);
    return status;
}

/* Back from the key in force, handover by handover, as long as the origin stays. */
static void link_verifiers(struct opening *opening, const struct note_verifier *current)
{
    struct custody *custody = opening->custody;
    struct note_verifier at = *current, before;
    struct error none;

    custody->verifiers[0] = at;
    custody->verifier_count = 1;
    for (size_t i = opening->lineage.count; i > 0; i--) {
        const struct event *event = &opening->lineage.items[i - 1].event;

        if (event->type == RECORD_LEDGER_ARCHIVED || !is_key(&opening->arena, &at, event->handover.new_key))
            continue;
        if (note_verifier_parse(event->handover.old_key, &before, &none) != STATUS_OK)
            return;
        if (event->type == RECORD_LEDGER_RESTORED) {
            snprintf(custody->former, sizeof custody->former, "%s", before.name);
            return;
        }
        if (custody->verifier_count == NOTE_VERIFIERS_MAX)
            return;
        custody->verifiers[custody->verifier_count++] = at = before;
    }
}

static bool is_archived(struct store *store, uint64_t index)
{
    uint64_t archived = 0;
    struct error none;

    return ledger_store_archived(store, &archived, NULL, &none) == STATUS_OK && index < archived;
}

/* Rows of state are made from entries: a key is what the entry says, which the tree vouches for. One that is archived is taken
 * from its row. */
static enum status check_entry(struct opening *opening, struct store *store, const struct lineage_item *item)
{
    struct record_header header;
    struct slice record, body;
    char key[8];
    enum status status;

    u64be_put(key, item->index);
    status = store_get(store, STORE_ENTRIES, slice_from(key, sizeof key), &opening->arena, &record, opening->error);
    if (status == STATUS_NOT_FOUND && is_archived(store, item->index))
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return error_set(opening->error, STATUS_CORRUPT, opening->custody->folder,
                         "the state has a row of a handover in entry %llu, which is not there",
                         (unsigned long long)item->index);
    if (status == STATUS_OK)
        status = record_split(record, &header, &body, opening->error);
    if (status == STATUS_OK && (header.type != item->event.type || !slice_equal(body, item->body)))
        status = error_set(opening->error, STATUS_CORRUPT, opening->custody->folder,
                           "the state's row of the handover in entry %llu is not what the entry says",
                           (unsigned long long)item->index);
    return status;
}

static enum status read_lineage(struct opening *opening, struct store *store)
{
    enum status status = lineage_read(store, &opening->arena, &opening->lineage, opening->error);

    for (size_t i = 0; i < opening->lineage.count && status == STATUS_OK; i++)
        status = check_entry(opening, store, &opening->lineage.items[i]);

    if (status == STATUS_OK)
        opening->handover = lineage_handover(&opening->lineage);
    return status;
}

static enum status open_keys(struct opening *opening, struct slice origin, struct store *store)
{
    struct custody *custody = opening->custody;
    bool has_current;
    enum status status = read_lineage(opening, store);

    if (status == STATUS_OK)
        status = read_optional(opening, LOG_KEY, &custody->signers[0], &has_current);
    if (status == STATUS_OK)
        status = settle_next(opening, &has_current);
    if (status == STATUS_OK)
        status = check_current(opening, has_current);
    if (status == STATUS_OK)
        status = has_current ? check_origin(opening, origin) : make_first_key(opening, origin, store);
    if (status != STATUS_OK)
        return status;
    custody->signer_count = 1;
    status = refresh_vkey(custody, opening->error);
    if (status == STATUS_OK)
        status = open_old(opening);
    link_verifiers(opening, &custody->signers[0].verifier);
    return status;
}

static enum status begin(struct opening *opening, struct custody *custody, const char *folder, struct error *error)
{
    *custody = (struct custody){0};
    *opening = (struct opening){.custody = custody, .error = error};
    if (snprintf(custody->folder, sizeof custody->folder, "%s", folder) >= (int)sizeof custody->folder)
        return error_set(error, STATUS_INVALID, folder, "the path is too long");
    arena_create(&opening->arena, CUSTODY_ARENA_BLOCK, CUSTODY_ARENA_CAP);
    return STATUS_OK;
}

enum status custody_open(const char *folder, struct slice origin, struct store *store, struct custody *out, struct error *error)
{
    struct opening opening;
    enum status status = begin(&opening, out, folder, error);

    if (status != STATUS_OK)
        return status;
    status = open_keys(&opening, origin, store);
    arena_destroy(&opening.arena);
    if (status != STATUS_OK)
        custody_close(out);
    return status;
}

void custody_close(struct custody *custody)
{
    note_signer_destroy(&custody->signers[0]);
    note_signer_destroy(&custody->signers[1]);
    custody->signer_count = 0;
}

enum status custody_verifiers(const char *folder, struct store *store, struct custody *out, struct error *error)
{
    struct opening opening;
    struct note_verifier current;
    enum status status = begin(&opening, out, folder, error);

    if (status != STATUS_OK)
        return status;
    status = log_vkey_read(folder, &current, error);
    if (status == STATUS_OK)
        status = read_lineage(&opening, store);
    if (status == STATUS_OK)
        link_verifiers(&opening, &current);
    arena_destroy(&opening.arena);
    return status;
}

enum status custody_compare(const struct custody *custody, struct store *store, uint64_t size, struct error *error)
{
    return log_checkpoint_compare(custody->folder, custody->verifiers, custody->verifier_count, slice_from_str(custody->former),
                                  store, size, error);
}

/* ---- the proof that outlives the old key ---- */

/* A checkpoint over all that is durable in `store`, by every key that custody holds. */
static enum status sign_now(const struct custody *custody, struct store *store, struct buf *out, struct checkpoint *checkpoint,
                            struct error *error)
{
    enum status status = ledger_store_head(store, &checkpoint->size, NULL, error);

    checkpoint->origin = slice_from_str(custody->signers[0].verifier.name);
    if (status == STATUS_OK)
        status = proof_root(store, checkpoint->size, &checkpoint->root, error);
    return status == STATUS_OK ? checkpoint_sign(checkpoint, custody->signers, custody->signer_count, out, error) : status;
}

static enum status write_proof(struct custody *custody, struct store *store, uint64_t index, const char *name,
                               struct arena *arena, struct error *error)
{
    struct checkpoint checkpoint;
    struct proof proof;
    struct buf note, out;
    enum status status;

    buf_create(&note, arena);
    buf_create(&out, arena);
    status = sign_now(custody, store, &note, &checkpoint, error);
    if (status == STATUS_OK)
        status = proof_inclusion(store, index, checkpoint.size, &proof, error);
    if (status != STATUS_OK)
        return status;
    tlog_proof_write(&out, index, &proof, buf_slice(&note));
    return out.failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory")
                      : file_replace(custody->folder, name, buf_slice(&out), error);
}

static enum status keep_proof(struct custody *custody, struct store *store, struct arena *arena, struct error *error)
{
    struct lineage lineage;
    const struct lineage_item *handover;
    char name[64], path[FILE_PATH_MAX];
    enum status status = lineage_read(store, arena, &lineage, error);

    if (status != STATUS_OK || !(handover = lineage_handover(&lineage)))
        return status;
    snprintf(name, sizeof name, "ledger.handover.%llu", (unsigned long long)handover->index);
    status = file_path(path, custody->folder, name, error);
    if (status != STATUS_OK || file_exists(path))
        return status;
    return write_proof(custody, store, handover->index, name, arena, error);
}

enum status custody_keep_proof(struct custody *custody, struct store *store, int64_t now_ms, struct error *error)
{
    struct arena arena;
    enum status status;

    if (custody->signer_count < 2)
        return STATUS_OK;
    arena_create(&arena, CUSTODY_ARENA_BLOCK, CUSTODY_ARENA_CAP);
    status = keep_proof(custody, store, &arena, error);
    arena_destroy(&arena);
    if (status != STATUS_OK || now_ms < custody->until_ms)
        return status;
    status = file_wipe(custody->folder, LOG_KEY_OLD, error);
    if (status == STATUS_OK) {
        note_signer_destroy(&custody->signers[1]);
        custody->signer_count = 1;
    }
    return status;
}

/* ---- handing over ---- */

static enum status commit_handover(struct ledger *ledger, struct event *event, struct arena *arena,
                                   const struct custody_change *change, const struct note_verifier *fresh, uint64_t *index,
                                   struct error *error)
{
    event->by = slice_from_str(change->by);
    event->handover.new_key = verifier_text(arena, fresh);
    event->handover.reason = change->reason;
    return commit_event(ledger, event, index, error);
}

static enum status rotate(struct custody *custody, struct ledger *ledger, const struct custody_change *change,
                          struct note_signer *next, struct arena *arena, uint64_t *index, struct error *error)
{
    struct event event = {.type = RECORD_LEDGER_KEY_ROTATED};
    enum status status = log_key_generate(slice_from_str(custody->signers[0].verifier.name), next, error);

    event.handover.old_key = verifier_text(arena, &custody->signers[0].verifier);
    event.handover.until_ms = change->now_ms + change->overlap_s * 1000;
    if (status == STATUS_OK)
        status = log_key_write(custody->folder, LOG_KEY_NEXT, next, error);
    fault_point("handover.next");
    if (status == STATUS_OK)
        status = commit_handover(ledger, &event, arena, change, &next->verifier, index, error);
    fault_point("handover.committed");
    if (status == STATUS_OK)
        status = log_key_write(custody->folder, LOG_KEY_OLD, &custody->signers[0], error);
    fault_point("handover.old");
    if (status == STATUS_OK)
        status = file_rename(custody->folder, LOG_KEY_NEXT, LOG_KEY, error);
    fault_point("handover.renamed");
    if (status == STATUS_OK)
        custody->until_ms = event.handover.until_ms;
    return status;
}

static void take_next(struct custody *custody, const struct note_signer *next)
{
    size_t kept = custody->verifier_count < NOTE_VERIFIERS_MAX ? custody->verifier_count : NOTE_VERIFIERS_MAX - 1;

    custody->signers[1] = custody->signers[0];
    custody->signers[0] = *next;
    custody->signer_count = 2;
    memmove(&custody->verifiers[1], &custody->verifiers[0], kept * sizeof custody->verifiers[0]);
    custody->verifiers[0] = next->verifier;
    custody->verifier_count = kept + 1;
}

enum status custody_rotate(struct custody *custody, struct ledger *ledger, const struct custody_change *change, uint64_t *index,
                           struct error *error)
{
    struct note_signer next = {0};
    struct arena arena;
    enum status status;

    arena_create(&arena, CUSTODY_ARENA_BLOCK, CUSTODY_ARENA_CAP);
    status = rotate(custody, ledger, change, &next, &arena, index, error);
    if (status == STATUS_OK) {
        take_next(custody, &next);
        status = log_vkey_write(custody->folder, &next.verifier, error);
        fault_point("handover.vkey");
    }
    note_signer_destroy(&next);
    arena_destroy(&arena);
    return status;
}

/* ---- a new origin ---- */

/* Who signed before: said by the caller, else by the files, else nobody knows. */
static struct slice old_key_text(const char *folder, struct slice given, struct arena *arena)
{
    struct note_signer signer = {0};
    struct error none;
    bool known;

    if (given.size > 0)
        return given;
    known = log_key_read(folder, LOG_KEY, &signer, &none) == STATUS_OK ||
            log_vkey_read(folder, &signer.verifier, &none) == STATUS_OK;
    OPENSSL_cleanse(signer.seed, sizeof signer.seed);
    return known ? verifier_text(arena, &signer.verifier) : SLICE("unknown");
}

static enum status commit_restored(const char *folder, struct ledger *ledger, struct slice old_key,
                                   const struct custody_change *change, const struct note_verifier *fresh, struct arena *arena,
                                   struct error *error)
{
    struct event event = {.type = RECORD_LEDGER_RESTORED};
    char hex[DIGEST_HEX_SIZE];
    struct digest root;
    uint64_t size, index;

    ledger_root(ledger, &size, &root);
    digest_format(&root, hex);
    event.handover.old_key = old_key_text(folder, old_key, arena);
    event.handover.size = (int64_t)size;
    event.handover.root = slice_from(hex, sizeof hex);
    return commit_handover(ledger, &event, arena, change, fresh, &index, error);
}

/* The first checkpoint of the new origin takes the place of the last one of the old. */
static enum status put_in_place(const char *folder, struct ledger *ledger, const struct note_signer *next, struct arena *arena,
                                struct error *error)
{
    struct checkpoint checkpoint = {.origin = slice_from_str(next->verifier.name)};
    struct buf bytes;
    char path[FILE_PATH_MAX];
    enum status status = file_path(path, folder, LOG_KEY_NEXT, error);

    if (status == STATUS_OK && file_exists(path))
        status = file_rename(folder, LOG_KEY_NEXT, LOG_KEY, error);
    buf_create(&bytes, arena);
    ledger_root(ledger, &checkpoint.size, &checkpoint.root);
    fault_point("handover.renamed");
    if (status == STATUS_OK)
        status = log_vkey_write(folder, &next->verifier, error);
    fault_point("handover.vkey");
    if (status == STATUS_OK)
        status = checkpoint_sign(&checkpoint, next, 1, &bytes, error);
    if (status == STATUS_OK)
        status = log_checkpoint_write(folder, buf_slice(&bytes), error);
    return status == STATUS_OK ? file_wipe(folder, LOG_KEY_OLD, error) : status;
}

static enum status check_new_name(const char *folder, struct slice old_key, const struct note_verifier *fresh,
                                  struct arena *arena, struct error *error)
{
    struct slice old = old_key_text(folder, old_key, arena);
    size_t plus = slice_find(old, '+', 0);

    if (!slice_equal_str(slice_sub(old, 0, plus), fresh->name))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "--origin", "\"%.100s\" is the origin that the log has now; it needs another one",
                     fresh->name);
}

/* The key that the entry names is there, under its own name or the next one, and has signed nothing yet. */
static bool is_half_done(const char *folder, struct slice new_key, struct note_signer *next, struct arena *arena)
{
    static const char *const names[] = {LOG_KEY_NEXT, LOG_KEY};
    struct checkpoint checkpoint;
    struct slice bytes;
    struct error none;

    for (size_t i = 0; i < 2; i++) {
        if (log_key_read(folder, names[i], next, &none) == STATUS_OK && is_key(arena, &next->verifier, new_key))
            return log_checkpoint_read(folder, &next->verifier, 1, arena, &bytes, &checkpoint, &none) != STATUS_OK;
    }
    return false;
}

/* An attempt that wrote its entry and was interrupted then is gone on with. */
static enum status obtain_next(const char *folder, struct ledger *ledger, const struct custody_change *change,
                               struct note_signer *next, bool *committed, struct arena *arena, struct error *error)
{
    struct lineage lineage;
    const struct lineage_item *handover = NULL;
    enum status status = lineage_read(ledger_store(ledger), arena, &lineage, error);

    *committed = false;
    if (status != STATUS_OK)
        return status;
    handover = lineage_handover(&lineage);
    *committed = handover && handover->event.type == RECORD_LEDGER_RESTORED &&
                 is_half_done(folder, handover->event.handover.new_key, next, arena);
    if (*committed)
        return STATUS_OK;
    note_signer_destroy(next);
    return log_key_generate(change->origin, next, error);
}

static enum status new_origin(const char *folder, struct ledger *ledger, struct slice old_key,
                              const struct custody_change *change, struct note_signer *next, struct arena *arena,
                              struct error *error)
{
    bool committed;
    enum status status = obtain_next(folder, ledger, change, next, &committed, arena, error);

    if (status == STATUS_OK && !committed) {
        status = check_new_name(folder, old_key, &next->verifier, arena, error);
        if (status == STATUS_OK)
            status = log_key_write(folder, LOG_KEY_NEXT, next, error);
        fault_point("handover.next");
        if (status == STATUS_OK)
            status = commit_restored(folder, ledger, old_key, change, &next->verifier, arena, error);
    }
    fault_point("handover.committed");
    return status == STATUS_OK ? put_in_place(folder, ledger, next, arena, error) : status;
}

enum status custody_new_origin(const char *folder, struct ledger *ledger, struct slice old_key,
                               const struct custody_change *change, struct note_verifier *fresh, struct error *error)
{
    struct note_signer next = {0};
    struct arena arena;
    enum status status;

    arena_create(&arena, CUSTODY_ARENA_BLOCK, CUSTODY_ARENA_CAP);
    status = new_origin(folder, ledger, old_key, change, &next, &arena, error);
    *fresh = next.verifier;
    note_signer_destroy(&next);
    arena_destroy(&arena);
    return status;
}
