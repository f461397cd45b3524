#include "cli/sse.h"

void sse_create(struct sse_reader *reader)
{
    *reader = (struct sse_reader){0};
}

void sse_destroy(struct sse_reader *reader)
{
    buf_destroy(&reader->line);
    buf_destroy(&reader->data);
}

/* An empty line: what was gathered is an event, if there is any. */
static void dispatch(struct sse_reader *reader, sse_event_f event, void *context)
{
    if (reader->has_data && !reader->data.failed)
        event(context, slice_sub(buf_slice(&reader->data), 0, reader->data.size - 1));
    reader->data.size = 0;
    reader->has_data = false;
}

static void take_field(struct sse_reader *reader, struct slice line)
{
    size_t colon = slice_find(line, ':', 0);
    struct slice value = colon == SIZE_MAX ? (struct slice){0} : slice_sub(line, colon + 1, SIZE_MAX);

    if (!slice_equal(slice_sub(line, 0, colon), SLICE("data")))
        return;
    if (slice_starts_with(value, SLICE(" ")))
        value = slice_sub(value, 1, SIZE_MAX);
    buf_add_slice(&reader->data, value);
    buf_add_char(&reader->data, '\n');
    reader->has_data = true;
}

static void end_line(struct sse_reader *reader, sse_event_f event, void *context)
{
    struct slice line = buf_slice(&reader->line);

    if (!reader->begun && slice_starts_with(line, SLICE("\xef\xbb\xbf")))
        line = slice_sub(line, 3, SIZE_MAX);
    reader->begun = true;
    if (line.size == 0)
        dispatch(reader, event, context);
    else
        take_field(reader, line);
    reader->line.size = 0;
}

/* The bytes up to the next line end. */
static size_t plain_run(struct slice bytes)
{
    size_t size = 0;

    while (size < bytes.size && bytes.data[size] != '\n' && bytes.data[size] != '\r')
        size++;
    return size;
}

bool sse_feed(struct sse_reader *reader, struct slice bytes, sse_event_f event, void *context)
{
    while (bytes.size > 0) {
        size_t run = plain_run(bytes);

        buf_add(&reader->line, bytes.data, run);
        if (run > 0)
            reader->after_return = false;
        if (reader->line.failed || reader->data.failed || reader->line.size + reader->data.size > SSE_EVENT_MAX)
            return false;
        if (run < bytes.size) {
            bool returned = bytes.data[run] == '\r';

            if (returned || !reader->after_return)
                end_line(reader, event, context);
            reader->after_return = returned;
            run++;
        }
        bytes = slice_sub(bytes, run, SIZE_MAX);
    }
    return true;
}
