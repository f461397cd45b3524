#include "base/clock.h"

#include <time.h>

enum { MS_PER_S = 1000, S_PER_DAY = 86400, DAYS_PER_ERA = 146097 };

static int64_t system_now_ms(void *context)
{
    struct timespec now;

    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / 1000000;
}

struct clock clock_system(void)
{
    return (struct clock){.now_ms = system_now_ms};
}

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t era, year_of_era, day_of_year, day_of_era;

    year -= month <= 2;
    era = floor_div(year, 400);
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - 719468;
}

void clock_split(int64_t time_ms, struct clock_parts *parts)
{
    int64_t seconds = floor_div(time_ms, MS_PER_S);
    int64_t days = floor_div(seconds, S_PER_DAY);
    int64_t second_of_day = seconds - days * S_PER_DAY;
    int64_t era = floor_div(days + 719468, DAYS_PER_ERA);
    int64_t day_of_era = days + 719468 - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;

    parts->day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    parts->month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    parts->year = (int)(year_of_era + era * 400 + (parts->month <= 2));
    parts->hour = (int)(second_of_day / 3600);
    parts->minute = (int)(second_of_day / 60 % 60);
    parts->second = (int)(second_of_day % 60);
    parts->weekday = (int)((days + 3) - floor_div(days + 3, 7) * 7) + 1; /* 1970-01-01 was a Thursday */
}

static void put_digits(char *at, int width, int value)
{
    while (width-- > 0) {
        at[width] = (char)('0' + value % 10);
        value /= 10;
    }
}

void clock_format(int64_t time_ms, char text[CLOCK_TEXT_SIZE])
{
    struct clock_parts parts;

    clock_split(time_ms, &parts);
    memcpy(text, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_SIZE);
    put_digits(text, 4, parts.year);
    put_digits(text + 5, 2, parts.month);
    put_digits(text + 8, 2, parts.day);
    put_digits(text + 11, 2, parts.hour);
    put_digits(text + 14, 2, parts.minute);
    put_digits(text + 17, 2, parts.second);
    put_digits(text + 20, 3, (int)(time_ms - floor_div(time_ms, MS_PER_S) * MS_PER_S));
}

static bool take_digits(struct slice text, size_t at, size_t count, int *out)
{
    int value = 0;

    if (at + count > text.size)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* ".123" at *at, if there: 1 to 9 digits, cut to milliseconds. */
static bool take_fraction(struct slice text, size_t *at, int *ms)
{
    size_t digits = 0;

    *ms = 0;
    if (*at >= text.size || text.data[*at] != '.')
        return true;
    while (*at + 1 + digits < text.size && text.data[*at + 1 + digits] >= '0' && text.data[*at + 1 + digits] <= '9')
        digits++;
    if (digits == 0 || digits > 9)
        return false;
    for (size_t i = 0; i < 3; i++)
        *ms = *ms * 10 + (i < digits ? text.data[*at + 1 + i] - '0' : 0);
    *at += 1 + digits;
    return true;
}

static bool take_offset(struct slice text, size_t at, int *offset_s)
{
    int hours, minutes;

    *offset_s = 0;
    if (at + 1 == text.size && (text.data[at] == 'Z' || text.data[at] == 'z'))
        return true;
    if (at + 6 != text.size || (text.data[at] != '+' && text.data[at] != '-') || text.data[at + 3] != ':')
        return false;
    if (!take_digits(text, at + 1, 2, &hours) || !take_digits(text, at + 4, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = (text.data[at] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse(struct slice text, int64_t *time_ms)
{
    int year, month, day, hour, minute, second, ms, offset_s;
    size_t at = 19;

    if (text.size < 20 || !take_digits(text, 0, 4, &year) || !take_digits(text, 5, 2, &month) ||
        !take_digits(text, 8, 2, &day) || !take_digits(text, 11, 2, &hour) || !take_digits(text, 14, 2, &minute) ||
        !take_digits(text, 17, 2, &second))
        return false;
    if (text.data[4] != '-' || text.data[7] != '-' || (text.data[10] != 'T' && text.data[10] != 't') || text.data[13] != ':' ||
        text.data[16] != ':')
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    if (!take_fraction(text, &at, &ms) || !take_offset(text, at, &offset_s))
        return false;
    *time_ms =
        ((days_from_civil(year, month, day) * S_PER_DAY) + hour * 3600 + minute * 60 + second - offset_s) * MS_PER_S + ms;
    return true;
}

int32_t clock_month(int64_t time_ms)
{
    struct clock_parts parts;

    clock_split(time_ms, &parts);
    return (int32_t)(parts.year * 12 + parts.month - 1);
}

int64_t clock_month_start_ms(int32_t month)
{
    return days_from_civil(month / 12, month % 12 + 1, 1) * S_PER_DAY * MS_PER_S;
}
