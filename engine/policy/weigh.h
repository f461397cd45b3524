/*
 * What the lines of a file cost: most instructions cost about the same, but a few cost as much as their operands are large
 * (joining numbers into a text, comparing long texts, passing on many arguments), and Lua's count hook counts each as one. The
 * hook looks at the line that is running at pseudo-random intervals and charges the interval at the line's weight, so that over
 * many intervals the charge follows the real cost, wherever a policy puts its expensive instructions. The intervals follow from
 * the bundle's content alone, so the charge is the same everywhere; and whoever writes a policy cannot choose them.
 */
#ifndef EDICT_POLICY_WEIGH_H
#define EDICT_POLICY_WEIGH_H

#include "base/arena.h"

#include <lua.h>

/* Shares are in 1/256 of the line's instructions. */
struct weigh_line {
    uint16_t joined;  /* units that each instruction of the line costs more, for joining values into texts */
    uint8_t compares; /* share that compares, or looks up by key: costs as the longest text is long */
    uint8_t converts; /* share that starts numeric loops: their limits may be texts, which are converted */
    uint8_t passes;   /* share that moves any number of arguments or results */
};

struct weigh_lines {
    struct weigh_line *lines; /* by line number - 1 */
    size_t count;
};

/* The weights of the chunk on top of the stack (which stays). False when there is no memory, or when this Lua's code is not
 * understood. */
bool weigh_chunk(lua_State *lua, struct arena *arena, struct weigh_lines *out);
/* Units that an instruction of this line costs, with texts up to `text_longest` bytes and a stack of `stack` slots. */
int64_t weigh_instruction(const struct weigh_lines *lines, int line, size_t text_longest, size_t stack);

#endif
