/*
 * What all parsers of this module share: a word whose value may be partly unknown, and the counting of work.
 *
 * Every parser is a pure function of its input: no I/O, no clock, no locale, no state that outlives the call (parsers that
 * need a handle say so). Results live in the arena that the caller passes; text may point into the input, which must outlive
 * the result. Input that is not understood is an answer (`ok` false and a `problem`), never an error; the status of a call
 * is STATUS_OK, or STATUS_NO_MEMORY when the arena or malloc is exhausted: then there is no result.
 *
 * `work` (never NULL) grows by units of about one byte or node handled, the same for the same input everywhere, also when
 * the call fails. Callers charge it as fuel. Any thread, unless a header says otherwise.
 */
#ifndef EDICT_PARSE_WORD_H
#define EDICT_PARSE_WORD_H

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

/* One argument after quote removal. */
struct parse_word {
    struct slice text; /* exact unless dynamic; then the unknown parts stand as they were written ("$HOME/x", "*.log") */
    size_t literal;    /* bytes at the start of `text` that are certain; text.size unless dynamic */
    bool dynamic;      /* the value cannot be known: expansion, substitution, tilde, glob or brace */
    bool glob;         /* dynamic only through * ? [..] {..}: zero or more words that the pattern describes */
    bool multiple;     /* may become any number of words: unquoted expansion, glob, brace, "$@" */
};

/* A word that is known entirely. */
static inline struct parse_word parse_word_static(struct slice text)
{
    return (struct parse_word){.text = text, .literal = text.size};
}

#endif
