/*
 * Other people's proofs, right and wrong, on standard input (see tests/verify/vectors), against ledger/proof.c: prints how
 * many, and ends with 1 at the first one on which the two do not agree.
 */
#include "ledger/proof.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 1 << 16 };

static struct slice take_word(struct slice *rest)
{
    size_t end = slice_find(*rest, ' ', 0);
    struct slice word = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? (struct slice){0} : slice_sub(*rest, end + 1, SIZE_MAX);
    return word;
}

static uint64_t take_number(struct slice *rest)
{
    uint64_t number;

    if (!slice_to_u64(take_word(rest), &number))
        abort();
    return number;
}

/* What cannot be read as hashes cannot be a proof: then the answer is no, as for every reader of a proof file. */
static bool verify(struct slice kind, struct slice rest)
{
    uint64_t first = take_number(&rest), second = take_number(&rest);
    struct digest a, b;
    struct proof proof = {0};
    bool readable = digest_parse(take_word(&rest), &a);

    readable = digest_parse(take_word(&rest), &b) && readable;
    while (rest.size > 0 && readable)
        readable = proof.count < PROOF_HASHES_MAX && digest_parse(take_word(&rest), &proof.hashes[proof.count++]);
    if (!readable)
        return false;
    return slice_equal(kind, SLICE("inclusion")) ? proof_verify_inclusion(&proof, first, second, &b, &a)
                                                 : proof_verify_consistency(&proof, first, second, &a, &b);
}

int main(void)
{
    char *line = malloc(LINE_MAX_BYTES);
    size_t good = 0, bad = 0;

    while (line && fgets(line, LINE_MAX_BYTES, stdin)) {
        struct slice rest = slice_sub(slice_from_str(line), 0, strcspn(line, "\n"));
        struct slice kind = take_word(&rest), want = take_word(&rest);
        bool wanted = slice_equal(want, SLICE("ok"));

        if ((!slice_equal(kind, SLICE("inclusion")) && !slice_equal(kind, SLICE("consistency"))) ||
            (!wanted && !slice_equal(want, SLICE("bad"))) || verify(kind, rest) != wanted) {
            printf("not agreed: %s", line);
            return 1;
        }
        good += wanted;
        bad += !wanted;
    }
    printf("{\"good\":%zu,\"bad\":%zu}\n", good, bad);
    free(line);
    return 0;
}
