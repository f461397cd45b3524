#include "ledger/checkpoint.h"

#include "proto/base64.h"

#include <assert.h>

void checkpoint_write(struct buf *out, const struct checkpoint *checkpoint)
{
    assert(note_name_is_valid(checkpoint->origin));
    buf_add_slice(out, checkpoint->origin);
    buf_add_char(out, '\n');
    buf_add_u64(out, checkpoint->size);
    buf_add_char(out, '\n');
    base64_write(out, checkpoint->root.bytes, DIGEST_SIZE);
    buf_add_char(out, '\n');
}

enum status checkpoint_sign(const struct checkpoint *checkpoint, const struct note_signer *signers, size_t count,
                            struct buf *out, struct error *error)
{
    size_t begin = out->size, end;
    enum status status = STATUS_OK;

    checkpoint_write(out, checkpoint);
    end = out->size;
    buf_add_char(out, '\n');
    for (size_t i = 0; i < count && status == STATUS_OK && !out->failed; i++) {
        /* `out` may move while it grows: sign a view that is taken anew, after making room. */
        if (buf_reserve(out, 1024))
            status = note_sign(&signers[i], slice_from(out->data + begin, end - begin), 0, out, error);
    }
    return out->failed ? error_set(error, STATUS_NO_MEMORY, "", "out of memory") : status;
}

static struct slice take_line(struct slice *rest)
{
    size_t end = slice_find(*rest, '\n', 0);
    struct slice line = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, end + 1, SIZE_MAX);
    return line;
}

enum status checkpoint_parse(struct slice text, struct checkpoint *out, struct error *error)
{
    struct slice rest = text, size, root;

    *out = (struct checkpoint){.origin = take_line(&rest)};
    size = take_line(&rest);
    root = take_line(&rest);
    if (rest.size > 0 || !slice_ends_with(text, SLICE("\n")) || !note_name_is_valid(out->origin))
        return error_set(error, STATUS_INVALID, "", "not a checkpoint: origin, size and root hash, one a line");
    if (!slice_to_u64(size, &out->size) || (size.size > 1 && size.data[0] == '0'))
        return error_set(error, STATUS_INVALID, "", "the checkpoint's size is no number");
    if (!base64_read_exact(root, out->root.bytes, DIGEST_SIZE))
        return error_set(error, STATUS_INVALID, "", "the checkpoint's root hash is not the base64 of 32 bytes");
    return STATUS_OK;
}

enum status checkpoint_read(struct arena *arena, struct slice bytes, struct checkpoint *out, struct note *note,
                            struct error *error)
{
    enum status status = note_parse(arena, bytes, note, error);

    return status == STATUS_OK ? checkpoint_parse(note->text, out, error) : status;
}

enum status checkpoint_open(struct arena *arena, struct slice bytes, const struct note_verifier *verifiers, size_t count,
                            struct checkpoint *out, struct note *note, struct error *error)
{
    enum status status = checkpoint_read(arena, bytes, out, note, error);

    if (status != STATUS_OK)
        return status;
    if (count == 0 || !slice_equal_str(out->origin, verifiers[0].name))
        return error_set(error, STATUS_CORRUPT, "", "the checkpoint is of another log, \"%.*s\"", SLICE_ARG(out->origin));
    return note_verify(note, verifiers, count, error);
}
