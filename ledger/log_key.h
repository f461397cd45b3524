/*
 * The key that signs the log's checkpoints, and the last checkpoint that was signed: FOLDER/ledger.key (0600; the form of Go's
 * golang.org/x/mod/sumdb/note) and FOLDER/ledger.checkpoint. A log that has published a checkpoint must never show a shorter or
 * a different one under the same key, so the two are compared at every start.
 */
#ifndef EDICT_LEDGER_LOG_KEY_H
#define EDICT_LEDGER_LOG_KEY_H

#include "ledger/checkpoint.h"
#include "ledger/store.h"

/* Reads the key, or makes one on the first start under `origin`; an empty origin gives a name of its own. DENIED when others
 * can read the file, CONFLICT when it is of another origin than the one asked for. */
enum status log_key_open(const char *folder, struct slice origin, struct note_signer *out, bool *created,
                         struct error *error) EDICT_MUST_USE;
/* Reads the key only; NOT_FOUND. */
enum status log_key_read(const char *folder, struct note_signer *out, struct error *error) EDICT_MUST_USE;
/* The last signed checkpoint, verified by `signer`'s key; NOT_FOUND where there is none. `bytes` is in the arena. */
enum status log_checkpoint_read(const char *folder, const struct note_signer *signer, struct arena *arena, struct slice *bytes,
                                struct checkpoint *out, struct error *error) EDICT_MUST_USE;
/* Replaces it atomically; on the disk on return. */
enum status log_checkpoint_write(const char *folder, struct slice bytes, struct error *error) EDICT_MUST_USE;
/* CORRUPT, with advice, when `store` with `size` entries is not a continuation of the last signed checkpoint. */
enum status log_checkpoint_compare(const char *folder, const struct note_signer *signer, struct store *store, uint64_t size,
                                   struct error *error) EDICT_MUST_USE;

#endif
