/* Proofs, signed notes, checkpoints, proof files and tile paths: published vectors, and every size against a plain tree. */
#include "base/u64be.h"
#include "ledger/log_key.h"
#include "ledger/merkle.h"
#include "ledger/tlog_proof.h"
#include "proto/base64.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 70, LARGE = 66000 };

static struct arena arena;
static struct store *store;
static struct merkle merkle;
static struct error error;

static void setup(void)
{
    arena_create(&arena, 65536, 64u << 20);
    ck_assert(store_open_memory(&store, &error) == STATUS_OK);
    merkle_create(&merkle);
}

static void teardown(void)
{
    store->ops->close(store);
    arena_destroy(&arena);
}

static void put_tile(void *context, unsigned level, uint64_t number, const struct digest *hashes)
{
    char key[MERKLE_TILE_KEY_SIZE];

    merkle_tile_key(level, number, key);
    store_put(context, STORE_TILES, slice_from(key, sizeof key), slice_from(hashes, MERKLE_TILE_HASHES * sizeof *hashes));
}

static void append(struct store_batch *batch, struct slice record)
{
    unsigned char key[8];

    for (int i = 0; i < 8; i++)
        key[i] = (unsigned char)(merkle.size >> (56 - 8 * i));
    store_put(batch, STORE_ENTRIES, slice_from(key, sizeof key), record);
    merkle_append(&merkle, &record, 1, put_tile, batch);
}

static struct slice record_of(uint64_t index)
{
    return arena_printf(&arena, "record %llu", (unsigned long long)index);
}

/* Appends up to `size` records; roots of every size on the way go to `roots` where it is not NULL. */
static void grow(uint64_t size, struct digest *roots)
{
    struct store_batch *batch = store->ops->batch_new(store);

    while (merkle.size < size) {
        if (roots)
            merkle_root(&merkle, &roots[merkle.size]);
        append(batch, record_of(merkle.size));
        if (merkle.size % 4096 == 0)
            arena_reset(&arena);
    }
    if (roots)
        merkle_root(&merkle, &roots[size]);
    ck_assert(store->ops->commit(store, batch, true, &error) == STATUS_OK);
    store->ops->batch_delete(batch);
}

static struct digest from_hex(const char *hex)
{
    struct digest digest;

    ck_assert(digest_parse(slice_from_str(hex), &digest));
    return digest;
}

/* ---- the tree ---- */

/* The test vectors of Certificate Transparency's reference implementation. */
START_TEST(roots_are_those_of_certificate_transparency)
{
    static const struct slice leaves[8] = {SLICE(""),
                                           SLICE("\x00"),
                                           SLICE("\x10"),
                                           SLICE("\x20\x21"),
                                           SLICE("\x30\x31"),
                                           SLICE("\x40\x41\x42\x43"),
                                           SLICE("\x50\x51\x52\x53\x54\x55\x56\x57"),
                                           SLICE("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f")};
    static const char *const roots[9] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct store_batch *batch = store->ops->batch_new(store);
    struct digest root, wanted;

    for (int i = 0; i < 8; i++)
        append(batch, leaves[i]);
    ck_assert(store->ops->commit(store, batch, true, &error) == STATUS_OK);
    store->ops->batch_delete(batch);
    for (uint64_t size = 0; size <= 8; size++) {
        wanted = from_hex(roots[size]);
        ck_assert(proof_root(store, size, &root, &error) == STATUS_OK);
        ck_assert_msg(digest_equal(&root, &wanted), "root of %llu", (unsigned long long)size);
    }
}
END_TEST

