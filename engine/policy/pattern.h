/*
 * Lua's text patterns (Lua 5.4 reference manual, 6.4.1), by a matcher that counts every step as fuel. For library functions
 * inside a call: errors are raised. Depth of backtracking is bounded by PATTERN_DEPTH_MAX.
 */
#ifndef EDICT_POLICY_PATTERN_H
#define EDICT_POLICY_PATTERN_H

#include "policy/library.h"

enum { PATTERN_CAPTURES_MAX = 32, PATTERN_DEPTH_MAX = 200 };

struct pattern_capture {
    const char *start;
    ptrdiff_t size; /* or one of the two below */
};
enum { PATTERN_CAPTURE_OPEN = -1, PATTERN_CAPTURE_POSITION = -2 };

struct pattern {
    lua_State *lua;
    struct slice text;
    const char *text_end, *end; /* of the text, of the pattern */
    int depth;
    int count;
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
};

void pattern_create(struct pattern *pattern, lua_State *lua, struct slice text, struct slice source);
/* Matches `source` (without '^') at `at`: the end of the match, or NULL. */
const char *pattern_match(struct pattern *pattern, const char *at, const char *source);
/* Pushes capture `i`; the whole match when the pattern has none and `i` is 0. */
void pattern_push_capture(struct pattern *pattern, int i, const char *start, const char *end);
/* All captures, or the whole match; returns how many. `start` NULL: no whole match when there are no captures. */
int pattern_push_captures(struct pattern *pattern, const char *start, const char *end);
/* No character of `source` has a special meaning. */
bool pattern_is_plain(struct slice source);

#endif
