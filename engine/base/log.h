/*
 * Structured logs, one line an event, to a file descriptor: JSON lines or text. A message is a constant; what varies goes
 * into fields. At the default level (info) no field may carry request text or other personal data: names of agents and
 * bytes of requests are for LOG_DEBUG. Any thread; a line is one write(2), so lines never interleave.
 */
#ifndef EDICT_BASE_LOG_H
#define EDICT_BASE_LOG_H

#include "base/clock.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    int fd; /* not owned; -1 writes nothing */
    enum log_level level;
    enum log_format format;
    struct clock clock;
};

struct log_field {
    const char *name; /* NULL ends a list */
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT } kind;
    struct slice text; /* escaped on output: control and bidirectional characters never reach a terminal */
    int64_t number;
};

/* `log` may be NULL: nothing is written. Long lines are cut at 8 KiB, visibly. */
void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields);

/* log_event(log, LOG_INFO, "started", LOG_N("threads", 4), LOG_S("data", dir)); at least one field. */
#define LOG_S(field, value)                                                                                                    \
    {                                                                                                                          \
        .name = (field), .kind = LOG_FIELD_TEXT, .text = slice_from_str(value)                                                 \
    }
#define LOG_SLICE(field, value)                                                                                                \
    {                                                                                                                          \
        .name = (field), .kind = LOG_FIELD_TEXT, .text = (value)                                                               \
    }
#define LOG_N(field, value)                                                                                                    \
    {                                                                                                                          \
        .name = (field), .kind = LOG_FIELD_INT, .number = (int64_t)(value)                                                     \
    }
#define log_event(log, level, message, ...)                                                                                    \
    log_write((log), (level), (message), (const struct log_field[]){__VA_ARGS__, {.name = NULL}})

bool log_level_parse(struct slice name, enum log_level *level); /* debug, info, warn, error */

#endif
