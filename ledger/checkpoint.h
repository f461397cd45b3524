/*
 * Checkpoints (C2SP tlog-checkpoint): what a log says about itself, as a signed note over
 *
 *   ORIGIN\nSIZE\nBASE64(root hash)\n
 *
 * without extension lines. Pure codecs; any thread.
 */
#ifndef EDICT_LEDGER_CHECKPOINT_H
#define EDICT_LEDGER_CHECKPOINT_H

#include "ledger/note.h"
#include "proto/digest.h"

struct checkpoint {
    struct slice origin;
    uint64_t size;
    struct digest root;
};

void checkpoint_write(struct buf *out, const struct checkpoint *checkpoint); /* the text, not signed */
/* The signed note by each of `signers`, in order. */
enum status checkpoint_sign(const struct checkpoint *checkpoint, const struct note_signer *signers, size_t count,
                            struct buf *out, struct error *error) EDICT_MUST_USE;
/* The text; `origin` is a view. INVALID unless checkpoint_write would give these very bytes. */
enum status checkpoint_parse(struct slice text, struct checkpoint *out, struct error *error) EDICT_MUST_USE;
/* A signed note whose text is a checkpoint. Nothing is verified. */
enum status checkpoint_read(struct arena *arena, struct slice bytes, struct checkpoint *out, struct note *note,
                            struct error *error) EDICT_MUST_USE;
/*
 * The same, verified: the origin is the verifiers' name, and note_verify holds.
 */
enum status checkpoint_open(struct arena *arena, struct slice bytes, const struct note_verifier *verifiers, size_t count,
                            struct checkpoint *out, struct note *note, struct error *error) EDICT_MUST_USE;

#endif
