/*
 * The inside of the JSON scanner: what its two halves share. json_lex.c reads strings and numbers, json_scan.c values, and
 * makes the tree. One scanner a text; one thread.
 */
#ifndef EDICT_PROTO_JSON_LEX_H
#define EDICT_PROTO_JSON_LEX_H

#include "proto/json.h"

enum { JSON_LEX_NAMES_LOCAL = 96 }; /* names of open objects kept without an allocation */

struct json_name {
    uint64_t hash;
    size_t at, size; /* between the quotes, as written */
};

struct json_lex {
    struct slice text;
    size_t at;
    const struct json_limits *limits;
    struct error *error;
    struct arena *arena; /* of the tree; NULL: none is wanted, and neither are nodes */
    struct json_name *names;
    size_t name_count, name_capacity;
    struct json_name local[JSON_LEX_NAMES_LOCAL];
};

/* What a string is between its quotes, as written. */
struct json_lex_text {
    size_t at, size;
    uint64_t hash; /* of the decoded characters; only where asked for */
    bool escaped;
};

/* Sets the error, with the line and column of `at`. */
enum status json_lex_fail(struct json_lex *s, size_t at, enum status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* At the opening quote; ends past the closing one. */
enum status json_lex_string(struct json_lex *s, bool hashed, struct json_lex_text *out) EDICT_MUST_USE;
enum status json_lex_number(struct json_lex *s, double *value) EDICT_MUST_USE;
/* One decoded character of a string's inside that has been accepted; moves past it. */
uint32_t json_lex_character(struct slice source, size_t *at);

static inline void json_lex_skip_space(struct json_lex *s)
{
    while (s->at < s->text.size) {
        char c = s->text.data[s->at];

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        s->at++;
    }
}

/* The next byte, or -1. */
static inline int json_lex_peek(const struct json_lex *s)
{
    return s->at < s->text.size ? (unsigned char)s->text.data[s->at] : -1;
}

#endif
