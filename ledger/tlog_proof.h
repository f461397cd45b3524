/*
 * Proof files (C2SP tlog-proof, "c2sp.org/tlog-proof@v1"): that an entry is in a log, for whoever has the log's verifier key.
 *
 *   c2sp.org/tlog-proof@v1\nindex I\nBASE64(hash)\n…\n\nCHECKPOINT
 *
 * And the paths of tiles (C2SP tlog-tiles). Pure codecs; any thread.
 */
#ifndef EDICT_LEDGER_TLOG_PROOF_H
#define EDICT_LEDGER_TLOG_PROOF_H

#include "ledger/checkpoint.h"
#include "ledger/proof.h"

void proof_write(struct buf *out, const struct proof *proof); /* base64, a line each */
void tlog_proof_write(struct buf *out, uint64_t index, const struct proof *proof, struct slice checkpoint);
/* `record`'s proof by a log with this verifier key; `note` is the checkpoint's, with whatever else has signed it. CORRUPT says
 * what does not fit, INVALID that it is no proof file. */
enum status tlog_proof_verify(struct arena *arena, struct slice bytes, struct slice record,
                              const struct note_verifier *verifier, uint64_t *index, struct checkpoint *checkpoint,
                              struct note *note, struct error *error) EDICT_MUST_USE;

/* "x001/x234/067" and "067.p/8", as segments of a path; false when it is not the one spelling of a tile. `*width` is 256 for a
 * full one. */
bool tlog_tile_path_parse(const struct slice *segments, size_t count, uint64_t *number, unsigned *width);

#endif
