#include "base/log.h"

#include "base/text.h"

#include <stdio.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192, LOG_TAIL_ROOM = 64 };

struct line {
    char data[LOG_LINE_MAX];
    size_t size;
    bool cut;
};

static void put(struct line *line, const char *data, size_t size)
{
    size_t room = sizeof line->data - LOG_TAIL_ROOM - line->size;

    if (size > room) {
        line->cut = true;
        return;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
}

static void put_str(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_escaped(struct line *line, struct slice text)
{
    size_t at = 0;

    while (at < text.size && !line->cut) {
        char escaped[TEXT_ESCAPED_MAX];
        size_t length;

        at += text_escape_next(text, at, TEXT_ESCAPE_JSON, escaped, &length);
        put(line, escaped, length);
    }
}

static void put_number(struct line *line, int64_t number)
{
    char digits[24];

    put(line, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number));
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level];
}

static void put_json(struct line *line, const char *when, enum log_level level, const char *message,
                     const struct log_field *field)
{
    put_str(line, "{\"time\":\"");
    put(line, when, CLOCK_TEXT_SIZE);
    put_str(line, "\",\"level\":\"");
    put_str(line, level_name(level));
    put_str(line, "\",\"message\":\"");
    put_escaped(line, slice_from_str(message));
    put_str(line, "\"");
    for (; field != NULL && field->name != NULL && !line->cut; field++) {
        size_t before = line->size;

        put_str(line, ",\"");
        put_str(line, field->name);
        put_str(line, field->kind == LOG_FIELD_TEXT ? "\":\"" : "\":");
        if (field->kind == LOG_FIELD_TEXT) {
            put_escaped(line, field->text);
            put_str(line, "\"");
        } else {
            put_number(line, field->number);
        }
        if (line->cut)
            line->size = before; /* a field goes in whole or not at all: the line stays JSON */
    }
    memcpy(line->data + line->size, line->cut ? ",\"cut\":true}\n" : "}\n", line->cut ? 13 : 2);
    line->size += line->cut ? 13 : 2;
}

static void put_text(struct line *line, const char *when, enum log_level level, const char *message,
                     const struct log_field *field)
{
    put(line, when, CLOCK_TEXT_SIZE);
    put_str(line, " ");
    put_str(line, level_name(level));
    put_str(line, " ");
    put_escaped(line, slice_from_str(message));
    for (; field != NULL && field->name != NULL; field++) {
        put_str(line, " ");
        put_str(line, field->name);
        put_str(line, "=");
        if (field->kind == LOG_FIELD_TEXT) {
            put_str(line, "\"");
            put_escaped(line, field->text);
            put_str(line, "\"");
        } else {
            put_number(line, field->number);
        }
    }
    memcpy(line->data + line->size, line->cut ? " (cut)\n" : "\n", line->cut ? 7 : 1);
    line->size += line->cut ? 7 : 1;
}

void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields)
{
    struct line line = {.size = 0};
    char when[CLOCK_TEXT_SIZE];
    ssize_t written;

    if (log == NULL || log->fd < 0 || level < log->level)
        return;
    clock_format(clock_now_ms(&log->clock), when);
    if (log->format == LOG_JSON)
        put_json(&line, when, level, message, fields);
    else
        put_text(&line, when, level, message, fields);
    written = write(log->fd, line.data, line.size);
    (void)written; /* a log that cannot be written has nowhere to be reported */
}

bool log_level_parse(struct slice name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (slice_equal_str(name, level_name((enum log_level)i))) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
