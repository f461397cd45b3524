/*
 * Semantic versions (semver.org 2.0.0) and simple ranges.
 */
#ifndef EDICT_PARSE_SEMVER_H
#define EDICT_PARSE_SEMVER_H

#include "parse/word.h"

enum { SEMVER_INPUT_MAX = 256, SEMVER_RANGE_MAX = 1024 };

struct semver {
    uint64_t major, minor, patch;
    struct slice prerelease; /* without '-'; may be empty */
    struct slice build;      /* without '+' */
};

/* A leading "v" is allowed; all three numbers are needed. */
bool semver_parse(struct slice text, struct semver *out, uint64_t *work);
/* By precedence; build metadata does not count. <0, 0, >0. */
int semver_compare(const struct semver *a, const struct semver *b, uint64_t *work);
/*
 * Ranges: comparators (= != > >= < <= ^ ~, partial versions, x and *) joined by spaces or commas (all must hold), sets of them
 * by "||" (one must hold), and "1.2 - 1.4". A prerelease satisfies only a set that names a prerelease of the same numbers.
 * False in `valid` for a range that is not understood (then `satisfied` is false).
 */
bool semver_satisfies(const struct semver *version, struct slice range, bool *valid, uint64_t *work);

#endif
