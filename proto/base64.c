#include "proto/base64.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct buf *out, const void *bytes, size_t size)
{
    const unsigned char *in = bytes;

    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0);

        buf_add_char(out, base64_digits[group >> 18]);
        buf_add_char(out, base64_digits[group >> 12 & 63]);
        buf_add_char(out, have > 1 ? base64_digits[group >> 6 & 63] : '=');
        buf_add_char(out, have > 2 ? base64_digits[group & 63] : '=');
    }
}

static int digit_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;

    return at ? (int)(at - base64_digits) : -1;
}

/* Four digits without padding; -1 when one is none. */
static int32_t read_group(const char *text, size_t digits)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < digits ? digit_value(text[i]) : 0;

        if (value < 0)
            return -1;
        group = group << 6 | (uint32_t)value;
    }
    return (int32_t)group;
}

bool base64_read(struct slice text, void *out, size_t max, size_t *size)
{
    unsigned char *to = out;
    size_t padding = 0;

    if (text.size % 4 != 0)
        return false;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    *size = text.size / 4 * 3 - padding;
    if (*size > max)
        return false;
    for (size_t i = 0, at = 0; i < text.size; i += 4, at += 3) {
        size_t digits = i + 4 == text.size ? 4 - padding : 4;
        int32_t group = read_group(text.data + i, digits);

        /* The bits that padding leaves over must be zero. */
        if (group < 0 || (digits == 3 && (group & 0xff)) || (digits == 2 && (group & 0xffff)))
            return false;
        for (size_t b = 0; b < digits - 1; b++)
            to[at + b] = (unsigned char)(group >> (16 - 8 * b));
    }
    return true;
}

bool base64_read_exact(struct slice text, void *out, size_t size)
{
    size_t got;

    return base64_read(text, out, size, &got) && got == size;
}