START_TEST(every_small_proof_verifies_and_no_other)
{
    struct digest roots[SMALL + 1], leaf;
    struct proof proof;

    grow(SMALL, roots);
    for (uint64_t size = 1; size <= SMALL; size++) {
        for (uint64_t index = 0; index < size; index++) {
            ck_assert(proof_inclusion(store, index, size, &proof, &error) == STATUS_OK);
            proof_leaf(record_of(index), &leaf);
            ck_assert(proof_verify_inclusion(&proof, index, size, &leaf, &roots[size]));
            ck_assert(!proof_verify_inclusion(&proof, index, size, &leaf, &roots[size - 1]));
            ck_assert(size == 1 || !proof_verify_inclusion(&proof, (index + 1) % size, size, &leaf, &roots[size]));
            if (proof.count > 0) {
                proof.hashes[index % proof.count].bytes[7] ^= 1;
                ck_assert(!proof_verify_inclusion(&proof, index, size, &leaf, &roots[size]));
                proof.hashes[index % proof.count].bytes[7] ^= 1;
                proof.count--;
                ck_assert(!proof_verify_inclusion(&proof, index, size, &leaf, &roots[size]));
            }
        }
        for (uint64_t old = 0; old <= size; old++) {
            ck_assert(proof_consistency(store, old, size, &proof, &error) == STATUS_OK);
            /* Everything continues the empty tree, so that nothing is proved by it. */
            ck_assert(proof_verify_consistency(&proof, old, size, &roots[old], &roots[size]) == (old > 0));
            if (old > 0)
                ck_assert(!proof_verify_consistency(&proof, old, size, &roots[old - 1], &roots[size]));
            if (old > 0 && old < size)
                ck_assert(!proof_verify_consistency(&proof, old, size, &roots[old], &roots[size - 1]) || old == size - 1);
        }
    }
}
END_TEST

/* Beyond full tiles of two levels. */
START_TEST(large_trees_are_read_from_their_tiles)
{
    static const uint64_t sizes[] = {255, 256, 257, 511, 512, 65535, 65536, 65537, LARGE};
    struct digest *roots = malloc((LARGE + 1) * sizeof *roots), leaf, root;
    struct proof proof;

    grow(LARGE, roots);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint64_t size = sizes[s];
        const uint64_t indices[] = {0, size / 2, size - 1, size > 300 ? size - 300 : 1};

        ck_assert(proof_root(store, size, &root, &error) == STATUS_OK);
        ck_assert(digest_equal(&root, &roots[size]));
        for (int i = 0; i < 4; i++) {
            ck_assert(proof_inclusion(store, indices[i], size, &proof, &error) == STATUS_OK);
            proof_leaf(record_of(indices[i]), &leaf);
            ck_assert(proof_verify_inclusion(&proof, indices[i], size, &leaf, &roots[size]));
            ck_assert(proof_consistency(store, indices[i], size, &proof, &error) == STATUS_OK);
            ck_assert(proof_verify_consistency(&proof, indices[i], size, &roots[indices[i]], &roots[size]) == (indices[i] > 0));
        }
    }
    ck_assert(proof_inclusion(store, 5, 5, &proof, &error) == STATUS_NOT_FOUND);
    ck_assert(proof_consistency(store, 6, 5, &proof, &error) == STATUS_NOT_FOUND);
    ck_assert(proof_root(store, LARGE + 1, &root, &error) == STATUS_CORRUPT);
    free(roots);
}
END_TEST

/* ---- trees that no store could hold: every record is the same, so that every tile of a level is ---- */

struct vast {
    struct store base;
    uint64_t size;
    size_t reads;
    struct digest perfect[64]; /* of 2^k leaves */
};

static enum status vast_get(struct store *base, enum store_family family, struct slice key, struct arena *room,
                            struct slice *value, struct error *failure)
{
    struct vast *vast = (struct vast *)base;
    struct digest tile[MERKLE_TILE_HASHES];
    unsigned level = (unsigned char)key.data[0];

    vast->reads++;
    if (family == STORE_ENTRIES) {
        ck_assert_uint_lt(u64be_get(key.data), vast->size);
        *value = SLICE("same");
        return STATUS_OK;
    }
    ck_assert_int_eq(family, STORE_TILES);
    if (u64be_get(key.data + 1) >= vast->size >> (8 * (level + 1)))
        return error_set(failure, STATUS_NOT_FOUND, "", "not full");
    for (int i = 0; i < MERKLE_TILE_HASHES; i++)
        tile[i] = vast->perfect[8 * level];
    *value = arena_copy(room, slice_from(tile, sizeof tile));
    return STATUS_OK;
}

/* There is nothing else that a proof could call: neither scans nor writes. */
static const struct store_ops vast_ops = {.get = vast_get};

