/* ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20), as RFC 8785 demands: the shortest digits that read back as the same
 * double. */
#include "proto/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS_MAX = 17 };

/* value = 0.d1d2d3… * 10^point. Returns the number of digits. */
static int shortest_digits(double value, char digits[DIGITS_MAX + 1], int *point)
{
    char text[40];
    int count = 0;

    for (int precision = value < DBL_MIN ? 0 : 14; precision <= 16; precision++) { /* subnormals hold fewer digits */
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (!(strtod(text, NULL) < value || strtod(text, NULL) > value))
            break;
    }
    *point = atoi(strchr(text, 'e') + 1) + 1;
    for (const char *c = text; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

static void write_zeros(struct buf *out, int count)
{
    for (; count > 0; count--)
        buf_add_char(out, '0');
}

static void write_exponent(struct buf *out, const char *digits, int count, int point)
{
    buf_add_char(out, digits[0]);
    if (count > 1) {
        buf_add_char(out, '.');
        buf_add(out, digits + 1, (size_t)count - 1);
    }
    buf_printf(out, "e%c%d", point - 1 < 0 ? '-' : '+', abs(point - 1));
}

static void write_digits(struct buf *out, const char *digits, int count, int point)
{
    if (count <= point && point <= 21) {
        buf_add(out, digits, (size_t)count);
        write_zeros(out, point - count);
    } else if (0 < point && point <= 21) {
        buf_add(out, digits, (size_t)point);
        buf_add_char(out, '.');
        buf_add(out, digits + point, (size_t)(count - point));
    } else if (-6 < point && point <= 0) {
        buf_add_str(out, "0.");
        write_zeros(out, -point);
        buf_add(out, digits, (size_t)count);
    } else {
        write_exponent(out, digits, count, point);
    }
}

void json_write_number(struct buf *out, double value)
{
    char digits[DIGITS_MAX + 1];
    int point, count;

    if (fabs(value) <= (double)JSON_INTEGER_MAX && floor(value) == value) {
        buf_add_i64(out, (int64_t)value); /* -0 is written as 0 */
        return;
    }
    if (value < 0) {
        buf_add_char(out, '-');
        value = -value;
    }
    count = shortest_digits(value, digits, &point);
    write_digits(out, digits, count, point);
}
