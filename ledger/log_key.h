/*
 * The keys that sign the log's checkpoints, and the last checkpoint that was signed, as files of a data directory or a backup:
 *
 *   ledger.key         the private key in force (0600; the form of Go's golang.org/x/mod/sumdb/note)
 *   ledger.key.next    the one that an entry is about to hand over to; ledger.key.old: the one before, while both sign
 *   ledger.vkey        the verifier key in force, for copies without the private one
 *   ledger.checkpoint  the last one signed
 *
 * A log that has published a checkpoint must never show a shorter or a different one under the same key, so the two are
 * compared at every start. Who may use which key, and when, is engine/custody.h's.
 */
#ifndef EDICT_LEDGER_LOG_KEY_H
#define EDICT_LEDGER_LOG_KEY_H

#include "ledger/checkpoint.h"
#include "ledger/store.h"

#define LOG_KEY "ledger.key"
#define LOG_KEY_NEXT "ledger.key.next"
#define LOG_KEY_OLD "ledger.key.old"

/* A new key under `origin`; an empty one gives a name of its own. Nothing is written. */
enum status log_key_generate(struct slice origin, struct note_signer *out, struct error *error) EDICT_MUST_USE;
/* FOLDER/NAME; NOT_FOUND, DENIED when others can read the file. */
enum status log_key_read(const char *folder, const char *name, struct note_signer *out, struct error *error) EDICT_MUST_USE;
/* On the disk on return; with no moment at which the file is not whole. */
enum status log_key_write(const char *folder, const char *name, const struct note_signer *signer,
                          struct error *error) EDICT_MUST_USE;
/* The verifier key in force, from ledger.vkey, or else from ledger.key. NOT_FOUND. */
enum status log_vkey_read(const char *folder, struct note_verifier *out, struct error *error) EDICT_MUST_USE;
enum status log_vkey_write(const char *folder, const struct note_verifier *verifier, struct error *error) EDICT_MUST_USE;

/* The last signed checkpoint, verified by one of `verifiers`, all of one origin; NOT_FOUND where there is none. `bytes` is in
 * the arena. */
enum status log_checkpoint_read(const char *folder, const struct note_verifier *verifiers, size_t count, struct arena *arena,
                                struct slice *bytes, struct checkpoint *out, struct error *error) EDICT_MUST_USE;
/* Replaces it atomically; on the disk on return. */
enum status log_checkpoint_write(const char *folder, struct slice bytes, struct error *error) EDICT_MUST_USE;
/* CORRUPT, with advice, when `store` with `size` entries is not a continuation of the last signed checkpoint, or has more than
 * one entry and there is none. One of the origin `former` (may be empty) does not count: the log has left that origin on
 * purpose. */
enum status log_checkpoint_compare(const char *folder, const struct note_verifier *verifiers, size_t count, struct slice former,
                                   struct store *store, uint64_t size, struct error *error) EDICT_MUST_USE;

/* How to go on when entries are gone for good; ends messages. */
#define LOG_KEY_ADVICE                                                                                                         \
    "If entries were lost, bring them back. To go on without them on purpose, run `edict ledger new-origin --reason TEXT` on " \
    "this data directory: the log goes on under another origin and key, and says so in an entry"

#endif