static void vast_root(const struct vast *vast, uint64_t size, struct digest *root)
{
    bool any = false;

    for (int k = 0; k < 64; k++) {
        if (!(size >> k & 1))
            continue;
        if (any)
            merkle_hash_node(&vast->perfect[k], root, root);
        else
            *root = vast->perfect[k];
        any = true;
    }
}

/* On each level a proof reads what a tile that is not full is made of, and a tile of the path; that the first is not there,
 * once. */
static void prove_in(struct vast *vast, uint64_t index, uint64_t size, size_t most)
{
    struct digest old_root, root;
    struct proof proof;

    vast_root(vast, size, &root);
    vast->reads = 0;
    ck_assert(proof_inclusion(&vast->base, index, size, &proof, &error) == STATUS_OK);
    ck_assert_uint_le(vast->reads, most);
    ck_assert(proof_verify_inclusion(&proof, index, size, &vast->perfect[0], &root));
    vast_root(vast, index + 1, &old_root);
    vast->reads = 0;
    ck_assert(proof_consistency(&vast->base, index + 1, size, &proof, &error) == STATUS_OK);
    ck_assert_uint_le(vast->reads, most);
    ck_assert(proof_verify_consistency(&proof, index + 1, size, &old_root, &root));
}

START_TEST(a_proof_among_very_many_reads_a_few_tiles)
{
    static const uint64_t sizes[] = {100000000, 100007935 /* every tile at the edge lacks one hash */,
                                     (UINT64_C(1) << 40) + 12345, (UINT64_C(1) << 48) - 1};
    struct vast vast = {.base = {.ops = &vast_ops}};

    proof_leaf(SLICE("same"), &vast.perfect[0]);
    for (int k = 1; k < 64; k++)
        merkle_hash_node(&vast.perfect[k - 1], &vast.perfect[k - 1], &vast.perfect[k]);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t levels = 1;

        vast.size = sizes[s];
        for (uint64_t rest = vast.size; rest > MERKLE_TILE_HASHES; rest >>= 8)
            levels++;
        for (uint64_t i = 1; i <= 20; i++)
            prove_in(&vast, vast.size / 20 * i - i, vast.size, (MERKLE_TILE_HASHES + 2) * levels);
        prove_in(&vast, vast.size - 1, vast.size, (MERKLE_TILE_HASHES + 2) * levels);
    }
}
END_TEST

/* ---- notes ---- */

static const char neumann[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char neumann_private[] = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
static const char neumann_text[] =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
static const char neumann_note[] =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/* The example of Go's golang.org/x/mod/sumdb/note. */
START_TEST(notes_are_those_of_go)
{
    struct note_verifier verifier;
    struct note_signer signer;
    struct note note;
    struct buf out;

    ck_assert(note_verifier_parse(SLICE(neumann), &verifier, &error) == STATUS_OK);
    ck_assert(note_parse(&arena, SLICE(neumann_note), &note, &error) == STATUS_OK);
    ck_assert(slice_equal(note.text, SLICE(neumann_text)));
    ck_assert(note_verify(&note, &verifier, 1, &error) == STATUS_OK);
    ck_assert(note_signer_parse(SLICE(neumann_private), &signer, &error) == STATUS_OK);
    buf_create(&out, &arena);
    buf_add_str(&out, neumann_text);
    buf_add_char(&out, '\n');
    ck_assert(note_sign(&signer, SLICE(neumann_text), 0, &out, &error) == STATUS_OK);
    ck_assert(slice_equal(buf_slice(&out), SLICE(neumann_note)));
    buf_create(&out, &arena);
    note_verifier_write(&out, &signer.verifier);
    ck_assert(slice_equal(buf_slice(&out), SLICE(neumann)));
    buf_create(&out, &arena);
    note_signer_write(&out, &signer);
    ck_assert(slice_equal(buf_slice(&out), SLICE(neumann_private)));
}
END_TEST

static bool opens(struct slice bytes, const struct note_verifier *verifier)
{
    struct checkpoint checkpoint;
    struct note note;

    return checkpoint_open(&arena, bytes, verifier, 1, &checkpoint, &note, &error) == STATUS_OK;
}

static void flip_each_byte(struct slice good, struct slice record, const struct note_verifier *verifier)
{
    char *bytes = malloc(good.size);
    struct checkpoint checkpoint;
    struct note opened;
    uint64_t index;

    for (size_t at = 0; at < good.size; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            memcpy(bytes, good.data, good.size);
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
            arena_reset(&arena);
            ck_assert_msg(tlog_proof_verify(&arena, slice_from(bytes, good.size), record, verifier, &index, &checkpoint,
                                            &opened, &error) != STATUS_OK,
                          "byte %zu, bit %d", at, bit);
        }
    }
    free(bytes);
}

