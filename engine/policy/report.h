/* Diagnostics being collected. One thread at a time. */
#ifndef EDICT_POLICY_REPORT_H
#define EDICT_POLICY_REPORT_H

#include "policy/policy.h"

enum { REPORT_ITEMS_MAX = 1000 /* further ones are counted in nobody's interest */ };

/* `report` may be NULL. */
void report_add(struct policy_report *report, int severity, struct slice file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
bool report_has_errors(const struct policy_report *report);
/* "k8s.lua:12: text", as Lua's errors are, as a diagnostic at that place; else of `file` as a whole. */
void report_message(struct policy_report *report, struct slice file, const char *message);
/* Adds what `other` has and `report` does not have yet. */
void report_merge(struct policy_report *report, const struct policy_report *other);
/* By file, line, column, then message. */
void report_sort(struct policy_report *report);

/* The nearest of `names` (NULL ends it) within a third of its length, or NULL; for "did you mean". */
const char *report_nearest(struct slice name, const char *const *names);

#endif
