#include "policy/report.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct policy_diagnostic *add_item(struct policy_report *report)
{
    if (report->count == report->capacity) {
        size_t capacity = report->capacity ? report->capacity * 2 : 16;
        struct policy_diagnostic *items;

        if (report->count >= REPORT_ITEMS_MAX)
            return NULL;
        items = (struct policy_diagnostic *)realloc(report->items, capacity * sizeof *items);
        if (items == NULL)
            return NULL;
        report->items = items;
        report->capacity = capacity;
    }
    return &report->items[report->count++];
}

void report_add(struct policy_report *report, int severity, struct slice file, int line, int column, const char *format, ...)
{
    struct policy_diagnostic *item = report ? add_item(report) : NULL;
    va_list arguments;

    if (item == NULL)
        return;
    *item = (struct policy_diagnostic){.line = line, .column = column};
    item->severity = severity == POLICY_ERROR ? POLICY_ERROR : POLICY_WARNING;
    (void)snprintf(item->file, sizeof item->file, "%.*s", SLICE_ARG(file));
    va_start(arguments, format);
    (void)vsnprintf(item->message, sizeof item->message, format, arguments);
    va_end(arguments);
}

void report_message(struct policy_report *report, struct slice file, const char *message)
{
    const char *colon = strchr(message, ':');
    char *end = NULL;
    long line = colon ? strtol(colon + 1, &end, 10) : 0;

    if (colon != NULL && end != NULL && end != colon + 1 && *end == ':' && line > 0 && line < INT32_MAX)
        report_add(report, POLICY_ERROR, slice_from(message, (size_t)(colon - message)), (int)line, 0, "%s",
                   end + 1 + (end[1] == ' '));
    else
        report_add(report, POLICY_ERROR, file, 0, 0, "%s", message);
}

void report_merge(struct policy_report *report, const struct policy_report *other)
{
    size_t i, j;

    for (i = 0; i < other->count; i++) {
        const struct policy_diagnostic *item = &other->items[i];

        for (j = 0; j < report->count; j++)
            if (report->items[j].line == item->line && strcmp(report->items[j].file, item->file) == 0 &&
                strcmp(report->items[j].message, item->message) == 0)
                break;
        if (j == report->count)
            report_add(report, (int)item->severity, slice_from_str(item->file), item->line, item->column, "%s", item->message);
    }
}

bool report_has_errors(const struct policy_report *report)
{
    size_t i;

    for (i = 0; i < report->count; i++)
        if (report->items[i].severity == POLICY_ERROR)
            return true;
    return false;
}

static int in_order(const void *left, const void *right)
{
    const struct policy_diagnostic *a = (const struct policy_diagnostic *)left, *b = (const struct policy_diagnostic *)right;
    int order = strcmp(a->file, b->file);

    if (order != 0)
        return order;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return strcmp(a->message, b->message);
}

void report_sort(struct policy_report *report)
{
    if (report->count > 1)
        qsort(report->items, report->count, sizeof *report->items, in_order);
}

void policy_report_destroy(struct policy_report *report)
{
    free(report->items);
    *report = (struct policy_report){0};
}

const char *report_nearest(struct slice name, const char *const *names)
{
    unsigned limit = name.size < 4 ? 1 : name.size < 9 ? 2 : 3, best = limit + 1;
    const char *nearest = NULL;

    for (; *names != NULL; names++) {
        unsigned distance = text_distance(name, slice_from_str(*names), limit);

        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

static void write_diagnostic(struct json_writer *w, const struct policy_diagnostic *item)
{
    json_begin_object(w);
    json_key(w, "severity");
    json_string(w, item->severity == POLICY_ERROR ? SLICE("error") : SLICE("warning"));
    json_key(w, "file");
    json_string(w, slice_from_str(item->file));
    json_key(w, "line");
    json_i64(w, item->line);
    json_key(w, "column");
    json_i64(w, item->column);
    json_key(w, "message");
    json_string(w, slice_from_str(item->message));
    json_end_object(w);
}

void policy_report_write(struct json_writer *w, const struct policy_report *report)
{
    json_begin_array(w);
    for (size_t i = 0; i < report->count; i++)
        write_diagnostic(w, &report->items[i]);
    json_end_array(w);
}
