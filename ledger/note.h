/*
 * Signed notes (C2SP signed-note): a text that ends in a newline, an empty line, and signature lines
 *
 *   — NAME BASE64(key id[4] || signature)\n
 *
 * with the keys that sign and verify them: Ed25519 (type 01) for logs, and timestamped Ed25519 cosignatures (type 04, C2SP
 * tlog-cosignature) for witnesses. Pure codecs: no file, no clock. Any thread.
 */
#ifndef EDICT_LEDGER_NOTE_H
#define EDICT_LEDGER_NOTE_H

#include "base/buf.h"
#include "base/status.h"

enum {
    NOTE_NAME_MAX = 200,
    NOTE_KEY_ID_SIZE = 4,
    NOTE_KEY_SIZE = 32,       /* an Ed25519 public key, or the seed of a private one */
    NOTE_SIGNATURE_SIZE = 64, /* Ed25519 */
    NOTE_SIGNATURES_MAX = 64, /* lines that a reader accepts */
    NOTE_BLOB_MAX = 8192,     /* decoded bytes of one line: room for schemes that are not known here */
    NOTE_BYTES_MAX = 256 * 1024,
    NOTE_VERIFIERS_MAX = 32
};

enum note_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

/* Who is trusted to sign. */
struct note_verifier {
    char name[NOTE_NAME_MAX + 1];
    enum note_type type;
    unsigned char id[NOTE_KEY_ID_SIZE];
    unsigned char public_key[NOTE_KEY_SIZE];
};

/* A private key with its name. Wipe it with note_signer_destroy. */
struct note_signer {
    struct note_verifier verifier;
    unsigned char seed[NOTE_KEY_SIZE];
};

struct note_signature {
    struct slice line; /* the whole line with its newline */
    struct slice name;
    unsigned char id[NOTE_KEY_ID_SIZE];
    struct slice blob; /* what follows the key id */
};

struct note {
    struct slice text; /* with its final newline: what is signed */
    struct note_signature *signatures;
    size_t count;
};

/* 1 to NOTE_NAME_MAX bytes of UTF-8 without white space, '+' or control characters. */
bool note_name_is_valid(struct slice name);

/* "NAME+KEYID+BASE64(type || key)", the verifier key. INVALID says what is wrong. */
enum status note_verifier_parse(struct slice text, struct note_verifier *out, struct error *error) EDICT_MUST_USE;
void note_verifier_write(struct buf *out, const struct note_verifier *verifier);
bool note_verifier_equal(const struct note_verifier *a, const struct note_verifier *b);

/* A new key under a valid `name`. */
enum status note_signer_generate(struct slice name, enum note_type type, struct note_signer *out,
                                 struct error *error) EDICT_MUST_USE;
/* "PRIVATE+KEY+NAME+KEYID+BASE64(type || seed)", the form that Go's golang.org/x/mod/sumdb/note keeps keys in. */
enum status note_signer_parse(struct slice text, struct note_signer *out, struct error *error) EDICT_MUST_USE;
void note_signer_write(struct buf *out, const struct note_signer *signer);
void note_signer_destroy(struct note_signer *signer);

/* Appends a signature line over `text`. `time_s` counts for cosignatures only. */
enum status note_sign(const struct note_signer *signer, struct slice text, uint64_t time_s, struct buf *out,
                      struct error *error) EDICT_MUST_USE;

/* Views into `bytes`; signatures and blobs in the arena. INVALID when it is no signed note. */
enum status note_parse(struct arena *arena, struct slice bytes, struct note *out, struct error *error) EDICT_MUST_USE;
/* Only signature lines, as a witness answers. */
enum status note_parse_signatures(struct arena *arena, struct slice bytes, struct note *out,
                                  struct error *error) EDICT_MUST_USE;
/* Is this signature of this verifier's key? (Not yet: is it valid?) */
bool note_is_by(const struct note_signature *signature, const struct note_verifier *verifier);
/* One signature over `text`; `time_s` (may be NULL) gets a cosignature's time. */
bool note_signature_is_valid(const struct note_signature *signature, const struct note_verifier *verifier, struct slice text,
                             uint64_t *time_s);
/*
 * At least one signature is by a known key, and every one that is is valid; others are ignored. CORRUPT otherwise.
 */
enum status note_verify(const struct note *note, const struct note_verifier *verifiers, size_t count,
                        struct error *error) EDICT_MUST_USE;

#endif
