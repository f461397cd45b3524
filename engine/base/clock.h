/*
 * Time, injected: code that needs the time is handed a clock, so tests and replays choose it. Any thread.
 * Wall times are milliseconds since 1970-01-01T00:00:00Z without leap seconds (int64).
 */
#ifndef EDICT_BASE_CLOCK_H
#define EDICT_BASE_CLOCK_H

#include "base/slice.h"

#include <stdint.h>

struct clock {
    int64_t (*now_ms)(void *context); /* wall time */
    void *context;
};

enum { CLOCK_TEXT_SIZE = 24 }; /* "2026-07-28T12:34:56.789Z", without NUL */

/* The system's clock. The value is constant; no ownership. */
struct clock clock_system(void);
static inline int64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_ms(clock->context);
}
/* Nanoseconds from an arbitrary start, never decreasing; for durations only. */
uint64_t clock_monotonic_ns(void);

/* RFC 3339 in UTC with milliseconds, exactly CLOCK_TEXT_SIZE bytes, no NUL. Years 0001 to 9999. */
void clock_format(int64_t time_ms, char text[CLOCK_TEXT_SIZE]);
/* RFC 3339 with any offset and 0 to 9 fraction digits; false for anything else. */
bool clock_parse(struct slice text, int64_t *time_ms);
/* The civil parts of a UTC time. weekday: 1 = Monday … 7 = Sunday (ISO 8601). */
struct clock_parts {
    int year, month, day, hour, minute, second, weekday;
};
void clock_split(int64_t time_ms, struct clock_parts *parts);
/* UTC month of a time as year * 12 + (month - 1): what a budget period is. */
int32_t clock_month(int64_t time_ms);
/* The first millisecond of such a month. */
int64_t clock_month_start_ms(int32_t month);

#endif
