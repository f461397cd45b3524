/*
 * Entries that are no longer in the store, as files that verify by themselves: a C2SP tlog-tiles log whose tree ends where the
 * archive does, of which the entry bundles and the tiles of hashes of [from, to) are there, and every higher tile.
 *
 *   tile/entries/N, tile/0/N   bundles and hashes of the range; `from` and `to` are multiples of 256
 *   tile/L/N[.p/W]             every tile of levels 1 to 7 of the tree of `to` entries
 *   checkpoint, ledger.vkey    signed over that tree, and by whom
 *   blobs/HEX                  large values and policy bundles that the entries name; HEX is the SHA-256 of the file
 *   archive.json               what it is; written last. Its SHA-256 is in the ledger's entry ledger.archived
 *
 * The store keeps all hash tiles, so proofs about archived entries are made as before. Erasable values (STORE_PRIVATE) are
 * never in an archive: from files that lie elsewhere they could not be erased.
 */
#ifndef EDICT_LEDGER_ARCHIVE_H
#define EDICT_LEDGER_ARCHIVE_H

#include "base/clock.h"
#include "base/file.h"
#include "ledger/checkpoint.h"
#include "ledger/store.h"

enum { ARCHIVE_BUNDLE = 256, ARCHIVE_BUNDLE_BYTES_MAX = ARCHIVE_BUNDLE * (65535 + 2), ARCHIVES_MAX = 64 };

typedef void (*archive_progress_f)(void *context, uint64_t done, uint64_t all); /* of entries; may be NULL */

struct archive_options {
    struct store *store;
    const char *folder; /* to be made; what an interrupted attempt left as FOLDER.partial is removed */
    uint64_t from, to;
    const struct note_signer *signers;
    size_t signer_count;
    struct clock clock;
    archive_progress_f progress;
    void *context;
};

/* The manifest, typed. */
struct archive_info {
    uint64_t from, to;
    struct digest root;   /* of the tree of `to` entries */
    int64_t last_time_ms; /* of entry to - 1 */
    uint64_t blobs;
    struct digest manifest; /* SHA-256 of archive.json */
};

/* On the disk on return, under its name. CONFLICT when FOLDER is there. */
enum status archive_write(const struct archive_options *options, struct archive_info *out, struct error *error) EDICT_MUST_USE;

/* One that is there. Its hashes of level 1 are in memory. Reading: any thread. */
struct archive;
/* NOT_FOUND where there is no archive.json; checks the checkpoint's signature by ledger.vkey, and that manifest, checkpoint and
 * level 1 agree. */
enum status archive_open(const char *folder, struct archive **out, struct error *error) EDICT_MUST_USE;
void archive_close(struct archive *archive); /* NULL accepted */
const struct archive_info *archive_get_info(const struct archive *archive);
const struct note_verifier *archive_get_verifier(const struct archive *archive);
const char *archive_get_folder(const struct archive *archive);

/* The records of bundle `number`, in the arena, found to have the hashes that the tree has. */
enum status archive_bundle(const struct archive *archive, uint64_t number, struct arena *arena,
                           struct slice records[ARCHIVE_BUNDLE], struct error *error) EDICT_MUST_USE;
/* A large value, found to have its hash; NOT_FOUND. */
enum status archive_blob(const struct archive *archive, const struct digest *hash, struct arena *arena, struct slice *bytes,
                         struct error *error) EDICT_MUST_USE;

struct archive_verified {
    uint64_t entries, bytes, blobs;
};
/* Everything in it: bundles, tiles of every level, blobs that the entries name and those that they do not. */
enum status archive_verify(const struct archive *archive, archive_progress_f progress, void *context,
                           struct archive_verified *out, struct error *error) EDICT_MUST_USE;

/* ---- a store made whole ---- */

/*
 * `live` as if nothing had been archived: entries below its first one, and large values, come from `archives`, which must hold
 * all of them. Every bundle is checked against the hashes that the store kept. For reading; any thread. Closing it closes
 * `live` and the archives; when it cannot be opened they stay the caller's.
 */
enum status store_open_whole(struct store *live, struct archive *const *archives, size_t count, struct store **out,
                             struct error *error) EDICT_MUST_USE;
/* The archives of such a store, by range; none of any other store. */
struct archive *const *store_whole_archives(const struct store *store, size_t *count);

/* ---- paths ---- */

enum { ARCHIVE_PATH_MAX = 80 };
/* "tile/entries/x001/067", "tile/1/000.p/3"; `level` -1: entries; width 256: full. */
void archive_tile_path(char out[ARCHIVE_PATH_MAX], int level, uint64_t number, unsigned width);

#endif
