/*
 * How functions that can fail say so: they return a status, and put the detail into a struct error that the caller passes.
 * The message is for a person: what was wrong, where, and what to do. Any thread; a struct error belongs to its caller.
 */
#ifndef EDICT_BASE_STATUS_H
#define EDICT_BASE_STATUS_H

#include <stdarg.h>
#include <stdbool.h>

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     /* input that breaks a rule of its format; the sender must change it */
    STATUS_NOT_FOUND,   /* what was named does not exist */
    STATUS_GONE,        /* it existed and was put elsewhere on purpose; the message says where */
    STATUS_CONFLICT,    /* the state changed, or does not allow it */
    STATUS_DENIED,      /* the caller may not */
    STATUS_TOO_LARGE,   /* over a documented bound */
    STATUS_UNAVAILABLE, /* overload or shutdown: try again later */
    STATUS_NO_MEMORY,   /* an allocation failed, or an arena is at its cap */
    STATUS_IO,          /* the operating system or the store failed: the outcome is unknown */
    STATUS_CORRUPT,     /* stored bytes do not verify */
    STATUS_INTERNAL     /* a broken invariant that could be contained */
};

enum { ERROR_WHERE_MAX = 256, ERROR_MESSAGE_MAX = 768 };

struct error {
    enum status status;
    char where[ERROR_WHERE_MAX];     /* JSON pointer, file:line:column, flag name…; empty if there is none */
    char message[ERROR_MESSAGE_MAX]; /* one sentence, no trailing newline */
};

#define EDICT_MUST_USE __attribute__((warn_unused_result))

/* Fills `error` (may be NULL; text is cut at its bound, never overrun) and returns `status`, so that callers can `return
 * error_set(…)`. */
enum status error_set(struct error *error, enum status status, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
enum status error_set_v(struct error *error, enum status status, const char *where, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));
/* "invalid", "not found", … a constant. */
const char *status_name(enum status status);

#endif
