#include "ledger/tlog_proof.h"

#include "proto/base64.h"

#define TLOG_PROOF_FIRST "c2sp.org/tlog-proof@v1\n"

enum { TILE_WIDTH = 256 };

void proof_write(struct buf *out, const struct proof *proof)
{
    for (size_t i = 0; i < proof->count; i++) {
        base64_write(out, proof->hashes[i].bytes, DIGEST_SIZE);
        buf_add_char(out, '\n');
    }
}

void tlog_proof_write(struct buf *out, uint64_t index, const struct proof *proof, struct slice checkpoint)
{
    buf_add_str(out, TLOG_PROOF_FIRST "index ");
    buf_add_u64(out, index);
    buf_add_char(out, '\n');
    proof_write(out, proof);
    buf_add_char(out, '\n');
    buf_add_slice(out, checkpoint);
}

/* Without its newline; false at the end. */
static bool take_line(struct slice *rest, struct slice *line)
{
    size_t end = slice_find(*rest, '\n', 0);

    if (end == SIZE_MAX)
        return false;
    *line = slice_sub(*rest, 0, end);
    *rest = slice_sub(*rest, end + 1, SIZE_MAX);
    return true;
}

static bool number_parse(struct slice text, uint64_t *out)
{
    return slice_to_u64(text, out) && (text.size == 1 || text.data[0] != '0');
}

/* Leaves the checkpoint in `*rest`. */
static bool read_head(struct slice *rest, uint64_t *index, struct proof *proof)
{
    struct slice line;

    if (!slice_starts_with(*rest, SLICE(TLOG_PROOF_FIRST)))
        return false;
    *rest = slice_sub(*rest, strlen(TLOG_PROOF_FIRST), SIZE_MAX);
    if (!take_line(rest, &line) || !slice_starts_with(line, SLICE("index ")) ||
        !number_parse(slice_sub(line, 6, SIZE_MAX), index))
        return false;
    for (proof->count = 0; take_line(rest, &line) && line.size > 0; proof->count++) {
        if (proof->count == PROOF_HASHES_MAX || !base64_read_exact(line, proof->hashes[proof->count].bytes, DIGEST_SIZE))
            return false;
    }
    return rest->size > 0;
}

enum status tlog_proof_verify(struct arena *arena, struct slice bytes, struct slice record,
                              const struct note_verifier *verifier, uint64_t *index, struct checkpoint *checkpoint,
                              struct note *note, struct error *error)
{
    struct proof proof;
    struct digest leaf;
    struct slice rest = bytes;
    enum status status;

    if (!read_head(&rest, index, &proof))
        return error_set(error, STATUS_INVALID, "", "not a proof file (c2sp.org/tlog-proof@v1)");
    status = checkpoint_open(arena, rest, verifier, 1, checkpoint, note, error);
    if (status != STATUS_OK)
        return status;
    proof_leaf(record, &leaf);
    if (!proof_verify_inclusion(&proof, *index, checkpoint->size, &leaf, &checkpoint->root))
        return error_set(error, STATUS_CORRUPT, "",
                         "the proof does not fit: this is not entry %llu of the log, or one of both was changed",
                         (unsigned long long)*index);
    return STATUS_OK;
}

/* ---- tiles ---- */

static bool three_digits(struct slice text, uint64_t *value)
{
    if (text.size != 3)
        return false;
    for (int i = 0; i < 3; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

bool tlog_tile_path_parse(const struct slice *segments, size_t count, uint64_t *number, unsigned *width)
{
    const struct slice partial = SLICE(".p");
    struct slice last;
    uint64_t value = TILE_WIDTH;

    *number = 0;
    if (count >= 2 && slice_ends_with(segments[count - 2], partial)) {
        if (!number_parse(segments[--count], &value) || value == 0 || value >= TILE_WIDTH)
            return false;
        last = slice_sub(segments[count - 1], 0, segments[count - 1].size - partial.size);
    } else if (count >= 1) {
        last = segments[count - 1];
    } else {
        return false;
    }
    *width = (unsigned)value;
    for (size_t i = 0; i + 1 < count; i++) {
        if (i > 4 || segments[i].size != 4 || segments[i].data[0] != 'x' ||
            !three_digits(slice_sub(segments[i], 1, 4), number) || *number == 0)
            return false;
    }
    return three_digits(last, number);
}
