/*
 * UTF-8 and escaping: how untrusted text is checked, and made safe to show. Pure functions; any thread.
 */
#ifndef EDICT_BASE_TEXT_H
#define EDICT_BASE_TEXT_H

#include "base/buf.h"

/* Decodes one code point at `at` (must be < text.size). Returns its length in bytes, or 0 for invalid UTF-8 (RFC 3629). */
size_t text_decode_utf8(struct slice text, size_t at, uint32_t *code_point);
bool text_is_utf8(struct slice text);
/* Writes 1 to 4 bytes; returns how many. `code_point` must be a Unicode scalar value. */
size_t text_encode_utf8(uint32_t code_point, char out[4]);
/*
 * A character that must not reach a terminal or a reviewer as it is: C0 and C1 controls, DEL, bidirectional controls
 * (U+061C, U+200E, U+200F, U+202A-202E, U+2066-2069), line and paragraph separators, zero-width characters, tags, BOM.
 */
bool text_is_unsafe(uint32_t code_point);

enum text_escape {
    TEXT_ESCAPE_JSON,     /* inside a JSON string; unsafe characters as \uXXXX */
    TEXT_ESCAPE_TERMINAL, /* for people: newline and tab kept, unsafe characters as \u{XX} */
    TEXT_ESCAPE_LINE      /* for one line of a terminal: newline as \n, tab as \t, too */
};
enum { TEXT_ESCAPED_MAX = 16 };

/* Escapes the character at `at`; returns the bytes consumed (an invalid byte is one, shown as U+FFFD). */
size_t text_escape_next(struct slice text, size_t at, enum text_escape how, char out[TEXT_ESCAPED_MAX], size_t *out_size);
void text_escape(struct buf *out, struct slice text, enum text_escape how);

/* Edit distance (insert, delete, replace, swap of neighbours) for "did you mean"; more than `limit` gives limit + 1. Texts over
 * 64 bytes: limit + 1. */
unsigned text_distance(struct slice a, struct slice b, unsigned limit);

#endif
