#include "publish/compare.h"

#include "ledger/log_key.h"
#include "ledger/proof.h"

enum status publish_is_shorter(uint64_t size, uint64_t published, struct error *error)
{
    return error_set(
        error, STATUS_CONFLICT, "",
        "a checkpoint over %llu entries of this log was published here, and the ledger has %llu: it is shorter than "
        "it was. " LOG_KEY_ADVICE,
        (unsigned long long)published, (unsigned long long)size);
}

enum status publish_is_different(uint64_t published, struct error *error)
{
    return error_set(error, STATUS_CONFLICT, "",
                     "the ledger's first %llu entries are not those whose checkpoint was published here. " LOG_KEY_ADVICE,
                     (unsigned long long)published);
}

static enum status compare_checkpoint(const struct publish_ledger *ledger, const struct checkpoint *checkpoint,
                                      const struct note *note, struct error *error)
{
    const char *origin = ledger->verifiers[0].name;
    struct digest root;
    enum status status;

    if (!slice_equal_str(checkpoint->origin, origin))
        return error_set(error, STATUS_NOT_FOUND, "",
                         "this is a checkpoint of another log, \"%.*s\", and the ledger is \"%.200s\"",
                         SLICE_ARG(checkpoint->origin), origin);
    if (note_verify(note, ledger->verifiers, ledger->verifier_count, error) != STATUS_OK)
        return error_set(error, STATUS_CONFLICT, "",
                         "this is a checkpoint of the log \"%.200s\" that no key of the ledger has signed: it was changed, or "
                         "another ledger has the same name",
                         origin);
    if (checkpoint->size > ledger->size)
        return publish_is_shorter(ledger->size, checkpoint->size, error);
    status = proof_root(ledger->store, checkpoint->size, &root, error);
    if (status == STATUS_OK && !digest_equal(&root, &checkpoint->root))
        status = publish_is_different(checkpoint->size, error);
    return status;
}

enum status publish_compare(const struct publish_ledger *ledger, struct slice bytes, uint64_t *published, struct error *error)
{
    struct checkpoint checkpoint;
    struct arena arena;
    struct note note;
    enum status status;

    *published = 0;
    arena_create(&arena, 16384, 1 << 20);
    status = checkpoint_read(&arena, bytes, &checkpoint, &note, error);
    if (status == STATUS_OK && !(ledger->former[0] && slice_equal_str(checkpoint.origin, ledger->former))) {
        status = compare_checkpoint(ledger, &checkpoint, &note, error);
        *published = status == STATUS_OK ? checkpoint.size : 0;
    }
    arena_destroy(&arena);
    return status;
}
