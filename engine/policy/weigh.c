#include "policy/weigh.h"

#include "policy/dump.h"

#include <stdlib.h>

/* Measured on bench/micro_policy.c's hostile policies: an ordinary instruction takes 3 to 5 ns, and is one unit. */
enum {
    JOIN_WORK = 120,    /* turning one number into text and joining it: up to 600 ns */
    COMPARE_BYTES = 64, /* bytes compared in the time of a unit */
    CONVERT_BYTES = 4,  /* bytes of a text turned into a number in the time of a unit */
    PASS_SLOTS = 4,     /* values moved in the time of a unit */
    TEXT_FREE = 256,    /* texts and stacks up to these sizes cost nothing more */
    STACK_FREE = 512,
    SHARE = 256
};

struct line_count {
    uint32_t all, joins, compares, converts, passes;
};

struct counter {
    struct line_count *lines; /* malloc'ed */
    size_t count;
};

static void count_instruction(struct line_count *line, const struct dump_instruction *now)
{
    line->all++;
    switch (now->op) {
    case DUMP_CONCAT:
        line->joins += now->b;
        break;
    case DUMP_EQ:
    case DUMP_LT:
    case DUMP_LE:
    case DUMP_EQK:
    case DUMP_GETTABLE:
    case DUMP_SETTABLE:
        line->compares++;
        break;
    case DUMP_FORPREP:
        line->converts++;
        break;
    case DUMP_CALL:
    case DUMP_TAILCALL:
    case DUMP_RETURN:
    case DUMP_SETLIST:
        line->passes += now->b == 0 || now->c == 0;
        break;
    case DUMP_VARARG:
    case DUMP_VARARGPREP:
    case DUMP_TFORCALL:
        line->passes++;
        break;
    default:
        break;
    }
}

static bool count_function(void *context, const struct dump_function *function)
{
    struct counter *counter = (struct counter *)context;
    struct dump_cursor cursor = {0};

    while (dump_next(function, &cursor))
        if (cursor.now.line >= 1 && (size_t)cursor.now.line <= counter->count)
            count_instruction(&counter->lines[cursor.now.line - 1], &cursor.now);
    return true;
}

static bool find_last_line(void *context, const struct dump_function *function)
{
    struct counter *counter = (struct counter *)context;
    struct dump_cursor cursor = {0};

    while (dump_next(function, &cursor))
        if (cursor.now.line > 0 && (size_t)cursor.now.line > counter->count)
            counter->count = (size_t)cursor.now.line;
    return true;
}

static uint8_t share_of(uint32_t part, uint32_t all)
{
    uint64_t share = ((uint64_t)part * SHARE + all - 1) / all; /* up: never for nothing */

    return share > 255 ? 255 : (uint8_t)share;
}

static struct weigh_line weigh(const struct line_count *line)
{
    uint64_t joined;

    if (line->all == 0)
        return (struct weigh_line){0};
    joined = ((uint64_t)line->joins * JOIN_WORK + line->all - 1) / line->all;
    return (struct weigh_line){.joined = joined > UINT16_MAX ? UINT16_MAX : (uint16_t)joined,
                               .compares = share_of(line->compares, line->all),
                               .converts = share_of(line->converts, line->all),
                               .passes = share_of(line->passes, line->all)};
}

bool weigh_chunk(lua_State *lua, struct arena *arena, struct weigh_lines *out)
{
    struct counter counter = {0};
    struct dump dump;
    bool good = false;
    size_t i;

    *out = (struct weigh_lines){0};
    if (dump_take(lua, &dump) && dump_read(&dump, find_last_line, &counter)) {
        counter.lines = (struct line_count *)calloc(counter.count + 1, sizeof *counter.lines);
        out->lines = (struct weigh_line *)arena_array(arena, counter.count + 1, sizeof *out->lines);
        good = counter.lines != NULL && out->lines != NULL && dump_read(&dump, count_function, &counter);
    }
    for (i = 0; good && i < counter.count; i++)
        out->lines[i] = weigh(&counter.lines[i]);
    out->count = good ? counter.count : 0;
    dump_destroy(&dump);
    free(counter.lines);
    return good;
}

int64_t weigh_instruction(const struct weigh_lines *lines, int line, size_t text_longest, size_t stack)
{
    const struct weigh_line *weight;
    int64_t units = 1;

    if (lines == NULL || line < 1 || (size_t)line > lines->count)
        return 1;
    weight = &lines->lines[line - 1];
    units += weight->joined;
    if (text_longest > TEXT_FREE)
        units += (int64_t)(text_longest / COMPARE_BYTES * weight->compares / SHARE +
                           text_longest / CONVERT_BYTES * weight->converts / SHARE);
    if (stack > STACK_FREE)
        units += (int64_t)(stack / PASS_SLOTS * weight->passes / SHARE);
    return units;
}
