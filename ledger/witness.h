/*
 * What a log and its witnesses say to each other (C2SP tlog-witness, add-checkpoint):
 *
 *   old N\nBASE64(hash)\n…\n\nCHECKPOINT      the request: the size that the witness knows, the proof from there, the note
 *   cosignature lines                         the answer 200
 *   N\n                                       the answer 409: the size that the witness does know
 *
 * and the list of the witnesses that a log asks. Pure codecs; any thread.
 */
#ifndef EDICT_LEDGER_WITNESS_H
#define EDICT_LEDGER_WITNESS_H

#include "ledger/note.h"
#include "ledger/proof.h"

enum {
    WITNESSES_MAX = 15, /* with the log's own signature 16: what every reader of signed notes takes */
    WITNESS_URL_MAX = 1024,
    WITNESS_LINE_MAX = 384,     /* bytes of one Ed25519 cosignature line */
    WITNESS_CLOCK_SKEW_S = 300, /* how far ahead of ours a witness's clock may be */
    WITNESS_LIST_BYTES_MAX = 64 * 1024
};

struct witness {
    struct note_verifier verifier; /* a cosignature key */
    char url[WITNESS_URL_MAX + 1]; /* the submission prefix, without a slash at its end */
};

/* Lines of "VERIFIER-KEY URL"; empty ones and those that begin with '#' are skipped. The error names the line. */
enum status witness_list_parse(struct slice text, struct witness out[WITNESSES_MAX], size_t *count,
                               struct error *error) EDICT_MUST_USE;

void witness_request_write(struct buf *out, uint64_t old_size, const struct proof *proof, struct slice checkpoint);
/* The body of a 409; false for anything but the one spelling of a size. */
bool witness_size_parse(struct slice body, uint64_t *size);
/*
 * The body of a 200: the first line by `verifier`'s key, a view into `body`, and its time. Lines by other keys are ignored.
 * INVALID: no signature lines, none by that key, or a time that is zero, over 2^63-1 or ahead of `now_s`; CORRUPT: the
 * signature does not fit `text`.
 */
enum status witness_cosignature_read(struct arena *arena, struct slice body, struct slice text,
                                     const struct note_verifier *verifier, uint64_t now_s, struct slice *line, uint64_t *time_s,
                                     struct error *error) EDICT_MUST_USE;
/* How many of `witnesses` have cosigned the note; a line that is by one of them and does not fit makes it CORRUPT. */
enum status witness_count(const struct note *note, const struct witness *witnesses, size_t count, size_t *cosigned,
                          struct error *error) EDICT_MUST_USE;

#endif