START_TEST(every_changed_byte_of_a_proof_file_is_seen)
{
    struct note_signer signer;
    struct checkpoint checkpoint = {.origin = SLICE("example.com/log"), .size = SMALL}, read;
    struct proof proof;
    struct note opened;
    struct buf note, file;
    struct slice copy;
    uint64_t index;

    grow(SMALL, NULL);
    ck_assert(note_signer_generate(checkpoint.origin, NOTE_ED25519, &signer, &error) == STATUS_OK);
    ck_assert(proof_root(store, SMALL, &checkpoint.root, &error) == STATUS_OK);
    buf_create(&note, NULL);
    buf_create(&file, NULL);
    ck_assert(checkpoint_sign(&checkpoint, &signer, 1, &note, &error) == STATUS_OK);
    ck_assert(opens(buf_slice(&note), &signer.verifier));
    ck_assert(proof_inclusion(store, 41, SMALL, &proof, &error) == STATUS_OK);
    tlog_proof_write(&file, 41, &proof, buf_slice(&note));
    ck_assert(tlog_proof_verify(&arena, buf_slice(&file), SLICE("record 41"), &signer.verifier, &index, &read, &opened,
                                &error) == STATUS_OK);
    ck_assert_uint_eq(index, 41);
    ck_assert_uint_eq(read.size, SMALL);
    copy = buf_slice(&file);
    ck_assert(tlog_proof_verify(&arena, copy, SLICE("record 42"), &signer.verifier, &index, &read, &opened, &error) ==
              STATUS_CORRUPT);
    flip_each_byte(copy, SLICE("record 41"), &signer.verifier);
    for (size_t size = 0; size < copy.size; size++)
        ck_assert(tlog_proof_verify(&arena, slice_sub(copy, 0, size), SLICE("record 41"), &signer.verifier, &index, &read,
                                    &opened, &error) != STATUS_OK);
    buf_destroy(&note);
    buf_destroy(&file);
}
END_TEST

/* ---- paths and spelling ---- */

static bool path_parses(const char *path, uint64_t *number, unsigned *width)
{
    struct slice segments[16], rest = slice_from_str(path);
    size_t count = 0;

    while (count < 16) {
        size_t slash = slice_find(rest, '/', 0);

        segments[count++] = slice_sub(rest, 0, slash);
        if (slash == SIZE_MAX)
            break;
        rest = slice_sub(rest, slash + 1, SIZE_MAX);
    }
    return tlog_tile_path_parse(segments, count, number, width);
}

START_TEST(tiles_have_one_path)
{
    static const char *const bad[] = {"",        "67",      "0067",    "x067",      "x000/067", "001/067",
                                      "x001/67", "067.p",   "067.p/0", "067.p/256", "067.p/08", "067.p/1/2",
                                      "067/8",   "x01/067", "-67",     "067.q/8"};
    uint64_t number;
    unsigned width;

    ck_assert(path_parses("067", &number, &width) && number == 67 && width == 256);
    ck_assert(path_parses("000", &number, &width) && number == 0);
    ck_assert(path_parses("x001/x234/067", &number, &width) && number == 1234067 && width == 256);
    ck_assert(path_parses("x001/234.p/8", &number, &width) && number == 1234 && width == 8);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!path_parses(bad[i], &number, &width), "%s", bad[i]);
}
END_TEST

START_TEST(base64_has_one_spelling)
{
    static const char *const bad[] = {"A", "AB", "ABC", "AB=C", "AB==AAAA", "AC==", "AAB=", "A A=", "AA-_", "====", "AAAA\n"};
    unsigned char bytes[16];
    size_t size;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!base64_read(slice_from_str(bad[i]), bytes, sizeof bytes, &size), "%s", bad[i]);
    ck_assert(base64_read(SLICE("AQI="), bytes, sizeof bytes, &size) && size == 2 && bytes[0] == 1 && bytes[1] == 2);
    ck_assert(!base64_read(SLICE("AQIDBA=="), bytes, 3, &size));
}
END_TEST

