/*
 * Server-Sent Events (HTML Living Standard, 9.2.6 "Interpreting an event stream"), the reading side: bytes in pieces of any
 * size, the data of whole events out. Ids, names and retry times are ignored. One thread at a time.
 */
#ifndef EDICT_CLI_SSE_H
#define EDICT_CLI_SSE_H

#include "base/buf.h"

enum { SSE_EVENT_MAX = 16 * 1024 * 1024 };

struct sse_reader {
    struct buf line, data; /* on the heap */
    bool after_return;     /* the last byte was CR: a LF belongs to it */
    bool begun;            /* the first line, which may carry a byte order mark, is behind */
    bool has_data;
};

/* `data` without its last line feed; valid during the call. */
typedef void (*sse_event_f)(void *context, struct slice data);

void sse_create(struct sse_reader *reader);
void sse_destroy(struct sse_reader *reader);
/* False when an event is larger than SSE_EVENT_MAX or memory ran out; the reader is of no use then. What the stream's end
 * leaves incomplete is no event. */
bool sse_feed(struct sse_reader *reader, struct slice bytes, sse_event_f event, void *context);

#endif
