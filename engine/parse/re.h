/*
 * Regular expressions: PCRE2 without JIT, in UTF mode, under match, depth and heap limits. Hitting a limit is an answer of its
 * own, never "no match". The cache keeps compiled patterns; it is one worker's and is used by one thread at a time. It never
 * changes a result; for the same work count whether a pattern was cached or not, the cost of compiling is always counted.
 */
#ifndef EDICT_PARSE_RE_H
#define EDICT_PARSE_RE_H

#include "parse/word.h"

enum {
    RE_PATTERN_MAX = 4096,
    RE_TEXT_MAX = 64 * 1024,
    RE_GROUPS_MAX = 32,      /* capture groups, the whole match included */
    RE_MATCH_LIMIT = 100000, /* PCRE2's match limit */
    RE_DEPTH_LIMIT = 1000,
    RE_HEAP_KIB_MAX = 1024,      /* PCRE2's heap limit */
    RE_COMPILED_MAX = 64 * 1024, /* bytes of a compiled pattern */
    RE_CACHE_ENTRIES = 256
};

/* PCRE2's own version, such as "10.42 2022-12-11"; NUL-terminated. */
enum { RE_VERSION_MAX = 64 };
void re_version(char out[RE_VERSION_MAX]);

struct re_cache;
enum status re_cache_new(struct re_cache **out, struct error *error) EDICT_MUST_USE;
void re_cache_delete(struct re_cache *cache); /* NULL accepted */

enum re_outcome {
    RE_NO_MATCH,
    RE_MATCH,
    RE_BAD_PATTERN, /* does not compile, uses what is not allowed (\C, callouts), or is over a bound */
    RE_BAD_TEXT,    /* not UTF-8, or over a bound */
    RE_LIMIT        /* a limit was hit: the answer is unknown */
};

struct re_match {
    enum re_outcome outcome;
    struct slice problem;       /* for the last three, with the offset in the pattern where known */
    size_t group_count;         /* on RE_MATCH: 1 + the pattern's groups, at most RE_GROUPS_MAX */
    const struct slice *groups; /* views into the text; `.data` NULL for a group that took no part */
    size_t start, end;          /* of the match, byte offsets */
};

/* Searches from byte `from` on. */
enum status re_match(struct re_cache *cache, struct slice pattern, struct slice text, size_t from, struct arena *arena,
                     uint64_t *work, struct re_match *out) EDICT_MUST_USE;

#endif
