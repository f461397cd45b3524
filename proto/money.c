#include "proto/money.h"

#include <stdio.h>

enum { MONEY_TEXT_MAX = 64, MONEY_DECIMALS = 6 };

/* A decimal as digits with an exponent: digits * 10^exponent. */
struct decimal {
    char digits[MONEY_TEXT_MAX];
    int count, exponent;
    bool negative;
};

static bool read_digits(struct slice text, size_t *at, struct decimal *out)
{
    size_t from = *at;

    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at)
        out->digits[out->count++] = text.data[*at];
    return *at > from;
}

static bool read_exponent(struct slice text, size_t *at, int *exponent)
{
    bool negative = false;
    int value = 0;
    size_t from;

    if (*at < text.size && (text.data[*at] == '+' || text.data[*at] == '-'))
        negative = text.data[(*at)++] == '-';
    for (from = *at; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9' && *at - from < 4; ++*at)
        value = value * 10 + (text.data[*at] - '0');
    *exponent += negative ? -value : value;
    return *at > from;
}

static bool read_decimal(struct slice text, struct decimal *out)
{
    size_t at = 0;

    if (text.size == 0 || text.size >= MONEY_TEXT_MAX)
        return false;
    out->negative = text.data[0] == '-';
    at += out->negative;
    if (!read_digits(text, &at, out))
        return false;
    if (at < text.size && text.data[at] == '.') {
        int before = out->count;

        at++;
        if (!read_digits(text, &at, out))
            return false;
        out->exponent = before - out->count;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (!read_exponent(text, &at, &out->exponent))
            return false;
    }
    return at == text.size;
}

/* False when digits would be lost, or past the bound. */
static bool to_micro(struct decimal *decimal, int64_t *micro)
{
    int64_t value = 0;
    int shift;

    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
        decimal->exponent++;
    }
    shift = decimal->exponent + MONEY_DECIMALS;
    if (decimal->count > 0 && shift < 0)
        return false;
    for (int i = 0; i < decimal->count; i++) {
        value = value * 10 + (decimal->digits[i] - '0');
        if (value > MONEY_MICRO_MAX)
            return false;
    }
    for (; value > 0 && shift > 0; shift--) {
        value *= 10;
        if (value > MONEY_MICRO_MAX)
            return false;
    }
    *micro = decimal->negative ? -value : value;
    return true;
}

enum status money_parse(struct slice text, bool negative_allowed, int64_t *micro_usd, struct error *error)
{
    struct decimal decimal = {.count = 0};

    if (!read_decimal(text, &decimal))
        return error_set(error, STATUS_INVALID, "", "expected an amount in USD such as \"12.50\"");
    if (decimal.negative && !negative_allowed)
        return error_set(error, STATUS_INVALID, "", "an amount must not be negative");
    if (!to_micro(&decimal, micro_usd))
        return error_set(error, STATUS_INVALID, "", "an amount has at most six decimals and is at most 1000000000 USD");
    return STATUS_OK;
}

static uint64_t magnitude(int64_t micro_usd)
{
    return micro_usd < 0 ? (uint64_t)0 - (uint64_t)micro_usd : (uint64_t)micro_usd;
}

/* The fraction without the zeros at its end, but with at least `least` digits. */
static int format_fraction(uint64_t micro, int least, char out[MONEY_DECIMALS + 1])
{
    int size = MONEY_DECIMALS;

    snprintf(out, MONEY_DECIMALS + 1, "%06llu", (unsigned long long)(micro % (uint64_t)MONEY_MICRO_PER_USD));
    while (size > least && out[size - 1] == '0')
        size--;
    return size;
}

static void write_fraction(struct buf *out, uint64_t micro, int least)
{
    char digits[MONEY_DECIMALS + 1];
    int size = format_fraction(micro, least, digits);

    if (size == 0)
        return;
    buf_add_char(out, '.');
    buf_add(out, digits, (size_t)size);
}

void money_write(struct buf *out, int64_t micro_usd)
{
    uint64_t micro = magnitude(micro_usd);

    if (micro_usd < 0)
        buf_add_char(out, '-');
    buf_add_u64(out, micro / (uint64_t)MONEY_MICRO_PER_USD);
    write_fraction(out, micro, 2);
}

void money_write_number(struct buf *out, int64_t micro_usd)
{
    uint64_t micro = magnitude(micro_usd);

    if (micro_usd < 0)
        buf_add_char(out, '-');
    buf_add_u64(out, micro / (uint64_t)MONEY_MICRO_PER_USD);
    write_fraction(out, micro, 0);
}

static void write_grouped(struct buf *out, uint64_t value)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            buf_add_char(out, ',');
        buf_add_char(out, digits[i]);
    }
}

void money_write_sentence(struct buf *out, int64_t micro_usd)
{
    uint64_t micro = magnitude(micro_usd);

    buf_add_str(out, micro_usd < 0 ? "-$" : "$");
    write_grouped(out, micro / (uint64_t)MONEY_MICRO_PER_USD);
    if (micro % (uint64_t)MONEY_MICRO_PER_USD)
        write_fraction(out, micro, 2);
}
