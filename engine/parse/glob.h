/*
 * Glob patterns over text with '/': * and ? stay inside one part, ** spans parts, [a-z] and [!a-z] classes, backslash escapes.
 * Bytes, but ? and classes take whole UTF-8 characters where the text is UTF-8. O(pattern * text) at worst, no recursion.
 */
#ifndef EDICT_PARSE_GLOB_H
#define EDICT_PARSE_GLOB_H

#include "parse/word.h"

enum { GLOB_PATTERN_MAX = 512, GLOB_TEXT_MAX = 8 * 1024 };

enum glob_result { GLOB_NO_MATCH, GLOB_MATCH, GLOB_INVALID }; /* INVALID: open class, backslash at the end, over a bound */

/*
 * The whole text must match. "**" as a whole part matches any number of parts, also none: x, "**", y joined by '/'
 * matches "x/y"; in other places it matches any text, '/' included.
 */
enum glob_result glob_match(struct slice pattern, struct slice text, uint64_t *work);
/* NULL when the pattern is valid, else what is wrong with it: a constant. */
const char *glob_check(struct slice pattern, uint64_t *work);

#endif