/* ---- the files ---- */

static enum status compare(const char *folder, const struct note_signer *signer, struct slice former, uint64_t size)
{
    return log_checkpoint_compare(folder, &signer->verifier, 1, former, store, size, &error);
}

START_TEST(a_ledger_that_shrank_or_changed_is_refused)
{
    const struct slice none = {0};
    char folder[] = "/tmp/edict-test-XXXXXX", path[64];
    struct note_signer signer, again, other;
    struct note_verifier verifier;
    struct checkpoint checkpoint = {.size = SMALL};
    struct buf note;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    grow(SMALL, NULL);
    ck_assert(log_key_read(folder, LOG_KEY, &again, &error) == STATUS_NOT_FOUND);
    ck_assert(log_vkey_read(folder, &verifier, &error) == STATUS_NOT_FOUND);
    ck_assert(log_key_generate(none, &signer, &error) == STATUS_OK &&
              log_key_generate(SLICE("b"), &other, &error) == STATUS_OK);
    ck_assert(log_key_write(folder, LOG_KEY, &signer, &error) == STATUS_OK);
    ck_assert(log_key_read(folder, LOG_KEY, &again, &error) == STATUS_OK);
    ck_assert(note_verifier_equal(&signer.verifier, &again.verifier));
    ck_assert(log_vkey_read(folder, &verifier, &error) == STATUS_OK && note_verifier_equal(&signer.verifier, &verifier));
    ck_assert(compare(folder, &signer, none, 1) == STATUS_OK); /* a first start that was interrupted before it signed */
    ck_assert(compare(folder, &signer, none, 2) == STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "ledger.checkpoint is missing"));
    checkpoint.origin = slice_from_str(signer.verifier.name);
    ck_assert(proof_root(store, SMALL, &checkpoint.root, &error) == STATUS_OK);
    buf_create(&note, &arena);
    ck_assert(checkpoint_sign(&checkpoint, &signer, 1, &note, &error) == STATUS_OK);
    ck_assert(log_checkpoint_write(folder, buf_slice(&note), &error) == STATUS_OK);
    ck_assert(compare(folder, &signer, none, SMALL) == STATUS_OK);
    ck_assert(compare(folder, &signer, none, SMALL - 1) == STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "shorter"));
    ck_assert(compare(folder, &other, none, SMALL) == STATUS_CORRUPT);
    ck_assert(compare(folder, &other, checkpoint.origin, SMALL) == STATUS_OK); /* an origin that was left on purpose */
    checkpoint.root.bytes[0] ^= 1;
    buf_create(&note, &arena);
    ck_assert(checkpoint_sign(&checkpoint, &signer, 1, &note, &error) == STATUS_OK);
    ck_assert(log_checkpoint_write(folder, buf_slice(&note), &error) == STATUS_OK);
    ck_assert(compare(folder, &signer, none, SMALL) == STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "not those that were signed for"));
    snprintf(path, sizeof path, "%s/ledger.key", folder);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert(log_key_read(folder, LOG_KEY, &again, &error) == STATUS_DENIED);
    ck_assert_int_eq(unlink(path), 0);
    snprintf(path, sizeof path, "%s/ledger.checkpoint", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proof");
    TCase *tests = tcase_create("proof");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, roots_are_those_of_certificate_transparency);
    tcase_add_test(tests, every_small_proof_verifies_and_no_other);
    tcase_add_test(tests, large_trees_are_read_from_their_tiles);
    tcase_add_test(tests, a_proof_among_very_many_reads_a_few_tiles);
    tcase_add_test(tests, notes_are_those_of_go);
    tcase_add_test(tests, every_changed_byte_of_a_proof_file_is_seen);
    tcase_add_test(tests, tiles_have_one_path);
    tcase_add_test(tests, base64_has_one_spelling);
    tcase_add_test(tests, a_ledger_that_shrank_or_changed_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
