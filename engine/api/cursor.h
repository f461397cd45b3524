/*
 * Cursors of lists: opaque to clients, bound to the filter of the list that gave them, so that a cursor of another list, or of
 * this one with another filter, is refused instead of showing the wrong page. They name the last item shown, not a position, so
 * what is added meanwhile moves nothing.
 */
#ifndef EDICT_API_CURSOR_H
#define EDICT_API_CURSOR_H

#include "api/api.h"

/* The cursor parameter of this call: `after` is what cursor_write was given, empty for the first page. Answers 400 and returns
 * false for a cursor that this list did not give. */
bool cursor_read(struct api_call *call, struct slice *after);
/* The same for lists by number; UINT64_MAX for the first page. */
bool cursor_read_number(struct api_call *call, uint64_t *before);
/* Ends a list's document: writes ,"next_cursor":…} to `out` (`last` empty: null), and answers with it; where there is a next
 * page with its address in Link (RFC 8288). */
void cursor_reply(struct api_call *call, struct buf *out, struct slice last);
void cursor_reply_number(struct api_call *call, struct buf *out, uint64_t last); /* 0: none */

/* The text of a cursor over `last` for whatever `binding` stands for, and back; for lists whose filter is a body. */
struct slice cursor_format(struct arena *arena, uint64_t binding, struct slice last);
bool cursor_parse(struct arena *arena, uint64_t binding, struct slice cursor, struct slice *last);

#endif
