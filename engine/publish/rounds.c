#include "publish/rounds.h"

void rounds_create(struct rounds *rounds, size_t quorum)
{
    *rounds = (struct rounds){.needed = quorum > 0 ? quorum : 1};
    for (size_t i = 0; i < ROUNDS_KEPT; i++)
        buf_create(&rounds->rounds[i].note, NULL);
    buf_create(&rounds->witnessed, NULL);
}

void rounds_destroy(struct rounds *rounds)
{
    for (size_t i = 0; i < ROUNDS_KEPT; i++)
        buf_destroy(&rounds->rounds[i].note);
    buf_destroy(&rounds->witnessed);
}

/* Heap buffers are used again; one that could not grow is not taken for whole. */
static bool put(struct buf *buf, struct slice bytes)
{
    buf->size = 0;
    buf->failed = false;
    buf_add_slice(buf, bytes);
    return !buf->failed;
}

bool rounds_begin(struct rounds *rounds, struct slice note, uint64_t size, uint64_t now_ms)
{
    size_t next = (rounds->present + 1) % ROUNDS_KEPT;
    struct round *round = &rounds->rounds[next];

    if (size > 0 && rounds->rounds[rounds->present].size == size)
        return put(&rounds->rounds[rounds->present].note, note);
    round->size = 0; /* matches no line until it is whole */
    round->count = 0;
    for (size_t i = 0; i < WITNESSES_MAX; i++)
        round->lines[i].size = 0;
    if (!put(&round->note, note))
        return false;
    round->size = size;
    rounds->present = next;
    rounds->begun_ms = now_ms;
    return true;
}

const struct round *rounds_present(const struct rounds *rounds)
{
    return &rounds->rounds[rounds->present];
}

static const struct round *find(const struct rounds *rounds, uint64_t size)
{
    for (size_t i = 0; i < ROUNDS_KEPT && size > 0; i++) {
        if (rounds->rounds[i].size == size)
            return &rounds->rounds[i];
    }
    return NULL;
}

static void write_lines(const struct round *round, struct buf *out)
{
    for (size_t i = 0; i < WITNESSES_MAX; i++)
        buf_add(out, round->lines[i].bytes, round->lines[i].size);
}

/* The newest wins; of one size, the one with more lines. */
static bool keep_witnessed(struct rounds *rounds, const struct round *round)
{
    if (round->count < rounds->needed || round->size < rounds->witnessed_size)
        return false;
    rounds->witnessed_size = 0;
    if (!put(&rounds->witnessed, buf_slice(&round->note)))
        return false;
    write_lines(round, &rounds->witnessed);
    if (rounds->witnessed.failed)
        return false;
    rounds->witnessed_size = round->size;
    rounds->witnessed_count = round->count;
    return true;
}

bool rounds_cosigned(struct rounds *rounds, size_t witness, uint64_t size, struct slice line)
{
    const struct round *found = find(rounds, size);
    struct round *round = found ? &rounds->rounds[found - rounds->rounds] : NULL;

    if (!round || line.size > WITNESS_LINE_MAX)
        return false;
    round->count += round->lines[witness].size == 0;
    memcpy(round->lines[witness].bytes, line.data, line.size);
    round->lines[witness].size = line.size;
    return keep_witnessed(rounds, round);
}

void rounds_write_lines(const struct rounds *rounds, uint64_t size, struct buf *out)
{
    const struct round *round = find(rounds, size);

    if (round)
        write_lines(round, out);
}

void rounds_restore(struct rounds *rounds, struct slice note, uint64_t size, size_t count)
{
    if (!put(&rounds->witnessed, note))
        return;
    rounds->witnessed_size = size;
    rounds->witnessed_count = count;
}
